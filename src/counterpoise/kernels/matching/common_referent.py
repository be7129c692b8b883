"""Matching of several arms: each other arm to one referent arm, keeping the sets that are complete."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels, as_vector
from counterpoise.kernels.matching.sets import MatchedSets


@dataclass(frozen=True, slots=True, eq=False)
class ReferentSets:
    """Sets of one referent row and its partners in every other arm, made of n rows, by m links."""

    labels: tuple[str | int | float | bool, ...]
    """The a arms, ascending."""
    arm: Counts
    """(n,) each row's arm, an index into `labels`."""
    referent: int
    """The arm to which the others were matched, an index into `labels`."""
    row: Counts
    """(m,) the referent row of each link; links come by set, then by the partner's arm and rank."""
    partner: Counts
    """(m,) the partner's row."""
    distance: Floats
    """(m,) the distance across each link, each arm's on the scale on which it was matched."""
    link_set: Counts
    """(m,) the set of each link."""
    set: Counts
    """(n,) each row's set, from 0; -1 for the unmatched. A row in several sets carries the first of them."""
    weights: Floats
    """(n,) 1 for referent rows, a share 1 / k for each of k partners of an arm; in each arm they sum to its rows."""
    found: Counts
    """(a,) referent rows that have a partner in each arm, complete or not; for the referent arm the complete ones."""

    @property
    def n_sets(self) -> int:
        """Number of complete sets."""
        return int(self.found[self.referent])


def common_referent(
    arm: ArrayLike,
    referent: str | int | float | bool,
    match_one: Callable[[Counts, Bools], MatchedSets],
    *,
    tie_rank: ArrayLike | None = None,
) -> ReferentSets:
    """Match each other arm to the referent arm, and keep the referent rows that have partners in all of them.

    `match_one(rows, treatment)` is called once for each other arm, in ascending order: `rows` (k,) are the rows of the
    two arms, `treatment` (k,) is true for those of the referent arm. It returns their matching, `nearest_sets` or
    `optimal_pairs` of a score fitted to these rows, say. What comes of it is about the referent rows in complete sets
    (an ATT); the referent is best the smallest arm. Sets are numbered by the `tie_rank` (n,) of their referent row.

    >>> from counterpoise.kernels.matching.nearest_sets import nearest_sets
    >>> score = np.array([0.5, 0.9, 0.4, 0.1, 0.6, 0.2])
    >>> sets = common_referent(list("aabbcc"), "a", lambda rows, a: nearest_sets(score[rows], a))
    >>> sets.set.tolist(), sets.partner.tolist()
    ([0, 1, 1, 0, 1, 0], [3, 5, 2, 4])

    Raises `InputError` where the referent is no arm or the only one, `match_one` does not match each referent row on
    its own, or no set is complete.

    Source: Lopez and Gutman, Stat Sci 2017;32:432-454.
    """
    labels, codes = as_levels("arm", arm)
    n = codes.size
    rank = np.arange(n, dtype=float) if tie_rank is None else as_vector("tie_rank", tie_rank, n)
    places = np.flatnonzero(labels == referent)
    if not places.size or labels.size < 2:
        raise InputError(f"`referent` must be one of two or more arms; {referent!r} is not in {labels.tolist()}.")
    own = int(places[0])
    others = [code for code in range(labels.size) if code != own]
    parts = [_links(codes, code, own, str(labels[code]), match_one) for code in others]
    has_partner = np.zeros((labels.size, n), dtype=bool)
    for code, (rows, _, _) in zip(others, parts, strict=True):
        has_partner[code, rows] = True
    has_partner[own] = has_partner[others].all(axis=0)
    if not has_partner[own].any():
        counts = ", ".join(f"{has_partner[code].sum()} have one in {labels[code]}" for code in others)
        raise InputError(
            f"No patient of arm {referent} has a partner in every other arm: {counts}; loosen the limits, or set none."
        )
    row, partner, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
    kept = np.flatnonzero(has_partner[own][row])
    number = np.full(n, -1)
    complete = np.flatnonzero(has_partner[own])
    number[complete[np.argsort(rank[complete], kind="stable")]] = np.arange(complete.size)
    kept = kept[np.lexsort((rank[partner[kept]], codes[partner[kept]], number[row[kept]]))]
    row, partner, distance = row[kept], partner[kept], distance[kept]
    sets = number.copy()
    sets[partner[::-1]] = number[row][::-1]
    weights = _weights(number, row, partner, codes)
    answer = tuple(labels.tolist()), codes, own, row, partner, distance, number[row], sets, weights
    return ReferentSets(*answer, has_partner.sum(axis=1))


def _links(
    codes: Counts, code: int, own: int, label: str, match_one: Callable[[Counts, Bools], MatchedSets]
) -> tuple[Counts, Counts, Floats]:
    """Return the referent rows, partners and distances of one arm's links."""
    rows = np.flatnonzero((codes == own) | (codes == code))
    try:
        sets = match_one(rows, codes[rows] == own)
    except InputError as error:
        raise InputError(f"Arm {label}: {error}") from error
    of_set = np.unique(np.column_stack([sets.link_set, sets.treated]), axis=0)[:, 0]
    in_strata = not of_set.size and (sets.set >= 0).any()
    if in_strata or np.unique(of_set).size < of_set.size:
        raise InputError("`match_one` must match each referent row on its own: nearest or optimal, not full or strata.")
    return rows[sets.treated], rows[sets.control], sets.distance


def _weights(number: Counts, row: Counts, partner: Counts, codes: Counts) -> Floats:
    """Return 1 for referent rows, the sum of its shares for a partner, scaled to the matched rows of its arm."""
    _, group, size = np.unique(
        np.column_stack([number[row], codes[partner]]), axis=0, return_inverse=True, return_counts=True
    )
    weights = np.bincount(partner, weights=1.0 / size[group.ravel()], minlength=codes.size).astype(float)
    # The shares of an arm sum to the number of sets.
    weights *= np.bincount(codes[np.unique(partner)], minlength=codes.max() + 1)[codes] / (number.max() + 1)
    weights[number >= 0] = 1.0
    return weights
