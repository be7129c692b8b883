"""Who was left out by matching, and how they differ from those who were matched."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match import Matching
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_matrix, as_vector


@dataclass(frozen=True, slots=True)
class UnmatchedRow:
    """One column of the covariates in the matched and the unmatched of both arms; NaN where there is nobody."""

    name: str
    is_share: bool
    """Whether it holds 0 and 1 only, so that its mean is a share."""
    matched_treated: float
    """Mean of the treated patients who were matched, each counted once."""
    unmatched_treated: float
    """Mean of those who were not."""
    smd_treated: float
    """Mean of the unmatched treated less that of the matched treated, in standard deviations of the whole sample."""
    matched_control: float
    unmatched_control: float
    smd_control: float
    """The same of the controls."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The matched and the unmatched of both arms side by side, covariate by covariate."""

    rows: tuple[UnmatchedRow, ...]
    matched_treated: int
    unmatched_treated: int
    matched_control: int
    unmatched_control: int
    discarded_treated: int
    """Those of the unmatched treated who were discarded before matching."""
    discarded_control: int


def compare_unmatched(x: ArrayLike, names: Sequence[str], matching: Matching, scale: ArrayLike) -> Unmatched:
    """Compare those who were left out with those who were matched, column by column of x (n, k).

    `names` names the columns; `scale` (k,) are the standard deviations that differences are divided by, best those
    of `check_balance`. Weights play no part: who was left out is a question of patients.

    >>> from counterpoise.balance.propensity import propensity
    >>> from counterpoise.balance.match import match
    >>> age = [1.0, 2.0, 2.0, 3.0, 4.0, 3.0, 9.0]
    >>> score = propensity([0, 0, 1, 0, 1, 1, 1], age)
    >>> table = compare_unmatched(age, ["age"], match(score, caliper=99), [2.0])
    >>> table.unmatched_treated, table.rows[0].smd_treated > 0
    (1, False)

    Raises `InputError` where the columns, their names and the scale do not fit together.

    Source: Rosenbaum and Rubin, Biometrics 1985;41:103-116, on the bias of incomplete matching.
    """
    treated, matched = matching.sets.treatment, matching.pair >= 0
    columns = as_matrix("x", x, rows=treated.size)
    yardstick = as_vector("scale", scale, columns.shape[1])
    if len(names) != columns.shape[1]:
        raise InputError(f"`names` must name the {columns.shape[1]} columns of `x`; it has {len(names)} names.")
    groups = [arm & chosen for arm in (treated, ~treated) for chosen in (matched, ~matched)]
    means = [_means(columns, group) for group in groups]
    gaps = [_difference(means[1], means[0], yardstick), _difference(means[3], means[2], yardstick)]
    is_share = ((columns == 0) | (columns == 1)).all(axis=0)
    sizes = [int(np.count_nonzero(group)) for group in groups]
    out = [int(np.count_nonzero(matching.discarded & arm)) for arm in (treated, ~treated)]
    rows = zip(names, is_share.tolist(), means[0], means[1], gaps[0], means[2], means[3], gaps[1], strict=True)
    return Unmatched(tuple(UnmatchedRow(n, s, *(float(v) for v in values)) for n, s, *values in rows), *sizes, *out)


def _means(columns: Floats, group: Bools) -> Floats:
    return columns[group].mean(axis=0) if group.any() else np.full(columns.shape[1], np.nan)


def _difference(one: Floats, other: Floats, scale: Floats) -> Floats:
    gap = one - other
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0.0, 0.0, gap / scale)
