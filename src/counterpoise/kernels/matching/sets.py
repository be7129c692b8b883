"""What a matching is: who is linked with whom, in which set, with which weight."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_vector, require

Estimand = Literal["ATT", "ATE", "ATC"]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSets:
    """Sets made of n rows, by m links between a treated and a control row (none where strata were formed)."""

    treated: Counts
    """(m,) the treated row of each link; links come by set, then by the rank of the treated and the control row."""
    control: Counts
    """(m,) the control row of each link; a control that was used again is in several."""
    distance: Floats
    """(m,) the distance across each link, on the scale on which rows were matched."""
    link_set: Counts
    """(m,) the set of each link."""
    set: Counts
    """(n,) each row's set, from 0; -1 for the unmatched. A control in several sets carries the first of them: with
    replacement use `memberships`, never this."""
    weights: Floats
    """(n,) matching weights for `estimand`, 0 for the unmatched; in each arm they sum to its matched rows."""
    discarded: Bools
    """(n,) rows that were left out before matching."""
    treatment: Bools
    """(n,) whether each row is treated."""
    estimand: Estimand
    """Whose effect the weights give: the treated (ATT), the controls (ATC), both (ATE), as far as they are matched."""

    @property
    def total_distance(self) -> float:
        """Sum of the distances across all links, rounded once, so that it is the same in any order."""
        return math.fsum(self.distance.tolist())

    @property
    def n_sets(self) -> int:
        """Number of sets."""
        return int(max(self.set.max(initial=-1), self.link_set.max(initial=-1))) + 1

    @property
    def n_treated(self) -> int:
        """Number of matched treated rows."""
        return int(np.count_nonzero(self.treatment & (self.set >= 0)))

    @property
    def n_control(self) -> int:
        """Number of matched control rows, each counted once."""
        return int(np.count_nonzero(~self.treatment & (self.set >= 0)))

    @property
    def unmatched_treated(self) -> int:
        """Number of treated rows that are in no set, discarded ones included."""
        return int(np.count_nonzero(self.treatment)) - self.n_treated

    @property
    def unmatched_control(self) -> int:
        """Number of control rows that are in no set, discarded ones included."""
        return int(np.count_nonzero(~self.treatment)) - self.n_control

    @property
    def reuses(self) -> bool:
        """Whether some control is in more than one set."""
        return bool(self.link_set.size) and self.memberships()[0].size > self.n_treated + self.n_control

    @property
    def set_sizes(self) -> Counts:
        """(s, 2) the treated and the control rows in each set."""
        rows, sets = self.memberships()
        sizes = [np.bincount(sets[self.treatment[rows] == arm], minlength=self.n_sets) for arm in (True, False)]
        return np.column_stack(sizes)

    def memberships(self) -> tuple[Counts, Counts]:
        """Return the rows and sets (k,) of every membership, a reused control once for each of its sets."""
        if not self.link_set.size:
            rows = np.flatnonzero(self.set >= 0)
            rows = rows[np.argsort(self.set[rows], kind="stable")]
            return rows, self.set[rows]
        rows = np.concatenate([self.treated, self.control])
        both = np.unique(np.column_stack([np.tile(self.link_set, 2), rows]), axis=0)
        return both[:, 1], both[:, 0]


def set_weights(sets: ArrayLike, treatment: ArrayLike, *, estimand: Estimand = "ATT", scale: bool = True) -> Floats:
    """Weigh rows (n,) so that both arms have the make-up of the matched treated, the matched controls, or both.

    In a set of t treated and c controls the ATT gives the treated 1 and each control t / c; the ATC gives controls 1
    and the treated c / t; the ATE gives the treated (t + c) / t and controls (t + c) / c. With `scale` (as MatchIt
    does) the weights of each arm are then multiplied to sum to the number of its matched rows. Unmatched rows
    (set -1), and sets that hold one arm only, weigh 0.

    >>> set_weights([0, 0, 0, -1], [1, 0, 0, 0])
    array([1., 1., 1., 0.])
    >>> set_weights([0, 0, 0, 1, 1], [1, 0, 0, 1, 0], scale=False)
    array([1. , 0.5, 0.5, 1. , 1. ])

    Raises `InputError` where a set is not a whole number from -1 on, or no set holds both arms.

    Source: Hansen, J Am Stat Assoc 2004;99:609-618; Hong, Psychol Methods 2012;17:44-60.
    """
    treated = as_binary("treatment", treatment)
    number = as_vector("sets", sets, treated.size)
    require((number >= -1) & (number == np.rint(number)), "`sets` must be whole numbers, -1 for no set,")
    if estimand not in get_args(Estimand):
        raise InputError(f"`estimand` must be ATT, ATE or ATC; it is {estimand!r}.")
    number = number.astype(int)
    inside = number >= 0
    _, place = np.unique(number, return_inverse=True)
    t = np.bincount(place, weights=treated)[place]
    c = np.bincount(place, weights=~treated)[place]
    inside &= (t > 0) & (c > 0)
    if not inside.any():
        raise InputError("`sets` must hold treated patients and controls together; no set does.")
    t, c = np.where(inside, t, 1.0), np.where(inside, c, 1.0)
    of_treated = {"ATT": np.ones_like(t), "ATC": c / t, "ATE": (t + c) / t}[estimand]
    of_control = {"ATT": t / c, "ATC": np.ones_like(t), "ATE": (t + c) / c}[estimand]
    weights = np.where(inside, np.where(treated, of_treated, of_control), 0.0)
    if not scale:
        return weights
    # The sums before scaling are numbers of rows, so that no rounding depends on the order in which they are added.
    rows = {arm: int(np.count_nonzero(inside & (treated == arm))) for arm in (True, False)}
    total = {"ATT": rows[True], "ATC": rows[False], "ATE": rows[True] + rows[False]}[estimand]
    return weights * np.where(treated, rows[True] / total, rows[False] / total)


def sets_from_strata(
    strata: Counts, treatment: Bools, *, estimand: Estimand, discarded: Bools | None = None
) -> MatchedSets:
    """Make sets without links of strata (n,), -1 for none, leaving out those that hold one arm only.

    Sets keep the order of the strata's numbers. Raises `InputError` where no stratum holds both arms.
    """
    number = np.where(strata >= 0, strata, 0) + 1
    t, c = (np.bincount(number[(strata >= 0) & arm], minlength=number.max() + 1) for arm in (treatment, ~treatment))
    both = (t > 0) & (c > 0)
    sets = np.where((strata >= 0) & both[number], np.cumsum(both)[number] - 1, -1)
    none = np.zeros(0, dtype=int)
    return MatchedSets(
        treated=none,
        control=none,
        distance=np.zeros(0),
        link_set=none,
        set=sets,
        weights=set_weights(sets, treatment, estimand=estimand),
        discarded=np.zeros(treatment.size, dtype=bool) if discarded is None else discarded,
        treatment=treatment,
        estimand=estimand,
    )


def sets_from_links(
    links: tuple[Counts, Counts, Floats],
    treatment: Bools,
    *,
    estimand: Estimand = "ATT",
    tie_rank: Floats | None = None,
    replacement: bool = False,
    discarded: Bools | None = None,
) -> MatchedSets:
    """Make sets of links (treated rows, control rows, distances).

    Rows that links connect form a set; with `replacement` each treated row and its controls form one instead, and a
    control's weight is the sum of its shares, 1 / k in a set of k controls (ATT only). Sets are numbered by the
    smallest `tie_rank` (n,) among their rows, so that their numbers do not depend on the order of the rows.
    """
    treated, control, distance = links
    n = treatment.size
    rank = np.arange(n, dtype=float) if tie_rank is None else tie_rank
    raw = treated if replacement else _connected(treated, control, n)
    link_set = _numbered(raw, np.minimum(rank[treated], np.inf if replacement else rank[control]))
    order = np.lexsort((rank[control], rank[treated], link_set))
    treated, control, distance, link_set = treated[order], control[order], distance[order], link_set[order]
    sets = np.full(n, -1)
    sets[control[::-1]] = link_set[::-1]
    sets[treated] = link_set
    if not replacement:
        weights = set_weights(sets, treatment, estimand=estimand)
    elif estimand == "ATT":
        weights = _replacement_weights(treated, control, link_set, treatment)
    else:
        raise InputError(f"`estimand` must be ATT with replacement; it is {estimand!r}.")
    left_out = np.zeros(n, dtype=bool) if discarded is None else discarded
    return MatchedSets(treated, control, distance, link_set, sets, weights, left_out, treatment, estimand)


def _replacement_weights(treated: Counts, control: Counts, link_set: Counts, treatment: Bools) -> Floats:
    share = 1.0 / np.bincount(link_set)[link_set]
    weights: Floats = np.bincount(control, weights=share, minlength=treatment.size).astype(float)
    # The shares of each treated row sum to one.
    weights *= np.unique(control).size / np.unique(treated).size
    weights[treated] = 1.0
    return weights


def _connected(treated: Counts, control: Counts, n: int) -> Counts:
    """Return for each link the number of the connected component that it lies in."""
    graph = coo_array((np.ones(treated.size), (treated, control)), shape=(n, n))
    return connected_components(graph, directed=False)[1][treated]


def _numbered(raw: Counts, rank: Floats) -> Counts:
    """Renumber labels (m,) from 0 by the smallest rank that occurs with each."""
    _, place = np.unique(raw, return_inverse=True)
    smallest = np.full(place.max(initial=-1) + 1, np.inf)
    np.minimum.at(smallest, place, rank)
    number = np.empty(smallest.size, dtype=int)
    number[np.argsort(smallest, kind="stable")] = np.arange(smallest.size)
    return number[place]
