"""The variance of any weighted estimate, with the weights taken as known and as estimated."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_floats, require
from counterpoise.kernels.curves.intervals import check_confidence
from counterpoise.kernels.sandwich import group_codes, sum_by_cluster
from counterpoise.kernels.weighting.records import WeightModel, check_model

SmallSample = Literal["parameters", "effective"]
"""What is counted against the parameters: rows (or clusters), or the rows that the weights are worth."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedEstimate:
    """Estimates of any one shape, made with weights, and their errors with the weights known and estimated."""

    estimate: Floats
    fixed_std_error: Floats
    """The weights taken as known (Lin-Wei)."""
    stacked_std_error: Floats
    """The weights estimated: score, weights and estimate as one system of equations."""
    lower: Floats
    """Limits from `stacked_std_error`."""
    upper: Floats
    fixed_influence: Floats
    """(n, ...) what each row, with its weight, moves the estimates by, the weights taken as known."""
    stacked_influence: Floats
    """(n, ...) the same, through score and weights too."""
    factor: float
    """`small_sample_factor` of the rows and parameters; it is in no other field."""
    confidence: float


def stacked_influence(influence: ArrayLike, model: WeightModel, *, by_weight: ArrayLike | None = None) -> Floats:
    """Return what each of n rows moves an estimate by, through the parameters of its weights too.

    `influence` (n, ...) holds the influence values of estimates of any shape with the weights taken as known, as the
    estimators' records have them: w U, with U the derivative of the estimate by the weight of the row. The result,
    of the same shape, is

        w_i U_i + influence of row i on the parameters @ (sum over j of derivative_j U_j).

    The sum of its squares is the variance: score, weights and estimate are solved as one system of estimating
    equations (M-estimation). With q = 0 parameters it is `influence` itself. A row of weight zero has no U by
    division; it takes part in the sum over j only if `by_weight` (n, ...) gives U, and without that its weight must
    not move with the parameters (a trimmed row), else it is an error.

    >>> model = WeightModel(np.array([2.0, 1.0]), np.array([[1.0], [0.0]]), np.array([[0.5], [-0.5]]))
    >>> stacked_influence([0.4, -0.4], model)
    array([ 0.5, -0.5])

    Raises `InputError` where shapes differ or the model's numbers are not finite. NaN influence values (an estimate
    that failed) stay NaN.

    Source: Lin and Wei (1989), JASA 84:1074, for U; Stefanski and Boos (2002), Am Stat 56:29, for stacking; Shu,
    Young, Toh and Wang (2021), Biometrics 77:1101, for the weighted Cox model.
    """
    weights = check_model(model)
    own = _as_influence("influence", influence, weights.size)
    unit = _by_weight(own, model) if by_weight is None else _as_influence("by_weight", by_weight, weights.size)
    if unit.shape != own.shape:
        raise InputError(f"`by_weight` must have the shape of `influence`, {own.shape}; its shape is {unit.shape}.")
    if model.derivative.shape[1] == 0:
        return own.copy()
    flat = unit.reshape(weights.size, -1)
    return own + (model.influence @ (model.derivative.T @ flat)).reshape(own.shape)


def stacked_covariance(influence: ArrayLike, model: WeightModel, *, cluster: ArrayLike | None = None) -> Floats:
    """Return the (k, k) covariance of k estimates, (n, k) or (n,) `influence`, with the weights as estimated.

    The sum of squares and products of `stacked_influence`, summed first within (n,) `cluster` labels. No factor for
    small samples is in it: see `small_sample_factor`.

    >>> model = WeightModel(np.array([2.0, 1.0]), np.array([[1.0], [0.0]]), np.array([[0.5], [-0.5]]))
    >>> stacked_covariance([0.4, -0.4], model)
    array([[0.5]])

    Source: as for `stacked_influence`; for clusters Lee, Wei and Amato (1992), in Survival Analysis: State of the
    Art, 237.
    """
    values = stacked_influence(influence, model)
    if values.ndim > 2:
        raise InputError(f"`influence` must have shape (n, k); its shape is {values.shape}.")
    values = values.reshape(len(values), -1)
    values = values if cluster is None else sum_by_cluster(values, cluster)
    return values.T @ values


