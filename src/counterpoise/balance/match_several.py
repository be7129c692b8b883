"""Matching of several arms by a common referent: sets of one of its patients and partners in every other arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match import Matching, match
from counterpoise.balance.match_options import MatchKeywords, MatchOptions, match_options
from counterpoise.balance.propensity import propensity
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels, as_matrix, as_vector
from counterpoise.kernels.matching.common_referent import ReferentSets, common_referent
from counterpoise.kernels.matching.sets import MatchedSets


@dataclass(frozen=True, slots=True, eq=False)
class ArmBalance:
    """The means of k columns in a arms, before and after matching."""

    names: tuple[str, ...]
    scale: Floats
    """(k,) the yardstick: the root of the mean of the arms' variances before matching."""
    mean_before: Floats
    """(k, a) the mean of each arm, everybody counted once."""
    mean_after: Floats
    """(k, a) the weighted mean of the matched of each arm."""

    @property
    def before(self) -> Floats:
        """(k,) the largest absolute standardised difference of any two arms before matching."""
        return _widest(self.mean_before, self.scale)

    @property
    def after(self) -> Floats:
        """(k,) the same after matching."""
        return _widest(self.mean_after, self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class ArmMatching:
    """Sets made of the n patients of a arms, and how they were made."""

    sets: ReferentSets
    """Who is in which set, with which weight, linked with whom."""
    options: MatchOptions
    """How each other arm was matched to the referent arm."""
    matchings: tuple[Matching, ...]
    """The matching of each other arm, ascending, over the patients of that arm and the referent arm."""
    balance: ArmBalance
    """The covariates of the arms, before and after."""

    @property
    def n_sets(self) -> int:
        """Number of complete sets; each holds one referent patient."""
        return self.sets.n_sets

    @property
    def referent(self) -> str | int | float | bool:
        """The label of the arm to which the others were matched."""
        return self.sets.labels[self.sets.referent]

    @property
    def weights(self) -> Floats:
        """(n,) matching weights, 0 for the unmatched; in each arm they sum to its matched patients."""
        return self.sets.weights

    @property
    def matched(self) -> Counts:
        """(a,) the matched patients of each arm."""
        return self._count(self.sets.set >= 0)

    @property
    def unmatched(self) -> Counts:
        """(a,) the patients of each arm who are in no complete set."""
        return self._count(self.sets.set < 0)

    @property
    def reuses(self) -> bool:
        """Whether a partner serves in more than one set."""
        return bool(np.unique(self.sets.partner).size < self.sets.partner.size)

    @property
    def is_weighted(self) -> bool:
        """Whether matched patients count differently."""
        return bool((np.abs(self.weights[self.sets.set >= 0] - 1.0) > 1e-12).any())

    def memberships(self) -> tuple[Counts, Counts, Floats]:
        """Return patient, set and share of every place in a set: 1 for the referent, 1 / k for k partners of an arm."""
        sets = self.sets
        row, first = np.unique(sets.row, return_index=True)
        _, group, size = np.unique(
            np.column_stack([sets.link_set, sets.arm[sets.partner]]), axis=0, return_inverse=True, return_counts=True
        )
        member = np.concatenate([row, sets.partner])
        place = np.concatenate([sets.link_set[first], sets.link_set])
        return member, place, np.concatenate([np.ones(row.size), 1.0 / size[group.ravel()]])

    def _count(self, chosen: Bools) -> Counts:
        return np.bincount(self.sets.arm[chosen], minlength=len(self.sets.labels))


def match_arms(
    arm: ArrayLike,
    x: ArrayLike,
    *,
    referent: str | int | float | bool | None = None,
    terms: Sequence[str] | None = None,
    options: MatchOptions | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    tie_rank: ArrayLike | None = None,
    seed: int = 0,
    **keywords: Unpack[MatchKeywords],
) -> ArmMatching:
    """Match each other arm to the referent arm, and keep the referent patients who have partners in all of them.

    `arm` (n,) holds two or more labels; the `referent` is the smallest arm by default (the first of equally small
    ones). For each other arm a score is fitted to the patients of the two arms, on `x` (n, q) with the names `terms`,
    and they are matched as `match` does with the referent as the treated arm; calipers are in standard deviations of
    that score. Only methods that match each referent patient on its own make sets that can be joined: nearest and
    optimal. The effects are those in the referent patients of complete sets. `options`, `columns`, `tie_rank` and
    `seed` are those of `match`.

    Balance is measured by the largest standardised difference between any two arms, over the root of the mean of the
    variances within arms before matching.

    >>> found = match_arms(list("aabbbccc"), [1.0, 2, 1, 2, 4, 2, 1, 5], caliper=None)
    >>> found.sets.set.tolist(), found.unmatched.tolist(), found.balance.after.tolist()
    ([0, 1, 0, 1, -1, 1, 0, -1], [0, 1, 1], [0.0])

    Raises `InputError` where the referent is no arm, the method is another, or no set is complete; it names the arm
    that cannot be matched.

    Source: Lopez and Gutman, Stat Sci 2017;32:432-454; McCaffrey et al., Stat Med 2013;32:3388-3414, for the balance.
    """
    if options is None:
        options = match_options(keywords)
    elif keywords:
        raise InputError("`options` and keywords exclude each other.")
    if options.method not in ("nearest", "optimal"):
        raise InputError(f"`method` must be nearest or optimal to match several arms; it is {options.method!r}.")
    labels, codes = as_levels("arm", arm)
    table = as_matrix("x", x, rows=codes.size)
    rank = np.random.default_rng(seed).permutation(codes.size).astype(float) if tie_rank is None else tie_rank
    rank = as_vector("tie_rank", rank, codes.size)
    base = labels[int(np.bincount(codes).argmin())] if referent is None else referent
    made: list[Matching] = []

    def match_one(rows: Counts, treatment: Bools) -> MatchedSets:
        score = propensity(treatment, table[rows], terms=terms)
        there = None if columns is None else {name: np.asarray(values)[rows] for name, values in columns.items()}
        made.append(match(score, options, columns=there, tie_rank=rank[rows]))
        return made[-1].sets

    sets = common_referent(arm, base, match_one, tie_rank=rank)
    names = tuple(terms) if terms is not None else tuple(f"x{j + 1}" for j in range(table.shape[1]))
    return ArmMatching(sets, options, tuple(made), arm_balance(table, sets, names))


def arm_balance(x: ArrayLike, sets: ReferentSets, names: Sequence[str]) -> ArmBalance:
    """Compare the columns of x (n, k) over all arms of matched sets; a category has a 0/1 column for every level.

    >>> found = match_arms(list("aabbbccc"), [1.0, 2, 1, 2, 4, 2, 1, 5], caliper=None)
    >>> arm_balance([1.0, 3, 1, 3, 9, 3, 1, 7], found.sets, ["age"]).mean_after.tolist()
    [[2.0, 2.0, 2.0]]

    Raises `InputError` where a value is not finite, or there is not one name a column.
    """
    columns = as_matrix("x", x, rows=sets.arm.size)
    if len(names) != columns.shape[1]:
        raise InputError(f"`names` must name the {columns.shape[1]} columns of `x`; it has {len(names)} names.")
    arms = [sets.arm == code for code in range(len(sets.labels))]
    origin = columns[0]
    before = [(columns[arm] - origin).mean(axis=0) for arm in arms]
    after = [np.average(columns[arm] - origin, axis=0, weights=sets.weights[arm]) for arm in arms]
    return ArmBalance(
        tuple(names),
        np.sqrt(np.mean([_variance(columns[arm]) for arm in arms], axis=0)),
        np.column_stack(before) + origin[:, None],
        np.column_stack(after) + origin[:, None],
    )


def _variance(columns: Floats) -> Floats:
    """Return the sample variance of each column; zero for a single patient."""
    return columns.var(axis=0, ddof=1) if columns.shape[0] > 1 else np.zeros(columns.shape[1])


def _widest(means: Floats, scale: Floats) -> Floats:
    gap = np.ptp(means, axis=1)
    gap = np.where(gap <= 1e-12 * np.abs(means).max(axis=1), 0.0, gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0.0, 0.0, gap / scale)
