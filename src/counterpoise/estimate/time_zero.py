"""The comparison of the arms as it stands and with each remedy of immortal time, one record an endpoint."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from counterpoise.design import Design, Endpoint
from counterpoise.design.time_zero import ExposureMonths, TimeZeroDesign
from counterpoise.errors import FitError, InputError
from counterpoise.estimate.contrasts import RateDifference
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.options import BootstrapOptions, CurveOptions
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import CoxFit, Ties, cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.time_zero.clone_censor_weight import clone_censor_weight
from counterpoise.kernels.time_zero.rows import landmark_rows, start_stop_rows
from counterpoise.kernels.verdict import Verdict

NAIVE = "naive"
UNKNOWN_RATE = (float("nan"), float("nan"), float("nan"))
UNKNOWN_RATES = (UNKNOWN_RATE, UNKNOWN_RATE)


@dataclass(frozen=True, slots=True, eq=False)
class TimeZeroEffect:
    """The effect on one endpoint by one analysis; what has no value, or is not defined, is NaN.

    `rates` are the survival of the controls and of the treated at the horizon, each with its limits; `n` counts
    patients, `treated` those of them who stand with the treated, `events` their events. `left_out` others were not at
    risk when this analysis begins. `reasons` say what could not be had.
    """

    analysis: str
    ratio: HazardRatio
    rates: tuple[tuple[float, float, float], tuple[float, float, float]]
    difference: RateDifference
    n: int
    treated: int
    events: int
    left_out: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TimeZeroAnalysis:
    """The naive analysis of one endpoint, and the remedies in the order of the plan; `missing` lack a covariate."""

    endpoint: Endpoint
    effects: tuple[TimeZeroEffect, ...]
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The patients who have every covariate; times in months from the origin."""

    endpoint: Endpoint
    time: Floats
    event: Bools
    received: Bools
    start: Floats
    entry: Floats | None
    usual_entry: Floats | None
    """The entry that the endpoint has without remedies."""
    x: Floats
    horizon: float
    curves: CurveOptions
    ties: Ties


def time_zero_analyses(
    design: Design, horizon: float, curves: CurveOptions, ties: Ties, bootstrap: BootstrapOptions
) -> tuple[TimeZeroAnalysis, ...]:
    """Estimate the effect as it stands and under each remedy of the plan; none where the plan has no [time_zero]."""
    plan = design.time_zero
    if plan is None:
        return ()
    found: list[TimeZeroAnalysis] = []
    for exposure in plan.exposures:
        endpoint = next(item for item in design.endpoints if item.name == exposure.endpoint)
        data = _data(design, plan, endpoint, exposure, horizon, curves, ties)
        effects = (_naive(data), *(_remedy(name, data, plan, bootstrap) for name in plan.options.remedies))
        found.append(TimeZeroAnalysis(endpoint, effects, int((~plan.terms.complete).sum())))
    return tuple(found)


