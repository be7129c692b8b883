"""The bootstrap in blocks: score, treatment hazard ratio and survival refitted for many weightings at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_floats, as_matrix, as_vector, require
from counterpoise.kernels.logistic import (
    back_transform,
    centre_and_scale,
    dependent_columns,
    expit,
    log_expit,
    require_both_arms,
    standardised,
)
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set

BLOCK = 64
"""Replicates of the score per block: enough to keep the matrix products busy, few enough to stay in cache."""

HAZARD_BLOCK = 65_536
"""Weights (replicates times rows) per block of hazard ratios, whose steps are too small to fill a block of 64."""

SETTLED = 1e-6
"""Largest relative change in the last step; the error after it is about its square."""

MAX_STEPS = 40

UPHILL = float(np.log(2.0))
"""A Newton step that moves no predictor by more than this cannot lower a logistic likelihood, whose curvature
along a step changes by less than the exponential of the largest move (Bach, Electron J Stat 2010;4:384-414)."""

ROUNDING = 1e-12

LARGEST_LOG_HAZARD_RATIO = 20.0
"""Beyond it a hazard ratio, 5e8, is infinite: all events of the replicate lie in one arm."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchedScore:
    """Logistic regressions under b weightings: `coefficients` (b, q + 1), intercept first, `probability` (b, n).

    `converged` (b,) tells which replicates have an answer; the rows of the others are NaN.
    """

    coefficients: Floats
    probability: Floats
    converged: Bools


@dataclass(frozen=True, slots=True, eq=False)
class BatchedHazard:
    """Cox regressions on treatment alone under b weightings: `log_hazard_ratio` (b,).

    `converged` (b,) tells which replicates have an answer; the others are NaN.
    """

    log_hazard_ratio: Floats
    converged: Bools


def fractional_weights(replicates: int, n: int, seed: int) -> Floats:
    """Draw (b, n) random weights, standard exponentials scaled to sum to n in every replicate.

    All weights are positive, so no replicate loses an arm, a level or its events, and what the full sample can
    fit every replicate can. The same seed gives the same weights.

    >>> weights = fractional_weights(2, 4, seed=1)
    >>> weights.shape, weights.sum(axis=1).round(12).tolist()
    ((2, 4), [4.0, 4.0])

    Source: Xu, Gotwalt, Hong, King and Meeker, Am Stat 2020;74:345-358.
    """
    if replicates < 1 or n < 1:
        raise InputError(f"`replicates` and `n` must be at least 1; they are {replicates} and {n}.")
    draws = np.random.default_rng(seed).standard_exponential((replicates, n))
    return draws * (n / draws.sum(axis=1, keepdims=True))


