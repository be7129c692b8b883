"""Time the balance stage and its bootstrap: `OPENBLAS_NUM_THREADS=1 python benchmarks/bootstrap.py`.

Median and least seconds of several runs. What is aimed at, on two idle cores: 1,000 replicates of score, weights
and Cox at n = 146 with 15 covariates in .1 s, at n = 2,000 with 10 in .4 s; 10,000 pairs from 50,000 in .1 s.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.effects.batched_effects import EffectRows
from counterpoise.kernels.effects.resampling import bootstrap_draws, logistic_weights, refit_each
from counterpoise.kernels.logistic import expit, logistic
from counterpoise.kernels.matching.nearest import nearest_pairs


def timed(name: str, run: Callable[[], object], runs: int = 7) -> None:
    seconds: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    print(f"{name:52s} median {statistics.median(seconds):.4f} s, least {min(seconds):.4f} s")


def cohort(n: int, width: int) -> tuple[Bools, Floats, Floats, Bools]:
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, width))
    return rng.random(n) < expit(0.5 * x[:, 0]), x, rng.exponential(60, n), rng.random(n) < 0.25


def bootstrap(n: int, width: int, endpoints: int, replicates: int = 1000) -> Callable[[], object]:
    treated, x, months, event = cohort(n, width)

    def run() -> None:
        outcomes = [EffectRows(months, event, treated) for _ in range(endpoints)]
        refit_each(outcomes, logistic_weights(treated, x), bootstrap_draws(n, replicates, seed=1))

    return run


def pairs(n: int, treated_rows: int, *, covariates: bool) -> Callable[[], object]:
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 5))
    treated = np.zeros(n, dtype=bool)
    chance = expit(x[:, 0])
    treated[rng.choice(n, treated_rows, replace=False, p=chance / chance.sum())] = True
    return lambda: nearest_pairs(x[:, 0], treated, caliper=0.2, tie_covariates=x if covariates else None)


def main() -> None:
    timed("bootstrap 1,000 x n = 146, 15 covariates", bootstrap(146, 15, endpoints=1))
    timed("the same, 4 endpoints", bootstrap(146, 15, endpoints=4))
    timed("bootstrap 1,000 x n = 2,000, 10 covariates", bootstrap(2000, 10, endpoints=1))
    timed("greedy pairs, 10,000 of 50,000", pairs(60_000, 10_000, covariates=False))
    timed("the same, ties by covariates", pairs(60_000, 10_000, covariates=True))
    treated, x, _, _ = cohort(50_000, 10)
    timed("logistic 50,000 x 10", lambda: logistic(treated, x))
    many, wide, _, _ = cohort(1_000_000, 20)
    timed("logistic 1,000,000 x 20", lambda: logistic(many, wide), runs=3)


if __name__ == "__main__":
    main()
