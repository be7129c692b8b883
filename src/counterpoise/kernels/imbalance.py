"""How far two arms differ in their covariates: standardised differences, variance ratios, distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_vector, as_weights, require
from counterpoise.kernels.logistic import require_both_arms

Denominator = Literal["pooled", "treated", "control", "hedges", "all", "weighted"]
"""Whose standard deviation a difference is divided by: see `standard_deviation`."""

Shares = Literal["sample", "binomial"]
"""The variance of a 0/1 column: that of any other column, or p (1 - p), which has n below instead of n - 1."""

BY_ESTIMAND: dict[str, Denominator] = {"ATT": "treated", "ATC": "control"}
"""Denominators by whose effect is estimated; pooled for every other estimand."""


@dataclass(frozen=True, slots=True, eq=False)
class Imbalance:
    """Imbalance of k columns between two arms; every array is (k,)."""

    smd: Floats
    """Mean of the treated less that of the controls, over a standard deviation that no adjustment changes."""
    std_error: Floats
    """Sampling error of `smd`."""
    variance_ratio: Floats
    """Variance of the treated over that of the controls."""
    mean_treated: Floats
    mean_control: Floats
    ks: Floats
    """Largest distance between the arms' distribution functions; for a 0/1 column, between the shares."""
    ecdf_mean: Floats
    """Mean of that distance over the distinct values of the rows compared; for a 0/1 column, between the shares."""
    sd_treated: Floats
    sd_control: Floats
    size_treated: float
    """Effective sample size of the treated."""
    size_control: float


def denominator_of(estimand: str) -> Denominator:
    """Return the denominator that goes with an estimand: ATT treated, ATC control, every other one pooled.

    >>> denominator_of("ATT"), denominator_of("ATE")
    ('treated', 'pooled')

    Source: Stuart, Lee and Leacy, J Clin Epidemiol 2013;66:S84-90.
    """
    return BY_ESTIMAND.get(estimand, "pooled")


def imbalance(
    x: ArrayLike,
    treatment: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    sampling_weights: ArrayLike | None = None,
    denominator: Denominator = "pooled",
    shares: Shares = "sample",
    scale: ArrayLike | None = None,
) -> Imbalance:
    """Compare the arms column by column; a category comes as one 0/1 column for every level.

    The denominator is that of the rows as given, with their `sampling_weights` (n,) but without the balancing
    `weights` (n,), which compare the arms multiplied by them (`standard_deviation`); for a matched subset
    pass the `scale` (k,) of the whole sample, so that adjusting cannot hide imbalance by changing the yardstick.
    The difference is 0 where both arms are constant and equal, infinite where they are constant and differ.
    The sampling error is Hedges and Olkin's, sqrt(1/m1 + 1/m0 + d^2 / (2 (m1 + m0))), with the arms' effective
    sample sizes as m1 and m0. Weighted variances are the unbiased ones of reliability weights, n - 1 unweighted;
    NaN in an arm of a single row. `shares` says which variance a 0/1 column has.

    >>> result = imbalance([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1])
    >>> result.smd, result.ks.round(3), result.ecdf_mean.round(3)
    (array([1.]), array([0.333]), array([0.25]))

    Raises `InputError` where a value is not finite, a weight not positive, or an arm empty.

    Source: Austin, Stat Med 2009;28:3083-3107; Hedges and Olkin 1985, p. 86, for the error; Austin and Stuart,
    Stat Med 2015;34:3661-3679, for weights.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    case_weights = as_weights("weights", weights, treated.size)
    case_weights = case_weights * as_weights("sampling_weights", sampling_weights, treated.size)
    if scale is None:
        chosen = {"sampling_weights": sampling_weights, "weights": weights}
        scale = standard_deviation(columns, treated, denominator, shares=shares, **chosen)
    return imbalances(columns, treated, [case_weights], scale=scale, shares=shares)[0]


def imbalances(
    x: ArrayLike,
    treatment: ArrayLike,
    weightings: Sequence[ArrayLike | None],
    *,
    scale: ArrayLike,
    shares: Shares = "sample",
) -> tuple[Imbalance, ...]:
    """Compare the arms under each of several `weightings` (n,) of the same rows, by one yardstick (k,).

    Each column is sorted once for all of them. `imbalance` says what is computed.

    >>> before, after = imbalances([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1], [None, [1, 1, 4, 4, 1, 1]], scale=[1])
    >>> before.smd, after.smd.round(3)
    (array([1.]), array([0.]))
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    yardstick = as_vector("scale", scale, columns.shape[1])
    require(yardstick >= 0, "`scale` must not be negative")
    _require_one_of("shares", shares, get_args(Shares))
    arms = [_Arms.of(treated, as_weights("weights", weights, treated.size)) for weights in weightings]
    found: Floats = np.empty((len(arms), 6, columns.shape[1]))
    for j in range(columns.shape[1]):
        _compare(np.ascontiguousarray(columns[:, j]), arms, shares, found[:, :, j])
    return tuple(_imbalance(values, arm, yardstick) for values, arm in zip(found, arms, strict=True))


