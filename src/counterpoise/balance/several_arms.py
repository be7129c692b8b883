"""What imbalance is left between several arms: every pair by one yardstick, before and after weighting."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_weights
from counterpoise.kernels.imbalance import Imbalance, Shares, effective_sample_size, imbalances, standard_deviation
from counterpoise.kernels.weighting.multinomial import as_arms


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseImbalance:
    """Imbalance of p columns between the c = k (k - 1) / 2 pairs of k arms."""

    pairs: tuple[Imbalance, ...]
    """(c) each with arrays (p,); the second arm of the pair is its treated one."""
    largest: Floats
    """(p,) the largest absolute standardised difference over the pairs."""
    largest_pair: Counts
    """(p,) which pair has it."""
    largest_variance_ratio: Floats
    """(p,) the largest variance ratio over the pairs, taken so that it is 1 or more."""
    largest_ks: Floats
    """(p,) the largest distance of distribution functions over the pairs."""
    effective_sizes: Floats
    """(k,) (sum of w)^2 / sum of w^2 in each arm."""

    @property
    def smd(self) -> Floats:
        """(c, p) standardised differences, second arm less first."""
        return np.array([pair.smd for pair in self.pairs])


@dataclass(frozen=True, slots=True, eq=False)
class SeveralArmsBalance:
    """Imbalance of p columns between k arms before and after weighting, all divided by the same `scale`."""

    names: tuple[str, ...]
    first: Counts
    """(c,) the reference arm of each pair."""
    second: Counts
    """(c,) the arm that is compared with it."""
    denominator: str
    """Whose standard deviation `scale` is, in words."""
    scale: Floats
    """(p,) that of the rows as they are, whatever their weights."""
    sizes: Counts
    """(k,) rows in each arm."""
    unadjusted: PairwiseImbalance
    weighted: PairwiseImbalance | None
    """None without weights."""


def check_arm_balance(
    x: ArrayLike,
    arm: ArrayLike,
    names: Sequence[str],
    *,
    weights: ArrayLike | None = None,
    sampling_weights: ArrayLike | None = None,
    focal: int | None = None,
    shares: Shares = "sample",
) -> SeveralArmsBalance:
    """Compare (n,) arms 0, ..., k - 1 column by column and pair by pair, before and with `weights` (n,).

    `x` (n, p) has a 0/1 column for every level of a category, the reference included; `names` names its columns.
    Every difference, of every pair, is divided by one standard deviation: the root of the mean of the k arms'
    variances, or that of the `focal` arm where its patients are the target (ATT). Neither the pair nor the weights
    change it. `sampling_weights` (n,) count in it and before adjustment; `weights` are then taken to hold them.
    `shares` is the variance of a 0/1 column: as of any other, or "binomial", cobalt's p (1 - p).

    >>> found = check_arm_balance([1, 2, 3, 2, 3, 4, 3, 4, 5], [0, 0, 0, 1, 1, 1, 2, 2, 2], ["age"])
    >>> found.unadjusted.smd.ravel(), found.unadjusted.largest
    (array([1., 2., 1.]), array([2.]))

    Raises `InputError` as `imbalance` does, and where an arm of 0, ..., k - 1 is empty.

    Source: McCaffrey et al., Stat Med 2013;32:3388-3414; Stuart, Lee and Leacy, J Clin Epidemiol 2013;66:S84-90, for
    the fixed denominator.
    """
    codes, k = as_arms(arm)
    columns = as_matrix("x", x, codes.size)
    if len(names) != columns.shape[1]:
        raise InputError(f"`names` must name the {columns.shape[1]} columns of `x`; it has {len(names)} names.")
    if focal is not None and focal not in range(k):
        raise InputError(f"`focal` must be an arm from 0 to {k - 1}; it is {focal}.")
    sampled = as_weights("sampling_weights", sampling_weights, codes.size)
    variances = np.array([_variance(columns, codes == a, sampled, shares) for a in range(k)])
    scale = np.sqrt(variances.mean(axis=0) if focal is None else variances[focal])
    weightings = [sampled] if weights is None else [sampled, as_weights("weights", weights, codes.size)]
    pairs = list(combinations(range(k), 2))
    by_pair: list[tuple[Imbalance, ...]] = []
    for one, other in pairs:
        rows = (codes == one) | (codes == other)
        part = [weighting[rows] for weighting in weightings]
        by_pair.append(imbalances(columns[rows], codes[rows] == other, part, scale=scale, shares=shares))
    found = [_over_pairs(codes, k, w, pair) for w, pair in zip(weightings, zip(*by_pair, strict=True), strict=True)]
    first, second = np.array(pairs).T
    return SeveralArmsBalance(
        names=tuple(names),
        first=first,
        second=second,
        denominator="pooled over the arms" if focal is None else f"of arm {focal}",
        scale=scale,
        sizes=np.bincount(codes, minlength=k),
        unadjusted=found[0],
        weighted=found[1] if len(found) > 1 else None,
    )


def _variance(columns: Floats, rows: np.ndarray, sampled: Floats, shares: Shares) -> Floats:
    """Return the (p,) variances of an arm: those of a comparison of which it is the treated arm."""
    return np.square(standard_deviation(columns, rows, "treated", sampling_weights=sampled, shares=shares))


def _over_pairs(codes: Counts, k: int, weights: Floats, pairs: tuple[Imbalance, ...]) -> PairwiseImbalance:
    size = np.abs(np.array([pair.smd for pair in pairs]))
    ratio = np.array([pair.variance_ratio for pair in pairs])
    with np.errstate(divide="ignore"):
        ratio = np.maximum(ratio, 1.0 / ratio)
    return PairwiseImbalance(
        pairs=pairs,
        largest=size.max(axis=0),
        largest_pair=size.argmax(axis=0),
        largest_variance_ratio=ratio.max(axis=0),
        largest_ks=np.array([pair.ks for pair in pairs]).max(axis=0),
        effective_sizes=np.array([effective_sample_size(weights[codes == a]) for a in range(k)]),
    )
