"""Pseudo-observations of survival, cumulative incidence and restricted mean, without fitting n times.

Notation: group j = 0 .. m - 1 of tied times has r_j rows at risk, e_j events and s_j = r_j - e_j; position q = 0 .. m
is "after the first q groups". S_q is the Kaplan-Meier curve there. Leaving out row i, of group g, takes one row from
every risk set up to group g, so that log(S without i / S) at q is C_min(q, g), which does not depend on i, and from
q = g + 1 on a term c_i of the row's own group besides:

    C_q = sum over j < q of log(1 - e_j / ((r_j - 1) s_j)),
    c_i = log(r_g / (r_g - 1)) for an event, log(1 - e_g / ((r_g - 1) s_g)) for a censoring.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_vector, require
from counterpoise.kernels.competing.causes import as_cause, as_causes
from counterpoise.kernels.curves.restricted_mean import require_follow_up, steps_to
from counterpoise.kernels.risk_set import TIE_TOLERANCE, risk_set, sum_at_risk, sum_by_time

PseudoQuantity = Literal["survival", "restricted mean", "cumulative incidence"]
PseudoKind = Literal["jackknife", "infinitesimal"]


@dataclass(frozen=True, slots=True, eq=False)
class PseudoObservations:
    """For each of n rows what it says of a quantity at k times; their mean is (about) the estimate itself."""

    values: Floats
    """(n, k) pseudo-observations."""
    estimate: Floats
    """(k,) the estimate from all rows."""
    times: Floats
    """(k,) times of survival and cumulative incidence, horizons of restricted means; in the unit of the input."""
    quantity: PseudoQuantity
    kind: PseudoKind


def pseudo_observations(
    time: ArrayLike,
    event: ArrayLike,
    times: ArrayLike,
    *,
    quantity: PseudoQuantity = "survival",
    kind: PseudoKind = "jackknife",
    of: int = 1,
) -> PseudoObservations:
    """Return n theta - (n - 1) theta_(-i), theta_(-i) being the estimate without row i, at (k,) `times`.

    theta is the Kaplan-Meier survival at a time, its restricted mean up to a horizon, or the Aalen-Johansen
    cumulative incidence of cause `of`. `event` (n,) is 0 or 1, and for the cumulative incidence the whole-numbered
    causes, 0 for censored. `kind="infinitesimal"` gives theta + n times the derivative of theta by the weight of
    row i instead, as `pseudo` of R's survival does; prodlim and Andersen's programs give the jackknife. Their
    difference is of order 1 / n.

    Leave-one-out estimates come from recurrences in O(n log n + n k) and are exact. Where leaving out the last row
    leaves a curve that ends earlier and above zero, that curve is carried forward. Without censoring the
    pseudo-observation is what was observed: whether time > t, min(time, horizon), or whether the cause had struck.
    Rows of different arms are used together here; compute each arm by itself where censoring depends on it. Late
    entry is not offered: the jackknife of a left-truncated curve is not a function of the row alone.

    Raises `InputError` where a time lies beyond the last observed one while the curve is above zero.

    >>> pseudo_observations(time=[1, 2, 3, 4], event=[1, 0, 1, 1], times=[3.5]).values.ravel()
    array([ 0. ,  0.5, -0.5,  1.5])

    Source: Andersen, Klein and Rosthoj (2003), Biometrika 90:15; Andersen and Perme (2010), Stat Methods Med Res
    19:71; the infinitesimal form: Therneau, vignette "Pseudo-values" of R's survival.
    """
    if quantity not in get_args(PseudoQuantity):
        names = ", ".join(get_args(PseudoQuantity))
        raise InputError(f"`quantity` must be one of {names}; it is {quantity!r}.")
    if kind not in get_args(PseudoKind):
        raise InputError(f"`kind` must be 'jackknife' or 'infinitesimal'; it is {kind!r}.")
    of_cause: Bools | None = None
    if quantity == "cumulative incidence":
        causes = as_causes("event", event)
        of_cause, event = _of_cause(causes, of), causes > 0
    rows = _rows(time, event, of_cause)
    if rows.n < 2:
        raise InputError("`time` must hold at least two rows; it has one.")
    times = as_vector("times", times)
    require(times >= 0, "`times` must be finite and non-negative")
    if times.size:
        require_follow_up(float(rows.time[-1]), float(rows.survival[-1]), float(times.max()), name="times")
    exact = kind == "jackknife"
    if quantity == "restricted mean":
        found = [_restricted_mean(rows, float(horizon), exact=exact) for horizon in times]
        estimate = np.array([value for value, _ in found])
        change = np.column_stack([moved for _, moved in found]) if found else np.zeros((rows.n, 0))
    else:
        after = np.searchsorted(rows.time, times + TIE_TOLERANCE * float(rows.time[-1]), side="right")
        form = _survival if of_cause is None else _incidence
        estimate, change = form(rows, after, exact=exact)
    count = rows.n - 1 if exact else rows.n
    return PseudoObservations(estimate + count * change, estimate, times, quantity, kind)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The notation of the module; (n,), (m,) and (m + 1,) as its indices say."""

    time: Floats
    """(m,)"""
    group: Counts
    """(n,) g."""
    event: Bools
    """(n,)"""
    of_cause: Floats
    """(n,) 1 for an event of the cause."""
    at_risk: Floats
    """(m,) r."""
    events: Floats
    """(m,) e."""
    caused: Floats
    """(m,) events of the cause."""
    survival: Floats
    """(m + 1,) S."""
    log_ratio: Floats
    """(m,) C_q for q < m; -inf where the rest of the curve is zero without the row."""
    own: Floats
    """(n,) c_i; 0 for a row that is the last by itself and an event, whose curve cannot be had by a ratio."""
    alone: int | None
    """That row, if there is one."""

    @property
    def n(self) -> int:
        return self.group.size


