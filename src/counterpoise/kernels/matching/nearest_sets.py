"""Greedy nearest-neighbour matching in all its forms: several controls, limits, any distance, with replacement."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, as_vector
from counterpoise.kernels.logistic import centre_and_scale
from counterpoise.kernels.matching.allowed_pairs import CaliperError, Field, Limits, candidates, field, nearest_costs
from counterpoise.kernels.matching.distance import Distances
from counterpoise.kernels.matching.nearest import UNITS, Order
from counterpoise.kernels.matching.nearest_distance import Neighbours
from counterpoise.kernels.matching.nearest_line import Found, Line
from counterpoise.kernels.matching.sets import MatchedSets, sets_from_links


def nearest_sets(  # noqa: PLR0913 - every option of the method is one
    distances: Distances | ArrayLike,
    treatment: ArrayLike,
    *,
    ratio: float = 1,
    min_ratio: int = 1,
    max_ratio: int | None = None,
    replacement: bool = False,
    order: Order = "descending",
    limits: Limits | None = None,
    tie_covariates: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> MatchedSets:
    """Give each treated row in turn the nearest control that is left, `ratio` times over.

    `distances` is a score (n,), or what `covariate_distances` or `given_distances` make. Treated rows take turns in
    rounds, so that everyone has had a first choice before anyone has a second; a treated row that finds fewer than
    `ratio` controls within the `limits` keeps those that it has found. `order` says who chooses first in each round:
    the treated row of the largest score, of the smallest, or always the closest pair that is left. The score is that
    of the limits, else the one that makes the distance; where there is neither, the treated row whose nearest control
    is farthest takes the place of the largest score. (MatchIt then goes by the order of the rows: `Limits(score=...)`
    without a caliper sets any order.)

    With `max_ratio`, treated rows have `min_ratio` to `max_ratio` controls, `ratio` (a fraction, perhaps) on average:
    as many as can be have either the least or the most. Those of the highest scores have the fewest, since controls
    are scarce there (if controls score higher on average, those of the lowest). Limits are not looked at in this.

    With `replacement` each treated row has its `ratio` nearest controls, whoever else has them; `order` is idle.

    Distances are rounded to 12 decimals; of controls that are then equally near, the one nearest in `tie_covariates`
    (n, k) is taken (Euclidean, each column in its standard deviations), and of those the one of the smallest
    `tie_rank` (n,). Treated rows that tie come by `tie_rank`. The sets do not depend on the order of the rows so long
    as the ranks go with them. The weights are those of the ATT. Rows that no stratum, caliper or turn has left a
    partner for stay unmatched.

    >>> sets = nearest_sets([0.9, 0.5, 0.8, 0.7, 0.4, 0.1], [1, 1, 0, 0, 0, 0], ratio=2)
    >>> sets.treated.tolist(), sets.control.tolist(), sets.distance.tolist()
    ([0, 0, 1, 1], [2, 3, 4, 5], [0.1, 0.2, 0.1, 0.4])
    >>> nearest_sets([0.9, 0.5, 0.8, 0.1], [1, 1, 0, 0], replacement=True).control.tolist()
    [2, 2]

    Raises `InputError` where an argument is not what it must be, there are too few controls for the ratio (without
    limits), or the limits leave no pair; the text names the nearest request that can be met.

    Source: Rosenbaum and Rubin, Am Stat 1985;39:33-38; Austin, Stat Med 2014;33:1057-1069, for the orders and for
    replacement; Ming and Rosenbaum, Biometrics 2000;56:118-124, p. 119, for the variable ratio.
    """
    if order not in get_args(Order):
        raise InputError(f"`order` must be descending, ascending or closest; it is {order!r}.")
    _check_ratio(ratio, min_ratio, max_ratio, replacement)
    ground = field(distances, treatment, limits=limits, tie_rank=tie_rank)
    ground = replace(ground, ties=_ties(tie_covariates, ground.treatment.size))
    if not ground.is_limited:
        require_enough(ground.treated.size, ground.control.size, ratio, max_ratio, replacement=replacement)
    score = _score(ground, limits)
    quota = _quota(ground, score, ratio, min_ratio, max_ratio)
    value = _turn(ground, score, order, replacement)
    found: list[Found] = []
    for rows, pool in _pools(ground):
        if replacement:
            found.append(pool.several(rows, int(ratio)))
        elif order == "closest":
            found += _rounds(pool.closest_first, rows, quota)
        else:
            found += _rounds(pool.in_turn, rows[np.lexsort((ground.rank[rows], value[rows]))], quota)
    if not any(treated.size for treated, _, _ in found):
        raise _none(ground)
    treated, control, cost = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sets_from_links(
        (treated, control, cost / ground.distances.units),
        ground.treatment,
        tie_rank=ground.rank,
        replacement=replacement,
        discarded=ground.discarded,
    )


class _Pool(Protocol):
    """The controls of one stratum."""

    def in_turn(self, queue: Counts) -> Found: ...
    def closest_first(self, queue: Counts) -> Found: ...
    def several(self, queue: Counts, count: int) -> Found: ...


class _Choose(Protocol):
    def __call__(self, queue: Counts) -> Found: ...


def _rounds(choose: _Choose, queue: Counts, quota: Counts) -> Iterator[Found]:
    """Let the queue choose again and again; who has found nothing in one round finds nothing in the next."""
    for number in range(int(quota[queue].max(initial=0))):
        found = choose(queue[quota[queue] > number])
        yield found
        queue = found[0]


def _pools(ground: Field) -> Iterator[tuple[Counts, _Pool]]:
    """Yield the treated rows and the controls of each stratum that has both."""
    units = _line(ground)
    free = replace(ground, exact=np.zeros((ground.treatment.size, 0), dtype=int))
    limit = float(np.rint(ground.caliper * (ground.distances.units / UNITS)))
    for rows, controls in _strata(ground):
        if units is None:
            yield rows, Neighbours(free, controls)
        else:
            yield rows, Line(units, controls, ground.rank, ground.ties, limit)


def _strata(ground: Field) -> Iterator[tuple[Counts, Counts]]:
    """Yield the treated and the control rows, in canonical order, of each stratum of `exact` that has both."""
    if not ground.exact.shape[1]:
        yield ground.treated, ground.control
        return
    stratum = np.unique(ground.exact, axis=0, return_inverse=True)[1].ravel()
    parts: list[dict[int, Counts]] = []
    for rows in (ground.treated, ground.control):
        rows = rows[np.argsort(stratum[rows], kind="stable")]
        present, first = np.unique(stratum[rows], return_index=True)
        parts.append(dict(zip(present.tolist(), np.split(rows, first[1:]), strict=True)))
    treated, control = parts
    yield from ((treated[number], control[number]) for number in treated if number in control)


def _line(ground: Field) -> Floats | None:
    """Return the score (n,), in units, where it makes the distance and nothing but its caliper and strata limit it."""
    points = ground.distances.coordinates
    if points is None or points.shape[1] != 1 or ground.covariates.shape[1] or ground.anti_exact.shape[1]:
        return None
    same_score = ground.score is None or np.array_equal(ground.score, points[:, 0] * (UNITS / ground.distances.units))
    return points[:, 0] if same_score else None


def _score(ground: Field, limits: Limits | None) -> Floats | None:
    """Return the score (n,) that turns go by, in units; None where there is none."""
    if limits is not None and limits.score is not None:
        return np.rint(as_vector("score", limits.score, ground.treatment.size) * UNITS)
    points = ground.distances.coordinates
    return points[:, 0] if points is not None and points.shape[1] == 1 else None


def _turn(ground: Field, score: Floats | None, order: Order, replacement: bool) -> Floats:
    """Return the values (n,) by which treated rows come, the smallest first."""
    if replacement or order == "closest":
        return np.zeros(ground.treatment.size)
    if score is None:
        score = np.zeros(ground.treatment.size)
        score[ground.treated] = nearest_costs(ground)[0]
    return -score if order == "descending" else score


def _quota(ground: Field, score: Floats | None, ratio: float, least: int, most: int | None) -> Counts:
    """Return the number of controls (n,) that each treated row may have."""
    quota = np.full(ground.treatment.size, int(ratio))
    if most is None:
        return quota
    if score is None:
        raise InputError("`max_ratio` needs a score to say who has the most controls; give `score` in the limits.")
    t = ground.treated.size
    full, over = divmod(round(ratio * t) - least * t, most - least)
    counts = np.full(t, least)
    counts[t - full :] = most
    if over:
        counts[t - full - 1] += over
    sign = -1.0 if score[ground.treated].mean() > score[ground.control].mean() else 1.0
    quota[ground.treated[np.lexsort((ground.rank[ground.treated], sign * score[ground.treated]))]] = counts
    return quota


def _ties(covariates: ArrayLike | None, n: int) -> Floats | None:
    """Put covariates in standard deviations, whose sums run over sorted values, the same in any row order."""
    if covariates is None:
        return None
    x = as_matrix("tie_covariates", covariates, n)
    centre, scale = centre_and_scale(np.sort(x, axis=0))
    return (x - centre) / scale


def _check_ratio(ratio: float, least: int, most: int | None, replacement: bool) -> None:
    for name, value in (("ratio", ratio), ("min_ratio", least), ("max_ratio", most)):
        if value is not None and not (np.isfinite(value) and value >= 1):
            raise InputError(f"`{name}` must be 1 or more; it is {value}.")
        if value is not None and value != int(value) and (name != "ratio" or most is None):
            raise InputError(f"`{name}` must be a whole number; it is {value}.")
    if most is None:
        if least != 1:
            raise InputError("`min_ratio` needs `max_ratio` beside it.")
        return
    if replacement:
        raise InputError(
            "`max_ratio` can't be joined to `replacement`; with it every treated patient has `ratio` controls."
        )
    if not least < most or not least <= ratio <= most:
        raise InputError(f"`ratio` must lie between `min_ratio` and `max_ratio`; {ratio} is not in {(least, most)}.")


def require_enough(
    treated: int, controls: int, ratio: float = 1, most: int | None = None, *, replacement: bool = False
) -> None:
    """Raise `InputError`, with what could be asked for, where there are too few controls to match without limits.

    >>> require_enough(2, 3, 2)
    Traceback (most recent call last):
    counterpoise.errors.InputError: `ratio` can be 1 at most: there are 3 controls for 2 treated patients.
    """
    if controls >= ratio * (1 if replacement else treated):
        return
    if replacement:
        raise InputError(f"`ratio` can be {controls} at most with replacement: there are no more controls.")
    if controls >= treated:
        largest = controls // treated if most is None else np.floor(100 * controls / treated) / 100
        raise InputError(
            f"`ratio` can be {largest} at most: there are {controls} controls for {treated} treated patients."
        )
    raise InputError(
        f"There are fewer controls ({controls}) than treated patients ({treated}), so not all can be paired; match "
        "with replacement, exchange the arms, or set a caliper, which accepts that some stay without a partner."
    )


def _none(ground: Field) -> InputError:
    """Return the error that says which limit leaves no pair, and what would leave one."""
    units = _line(ground)
    if units is None:
        try:
            candidates(ground)
        except InputError as error:
            return error
    gaps: list[float] = []
    for rows, controls in _strata(ground):
        assert units is not None
        edges = np.concatenate([[-np.inf], np.sort(units[controls]), [np.inf]])
        here = np.searchsorted(edges, units[rows])
        gaps.append(float(np.minimum(edges[here] - units[rows], units[rows] - edges[here - 1]).min()))
    if not gaps:
        return InputError(
            "`exact` leaves no pair: no stratum holds both treated patients and controls; name fewer columns."
        )
    return CaliperError(
        min(gaps) / ground.distances.units,
        f"the nearest treated patient and control{' of one stratum' if ground.exact.shape[1] else ''}",
    )
