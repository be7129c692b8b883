"""What a balance table compares beyond single columns: levels of categories, squares, products of columns."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_levels, as_matrix, as_weights
from counterpoise.kernels.imbalance import is_zero_or_one
from counterpoise.kernels.logistic import require_both_arms

SINGULAR = 1e-8
"""Share of the largest variance of level shares below which a direction has none."""


def level_columns(labels: ArrayLike) -> tuple[np.ndarray, Floats]:
    """Return the levels (k,) of a category (n,), ascending, and a 0/1 column (n, k) for each of them.

    >>> levels, columns = level_columns(["I", "III", "I"])
    >>> levels.tolist(), columns.tolist()
    (['I', 'III'], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    """
    levels, codes = as_levels("labels", labels)
    return levels, (codes[:, None] == np.arange(levels.size)).astype(float)


def expanded_columns(
    x: ArrayLike,
    names: Sequence[str],
    *,
    squares: bool = False,
    interactions: bool = False,
    categories: Sequence[Hashable] | None = None,
) -> tuple[Floats, tuple[str, ...]]:
    """Return x (n, k) with squares and pairwise products of its columns, and their names.

    A 0/1 column has no square of its own. Columns that have the same label in `categories` (k,), other than None,
    are levels of one category, of which no patient has two: they have no product. Nor has a column with itself.

    >>> expanded_columns([[2.0, 1, 0], [3, 0, 1]], ["age", "I", "II"], squares=True, interactions=True,
    ...                  categories=[None, "stage", "stage"])
    (array([[2., 1., 0., 4., 2., 0.],
           [3., 0., 1., 9., 0., 3.]]), ('age', 'I', 'II', 'age²', 'age * I', 'age * II'))

    Raises `InputError` where names or categories are not one a column.
    """
    columns = as_matrix("x", x)
    width = columns.shape[1]
    of: Sequence[Hashable] = [None] * width if categories is None else categories
    for name, given in (("names", names), ("categories", of)):
        if len(given) != width:
            raise InputError(f"`{name}` must have one for each of the {width} columns of `x`; it has {len(given)}.")
    parts, labels = [columns], list(names)
    if squares:
        squared = [j for j in range(width) if not is_zero_or_one(columns[:, j])]
        parts.append(np.square(columns[:, squared]))
        labels += [f"{names[j]}²" for j in squared]
    if interactions:
        pairs = [(i, j) for i in range(width) for j in range(i + 1, width) if of[i] is None or of[i] != of[j]]
        first, second = [i for i, _ in pairs], [j for _, j in pairs]
        parts.append(columns[:, first] * columns[:, second])
        labels += [f"{names[i]} * {names[j]}" for i, j in pairs]
    return np.hstack(parts), tuple(labels)


def categorical_difference(labels: ArrayLike, treatment: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Return Yang and Dalton's standardised difference of a whole category: one number, without a sign.

    It is Mahalanobis's distance of the arms' shares of all levels but one, by the mean of their multinomial
    covariances; with two levels it is the absolute difference of a 0/1 column with binomial variances. `weights` (n,)
    weigh the shares and so its yardstick too. 0 where the arms do not differ, infinite where nobody varies in what
    they differ by. It grows with the number of levels: a table level by level says more.

    >>> round(categorical_difference(["a", "a", "b", "b", "a", "b", "c", "c"], [0, 0, 0, 0, 1, 1, 1, 1]), 4)
    1.4142

    Raises `InputError` where a label is missing, a weight not positive, or an arm empty.

    Source: Yang and Dalton, SAS Global Forum 2012, paper 335.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    levels, codes = as_levels("labels", labels, treated.size)
    case_weights = as_weights("weights", weights, treated.size)
    shares = [np.bincount(codes[arm], case_weights[arm], levels.size) / case_weights[arm].sum() for arm in
              (treated, ~treated)]  # fmt: skip
    # All levels but the last: any other choice of a reference gives the same distance.
    gap = (shares[0] - shares[1])[:-1]
    covariance = sum(np.diag(share[:-1]) - np.outer(share[:-1], share[:-1]) for share in shares) / 2
    inverse = np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True)
    if np.abs(gap - covariance @ inverse @ gap).max(initial=0.0) > SINGULAR:
        return float("inf")
    return float(np.sqrt(gap @ inverse @ gap))
