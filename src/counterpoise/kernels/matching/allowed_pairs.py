"""Which treated row may be matched with which control, and how far apart they are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_levels, as_matrix, as_vector
from counterpoise.kernels.logistic import centre_and_scale, require_both_arms
from counterpoise.kernels.matching.distance import Distances, blocks, in_units, score_distances
from counterpoise.kernels.matching.nearest import TIE_DIGITS, UNITS

MOST_PAIRS = 25_000_000
"""Allowed pairs that are held at a time; solving so many takes 2 GB."""


class CaliperError(InputError):
    """A caliper on the score leaves no pair; `gap` is the smallest that leaves one."""

    def __init__(self, gap: float, nearest: str) -> None:
        self.gap = gap
        super().__init__(
            f"`caliper` leaves no pair: {nearest} are {gap:.6g} apart, so that is the smallest caliper that leaves one."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What two rows must have in common, or not, to be matched; every limit that is None does not bind.

    A pair at exactly a caliper is allowed: both sides are rounded to 12 decimals.
    """

    caliper: float | None = None
    """Largest difference of the score, on its own scale."""
    score: ArrayLike | None = None
    """(n,) the score that the caliper bears on; None where the distance itself is that of a score."""
    covariates: ArrayLike | None = None
    """(n, k) covariates that have calipers of their own."""
    covariate_calipers: ArrayLike | None = None
    """(k,) largest difference in each of `covariates`, in its units."""
    exact: ArrayLike | None = None
    """(n,) or (n, k) labels that must be equal within a pair."""
    anti_exact: ArrayLike | None = None
    """(n,) or (n, k) labels that must differ within a pair."""
    discarded: ArrayLike | None = None
    """(n,) 1 for rows that take no part."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The e pairs that limits allow between t treated and c control rows, sorted by `row`, then `column`."""

    treated: Counts
    """(t,) treated rows in canonical order."""
    control: Counts
    """(c,) control rows in canonical order."""
    row: Counts
    """(e,) indices into `treated`."""
    column: Counts
    """(e,) indices into `control`."""
    cost: Floats
    """(e,) distances in whole units."""
    apart: Floats | None
    """(e,) squared distances in the covariates that break ties; None without them."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of treated and of control rows."""
        return self.treated.size, self.control.size


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """All that decides on pairs, with rows in canonical order: an order that the values fix, not the spreadsheet.

    Rows come by score, coordinates, the labels and covariates of the limits, tie covariates, and rank.
    """

    distances: Distances
    treatment: Bools
    """(n,) whether each row is treated."""
    rank: Floats
    """(n,) what decides between rows that are alike in everything else."""
    discarded: Bools
    """(n,) rows that take no part."""
    treated: Counts
    """(t,) treated rows in canonical order, discarded ones left out."""
    control: Counts
    """(c,) control rows likewise."""
    score: Floats | None
    """(n,) the score that the caliper bears on, in units; None without a caliper."""
    caliper: float
    """The caliper, in the same units."""
    covariates: Floats
    """(n, k) covariates with calipers, in units."""
    covariate_calipers: Floats
    """(k,) those calipers."""
    exact: Counts
    """(n, k) codes that must be equal."""
    anti_exact: Counts
    """(n, k) codes that must differ."""
    ties: Floats | None
    """(n, k) standardised covariates that break ties."""

    @property
    def is_limited(self) -> bool:
        """Whether any pair may be forbidden."""
        widths = self.covariates.shape[1] + self.exact.shape[1] + self.anti_exact.shape[1]
        return self.score is not None or widths > 0

    def blocks(self) -> Iterator[tuple[int, int, int, Floats]]:
        """Yield first and last treated row, first control row, and the costs of their block, infinite if forbidden."""
        low, high = self._reach()
        place = _places(self.distances, self.treatment)
        for start, stop in blocks(self.treated.size, self.control.size):
            left, right = int(low[start:stop].min()), int(high[start:stop].max())
            rows, columns = self.treated[start:stop], self.control[left:right]
            cost = self.distances.between(place[rows], place[columns])
            if self.is_limited:
                cost[~self.allows(rows, columns)] = np.inf
            yield start, stop, left, cost

    def allows(self, rows: Counts, columns: Counts) -> Bools:
        """Return (r, c) whether each of some treated rows may be matched with each of some controls."""
        allowed = np.ones((rows.size, columns.size), dtype=bool)
        if self.score is not None:
            allowed &= np.abs(self.score[rows][:, None] - self.score[columns]) <= self.caliper
        for values, caliper in zip(self.covariates.T, self.covariate_calipers, strict=True):
            allowed &= np.abs(values[rows][:, None] - values[columns]) <= caliper
        for codes in self.exact.T:
            allowed &= codes[rows][:, None] == codes[columns]
        for codes in self.anti_exact.T:
            allowed &= codes[rows][:, None] != codes[columns]
        return allowed

    def apart(self, rows: Counts, columns: Counts) -> Floats:
        """Return (r, c) squared distances in the tie covariates."""
        assert self.ties is not None
        return np.round(cdist(self.ties[rows], self.ties[columns], "sqeuclidean"), TIE_DIGITS)

    def _reach(self) -> tuple[Counts, Counts]:
        """Return for each treated row the stretch of controls within its caliper; both arms are sorted by score."""
        if self.score is None:
            return np.zeros(self.treated.size, dtype=int), np.full(self.treated.size, self.control.size)
        scores, own = self.score[self.control], self.score[self.treated]
        return np.searchsorted(scores, own - self.caliper), np.searchsorted(scores, own + self.caliper, side="right")


