"""How long nearest-neighbour matching takes: on a score, on Mahalanobis distances, with replacement.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/matching_nearest.py

R's MatchIt 4.7.1 takes .026 s for 2e3 treated of 1e4 and .125 s for 1e4 of 5e4, the fit of the score included. Times
are the least of several runs.
"""

import resource
import time
from collections.abc import Callable

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import covariate_distances
from counterpoise.kernels.matching.nearest import nearest_pairs
from counterpoise.kernels.matching.nearest_sets import nearest_sets


def cohort(n: int) -> tuple[Floats, Bools, Floats]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 8))
    score = x @ np.array([0.3, 0.2, 0.1, 0.4, 0.2, 0.0, 0.1, 0.2]) - 1.6
    return x, rng.random(n) < 1 / (1 + np.exp(-score)), score


def timed(name: str, run: Callable[[], object], aim: float, repeats: int = 3) -> None:
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    print(f"{min(times):8.3f} s  {name}; at most {aim:.3g} s is the aim")


def with_score(n: int, aim: float) -> None:
    x, treated, score = cohort(n)
    caliper = 0.2 * float(score.std())
    timed(
        f"the score and pairs on it, {treated.sum():,} treated of {n:,}",
        lambda: nearest_pairs(logistic(treated, x).linear_predictor, treated, caliper=caliper),
        aim,
        repeats=20,
    )


def main() -> None:
    x, treated, score = cohort(50_000)
    limits = Limits(caliper=0.2 * float(score.std()))
    some = f"{treated.sum():,} treated of 50,000"
    timed(f"pairs on a score, {some}", lambda: nearest_pairs(score, treated, caliper=limits.caliper), 0.04)
    for n, aim in ((50_000, 0.125 / 3), (10_000, 0.026 / 3)):
        with_score(n, aim)
    timed(f"sets on a score, {some}", lambda: nearest_sets(score, treated, limits=limits), 0.1)
    timed(f"3 controls each, {some}", lambda: nearest_sets(score, treated, ratio=3, limits=limits), 0.3)
    timed(f"closest first, {some}", lambda: nearest_sets(score, treated, order="closest", limits=limits), 0.3)
    timed(f"5 with replacement, {some}", lambda: nearest_sets(score, treated, ratio=5, replacement=True), 0.3)
    distances = covariate_distances(x, treated)
    timed(f"Mahalanobis, {some}", lambda: nearest_sets(distances, treated), 30, repeats=1)
    timed(f"Mahalanobis, closest, {some}", lambda: nearest_sets(distances, treated, order="closest"), 30, repeats=1)
    within = Limits(score=score, caliper=limits.caliper)
    timed(f"Mahalanobis in a caliper, {some}", lambda: nearest_sets(distances, treated, limits=within), 30, repeats=1)
    _, treated, score = cohort(500_000)
    many = f"{treated.sum():,} treated of 500,000"
    timed(f"pairs on a score, {many}", lambda: nearest_pairs(score, treated, caliper=limits.caliper), 0.5)
    timed(f"sets on a score, {many}", lambda: nearest_sets(score, treated, limits=limits), 1.0)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:8.2f} GB at most; 2 GB is the aim")


if __name__ == "__main__":
    main()
