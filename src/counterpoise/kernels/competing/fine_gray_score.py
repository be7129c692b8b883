"""The robust score test that k groups have one cumulative incidence, which also holds under weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.competing.causes import as_cause, cause_rows
from counterpoise.kernels.competing.fine_gray import (
    Convention,
    FineGrayVariance,
    censoring_codes,
    check_choices,
    score_contributions,
)
from counterpoise.kernels.competing.fine_gray_blocks import arrange
from counterpoise.kernels.competing.gray import chi_squared_of_rank, group_levels
from counterpoise.kernels.sandwich import sandwich


@dataclass(frozen=True, slots=True, eq=False)
class FineGrayScoreTest:
    """Robust score test that k groups have one cumulative incidence of the cause `of`, in the order of `levels`."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    of: int
    levels: np.ndarray
    """(k,) labels of the groups, ascending."""
    n: Counts
    """(k,) rows."""
    n_events: Counts
    """(k,) rows with an event of the cause, not their weights."""
    score: Floats
    """(k,) weighted events observed less expected; they add up to zero."""
    variance: Floats
    """(k, k) sum of squares of the rows' contributions to `score`."""


def fine_gray_score_test(  # noqa: PLR0913 - the terms of a Fine-Gray model, each with the default that leaves it out
    time: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    of: int = 1,
    weights: ArrayLike | None = None,
    censoring_group: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: FineGrayVariance = "fine-gray",
    censoring: Convention = "cmprsk",
) -> FineGrayScoreTest:
    """Test that the groups of (n,) `group` have one cumulative incidence, by the score of a Fine-Gray model.

    It is the robust score test at b = 0 of the model of `fine_gray` with an indicator of each group, and what to
    print beside weighted incidence curves. It is no weighted Gray test: without weights it asks what `gray_test`
    asks, but keeps those with a competing event by the censoring curve instead of each group's own survival. The
    options are those of `fine_gray`; give `censoring_group` where the groups are censored differently.

    Statistic and p-value are NaN, with 0 degrees of freedom, if there is no event of the cause.

    Raises `InputError` with fewer than two groups.

    >>> test = fine_gray_score_test(
    ...     time=[1, 2, 3, 4, 5, 6], cause=[1, 1, 2, 1, 0, 2], group=[0, 0, 0, 1, 1, 1], weights=[1, 2, 1, 1, 1, 1]
    ... )
    >>> round(test.statistic, 4), test.degrees_of_freedom, test.score.round(4)
    (1.7351, 1, array([ 1.1786, -1.1786]))

    Source: Fine and Gray (1999), JASA 94:496; Lin and Wei (1989), JASA 84:1074.
    """
    check_choices(variance, censoring)
    rows = cause_rows(time, cause, weights=weights, cluster=cluster)
    of, n = as_cause("of", of), rows.sets.n
    levels, codes = group_levels(group, n)
    curves = censoring_codes(censoring_group, n)
    k = levels.size
    score, covariance = np.zeros(k), np.zeros((k, k))
    if (rows.cause == of).any():
        x = (codes[:, None] == np.arange(k)).astype(float)
        design = arrange(rows, of, x, curves, events_first=censoring == "survival", weigh=censoring == "cmprsk")
        contributions = score_contributions(design, np.zeros(k), variance)
        score = contributions.sum(axis=0)
        covariance = sandwich(contributions, rows.cluster)
    statistic, degrees_of_freedom, p_value = chi_squared_of_rank(score, covariance)
    counts, events = (np.bincount(values, minlength=k) for values in (codes, codes[rows.cause == of]))
    return FineGrayScoreTest(statistic, degrees_of_freedom, p_value, of, levels, counts, events, score, covariance)
