"""Cardinality matching: the largest sample in which the means of the covariates are as close as is asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_vector
from counterpoise.kernels.imbalance import Denominator, standard_deviation
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.matching.sets import MatchedSets, sets_from_strata

UNFINISHED = 1
"""The solver's status when its time is up."""


@dataclass(frozen=True, slots=True, eq=False)
class CardinalityMatch:
    """The largest balanced sample that was found, and whether a larger one can exist."""

    sets: MatchedSets
    """One set of all rows in the sample, without links and each of weight 1; `optimal_pairs` pairs them if wanted."""
    smd: Floats
    """(p,) standardised difference of means in the sample; a covariate without spread has 0."""
    scale: Floats
    """(p,) standard deviations of the whole sample that the differences are divided by."""
    is_largest: bool
    """Whether the solver proved that no larger sample keeps the tolerances."""
    upper_bound: int
    """No sample that keeps the tolerances has more treated rows than this one; equals theirs where `is_largest`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kinds:
    """The k kinds of rows that do not differ in arm and covariates, in the order of their values."""

    kind: Counts
    """(n,) each row's kind; -1 for discarded rows."""
    count: Counts
    """(k,)"""
    treated: Bools
    """(k,)"""
    z: Floats
    """(k, p) covariates in standard deviations, from a common centre."""


