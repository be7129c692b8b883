"""Survival curves and linear predictors of new covariates under a fitted Cox model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector, require
from counterpoise.kernels.cox.baseline import Increments, increments, root_of, running
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits
from counterpoise.kernels.risk_set import TIE_TOLERANCE
from counterpoise.kernels.verdict import raise_unless_converged

MODEL = "the Cox model whose predictions are asked for"


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSurvival:
    """Survival of m covariate patterns at k times; every array but `time` is (m, k). Not estimable is NaN."""

    time: Floats
    """(k,)"""
    survival: Floats
    """exp(-`cumulative_hazard`)."""
    std_error: Floats
    """Of `survival`."""
    lower: Floats
    upper: Floats
    cumulative_hazard: Floats
    cumulative_std_error: Floats
    interval: IntervalType
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class LinearPredictor:
    """The log hazard ratio of m covariate patterns against a reference pattern; every array is (m,)."""

    value: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    hazard_ratio: Floats
    hazard_ratio_lower: Floats
    hazard_ratio_upper: Floats
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeSteps:
    """The cumulative increments of a fit read at k times in each of s strata; not estimable is NaN."""

    hazard: Floats
    """(s, k)"""
    variance: Floats
    """(s, k)"""
    drift: Floats
    """(s, p, k)"""
    group: Counts
    """(s, k) the last event time up to each time, as an index among the design's; -1 if none."""


def predict_survival(
    fit: CoxFit,
    x_new: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    times: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    follow_up: float | None = None,
    interval: IntervalType = "log",
    confidence: float = 0.95,
) -> PredictedSurvival:
    """Predict S(t) = exp(-H(t)) for the rows of `x_new` (m, p) at `times` (k,), the fit's event times by default.

    H is the cumulative hazard of `baseline_hazard` times the row's hazard ratio; late entry of the fitted rows
    counts. A stratified fit needs the `stratum` of each new row, (m,) labels that it has seen. `offset` (m,) is zero
    by default. The variance of H has the increments' part and that of the coefficients (robust if the fit's is):
    R's `survfit(fit, newdata)`. The curve is 1 before its stratum's first event. After the last time at which anyone of
    the stratum was observed it is not known (NaN), unless `follow_up`, to which its last value is carried, is later.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> predict_survival(fit, x_new=[[0], [1]], times=[0, 6, 10]).survival.round(4)
    array([[1.    , 0.7165,    nan],
           [1.    , 0.2328,    nan]])

    Source: Tsiatis (1981), Annals of Statistics 9:93; Therneau and Grambsch (2000), Modeling Survival Data, section
    10.2.
    """
    check_interval(interval, confidence)
    steps = increments(fit, MODEL)
    x = covariates_of(fit, "x_new", x_new)
    codes = strata_of(fit, stratum, len(x))
    shift = np.zeros(len(x)) if offset is None else as_vector("offset", offset, len(x))
    at = np.unique(steps.design.event_time) if times is None else as_times(times)
    z = (x - steps.design.centre) / steps.design.scale
    ratio = np.exp(z @ steps.beta + shift - steps.log_scale)[:, None]
    used, of = np.unique(codes, return_inverse=True)
    read = read_steps(steps, used, at, follow_up)
    hazard = read.hazard[of]
    variance = read.variance[of]
    root = root_of(fit.covariance, steps.design.scale)
    for column in root.T:
        drift = np.einsum("spk,p->sk", read.drift, column)
        variance += ((z @ column)[:, None] * hazard - drift[of]) ** 2
    cumulative, relative = hazard * ratio, np.sqrt(variance) * ratio
    survival = np.exp(-cumulative)
    lower, upper = limits(survival, relative, interval, confidence)
    lower[np.isnan(survival)] = upper[np.isnan(survival)] = np.nan
    return PredictedSurvival(
        at, survival, survival * relative, lower, upper, cumulative, relative, interval, confidence
    )