def weighted_estimate(
    estimate: ArrayLike,
    influence: ArrayLike,
    model: WeightModel,
    *,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WeightedEstimate:
    """Return the record of estimates of any shape (...) with their (n, ...) influence values, the weights known.

    Limits are the estimate with 1.96 stacked errors to either side.

    >>> model = WeightModel(np.array([2.0, 1.0]), np.array([[1.0], [0.0]]), np.array([[0.5], [-0.5]]))
    >>> found = weighted_estimate(1.0, [0.4, -0.4], model)
    >>> [round(float(value), 4) for value in (found.fixed_std_error, found.stacked_std_error, found.upper)]
    [0.5657, 0.7071, 2.3859]

    Source: as for `stacked_influence`.
    """
    check_confidence(confidence)
    values = as_floats("estimate", estimate)
    fixed = as_floats("influence", influence)
    stacked = stacked_influence(fixed, model)
    if fixed.shape[1:] != values.shape:
        raise InputError(f"`influence` must have shape (n, *{values.shape}); its shape is {fixed.shape}.")
    std_error = root_of_squares(stacked, cluster)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    return WeightedEstimate(
        estimate=values,
        fixed_std_error=root_of_squares(fixed, cluster),
        stacked_std_error=std_error,
        lower=values - reach,
        upper=values + reach,
        fixed_influence=fixed,
        stacked_influence=stacked,
        factor=small_sample_factor(model, cluster=cluster),
        confidence=confidence,
    )


def contrasts_of_arms(
    values: Floats,
    influence: Floats,
    model: WeightModel,
    *,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[WeightedEstimate, WeightedEstimate]:
    """Return the difference and the logarithm of the ratio of two arms' estimates, the second against the first.

    `values` is (2, ...), `influence` (n, 2, ...) with the weights taken as known. The log ratio is NaN where an
    estimate is not positive.

    >>> model = WeightModel(np.ones(2), np.zeros((2, 0)), np.zeros((2, 0)))
    >>> difference, log_ratio = contrasts_of_arms(np.array([0.4, 0.8]), np.array([[0.1, 0], [0, 0.1]]), model)
    >>> float(difference.estimate), round(float(log_ratio.estimate), 4), round(float(difference.fixed_std_error), 4)
    (0.4, 0.6931, 0.1414)
    """
    positive = np.where(values > 0, values, np.nan)
    log_ratio = np.asarray(np.log(positive[1] / positive[0]))
    relative = influence / positive
    relative = relative[:, 1] - relative[:, 0]
    relative[:, np.isnan(log_ratio)] = np.nan
    return (
        weighted_estimate(
            values[1] - values[0], influence[:, 1] - influence[:, 0], model, cluster=cluster, confidence=confidence
        ),
        weighted_estimate(log_ratio, relative, model, cluster=cluster, confidence=confidence),
    )


def small_sample_factor(
    model: WeightModel, kind: SmallSample = "parameters", *, cluster: ArrayLike | None = None
) -> float:
    """Return what a stacked standard error is multiplied by in small samples: sqrt(n / (n - q - 1)).

    q is the number of parameters of the weights and 1 is for the effect itself: the correction by degrees of freedom
    of Hinkley (HC1), whose rows are here score, weights and effect. n is the number of rows of positive weight
    ("parameters"), of clusters where there are any, or the rows that the weights are worth, (sum w)^2 / sum w^2
    ("effective"). NaN where n is not larger than q + 1.

    >>> model = WeightModel(np.ones(10), np.zeros((10, 3)), np.zeros((10, 3)))
    >>> round(small_sample_factor(model) ** 2, 4)
    1.6667

    Source: Hinkley (1977), Technometrics 19:285; MacKinnon and White (1985), J Econometrics 29:305; Kish (1965),
    Survey Sampling, for the effective number.
    """
    if kind not in get_args(SmallSample):
        raise InputError(f"`kind` must be 'parameters' or 'effective'; it is {kind!r}.")
    weights = check_model(model)
    count = float(np.count_nonzero(weights))
    if kind == "effective":
        count = float(weights.sum() ** 2 / np.square(weights).sum())
    elif cluster is not None:
        count = float(np.unique(group_codes("cluster", cluster, weights.size)[weights > 0]).size)
    left = count - model.derivative.shape[1] - 1
    return float(np.sqrt(count / left)) if left > 0 else float("nan")


def root_of_squares(influence: Floats, cluster: ArrayLike | None = None) -> Floats:
    """Return the standard errors (...) of (n, ...) influence values, summed within clusters first.

    >>> float(root_of_squares(np.array([3.0, 4.0])))
    5.0
    """
    flat = influence.reshape(len(influence), -1)
    if cluster is not None:
        flat = sum_by_cluster(flat, cluster)
    return np.sqrt(np.einsum("ij,ij->j", flat, flat)).reshape(influence.shape[1:])[()]


def weighing_rows(model: WeightModel, size: int) -> Bools:
    """Return which of `size` rows have a positive weight; there must be one.

    >>> weighing_rows(WeightModel(np.array([1.0, 0.0]), np.zeros((2, 0)), np.zeros((2, 0))), 2)
    array([ True, False])
    """
    rows = check_model(model, size) > 0
    if not rows.any():
        raise InputError("`model.weights` must hold a positive weight; all are zero.")
    return rows


def of_rows(name: str, values: ArrayLike | None, rows: Bools) -> np.ndarray | None:
    """Return the elements of (n,) or (n, k) `values` that belong to the `rows` chosen; None stays None.

    >>> of_rows("entry", [1, 2, 3], np.array([True, False, True]))
    array([1, 3])
    """
    if values is None:
        return None
    array = np.asarray(values)
    if array.ndim == 0 or array.shape[0] != rows.size:
        raise InputError(f"`{name}` must have {rows.size} elements, one a row; its shape is {array.shape}.")
    return array[rows]


def _by_weight(influence: Floats, model: WeightModel) -> Floats:
    """Return U from w U; zero in rows that weigh nothing whatever the parameters."""
    rows: Bools = np.asarray(model.weights > 0, dtype=bool)
    still = rows | ~(model.derivative != 0).any(axis=1)
    require(still, "`model.weights` must be positive where they move with the parameters")
    weights = np.where(rows, model.weights, 1.0).reshape(-1, *[1] * (influence.ndim - 1))
    shown = rows.reshape(weights.shape)
    return np.where(shown, influence / weights, 0.0)


def _as_influence(name: str, values: ArrayLike, size: int) -> Floats:
    array = as_floats(name, values)
    if array.ndim == 0 or array.shape[0] != size:
        raise InputError(f"`{name}` must have {size} rows, as the weights have; its shape is {array.shape}.")
    return array
