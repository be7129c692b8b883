"""Weighted means, standard deviations, quantiles and prevalences of one group of rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_levels, as_matrix, as_vector, as_weights, require

Divisor = Literal["reliability", "design"]
"""What a weighted sum of squares is divided by, with W the sum of the weights: see `weighted_deviation`."""

QuantileType = Literal[1, 2, 4, 7]
"""Hyndman and Fan's number of a definition of a quantile: see `weighted_quantile`."""

SAME = 1e-12
"""Share of the total within which a sum of weights has reached a probability."""


@dataclass(frozen=True, slots=True, eq=False)
class Prevalence:
    """The levels of a category and their weighted shares; every array is (k,)."""

    levels: np.ndarray
    rows: Floats
    """How many rows have the level, whatever their weight."""
    weight: Floats
    """The sum of their weights."""
    share: Floats
    std_error: Floats
    """Of the share, with the weights taken as known: sqrt(n / (n - 1) sum w^2 (z - share)^2) / W; NaN for one row."""


def weighted_mean(x: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Return the weighted mean (k,) of each column of x (n, k).

    >>> weighted_mean([1, 2, 6], [1, 2, 1])
    array([2.75])
    """
    columns, case_weights = _checked(x, weights)
    return columns[0] + case_weights @ (columns - columns[0]) / case_weights.sum()


def weighted_deviation(x: ArrayLike, weights: ArrayLike | None = None, *, divisor: Divisor = "reliability") -> Floats:
    """Return the weighted standard deviation (k,) of each column of x (n, k); NaN for a single row.

    The sum of w (x - mean)^2 is divided by W - (sum of w^2) / W (`reliability`: unbiased where weights do not bear
    on the values) or by W (n - 1) / n (`design`: as `svyvar` of R's survey, and the tables made with it). Without
    weights both are n - 1. Neither changes when all weights are doubled.

    >>> [weighted_deviation([1, 2, 6], [1, 2, 1], divisor=divisor).round(3) for divisor in ("reliability", "design")]
    [array([2.429]), array([2.352])]
    """
    columns, case_weights = _checked(x, weights)
    n, total = case_weights.size, float(case_weights.sum())
    if divisor == "reliability":
        below = total - float(case_weights @ case_weights) / total
    elif divisor == "design":
        below = total * (n - 1) / n
    else:
        raise InputError(f"`divisor` must be reliability or design; it is {divisor!r}.")
    if n < 2:
        return np.full(columns.shape[1], np.nan)
    centred = columns - columns[0]
    centred -= case_weights @ centred / total
    with np.errstate(divide="ignore", invalid="ignore"):  # where one row has all the weight but for rounding
        return np.sqrt(case_weights @ np.square(centred) / below)


def weighted_quantile(
    x: ArrayLike, probability: ArrayLike, weights: ArrayLike | None = None, *, kind: QuantileType = 2
) -> Floats:
    """Return weighted quantiles (q,) of x (n,) at each `probability` (q,).

    With the rows in ascending order, C the running sum of their weights and W its end, `kind` is Hyndman and Fan's

    - 1: the least x with C >= p W (survey's "math");
    - 2: the same, but the mean with the next x where C is p W exactly (survey's "school"; SAS, Stata);
    - 4: linear in C / W (survey before version 4.1, and so tableone);
    - 7: linear in the sum of the weights before a row, over that before the last row (survey's "hf7").

    With equal weights they are R's `quantile(type = kind)`. In kinds 4 and 7, of rows with the same x the lighter
    comes first, so that the order of the data plays no part; survey leaves tied rows as they stand. In kind 7 the
    weight of the largest row plays no part.

    >>> weighted_quantile([1, 2, 3, 4], [0.25, 0.5]), weighted_quantile([1, 2, 3, 4], [0.5], [1, 1, 1, 7], kind=7)
    (array([1.5, 2.5]), array([2.5]))

    Raises `InputError` where a value is not finite, a weight not positive, or a probability not between 0 and 1.

    Source: Hyndman and Fan, Am Stat 1996;50:361-365; Lumley, Complex Surveys, Wiley 2010.
    """
    values, at = as_vector("x", x), as_vector("probability", probability)
    require((at >= 0) & (at <= 1), "`probability` must be between 0 and 1")
    case_weights = as_weights("weights", weights, values.size)
    if values.size == 0:
        raise InputError("`x` must hold a row; it has none.")
    order = np.lexsort((case_weights, values))
    ordered, reached = values[order], np.cumsum(case_weights[order])
    total = reached[-1]
    if kind == 4:
        return np.interp(at, reached / total, ordered)
    if kind == 7:
        if values.size == 1:
            return np.full(at.size, values[0])
        return np.interp(at, np.concatenate(([0.0], reached[:-1])) / reached[-2], ordered)
    if kind not in (1, 2):
        raise InputError(f"`kind` must be 1, 2, 4 or 7; it is {kind!r}.")
    least = np.minimum(np.searchsorted(reached, (at - SAME) * total), values.size - 1)
    if kind == 1:
        return ordered[least]
    following = np.minimum(np.searchsorted(reached, (at + SAME) * total, side="right"), values.size - 1)
    return (ordered[least] + ordered[following]) / 2


def weighted_prevalence(labels: ArrayLike, weights: ArrayLike | None = None) -> Prevalence:
    """Return the weighted share of every level of a category (n,), the levels ascending.

    >>> found = weighted_prevalence(["b", "a", "b", "b"], [1, 2, 1, 1])
    >>> found.levels.tolist(), found.rows.tolist(), found.share.tolist()
    (['a', 'b'], [1.0, 3.0], [0.4, 0.6])

    Raises `InputError` where a label is missing, or a weight not positive.

    Source: Lumley, Complex Surveys, Wiley 2010, for the standard error.
    """
    levels, codes = as_levels("labels", labels)
    case_weights = as_weights("weights", weights, codes.size)
    if codes.size == 0:
        raise InputError("`labels` must hold a row; it has none.")
    n, total = codes.size, float(case_weights.sum())
    weight = np.asarray(np.bincount(codes, weights=case_weights, minlength=levels.size), dtype=float)
    share = weight / total
    squares = np.square(case_weights)
    inside = np.bincount(codes, squares, levels.size)
    # The sum of w^2 (z - share)^2, over the rows with the level and those without it.
    spread = inside * np.square(1.0 - share) + (squares.sum() - inside) * np.square(share)
    with np.errstate(divide="ignore", invalid="ignore"):
        std_error = np.sqrt(np.maximum(spread, 0.0) * n / np.float64(n - 1)) / total
    rows = np.bincount(codes, minlength=levels.size).astype(float)
    return Prevalence(levels=levels, rows=rows, weight=weight, share=share, std_error=std_error)


def _checked(x: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    columns = as_matrix("x", x)
    if columns.shape[0] == 0:
        raise InputError("`x` must hold a row; it has none.")
    return columns, as_weights("weights", weights, columns.shape[0])
