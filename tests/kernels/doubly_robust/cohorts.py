"""Simulated cohorts with a known answer, and the scores that go with them."""

from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import ScoreFit


@dataclass(frozen=True)
class Simulated:
    """Two confounders, of which the wrong models leave out the first; exponential times."""

    x: Floats
    treated: Bools
    time: Floats
    event: Bools

    @property
    def n(self) -> int:
        return self.time.size

    def score(self, *, right: bool = True) -> ScoreFit:
        return logistic_score(self.treated, self.x if right else self.x[:, 1:])

    def columns(self, *, right: bool = True) -> Floats:
        return self.x if right else self.x[:, 1:]


LOG_HAZARD = np.array([0.9, 0.4])
EFFECT = -0.5


def simulate(n: int, seed: int, *, censored: bool = True, digits: int | None = None) -> Simulated:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)]).astype(float)
    treated = rng.random(n) < 1 / (1 + np.exp(-(0.8 * x[:, 0] - 0.3 * x[:, 1])))
    died = rng.exponential(size=n) / np.exp(x @ LOG_HAZARD + EFFECT * treated)
    left = rng.exponential(size=n) / (0.3 * np.exp(0.5 * x[:, 0])) if censored else np.full(n, np.inf)
    time = np.minimum(died, left)
    if digits is not None:
        time = np.round(np.ceil(time * 10.0**digits) / 10.0**digits, digits)
    return Simulated(x, treated, time, died <= left)


def true_survival(t: float, arm: int, size: int = 2001) -> float:
    """Return the mean survival at t of the whole population in one arm, by quadrature over the normal confounder."""
    points, weights = np.polynomial.hermite_e.hermegauss(min(size, 120))
    hazard = np.exp(LOG_HAZARD[0] * points[:, None] + LOG_HAZARD[1] * np.array([0, 1]) + EFFECT * arm)
    return float((weights @ np.exp(-t * hazard)).mean() / weights.sum())
