"""One arm of a doubly robust analysis: its two hazards, its curve, and what is read from the curve."""

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.doubly_robust.monotone import nearest_falling
from counterpoise.kernels.doubly_robust.records import SurvivalModels
from counterpoise.kernels.doubly_robust.step_models import Counted, StepHazard, no_hazard, step_hazard
from counterpoise.kernels.doubly_robust.target import ArmAverage, Target
from counterpoise.kernels.doubly_robust.walk import arm_rows, walk
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet

ARMS = ("controls", "treated")


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """The n patients, and how their event and censoring are modelled."""

    sets: RiskSet
    treated: Bools
    case: Floats
    """(n,) case weights."""
    x_outcome: Floats
    """(n, p)"""
    x_censoring: Floats
    """(n, r)"""
    models: SurvivalModels


@dataclass(frozen=True, slots=True, eq=False)
class ArmEstimate:
    """What is estimated of one arm, at k times and at the g steps of its curve."""

    survival: Floats
    """(k,)"""
    influence: Floats
    """(n, k)"""
    area: float
    """Up to the horizon; NaN without one."""
    area_influence: Floats
    """(n,)"""
    curve_time: Floats
    """(g,)"""
    curve: Floats
    """(g,)"""
    curve_std_error: Floats
    """(g,)"""
    known_until: float
    restriction: str
    lowest_uncensored: float
    outside: int
    rises: int


@dataclass(frozen=True, slots=True, eq=False)
class _Walked:
    """An arm's curve before any correction, with what is read along the way."""

    curve: Floats
    std_error: Floats
    influence: Floats
    area: tuple[float, Floats]
    """With its (n,) influence values."""
    lowest: float
    ended: int | None
    """The step that was not taken."""
    too_low: float
    """The chance of being uncensored there."""


def estimate_arm(
    cohort: Cohort, target: Target, code: int, times: Floats, horizon: float | None, *, monotone: bool
) -> ArmEstimate:
    """Estimate the survival of the arm with `code` 0 or 1 at `times` (k,), and its area up to `horizon`."""
    outcome, censoring = _hazards(cohort, code)
    observed = cohort.sets.time
    slack = TIE_TOLERANCE * float(observed[-1])
    step_time = observed[outcome.place]
    last = np.searchsorted(step_time, times + slack, side="right") - 1
    end = 0.0 if horizon is None else horizon
    widths = np.diff(np.append(np.minimum(step_time, end), end))
    walked = _walk(cohort, target, code, (outcome, censoring), last, (float(min(end, step_time[0])), widths))
    until, sentence = float(observed[cohort.sets.group[cohort.treated == bool(code)].max()]), ""
    known = times <= until + slack
    if walked.ended is not None:
        until = float(step_time[walked.ended])
        known = times < until - slack
        sentence = _sentence(code, cohort.models.least_uncensored, walked.too_low, until)
    if end > until + slack:
        raise InputError(
            f"`horizon` must not be later than {until:g}, to which the survival of the {ARMS[code]} is known; it is "
            f"{end:g}.{' ' * bool(sentence)}{sentence}"
        )
    raw, size = walked.curve, walked.curve.size
    held = np.diff(np.append(step_time[:size], until))
    curve = nearest_falling(raw, held) if monotone else raw
    read = np.append(curve, 1.0)[np.where(last < size, last, -1)]
    walked.influence[:, ~known] = np.nan
    return ArmEstimate(
        survival=np.where(known, read, np.nan),
        influence=walked.influence,
        area=np.nan if horizon is None else walked.area[0],
        area_influence=walked.area[1],
        curve_time=step_time[:size],
        curve=curve,
        curve_std_error=walked.std_error,
        known_until=until,
        restriction=sentence,
        lowest_uncensored=walked.lowest,
        outside=int(np.count_nonzero((raw < 0) | (raw > 1))),
        rises=int(np.count_nonzero(np.diff(raw, prepend=1.0) > 0)),
    )


def _walk(
    cohort: Cohort,
    target: Target,
    code: int,
    hazards: tuple[StepHazard, StepHazard],
    last: Counts,
    lasting: tuple[float, Floats],
) -> _Walked:
    """Walk along an arm's steps; `last` (k,) is the step that each time reads, -1 for none.

    `lasting` is how long it is to the first step and how long each step then lasts, within the horizon.
    """
    models, n = cohort.models, cohort.sets.n
    first, widths = lasting
    arm = arm_rows(cohort.sets.group, cohort.sets.event, cohort.treated == bool(code))
    average, read = ArmAverage(target, arm.rows), set(last.tolist())
    influence: Floats = np.zeros((n, last.size))
    passed: Floats = np.full(n, first)
    missed: Floats = np.zeros(arm.rows.size)
    curve: list[float] = []
    errors: list[float] = []
    lowest, ended, too_low = 1.0, None, np.nan
    for step in walk(arm, *hazards, models.steps, models.least_uncensored):
        if step.ended:
            ended, too_low = step.number, step.uncensored
            break
        lowest = min(lowest, step.uncensored)
        mean, moved = average(step.survival, step.missed)
        curve.append(mean)
        errors.append(float(np.sqrt(moved @ moved)))
        if widths[step.number] > 0:
            passed += widths[step.number] * step.survival
            missed += widths[step.number] * step.missed
        if step.number in read:
            influence[:, last == step.number] = moved[:, None]
    return _Walked(np.array(curve), np.array(errors), influence, average(passed, missed), lowest, ended, too_low)


def _hazards(cohort: Cohort, code: int) -> tuple[StepHazard, StepHazard]:
    """Return the hazards of the event and of censoring, had all been in the arm with this code."""
    event, group = cohort.sets.event, cohort.sets.group
    left = Counted(group, event, cohort.case)
    outcome = _hazard(cohort, code, cohort.models.outcome, left, cohort.x_outcome, "the Cox model of the outcome")
    among = cohort.treated == bool(code) if cohort.models.censoring == "arms" else slice(None)
    if event[among].all():
        return outcome, no_hazard(event.size)
    # a patient who has the event is no longer there to be censored at the same time
    lost = Counted(2 * group + ~event, ~event, cohort.case)
    censoring = _hazard(cohort, code, cohort.models.censoring, lost, cohort.x_censoring, "the Cox model of censoring")
    return outcome, StepHazard(censoring.place // 2, censoring.hazard, censoring.ratio)


def _hazard(cohort: Cohort, code: int, which: str, counted: Counted, x: Floats, what: str) -> StepHazard:
    options = cohort.models
    rows, x_all = np.ones(cohort.sets.n, dtype=bool), x
    if which == "arms":
        rows, what = cohort.treated == bool(code), f"{what} among the {ARMS[code]}"
    elif which == "common":
        x = np.column_stack([cohort.treated.astype(float), x])
        x_all = x.copy()
        x_all[:, 0] = code
    return step_hazard(counted, rows, x, x_all, ties=options.ties, steps=options.steps, what=what)


def _sentence(code: int, least: float, found: float, until: float) -> str:
    return (
        f"From {until:g} on survival of the {ARMS[code]} is not estimated: among their patients at risk the smallest "
        f"chance of being uncensored has fallen to {found:.3g}, "
        + (f"below {least:g}." if found > 0 else "which nothing can be divided by.")
    )
