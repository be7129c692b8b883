"""Time score, bootstrap and balance table beside R's on the same data: see `README.md` beside this file.

OPENBLAS_NUM_THREADS=1 python benchmarks/weighting.py [--jobs logistic balance ...] [--rows 50000] [--runs 3]
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from counterpoise.balance import check_balance
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.effects.resampling import logistic_weights, refitted_effects
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.logistic import expit, logistic

SCRIPT = Path(__file__).with_suffix(".R")
REPLICATES = 1000
IN_A_ROW = 3  # runs of each turn: the first after the other's turn finds a processor that is cold


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """n rows of p covariates and two arms; a fifth of the rows have the event."""

    treated: Bools
    x: Floats
    time: Floats
    event: Bools
    weights: Floats


@dataclass(frozen=True, slots=True)
class Job:
    """One computation: ours, the names of R's, how often R's is done for ours once, and how far apart they may be."""

    name: str
    rows: int
    width: int
    ours: Callable[[Cohort], Floats]
    theirs: tuple[str, ...]
    times: int = 1
    tolerance: float = 1e-6  # glm stops where the deviance changes by less than 1e-8 of itself
    note: str = ""


def score(c: Cohort) -> Floats:
    return logistic(c.treated, c.x).coefficients


def bootstrap(c: Cohort) -> Floats:
    """Log hazard ratios of 1,000 weightings of the rows, the first that of R's replicate."""
    case_weights = fractional_weights(REPLICATES, c.time.size, seed=1)
    case_weights[0] = c.weights * c.time.size / c.weights.sum()
    weights_of = logistic_weights(c.treated, c.x)
    found = refitted_effects(c.time, c.event, c.treated, weights_of, case_weights)
    return found.effects.log_hazard_ratio[:1]


def table(c: Cohort) -> Floats:
    """Standardised differences, variance ratios and Kolmogorov-Smirnov distances before and after weighting."""
    names = [f"x{j}" for j in range(c.x.shape[1])]
    found = check_balance(c.x, c.treated, names, weights=c.weights)
    parts = [found.unadjusted] if found.weighted is None else [found.unadjusted, found.weighted]
    return np.concatenate([column for part in parts for column in (part.smd, part.variance_ratio, part.ks)])


JOBS = [
    Job("logistic", 50_000, 10, score, ("glm", "glm.fit")),
    Job("logistic", 1_000_000, 20, score, ("glm", "glm.fit")),
    Job("bootstrap", 146, 15, bootstrap, ("replicate",), times=REPLICATES),
    Job("bootstrap", 2_000, 10, bootstrap, ("replicate",), times=REPLICATES),
    Job("balance", 100_000, 10, table, ("balance",), tolerance=1e-9, note="cobalt's bal.tab took 1.8 s elsewhere"),
]


@cache
def cohort(n: int, p: int) -> Cohort:
    rng = np.random.default_rng([n, p])
    x = rng.standard_normal((n, p))
    treated = rng.random(n) < expit(x @ rng.normal(0, 0.3, p))
    weights = rng.uniform(0.5, 2.0, n)
    return Cohort(treated, x, rng.exponential(60, n), rng.random(n) < 0.2, weights)


def write(c: Cohort, folder: Path) -> Path:
    """Write the columns as doubles, covariate after covariate, which R reads in one call each."""
    home = folder / f"{c.time.size}x{c.x.shape[1]}"
    if not home.exists():
        home.mkdir()
        for name, values in {"treated": c.treated, "time": c.time, "event": c.event, "weights": c.weights}.items():
            values.astype(float).tofile(home / f"{name}.bin")
        c.x.T.ravel().tofile(home / "x.bin")
    return home


class R:
    """An R process that waits for jobs, so that its runs take turns with ours."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder

    def run(self, job: str, c: Cohort, times: int) -> tuple[float, Floats]:
        line = f"{job} {write(c, self.folder)} {c.time.size} {c.x.shape[1]} {times}\n"
        self._stream(self.process.stdin).write(line)
        self._stream(self.process.stdin).flush()
        answer = np.array(self._stream(self.process.stdout).readline().split(), dtype=float)
        if answer.size < 2:
            raise RuntimeError(f"R has no answer to {job}; what it says is above.")
        return float(answer[0]), answer[1:]

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("R was started without pipes.")
        return stream


@contextmanager
def r_process() -> Generator[R | None]:
    if shutil.which("Rscript") is None:
        print("R is left out: there is no Rscript here.")
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        command = ["Rscript", "--vanilla", str(SCRIPT)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield R(process, Path(folder))


def clock(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(job: Job, r: R | None, runs: int) -> None:
    """Let both take turns, and print the least seconds of each with their ratio to ours."""
    c = cohort(job.rows, job.width)
    value, least, apart = job.ours(c), np.inf, 0.0
    others = dict.fromkeys(job.theirs if r else (), np.inf)
    for _ in range(runs):
        least = min(least, *(clock(lambda: job.ours(c)) for _ in range(IN_A_ROW)))
        for name in job.theirs if r else ():
            seconds, theirs = r.run(name, c, 1 if job.rows > 500_000 else IN_A_ROW) if r else (np.inf, value)
            others[name] = min(others[name], seconds * job.times)
            apart = max(apart, float(np.abs(theirs - value).max() / np.abs(value).max()))
    ratios = ", ".join(f"{name} {seconds:.4g} s = {seconds / least:.2f} x ours" for name, seconds in others.items())
    times = f" ({job.times} times one)" if job.times > 1 else ""
    note = f"; {job.note}" if job.note else ""
    print(f"{job.name} {job.rows}x{job.width:3d}  {least:.4f} s; {ratios}{times}; apart {apart:.1e}{note}", flush=True)
    if apart > job.tolerance:
        raise SystemExit(f"{job.name}: R and ours are {apart:.1e} apart, more than {job.tolerance:.0e}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", choices=sorted({job.name for job in JOBS}), help="all by default")
    parser.add_argument("--rows", nargs="+", type=int, help="only the jobs of these numbers of rows")
    parser.add_argument("--runs", type=int, default=3, help="turns of each; the least counts")
    options = parser.parse_args()
    with r_process() as r:
        for job in JOBS:
            if job.name in (options.jobs or [job.name]) and job.rows in (options.rows or [job.rows]):
                compare(job, r, options.runs)


if __name__ == "__main__":
    main()
