"""The treatment effect on each endpoint: unadjusted, matched and weighted, side by side."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from counterpoise.design import Design, Endpoint
from counterpoise.errors import FitError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.curves import ArmCurve, arm_curve
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.matched import (
    PAIR_ROBUST,
    SET_ROBUST,
    STRATIFIED,
    Sample,
    difference_std_error,
    fit_sample,
    matched_sample,
    proportional_p,
    robust_score_p,
    robust_std_error,
    rows_of,
    stratified_fit,
    two_way_limits,
)
from counterpoise.estimate.options import CurveOptions
from counterpoise.estimate.refitted import LeftOut
from counterpoise.estimate.stacked import stacked_influence
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import CoxFit, Ties
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curves.product_limit import quantile, survival_at
from counterpoise.kernels.effects.intervals import jackknife_influence, mixed_std_error
from counterpoise.kernels.verdict import Verdict

Adjustment = Literal["unadjusted", "matched", "weighted"]


NAIVE = "naive (weights taken as numbers of patients)"
MODEL_BASED = "model-based"
CORRECTED = "corrected, stacked and each patient left out"
STACKED = "stacked, estimation of the score included"
FIXED_WEIGHT_ROBUST = "robust, weights taken as fixed"
LEFT_OUT = "jackknife, score and weights refitted without each patient"
INDEPENDENT = "independent arms"
CLUSTERED = "clustered as the hazard ratio's"


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
    names; `others` maps the names of other variances to the same ratio under them, and `STRATIFIED` to that of a model
    stratified by matched set. `curve_p` is the test that
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
    difference_variance: str = INDEPENDENT
    """What the standard error of `difference` rests on."""


def unadjusted_contrast(
    design: Design, endpoint: Endpoint, horizon: float, curves: CurveOptions, ties: Ties
) -> Contrast:
    """Compare the arms as they are, with the log-rank test under the curves."""
    sample = Sample(np.arange(design.size))
    return _contrast(design, endpoint, sample, "unadjusted", "crude", horizon, curves, ties)


def matched_contrast(
    design: Design, endpoint: Endpoint, adjustments: Adjustments, horizon: float, curves: CurveOptions, ties: Ties
) -> Contrast:
    """Compare the matched patients, with the weights of their sets.

    The variance of the hazard ratio is robust and clustered by set (Austin 2014), by set and by patient where controls
    were used again (Austin and Cafri 2020); strata are no clusters. A model stratified by set stands beside it. Raises
    `FitError` where nobody was matched.
    """
    matching = adjustments.matching
    if matching.n_sets == 0:
        reason = matching.reason or "no two patients of the arms are within the caliper; widen it."
        raise FitError(f"matched comparison: {reason}")
    sample = matched_sample(matching, adjustments.rows)
    return _contrast(design, endpoint, sample, "matched", matching.target, horizon, curves, ties)


def weighted_contrast(
    design: Design,
    endpoint: Endpoint,
    adjustments: Adjustments,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
    left_out: LeftOut | None = None,
) -> Contrast:
    """Compare the weighted arms; the test under the curves is the robust score test (Lin and Wei 1989).

    With the effects that are `left_out` the variance of the hazard ratio is the corrected one, and that of the
    difference of survival the jackknife's; without them the stacked and the fixed-weight one lead. Truncated weights
    have the fixed-weight one alone.
    """
    weighting = adjustments.weighting
    sample = Sample(adjustments.rows, weighting.weights, adjustments=adjustments, left_out=left_out)
    found = _contrast(design, endpoint, sample, "weighted", weighting.estimand, horizon, curves, ties)
    if left_out is None or not np.isfinite(left_out.difference).all():
        return replace(found, difference_variance=FIXED_WEIGHT_ROBUST)
    error = float(np.sqrt(np.square(jackknife_influence(left_out.difference)).sum()))
    difference = rate_difference(found.arms, curves.confidence, std_error=error)
    return replace(found, difference=difference, difference_variance=LEFT_OUT)


def _contrast(
    design: Design,
    endpoint: Endpoint,
    sample: Sample,
    adjustment: Adjustment,
    estimand: str,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> Contrast:
    time, event, entry = endpoint.time[sample.rows], endpoint.event[sample.rows], endpoint.entry_of(sample.rows)
    treated = design.treatment.received[sample.rows]
    arms = _arms(design, endpoint, sample, horizon, curves)
    fit = fit_sample(time, event, treated, sample, ties, entry=entry)
    usable = fit.verdict is Verdict.CONVERGED
    label = design.treatment.label
    primary, *rest = _variances(fit, sample)
    named = {
        name: hazard_ratio(label, fit.coefficients[0] if usable else np.nan, se, curves.confidence)
        for name, se in (primary, *rest)
    }
    if sample.stratum is not None:
        within = stratified_fit(time, event, treated, sample, ties, entry=entry)
        named[STRATIFIED] = hazard_ratio(label, *within, curves.confidence)
    curve_test, curve_p = _curve_test(time, event, treated, fit, sample, ties, entry)
    std_error = difference_std_error(time, event, treated, sample, horizon, entry=entry)
    return Contrast(
        endpoint=endpoint,
        adjustment=adjustment,
        estimand=estimand,
        arms=arms,
        ratio=named.pop(primary[0]),
        variance=primary[0],
        others=named,
        difference=rate_difference(arms, curves.confidence, std_error=std_error),
        curve_test=curve_test,
        curve_p=curve_p,
        proportional_p=proportional_p(time, event, treated, sample, ties, entry=entry) if usable else float("nan"),
        verdict=fit.verdict,
        difference_variance=INDEPENDENT if std_error is None else CLUSTERED,
    )


def _arms(
    design: Design, endpoint: Endpoint, sample: Sample, horizon: float, curves: CurveOptions
) -> tuple[ArmCurve, ArmCurve]:
    rows, weights, cluster = _patients(sample)
    time, event, treated = endpoint.time[rows], endpoint.event[rows], design.treatment.received[rows]
    entry = endpoint.entry_of(rows)

    def drawn(label: str, arm: Bools) -> ArmCurve:
        own = None if weights is None else weights[arm]
        sets = None if cluster is None else cluster[arm]
        # Where each set has one patient of the arm, clusters say nothing.
        shared = None if sets is None or np.unique(sets).size == sets.size else sets
        came = None if entry is None else entry[arm]
        return arm_curve(label, time[arm], event[arm], horizon, curves, own, shared, entry=came)

    control, active = design.treatment.labels
    arms = drawn(control, ~treated), drawn(active, treated)
    if sample.patient is None:
        return arms
    of_row = design.treatment.received[sample.rows]
    first, second = (
        _in_two_ways(curve, endpoint, sample, arm, horizon) for curve, arm in zip(arms, (~of_row, of_row), strict=True)
    )
    return first, second


def _in_two_ways(arm: ArmCurve, endpoint: Endpoint, sample: Sample, chosen: Bools, horizon: float) -> ArmCurve:
    """Return the curve with the variance of the places in sets, of which `chosen` are those of the arm."""
    rows = sample.rows[chosen]
    entry = endpoint.entry_of(rows)
    curve = two_way_limits(arm.curve, endpoint.time[rows], endpoint.event[rows], rows_of(sample, chosen), entry=entry)
    return replace(arm, curve=curve, rate=survival_at(curve, [horizon]), median=quantile(curve, 0.5))


def _patients(sample: Sample) -> tuple[Counts, Floats | None, Counts | None]:
    """Return rows, weights and clusters in which every patient stands once."""
    if sample.own_rows is None:
        return sample.rows, sample.weights, sample.cluster
    return sample.own_rows, sample.own_weights, None


def _variances(fit: CoxFit, sample: Sample) -> list[tuple[str, float]]:
    """Return the standard errors of one fit by name, the one to be reported first."""
    model_based = float(np.sqrt(fit.naive_covariance[0, 0]))
    if sample.adjustments is not None:
        robust = (FIXED_WEIGHT_ROBUST, float(fit.std_error[0]))
        if fit.verdict is not Verdict.CONVERGED or sample.adjustments.weighting.truncation is not None:
            return [robust, (NAIVE, model_based)]
        influence = stacked_influence(fit, sample.adjustments)
        known = [(STACKED, float(np.sqrt(np.square(influence).sum()))), robust, (NAIVE, model_based)]
        if sample.left_out is None:
            return known
        error = mixed_std_error(influence, sample.left_out.log_hazard_ratio)
        return [(CORRECTED, error), *known] if np.isfinite(error) else known
    if sample.robust:
        unweighted = sample.weights is None and sample.patient is None
        return [
            (sample.robust, robust_std_error(fit, sample)),
            (MODEL_BASED if unweighted else NAIVE, model_based),
        ]
    return [(MODEL_BASED, model_based)]


def _curve_test(
    time: Floats, event: Bools, treated: Bools, fit: CoxFit, sample: Sample, ties: Ties, entry: Floats | None
) -> tuple[str, float]:
    if fit.robust_score is not None:
        by_set = {PAIR_ROBUST: ", clustered by pair", SET_ROBUST: ", clustered by set"}
        clustered = by_set.get(sample.robust, ", clustered by set and by patient" if sample.patient is not None else "")
        return f"robust score test{clustered}", robust_score_p(time, event, treated, fit, sample, ties, entry=entry)
    if not event.any():
        return "log-rank test", float("nan")
    return "log-rank test", log_rank(time, event, treated.astype(int), entry=entry).p_value


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
