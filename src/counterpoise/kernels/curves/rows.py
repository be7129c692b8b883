"""The rows of a curve: checked, cut at a starting time, counted by time, and the variance of their influence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_levels, as_vector, as_weights
from counterpoise.kernels.risk_set import (
    TIE_TOLERANCE,
    RiskSet,
    event_table,
    risk_set,
    sum_at_risk,
    sum_by,
    sum_by_time,
)


@dataclass(frozen=True, slots=True, eq=False)
class CurveRows:
    """What every estimate of one curve begins with: n rows summed at m distinct times."""

    time: Floats
    """(m,) distinct times, ascending."""
    at_risk: Floats
    """(m,) sums of weights at risk."""
    events: Floats
    """(m,) sums of weights of events."""
    censored: Floats
    """(m,) sums of weights of censorings."""
    counts: Floats
    """(m,) numbers of events, whatever their weights."""
    all_die: Bools
    """(m,) whether all at risk have the event; told from counts, which are exact where sums of weights are not."""
    n: int
    robust: bool
    """Whether the variance is that of influence values."""
    sets: RiskSet | None
    """Where each row is; None where all rows count alike and no row is needed again."""
    weights: Floats | None
    cluster: Counts | None


def curve_rows(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None,
    weights: ArrayLike | None,
    cluster: ArrayLike | None,
    robust: bool | None,
    start_time: float,
) -> CurveRows:
    """Check the data of one curve and sum them by time; rows whose time is before `start_time` are left out.

    `robust` None stands for influence values where there are weights or clusters.

    >>> rows = curve_rows([1, 2, 2], [1, 1, 0], entry=None, weights=None, cluster=None, robust=None, start_time=0)
    >>> rows.at_risk, rows.events
    (array([3., 2.]), array([1., 1.]))
    """
    if robust is False and cluster is not None:
        raise InputError("`cluster` must be left out where `robust` is False: it changes the robust variance only.")
    if not (np.isfinite(start_time) and start_time >= 0):
        raise InputError(f"`start_time` must be finite and non-negative; it is {start_time}.")
    influence = (weights is not None or cluster is not None) if robust is None else robust
    if entry is None and weights is None and not influence and start_time == 0:
        distinct, at_risk, events = event_table(time, event)
        censored = at_risk - events
        censored[:-1] -= at_risk[1:]
        all_die = at_risk == events
        n = int(at_risk[0])
        return CurveRows(distinct, at_risk, events, censored, events, all_die, n, False, None, None, None)
    sets = risk_set(time, event, entry)
    row_weights = as_weights("weights", weights, sets.n)
    labels = None if cluster is None else as_levels("cluster", cluster, sets.n)[1]
    if start_time > 0:
        kept = as_vector("time", time) >= start_time - TIE_TOLERANCE * float(sets.time[-1])
        if not kept.any():
            raise InputError(f"`start_time` must not be after every `time`; it is {start_time}.")
        entries = None if entry is None else as_vector("entry", entry)[kept]
        sets = risk_set(as_vector("time", time)[kept], as_binary("event", event)[kept], entries)
        row_weights, labels = row_weights[kept], None if labels is None else labels[kept]
    return _summed(sets, row_weights, labels, influence)


def _summed(sets: RiskSet, weights: Floats, cluster: Counts | None, influence: bool) -> CurveRows:
    at_risk, events = sum_at_risk(sets, weights), sum_by_time(sets, weights * sets.event)
    counts = sum_by_time(sets, sets.event.astype(float))
    censored = sum_by_time(sets, weights * ~sets.event)
    all_die = sum_at_risk(sets) == counts
    return CurveRows(sets.time, at_risk, events, censored, counts, all_die, sets.n, influence, sets, weights, cluster)


def influence_variance(rows: CurveRows, increment: Floats, jump: Floats) -> Floats:
    """Return the (m,) variance of a cumulated sum over times, from the squared influence of clusters of rows.

    `increment` (m,) is what one unit of weight at risk takes off the sum at each time, `jump` (m,) what an event adds
    to it. With C the running sum of `increment`, the influence of a row of weight w is w (C_entry - C_j) while it is
    at risk and w (jump_i + C_entry - C_i) once it has left with an event. A cluster's sum is thus a - b C_j, whose
    a and b change only when one of its rows enters or leaves: no (n, m) matrix is needed.
    """
    sets, weights = rows.sets, rows.weights
    if sets is None or weights is None:
        raise InputError("`rows` must have been made for a robust variance.")
    cluster = np.arange(rows.n) if rows.cluster is None else rows.cluster
    cumulative = np.cumsum(increment)
    before = np.concatenate(([0.0], cumulative))
    entered = np.zeros(sets.n, dtype=np.intp) if sets.first is None else sets.first
    leaving = np.where(sets.event, jump[sets.group], 0.0) - cumulative[sets.group]
    change_a = (np.stack([before[entered], leaving], axis=1) * weights[:, None]).ravel()
    change_b = np.stack([weights, -weights], axis=1).ravel()
    when = np.stack([entered, sets.group], axis=1).ravel()
    who = np.repeat(cluster, 2)
    if rows.cluster is not None:
        order = np.lexsort((when, who))
        change_a, change_b, when, who = change_a[order], change_b[order], when[order], who[order]
    a, b = _sums_within(change_a, who), _sums_within(change_b, who)
    old_a, old_b = a - change_a, b - change_b

    def total(increments: Floats) -> Floats:
        return np.cumsum(sum_by(when, increments, rows.time.size))

    return np.maximum(
        total(change_a * (a + old_a))
        - 2 * cumulative * total(a * b - old_a * old_b)
        + cumulative**2 * total(change_b * (b + old_b)),
        0.0,
    )


def _sums_within(values: Floats, labels: Counts) -> Floats:
    """Return running sums that start again at every new label; equal labels stand together."""
    sums = np.cumsum(values)
    starts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
    offsets = np.concatenate(([0.0], sums[starts[1:] - 1]))
    return sums - np.repeat(offsets, np.diff(np.append(starts, labels.size)))
