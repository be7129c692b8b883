"""The treatment effect under further adjustments, each with an interval that knows that its score was estimated."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from counterpoise.balance import (
    Alternative,
    AlternativeOptions,
    Candidates,
    WeightOptions,
    alternative,
)
from counterpoise.design import Covariate, Design, Endpoint, design_terms, level_indicators
from counterpoise.errors import FitError, InputError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.contrasts import RateDifference
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.cox.terms import Columns
from counterpoise.kernels.doubly_robust.records import SurvivalModels
from counterpoise.kernels.doubly_robust.survival import doubly_robust_survival
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from counterpoise.kernels.effects.stacked import WeightedEstimate
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel

MAIN = "main"
NO_LATE_ENTRY = "the doubly robust estimate does not know delayed entry"


@dataclass(frozen=True, slots=True, eq=False)
class AlternativeEffect:
    """The effect on one endpoint under one further adjustment; what has no value is NaN.

    `ratio` is the marginal hazard ratio with the stacked variance, `fixed` the same with the weights taken as known;
    `rates` the survival of the control and of the treated arm at the horizon, `difference` treated less control there,
    and `mean_difference` the same of the restricted mean survival time up to it, in months. `reasons` say what could
    not be had.
    """

    endpoint: Endpoint
    ratio: HazardRatio
    fixed: HazardRatio
    rates: tuple[float, float]
    difference: RateDifference
    mean_difference: RateDifference
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AlternativeAnalysis:
    """One further adjustment and its effects, one an endpoint; no effects where it could not be made.

    `rows` (m,) index the patients who took part and were kept; `left_out` others lack a covariate.
    """

    name: str
    label: str
    adjustment: Alternative
    rows: Counts
    left_out: int
    effects: tuple[AlternativeEffect, ...]


def alternative_analyses(
    design: Design,
    adjustments: Adjustments,
    weights: WeightOptions,
    chosen: tuple[AlternativeOptions, ...],
    horizon: float,
    *,
    ties: Ties,
    confidence: float,
) -> tuple[AlternativeAnalysis, ...]:
    """Estimate the effect under each adjustment that was asked for, the main weighting first; none if none was."""
    if not chosen:
        return ()
    main = AlternativeOptions(
        name=MAIN, label="Main weighting", estimand=weights.estimand,
        stabilised=weights.stabilised and weights.estimand == "ATE",
               truncate=weights.truncate,
    )  # fmt: skip
    return tuple(_analysis(design, adjustments, options, horizon, ties, confidence) for options in (main, *chosen))


def _analysis(
    design: Design, adjustments: Adjustments, options: AlternativeOptions, horizon: float, ties: Ties, confidence: float
) -> AlternativeAnalysis:
    known = design.score.complete
    if options.method == "doubly robust":
        known = known & design.cox.complete
    rows = np.flatnonzero(known)
    made = alternative(_candidates(design, rows, adjustments), options)
    kept = rows[made.kept]
    effects = tuple(
        _effect(design, endpoint, kept, made, horizon, ties, confidence)
        for endpoint in design.endpoints
        if made.model is not None
    )
    label = options.label or default_label(options)
    return AlternativeAnalysis(options.name, label, made, kept, design.size - rows.size, effects)


def default_label(options: AlternativeOptions) -> str:
    """Return what tables call an adjustment that the plan gives no label.

    >>> default_label(AlternativeOptions(name="a", score="firth", trim="crump"))
    'Weights, Firth score, trimmed (crump)'
    """
    score = {"logistic": "logistic score", "firth": "Firth score", "ridge": "ridge score"}.get(options.score)
    parts = ["Doubly robust" if options.method == "doubly robust" else "Weights", score or options.score]
    if options.stabilised:
        parts.append("stabilised")
    if options.trim != "none":
        parts.append(f"trimmed ({options.trim})")
    if options.truncate:
        parts.append("truncated")
    return ", ".join(parts)


def _candidates(design: Design, rows: Counts, adjustments: Adjustments) -> Candidates:
    judged = np.hstack([level_indicators(item)[0] for item in design.score.covariates])[rows]
    return Candidates(
        treated=design.treatment.received[rows],
        covariates={item.name: _columns(item, rows) for item in design.score.covariates},
        judged=judged,
        scale=adjustments.balance.scale,
    )


def _columns(item: Covariate, rows: Counts) -> Columns:
    """Return the columns of one covariate, a category against its first level."""
    terms = design_terms([item])
    names = (item.name,) if item.kind != "category" else tuple(f"{item.name}: {level}" for level in item.levels[1:])
    return Columns(terms.x[rows], names)


def _effect(
    design: Design,
    endpoint: Endpoint,
    rows: Counts,
    made: Alternative,
    horizon: float,
    ties: Ties,
    confidence: float,
) -> AlternativeEffect:
    time, event, treated = endpoint.time[rows], endpoint.event[rows], design.treatment.received[rows]
    if made.options.method == "doubly robust" and made.score is not None:
        x = design.cox.x[rows]
        data = _Data(time, event, treated, horizon, ties, confidence, endpoint.entry_of(rows))
        return _doubly_robust(endpoint, data, made.score, x, made.options)
    assert made.model is not None
    data = _Data(time, event, treated, horizon, ties, confidence, endpoint.entry_of(rows))
    return _weighted(endpoint, data, made.model)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    time: Floats
    event: Bools
    treated: Bools
    horizon: float
    ties: Ties
    confidence: float
    entry: Floats | None


def _weighted(endpoint: Endpoint, data: _Data, model: WeightModel) -> AlternativeEffect:
    hazard = weighted_hazard_ratio(data.time, data.event, data.treated, model, entry=data.entry, ties=data.ties)
    usable = hazard.verdict is Verdict.CONVERGED
    estimate = hazard.log_hazard_ratio if usable else np.nan
    ratio, fixed = (
        hazard_ratio(endpoint.short, estimate, error if usable else np.nan, data.confidence)
        for error in (hazard.stacked_std_error, hazard.fixed_std_error)
    )
    reasons = [] if usable else [f"hazard ratio: {hazard.verdict.value}"]
    curves = weighted_survival(
        data.time, data.event, data.treated, model, [data.horizon], entry=data.entry, confidence=data.confidence
    )
    try:
        means = weighted_mean_difference(
            data.time, data.event, data.treated, model, data.horizon, entry=data.entry, confidence=data.confidence
        )
        mean_difference = _difference(means.difference)
    except InputError as error:
        mean_difference = UNKNOWN
        reasons.append(f"restricted mean: {str(error).rstrip('.')}")
    control, treated = (float(curves.survival.estimate[arm, 0]) for arm in (0, 1))
    difference = _difference(curves.difference)
    return AlternativeEffect(endpoint, ratio, fixed, (control, treated), difference, mean_difference, tuple(reasons))


def _doubly_robust(
    endpoint: Endpoint, data: _Data, score: ScoreFit, x: Floats, options: AlternativeOptions
) -> AlternativeEffect:
    blank = hazard_ratio(endpoint.short, np.nan, np.nan, data.confidence)
    if data.entry is not None:
        return AlternativeEffect(endpoint, blank, blank, (np.nan, np.nan), UNKNOWN, UNKNOWN, (NO_LATE_ENTRY,))
    try:
        found = doubly_robust_survival(
            data.time,
            data.event,
            data.treated,
            score,
            x,
            at=[data.horizon],
            horizon=data.horizon,
            x_censoring=None if options.censoring_model == "cox" else np.zeros((data.time.size, 0)),
            estimand=options.estimand,
            models=SurvivalModels(outcome=options.outcome_model, ties=data.ties),
            confidence=data.confidence,
        )
    except (FitError, InputError) as error:
        return AlternativeEffect(endpoint, blank, blank, (np.nan, np.nan), UNKNOWN, UNKNOWN, (str(error).rstrip("."),))
    means = found.restricted_mean
    assert means is not None
    control, treated = (float(found.survival[arm, 0]) for arm in (0, 1))
    difference = found.difference, found.difference_std_error, found.difference_lower, found.difference_upper
    mean = means.difference, means.difference_std_error, means.difference_lower, means.difference_upper
    return AlternativeEffect(
        endpoint, blank, blank, (control, treated), _with_p(*(float(v[0]) for v in difference)), _with_p(*mean), ()
    )


UNKNOWN = RateDifference(np.nan, np.nan, np.nan, np.nan, np.nan)


def _difference(found: WeightedEstimate) -> RateDifference:
    values = found.estimate, found.stacked_std_error, found.lower, found.upper
    return _with_p(*(float(np.ravel(value)[0]) for value in values))


def _with_p(value: float, std_error: float, lower: float, upper: float) -> RateDifference:
    p_value = float(2 * ndtr(-abs(value / std_error))) if std_error > 0 else float("nan")
    return RateDifference(value, std_error, lower, upper, p_value)
