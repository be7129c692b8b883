"""What each row adds to a cumulative incidence, and the two variances that are made of it.

Notation, at distinct time l: n_l at risk, d_l events of which d_kl of cause k, h = d / n, S the event-free
survival. dM_i = dN_i - Y_i h is row i's martingale increment. The derivative of F_k(t) by the weight of row i is

    sum over l up to t of  dM_ikl S(l-) / n_l  -  dM_il (F_k(t) - F_k(l)) / (n_l - d_l)

whose first part is the row's own event and whose second is what it takes off, or leaves to, all later ones.

Source: the vignette "Methods" of R's survival; Aalen (1978), Ann Stat 6:534; Gray (1988), Ann Stat 16:1141.
"""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.competing.causes import CauseRows, events_by_cause
from counterpoise.kernels.risk_set import sum_at_risk, sum_by, sum_by_time


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The estimate at the m distinct times, as sums of weights."""

    at_risk: Floats
    """(m,)"""
    events: Floats
    """(k, m) of each cause."""
    hazard: Floats
    """(m,) d / n of all causes."""
    survival_before: Floats
    """(m,) S(t-)."""
    survival: Floats
    """(m,) S(t)."""
    incidence: Floats
    """(k, m) F_k(t)."""
    inverse_surviving: Floats
    """(m,) 1 / (n - d); 0 where all those at risk have an event, for then F does not rise any more."""


def steps_of(rows: CauseRows, causes: Counts) -> Steps:
    """Return the Aalen-Johansen estimate of the (k,) causes."""
    sets, weights = rows.sets, rows.weights
    at_risk = sum_at_risk(sets, weights)
    events = events_by_cause(rows, causes, weights)
    total = sum_by_time(sets, weights * sets.event)
    # Counts of rows are exact where sums of weights are not, so that the curve reaches zero and not 1e-17.
    all_die = sum_at_risk(sets) == sum_by_time(sets, sets.event.astype(float))
    survival = np.asarray(np.cumprod(np.where(all_die, 0.0, 1 - total / at_risk)), dtype=float)
    before = np.concatenate(([1.0], survival[:-1]))
    inverse = np.divide(1.0, at_risk - total, out=np.zeros_like(at_risk), where=~all_die)
    incidence = np.cumsum(before * events / at_risk, axis=1)
    return Steps(at_risk, events, total / at_risk, before, survival, incidence, inverse)


def aalen_variance(steps: Steps) -> Floats:
    """Return the (k, m) martingale variance of F_k(t), with the factor (n - d) / (n - 1) for tied events.

    The events of all other causes are tied with each other, as in cmprsk's cuminc.
    """
    n = steps.at_risk
    inverse = np.divide(1.0, steps.survival, out=np.zeros_like(n), where=steps.survival > 0)
    # Measured from their last value the incidences are small where 1 / S is large: no digits are lost there.
    fall = steps.incidence - steps.incidence[:, -1:]
    variance = np.zeros_like(steps.incidence)
    others = steps.hazard * n - steps.events
    for events, own in ((steps.events, 1.0), (others, 0.0)):
        ties = np.maximum(n - events, 0.0) / np.maximum(n - 1, 1.0)
        spread = (steps.survival_before / n) ** 2 * events * np.where(events > 1, ties, 1.0)
        reach = own + fall * inverse
        variance += np.cumsum(spread * reach**2, axis=1)
        variance -= 2 * fall * np.cumsum(spread * reach * inverse, axis=1)
        variance += fall**2 * np.cumsum(spread * inverse**2, axis=1)
    return np.where(steps.incidence > 0, np.maximum(variance, 0.0), 0.0)


def influence_variance(rows: CauseRows, causes: Counts, steps: Steps) -> tuple[Floats, Floats]:
    """Return the (k, m) variance of F_k(t) and the (m,) variance of S(t), from squared influence values."""
    moves = None if rows.cluster is None and rows.sets.first is None else _moves(rows)
    own = steps.survival_before / steps.at_risk
    zero = np.zeros_like(own)
    # Measured from their last value the incidences are small where 1 / (n - d) is large: no digits are lost there.
    fall = steps.incidence - steps.incidence[:, -1:]
    variance = np.empty_like(steps.incidence)
    for index, code in enumerate(causes):
        hazard = steps.events[index] / steps.at_risk
        shared = fall[index] * steps.inverse_surviving
        mine = np.where(rows.cause == code, own[rows.sets.group], 0.0)
        squares = _squared_influence(rows, moves, steps, own * hazard, mine, shared, fall[index])
        variance[index] = np.where(steps.incidence[index] > 0, squares, 0.0)
    mine = np.zeros(rows.sets.n)
    return variance, _squared_influence(rows, moves, steps, zero, mine, zero, steps.survival)


def influence_of_functional(rows: CauseRows, causes: Counts, steps: Steps, own: Floats, shared: Floats) -> Floats:
    """Return the (n, s) sums over times of dM_ikl own_kl - dM_il shared_kl, each row times its weight.

    `own` and `shared` are (s, m); the first k of the s are the causes, the others have no events of their own.
    """
    sets, k = rows.sets, causes.size
    rate = -shared * steps.hazard
    rate[:k] += own[:k] * steps.events / steps.at_risk
    running = np.concatenate((np.zeros((len(rate), 1)), np.cumsum(rate, axis=1)), axis=1)
    influence = -running[:, sets.group + 1] - np.where(sets.event, shared[:, sets.group], 0.0)
    if sets.first is not None:
        influence += running[:, sets.first]
    influence[:k] += np.where(rows.cause == causes[:, None], own[:k, sets.group], 0.0)
    return (influence * rows.weights).T


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """The 2n entries and exits of rows, sorted by cluster and time."""

    order: Counts
    when: Counts
    who: Counts
    entered: Counts
    """(n,) the time of entry of each row."""


def _moves(rows: CauseRows) -> _Moves:
    sets = rows.sets
    entered = np.zeros(sets.n, dtype=np.intp) if sets.first is None else sets.first
    when = np.stack([entered, sets.group], axis=1).ravel()
    who = np.repeat(np.arange(sets.n) if rows.cluster is None else rows.cluster, 2)
    order = np.arange(2 * sets.n) if rows.cluster is None else np.lexsort((when, who))
    return _Moves(order, when[order], who[order], entered)


def _squared_influence(
    rows: CauseRows, moves: _Moves | None, steps: Steps, own: Floats, mine: Floats, shared: Floats, fall: Floats
) -> Floats:
    """Return the (m,) sums over clusters of squared influence on F(t), without an (n, m) matrix.

    The influence of a row at risk is the same for all, g(t) less what it was at its entry; that of a row that left
    is b - c F(t). Late entry and clusters need `_moves`.
    """
    group, event, weights = rows.sets.group, rows.sets.event, rows.weights
    of_own = np.cumsum(own + shared * steps.hazard)
    of_all = np.cumsum(steps.hazard * steps.inverse_surviving)
    left_own = mine + np.where(event, shared[group], 0.0) - of_own[group]
    left_all = np.where(event, steps.inverse_surviving[group], 0.0) - of_all[group]
    at_risk = fall * of_all - of_own
    if moves is not None:
        before_own, before_all = np.append(0.0, of_own)[moves.entered], np.append(0.0, of_all)[moves.entered]
        parts = tuple(
            (np.stack(part, axis=1) * weights[:, None]).ravel()[moves.order]
            for part in ((np.ones_like(mine), -np.ones_like(mine)), (before_own, left_own), (before_all, left_all))
        )
        return _squares_in_clusters(moves, parts, (at_risk, np.ones_like(fall), -fall))
    remaining = sum_at_risk(rows.sets, weights**2) - sum_by_time(rows.sets, weights**2)
    squares = np.stack((left_own**2, left_own * left_all, left_all**2)) * weights**2
    left = np.cumsum(sum_by_time(rows.sets, squares), axis=1)
    return np.maximum(at_risk**2 * remaining + left[0] - 2 * fall * left[1] + fall**2 * left[2], 0.0)


def _squares_in_clusters(moves: _Moves, parts: tuple[Floats, ...], factors: tuple[Floats, ...]) -> Floats:
    """Return the (m,) sums over clusters of the squares of their running sums of `parts`, each by its factor.

    A cluster's sums change only when one of its rows enters or leaves, so that their squares and products are kept
    as running sums over time too.
    """
    sums = [sums_within(part, moves.who) for part in parts]
    variance = np.zeros_like(factors[0])
    for i in range(3):
        for j in range(i, 3):
            gained = sums[i] * sums[j] - (sums[i] - parts[i]) * (sums[j] - parts[j])
            running = np.cumsum(sum_by(moves.when, gained, variance.size))
            variance += (1 if i == j else 2) * factors[i] * factors[j] * running
    return np.maximum(variance, 0.0)


def sums_within(values: Floats, labels: Counts) -> Floats:
    """Return running sums that start again at every new label; equal labels stand together.

    >>> sums_within(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]))
    array([1., 3., 4.])
    """
    sums = np.cumsum(values)
    starts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
    offsets = np.concatenate(([0.0], sums[starts[1:] - 1]))
    return sums - np.repeat(offsets, np.diff(np.append(starts, labels.size)))
