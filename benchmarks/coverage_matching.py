"""How often the interval of a matched hazard ratio holds the true one; writes the table of docs/methods/coverage.md.

python benchmarks/coverage_matching.py [replicates] [processes]
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpoise.balance import MatchKeywords, PropensityScore, match, propensity
from counterpoise.estimate.matched import fit_sample, matched_sample, robust_std_error
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.verdict import Verdict

PAGE = Path(__file__).parents[1] / "docs" / "methods" / "coverage.md"
BEGIN, END = "<!-- matching: begin -->", "<!-- matching: end -->"
METHODS: dict[str, MatchKeywords] = {
    "pairs, caliper .2": {"caliper": 0.2},
    "with replacement, caliper .2": {"caliper": 0.2, "replacement": True},
    "full, ATT": {"method": "full"},
}
EFFECTS = {"1": 0.0, ".6": float(np.log(0.6))}
SIZES, SHARES = (146, 500), (0.2, 0.4)
Z = 1.959963984540054
FOLLOW_UP = 5.0


@dataclass(frozen=True, slots=True)
class Cell:
    size: int
    share: float
    effect: float
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A cohort with both of its outcomes: `times` (2, n) without and with treatment, `ends` (n,) of observation."""

    x: Floats
    treated: Bools
    times: Floats
    ends: Floats


def draw(rng: np.random.Generator, size: int, baseline: float, effect: float) -> Drawn:
    """Two covariates that decide both treatment (a third are treated) and hazard; uniform censoring."""
    x = np.column_stack([rng.normal(size=size), rng.random(size) < 0.4]).astype(float)
    treated = rng.random(size) < 1 / (1 + np.exp(1.0 - 0.6 * x[:, 0] - 0.6 * x[:, 1]))
    hazard = baseline * np.exp(0.6 * x[:, 0] + 0.5 * x[:, 1])
    times = rng.exponential(size=(2, size)) / (hazard * np.exp(effect * np.array([[0.0], [1.0]])))
    return Drawn(x, treated, times, rng.uniform(1.0, FOLLOW_UP, size))


def observed(cohort: Drawn, treated: Bools) -> tuple[Floats, Bools]:
    outcome = np.where(treated, cohort.times[1], cohort.times[0])
    return np.minimum(outcome, cohort.ends), outcome <= cohort.ends


def baseline_for(share: float, effect: float) -> float:
    """Return the hazard under which a share of all patients has the event."""
    low, high = 1e-3, 5.0
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        cohort = draw(np.random.default_rng(1), 100_000, middle, effect)
        low, high = (middle, high) if observed(cohort, cohort.treated)[1].mean() < share else (low, middle)
    return float(np.sqrt(low * high))


def score_of(cohort: Drawn) -> PropensityScore:
    return propensity(cohort.treated, cohort.x)


def truth(cell: Cell, baseline: float) -> float:
    """Return the log hazard ratio between both outcomes of the patients whom the method matches, in huge cohorts."""
    if cell.effect == 0.0:
        return 0.0
    parts: list[tuple[Floats, Bools, Floats]] = []
    for seed in range(40):
        cohort = draw(np.random.default_rng([7, seed]), 10_000, baseline, cell.effect)
        chosen = cohort.treated
        if not cell.method.startswith("full"):
            chosen = cohort.treated & (match(score_of(cohort), **METHODS[cell.method]).pair >= 0)
        for arm in (False, True):
            time_seen, event = observed(cohort, np.full(chosen.size, arm))
            parts.append((time_seen[chosen], event[chosen], np.full(int(chosen.sum()), float(arm))))
    seen, event, arm = (np.concatenate(part) for part in zip(*parts, strict=True))
    return float(cox(seen, event, arm).coefficients[0])


def replicate(cell: Cell, baseline: float, seed: int) -> tuple[float, float]:
    """Return the log hazard ratio of one cohort and its standard error; NaN where there is none."""
    cohort = draw(np.random.default_rng([11, cell.size, seed]), cell.size, baseline, cell.effect)
    time_seen, event = observed(cohort, cohort.treated)
    matching = match(score_of(cohort), seed=seed, **METHODS[cell.method])
    sample = matched_sample(matching, np.arange(cell.size))
    rows = sample.rows
    fit = fit_sample(time_seen[rows], event[rows], cohort.treated[rows], sample, "efron")
    if fit.verdict is not Verdict.CONVERGED:
        return float("nan"), float("nan")
    return float(fit.coefficients[0]), robust_std_error(fit, sample)


def study(cell: Cell, replicates: int) -> str:
    """Return the row of the table for one cell."""
    baseline = baseline_for(cell.share, cell.effect)
    target = truth(cell, baseline)
    found = np.array([replicate(cell, baseline, seed) for seed in range(replicates)])
    known = np.isfinite(found).all(axis=1)
    estimate, error = found[known].T
    covered = float(np.mean(np.abs(estimate - target) <= Z * error))
    ratio = float(np.sqrt(np.mean(error**2)) / estimate.std(ddof=1))
    effect = next(name for name, value in EFFECTS.items() if value == cell.effect)
    return (
        f"| {cell.method} | {cell.size} | {cell.share:.0%} | {effect} | {np.exp(target):.3f} | "
        f"{np.exp(np.mean(estimate)):.3f} | {ratio:.2f} | {100 * covered:.1f} % | {replicates - int(known.sum())} |"
    )


def cells() -> Iterator[Cell]:
    for method in METHODS:
        for effect in EFFECTS.values():
            for size in SIZES:
                for share in SHARES:
                    yield Cell(size, share, effect, method)


def main(replicates: int, processes: int) -> None:
    begun, every = time.process_time(), list(cells())
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(study, every, [replicates] * len(every)))
    head = (
        "| matching | patients | events | conditional HR | marginal HR | mean estimate | SE / spread | coverage | "
        "no answer |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    table = f"{BEGIN}\n{head}" + "\n".join(rows) + f"\n{END}"
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(BEGIN)] + table + text[text.index(END) + len(END) :])
    print(table, f"\n{replicates} replicates a cell, {time.process_time() - begun:.0f} s in this process")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
