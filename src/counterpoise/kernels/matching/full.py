"""Full matching: everybody is placed in a set of one treated row and its controls, or of one control and its treated.

Without limits on the size of sets it is a least edge cover, which is one assignment problem. With them it is a flow,
solved as a linear programme whose corners are whole numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack
from scipy.sparse.csgraph import connected_components

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.matching.allowed_pairs import (
    Candidates,
    Limits,
    candidates,
    field,
    nearest_costs,
    preference,
)
from counterpoise.kernels.matching.assignment import heaviest_with_ties
from counterpoise.kernels.matching.distance import Distances
from counterpoise.kernels.matching.sets import Estimand, MatchedSets, sets_from_links

FIRST_PARTNERS = np.unique(np.concatenate([np.arange(12), 12 * 1.3 ** np.arange(60)]).astype(int))
"""The linear programme begins with each row's nearest 12 partners and ever fewer of those farther away."""

NEW_PARTNERS = 16
"""Edges that each row may add to the programme at a time."""

WHOLE = 1e-9
"""How far a bound, or one over it, may lie from a whole number: 1 / 3 is not exact."""

TOLERANCE = 1e-9
"""Violation that the solver allows of its constraints and reduced costs, which are scaled to the largest distance."""


@dataclass(frozen=True, slots=True)
class _Degrees:
    """How many partners a treated row, and a control, may have."""

    treated: tuple[int, int]
    control: tuple[int, int]