def linear_predictor(
    fit: CoxFit,
    x_new: ArrayLike,
    *,
    reference: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    confidence: float = 0.95,
) -> LinearPredictor:
    """Predict (x - reference)'b for the rows of `x_new` (m, p), its exponential, and Wald limits of both.

    `reference` (p,) is zero by default: a pattern has no error against itself. R's `predict(type = "lp")` centres at
    means, its `reference = "zero"` is the default here. `offset` (m,) is added to the value.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> linear_predictor(fit, [[0], [1]]).hazard_ratio.round(4)
    array([1.    , 4.3723])
    """
    raise_unless_converged(fit.verdict, MODEL)
    check_confidence(confidence)
    x = covariates_of(fit, "x_new", x_new)
    difference = x if reference is None else x - as_vector("reference", reference, x.shape[1])
    value = difference @ fit.coefficients
    if offset is not None:
        value += as_vector("offset", offset, len(x))
    # the root keeps the variance positive; over unit scales it is that of the coefficients themselves
    root = root_of(fit.covariance, np.ones(x.shape[1]))
    std_error = np.sqrt(((difference @ root) ** 2).sum(axis=1))
    width = float(ndtri(0.5 + confidence / 2)) * std_error
    ends = value - width, value + width
    return LinearPredictor(value, std_error, *ends, np.exp(value), np.exp(ends[0]), np.exp(ends[1]), confidence)


def covariates_of(fit: CoxFit, name: str, x: ArrayLike) -> Floats:
    """Return (m, p) covariates of new rows, as many columns as the fit has coefficients."""
    p = fit.coefficients.size
    matrix = as_matrix(name, x)
    if matrix.shape[1] != p:
        raise InputError(f"`{name}` must have {p} columns, one a coefficient; it has {matrix.shape[1]}.")
    return matrix


def strata_of(fit: CoxFit, stratum: ArrayLike | None, m: int) -> Counts:
    """Return the (m,) codes of the strata of new rows, all of which the fit must have seen."""
    if fit.strata is None:
        if stratum is not None:
            raise InputError("`stratum` must be None: the fit has no strata.")
        return np.zeros(m, dtype=np.intp)
    if stratum is None:
        raise InputError("`stratum` must name the stratum of each new row: the fit is stratified.")
    labels = np.asarray(stratum)
    if labels.shape != (m,):
        raise InputError(f"`stratum` must have {m} elements, one a row; its shape is {labels.shape}.")
    try:
        code = np.minimum(np.searchsorted(fit.strata, labels), len(fit.strata) - 1)
    except TypeError as error:
        raise InputError("`stratum` must hold labels of the kind of the fit's strata.") from error
    require(np.asarray(fit.strata[code] == labels, dtype=bool), "`stratum` must be a stratum of the fit")
    return code


def as_times(times: ArrayLike) -> Floats:
    """Return (k,) times, finite and not negative."""
    at = as_vector("times", times)
    require(at >= 0, "`times` must be finite and non-negative")
    return at


def read_steps(steps: Increments, strata: Counts, at: Floats, follow_up: float | None = None) -> CumulativeSteps:
    """Read the cumulative increments of the strata with the given (s,) codes at (k,) times."""
    design = steps.design
    if follow_up is not None and not follow_up > 0:
        raise InputError(f"`follow_up` must be positive; it is {follow_up}.")
    tolerance = TIE_TOLERANCE * float(design.event_time.max())
    table = np.vstack((steps.hazard, steps.variance, steps.drift))
    table = np.concatenate((running(design, table), np.zeros((len(table), 1))), axis=1)
    group = np.full((strata.size, at.size), -1)
    unknown = np.zeros((strata.size, at.size), dtype=bool)
    for i, code in enumerate(strata.tolist()):
        mine = np.flatnonzero(design.event_stratum == code)
        unknown[i] = at > max(float(design.last_time[code]), follow_up or 0.0) + tolerance
        if mine.size:
            step = np.searchsorted(design.event_time[mine], at + tolerance, side="right")
            group[i] = np.where(step > 0, mine[step - 1], -1)
    values = np.where(unknown, np.nan, table[:, group])
    return CumulativeSteps(values[0], values[1], values[2:].transpose(1, 0, 2), group)
