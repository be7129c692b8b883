"""How far two arms differ in their covariates: standardised differences, variance ratios, KS, effective size."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_matrix, as_vector, as_weights, require
from counterpoise.kernels.logistic import require_both_arms

Denominator = Literal["pooled", "treated", "control"]


@dataclass(frozen=True, slots=True, eq=False)
class Imbalance:
    """Imbalance of k columns between two arms; every array is (k,).

    `smd` is the mean of the treated less that of the controls, over a standard deviation that no adjustment
    changes; `std_error` its sampling error; `variance_ratio` the treated arm's variance over the control's;
    `ks` the largest distance between the arms' distribution functions (for a 0/1 column, of proportions).
    """

    smd: Floats
    std_error: Floats
    variance_ratio: Floats
    mean_treated: Floats
    mean_control: Floats
    ks: Floats


def imbalance(
    x: ArrayLike,
    treatment: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    denominator: Denominator = "pooled",
    scale: ArrayLike | None = None,
) -> Imbalance:
    """Compare the arms column by column; a category comes as one 0/1 column for every level.

    The denominator is that of the rows as given, without weights (`standard_deviation`); for a matched subset
    pass the `scale` (k,) of the whole sample, so that adjusting cannot hide imbalance by changing the yardstick.
    The difference is 0 where both arms are constant and equal, infinite where they are constant and differ.
    The sampling error is Hedges and Olkin's, sqrt(1/m1 + 1/m0 + d^2 / (2 (m1 + m0))), with the arms' effective
    sample sizes as m1 and m0. Weighted variances are the unbiased ones of reliability weights, n - 1 unweighted.

    >>> result = imbalance([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1])
    >>> result.smd, result.ks.round(3)
    (array([1.]), array([0.333]))

    Raises `InputError` where a value is not finite, a weight not positive, or an arm empty.

    Source: Austin, Stat Med 2009;28:3083-3107; Hedges and Olkin 1985, p. 86, for the error; Austin and Stuart,
    Stat Med 2015;34:3661-3679, for weights.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    case_weights = as_weights("weights", weights, treated.size)
    if scale is None:
        yardstick = standard_deviation(columns, treated, denominator)
    else:
        yardstick = as_vector("scale", scale, columns.shape[1])
        require(yardstick >= 0, "`scale` must not be negative")
    mean_treated, variance_treated = _moments(columns[treated], case_weights[treated])
    mean_control, variance_control = _moments(columns[~treated], case_weights[~treated])
    sizes = [effective_sample_size(case_weights[arm]) for arm in (treated, ~treated)]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mean_treated - mean_control
        smd = np.where(gap == 0.0, 0.0, gap / yardstick)
        ratio = variance_treated / variance_control
        error = np.sqrt(1 / sizes[0] + 1 / sizes[1] + np.square(smd) / (2 * sum(sizes)))
    ks = _kolmogorov_smirnov(columns, treated, case_weights)
    return Imbalance(smd, error, ratio, mean_treated, mean_control, ks)


def standard_deviation(x: ArrayLike, treatment: ArrayLike, denominator: Denominator = "pooled") -> Floats:
    """Return the yardstick (k,) of the standardised difference, from sample variances (n - 1).

    `pooled` is sqrt((s1^2 + s0^2) / 2), which does not lean to the larger arm; `treated` and `control` are one
    arm's. An arm of a single row has no variance and counts as zero.

    >>> standard_deviation([1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1]).round(3)
    array([1.581])
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    variances = [_moments(columns[arm], np.ones(int(arm.sum())))[1] for arm in (treated, ~treated)]
    first, second = (np.nan_to_num(variance, nan=0.0) for variance in variances)
    if denominator == "pooled":
        return np.sqrt((first + second) / 2)
    if denominator == "treated":
        return np.sqrt(first)
    if denominator == "control":
        return np.sqrt(second)
    raise InputError(f"`denominator` must be pooled, treated or control; it is {denominator!r}.")


def effective_sample_size(weights: ArrayLike) -> float:
    """Return (sum w)^2 / sum w^2, the number of equally weighted rows that would be as precise.

    >>> effective_sample_size([1, 1, 2])
    2.6666666666666665

    Source: Kish 1965.
    """
    values = as_vector("weights", weights)
    require(values >= 0, "`weights` must not be negative")
    total = float(np.square(values).sum())
    if total == 0.0:
        raise InputError("`weights` must hold a positive weight; all are zero.")
    return float(values.sum()) ** 2 / total


def _moments(columns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted mean and unbiased variance of each column; the variance of a single row is NaN."""
    total = weights.sum()
    # Measured from the first row, a constant column has a variance of exactly zero.
    origin = columns[0]
    offset = weights @ (columns - origin) / total
    squares = weights @ np.square(columns - origin - offset)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares * total / (total * total - np.square(weights).sum())
    return origin + offset, np.where(columns.shape[0] > 1, variance, np.nan)


def _kolmogorov_smirnov(columns: Floats, treated: Bools, weights: Floats) -> Floats:
    """Largest distance between the arms' weighted distribution functions, column by column."""
    step = np.where(treated, weights / weights[treated].sum(), -weights / weights[~treated].sum())
    distance = np.zeros(columns.shape[1])
    for j, column in enumerate(columns.T):
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        last = np.append(ordered[1:] != ordered[:-1], True)
        distance[j] = np.abs(np.cumsum(step[order])[last]).max()
    return distance
