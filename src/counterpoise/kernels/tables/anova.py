"""Comparison of means over groups whose variances may differ."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtrc

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import as_levels, as_vector


@dataclass(frozen=True, slots=True)
class WelchAnova:
    """Welch's test that all groups have one mean; NaN where a group does not vary."""

    statistic: float
    numerator_df: float
    denominator_df: float
    p_value: float


def welch_anova(values: ArrayLike, group: ArrayLike) -> WelchAnova:
    """Test that k >= 2 groups have one mean, without assuming that they have one variance.

    `values` and `group` are (n,). With two groups the statistic is the square of Welch's t, with the same p-value.
    A group whose values are all equal has no variance to weigh it by: the answer is NaN, as in R's `oneway.test`.
    Fewer than two groups, or a group of one row, is an error.

    >>> result = welch_anova([1.0, 2.0, 3.0, 2.0, 4.0, 9.0], ["a", "a", "a", "b", "b", "b"])
    >>> round(result.statistic, 4), round(result.denominator_df, 4), round(result.p_value, 4)
    (1.9286, 2.3059, 0.2838)

    Source: Welch (1951), Biometrika 38:330.
    """
    values = as_vector("values", values)
    levels, codes = as_levels("group", group, values.size)
    if levels.size < 2:
        raise InputError(f"`group` must have at least two levels; it has {levels.size}.")
    size = np.bincount(codes)
    if size.min() < 2:
        level = levels[int(np.argmin(size))]
        raise InputError(f"Every level of `group` must have at least two rows; {level} has one.")
    mean = np.bincount(codes, weights=values) / size
    # A second look at the residuals' mean keeps large means from blurring small variances.
    residual = values - mean[codes]
    variance = np.bincount(codes, weights=residual**2) / (size - 1)
    if not (variance > 0).all():
        return WelchAnova(float("nan"), float(levels.size - 1), float("nan"), float("nan"))
    weight = size / variance
    share = weight / weight.sum()
    k = levels.size
    spread = float(((1 - share) ** 2 / (size - 1)).sum()) / (k**2 - 1)
    centred = mean - float((share * mean).sum())
    between = float((weight * centred**2).sum()) / (k - 1)
    statistic = between / (1 + 2 * (k - 2) * spread)
    denominator_df = 1 / (3 * spread)
    p_value = float(fdtrc(k - 1, denominator_df, statistic))
    return WelchAnova(statistic, float(k - 1), denominator_df, p_value)