def batched_logistic(
    treatment: ArrayLike, x: ArrayLike, case_weights: ArrayLike, start: ArrayLike | None = None
) -> BatchedScore:
    """Fit the logistic regression of `logistic` under each row of `case_weights` (b, n), which may hold zeros.

    `start` (q + 1,) is where every replicate begins, best the fit of the full sample; zeros if it is None. Newton
    steps are halved, replicate by replicate, while they lower that replicate's likelihood; one that has not
    settled after 40 steps, as when its rows of positive weight are separated, is marked, not dropped.

    >>> fit = batched_logistic([0, 1, 0, 1], [1, 1, 2, 2], np.ones((2, 4)))
    >>> fit.probability.round(6).tolist()[0], fit.converged.tolist()
    ([0.5, 0.5, 0.5, 0.5], [True, True])
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    columns = as_matrix("x", x, rows=treated.size)
    weights = _as_batch("case_weights", case_weights, treated.size)
    centre, scale = centre_and_scale(columns)
    if dependent_columns(columns, centre, scale).size:
        raise InputError("`x` must have columns that are neither constant nor combinations of others.")
    design = standardised(columns, centre, scale)
    back = back_transform(centre, scale)
    first = np.zeros(design.shape[1])
    if start is not None:
        first = np.linalg.solve(back, as_vector("start", start, design.shape[1]))
    problem = _Logistic(design, np.where(treated, 1.0, -1.0))
    coefficients = np.empty((weights.shape[0], design.shape[1]))
    converged = np.empty(weights.shape[0], dtype=bool)
    for begin in range(0, weights.shape[0], BLOCK):
        rows = slice(begin, begin + BLOCK)
        coefficients[rows], converged[rows] = problem.fit(weights[rows], first)
    probability = expit(coefficients @ design.T)
    return BatchedScore(coefficients @ back.T, probability, converged)


class _Logistic:
    """A logistic regression whose rows are fixed and whose case weights change from replicate to replicate."""

    def __init__(self, design: Floats, sign: Floats) -> None:
        width = design.shape[1]
        upper = np.triu_indices(width)
        place = np.zeros((width, width), dtype=int)
        place[upper] = np.arange(upper[0].size)
        self._unpack = np.maximum(place, place.T)
        self._signed = design * sign[:, None]
        self._products = design[:, upper[0]] * design[:, upper[1]]

    def fit(self, weights: Floats, start: Floats) -> tuple[Floats, Bools]:
        """Return coefficients (b, q + 1) and which replicates settled, by Newton's method with step halving."""
        found = np.full((weights.shape[0], start.size), np.nan)
        active, here = np.arange(weights.shape[0]), np.tile(start, (weights.shape[0], 1))
        for _ in range(MAX_STEPS):
            agreement = here @ self._signed.T
            miss = expit(-agreement)
            slope = weights * miss
            information = (slope * (1.0 - miss)) @ self._products
            move = _solve(information[:, self._unpack], slope @ self._signed)
            shift = move @ self._signed.T
            reach = np.abs(shift).max(axis=1)
            settled = reach <= SETTLED
            found[active[settled]] = here[settled] + move[settled]
            # A singular system leaves its replicate without a step, and so without an answer.
            going = (reach > SETTLED) & np.isfinite(reach)
            if not going.any():
                break
            active, weights = active[going], weights[going]
            here, move, shift, agreement = here[going], move[going], shift[going], agreement[going]
            far = np.flatnonzero(reach[going] > UPHILL)
            move[far] = _shorten(weights[far], agreement[far], shift[far], move[far])
            here = here + move
        return found, np.isfinite(found[:, 0])


def _shorten(weights: Floats, agreement: Floats, shift: Floats, move: Floats) -> Floats:
    """Halve each replicate's step until it does not lower that replicate's log likelihood."""
    value = np.einsum("ij,ij->i", weights, log_expit(agreement))
    fraction = np.ones((move.shape[0], 1))
    for _ in range(MAX_STEPS):
        ahead = np.einsum("ij,ij->i", weights, log_expit(agreement + fraction * shift))
        lower = ahead < value - ROUNDING * np.abs(value)
        if not lower.any():
            break
        fraction[lower] /= 2.0
    return fraction * move


