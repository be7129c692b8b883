"""Effects of two weighted arms under many weightings of the same rows at once, for resampling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_vector, require
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import check_ties
from counterpoise.kernels.curves.batched_restricted_mean import as_batch
from counterpoise.kernels.curves.restricted_mean import check_horizon
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set, split_by_stratum
from counterpoise.kernels.sandwich import group_codes

LARGEST = 20.0
"""A log hazard ratio beyond it, 5e8, is infinite: all events of the replicate lie in one arm."""

SETTLED = 1e-6
"""Largest change of a log hazard ratio in the last step; the error after it is about its square."""

MAX_STEPS = 100

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class BatchedEffects:
    """Effects under b weightings of the same rows; what a replicate does not have is NaN."""

    log_hazard_ratio: Floats
    """(b,) of treated to controls."""
    survival: Floats
    """(b, 2, m) of controls and treated at m times."""
    mean: Floats
    """(b, 2) restricted means of controls and treated; NaN without a horizon."""

    @property
    def survival_difference(self) -> Floats:
        """(b, m) treated less controls."""
        return self.survival[:, 1] - self.survival[:, 0]

    @property
    def mean_difference(self) -> Floats:
        """(b,) treated less controls."""
        return self.mean[:, 1] - self.mean[:, 0]


class EffectRows:
    """The rows of two arms, sorted once: what does not change from one weighting to the next."""

    def __init__(
        self,
        time: ArrayLike,
        event: ArrayLike,
        treatment: ArrayLike,
        *,
        at: ArrayLike = (),
        horizon: float | None = None,
        entry: ArrayLike | None = None,
        stratum: ArrayLike | None = None,
        ties: Ties = "efron",
    ) -> None:
        """Check and sort the data, which are those of `batched_effects`."""
        check_ties(ties)
        sets = risk_set(time, event, entry)
        treated = as_binary("treatment", treatment, sets.n)
        require_both_arms(treated)
        self.n, self.ties = sets.n, ties
        self.at = as_vector("at", at)
        require(self.at >= 0, "`at` must be finite and non-negative")
        self.horizon = None if horizon is None else check_horizon(horizon)
        strata = None if stratum is None else group_codes("stratum", stratum, sets.n)
        split = sets if strata is None else split_by_stratum(sets, strata)[0]
        self._hazard = _HazardRows(split, treated, strata, efron=ties == "efron")
        self._curves = [_CurveRows(sets, np.flatnonzero(arm)) for arm in (~treated, treated)]

    def effects(self, weights: Floats, start: float = 0.0) -> BatchedEffects:
        """Return the effects under (b, n) finite non-negative weights; `start` is near the log hazard ratios."""
        ratio = self._hazard.log_ratio(weights, start)
        found = BatchedEffects(
            ratio, np.empty((weights.shape[0], 2, self.at.size)), np.full((weights.shape[0], 2), np.nan)
        )
        if self.at.size or self.horizon is not None:
            for arm, rows in enumerate(self._curves):
                curve = rows.curve(weights)
                found.survival[:, arm] = curve.at(self.at)
                if self.horizon is not None:
                    found.mean[:, arm] = curve.mean(self.horizon)
        return found


def batched_effects(  # noqa: PLR0913 - the data of all effects and the choices that each of them has
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights: ArrayLike,
    *,
    at: ArrayLike = (),
    horizon: float | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: Ties = "efron",
) -> BatchedEffects:
    """Estimate the effects of `treatment` (0 or 1) under each row of `weights` (b, n).

    The log hazard ratio of a Cox model of treatment alone, within `stratum` if given; survival of both arms at (m,)
    times `at`; and their restricted means up to `horizon`. Each replicate is what `cox`, `kaplan_meier` and
    `restricted_mean` give with its weights, whose rows of weight zero are left out, tied deaths among them. A ratio
    is NaN where no event of one arm has somebody of the other at risk; survival beyond the last of an arm's own
    rows, unless it is zero, and so a mean up to a horizon that lies there; and all of a replicate with a NaN weight
    or an arm whose weights are all zero.

    >>> found = batched_effects([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], [[1, 1, 1, 1], [1, 2, 1, 1]], at=[2])
    >>> found.log_hazard_ratio.round(4), found.survival_difference.ravel().round(4)
    (array([0.4812, 0.5025]), array([ 0.    , -0.1667]))

    Raises `InputError` where a weight is negative or infinite, an arm is empty, and as the estimators named do.

    Source: as for `cox`, `kaplan_meier` and `restricted_mean`.
    """
    rows = EffectRows(time, event, treatment, at=at, horizon=horizon, entry=entry, stratum=stratum, ties=ties)
    batch = as_batch(weights, rows.n)
    known: Bools = np.asarray(~np.isnan(batch).any(axis=1), dtype=bool)
    found = rows.effects(np.where(known[:, None], batch, 1.0))
    for values in (found.log_hazard_ratio, found.survival, found.mean):
        values[~known] = np.nan
    return found


class _SumsAtRisk:
    """Sums of weights at risk at g times, as differences of running sums over rows sorted backwards."""

    def __init__(self, sets: RiskSet, rows: Counts, when: Counts, segment: Counts | None) -> None:
        """`rows` (r,) are of one arm, `when` (g,) indices of `sets.time`; `segment` (m,) has the strata's codes."""
        last = sets.time.size if segment is None else np.searchsorted(segment, segment[when], side="right")
        self._leaving = _Running(sets.group, rows, when, last)
        self._late = None if sets.first is None else _Running(sets.first, rows, when + 1, last)

    def of(self, weights: Floats) -> Floats:
        """Return the (b, g) sums for (b, n) weights."""
        sums = self._leaving.of(weights)
        if self._late is not None:
            sums -= self._late.of(weights)
            # Rows that come and go leave rounding behind, not zero, where nobody is at risk.
            sums[sums < ROUNDING * weights.sum(axis=1, keepdims=True)] = 0.0
        return sums


