"""What imbalance is left: one yardstick before and after weighting and matching."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match import Matching
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_levels, as_matrix, as_weights
from counterpoise.kernels.balance_terms import expanded_columns
from counterpoise.kernels.imbalance import (
    Denominator,
    Imbalance,
    Shares,
    denominator_of,
    imbalances,
    standard_deviation,
)
from counterpoise.kernels.overlap_coefficient import overlap_coefficient

Yardstick = Literal["overall", "subgroup"]
"""Whose standard deviations differences within a subgroup are divided by: everybody's, or the subgroup's own."""


@dataclass(frozen=True, slots=True, eq=False)
class SubgroupBalance:
    """The same columns compared within one subgroup; None throughout where it has patients of one arm only."""

    label: str
    treated: int
    """Number of its treated patients, and then of its controls."""
    control: int
    unadjusted: Imbalance | None
    weighted: Imbalance | None
    matched: Imbalance | None


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Overlap coefficients (k,) of the columns before and after weighting; None where nothing was weighted."""

    unadjusted: Floats
    weighted: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Imbalance of k columns before adjustment, after weighting and after matching.

    All differences are divided by the same `scale` (k,), that of the unadjusted sample named by `denominator`.
    `weighted` and `matched` are None where nothing was weighted or matched; a comparison of no sets is None too.
    `subgroups` and `overlap` are there on request.
    """

    names: tuple[str, ...]
    denominator: Denominator
    scale: Floats
    unadjusted: Imbalance
    weighted: Imbalance | None
    matched: Imbalance | None
    subgroups: tuple[SubgroupBalance, ...] = ()
    overlap: Overlap | None = None


def check_balance(  # noqa: PLR0913 - data, adjustments, the yardstick, and what is compared on request
    x: ArrayLike,
    treatment: ArrayLike,
    names: Sequence[str],
    *,
    weights: ArrayLike | None = None,
    pairs: Matching | None = None,
    denominator: Denominator | None = None,
    estimand: str | None = None,
    sampling_weights: ArrayLike | None = None,
    shares: Shares = "sample",
    squares: bool = False,
    interactions: bool = False,
    categories: Sequence[Hashable] | None = None,
    overlap: bool = False,
    within: ArrayLike | None = None,
    yardstick: Yardstick = "overall",
) -> Balance:
    """Compare the arms before adjustment, with `weights` (n,), and within the matched sets of `pairs`.

    Sets are compared with the weights of their matching. `x` (n, k) has a 0/1 column for every level of a category,
    the reference included; `names` names them.

    - `denominator` is pooled, unless an `estimand` is given, which decides then: ATT treated, ATC control;
    - `sampling_weights` (n,) count before and after, and in the yardstick; `weights` do not contain them;
    - `shares` says which variance a 0/1 column has;
    - `squares` and `interactions` of the columns come after them; columns with the same label in `categories` (k,),
      other than None, are levels of one category and have no product;
    - `overlap` adds overlap coefficients;
    - `within` (n,) labels subgroups, in each of which the same columns are compared by everybody's standard
      deviations, or by its own (`yardstick` subgroup).

    >>> balance = check_balance([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1], ["age"], weights=[1, 1, 4, 4, 1, 1])
    >>> balance.unadjusted.smd.round(3), balance.weighted.smd.round(3)
    (array([1.]), array([0.]))

    Raises `InputError` where the columns and their names do not fit, and as `imbalance` does.

    Source: Stuart, Lee and Leacy, J Clin Epidemiol 2013;66:S84-90, for the fixed denominator.
    """
    treated = as_binary("treatment", treatment)
    columns = as_matrix("x", x, rows=treated.size)
    if len(names) != columns.shape[1]:
        raise InputError(f"`names` must name the {columns.shape[1]} columns of `x`; it has {len(names)} names.")
    if squares or interactions:
        columns, names = expanded_columns(
            columns, names, squares=squares, interactions=interactions, categories=categories
        )
    chosen: Denominator = denominator or ("pooled" if estimand is None else denominator_of(estimand))
    if yardstick not in get_args(Yardstick):
        raise InputError(f"`yardstick` must be overall or subgroup; it is {yardstick!r}.")
    if chosen == "weighted" and weights is None:
        raise InputError("`denominator` weighted takes `weights`; none are given.")
    sample = _Sample(columns, treated, _sampled(sampling_weights, treated.size), weights, pairs, chosen, shares)
    everyone = np.ones(treated.size, dtype=bool)
    scale = sample.scale(everyone)
    unadjusted, weighted, matched = sample.compare(everyone, scale)
    return Balance(
        names=tuple(names),
        denominator=chosen,
        scale=scale,
        unadjusted=unadjusted,
        weighted=weighted,
        matched=matched,
        subgroups=() if within is None else _subgroups(sample, within, scale if yardstick == "overall" else None),
        overlap=sample.overlap() if overlap else None,
    )


def largest_difference(result: Imbalance) -> float:
    """Return the largest absolute standardised difference, infinite if a column tells the arms apart.

    >>> from counterpoise.kernels.imbalance import imbalance
    >>> largest_difference(imbalance([[1, 0], [2, 1], [3, 0], [4, 1]], [0, 0, 1, 1])).__round__(3)
    2.828
    """
    return float(np.abs(result.smd).max(initial=0.0))


def _sampled(weights: ArrayLike | None, size: int) -> Floats | None:
    return None if weights is None else as_weights("sampling_weights", weights, size)


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Patients, their covariates, and how they were adjusted; subgroups of them are told by who is `inside`."""

    columns: Floats
    treated: Bools
    sampled: Floats | None
    balancing: ArrayLike | None
    pairs: Matching | None
    denominator: Denominator
    shares: Shares

    def weights(self) -> Floats | None:
        """Balancing weights times those of the sampling."""
        if self.balancing is None:
            return None
        weights = as_weights("weights", self.balancing, self.treated.size)
        return weights if self.sampled is None else weights * self.sampled

    def scale(self, inside: Bools) -> Floats:
        sampled = None if self.sampled is None else self.sampled[inside]
        given = self.balancing if self.denominator == "weighted" else None
        balancing = None if given is None else as_weights("weights", given, self.treated.size)[inside]
        return standard_deviation(
            self.columns[inside],
            self.treated[inside],
            self.denominator,
            sampling_weights=sampled,
            weights=balancing,
            shares=self.shares,
        )

    def compare(self, inside: Bools, scale: Floats) -> tuple[Imbalance, Imbalance | None, Imbalance | None]:
        everyone, weights = bool(inside.all()), self.weights()
        columns, treated = (self.columns, self.treated) if everyone else (self.columns[inside], self.treated[inside])
        weightings = [None if self.sampled is None else self.sampled[inside]]
        if weights is not None:
            weightings.append(weights[inside])
        found = imbalances(columns, treated, weightings, scale=scale, shares=self.shares)
        return found[0], found[1] if weights is not None else None, self._matched(inside, scale)

    def _matched(self, inside: Bools, scale: Floats) -> Imbalance | None:
        pairs = self.pairs
        if pairs is None or not pairs.n_sets:
            return None
        rows = np.concatenate([pairs.treated, pairs.control]) if pairs.is_paired else np.flatnonzero(pairs.pair >= 0)
        rows = rows[inside[rows]]
        treated = self.treated[rows]
        if not treated.any() or treated.all():
            return None
        weights = pairs.weights[rows] if pairs.is_weighted else None
        if self.sampled is not None:
            weights = self.sampled[rows] if weights is None else weights * self.sampled[rows]
        return imbalances(self.columns[rows], treated, [weights], scale=scale, shares=self.shares)[0]

    def overlap(self) -> Overlap:
        weights = self.weights()
        after = None if weights is None else overlap_coefficient(self.columns, self.treated, weights=weights)
        return Overlap(overlap_coefficient(self.columns, self.treated, weights=self.sampled), after)


def _subgroups(sample: _Sample, labels: ArrayLike, scale: Floats | None) -> tuple[SubgroupBalance, ...]:
    """Compare within each subgroup, by its own standard deviations where no `scale` is given."""
    levels, codes = as_levels("within", labels, sample.treated.size)
    return tuple(_subgroup(sample, str(label), codes == k, scale) for k, label in enumerate(levels.tolist()))


def _subgroup(sample: _Sample, label: str, inside: Bools, scale: Floats | None) -> SubgroupBalance:
    treated = int(np.count_nonzero(sample.treated & inside))
    control = int(np.count_nonzero(inside)) - treated
    if treated == 0 or control == 0:
        return SubgroupBalance(label, treated, control, None, None, None)
    return SubgroupBalance(
        label, treated, control, *sample.compare(inside, sample.scale(inside) if scale is None else scale)
    )