def _solve(matrices: Floats, vectors: Floats) -> Floats:
    """Solve b systems (b, k, k) at once; a singular one has NaN for an answer."""
    try:
        return np.linalg.solve(matrices, vectors[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.array([_solve_one(matrix, vector) for matrix, vector in zip(matrices, vectors, strict=True)])


def _solve_one(matrix: Floats, vector: Floats) -> Floats:
    try:
        return np.linalg.solve(matrix, vector)
    except np.linalg.LinAlgError:
        return np.full(vector.size, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Deaths:
    """What a Cox regression on treatment needs of b weightings, one column for each of the D events.

    With r the hazard ratio, the sum at risk at an event is `control` + r `treated`, after Efron's subtraction;
    `weight` is the mean weight of the deaths tied with it. All are (b, D); `observed` (b,) is the weighted
    number of events among the treated.
    """

    control: Floats
    treated: Floats
    weight: Floats
    observed: Floats


def batched_treatment_cox(
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights: ArrayLike,
    *,
    ties: Literal["efron", "breslow"] = "efron",
) -> BatchedHazard:
    """Fit the Cox regression on treatment alone under each row of `weights` (b, n), which may hold zeros.

    Tied deaths take the mean weight of their tied set (Therneau's weighted Efron), as in `cox`. The score falls
    as the coefficient rises, so each replicate's root is kept between bounds and a Newton step that would leave
    them is replaced by their middle. Where all events of a replicate lie in one arm, or nobody of one arm is at
    risk at any event, there is no finite root, and the replicate is marked as not converged; so is one whose
    weights hold a NaN, because its score had not converged.

    >>> fit = batched_treatment_cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], np.ones((1, 4)))
    >>> np.exp(fit.log_hazard_ratio).round(6).tolist(), fit.converged.tolist()
    ([1.618034], [True])

    Raises `InputError` where a time or weight is negative or not finite, an arm is empty, or there is no event.
    """
    sets = risk_set(time, event)
    treated = as_binary("treatment", treatment, sets.n)
    require_both_arms(treated)
    batch, known = _as_known_batch("weights", weights, sets.n)
    if ties not in ("efron", "breslow"):
        raise InputError(f"`ties` must be efron or breslow; it is {ties!r}.")
    if not sets.event.any():
        raise InputError("`event` must hold at least one event; it has none.")
    ratio = np.empty(batch.shape[0])
    layout, size = _layout(sets, treated, efron=ties == "efron"), max(16, HAZARD_BLOCK // sets.n)
    for begin in range(0, batch.shape[0], size):
        rows = slice(begin, begin + size)
        ratio[rows] = _roots(_deaths(layout, batch[rows]))
    ratio[~known] = np.nan
    return BatchedHazard(ratio, np.isfinite(ratio))


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where n rows in order of time have their D events, whatever the weights.

    `order` (n,) sorts the rows, `treated` (n,) is their arm in that order, `events` (D,) the places of the events.
    Of each event, (D,): `risk_start` is where those at risk begin, `ties` (g,) where each tied set begins among
    the events, `tied_set` which of them it is in, `count` how many that holds, `fraction` Efron's share of it.
    """

    order: Counts
    treated: Bools
    events: Counts
    risk_start: Counts
    ties: Counts
    tied_set: Counts
    count: Counts
    fraction: Floats


def _layout(sets: RiskSet, treated: Bools, *, efron: bool) -> _Layout:
    events = np.flatnonzero(sets.event[sets.order])
    group = sets.group[sets.order][events]
    _, tied_set, count = np.unique(group, return_inverse=True, return_counts=True)
    ties = np.cumsum(count) - count
    fraction = (np.arange(group.size) - ties[tied_set]) / count[tied_set] if efron else np.zeros(group.size)
    return _Layout(
        order=sets.order,
        treated=treated[sets.order],
        events=events,
        risk_start=sets.start[group],
        ties=ties,
        tied_set=tied_set,
        count=count[tied_set],
        fraction=fraction,
    )


def _deaths(layout: _Layout, weights: Floats) -> _Deaths:
    """Sum the weights (b, n) at risk by arm at each event."""
    ordered = weights[:, layout.order]
    treated = ordered * layout.treated
    dying, dying_treated = ordered[:, layout.events], treated[:, layout.events]
    tied = np.add.reduceat(dying, layout.ties, axis=1)[:, layout.tied_set]
    tied_treated = np.add.reduceat(dying_treated, layout.ties, axis=1)[:, layout.tied_set]
    return _Deaths(
        control=_suffix_sum(ordered - treated)[:, layout.risk_start] - layout.fraction * (tied - tied_treated),
        treated=_suffix_sum(treated)[:, layout.risk_start] - layout.fraction * tied_treated,
        weight=tied / layout.count,
        observed=dying_treated.sum(axis=1),
    )


def _suffix_sum(values: Floats) -> Floats:
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def _roots(deaths: _Deaths) -> Floats:
    """Solve observed = expected for the log hazard ratio of every replicate; NaN where there is no finite root."""
    batch = deaths.observed.size
    low, high = np.full(batch, -LARGEST_LOG_HAZARD_RATIO), np.full(batch, LARGEST_LOG_HAZARD_RATIO)
    beta, settled = np.zeros(batch), np.zeros(batch, dtype=bool)
    bracketed = (_score(deaths, low)[0] > 0) & (_score(deaths, high)[0] < 0)
    for _ in range(4 * MAX_STEPS):
        score, information = _score(deaths, beta)
        low = np.where(score > 0, np.maximum(low, beta), low)
        high = np.where(score < 0, np.minimum(high, beta), high)
        with np.errstate(divide="ignore", invalid="ignore"):
            target = beta + score / information
        inside = (target >= low) & (target <= high)
        target = np.where(inside, target, (low + high) / 2.0)
        small = np.abs(target - beta) <= SETTLED * (1.0 + np.abs(beta))
        beta = np.where(settled, beta, target)
        settled |= small
        if settled[bracketed].all():
            break
    return np.where(bracketed & settled, beta, np.nan)


def _score(deaths: _Deaths, beta: Floats) -> tuple[Floats, Floats]:
    """Return observed less expected weighted events of the treated (b,), and the information (b,)."""
    at_risk = deaths.treated * np.exp(beta)[:, None]
    total = at_risk + deaths.control
    # An event of weight zero may have nobody of positive weight at risk.
    share = np.divide(at_risk, total, out=np.zeros_like(total), where=total > 0)
    expected = deaths.weight * share
    return deaths.observed - expected.sum(axis=1), (expected * (1.0 - share)).sum(axis=1)


def batched_survival(time: ArrayLike, event: ArrayLike, weights: ArrayLike, at: float) -> Floats:
    """Return the weighted Kaplan-Meier estimate (b,) at time `at` under each row of `weights` (b, n).

    One arm at a time. Beyond the last observed time it is NaN, unless the curve has reached zero, and so it is for
    a replicate whose weights hold a NaN. A replicate whose rows still at risk all weigh zero keeps its estimate.

    >>> batched_survival([1, 2, 3], [1, 0, 1], [[1, 1, 1], [2, 1, 1]], at=2.5).round(4)
    array([0.6667, 0.5   ])
    """
    sets = risk_set(time, event)
    batch, known = _as_known_batch("weights", weights, sets.n)
    if not np.isfinite(at):
        raise InputError(f"`at` must be finite; it is {at}.")
    tolerance = TIE_TOLERANCE * sets.time[-1]
    early = sets.event_groups[sets.time[sets.event_groups] <= at + tolerance]
    ordered = batch[:, sets.order]
    at_risk = _suffix_sum(ordered)[:, sets.start[early]]
    events = np.add.reduceat(ordered * sets.event[sets.order], sets.start, axis=1)[:, early]
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    # Where all at risk die the two sums differ by rounding at most, and the curve is at zero for good.
    survival = np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0).prod(axis=1)
    return np.where(known & ((survival == 0.0) | (at <= sets.time[-1] + tolerance)), survival, np.nan)


def _as_batch(name: str, values: ArrayLike, size: int) -> Floats:
    """Return `values` as a finite non-negative (b, size) array; a vector becomes one replicate."""
    batch = np.atleast_2d(as_floats(name, values))
    if batch.ndim != 2 or batch.shape[1] != size:
        raise InputError(f"`{name}` must have shape (replicates, {size}); its shape is {batch.shape}.")
    require(np.isfinite(batch) & (batch >= 0), f"`{name}` must be finite and non-negative")
    require(batch.sum(axis=1) > 0, f"`{name}` must hold a positive weight in every replicate")
    return batch


def _as_known_batch(name: str, values: ArrayLike, size: int) -> tuple[Floats, Bools]:
    """Return the batch with ones in place of the replicates that hold a NaN, and which replicates hold none."""
    batch = np.atleast_2d(as_floats(name, values))
    known = ~np.isnan(batch).any(axis=-1, keepdims=True)
    return _as_batch(name, np.where(known, batch, 1.0), size), known.ravel()
