"""Hazard ratio and survival of weighted clones, for many weightings of the patients at once."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.effects.batched_effects import ROUNDING, solve_log_ratio
from counterpoise.kernels.risk_set import TIE_TOLERANCE
from counterpoise.kernels.time_zero.clone_weights import CloneWeights
from counterpoise.kernels.time_zero.clones import Clones


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Weighted clones at risk and dying, (b, 2, K), at K distinct event times."""

    at_risk: Floats
    dying: Floats


class CloneEffects:
    """The 2 n clones, sorted once for all replicates."""

    def __init__(self, clones: Clones, at: Floats, ties: Ties) -> None:
        """Sort the clones of both arms and find the distinct times of their events."""
        self._clones, self._at, self._efron = clones, at, ties == "efron"
        self._tolerance = TIE_TOLERANCE * float(clones.own_time.max())
        moments = np.sort(clones.time[clones.event])
        keep = np.diff(moments, prepend=-np.inf) > self._tolerance
        self._times = moments[keep]
        self._order = np.argsort(clones.time, axis=1, kind="stable")
        ordered = np.take_along_axis(clones.time, self._order, axis=1)
        self._first = np.stack([np.searchsorted(row, self._times - self._tolerance) for row in ordered])
        self._last = clones.time.max(axis=1)
        self._events = [np.flatnonzero(row) for row in clones.event]
        self._when = [self._index(clones.time[arm, rows]) for arm, rows in enumerate(self._events)]

    def _index(self, times: Floats) -> Counts:
        return np.searchsorted(self._times, times + self._tolerance, side="right") - 1

    def of(self, made: CloneWeights, weights: Floats) -> tuple[Floats, Floats]:
        """Return the (b,) log hazard ratios and (b, 2, m) survival at (m,) times; NaN where there is none."""
        b = weights.shape[0]
        if self._times.size == 0:
            return np.full(b, np.nan), self._survival(_Sums(np.ones((b, 2, 0)), np.zeros((b, 2, 0))), made)
        sums = self._sums(made, weights)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = self._log_ratio(sums)
        return np.where(made.known, ratio, np.nan), self._survival(sums, made)

    def _sums(self, made: CloneWeights, weights: Floats) -> _Sums:
        shape = (weights.shape[0], 2, self._times.size)
        sums = _Sums(np.zeros(shape), np.zeros(shape))
        # An event at the moment of a beginning comes first, and one at the end of the grace period is within it.
        level = np.searchsorted(made.moments, self._times - self._tolerance)
        for j in np.unique(level):
            with np.errstate(over="ignore"):
                own = weights * np.exp(made.hazard[:, j, None] * made.ratio)
            self._add(sums, 0, own, level == j)
        beyond = self._times > self._clones.grace + self._tolerance
        self._add(sums, 1, weights, ~beyond)
        self._add(sums, 1, weights * made.after, beyond)
        return sums

    def _add(self, sums: _Sums, arm: int, own: Floats, chosen: np.ndarray) -> None:
        """Fill the sums of an arm at the `chosen` of the K times with the (b, n) weights that hold then."""
        places = np.flatnonzero(chosen)
        if places.size == 0:
            return
        running: Floats = np.zeros((own.shape[0], own.shape[1] + 1))
        np.cumsum(own[:, self._order[arm][::-1]], axis=1, out=running[:, 1:])
        sums.at_risk[:, arm, places] = running[:, own.shape[1] - self._first[arm][places]]
        here = chosen[self._when[arm]]
        rows, when = self._events[arm][here], self._when[arm][here]
        for row, place in zip(rows, when, strict=True):
            sums.dying[:, arm, place] += own[:, row]

    def _log_ratio(self, sums: _Sums) -> Floats:
        control, treated = sums.at_risk[:, 0], sums.at_risk[:, 1]
        of_control, of_treated = sums.dying[:, 0], sums.dying[:, 1]
        finite = ((of_treated > 0) & (control > 0)).any(axis=1) & ((of_control > 0) & (treated > 0)).any(axis=1)
        died = of_control + of_treated
        observed = of_treated.sum(axis=1)
        if self._efron:
            count = np.bincount(np.concatenate(self._when), minlength=self._times.size)
            of = np.repeat(np.arange(count.size), count)
            fraction = (np.arange(of.size) - (np.cumsum(count) - count)[of]) / count[of]
            control = control[:, of] - fraction * of_control[:, of]
            treated = treated[:, of] - fraction * of_treated[:, of]
            died = (died / count)[:, of]
        odds = np.where(treated > 0, control / treated, np.inf)
        usable = finite & np.isfinite(died).all(axis=1) & ~np.isnan(odds).any(axis=1)
        found = solve_log_ratio(observed[usable], died[usable], odds[usable], 0.0)
        answer = np.full(finite.size, np.nan)
        answer[usable] = found
        return answer

    def _survival(self, sums: _Sums, made: CloneWeights) -> Floats:
        hazard = np.divide(sums.dying, sums.at_risk, out=np.zeros_like(sums.dying), where=sums.at_risk > 0)
        height: Floats = np.ones((*hazard.shape[:2], self._times.size + 1))
        np.cumprod(np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0), axis=2, out=height[:, :, 1:])
        found = height[:, :, np.searchsorted(self._times, self._at + self._tolerance, side="right")]
        unknown = (self._at > self._last[:, None] + self._tolerance) & (height[:, :, -1:] > 0)
        return np.where(unknown | ~made.known[:, None, None], np.nan, found)
