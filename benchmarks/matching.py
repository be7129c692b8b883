"""Time the matching methods on simulated cohorts; beside them MatchIt, where R has it.

OPENBLAS_NUM_THREADS=1 python benchmarks/matching.py

Where MatchIt is not installed the last column holds times of R 4.2 with MatchIt 4.7 and optmatch 0.10 that were
written down elsewhere, and says so.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.cardinality import cardinality_match
from counterpoise.kernels.matching.coarsened import coarsened_exact
from counterpoise.kernels.matching.distance import covariate_distances
from counterpoise.kernels.matching.full import full_match
from counterpoise.kernels.matching.nearest import nearest_pairs
from counterpoise.kernels.matching.optimal import optimal_pairs
from counterpoise.kernels.matching.subclass import subclassify

ELSEWHERE = {"optimal pairs": ".21", "full": "2.4-3.4"}
"""Seconds that R took elsewhere, on another cohort of 406 and 1,594."""

IN_R = {
    "nearest": 'matchit(f, d, method = "nearest", distance = d$score)',
    "optimal pairs": 'matchit(f, d, method = "optimal", distance = d$score)',
    "optimal 2:1": 'matchit(f, d, method = "optimal", distance = d$score, ratio = 2)',
    "optimal, Mahalanobis": 'matchit(f, d, method = "optimal", distance = "mahalanobis")',
    "full": 'matchit(f, d, method = "full", distance = d$score)',
    "full, 1/5 to 5": 'matchit(f, d, method = "full", distance = d$score, min.controls = .2, max.controls = 5)',
    "subclasses": 'matchit(f, d, method = "subclass", distance = d$score)',
    "coarsened exact": 'matchit(f, d, method = "cem")',
}


def simulated(n: int, treated: int, seed: int = 1) -> tuple[Floats, Bools, Floats]:
    """Return a score, arms and eight covariates; the score follows two of them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 8))
    score = 0.5 * x[:, 0] + 0.3 * x[:, 1] + 0.1 * rng.standard_normal(n)
    arm = np.zeros(n, dtype=bool)
    arm[np.argsort(0.5 * score + rng.logistic(size=n))[-treated:]] = True
    return score, arm, x


def seconds(job: Callable[[], object], runs: int = 5) -> float:
    times: list[float] = []
    for _ in range(runs):
        start = perf_counter()
        job()
        times.append(perf_counter() - start)
    return median(times)


def jobs(score: Floats, arm: Bools, x: Floats) -> dict[str, Callable[[], object]]:
    caliper = Limits(caliper=0.2 * float(score.std()))
    return {
        "nearest": lambda: nearest_pairs(score, arm),
        "optimal pairs": lambda: optimal_pairs(score, arm),
        "optimal, ties by covariates": lambda: optimal_pairs(score, arm, tie_covariates=x),
        "optimal 2:1": lambda: optimal_pairs(score, arm, ratio=2),
        "optimal, caliper": lambda: optimal_pairs(score, arm, limits=caliper),
        "optimal, Mahalanobis": lambda: optimal_pairs(covariate_distances(x, arm), arm),
        "full": lambda: full_match(score, arm),
        "full, Mahalanobis": lambda: full_match(covariate_distances(x, arm), arm),
        "full, 1/5 to 5": lambda: full_match(score, arm, min_controls=1 / 5, max_controls=5),
        "subclasses": lambda: subclassify(score, arm),
        "coarsened exact": lambda: coarsened_exact(x[:, :3], arm),
        "cardinality": lambda: cardinality_match(x, arm, tolerance=0.05),
    }


def in_r(score: Floats, arm: Bools, x: Floats) -> dict[str, str]:
    """Return MatchIt's times on the same cohort; those measured elsewhere where it is not installed."""
    asked = ["Rscript", "-e", 'cat(requireNamespace("MatchIt", quietly = TRUE) && requireNamespace("optmatch"))']
    if not shutil.which("Rscript") or "TRUE" not in subprocess.run(asked, capture_output=True, text=True).stdout:
        return {name: f"{time} (elsewhere)" for name, time in ELSEWHERE.items()}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "cohort.csv"
        names = ",".join(["arm", "score", *(f"x{place}" for place in range(8))])
        np.savetxt(table, np.column_stack([arm, score, x]), delimiter=",", header=names, comments="")
        lines = [
            f'suppressMessages(library(MatchIt)); d <- read.csv("{table}")',
            "options(optmatch_max_problem_size = Inf)",
        ]
        lines.append("f <- arm ~ x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7")
        for name, call in IN_R.items():
            lines.append(f't <- median(replicate(3, system.time({call})[3])); cat("{name}\\t", t, "\\n", sep = "")')
        answer = subprocess.run(["Rscript", "-e", "\n".join(lines)], capture_output=True, text=True, check=True)
    return dict(line.split("\t") for line in answer.stdout.splitlines())


def main() -> None:
    score, arm, x = simulated(2000, 406)
    theirs = in_r(score, arm, x)
    print(f"{'406 of 2,000':32}{'seconds':>9}  R, seconds")
    for name, job in jobs(score, arm, x).items():
        print(f"{name:32}{seconds(job):9.3f}  {theirs.get(name, '')}")
    for n, treated, width in ((10_000, 2000, 0.2), (60_000, 10_000, 0.02)):
        score, arm, x = simulated(n, treated)
        within = partial(optimal_pairs, score, arm, limits=Limits(caliper=width * float(score.std())))
        print(f"{f'{treated:,} of {n:,}, caliper {width:g} SD':32}{seconds(within, 3):9.3f}")
        print(f"{'  full, no caliper':32}{seconds(partial(full_match, score, arm), 1):9.3f}")


if __name__ == "__main__":
    main()
