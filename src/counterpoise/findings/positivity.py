"""Patients of a kind that one arm does not have, about whom the comparison can say nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from counterpoise.design import Covariate, Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding, listed
from counterpoise.kernels.arrays import Bools, Floats

CHANCE = 0.001
"""A kind of patients all in one arm is a gap where so few draws would have made it."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Gap:
    """So many patients are alike in one covariate and all in the arm `present` (0 or 1), with this probability."""

    kind: str
    n: int
    present: int
    chance: float


def positivity(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say which patients have no counterpart in the other arm: a level, or an end of a number's range.

    Were treatment given by the toss of a coin that gives each arm its share, n patients would all be in an arm of share
    s with the probability s^n; a gap is reported where it is below .001. So a rare level that an arm happens not to
    have is none (Westreich and Cole 2010, Am J Epidemiol 171:674, on structural and random gaps).
    """
    if analyses.adjustments is None:
        return
    rows = analyses.adjustments.rows
    treated = design.treatment.received[rows]
    known = {item.name: item for item in (*design.score.covariates, *design.cox.covariates, *design.subgroups)}
    found = [gap for item in known.values() for gap in _gaps(item, item.values[rows], treated)]
    gaps = sorted((gap for gap in found if gap.chance < CHANCE), key=lambda gap: -gap.n)
    if not gaps:
        return
    values: dict[str, float] = {}
    phrases: list[str] = []
    for position, gap in enumerate(gaps[:SHOWN], start=1):
        values[f"gap{position}"] = gap.n
        phrases.append(
            f"{{gap{position}:count}} with {gap.kind}, all in the arm “{design.treatment.labels[gap.present]}”"
        )
    values["all"] = rows.size
    others = len(gaps) - SHOWN
    yield Finding(
        name="positivity",
        severity="serious",
        title="Some patients have no counterpart in the other arm",
        text=f"Of {{all:count}} patients {listed(phrases)}{'; and others' if others > 0 else ''}. What the other "
        "treatment would have done for them cannot be learnt from these data by any method: weights and models only "
        "extrapolate.",
        advice="Exclude them by an eligibility rule, and say so in the title of the comparison; or estimate the effect "
        "in the overlap (ATO).",
        values=values,
        importance=gaps[0].n / rows.size * 20,
    )


def _gaps(item: Covariate, values: Floats, treated: Bools) -> Iterable[_Gap]:
    known = ~np.isnan(values)
    values, arm = values[known], treated[known]
    if min(np.count_nonzero(arm), np.count_nonzero(~arm)) == 0:
        return
    shares = np.count_nonzero(~arm) / arm.size, np.count_nonzero(arm) / arm.size
    for kind, members in _kinds(item, values, arm):
        inside = arm[members]
        if inside.size and inside.all() == inside.any():
            present = int(inside[0])
            yield _Gap(kind, inside.size, present, float(shares[present] ** inside.size))


def _kinds(item: Covariate, values: Floats, arm: Bools) -> Iterable[tuple[str, Bools]]:
    """Yield the kinds of patients that a covariate tells apart: its levels, or those beyond the other arm's range."""
    if not item.is_numeric:
        for code, level in enumerate(item.levels):
            yield f"{item.label}: {level}", values == code
        return
    for other in (values[arm], values[~arm]):
        lowest, highest = float(other.min()), float(other.max())
        yield f"{item.label} below {_printed(lowest)}", values < lowest
        yield f"{item.label} above {_printed(highest)}", values > highest


def _printed(value: float) -> str:
    return f"{value:.4g}"
