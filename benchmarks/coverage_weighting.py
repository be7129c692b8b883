"""How often intervals of weighted effects hold the truth; writes a table of docs/methods/coverage.md.

OPENBLAS_NUM_THREADS=1 python benchmarks/coverage_weighting.py [--replicates 1000] [--size 146 ...]
    [--strength strong] [--estimand ATE ATT] [--processes 2]

Cells that are not asked for keep the rows that the page has.
"""

import argparse
import itertools
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.intervals import (
    bca_interval,
    jackknife_influence,
    mixed_std_error,
    percentile_interval,
    spread,
)
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from counterpoise.kernels.effects.resampling import logistic_weights, refitting_bootstrap, refitting_jackknife
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.weight_model import weight_model

PAGE = Path(__file__).parents[1] / "docs" / "methods" / "coverage.md"
BEGIN, END = "<!-- weighting: begin -->", "<!-- weighting: end -->"
HORIZON = 60.0  # months
EFFECT = float(np.log(0.7))
STRENGTHS = {"weak": 0.5, "strong": 1.2}
EFFECTS = ("HR", "survival", "mean")
CANDIDATES = ("stacked", "factor", "mixed", "jackknife", "boot SE", "percentile", "BCa", "fixed", "naive")
ESTIMANDS: tuple[Estimand, ...] = ("ATE", "ATT", "ATO")
DRAWS = 400
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Cell:
    size: int
    share: float
    strength: str
    estimand: Estimand

    @property
    def key(self) -> str:
        return f"| {self.size} | {self.share:.0%} | {self.strength} | {self.estimand} |"


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A cohort with both outcomes: `times` (2, n) in months without and with treatment, `ends` of observation."""

    x: Floats
    chance: Floats
    treated: Bools
    times: Floats
    ends: Floats


def draw(rng: np.random.Generator, size: int, strength: float, baseline: float) -> Drawn:
    """Three covariates that decide both treatment (about half are treated) and hazard; follow-up of 2 to 10 years."""
    x = np.column_stack([rng.normal(size=size), rng.random(size) < 0.4, rng.normal(size=size)]).astype(float)
    chance = 1 / (1 + np.exp(-strength * (0.7 * x[:, 0] + 0.6 * (x[:, 1] - 0.4) + 0.5 * x[:, 2])))
    treated = rng.random(size) < chance
    hazard = baseline * np.exp(strength * (0.5 * x[:, 0] + 0.4 * x[:, 1] + 0.4 * x[:, 2]))
    times = rng.exponential(size=(2, size)) / (hazard * np.exp(EFFECT * np.array([[0.0], [1.0]])))
    return Drawn(x, chance, treated, times, rng.integers(24, 121, size).astype(float))


def observed(cohort: Drawn, treated: Bools) -> tuple[Floats, Bools]:
    """Return time in whole months, so that there are ties, and event."""
    outcome = np.where(treated, cohort.times[1], cohort.times[0])
    return np.ceil(np.minimum(outcome, cohort.ends)), outcome <= cohort.ends


@cache
def baseline_for(share: float, strength: str) -> float:
    """Return the hazard a month under which a share of all patients has the event."""
    low, high = 1e-5, 1.0
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        cohort = draw(np.random.default_rng(1), 100_000, STRENGTHS[strength], middle)
        low, high = (middle, high) if observed(cohort, cohort.treated)[1].mean() < share else (low, middle)
    return float(np.sqrt(low * high))


def truth(cell: Cell, size: int = 1_000_000) -> Floats:
    """Return log hazard ratio, differences of survival and of means between both outcomes of a huge population."""
    strength = STRENGTHS[cell.strength]
    cohort = draw(np.random.default_rng(7), size, strength, baseline_for(cell.share, cell.strength))
    e = cohort.chance
    weights = {"ATE": np.ones(size), "ATT": e, "ATO": e * (1 - e)}[cell.estimand]
    arms = [observed(cohort, np.full(size, arm)) for arm in (False, True)]
    seen, event = (np.concatenate(part) for part in zip(*arms, strict=True))
    fit = cox(seen, event, np.repeat([0.0, 1.0], size), weights=np.tile(weights, 2), robust=False)
    curves = [kaplan_meier(t, d, weights=weights) for t, d in arms]
    rates = [float(curve.survival[np.searchsorted(curve.time, HORIZON, side="right") - 1]) for curve in curves]
    means = [restricted_mean(t, d, HORIZON, weights=weights).value for t, d in arms]
    return np.array([fit.coefficients[0], rates[1] - rates[0], means[1] - means[0]])


def replicate(cell: Cell, target: Floats, seed: int) -> Floats:
    """Return (3, 2 + c): of each effect the estimate, its stacked error, whether each candidate holds the target."""
    strength = STRENGTHS[cell.strength]
    baseline = baseline_for(cell.share, cell.strength)
    cohort = draw(np.random.default_rng([11, cell.size, seed]), cell.size, strength, baseline)
    seen, event = observed(cohort, cohort.treated)
    score = logistic_score(cohort.treated, cohort.x)
    followed = min(seen[cohort.treated].max(), seen[~cohort.treated].max())
    if score.verdict is not Verdict.CONVERGED or followed < HORIZON:
        return np.full((3, 2 + len(CANDIDATES)), np.nan)
    model = weight_model(score, cohort.treated, estimand=cell.estimand)
    rows = (seen, event, cohort.treated)
    hazard = weighted_hazard_ratio(*rows, model)
    survival = weighted_survival(*rows, model, [HORIZON]).difference
    mean = weighted_mean_difference(*rows, model, HORIZON).difference
    weights_of = logistic_weights(cohort.treated, cohort.x, estimand=cell.estimand)
    boot = refitting_bootstrap(*rows, weights_of, replicates=DRAWS, seed=seed, at=[HORIZON], horizon=HORIZON).effects
    jack = refitting_jackknife(*rows, weights_of, at=[HORIZON], horizon=HORIZON).effects
    estimates = [hazard.log_hazard_ratio, float(survival.estimate[0]), float(mean.estimate)]
    stacked = [hazard.stacked_std_error, float(survival.stacked_std_error[0]), float(mean.stacked_std_error)]
    fixed = [hazard.fixed_std_error, float(survival.fixed_std_error[0]), float(mean.fixed_std_error)]
    influence = [hazard.stacked_influence, survival.stacked_influence[:, 0], mean.stacked_influence]
    draws = [boot.log_hazard_ratio, boot.survival_difference[:, 0], boot.mean_difference]
    without = [jack.log_hazard_ratio, jack.survival_difference[:, 0], jack.mean_difference]
    found = np.empty((3, 2 + len(CANDIDATES)))
    factor = survival.factor
    for k in range(3):
        errors = {
            "stacked": stacked[k],
            "factor": stacked[k] * factor,
            "mixed": mixed_std_error(influence[k], without[k]),
            "jackknife": float(np.sqrt(np.square(jackknife_influence(without[k])).sum())),
            "boot SE": spread(draws[k]),
            "fixed": fixed[k],
            "naive": hazard.naive_std_error if k == 0 else np.nan,
        }
        limits = {name: (estimates[k] - Z * error, estimates[k] + Z * error) for name, error in errors.items()}
        limits["percentile"] = percentile_interval(draws[k])
        limits["BCa"] = bca_interval(estimates[k], draws[k], influence[k])
        found[k, :2] = estimates[k], stacked[k]
        for column, name in enumerate(CANDIDATES, start=2):
            low, high = limits[name]
            found[k, column] = low <= target[k] <= high if np.isfinite(low + high) else np.nan
    return found


def study(cell: Cell, replicates: int) -> list[str]:
    """Return the three rows of the table of one cell."""
    target = truth(cell)
    found = np.array([replicate(cell, target, seed) for seed in range(replicates)])
    known = np.isfinite(found[:, :, :2]).all(axis=(1, 2))
    rows: list[str] = []
    for k, effect in enumerate(EFFECTS):
        estimate, error = found[known, k, 0], found[known, k, 1]
        ratio = float(np.sqrt(np.mean(error**2)) / estimate.std(ddof=1))
        covered = [found[known, k, column] for column in range(2, 2 + len(CANDIDATES))]
        shares = ["–" if np.isnan(c).all() else f"{100 * np.nanmean(c):.1f}" for c in covered]
        true, mean = (np.exp(target[k]), np.exp(estimate.mean())) if k == 0 else (target[k], estimate.mean())
        rows.append(
            f"{cell.key} {effect} | {true:.3f} | {mean:.3f} | {ratio:.2f} | {' | '.join(shares)} | "
            f"{replicates} | {replicates - int(known.sum())} |"
        )
    return rows


def cells(sizes: list[int], strengths: list[str], estimands: list[Estimand]) -> Iterator[Cell]:
    for size, share, strength, estimand in itertools.product(sizes, (0.2, 0.4), strengths, estimands):
        yield Cell(size, share, strength, estimand)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--size", nargs="+", type=int, default=[146, 500])
    parser.add_argument("--strength", nargs="+", choices=list(STRENGTHS), default=list(STRENGTHS))
    parser.add_argument("--estimand", nargs="+", choices=ESTIMANDS, default=list(ESTIMANDS))
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    begun = time.perf_counter()
    every = list(cells(options.size, options.strength, options.estimand))
    rows: list[str] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for cell, made in zip(every, pool.map(study, every, [options.replicates] * len(every)), strict=True):
            print(f"{time.perf_counter() - begun:.0f} s", cell, *made, sep="\n", flush=True)
            rows += made
    text = PAGE.read_text()
    kept = re.findall(r"^\| \d+ \|.*$", text[text.index(BEGIN) : text.index(END)], re.MULTILINE)
    rows += [row for row in kept if not row.startswith(tuple(cell.key for cell in every))]
    rows.sort(key=lambda row: int(row.split("|")[1]))
    head = "| patients | events | confounding | estimand | effect | true | mean | SE / spread | "
    head += " | ".join(CANDIDATES) + " | cohorts | no answer |"
    table = "\n".join([BEGIN, head, "|" + "---|" * head.count(" | ") + "---|", *rows, END])
    PAGE.write_text(text[: text.index(BEGIN)] + table + text[text.index(END) + len(END) :])


if __name__ == "__main__":
    main()
