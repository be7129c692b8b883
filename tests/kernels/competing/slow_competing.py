"""Competing risks as their definitions have them: time by time, row by row, nothing kept and nothing saved."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from counterpoise.kernels.arrays import Floats

Rows = list[tuple[int, int, int, int, int, int]]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),  # entry
        st.integers(1, 7),  # time at risk
        st.integers(0, 2),  # cause
        st.integers(1, 6),  # weight in halves
        st.integers(0, 2),  # cluster
        st.integers(0, 2),  # group
    ),
    min_size=2,
    max_size=14,
)


@dataclass
class Columns:
    """Rows that hypothesis drew, as columns."""

    entry: Floats
    time: Floats
    cause: np.ndarray
    weights: Floats
    cluster: np.ndarray
    group: np.ndarray


def columns(rows: Rows) -> Columns:
    entry, length, cause, halves, cluster, group = np.array(rows).T
    return Columns(entry.astype(float), (entry + length).astype(float), cause, halves / 2, cluster, group)


def slow_incidence(c: Columns, weights: Floats, of: int, at: float, *, entry: bool = True) -> float:
    """Return F(at), adding S(t-) times the share of those at risk who have the event."""
    survival, total = 1.0, 0.0
    for t in sorted(set(c.time[c.cause > 0].tolist())):
        if t > at:
            break
        at_risk = (c.time >= t) & ((c.entry < t) if entry else True)
        here = at_risk & (c.time == t)
        n = weights[at_risk].sum()
        total += survival * weights[here & (c.cause == of)].sum() / n
        survival *= (
            0.0 if bool(np.array_equal(at_risk, here & (c.cause > 0))) else 1 - weights[here & (c.cause > 0)].sum() / n
        )
    return float(total)


def derivatives(value: Callable[[Floats], float | Floats], weights: Floats, step: float = 1e-5) -> Floats:
    """Return what each row, with its weight, moves a value by: central differences in the log of its weight."""
    moved: list[Floats] = []
    for i in range(weights.size):
        up, down = weights.copy(), weights.copy()
        up[i] *= 1 + step
        down[i] *= 1 - step
        moved.append((np.asarray(value(up)) - np.asarray(value(down))) / (2 * step))
    return np.array(moved)


def sum_within(values: Floats, labels: np.ndarray) -> Floats:
    return np.array([values[labels == label].sum(axis=0) for label in np.unique(labels)])


def slow_gray(c: Columns, of: int, rho: float) -> tuple[Floats, Floats]:
    """Return Gray's score and its variance; those at risk are counted afresh at every time."""
    k, times = 3, sorted(set(c.time[c.cause > 0].tolist()))
    survival, incidence, pooled = np.ones(k), np.zeros(k), 0.0
    score, jumps, terms = np.zeros(k), [], []
    for t in times:
        n = np.array([((c.time >= t) & (c.group == g)).sum() for g in range(k)], dtype=float)
        own = np.array([((c.time == t) & (c.group == g) & (c.cause == of)).sum() for g in range(k)], dtype=float)
        event = np.array([((c.time == t) & (c.group == g) & (c.cause > 0)).sum() for g in range(k)], dtype=float)
        h = np.array([n[g] / survival[g] if n[g] else 0.0 for g in range(k)])
        compared, d, weight = h * (1 - incidence), own.sum(), (1 - pooled) ** rho
        if d:
            score += weight * (own - d * compared / compared.sum())
        a = weight * (np.diag(h) - np.outer(h, h) / h.sum())
        jumps.append(a * d / (h.sum() * (1 - pooled)) if d else np.zeros((k, k)))
        before, after = survival.copy(), survival.copy()
        for g in range(k):
            if n[g]:
                incidence[g] += survival[g] * own[g] / n[g]
                after[g] = survival[g] * (n[g] - event[g]) / n[g]
        pooled += d / h.sum()
        terms.append((n, event - own, d, a, h.sum(), before, after, pooled))
        survival = after
    variance = np.zeros((k, k))
    for j, (n, other, d, a, total, before, after, reached) in enumerate(terms):
        later = np.sum(jumps[j + 1 :], axis=0) if j + 1 < len(jumps) else np.zeros((k, k))
        for g in range(k):
            if n[g] and d:
                finite = 1 - (d - 1) / (total * before[g] - 1) if d > 1 else 1.0
                ratio = (1 - reached) / after[g] if after[g] else 0.0
                move = a[:, g] + (1 - ratio) * later[:, g]
                variance += finite * before[g] * d / (total * n[g]) * np.outer(move, move)
            if other[g] and after[g]:
                finite = 1 - (other[g] - 1) / (n[g] - 1) if other[g] > 1 else 1.0
                move = (1 - reached) / after[g] * later[:, g]
                variance += finite * (before[g] / n[g]) ** 2 * other[g] * np.outer(move, move)
    return score, variance


@dataclass
class LongRows:
    """Fine and Gray's risk sets written out: rows that last from one event time to the next, with their factors."""

    entry: Floats
    time: Floats
    event: np.ndarray
    weights: Floats
    of: np.ndarray


def uncensored(c: Columns, t: float, weights: Floats, *, events_first: bool) -> float:
    """Return G(t-), the product over censoring times before t."""
    value = 1.0
    for u in sorted(set(c.time[c.cause == 0].tolist())):
        if u < t:
            at_risk = (c.time > u) | ((c.time == u) & ((c.cause == 0) | (not events_first)))
            value *= 1 - weights[(c.time == u) & (c.cause == 0)].sum() / weights[at_risk].sum()
    return value


def long_rows(c: Columns, *, of: int = 1, events_first: bool, weigh: bool) -> LongRows:
    counted = c.weights if weigh else np.ones_like(c.weights)
    times = np.array(sorted(set(c.time[c.cause == of].tolist())))
    rows: list[tuple[float, float, bool, float, int]] = []
    for i in range(c.time.size):
        rows.append((0.0, c.time[i], bool(c.cause[i] == of), c.weights[i], i))
        if c.cause[i] not in (0, of):
            own = uncensored(c, c.time[i], counted, events_first=events_first)
            last = c.time[i]
            for t in times[times > last]:
                factor = uncensored(c, t, counted, events_first=events_first) / own
                if factor > 0:
                    rows.append((last, t, False, c.weights[i] * factor, i))
                last = t
    entry, time, event, weights, of_row = (np.array(column) for column in zip(*rows, strict=True))
    return LongRows(entry, time, event.astype(float), weights, of_row)
