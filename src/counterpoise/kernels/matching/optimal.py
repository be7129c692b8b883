"""Optimal matching of each treated row with one or several controls: the least total distance."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts
from counterpoise.kernels.matching.allowed_pairs import Candidates, Limits, candidates, field, preference
from counterpoise.kernels.matching.assignment import heaviest_with_ties, most_pairs
from counterpoise.kernels.matching.distance import Distances
from counterpoise.kernels.matching.sets import MatchedSets, sets_from_links

FIRST_PENALTY, PENALTY_STEP = 4.0, 16.0
"""An unmatched row costs so many times the largest distance; that is raised until as many pairs as can be are made."""


def optimal_pairs(
    distances: Distances | ArrayLike,
    treatment: ArrayLike,
    *,
    ratio: int = 1,
    min_controls: int | None = None,
    max_controls: int | None = None,
    limits: Limits | None = None,
    tie_covariates: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> MatchedSets:
    """Match each treated row with `ratio` controls, none used twice, so that the sum of all distances is least.

    `distances` is a score (n,), or what `covariate_distances` or `given_distances` make. Without limits every
    treated row gets exactly `ratio` controls. Under `limits` as many treated rows as can be are matched first, then
    as many controls as can be, at most `ratio` to each; among those matchings the total is least. (MatchIt stops
    where limits leave a treated row without a partner; a greedy matching leaves out those who come last.)

    With `min_controls` and `max_controls` the number of controls varies between them from one treated row to the
    next and is `ratio` on average (without limits only; `full_match` has both).

    Among matchings of the same total, that of the least total squared distance in `tie_covariates` (n, k) is taken,
    each column in its standard deviations; what still ties is decided by the order of score, covariates and
    `tie_rank` (n,). The sets do not depend on the order of the rows so long as the ranks go with them.

    >>> sets = optimal_pairs([0.5, 0.4, 0.45, 0.1], [1, 1, 0, 0])
    >>> sets.treated.tolist(), sets.control.tolist(), round(sets.total_distance, 12)
    ([0, 1], [2, 3], 0.35)

    Raises `InputError` where an argument is not what it must be, there are fewer than `ratio` controls for each
    treated row, or the limits leave no pair; the text names the nearest request that can be met.

    Source: Rosenbaum, J Am Stat Assoc 1989;84:1024-1032; Ming and Rosenbaum, Biometrics 2000;56:118-124.
    """
    bounds = _bounds(ratio, min_controls, max_controls)
    ground = field(distances, treatment, limits=limits, tie_covariates=tie_covariates, tie_rank=tie_rank)
    if not ground.is_limited:
        _require_enough(ground.treated.size, ground.control.size, ratio)
    elif bounds != (ratio, ratio):
        raise InputError("`min_controls` and `max_controls` can't be joined to `limits` here; `full_match` has both.")
    pairs = candidates(ground)
    if bounds == (ratio, ratio):
        chosen = _one(pairs) if ratio == 1 else _several(pairs, ratio)
    else:
        chosen = _variable(pairs, ratio, *bounds)
    links = pairs.treated[pairs.row[chosen]], pairs.control[pairs.column[chosen]]
    cost = pairs.cost[chosen] / ground.distances.units
    return sets_from_links((*links, cost), ground.treatment, tie_rank=ground.rank, discarded=ground.discarded)


def _one(pairs: Candidates) -> Counts:
    """Return the edges of the matching of one control to each treated row: most pairs first, then least distance."""
    most, largest, factor = most_pairs(pairs.row, pairs.column, pairs.shape), pairs.cost.max() + 1.0, FIRST_PENALTY
    while True:
        gain = factor * largest - pairs.cost
        taken = heaviest_with_ties(pairs.row, pairs.column, gain, preference(pairs.apart), pairs.shape)
        if taken.size == most:
            return taken
        factor *= PENALTY_STEP


def _several(pairs: Candidates, ratio: int) -> Counts:
    """Return the edges of the matching of `ratio` controls to each treated row.

    Each treated row stands `ratio` times. The control of its first copy gains twice what others do, more than any
    saving of distance: so as many treated rows as can be find a control before any finds a second.
    """
    count, rows = pairs.row.size, pairs.shape[0]
    number = np.repeat(np.arange(ratio), count)
    row = np.tile(pairs.row.astype(np.int64), ratio) * ratio + number
    order = np.argsort(row, kind="stable")
    row, edge = row[order], np.tile(np.arange(count), ratio)[order]
    column, cost, shape = pairs.column[edge], pairs.cost[edge], (rows * ratio, pairs.shape[1])
    preferred = preference(pairs.apart)
    preferred = None if preferred is None else preferred[edge]
    worth = np.where(number[order] == 0, 2.0, 1.0)
    most_rows, most_links = most_pairs(pairs.row, pairs.column, pairs.shape), most_pairs(row, column, shape)
    largest, factor = pairs.cost.max() + 1.0, FIRST_PENALTY
    while True:
        chosen = edge[heaviest_with_ties(row, column, worth * (factor * largest) - cost, preferred, shape)]
        if chosen.size == most_links and np.unique(pairs.row[chosen]).size == most_rows:
            return chosen
        factor *= PENALTY_STEP


def _variable(pairs: Candidates, ratio: int, least: int, most: int) -> Counts:
    """Return the edges of the matching with `least` to `most` controls for each treated row, `ratio` on average.

    Each treated row stands `most` times; copies beyond the first `least` may instead take one of the idle columns,
    of which there are just enough to leave `ratio` controls to each treated row on average.
    """
    rows, columns = pairs.shape
    idle = rows * (most - ratio)
    shape = (rows * most, columns + idle)
    cost = np.repeat(pairs.cost.reshape(rows, columns), most, axis=0)
    preferred = preference(pairs.apart)
    prefer = None
    if preferred is not None:
        padded = np.zeros(shape)
        padded[:, :columns] = np.repeat(preferred.reshape(rows, columns), most, axis=0)
        prefer = padded.ravel()
    is_optional = np.tile(np.arange(most) >= least, rows)
    row, column = (index.ravel() for index in np.indices(shape))
    largest, factor = pairs.cost.max() + 1.0, FIRST_PENALTY
    while True:
        # Idling costs one unit less than nothing, so that no control at distance nought takes an idle place.
        gain = np.full(shape, np.rint(factor * largest))
        gain[:, :columns] -= cost
        gain[:, columns:] = np.where(is_optional[:, None], gain[:, columns:] + 1.0, 1.0)
        taken = heaviest_with_ties(row, column, gain.ravel(), prefer, shape)
        taken = taken[column[taken] < columns]
        controls = np.bincount(row[taken] // most, minlength=rows)
        if taken.size == rows * ratio and controls.min() >= least:
            return (row[taken] // most) * columns + column[taken]
        factor *= PENALTY_STEP


def _bounds(ratio: int, least: int | None, most: int | None) -> tuple[int, int]:
    for name, value in (("ratio", ratio), ("min_controls", least), ("max_controls", most)):
        if value is not None and (value != int(value) or value < 1):
            raise InputError(f"`{name}` must be a whole number from 1 on; it is {value}.")
    if least is None and most is None:
        return ratio, ratio
    bounds = (1 if least is None else least, ratio if most is None else most)
    if not bounds[0] <= ratio <= bounds[1]:
        raise InputError(f"`ratio` must lie between `min_controls` and `max_controls`; {ratio} is not in {bounds}.")
    return bounds


def _require_enough(treated: int, controls: int, ratio: int) -> None:
    if controls >= treated * ratio:
        return
    if controls >= treated:
        raise InputError(f"`ratio` can be {controls // treated} at most: there are {controls} controls for {treated}.")
    raise InputError(
        f"There are fewer controls ({controls}) than treated patients ({treated}), so not all can be paired; exchange "
        "the arms, or use full matching, or set a caliper, which accepts that some stay without a partner."
    )