def standard_deviation(
    x: ArrayLike,
    treatment: ArrayLike,
    denominator: Denominator = "pooled",
    *,
    sampling_weights: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    shares: Shares = "sample",
) -> Floats:
    """Return the yardstick (k,) of the standardised difference, from sample variances (n - 1).

    - `pooled`: sqrt((s1^2 + s0^2) / 2), which does not lean to the larger arm;
    - `treated`, `control`: one arm's;
    - `hedges`: sqrt(((n1 - 1) s1^2 + (n0 - 1) s0^2) / (n - 2)) over Hedges's correction 1 - 3 / (4 n - 9);
    - `all`: that of both arms taken together, which grows with the difference itself;
    - `weighted`: the same under the balancing `weights` (n,), which no other denominator looks at.

    `sampling_weights` (n,) count in all of them, the numbers of rows n apart. An arm of a single row has no
    variance and counts as zero.

    >>> standard_deviation([1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1]).round(3)
    array([1.581])

    Source: Hedges, J Educ Stat 1981;6:107-128, equation 6e, for the correction.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    _require_one_of("denominator", denominator, get_args(Denominator))
    _require_one_of("shares", shares, get_args(Shares))
    sampled = as_weights("sampling_weights", sampling_weights, treated.size)
    if denominator in ("all", "weighted"):
        together = sampled * as_weights("weights", weights, treated.size) if denominator == "weighted" else sampled
        return np.sqrt(_variance(columns, together, shares))
    first, second = (_variance(columns[arm], sampled[arm], shares) for arm in (treated, ~treated))
    if denominator == "pooled":
        return np.sqrt((first + second) / 2)
    if denominator == "hedges":
        return _hedges(first, second, int(treated.sum()), int((~treated).sum()))
    return np.sqrt(first if denominator == "treated" else second)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Arms:
    """Rows and weights of both arms, the treated first, and what each row adds to the distance of the arms."""

    rows: tuple[Counts, Counts]
    weights: tuple[Floats, Floats]
    sizes: tuple[float, float]
    step: Floats

    @classmethod
    def of(cls, treated: Bools, weights: Floats) -> "_Arms":
        rows = np.flatnonzero(treated), np.flatnonzero(~treated)
        first, second = weights[rows[0]], weights[rows[1]]
        step = np.where(treated, weights / first.sum(), -weights / second.sum())
        return cls(rows, (first, second), (effective_sample_size(first), effective_sample_size(second)), step)


def _require_one_of(name: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        raise InputError(f"`{name}` must be {', '.join(choices[:-1])} or {choices[-1]}; it is {given!r}.")


def _compare(column: Floats, arms: Sequence[_Arms], shares: Shares, found: Floats) -> None:
    """Fill (arms, 6) with the means, variances, and largest and mean distance of one column."""
    is_share = is_zero_or_one(column)
    for arm, values in zip(arms, found, strict=True):
        for i in range(2):
            values[i], values[2 + i] = _moments(column[arm.rows[i]], arm.weights[i], shares if is_share else "sample")
    found[:, 4:] = np.abs(found[:, :1] - found[:, 1:2]) if is_share else _distances(column, [a.step for a in arms])


def _imbalance(found: Floats, arms: _Arms, yardstick: Floats) -> Imbalance:
    gap, (first, second) = found[0] - found[1], arms.sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = np.where(gap == 0.0, 0.0, gap / yardstick)
        ratio = found[2] / found[3]
        error = np.sqrt(1 / first + 1 / second + np.square(smd) / (2 * (first + second)))
    return Imbalance(
        smd=smd,
        std_error=error,
        variance_ratio=ratio,
        mean_treated=found[0],
        mean_control=found[1],
        ks=found[4],
        ecdf_mean=found[5],
        sd_treated=np.sqrt(found[2]),
        sd_control=np.sqrt(found[3]),
        size_treated=first,
        size_control=second,
    )


def _moments(values: Floats, weights: Floats, shares: Shares) -> tuple[float, float]:
    """Weighted mean and unbiased variance; the variance of a single row is NaN."""
    total = weights.sum()
    # Measured from the first row, a constant column has a variance of exactly zero.
    centred = values - values[0]
    offset = float(weights @ centred / total)
    mean = float(values[0]) + offset
    if values.size < 2:
        return mean, np.nan
    if shares == "binomial":
        return mean, mean * (1.0 - mean)
    centred -= offset
    with np.errstate(divide="ignore", invalid="ignore"):  # where one row has all the weight but for rounding
        return mean, float(weights @ np.square(centred) * total / (total * total - weights @ weights))


def _variance(columns: Floats, weights: Floats, shares: Shares) -> Floats:
    """Variance of each column; zero for a single row."""
    variances: Floats = np.zeros(columns.shape[1])
    for j in range(columns.shape[1]):
        column = np.ascontiguousarray(columns[:, j])
        kind: Shares = shares if shares == "sample" or is_zero_or_one(column) else "sample"
        variances[j] = _moments(column, weights, kind)[1]
    return np.nan_to_num(variances, nan=0.0)


def _hedges(first: Floats, second: Floats, treated: int, control: int) -> Floats:
    rows = treated + control
    if rows < 3:
        raise InputError(f"`denominator` hedges takes three rows or more; there are {rows}.")
    pooled = np.sqrt(((treated - 1) * first + (control - 1) * second) / (rows - 2))
    return pooled / (1.0 - 3.0 / (4.0 * rows - 9.0))


def is_zero_or_one(column: Floats) -> bool:
    """Return whether a column holds zeros and ones only.

    >>> is_zero_or_one(np.array([0.0, 1.0])), is_zero_or_one(np.array([0.0, 2.0]))
    (True, False)
    """
    # Most columns that hold anything else show it in their first rows.
    if not np.all((column[:64] == 0.0) | (column[:64] == 1.0)):
        return False
    return bool(np.all((column == 0.0) | (column == 1.0)))


def _distances(column: Floats, steps: Sequence[Floats]) -> Floats:
    """Largest and mean distance (s, 2) between the arms' weighted distribution functions over the distinct values."""
    order = np.argsort(column)
    ordered = column[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    distinct = int(np.count_nonzero(last))
    group: Counts | None = None
    if distinct < column.size:
        # Rows of one value are added in the order of the data: how a sort leaves them differs between processors.
        group = np.empty(column.size, dtype=np.intp)
        group[order] = np.cumsum(last) - last
    found: Floats = np.empty((len(steps), 2))
    for values, step in zip(found, steps, strict=True):
        distance = np.cumsum(step[order] if group is None else np.bincount(group, step, distinct))
        np.abs(distance, out=distance)
        values[:] = distance.max(), distance.mean()
    return found
