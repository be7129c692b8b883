"""Time the time-to-event estimators beside R's and lifelines' on the same data: see `README.md` beside this file.

OPENBLAS_NUM_THREADS=1 python benchmarks/time_to_event.py [--jobs cox fine_gray ...] [--rows 100000] [--runs 5]
"""

import argparse
import importlib
import importlib.util
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.proportional_hazards import proportional_hazards_test
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curves.product_limit import kaplan_meier

SCRIPT = Path(__file__).with_suffix(".R")
EVENTS = 0.3
IN_A_ROW = 3  # runs of each turn: the first after the other's turn finds a processor that is cold


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """n rows of p covariates, of which three in ten have the event."""

    time: Floats
    event: Bools
    cause: Counts
    x: Floats
    weights: Floats
    grid: bool

    @property
    def arm(self) -> Bools:
        return self.x[:, 0] > 0


@dataclass(frozen=True, slots=True)
class Job:
    """One computation: ours, the names of R's, and how far apart the numbers may be.

    `grids` says whether times are on a grid of a tenth of a month; R runs `once` where it takes long.
    """

    name: str
    rows: int
    width: int
    ours: Callable[[Cohort], Floats]
    theirs: tuple[str, ...]
    tolerance: float = 1e-5  # R stops at a relative change of the log-likelihood of 1e-9
    lifelines: Callable[[Cohort], object] | None = None
    grids: tuple[bool, ...] = (True, False)
    once: bool = False


# ---- what is timed ---------------------------------------------------------------------------------------------


def fit(c: Cohort) -> Floats:
    return cox(c.time, c.event, c.x).coefficients


def fit_with_entry(c: Cohort) -> Floats:
    return cox(c.time, c.event, c.x, entry=c.time / 4).coefficients


def fit_with_concordance(c: Cohort) -> Floats:
    from counterpoise.kernels.cox.concordance import concordance_of

    model = cox(c.time, c.event, c.x)
    return np.append(model.coefficients, concordance_of(model).value)


def fit_robust(c: Cohort) -> Floats:
    robust = cox(c.time, c.event, c.x, weights=c.weights)
    return np.concatenate((robust.coefficients, robust.std_error))


def curve(c: Cohort) -> Floats:
    estimate = kaplan_meier(c.time, c.event, interval="log-log")
    at = np.searchsorted(estimate.time, [5.0, 10.0, 20.0], side="right") - 1
    return np.concatenate((estimate.survival[at], estimate.std_error[at]))


def arms(c: Cohort) -> Floats:
    return np.array([log_rank(c.time, c.event, c.arm).statistic])


def proportional(c: Cohort) -> Floats:
    test = proportional_hazards_test(c.time, c.event, c.x)
    return np.append(test.statistic, test.global_statistic)


def competing(c: Cohort) -> Floats:
    from counterpoise.kernels.competing.fine_gray import fine_gray

    model = fine_gray(c.time, c.cause, c.x)
    return np.concatenate((model.coefficients, model.std_error))


def _lifelines() -> Any:  # noqa: ANN401 - a module without types
    """Return lifelines with its tests, where it is installed: it is no dependency."""
    importlib.import_module("lifelines.statistics")
    return importlib.import_module("lifelines")


def lifelines_cox(c: Cohort) -> object:
    import pandas

    frame = pandas.DataFrame(c.x).assign(time=c.time, event=c.event)
    return _lifelines().CoxPHFitter().fit(frame, "time", "event")


def lifelines_curve(c: Cohort) -> object:
    return _lifelines().KaplanMeierFitter().fit(c.time, c.event)


def lifelines_arms(c: Cohort) -> object:
    logrank_test = _lifelines().statistics.logrank_test
    return logrank_test(c.time[c.arm], c.time[~c.arm], c.event[c.arm], c.event[~c.arm]).test_statistic


JOBS = [
    Job("cox", 10_000, 10, fit, ("core",)),
    Job("cox", 100_000, 10, fit, ("core",), lifelines=lifelines_cox),
    Job("cox", 100_000, 50, fit, ("core",)),
    Job("cox", 1_000_000, 10, fit, ("core",)),
    Job("entry", 100_000, 10, fit_with_entry, ("core_entry",)),
    Job("concordance", 100_000, 10, fit_with_concordance, ("coxph",)),
    Job("robust", 100_000, 10, fit_robust, ("robust",), grids=(True,), once=True),
    Job("curve", 1_000_000, 1, curve, ("survfit",), lifelines=lifelines_curve),
    Job("log_rank", 1_000_000, 1, arms, ("survdiff",), lifelines=lifelines_arms),
    Job("proportional", 100_000, 10, proportional, ("zph",)),
    Job("fine_gray", 10_000, 10, competing, ("crr",), grids=(True,), once=True),
]