def full_match(
    distances: Distances | ArrayLike,
    treatment: ArrayLike,
    *,
    estimand: Estimand = "ATT",
    min_controls: float | None = None,
    max_controls: float | None = None,
    limits: Limits | None = None,
    tie_covariates: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> MatchedSets:
    """Place every row that has a partner within the limits in a set, so that the sum of all distances is least.

    A set is one treated row with one or more controls, or one control with several treated rows; its distances are
    those from the one to each of the others. `distances` is a score (n,), or what `covariate_distances` or
    `given_distances` make. Rows without any partner within the `limits` are left out; all others are placed.

    `min_controls` and `max_controls` bound the controls for each treated row of a set: 2 is two controls to one
    treated row, 1 / 3 one control to three treated rows. Bounds below one are inverses of whole numbers.

    Among solutions of the same total that with the most sets is taken, and of those the one nearest in
    `tie_covariates` (n, k). What still ties, and all that ties under bounds, is decided by the solver, to which rows
    come in the order of score, covariates and `tie_rank` (n,): the sets do not depend on the order of the rows so
    long as the ranks go with them.

    >>> sets = full_match([0.9, 0.2, 0.8, 0.3, 0.1], [1, 1, 0, 0, 0])
    >>> sets.set.tolist(), sets.weights.tolist(), round(sets.total_distance, 12)
    ([0, 1, 0, 1, 1], [1.0, 1.0, 1.5, 0.75, 0.75], 0.3)

    Raises `InputError` where an argument is not what it must be, the limits leave no pair, or no sets of the sizes
    asked for exist; the text names bounds that can be met.

    Source: Rosenbaum, J R Stat Soc B 1991;53:597-610; Hansen and Klopfer, J Comput Graph Stat 2006;15:609-627;
    Schrijver, Combinatorial Optimization (2003), section 19.3, for the reduction of an edge cover to a matching.
    """
    ground = field(distances, treatment, limits=limits, tie_covariates=tie_covariates, tie_rank=tie_rank)
    degrees = _degrees(min_controls, max_controls)
    if degrees is None:
        nearest = nearest_costs(ground)
        pairs = candidates(ground, within=nearest)
        chosen = _least_cover(pairs, *nearest)
    else:
        pairs = candidates(ground)
        chosen = _within_degrees(pairs, degrees)
    chosen = _stars(pairs, chosen)
    links = pairs.treated[pairs.row[chosen]], pairs.control[pairs.column[chosen]]
    return sets_from_links(
        (*links, pairs.cost[chosen] / ground.distances.units),
        ground.treatment,
        estimand=estimand,
        tie_rank=ground.rank,
        discarded=ground.discarded,
    )


def _least_cover(pairs: Candidates, nearest_of_row: Floats, nearest_of_column: Floats) -> Counts:
    """Return the edges of the least cover: a matching of largest gain, and everybody else's nearest partner.

    Taking row i and column j as a pair, rather than each with its nearest, at distances a and b, gains a + b - d.
    Pairs that gain nothing are taken too, if they can be: they make more and smaller sets.
    """
    gain = nearest_of_row[pairs.row] + nearest_of_column[pairs.column] - pairs.cost
    preferred = preference(pairs.apart)
    bonus = np.ones(gain.size) if preferred is None else 0.5 + 0.5 * preferred
    matched = heaviest_with_ties(pairs.row, pairs.column, gain, bonus, pairs.shape)
    alone_row, alone_column = np.ones(pairs.shape[0], dtype=bool), np.ones(pairs.shape[1], dtype=bool)
    alone_row[pairs.row[matched]] = alone_column[pairs.column[matched]] = False
    by_row = _nearest_edges(pairs, pairs.row, nearest_of_row, alone_row)
    by_column = _nearest_edges(pairs, pairs.column, nearest_of_column, alone_column)
    return np.unique(np.concatenate([matched, by_row, by_column]))


def _nearest_edges(pairs: Candidates, end: Counts, nearest: Floats, alone: Bools) -> Counts:
    """Return for each row (or column) that is alone the edge to its nearest partner.

    Of several equally near the nearest in the tie covariates is taken; those that still tie are taken in turn by the
    rows that have them, so that no one partner gathers all.
    """
    index = np.flatnonzero(alone[end] & (pairs.cost == nearest[end]))
    if pairs.apart is not None:
        least = _least(end[index], pairs.apart[index], alone.size)
        index = index[pairs.apart[index] == least[end[index]]]
    index = index[np.argsort(end[index], kind="stable")]
    start = np.flatnonzero(np.diff(end[index], prepend=-1))
    count = np.diff(np.append(start, index.size))
    other = pairs.column if end is pairs.row else pairs.row
    _, same = np.unique(np.column_stack([other[index[start]], count]), axis=0, return_inverse=True)
    return index[start + _turn(same.ravel()) % count]


def _turn(label: Counts) -> Counts:
    """Count, for each element, the earlier ones of the same label."""
    order = np.argsort(label, kind="stable")
    begins = np.flatnonzero(np.diff(label[order], prepend=-1))
    turn = np.empty(label.size, dtype=int)
    turn[order] = np.arange(label.size) - np.repeat(begins, np.diff(np.append(begins, label.size)))
    return turn


def _stars(pairs: Candidates, chosen: Counts) -> Counts:
    """Drop edges between two rows that both have another partner.

    In a least cover such edges have distance nought, so that dropping them changes no total.
    """
    degree = [
        np.bincount(end[chosen], minlength=size)
        for end, size in zip((pairs.row, pairs.column), pairs.shape, strict=True)
    ]
    kept = np.ones(chosen.size, dtype=bool)
    row, column = pairs.row[chosen], pairs.column[chosen]
    for place in np.flatnonzero((degree[0][row] > 1) & (degree[1][column] > 1)).tolist():
        if degree[0][row[place]] > 1 and degree[1][column[place]] > 1:
            kept[place] = False
            degree[0][row[place]] -= 1
            degree[1][column[place]] -= 1
    return chosen[kept]


def _within_degrees(pairs: Candidates, degrees: _Degrees) -> Counts:
    """Return the edges of the least cover in which numbers of partners are bounded.

    The programme begins with some of the edges, all of them if it can't be met otherwise, and takes in those whose
    reduced cost is negative until there are none: its answer is then least over all edges.
    """
    _require_enough_partners(pairs, degrees)
    cost = pairs.cost / max(pairs.cost.max(), 1.0)
    inside = _first_edges(pairs, pairs.cost, FIRST_PARTNERS)
    while True:
        answer = _programme(pairs, cost, inside, degrees)
        if answer is None:
            if inside.all():
                raise InputError(_sizes_that_exist(pairs))
            inside[:] = True
            continue
        taken, prices = answer
        reduced = cost - prices[pairs.row] - prices[pairs.shape[0] + pairs.column]
        worth = np.flatnonzero(~inside & (reduced < -TOLERANCE))
        if not worth.size:
            return taken
        inside[worth] = _first_edges(pairs, reduced, np.arange(NEW_PARTNERS), worth)


def _first_edges(pairs: Candidates, value: Floats, places: Counts, among: Counts | None = None) -> Bools:
    """Return which edges (of all, or `among` some) are at given places when those of a row are sorted by `value`."""
    among = np.arange(pairs.row.size) if among is None else among
    inside = np.zeros(among.size, dtype=bool)
    for end in (pairs.row[among], pairs.column[among]):
        order = np.lexsort((value[among], end))
        inside[order[np.isin(_turn(end[order]), places)]] = True
    return inside


def _programme(pairs: Candidates, cost: Floats, inside: Bools, degrees: _Degrees) -> tuple[Counts, Floats] | None:
    """Solve for the least cover among some edges; return those taken and the prices (t + c,) of the rows.

    Each row that has a partner at all has its number of edges, less a slack, equal to the least it may have. The
    constraints are those of a flow, so that the corner the simplex method ends in is of whole numbers.
    """
    edges = np.flatnonzero(inside)
    places, least, room = _constraints(pairs, degrees)
    flow = csr_array(
        (np.ones(2 * edges.size), (places[:, edges].ravel(), np.tile(np.arange(edges.size), 2))),
        shape=(least.size, edges.size),
    )
    bounds = np.column_stack([np.zeros(edges.size + room.size), np.concatenate([np.ones(edges.size), room])])
    solved = linprog(
        np.concatenate([cost[edges], np.zeros(room.size)]),
        A_eq=hstack([flow, -eye_array(room.size)], format="csc"),
        b_eq=least,
        bounds=bounds,
        method="highs-ds",
        options={"dual_feasibility_tolerance": TOLERANCE, "primal_feasibility_tolerance": TOLERANCE},
    )
    if solved.x is None or not solved.success:
        return None
    return edges[solved.x[: edges.size] > 0.5], solved.eqlin.marginals


def _constraints(pairs: Candidates, degrees: _Degrees) -> tuple[Counts, Floats, Floats]:
    """Return the two rows (2, e) that each edge ends in, and the least (t + c,) and the room above it of each row."""
    places = np.vstack([pairs.row, pairs.shape[0] + pairs.column.astype(np.int64)])
    bounds = np.repeat([degrees.treated, degrees.control], pairs.shape, axis=0).astype(float)
    has_partner = np.bincount(places.ravel(), minlength=bounds.shape[0]) > 0
    return places, np.where(has_partner, bounds[:, 0], 0.0), np.where(has_partner, bounds[:, 1] - bounds[:, 0], 0.0)


def _degrees(least: float | None, most: float | None) -> _Degrees | None:
    """Turn bounds of controls to one treated row into bounds of partners, checked."""
    for name, value in (("min_controls", least), ("max_controls", most)):
        whole = value is None or (0 < value < np.inf and _is_whole(value if value >= 1 else 1.0 / value))
        if not whole:
            raise InputError(f"`{name}` must be a whole number from 1 on or 1 over one; it is {value}.")
    if least is None and most is None:
        return None
    if least is not None and most is not None and least > most:
        raise InputError(f"`min_controls` must not exceed `max_controls`; they are {least:g} and {most:g}.")
    any_number = np.iinfo(np.int32).max
    treated = (round(max(least or 1.0, 1.0)), any_number if most is None else round(max(most, 1.0)))
    control = (round(1.0 / min(most or 1.0, 1.0)), any_number if least is None else round(1.0 / min(least, 1.0)))
    return _Degrees(treated, control)


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < WHOLE


def _require_enough_partners(pairs: Candidates, degrees: _Degrees) -> None:
    """Raise unless numbers allow the sizes asked for, in each part of the graph that limits cut off from the rest."""
    t, c = pairs.shape
    graph = csr_array((np.ones(pairs.row.size, dtype=np.int8), (pairs.row, t + pairs.column)), shape=(t + c, t + c))
    part = connected_components(graph, directed=False)[1]
    treated, control = np.bincount(part[:t], minlength=t + c), np.bincount(part[t:], minlength=t + c)
    both = (treated > 0) & (control > 0)
    treated, control = treated[both], control[both]
    where = "" if treated.size == 1 else " in every part into which the limits cut the rows"
    ratio = control / treated
    if (control * degrees.control[0] > treated * degrees.treated[1]).any():
        bound = _in_words(float(ratio.max()), np.ceil, np.floor)
        raise InputError(f"`max_controls` must be {bound} at least: there must be a place for everybody{where}.")
    if (treated * degrees.treated[0] > control * degrees.control[1]).any():
        bound = _in_words(float(ratio.min()), np.floor, np.ceil)
        raise InputError(f"`min_controls` must be {bound} at most: there must be a place for everybody{where}.")


def _in_words(ratio: float, whole: np.ufunc, inverse: np.ufunc) -> str:
    """Return a ratio as a bound: a whole number, or one over one."""
    if ratio >= 1:
        return f"{whole(ratio):.0f}"
    below = inverse(1.0 / ratio)
    return f"1 / {below:.0f}" if below > 1 else "1"


def _sizes_that_exist(pairs: Candidates) -> str:
    """Say which bounds the solution without any of them keeps."""
    nearest = _least(pairs.row, pairs.cost, pairs.shape[0]), _least(pairs.column, pairs.cost, pairs.shape[1])
    chosen = _stars(pairs, _least_cover(pairs, *nearest))
    controls, treated = (int(np.bincount(end[chosen]).max()) for end in (pairs.row, pairs.column))
    return (
        "No sets of the sizes asked for exist within the limits; without bounds on size a set has up to "
        f"{controls} controls to a treated patient and up to {treated} treated patients to a control."
    )


def _least(end: Counts, value: Floats, size: int) -> Floats:
    least = np.full(size, np.inf)
    np.minimum.at(least, end, value)
    return least
