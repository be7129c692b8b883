"""Toxicity by arm: the worst grades, events without a grade, and the cumulative incidence of events with a date."""

from dataclasses import dataclass

import numpy as np

from counterpoise.design import DAYS_PER_MONTH, Covariate
from counterpoise.errors import InputError
from counterpoise.estimate.options import CurveOptions
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.competing.aalen_johansen import (
    CumulativeIncidence,
    aalen_johansen,
    incidence_at,
    incidence_difference,
)
from counterpoise.kernels.competing.gray import gray_test
from counterpoise.kernels.tables.contingency import fisher_exact
from counterpoise.kernels.tables.proportion import newcombe

THRESHOLDS = (1, 2, 3)
"""The grades at which the arms are compared: this grade or a worse one."""
_CAUSES = (1, 2)


@dataclass(frozen=True, slots=True)
class RiskDifference:
    """Share of the treated arm with `grade` or worse less that of the control arm, with Newcombe's interval.

    All are NaN where an arm has nobody assessed; `p_value` is Fisher's exact, NaN too where there is nothing to test.
    """

    grade: int
    value: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityComparison:
    """Worst grades of one organ in one phase: `counts` (arms, grades) among the `assessed` (arms,).

    `differences` compare the arms at each of `THRESHOLDS`.
    """

    organ: str
    phase: str
    counts: Counts
    assessed: Counts
    differences: tuple[RiskDifference, ...]

    @property
    def p_any(self) -> float:
        """Fisher's exact test of grade 1 or more."""
        return self.differences[0].p_value

    @property
    def p_grade2(self) -> float:
        """Fisher's exact test of grade 2 or more."""
        return self.differences[1].p_value


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """Patients with an event that carries no grade, `counts` of `assessed` in each arm, by Fisher's exact test."""

    label: str
    counts: tuple[int, int]
    assessed: tuple[int, int]
    p_value: float


@dataclass(frozen=True, slots=True)
class ArmIncidence:
    """One arm: its patients, events and competing events, and the cumulative incidence of the event at the horizon.

    `incidence` is NaN where the arm's observation ended before, its limits also where nobody had the event.
    """

    size: int
    events: int
    competing: int
    incidence: float
    std_error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, eq=False)
class ToxicIncidence:
    """Cumulative incidence of one adverse event by arm (control, treated), with what competes with it.

    The difference is the treated arm's incidence at `horizon` (months) less the control arm's, with a plain
    interval; that is NaN where an arm had no event, whose error cannot be estimated. `gray` and its P value compare
    the whole curves.
    """

    label: str
    horizon: float
    arms: tuple[ArmIncidence, ArmIncidence]
    difference: float
    difference_error: float
    difference_lower: float
    difference_upper: float
    gray: float
    p_value: float


def compare_toxicity(
    organ: str, phase: str, counts: Counts, assessed: Counts, confidence: float = 0.95
) -> ToxicityComparison:
    """Compare the arms at each threshold; sparse cells allow no trend test."""
    differences = tuple(_risk_difference(counts, assessed, grade, confidence) for grade in THRESHOLDS)
    return ToxicityComparison(organ, phase, counts, assessed, differences)


def compare_adverse_event(item: Covariate, label: str, treated: Bools) -> AdverseEvent:
    """Count a 0/1 column in the control and in the treated arm; raises `InputError` for any other column."""
    if item.kind != "flag":
        raise InputError(f"`{item.name}` must be a 0/1 column to be counted as an adverse event; it is a {item.kind}.")
    known = ~np.isnan(item.values)
    arms = (known & ~treated, known & treated)
    counts = np.array([[int((item.values[arm] == grade).sum()) for grade in (0, 1)] for arm in arms])
    assessed = counts.sum(axis=1)
    affected = (int(counts[0, 1]), int(counts[1, 1]))
    return AdverseEvent(label, affected, (int(assessed[0]), int(assessed[1])), _fisher(counts[:, 1], assessed))


def toxic_incidence(
    label: str, time: Floats, cause: Counts, treated: Bools, *, horizon: float, options: CurveOptions
) -> ToxicIncidence:
    """Estimate the cumulative incidence of one adverse event by arm, and compare the arms by Gray's test.

    `time` (n,) is in days, `cause` (n,) 0 for censored, 1 for the event and 2 for what competes with it; `horizon`
    is in months of 30.4375 days. Raises `InputError` for a missing or negative time.

    >>> time, cause = np.array([60.0, 400.0, 90.0, 500.0]), np.array([1, 0, 2, 1])
    >>> arm = np.array([False, False, True, True])
    >>> found = toxic_incidence("Pneumonitis", time, cause, arm, horizon=12, options=CurveOptions())
    >>> [(one.events, one.competing, one.incidence) for one in found.arms]
    [(1, 0, 0.5), (1, 1, 0.0)]

    Source: Aalen and Johansen (1978), Scand J Stat 5:141; Gray (1988), Ann Stat 16:1141.
    """
    months = time / DAYS_PER_MONTH
    curves = [_curve(months[arm], cause[arm], options) for arm in (~treated, treated)]
    gap = incidence_difference(curves[0], curves[1], [horizon], confidence=options.confidence)
    error = float(gap.std_error[0, 0]) if all(curve.n_events[0] for curve in curves) else float("nan")
    lower, upper = (-float(limit[0, 0]) + 0 * error for limit in (gap.upper, gap.lower))
    test = gray_test(months, cause, treated)
    return ToxicIncidence(
        label=label,
        horizon=horizon,
        arms=(_arm(curves[0], horizon), _arm(curves[1], horizon)),
        difference=-float(gap.difference[0, 0]),
        difference_error=error,
        difference_lower=lower,
        difference_upper=upper,
        gray=test.statistic,
        p_value=test.p_value,
    )


def _curve(months: Floats, cause: Counts, options: CurveOptions) -> CumulativeIncidence:
    return aalen_johansen(months, cause, causes=_CAUSES, interval=options.interval, confidence=options.confidence)


def _arm(curve: CumulativeIncidence, horizon: float) -> ArmIncidence:
    read = incidence_at(curve, [horizon])
    return ArmIncidence(
        size=curve.n,
        events=int(curve.n_events[0]),
        competing=int(curve.n_events[1]),
        incidence=float(read.incidence[0, 0]),
        std_error=float(read.std_error[0, 0]),
        lower=float(read.lower[0, 0]),
        upper=float(read.upper[0, 0]),
    )


def _risk_difference(counts: Counts, assessed: Counts, grade: int, confidence: float) -> RiskDifference:
    if min(assessed) == 0:
        return RiskDifference(grade, *(float("nan"),) * 4)
    affected = counts[:, grade:].sum(axis=1)
    control, treated = ((int(affected[arm]), int(assessed[arm])) for arm in (0, 1))
    lower, upper = newcombe(treated, control, confidence)
    value = treated[0] / treated[1] - control[0] / control[1]
    return RiskDifference(grade, value, lower, upper, _fisher(affected, assessed))


def _fisher(affected: Counts, assessed: Counts) -> float:
    table = np.column_stack([affected, assessed - affected])
    if min(table.sum(axis=0)) == 0 or min(assessed) == 0:
        return float("nan")
    return fisher_exact(table).p_value