def _of_cause(codes: Counts, of: int) -> Bools:
    cause = as_cause("of", of)
    if cause not in codes:
        known = ", ".join(str(code) for code in np.unique(codes[codes > 0])) or "none"
        raise InputError(f"`of` must be one of the causes in `event` ({known}); it is {cause}.")
    return codes == cause


def _rows(time: ArrayLike, event: ArrayLike, of_cause: Bools | None) -> _Rows:
    sets = risk_set(time, event)
    caused = (sets.event if of_cause is None else of_cause).astype(float)
    r, e = sum_at_risk(sets), sum_by_time(sets, sets.event.astype(float))
    survival = np.concatenate(([1.0], np.cumprod(1 - e / r)))
    rest = (r - 1) * (r - e)
    with np.errstate(divide="ignore"):
        lost = np.log1p(-np.divide(e, rest, out=np.zeros_like(r), where=rest > 0))
        gained = -np.log1p(-1 / r)
    last_event = r[-1] == 1 and e[-1] == 1
    alone = int(np.flatnonzero(sets.group == r.size - 1)[0]) if last_event else None
    own = np.where(sets.event, gained[sets.group], lost[sets.group])
    if alone is not None:
        own[alone] = 0.0
    log_ratio = np.concatenate(([0.0], np.cumsum(lost[:-1])))
    return _Rows(
        sets.time, sets.group, sets.event, caused, r, e, sum_by_time(sets, caused), survival, log_ratio, own, alone
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """How the curve without a row, or its derivative by the row's weight, differs from the curve, relative to it."""

    before: Floats
    """(m,) at positions q <= g, 1 - exp(C_q); or the sum of e / (r s) over the first q groups."""
    after: Floats
    """(n,) at positions q > g: 1 - exp(C_g + c_i); or the same sum over g + 1 groups, less 1 / s_g for an event."""


def _moved(rows: _Rows, *, exact: bool) -> _Moved:
    """Return S - S_(-i) over S, or the derivative of log S by the weight of row i."""
    if exact:
        return _Moved(-np.expm1(rows.log_ratio), -np.expm1(rows.log_ratio[rows.group] + rows.own))
    left = rows.at_risk - rows.events
    each = np.divide(rows.events, rows.at_risk * left, out=np.zeros_like(left), where=left > 0)
    inverse = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    total = np.concatenate(([0.0], np.cumsum(each)))
    return _Moved(total[:-1], total[1:][rows.group] - rows.event * inverse[rows.group])


def _survival(rows: _Rows, after: Counts, *, exact: bool) -> tuple[Floats, Floats]:
    """Return S at the positions `after` (k,), and (n, k) what it loses without each row."""
    moved = _moved(rows, exact=exact)
    estimate = rows.survival[after]
    gone = rows.group[:, None] < after
    before = moved.before[np.minimum(after, rows.time.size - 1)]
    change = estimate * np.where(gone, moved.after[:, None], before)
    if exact and rows.alone is not None:
        change[rows.alone, after == rows.time.size] = -_carried(rows)
    return estimate, change


def _carried(rows: _Rows) -> float:
    """Return the last value of the curve without the row that is `alone`."""
    return float(rows.survival[-2] * np.exp(rows.log_ratio[-1]))


def _restricted_mean(rows: _Rows, horizon: float, *, exact: bool) -> tuple[float, Floats]:
    """Return the area under S to the horizon, and (n,) what it loses without each row."""
    moved = _moved(rows, exact=exact)
    height, width = steps_to(rows.time, rows.survival[1:], horizon)
    area = height * width
    early = np.cumsum(area[:-1] * moved.before)
    late = np.cumsum(area[:0:-1])[::-1]
    change = early[rows.group] + late[rows.group] * moved.after
    if exact and rows.alone is not None:
        change[rows.alone] = early[-1] - _carried(rows) * width[-1]
    return float(area.sum()), change


def _incidence(rows: _Rows, after: Counts, *, exact: bool) -> tuple[Floats, Floats]:
    """Return the cumulative incidence at the positions `after` (k,), and (n, k) what it loses without each row."""
    moved = _moved(rows, exact=exact)
    r, d, g, survival = rows.at_risk, rows.caused, rows.group, rows.survival[:-1]
    total = np.concatenate(([0.0], np.cumsum(survival * d / r)))
    # S_j d_j / r_j less the same without a row still at risk (its derivative), by the rows' own group and before.
    fewer = np.maximum(r - 1, 1.0) if exact else r
    drop = survival * d * (moved.before - 1 / r) / fewer
    early = np.concatenate(([0.0], np.cumsum(drop)))[:-1]
    caused = rows.of_cause
    if exact:
        own = (caused * r[g] - d[g]) / (r * fewer)[g] + moved.before[g] * ((d[g] - caused) / fewer[g])
        own = np.where(r[g] == 1, caused, own)
    else:
        own = (caused - d[g] / r[g]) / r[g] + moved.before[g] * d[g] / r[g]
    settled = early[g] + survival[g] * own
    estimate = total[after]
    later = (estimate - total[1:][g][:, None]) * moved.after[:, None]
    waiting = np.append(early, 0.0)[np.minimum(after, r.size)]
    return estimate, np.where(g[:, None] < after, settled[:, None] + later, waiting)