class _Running:
    """Sums of weights over rows whose index lies in [begin, end) of each of g places."""

    def __init__(self, index: Counts, rows: Counts, begin: Counts, end: Counts | int) -> None:
        order = np.argsort(-index[rows], kind="stable")
        self._rows = rows[order]
        ascending = np.sort(index[rows])
        self._high = rows.size - np.searchsorted(ascending, begin)
        self._low = rows.size - np.searchsorted(ascending, np.broadcast_to(end, begin.shape))

    def of(self, weights: Floats) -> Floats:
        running = np.zeros((weights.shape[0], self._rows.size + 1))
        np.cumsum(np.take(weights, self._rows, axis=1), axis=1, out=running[:, 1:])
        sums = np.take(running, self._high, axis=1)
        return sums - np.take(running, self._low, axis=1) if self._low.any() else sums


class _HazardRows:
    """The D events of both arms, in order of stratum and time, and who is at risk with them."""

    def __init__(self, sets: RiskSet, treated: Bools, strata: Counts | None, *, efron: bool) -> None:
        segment = None
        if strata is not None:
            segment = np.empty(sets.time.size, dtype=np.intp)
            segment[sets.group] = strata
        when = sets.event_groups
        self._at_risk = [_SumsAtRisk(sets, np.flatnonzero(arm), when, segment) for arm in (~treated, treated)]
        rows = sets.order[sets.event[sets.order]]
        self._rows, self._member = rows, treated[rows]
        self._of = np.searchsorted(when, sets.group[rows])
        self._start = np.searchsorted(self._of, np.arange(when.size))
        self._shared = efron and rows.size > when.size

    def log_ratio(self, weights: Floats, start: float) -> Floats:
        """Return the (b,) log hazard ratios."""
        if self._rows.size == 0:
            return np.full(weights.shape[0], np.nan)
        control, treated = (sums.of(weights) for sums in self._at_risk)
        dying = np.take(weights, self._rows, axis=1)
        died = np.add.reduceat(dying, self._start, axis=1) if self._rows.size > self._start.size else dying
        of_treated = np.where(self._member, dying, 0.0)
        observed = of_treated.sum(axis=1)
        died_treated = of_treated
        if self._rows.size > self._start.size:
            died_treated = np.add.reduceat(of_treated, self._start, axis=1)
        finite = ((died_treated > 0) & (control > 0)).any(axis=1)
        finite &= ((died > died_treated) & (treated > 0)).any(axis=1)
        if self._shared:
            fraction, weight = self._tied(dying, died)
            control = control[:, self._of] - fraction * (died - died_treated)[:, self._of]
            treated = treated[:, self._of] - fraction * died_treated[:, self._of]
            died = weight
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.where(treated > 0, control / treated, np.inf)
        return np.where(finite, solve_log_ratio(observed, died, odds, start), np.nan)

    def _tied(self, dying: Floats, died: Floats) -> tuple[Floats, Floats]:
        """Return Efron's share of its tied set of each death, and the mean weight of that set."""
        present = np.ones((1, self._rows.size), dtype=np.intp) if dying.all() else (dying > 0).astype(np.intp)
        count = np.add.reduceat(present, self._start, axis=1)[:, self._of]
        running = np.cumsum(present, axis=1)
        before = (running - present)[:, self._start][:, self._of]
        count_or_one = np.maximum(count, 1)
        fraction = np.where(present > 0, running - 1 - before, 0) / count_or_one
        return fraction, np.where(present > 0, died[:, self._of] / count_or_one, 0.0)


