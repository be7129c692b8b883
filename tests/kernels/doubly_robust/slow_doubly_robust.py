"""The formula with the martingale of censoring, term by term, on hazards that are summed row by row."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox


@dataclass(frozen=True)
class Hazard:
    """Steps of a cumulative hazard: at each time of `steps`, of every row."""

    times: Floats
    steps: Floats
    """(n, g)"""
    product: bool

    def survival(self, row: int, until: float, *, before: bool = False) -> float:
        """Return the chance of passing all steps up to a time, or those before it."""
        s = 1.0
        for time, step in zip(self.times, self.steps[row], strict=True):
            if time < until or (time == until and not before):
                s *= max(1 - step, 0.0) if self.product else np.exp(-step)
        return s


def hazard(
    time: Floats,
    event: Bools,
    rows: Bools,
    x: Floats,
    x_all: Floats,
    *,
    gone: Bools,
    product: bool = False,
    ties: str = "efron",
) -> Hazard:
    """Fit a Cox model; those who are `gone` at a time are not at risk of what else happens at it."""
    if not event[rows].any():
        return Hazard(np.zeros(0), np.zeros((len(x_all), 0)), product)
    if x.shape[1]:
        shown = time + np.where(gone, 0, 1e-4)
        beta = cox(shown[rows], event[rows], x[rows], ties=ties).coefficients  # type: ignore[arg-type]
        ratio = np.exp(x @ beta), np.exp(x_all @ beta)
    else:
        ratio = np.ones(time.size), np.ones(len(x_all))
    times = np.unique(time[rows & event])
    base = []
    for u in times:
        risk = sum(ratio[0][i] for i in np.flatnonzero(rows) if time[i] > u or (time[i] == u and not gone[i]))
        dying = [ratio[0][i] for i in np.flatnonzero(rows & event) if time[i] == u]
        tied = ties == "efron" and not product
        base.append(sum(1 / (risk - tied * k / len(dying) * sum(dying)) for k in range(len(dying))))
    return Hazard(times, np.outer(ratio[1], base), product)


def contribution(row: int, t: float, time: Floats, event: Bools, outcome: Hazard, censoring: Hazard) -> float:
    """Return 1(T > t) / G(t) + S(t) times the sum over u up to t of dM_C(u) / (S(u) G(u)), of a row of the arm."""
    total = 0.0
    if time[row] > t:
        total = 1 / censoring.survival(row, t)
    for u in censoring.times[censoring.times <= t]:
        # a row with an event at u is gone before censoring happens
        if time[row] < u or (time[row] == u and event[row]):
            continue
        after, before = censoring.survival(row, u), censoring.survival(row, u, before=True)
        censored = time[row] == u and not event[row]
        total += outcome.survival(row, t) * (censored - (1 - after / before)) / (outcome.survival(row, u) * after)
    return total


def arm_survival(
    t: float,
    time: Floats,
    event: Bools,
    arm: Bools,
    models: tuple[Hazard, Hazard],
    tilt: Floats,
    weights: Floats,
) -> tuple[float, Floats]:
    """Return the estimate of an arm's survival at t and its influence values, the weights taken as known."""
    values = np.zeros(time.size)
    for i in range(time.size):
        s = models[0].survival(i, t)
        values[i] = tilt[i] * s
        if arm[i]:
            values[i] += weights[i] * (contribution(i, t, time, event, *models) - s)
    mean = values.sum() / tilt.sum()
    return float(mean), (values - tilt * mean) / tilt.sum()