def field(
    distances: Distances | ArrayLike,
    treatment: ArrayLike,
    *,
    limits: Limits | None = None,
    tie_covariates: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> Field:
    """Check what a matching is asked to do and put its rows in canonical order.

    `distances` is a score (n,) or what the functions of `distance` make. Raises `InputError` for whatever is not as it
    must be, and where a caliper has no score to bear on.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    n = treated.size
    apart = _distances(distances, treated)
    limits = Limits() if limits is None else limits
    score, caliper = _caliper(limits, apart, n)
    covariates, calipers = _covariate_calipers(limits, n)
    exact, anti_exact = _codes("exact", limits.exact, n), _codes("anti_exact", limits.anti_exact, n)
    discarded = np.zeros(n, dtype=bool) if limits.discarded is None else as_binary("discarded", limits.discarded, n)
    rank = np.arange(n, dtype=float) if tie_rank is None else as_vector("tie_rank", tie_rank, n)
    ties = None if tie_covariates is None else _standardised(as_matrix("tie_covariates", tie_covariates, n), treated)
    keys = [rank, *_columns(ties), *covariates.T, *anti_exact.T, *exact.T, *_columns(apart.coordinates)]
    order = np.lexsort((*keys, score) if score is not None else keys)
    rows = order[~discarded[order]]
    arms = rows[treated[rows]], rows[~treated[rows]]
    if not arms[0].size or not arms[1].size:
        raise InputError("`discarded` must leave treated patients and controls; it leaves one arm empty.")
    return Field(apart, treated, rank, discarded, *arms, score, caliper, covariates, calipers, exact, anti_exact, ties)


def candidates(ground: Field, *, within: tuple[Floats, Floats] | None = None) -> Candidates:
    """List every pair that the limits allow; `within` (t,) and (c,) keeps those no costlier than the sum of the two.

    Raises `InputError` where there is none, saying which limit would have to give way, and where there are more than
    memory is meant for.
    """
    found: list[tuple[Counts, Counts, Floats]] = []
    apart: list[Floats] = []
    total = 0
    for start, stop, left, cost in ground.blocks():
        columns = slice(left, left + cost.shape[1])
        if within is not None:
            cost[cost > within[0][start:stop, None] + within[1][columns]] = np.inf
        inside = slice(None) if within is None and not ground.is_limited else np.isfinite(cost).ravel()
        row, column = _index(start, left, cost.shape)
        found.append((row[inside], column[inside], cost.ravel()[inside]))
        total += found[-1][0].size
        if total > MOST_PAIRS:
            raise InputError(
                f"The limits allow more than {MOST_PAIRS:,} pairs of a treated patient and a control; "
                "a caliper, or a narrower one, or exact strata will make them fewer."
            )
        if ground.ties is not None:
            far = ground.apart(ground.treated[start:stop], ground.control[columns])
            apart.append(far.ravel()[inside])
    if not total:
        raise _none(ground)
    # A single block, the usual case, is not copied.
    row, column, cost = found[0] if len(found) == 1 else (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Candidates(ground.treated, ground.control, row, column, cost, np.concatenate(apart) if apart else None)


def nearest_costs(ground: Field) -> tuple[Floats, Floats]:
    """Return the least cost of each treated (t,) and each control row (c,), infinite where it has no partner."""
    of_treated, of_control = np.full(ground.treated.size, np.inf), np.full(ground.control.size, np.inf)
    for start, stop, left, cost in ground.blocks():
        of_treated[start:stop] = cost.min(axis=1, initial=np.inf)
        columns = slice(left, left + cost.shape[1])
        of_control[columns] = np.minimum(of_control[columns], cost.min(axis=0, initial=np.inf))
    return of_treated, of_control


def _index(row: int, column: int, shape: tuple[int, ...]) -> tuple[Counts, Counts]:
    """Return the row and the column of every cell of a block that begins at a row and a column."""
    rows = np.arange(row, row + shape[0], dtype=np.int32)
    columns = np.arange(column, column + shape[1], dtype=np.int32)
    return np.repeat(rows, shape[1]), np.tile(columns, shape[0])


def preference(apart: Floats | None) -> Floats | None:
    """Turn squared tie distances into preferences from 0 (farthest) to 1 (none)."""
    if apart is None or not apart.size or apart.max() == 0:
        return None
    return 1.0 - apart / apart.max()


def _none(ground: Field) -> InputError:
    """Return the error that says which limit leaves no pair, and what would leave one."""
    none = np.zeros((ground.treatment.size, 0), dtype=int)
    if ground.score is not None:
        open_score = replace(ground, caliper=np.inf)
        gap = min((_least_gap(open_score, start, stop) for start, stop, _, _ in open_score.blocks()), default=np.inf)
        if np.isfinite(gap):
            return CaliperError(gap / UNITS, "within the other limits the nearest treated patient and control")
    for name, change in (
        ("covariate_calipers", {"covariate_calipers": np.full_like(ground.covariate_calipers, np.inf)}),
        ("anti_exact", {"anti_exact": none}),
        ("exact", {"exact": none}),
    ):
        if any(np.isfinite(cost).any() for _, _, _, cost in replace(ground, **change).blocks()):
            return InputError(
                f"`{name}` leaves no pair of a treated patient and a control; without it there are pairs."
            )
    return InputError(
        "The limits together leave no pair of a treated patient and a control; loosen more than one of them."
    )


def _least_gap(ground: Field, start: int, stop: int) -> float:
    assert ground.score is not None
    rows = ground.treated[start:stop]
    gap = np.abs(ground.score[rows][:, None] - ground.score[ground.control])
    return float(np.where(ground.allows(rows, ground.control), gap, np.inf).min())


def _distances(distances: Distances | ArrayLike, treated: Bools) -> Distances:
    if not isinstance(distances, Distances):
        return score_distances(as_vector("score", distances, treated.size))
    if distances.coordinates is not None and distances.coordinates.shape[0] != treated.size:
        raise InputError(f"`distances` must be of {treated.size} rows; it is of {distances.coordinates.shape[0]}.")
    return distances


def _caliper(limits: Limits, distances: Distances, n: int) -> tuple[Floats | None, float]:
    if limits.score is not None:
        score = np.rint(as_vector("score", limits.score, n) * UNITS) + 0.0
    elif distances.coordinates is not None and distances.coordinates.shape[1] == 1:
        score = distances.coordinates[:, 0] * (UNITS / distances.units)
    else:
        score = None
    if limits.caliper is None:
        return None, np.inf
    if not limits.caliper >= 0:
        raise InputError(f"`caliper` must not be negative; it is {limits.caliper}.")
    if score is None:
        raise InputError("`caliper` bears on a score; give `score` in the limits, or calipers of covariates.")
    return score, float(np.rint(limits.caliper * UNITS))


def _covariate_calipers(limits: Limits, n: int) -> tuple[Floats, Floats]:
    if limits.covariate_calipers is None:
        return np.zeros((n, 0)), np.zeros(0)
    if limits.covariates is None:
        raise InputError("`covariate_calipers` need `covariates` to bear on.")
    covariates = as_matrix("covariates", limits.covariates, n)
    calipers = as_vector("covariate_calipers", np.atleast_1d(limits.covariate_calipers), covariates.shape[1])
    if (calipers < 0).any():
        raise InputError("`covariate_calipers` must not be negative.")
    units = np.array([in_units(largest) for largest in np.abs(covariates).max(axis=0).tolist()])
    return np.rint(covariates * units) + 0.0, np.rint(calipers * units)


def _codes(name: str, labels: ArrayLike | None, n: int) -> Counts:
    if labels is None:
        return np.zeros((n, 0), dtype=int)
    table = np.asarray(labels)
    columns = table.T if table.ndim == 2 else [table]
    return np.column_stack([as_levels(name, column, n)[1] for column in columns])


def _standardised(covariates: Floats, treated: Bools) -> Floats:
    ordered = covariates[np.lexsort((*covariates.T, treated))]
    centre, scale = centre_and_scale(ordered)
    return (covariates - centre) / scale


def _columns(table: Floats | None) -> list[Floats]:
    return [] if table is None else list(table.T)


def _places(distances: Distances, treated: Bools) -> Counts:
    """Return each row's index into the distances: the row itself, or for a matrix its number within its arm."""
    if distances.matrix is None:
        return np.arange(treated.size)
    return np.where(treated, np.cumsum(treated), np.cumsum(~treated)) - 1