# ---- data ------------------------------------------------------------------------------------------------------


@cache
def cohort(n: int, p: int, *, grid: bool) -> Cohort:
    """Exponential times, on a grid of a tenth of a month or not; a third of the events are of a second cause."""
    rng = np.random.default_rng([n, p])
    x = rng.standard_normal((n, p))
    beta = rng.normal(0, 0.15, p)
    latent = 60 * rng.exponential(size=n) * np.exp(-x @ beta)
    censored = 2 * np.quantile(latent, EVENTS) * rng.uniform(size=n)
    months = np.minimum(latent, censored)
    event = latent <= censored
    cause = np.where(event, np.where(rng.uniform(size=n) < 2 / 3, 1, 2), 0)
    weights = rng.uniform(0.5, 2.0, n)
    return Cohort(np.ceil(10 * months) / 10 if grid else months, event, cause, x, weights, grid)


def write(c: Cohort, folder: Path) -> Path:
    """Write the columns as doubles, covariate after covariate, which R reads in one call each."""
    home = folder / f"{c.time.size}x{c.x.shape[1]}{'grid' if c.grid else ''}"
    if not home.exists():
        home.mkdir()
        for name, values in {"time": c.time, "event": c.event, "cause": c.cause, "weights": c.weights}.items():
            values.astype(float).tofile(home / f"{name}.bin")
        c.x.T.ravel().tofile(home / "x.bin")
    return home


# ---- clocks ----------------------------------------------------------------------------------------------------


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


def compare(job: Job, c: Cohort, r: R | None, runs: int) -> None:
    """Let everyone take turns, and print the least seconds of each with their ratio to ours."""
    value = job.ours(c)
    others: dict[str, list[float]] = {name: [] for name in job.theirs} if r else {}
    peer = job.lifelines if importlib.util.find_spec("lifelines") else None
    least, apart = [], 0.0
    for turn in range(runs):
        least += [clock(lambda: job.ours(c)) for _ in range(IN_A_ROW)]
        for name in job.theirs:
            if r and (turn == 0 or not job.once):
                seconds, theirs = r.run(name, c, 1 if job.once else IN_A_ROW)
                others[name].append(seconds)
                apart = max(apart, float(np.abs(theirs - value).max() / np.abs(value).max()))
        if peer and turn < 2:
            others.setdefault("lifelines", []).append(clock(lambda: peer(c)))
    ratios = ", ".join(f"{name} {min(s):.4g} s = {min(s) / min(least):.2f} x ours" for name, s in others.items())
    label = f"{job.name} {c.time.size}x{c.x.shape[1]} {'grid' if c.grid else 'continuous'}"
    print(f"{label:38s} {min(least):.4f} s; {ratios}; apart {apart:.1e}", flush=True)
    if apart > job.tolerance:
        raise SystemExit(f"{job.name}: R and ours are {apart:.1e} apart, more than {job.tolerance:.0e}.")


def growth(job: Job, runs: int) -> None:
    """Print the price of twice the rows, and the peak of memory in units of the covariates."""
    once, twice = cohort(job.rows, job.width, grid=False), cohort(2 * job.rows, job.width, grid=False)
    seconds = [(clock(lambda: job.ours(twice)), clock(lambda: job.ours(once))) for _ in range(runs)]
    ratio = min(s for s, _ in seconds) / min(s for _, s in seconds)
    tracemalloc.start()
    job.ours(once)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    label = f"{job.name} {job.rows}x{job.width}"
    print(f"{label:38s} twice the rows {ratio:.2f} x the time; peak memory {peak / once.x.nbytes:.1f} x the covariates")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", choices=sorted({job.name for job in JOBS}), help="all by default")
    parser.add_argument("--rows", nargs="+", type=int, help="only the jobs of these numbers of rows")
    parser.add_argument("--runs", type=int, default=5, help="turns of each; the least counts")
    parser.add_argument("--no-growth", action="store_true", help="leave out twice the rows, and memory")
    options = parser.parse_args()
    chosen = [j for j in JOBS if j.name in (options.jobs or [j.name]) and j.rows in (options.rows or [j.rows])]
    if importlib.util.find_spec("lifelines") is None:
        print("lifelines is left out: it is not installed here.")
    with r_process() as r:
        for job in chosen:
            for grid in job.grids:
                compare(job, cohort(job.rows, job.width, grid=grid), r, options.runs)
    if not options.no_growth:
        for job in chosen:
            growth(job, min(options.runs, 3))


if __name__ == "__main__":
    main()
