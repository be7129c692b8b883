"""The treatment effect on each endpoint: unadjusted, matched and weighted, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from counterpoise.design import Design, Endpoint
from counterpoise.errors import FitError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.curves import ArmCurve, arm_curve
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.options import CurveOptions
from counterpoise.estimate.stacked import stacked_std_error
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox import CoxFit, Ties, cox
from counterpoise.kernels.log_rank import log_rank
from counterpoise.kernels.product_limit import survival_influence
from counterpoise.kernels.proportional_hazards import (
    proportional_hazards_test,
    weighted_proportional_hazards_test,
)
from counterpoise.kernels.sandwich import sum_by_cluster
from counterpoise.kernels.verdict import Verdict

Adjustment = Literal["unadjusted", "matched", "weighted"]


@dataclass(frozen=True, slots=True)
class RateDifference:
    """Survival of the treated minus survival of the controls at the horizon, with a plain interval."""

    value: float
    std_error: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """One adjusted (or unadjusted) comparison on one endpoint.

    `arms` are the control and the treated arm. `ratio` is the hazard ratio with the variance that `variance`
    names; `others` maps the names of other variances to the same ratio under them. `curve_p` is the test that
    belongs under the two curves, named by `curve_test`. `proportional_p` tests proportional hazards.
    """

    endpoint: Endpoint
    adjustment: Adjustment
    estimand: str
    arms: tuple[ArmCurve, ArmCurve]
    ratio: HazardRatio
    variance: str
    others: dict[str, HazardRatio]
    difference: RateDifference
    curve_test: str
    curve_p: float
    proportional_p: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """The patients of one comparison: `rows` index into the cohort."""

    rows: Counts
    weights: Floats | None
    cluster: Counts | None
    adjustments: Adjustments | None = None


NAIVE = "naive (weights taken as numbers of patients)"
MODEL_BASED = "model-based"
PAIR_ROBUST = "robust, clustered by matched pair"
STACKED = "stacked, estimation of the score included"
FIXED_WEIGHT_ROBUST = "robust, weights taken as fixed"


def unadjusted_contrast(
    design: Design, endpoint: Endpoint, horizon: float, curves: CurveOptions, ties: Ties
) -> Contrast:
    """Compare the arms as they are, with the log-rank test under the curves."""
    sample = _Sample(np.arange(design.size), None, None)
    return _contrast(design, endpoint, sample, "unadjusted", "crude", horizon, curves, ties)


def matched_contrast(
    design: Design, endpoint: Endpoint, adjustments: Adjustments, horizon: float, curves: CurveOptions, ties: Ties
) -> Contrast:
    """Compare the matched patients; the variance of the hazard ratio is clustered by pair (Austin 2014).

    Raises `FitError` where there are no pairs.
    """
    matching = adjustments.matching
    if matching.n_sets == 0:
        raise FitError("matched comparison: no two patients of the arms are within the caliper; widen it.")
    paired = np.flatnonzero(matching.pair >= 0)
    sample = _Sample(adjustments.rows[paired], None, matching.pair[paired])
    return _contrast(design, endpoint, sample, "matched", matching.target, horizon, curves, ties)


def weighted_contrast(
    design: Design, endpoint: Endpoint, adjustments: Adjustments, horizon: float, curves: CurveOptions, ties: Ties
) -> Contrast:
    """Compare the weighted arms; the test under the curves is the robust score test (Lin and Wei 1989)."""
    weighting = adjustments.weighting
    sample = _Sample(adjustments.rows, weighting.weights, None, adjustments)
    return _contrast(design, endpoint, sample, "weighted", weighting.estimand, horizon, curves, ties)


def _contrast(
    design: Design,
    endpoint: Endpoint,
    sample: _Sample,
    adjustment: Adjustment,
    estimand: str,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> Contrast:
    time, event = endpoint.time[sample.rows], endpoint.event[sample.rows]
    treated = design.treatment.received[sample.rows]
    arms = _arms(design.treatment.labels, time, event, treated, sample.weights, horizon, curves)
    fit = cox(time, event, treated.astype(float), ties=ties, weights=sample.weights, cluster=sample.cluster)
    usable = fit.verdict is Verdict.CONVERGED
    label = design.treatment.label
    primary, *rest = _variances(fit, sample)
    named = {
        name: hazard_ratio(label, fit.coefficients[0] if usable else np.nan, se, curves.confidence)
        for name, se in (primary, *rest)
    }
    curve_test, curve_p = _curve_test(time, event, treated, fit, sample)
    pairs = sample.cluster
    paired = None if pairs is None else _paired_std_error(time, event, treated, pairs, horizon)
    return Contrast(
        endpoint=endpoint,
        adjustment=adjustment,
        estimand=estimand,
        arms=arms,
        ratio=named.pop(primary[0]),
        variance=primary[0],
        others=named,
        difference=rate_difference(arms, curves.confidence, std_error=paired),
        curve_test=curve_test,
        curve_p=curve_p,
        proportional_p=_proportional_p(time, event, treated, sample, ties) if usable else float("nan"),
        verdict=fit.verdict,
    )


def _arms(
    labels: Sequence[str],
    time: Floats,
    event: Bools,
    treated: Bools,
    weights: Floats | None,
    horizon: float,
    curves: CurveOptions,
) -> tuple[ArmCurve, ArmCurve]:
    control, active = (
        arm_curve(label, time[m], event[m], horizon, curves, None if weights is None else weights[m])
        for label, m in zip(labels, (~treated, treated), strict=True)
    )
    return control, active


def _variances(fit: CoxFit, sample: _Sample) -> list[tuple[str, float]]:
    """Return the standard errors of one fit by name, the one to be reported first."""
    model_based = float(np.sqrt(fit.naive_covariance[0, 0]))
    if sample.adjustments is not None:
        robust = (FIXED_WEIGHT_ROBUST, float(fit.std_error[0]))
        if fit.verdict is not Verdict.CONVERGED or sample.adjustments.weighting.truncation is not None:
            return [robust, (NAIVE, model_based)]
        return [robust, (STACKED, stacked_std_error(fit, sample.adjustments)), (NAIVE, model_based)]
    if sample.cluster is not None:
        return [(PAIR_ROBUST, float(fit.std_error[0])), (MODEL_BASED, model_based)]
    return [(MODEL_BASED, model_based)]


def _curve_test(time: Floats, event: Bools, treated: Bools, fit: CoxFit, sample: _Sample) -> tuple[str, float]:
    if fit.robust_score is not None:
        by_pair = "" if sample.cluster is None else ", clustered by pair"
        return f"robust score test{by_pair}", float(chdtrc(1, fit.robust_score))
    if not event.any():
        return "log-rank test", float("nan")
    return "log-rank test", log_rank(time, event, treated.astype(int)).p_value


def _proportional_p(time: Floats, event: Bools, treated: Bools, sample: _Sample, ties: Ties) -> float:
    if sample.weights is None:
        test = proportional_hazards_test(time, event, treated.astype(float), ties=ties)
        return float(test.p_value[0])
    return float(weighted_proportional_hazards_test(time, event, treated, sample.weights).p_value)


def rate_difference(
    arms: tuple[ArmCurve, ArmCurve], confidence: float, *, std_error: float | None = None
) -> RateDifference:
    """Subtract the survival of the first arm from that of the second; without `std_error` the arms are independent."""
    control, treated = (arm.rate for arm in arms)
    value = float(treated.survival[0] - control.survival[0])
    if std_error is None:
        std_error = float(np.hypot(treated.std_error[0], control.std_error[0]))
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    p_value = float(2 * ndtr(-abs(value / std_error))) if std_error > 0 else float("nan")
    return RateDifference(value, std_error, value - reach, value + reach, p_value)


def _paired_std_error(time: Floats, event: Bools, treated: Bools, pair: Counts, horizon: float) -> float:
    """Return the standard error of the difference at the horizon from influence values summed within pairs."""
    influence = np.zeros(time.size)
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        influence[arm] = sign * survival_influence(time[arm], event[arm], horizon)
    return float(np.sqrt(np.square(sum_by_cluster(influence[:, None], pair)).sum()))
