"""What imbalance is left: one yardstick before and after weighting and matching."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match import Matching
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_matrix
from counterpoise.kernels.imbalance import Denominator, Imbalance, imbalance, standard_deviation


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Imbalance of k columns before adjustment, after weighting and after matching.

    All differences are divided by the same `scale` (k,), that of the unadjusted sample named by `denominator`.
    `weighted` and `matched` are None where nothing was weighted or matched; a comparison of no sets is None too.
    """

    names: tuple[str, ...]
    denominator: Denominator
    scale: Floats
    unadjusted: Imbalance
    weighted: Imbalance | None
    matched: Imbalance | None


def check_balance(
    x: ArrayLike,
    treatment: ArrayLike,
    names: Sequence[str],
    *,
    weights: ArrayLike | None = None,
    pairs: Matching | None = None,
    denominator: Denominator = "pooled",
) -> Balance:
    """Compare the arms before adjustment, with `weights` (n,), and within the matched sets of `pairs`.

    Sets are compared with the weights of their matching. `x` (n, k) has a 0/1 column for every level of a category,
    the reference included; `names` names them.

    >>> balance = check_balance([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1], ["age"], weights=[1, 1, 4, 4, 1, 1])
    >>> balance.unadjusted.smd.round(3), balance.weighted.smd.round(3)
    (array([1.]), array([0.]))

    Source: Stuart, Lee and Leacy, J Clin Epidemiol 2013;66:S84-90, for the fixed denominator.
    """
    treated = as_binary("treatment", treatment)
    columns = as_matrix("x", x, rows=treated.size)
    if len(names) != columns.shape[1]:
        raise InputError(f"`names` must name the {columns.shape[1]} columns of `x`; it has {len(names)} names.")
    scale = standard_deviation(columns, treated, denominator)
    weighted = None if weights is None else imbalance(columns, treated, weights=weights, scale=scale)
    matched = None
    if pairs is not None and pairs.n_sets:
        rows = np.concatenate([pairs.treated, pairs.control]) if pairs.is_paired else np.flatnonzero(pairs.pair >= 0)
        set_weights = pairs.weights[rows] if pairs.is_weighted else None
        matched = imbalance(columns[rows], treated[rows], weights=set_weights, scale=scale)
    return Balance(
        names=tuple(names),
        denominator=denominator,
        scale=scale,
        unadjusted=imbalance(columns, treated, scale=scale),
        weighted=weighted,
        matched=matched,
    )


def largest_difference(result: Imbalance) -> float:
    """Return the largest absolute standardised difference, infinite if a column tells the arms apart.

    >>> largest_difference(imbalance([[1, 0], [2, 1], [3, 0], [4, 1]], [0, 0, 1, 1])).__round__(3)
    2.828
    """
    return float(np.abs(result.smd).max(initial=0.0))