def cardinality_match(
    x: ArrayLike,
    treatment: ArrayLike,
    *,
    tolerance: ArrayLike = 0.1,
    ratio: int = 1,
    denominator: Denominator = "pooled",
    time_limit: float = 30.0,
    discarded: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> CardinalityMatch:
    """Choose as many treated rows as can be, and `ratio` controls for each, with every mean difference in tolerance.

    The difference of the arms' means of each covariate (n, p) in the sample, in standard deviations of the whole
    sample (`standard_deviation` by `denominator`), is at most `tolerance`, one for all or one for each (p,), up to
    1e-6. No score is needed, and balance is not hoped for but demanded; whom the answer is about is settled by who
    is chosen, so it is neither the treated nor everybody.

    The sample is found by branch and bound (HiGHS), which may run out of `time_limit` seconds: `is_largest` then
    says no, and `upper_bound` how much larger a sample might be. Rows alike in all covariates are one variable, and
    the smallest `tie_rank` (n,) among them is taken first; the sample does not depend on the order of the rows so
    long as the ranks go with them, unless time ran out. Rows with `discarded` (n,) 1 take no part.

    >>> match = cardinality_match([1.0, 2.0, 9.0, 1.0, 2.0, 3.0], [1, 1, 1, 0, 0, 0], tolerance=0.0)
    >>> match.sets.set.tolist(), match.is_largest
    ([0, 0, -1, 0, 0, -1], True)

    Raises `InputError` where an argument is not what it must be, and `FitError` where no sample keeps the tolerances
    (the text names wider ones) or none was found in time.

    Source: Zubizarreta, Paredes and Rosenbaum, Ann Appl Stat 2014;8:204-231.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    x = as_matrix("x", x, treated.size)
    limits = np.asarray(tolerance, dtype=float)
    limits = as_vector("tolerance", np.full(x.shape[1], limits) if limits.ndim == 0 else limits, x.shape[1])
    if (limits < 0).any():
        raise InputError("`tolerance` must not be negative.")
    if ratio != int(ratio) or ratio < 1:
        raise InputError(f"`ratio` must be a whole number from 1 on; it is {ratio}.")
    if not time_limit > 0:
        raise InputError(f"`time_limit` must be positive; it is {time_limit}.")
    out = np.zeros(treated.size, dtype=bool) if discarded is None else as_binary("discarded", discarded, treated.size)
    rank = np.arange(treated.size, dtype=float) if tie_rank is None else as_vector("tie_rank", tie_rank, treated.size)
    kinds, scale = _kinds(x, treated, out, denominator)
    _require_enough(kinds, int(ratio))
    take, bound = _largest(kinds, limits, int(ratio), time_limit)
    chosen = _chosen(kinds, take, rank)
    sets = sets_from_strata(np.where(chosen, 0, -1), treated, estimand="ATT", discarded=out)
    size = int(take[kinds.treated].sum())
    gap = x[chosen & treated].mean(axis=0) - x[chosen & ~treated].mean(axis=0)
    smd = np.where(scale > 0, gap / np.where(scale > 0, scale, 1.0), 0.0)
    return CardinalityMatch(sets, smd, scale, bound == size, bound)


def _kinds(x: Floats, treated: Bools, out: Bools, denominator: Denominator) -> tuple[_Kinds, Floats]:
    """Gather rows that do not differ; sums run over the kinds, so that they are the same in any order of the rows."""
    inside = np.flatnonzero(~out)
    require_both_arms(treated[inside])
    order = inside[np.lexsort((*x[inside].T, treated[inside]))]
    ordered, arm = x[order], treated[order]
    scale = standard_deviation(ordered, arm, denominator)
    begins = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1) | (arm[1:] != arm[:-1]))
    kind = np.full(treated.size, -1)
    kind[order] = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    z = (ordered[first] - ordered.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    count = np.diff(np.append(first, order.size))
    return _Kinds(kind, count, arm[first], np.where(scale > 0, z, 0.0)), scale


def _largest(kinds: _Kinds, limits: Floats, ratio: int, time_limit: float) -> tuple[Counts, int]:
    """Return how many rows of each kind (k,) the largest sample takes, and the bound on its treated rows."""
    sizes, low, high = _constraints(kinds, limits, ratio)
    # Each row of these lies between its bounds: the sizes are equal, `low` is not negative, `high` not positive.
    rows = np.vstack([sizes, low, high])
    lower = np.concatenate([[0.0], np.zeros(limits.size), np.full(limits.size, -np.inf)])
    upper = np.concatenate([[0.0], np.full(limits.size, np.inf), np.zeros(limits.size)])
    solved: Any = milp(
        np.where(kinds.treated, -1.0, 0.0),
        integrality=np.ones(kinds.count.size),
        bounds=Bounds(np.zeros(kinds.count.size), kinds.count.astype(float)),  # pyright: ignore[reportArgumentType] - the stub knows single bounds only
        constraints=LinearConstraint(rows, lower, upper),  # pyright: ignore[reportArgumentType] - as above
        options={"time_limit": time_limit, "mip_rel_gap": 0.0},
    )
    take = np.zeros(kinds.count.size, dtype=int) if solved.x is None else np.rint(solved.x).astype(int)
    size = int(take[kinds.treated].sum())
    if size == 0 and solved.status == UNFINISHED:
        raise FitError(f"No sample was found in {time_limit:g} seconds; allow more time, or a wider tolerance.")
    if size == 0:
        raise FitError(_why_none(kinds, limits, ratio))
    bound = size if solved.status == 0 else int(np.floor(-solved.mip_dual_bound + 1e-6))
    return take, bound


def _constraints(kinds: _Kinds, limits: Floats, ratio: int) -> tuple[Floats, Floats, Floats]:
    """Return the constraints: (1, k) on sizes, = 0, and (p, k) on differences, those to be >= 0 and <= 0.

    With `ratio` controls to each of m treated rows, a difference of means within d is a difference of sums, the
    treated taken `ratio` times, within d times `ratio` times m: linear, whatever m is.
    """
    arm = np.where(kinds.treated, float(ratio), -1.0)
    sums = kinds.z.T * arm
    room = np.outer(limits, np.where(kinds.treated, float(ratio), 0.0))
    return arm[None, :], sums + room, sums - room


def _chosen(kinds: _Kinds, take: Counts, rank: Floats) -> Bools:
    """Return which rows are taken: of each kind those of the smallest ranks."""
    order = np.lexsort((rank, kinds.kind))
    order = order[kinds.kind[order] >= 0]
    kind = kinds.kind[order]
    place = np.arange(order.size) - (np.cumsum(kinds.count) - kinds.count)[kind]
    chosen = np.zeros(rank.size, dtype=bool)
    chosen[order] = place < take[kind]
    return chosen


def _require_enough(kinds: _Kinds, ratio: int) -> None:
    controls = int(kinds.count[~kinds.treated].sum())
    if controls < ratio:
        raise InputError(f"`ratio` can be {controls} at most: there are no more controls.")


def _why_none(kinds: _Kinds, limits: Floats, ratio: int) -> str:
    """Say by how much the tolerances would have to grow, from the sample in which rows may be taken in part.

    Such a sample of total one has the least t with every difference within t times its tolerance; whole rows need
    that at least.
    """
    p, k = limits.size, kinds.count.size
    sums = kinds.z.T * np.where(kinds.treated, 1.0, -1.0 / ratio)
    yardstick = np.where(limits > 0, limits, 1.0)[:, None]
    bounds = [(0.0, float(count)) for count in kinds.count] + [(0.0, None)]
    solved = linprog(
        np.append(np.zeros(k), 1.0),
        A_ub=np.vstack([np.hstack([sign * sums, -yardstick]) for sign in (1.0, -1.0)]),
        b_ub=np.zeros(2 * p),
        A_eq=np.vstack(
            [np.append(np.where(kinds.treated, 1.0, 0.0), 0.0), np.append(np.where(kinds.treated, 0.0, 1.0), 0.0)]
        ),
        b_eq=[1.0, float(ratio)],
        bounds=bounds,
    )
    needed = float(solved.x[-1]) if solved.x is not None else np.inf
    if needed <= 1.0 or (limits == 0).any():
        return "No sample keeps every tolerance: whole rows do not add up so. Allow a wider tolerance."
    return f"No sample keeps every tolerance; they must be {needed:.2f} times as wide at least."
