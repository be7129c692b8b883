"""Survival curves by arm, with their rates, medians and tests, and the length of follow-up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterpoise.design import Endpoint
from counterpoise.estimate.options import CurveOptions
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.curve_tests.log_rank import LogRankTest, log_rank
from counterpoise.kernels.curve_tests.pairwise import pairwise_log_rank
from counterpoise.kernels.curves.product_limit import (
    Quantile,
    SurvivalAt,
    SurvivalCurve,
    kaplan_meier,
    quantile,
    reverse_kaplan_meier,
    survival_at,
)


@dataclass(frozen=True, slots=True, eq=False)
class ArmCurve:
    """The curve of one arm: `size` patients, `events` of them with the event, `rate` at the horizon.

    `weight` is the sum of weights (the number of patients where there are none); `patients_at_risk` (m,) counts the
    patients whose weights make up `curve.at_risk`. `entered` are the times at which patients came under observation,
    ascending, with the running sum of their weights; None where all were from the origin.
    """

    label: str
    size: int
    events: int
    weight: float
    curve: SurvivalCurve
    rate: SurvivalAt
    median: Quantile
    patients_at_risk: Floats
    entered: tuple[Floats, Floats] | None = None

    def under_observation(self, times: Sequence[float]) -> Floats:
        """Return the weight (k,) of those who had come by each time and had not left before it."""
        curve = self.curve
        if self.entered is None:
            return np.append(curve.at_risk, 0.0)[np.searchsorted(curve.time, times, side="left")]
        when, came = self.entered
        left = np.append(0.0, np.cumsum(curve.events + curve.censored))
        come = np.append(0.0, came)[np.searchsorted(when, times, side="right")]
        return np.maximum(come - left[np.searchsorted(curve.time, times, side="left")], 0.0)


@dataclass(frozen=True, slots=True)
class PairwiseTest:
    """Log-rank test of two groups among several; `adjusted` is Holm's p value over all pairs."""

    first: str
    second: str
    p_value: float
    adjusted: float


@dataclass(frozen=True, slots=True, eq=False)
class CurveComparison:
    """The curves of all groups for one endpoint, and the log-rank test between them."""

    endpoint: Endpoint
    arms: tuple[ArmCurve, ...]
    test: LogRankTest
    pairwise: tuple[PairwiseTest, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """How long the patients were followed, in months.

    `reverse` is the median of the reverse Kaplan-Meier curve (the time to censoring, death being the
    censoring), `observed_median` the plain median of the observed times, which is shorter. All are counted from the
    origin; `person_years` only while a patient was under observation.
    """

    reverse: Quantile
    observed_median: float
    minimum: float
    maximum: float
    person_years: float


def arm_curve(
    label: str,
    time: Floats,
    event: Bools,
    horizon: float,
    options: CurveOptions,
    weights: Floats | None = None,
    cluster: Counts | None = None,
    *,
    entry: Floats | None = None,
) -> ArmCurve:
    """Estimate the curve of one arm; with weights or clusters its intervals rest on influence values.

    Patients count from after their `entry`, all of them from the origin where it is None.
    """
    curve = kaplan_meier(
        time,
        event,
        entry=entry,
        weights=weights,
        cluster=cluster,
        interval=options.interval,
        confidence=options.confidence,
    )
    patients = curve if weights is None else kaplan_meier(time, event, entry=entry)
    drawn = ArmCurve(
        label=label,
        size=time.size,
        events=int(event.sum()),
        weight=float(time.size if weights is None else weights.sum()),
        curve=curve,
        rate=survival_at(curve, [horizon]),
        median=quantile(curve, 0.5),
        patients_at_risk=patients.at_risk,
    )
    if entry is None:
        return drawn
    order = np.argsort(entry)
    drawn = replace(drawn, entered=(entry[order], np.cumsum(np.ones(time.size) if weights is None else weights[order])))
    return replace(drawn, rate=replace(drawn.rate, at_risk=drawn.under_observation([horizon])))


def compare_curves(
    endpoint: Endpoint, codes: Counts, labels: Sequence[str], horizon: float, options: CurveOptions
) -> CurveComparison:
    """Draw the curve of each group and test their equality; with more than two groups, pair by pair as well."""

    def drawn(label: str, own: Bools) -> ArmCurve:
        return arm_curve(label, endpoint.time[own], endpoint.event[own], horizon, options, entry=endpoint.entry_of(own))

    arms = tuple(drawn(label, codes == code) for code, label in enumerate(labels))
    test = log_rank(endpoint.time, endpoint.event, codes, entry=endpoint.entry)
    pairwise = _pairwise(endpoint, codes, labels) if len(labels) > 2 else ()
    return CurveComparison(endpoint, arms, test, pairwise)


def follow_up(endpoint: Endpoint, options: CurveOptions) -> FollowUp:
    """Measure follow-up on the endpoint whose events are deaths (Schemper and Smith 1996)."""
    curve = reverse_kaplan_meier(
        endpoint.time, endpoint.event, entry=endpoint.entry, interval=options.interval, confidence=options.confidence
    )
    time = endpoint.time
    observed = time if endpoint.entry is None else time - endpoint.entry
    return FollowUp(
        quantile(curve, 0.5),
        float(np.median(time)),
        float(time.min()),
        float(time.max()),
        float(observed.sum() / 12),
    )


def _pairwise(endpoint: Endpoint, codes: Counts, labels: Sequence[str]) -> tuple[PairwiseTest, ...]:
    tests = pairwise_log_rank(endpoint.time, endpoint.event, codes, entry=endpoint.entry)
    names = [labels[int(code)] for code in tests.levels]
    return tuple(
        PairwiseTest(names[first], names[second], float(p), float(q))
        for first, second, p, q in zip(tests.first, tests.second, tests.p_value, tests.p_adjusted, strict=True)
    )
