"""Kaplan-Meier estimates under many weightings of the same rows at once, for resampling."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_floats, as_vector, require
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set, suffix_sum

ROUNDING = 1e-12
BLOCK = 4_000_000
"""Weights (replicates times rows) per block: what bounds the memory."""


def batched_kaplan_meier(
    time: ArrayLike, event: ArrayLike, weights: ArrayLike, times: ArrayLike, *, extend: bool = False
) -> Floats:
    """Return the (b, k) Kaplan-Meier estimates at (k,) `times` under each row of `weights` (b, n).

    Each replicate is what `survival_at` reads off `kaplan_meier` with its weights, whose rows of weight zero are
    left out. So it is NaN beyond the last of its own rows, unless its curve has reached zero or `extend` carries
    the last value on; and NaN at all times where all its weights are zero, or one of them is NaN.

    Raises `InputError` where a weight is negative or infinite, and as `kaplan_meier` does.

    >>> batched_kaplan_meier([1, 2, 3], [1, 0, 1], [[1, 1, 1], [2, 1, 0]], times=[1.5, 2.5]).round(4)
    array([[0.6667, 0.6667],
           [0.3333,    nan]])

    Source: as for `kaplan_meier`; Efron (1981), JASA 76:312, for its bootstrap.
    """
    sets = risk_set(time, event)
    at = as_vector("times", times)
    require(at >= 0, "`times` must be finite and non-negative")
    batch = np.atleast_2d(as_floats("weights", weights))
    if batch.ndim != 2 or batch.shape[1] != sets.n:
        raise InputError(f"`weights` must have shape (replicates, {sets.n}); its shape is {batch.shape}.")
    require(~((batch < 0) | np.isinf(batch)), "`weights` must be finite and non-negative")
    size, found = max(1, BLOCK // sets.n), np.empty((batch.shape[0], at.size))
    for begin in range(0, batch.shape[0], size):
        block = slice(begin, begin + size)
        found[block] = _read(sets, batch[block], at, extend=extend)
    return found


def _read(sets: RiskSet, batch: Floats, at: Floats, *, extend: bool) -> Floats:
    known = np.asarray(~np.isnan(batch).any(axis=1) & (batch > 0).any(axis=1), dtype=bool)
    ordered = np.where(known[:, None], batch, 1.0)[:, sets.order]
    tolerance = TIE_TOLERANCE * float(sets.time[-1])
    event_time = sets.time[sets.event_groups]
    seen = sets.event_groups[event_time <= at.max(initial=0.0) + tolerance]
    at_risk = suffix_sum(ordered)[:, sets.start[seen]]
    events = np.add.reduceat(ordered * sets.event[sets.order], sets.start, axis=1)[:, seen]
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    # Where all at risk die the two sums differ by rounding at most, and the curve is at zero for good.
    steps = np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0)
    curve = np.concatenate((np.ones((batch.shape[0], 1)), np.cumprod(steps, axis=1)), axis=1)
    survival = curve[:, np.searchsorted(event_time[: seen.size], at + tolerance, side="right")]
    if not extend:
        last = _last_times(sets, ordered)
        survival = np.where((at > last[:, None] + tolerance) & (survival > 0), np.nan, survival)
    return np.where(known[:, None], survival, np.nan)


def _last_times(sets: RiskSet, ordered: Floats) -> Floats:
    """Return the (b,) time of the last row of positive weight."""
    present: Bools = np.asarray(ordered[:, ::-1] > 0, dtype=bool)
    place: Counts = sets.n - 1 - present.argmax(axis=1)
    return sets.time[sets.group[sets.order[place]]]