def solve_log_ratio(observed: Floats, weight: Floats, odds: Floats, start: float) -> Floats:
    """Solve observed = sum of weight r / (r + odds) for log r; the score falls as log r rises.

    `odds` (b, D) are the weights at risk of controls to those of treated. A Newton step that leaves the bounds found
    so far is replaced by their middle.
    """
    found = np.full(observed.size, np.nan)
    active, beta = np.arange(observed.size), np.full(observed.size, start)
    low, high = np.full(observed.size, -LARGEST), np.full(observed.size, LARGEST)
    for _ in range(MAX_STEPS):
        ratio = np.exp(beta)[:, None]
        share = ratio / (ratio + odds)
        expected = np.einsum("ij,ij->i", weight, share)
        information = expected - np.einsum("ij,ij,ij->i", weight, share, share)
        score = observed - expected
        low, high = np.where(score > 0, beta, low), np.where(score < 0, beta, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            target = beta + score / information
        target = np.where((target >= low) & (target <= high), target, (low + high) / 2.0)
        settled = np.abs(target - beta) <= SETTLED * (1.0 + np.abs(beta))
        found[active[settled]] = target[settled]
        if settled.all():
            break
        if settled.sum() * 2 > settled.size:
            going = ~settled
            active, observed, weight, odds = active[going], observed[going], weight[going], odds[going]
            beta, low, high = target[going], low[going], high[going]
        else:
            beta = target
    return np.where(np.abs(found) < LARGEST - 1.0, found, np.nan)


class _CurveRows:
    """The rows of one arm, the g distinct times of its events, and who is at risk then."""

    def __init__(self, sets: RiskSet, rows: Counts) -> None:
        events = rows[sets.event[rows]]
        events = events[np.argsort(sets.group[events], kind="stable")]
        when, start = np.unique(sets.group[events], return_index=True)
        self._rows, self._events, self._start = rows, events, start
        self._time, self._last = sets.time[when], sets.time[sets.group[rows]]
        self._tolerance = TIE_TOLERANCE * float(sets.time[-1])
        self._at_risk = _SumsAtRisk(sets, rows, when, None)

    def curve(self, weights: Floats) -> "_Curves":
        """Return the Kaplan-Meier curves under (b, n) weights."""
        own = np.take(weights, self._rows, axis=1)
        last = np.where(own > 0, self._last, -np.inf).max(axis=1) if not own.all() else self._last.max()
        height = np.ones((weights.shape[0], self._time.size + 1))
        if self._time.size:
            at_risk = self._at_risk.of(weights)
            events = np.take(weights, self._events, axis=1)
            if self._events.size > self._time.size:
                events = np.add.reduceat(events, self._start, axis=1)
            hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
            # Where all at risk die the two sums differ by rounding at most, and the curve is at zero for good.
            np.cumprod(np.where(hazard < 1.0 - ROUNDING, 1.0 - hazard, 0.0), axis=1, out=height[:, 1:])
        return _Curves(self._time, height, np.broadcast_to(last, weights.shape[:1]), self._tolerance)


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """Step functions of b replicates: `height` (b, g + 1), 1 first, from each of (g,) times on; `last` (b,) rows."""

    time: Floats
    height: Floats
    last: Floats
    tolerance: float

    def at(self, times: Floats) -> Floats:
        """Return the (b, m) heights at (m,) times."""
        found = self.height[:, np.searchsorted(self.time, times + self.tolerance, side="right")]
        unknown = (times > self.last[:, None] + self.tolerance) & (self.height[:, -1:] > 0)
        return np.where(unknown | ~np.isfinite(self.last[:, None]), np.nan, found)

    def mean(self, horizon: float) -> Floats:
        """Return the (b,) areas up to the horizon."""
        seen = int(np.searchsorted(self.time, horizon * (1 + TIE_TOLERANCE), side="right"))
        width = np.diff(np.minimum(np.concatenate(([0.0], self.time[:seen], [horizon])), horizon))
        # A row of matrix times vector depends on the other rows by its rounding; a sum of its own does not.
        area = (self.height[:, : seen + 1] * width).sum(axis=1)
        unknown = (horizon > self.last * (1 + TIE_TOLERANCE)) & (self.height[:, -1] > 0)
        return np.where(unknown | ~np.isfinite(self.last), np.nan, area)