def _data(
    design: Design,
    plan: TimeZeroDesign,
    endpoint: Endpoint,
    exposure: ExposureMonths,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> _Data:
    known = plan.terms.complete
    received = design.treatment.received[known]
    start = np.where(received, 0.0, np.inf) if exposure.start is None else exposure.start[known]
    return _Data(
        endpoint,
        endpoint.time[known],
        endpoint.event[known],
        received,
        start,
        None if exposure.entry is None else exposure.entry[known],
        None if endpoint.entry is None else endpoint.entry[known],
        plan.terms.x[known],
        horizon,
        curves,
        ties,
    )


def _remedy(name: str, data: _Data, plan: TimeZeroDesign, bootstrap: BootstrapOptions) -> TimeZeroEffect:
    try:
        if name == "landmark":
            return _landmark(data, float(plan.options.landmark_months or 0))
        if name == "time_varying":
            return _time_varying(data)
        if name == "delayed_entry":
            return _delayed_entry(data)
        return _clones(data, float(plan.options.grace_months or 0), bootstrap)
    except (FitError, InputError) as error:
        blank = hazard_ratio(data.endpoint.short, np.nan, np.nan, data.curves.confidence)
        reason = str(error).rstrip(".")
        return TimeZeroEffect(name, blank, UNKNOWN_RATES, UNKNOWN_DIFFERENCE, 0, 0, 0, 0, (reason,))


UNKNOWN_DIFFERENCE = RateDifference(*(float("nan"),) * 5)


def _naive(data: _Data) -> TimeZeroEffect:
    """Compare who ever had the treatment with who never had it, as the endpoint counts them."""
    rows = np.arange(data.time.size)
    return _compared(NAIVE, data, rows, data.received, data.time, data.event, data.usual_entry, 0.0)


def _landmark(data: _Data, at: float) -> TimeZeroEffect:
    """Classify who is at risk at the landmark by what had begun by then, and count from it."""
    inside = _inside(data)
    entry = None if data.entry is None else data.entry[inside]
    made = landmark_rows(data.time[inside], data.event[inside], data.start[inside], at=at, entry=entry)
    return _compared("landmark", data, inside[made.rows], made.treated, made.time, made.event, None, at)


def _inside(data: _Data) -> Counts:
    """Return the patients who were ever under observation."""
    return np.arange(data.time.size) if data.entry is None else np.flatnonzero(data.entry < data.time)


def _delayed_entry(data: _Data) -> TimeZeroEffect:
    """Count both arms from the date that everyone had to reach."""
    assert data.entry is not None
    rows = _inside(data)
    return _compared(
        "delayed_entry", data, rows, data.received[rows], data.time[rows], data.event[rows], data.entry[rows], 0.0
    )


def _compared(
    name: str,
    data: _Data,
    rows: Counts,
    treated: Bools,
    time: Floats,
    event: Bools,
    entry: Floats | None,
    since: float,
) -> TimeZeroEffect:
    """Compare rows that are each wholly treated or wholly not; the horizon is `since` months nearer."""
    fit = cox(time, event, np.column_stack([treated, data.x[rows]]), entry=entry, ties=data.ties)
    ratio, reasons = _ratio(fit, data)
    rates, errors = [UNKNOWN_RATE, UNKNOWN_RATE], [np.nan, np.nan]
    for arm, chosen in enumerate((~treated, treated)):
        if chosen.any() and data.horizon > since:
            begins = None if entry is None else entry[chosen]
            curve = kaplan_meier(
                time[chosen],
                event[chosen],
                entry=begins,
                interval=data.curves.interval,
                confidence=data.curves.confidence,
            )
            found = survival_at(curve, [data.horizon - since])
            rates[arm] = (float(found.survival[0]), float(found.lower[0]), float(found.upper[0]))
            errors[arm] = float(found.std_error[0])
    difference = _difference(rates[1][0] - rates[0][0], float(np.hypot(errors[0], errors[1])), data.curves.confidence)
    counts = (rows.size, int(treated.sum()), int(event.sum()), data.time.size - rows.size)
    return TimeZeroEffect(name, ratio, (rates[0], rates[1]), difference, *counts, reasons)


def _time_varying(data: _Data) -> TimeZeroEffect:
    """Count every patient as untreated until the treatment begins: a hazard ratio, and no curve of a group."""
    inside = _inside(data)
    entry = None if data.entry is None else data.entry[inside]
    made = start_stop_rows(data.time[inside], data.event[inside], data.start[inside], entry=entry)
    x = np.column_stack([made.treated, data.x[inside][made.rows]])
    fit = cox(made.time, made.event, x, entry=made.entry, cluster=made.rows, ties=data.ties)
    ratio, reasons = _ratio(fit, data)
    began = int(np.unique(made.rows[made.treated]).size)
    counts = (inside.size, began, int(made.event.sum()), data.time.size - inside.size)
    return TimeZeroEffect("time_varying", ratio, UNKNOWN_RATES, UNKNOWN_DIFFERENCE, *counts, reasons)


def _clones(data: _Data, grace: float, bootstrap: BootstrapOptions) -> TimeZeroEffect:
    found = clone_censor_weight(
        data.time,
        data.event,
        data.start,
        grace=grace,
        x=data.x if data.x.shape[1] else None,
        at=[data.horizon],
        ties=data.ties,
        replicates=bootstrap.replicates,
        seed=bootstrap.seed,
        confidence=data.curves.confidence,
    )
    ratio = hazard_ratio(data.endpoint.short, found.log_hazard_ratio, found.std_error, data.curves.confidence)
    rates = [
        (float(found.survival[arm, 0]), float(found.survival_lower[arm, 0]), float(found.survival_upper[arm, 0]))
        for arm in (0, 1)
    ]
    difference = _difference(float(found.difference[0]), float(found.difference_std_error[0]), data.curves.confidence)
    reasons = () if np.isfinite(found.log_hazard_ratio) else ("hazard ratio: no finite estimate",)
    counts = (data.time.size, found.began, int(data.event.sum()), 0)
    return TimeZeroEffect("clone_censor_weight", ratio, (rates[0], rates[1]), difference, *counts, reasons)


def _ratio(fit: CoxFit, data: _Data) -> tuple[HazardRatio, tuple[str, ...]]:
    usable = fit.verdict is Verdict.CONVERGED
    estimate, error = (float(fit.coefficients[0]), float(fit.std_error[0])) if usable else (np.nan, np.nan)
    ratio = hazard_ratio(data.endpoint.short, estimate, error, data.curves.confidence)
    return ratio, () if usable else (f"hazard ratio: {fit.verdict.value}",)


def _difference(value: float, std_error: float, confidence: float) -> RateDifference:
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    p_value = float(2 * ndtr(-abs(value / std_error))) if std_error > 0 else float("nan")
    return RateDifference(value, std_error, value - reach, value + reach, p_value)
