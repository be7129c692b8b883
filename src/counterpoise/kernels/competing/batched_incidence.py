"""The cumulative incidence of one cause under many weightings at once, for the bootstrap."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_floats, as_vector, require
from counterpoise.kernels.competing.causes import CENSORED, as_cause, as_causes
from counterpoise.kernels.risk_set import TIE_TOLERANCE, risk_set, suffix_sum

BLOCK = 262_144
"""Weights (replicates times rows) per block, so that the running sums stay in the processor's cache."""

ROUNDING = 1e-12


def batched_cumulative_incidence(
    time: ArrayLike, cause: ArrayLike, weights: ArrayLike, times: ArrayLike, *, of: int = 1
) -> Floats:
    """Return F(t) of the cause `of` at (t,) `times` under each row of `weights` (b, n), as (b, t).

    The estimate is that of `aalen_johansen`. Weights may hold zeros; a replicate that holds a NaN is NaN, because
    the score behind it had not converged. Beyond the last observed time the answer is NaN, unless nobody was left.

    >>> batched_cumulative_incidence([1, 2, 3], [1, 2, 1], [[1, 1, 1], [2, 1, 1]], times=[1, 2]).round(4)
    array([[0.3333, 0.3333], [0.5   , 0.5   ]])

    Raises `InputError` where a time or weight is negative or not finite.

    Source: as for `aalen_johansen`.
    """
    code = as_cause("of", of)
    causes = as_causes("cause", cause)
    sets = risk_set(time, (causes != CENSORED).astype(float))
    batch, known = _as_batch(weights, sets.n)
    at = as_vector("times", times)
    require(at >= 0, "`times` must be finite and non-negative")
    tolerance = TIE_TOLERANCE * float(sets.time[-1])
    step = np.searchsorted(sets.time, at + tolerance, side="right")
    beyond = at > sets.time[-1] + tolerance
    event, mine = sets.event[sets.order], causes[sets.order] == code
    result = np.empty((batch.shape[0], at.size))
    size = max(1, BLOCK // sets.n)
    for begin in range(0, batch.shape[0], size):
        block = slice(begin, begin + size)
        ordered = np.take(batch[block], sets.order, axis=1)
        at_risk = suffix_sum(np.add.reduceat(ordered, sets.start, axis=1))
        events = np.add.reduceat(ordered * event, sets.start, axis=1)
        of_cause = np.add.reduceat(ordered * mine, sets.start, axis=1)
        incidence, left = _incidence(at_risk, events, of_cause)
        result[block] = np.where(beyond & left[:, None], np.nan, incidence[:, step])
    result[~known] = np.nan
    return result


def _incidence(at_risk: Floats, events: Floats, of_cause: Floats) -> tuple[Floats, Bools]:
    """Return (b, m + 1) incidences, from 0 on, and whether anybody is free of events at the end (b,)."""
    populated = at_risk > 0
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=populated)
    # Where all at risk have an event the two sums differ by rounding at most, and the curve is at zero for good.
    survival = np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0).cumprod(axis=1)
    incidence = np.zeros((at_risk.shape[0], at_risk.shape[1] + 1))
    share = np.divide(of_cause, at_risk, out=np.zeros_like(events), where=populated)
    share[:, 1:] *= survival[:, :-1]
    np.cumsum(share, axis=1, out=incidence[:, 1:])
    return incidence, survival[:, -1] > 0


def _as_batch(values: ArrayLike, size: int) -> tuple[Floats, Bools]:
    batch = np.atleast_2d(as_floats("weights", values))
    if batch.ndim != 2 or batch.shape[1] != size:
        raise InputError(f"`weights` must have shape (replicates, {size}); its shape is {batch.shape}.")
    known = np.asarray(~np.isnan(batch).any(axis=1), dtype=bool)
    batch = np.where(known[:, None], batch, 1.0)
    require(np.isfinite(batch) & (batch >= 0), "`weights` must be finite and non-negative")
    require(batch.sum(axis=1) > 0, "`weights` must hold a positive weight in every replicate")
    return batch, known
