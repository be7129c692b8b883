"""The restricted mean under many weightings of the same rows at once, for resampling."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_floats, require
from counterpoise.kernels.curves.restricted_mean import check_horizon
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set, suffix_sum

ROUNDING = 1e-12
BLOCK = 4_000_000
"""Weights (replicates times rows) per block: what bounds the memory."""


def batched_restricted_mean(
    time: ArrayLike, event: ArrayLike, weights: ArrayLike, horizon: float, *, extend: bool = False
) -> Floats:
    """Return the (b,) restricted mean survival times up to `horizon` under each row of `weights` (b, n).

    Each replicate is the value of `restricted_mean` with its weights, whose rows of weight zero are left out. Where
    that would be refused, because the horizon lies beyond the last of the replicate's own rows and its curve has not
    reached zero, it is NaN, unless `extend` carries the last value on; it is NaN, too, where all its weights are
    zero, or one of them is NaN.

    Raises `InputError` where a weight is negative or infinite, and as `restricted_mean` does for a time, an event or
    a horizon that is not one.

    >>> batched_restricted_mean([1, 2, 3], [1, 0, 1], [[1, 1, 1], [2, 1, 1]], horizon=3)
    array([2.33333333, 2.        ])

    Source: as for `restricted_mean`; Efron (1981), JASA 76:312, for the bootstrap.
    """
    sets = risk_set(time, event)
    horizon = check_horizon(horizon)
    batch = as_batch(weights, sets.n)
    size, found = max(1, BLOCK // sets.n), np.empty(batch.shape[0])
    for begin in range(0, batch.shape[0], size):
        block = slice(begin, begin + size)
        found[block] = _areas(sets, batch[block], horizon, extend=extend)
    return found


def as_batch(weights: ArrayLike, size: int) -> Floats:
    """Return weights as (b, size), none negative or infinite; a vector becomes one replicate, a NaN stays."""
    batch = np.atleast_2d(as_floats("weights", weights))
    if batch.ndim != 2 or batch.shape[1] != size:
        raise InputError(f"`weights` must have shape (replicates, {size}); its shape is {batch.shape}.")
    require(~((batch < 0) | np.isinf(batch)), "`weights` must be finite and non-negative")
    return batch


def _areas(sets: RiskSet, batch: Floats, horizon: float, *, extend: bool) -> Floats:
    known = np.asarray(~np.isnan(batch).any(axis=1) & (batch > 0).any(axis=1), dtype=bool)
    ordered = np.where(known[:, None], batch, 1.0)[:, sets.order]
    limit = horizon * (1 + TIE_TOLERANCE)
    seen = sets.event_groups[sets.time[sets.event_groups] <= limit]
    at_risk = suffix_sum(ordered)[:, sets.start[seen]]
    events = np.add.reduceat(ordered * sets.event[sets.order], sets.start, axis=1)[:, seen]
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    # Where all at risk die the two sums differ by rounding at most, and the curve is at zero for good.
    steps = np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0)
    curve = np.concatenate((np.ones((batch.shape[0], 1)), np.cumprod(steps, axis=1)), axis=1)
    width = np.diff(np.minimum(np.concatenate(([0.0], sets.time[seen], [horizon])), horizon))
    # A row of matrix times vector depends on the other rows by its rounding; a sum of its own does not.
    area = np.asarray((curve * width).sum(axis=1), dtype=float)
    if not extend:
        present = np.flip(ordered > 0, axis=1).argmax(axis=1)
        last = sets.time[sets.group[sets.order[sets.n - 1 - present]]]
        area = np.where((limit > last * (1 + 2 * TIE_TOLERANCE)) & (curve[:, -1] > 0), np.nan, area)
    return np.where(known, area, np.nan)
