"""The whole chain from case weights to effects, done anew: what the stacked variance is held against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.competing.aalen_johansen import aalen_johansen, incidence_at
from counterpoise.kernels.competing.fine_gray import fine_gray
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.curves.restricted_mean import restricted_mean
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights, weight_slopes
from counterpoise.kernels.weighting.records import WeightModel

Ties = Literal["efron", "breslow"]
SCHEMES: tuple[tuple[Estimand, bool], ...] = (
    ("ATE", True), ("ATE", False), ("ATT", False), ("ATC", False), ("ATO", False),
)  # fmt: skip
AT = np.array([6.0, 14.0])
HORIZON = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Confounded rows with many ties; `cause` is 1 and 2 for events, `entry` late for some."""

    x: Floats
    treated: Bools
    time: Floats
    event: Bools
    cause: Floats
    entry: Floats
    stratum: np.ndarray


def cohort(seed: int, n: int = 30) -> Cohort:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    treated = rng.random(n) < 1 / (1 + np.exp(-0.7 * x[:, 0]))
    treated[:2] = True, False
    time = np.ceil(rng.exponential(12 * np.exp(-0.4 * x[:, 0]), n)) + 1
    cause = np.where(rng.random(n) < 0.6, 1.0, np.where(rng.random(n) < 0.5, 2.0, 0.0))
    # Somebody of either arm is followed to the end.
    time[:2], cause[:2] = 25.0, 0.0
    entry = np.where(rng.random(n) < 0.3, np.floor(time / 2), 0.0)
    return Cohort(x, treated, time, cause == 1, cause, entry, np.where(x[:, 1] > 0, "high", "low"))


def stacked_model(data: Cohort, estimand: Estimand, *, stabilised: bool) -> WeightModel:
    return logistic_model(data.treated, data.x, estimand, stabilised=stabilised)


def logistic_model(treated: Bools, x: Floats, estimand: Estimand, *, stabilised: bool) -> WeightModel:
    """Return the weights of a logistic score with their derivatives and the influence on the score, from kernels."""
    n = treated.size
    fit = logistic(treated, x)
    design = np.column_stack([np.ones(n), x])
    influence = (design * (treated - fit.probability)[:, None]) @ fit.covariance
    weights = balancing_weights(fit.probability, treated, estimand=estimand, stabilised=stabilised)
    slopes = weight_slopes(fit.probability, treated, estimand=estimand, stabilised=stabilised)
    derivative = slopes[:, None] * design
    if stabilised and estimand == "ATE":
        share = treated.mean()
        derivative = np.column_stack([derivative, np.where(treated, weights / share, -weights / (1 - share))])
        influence = np.column_stack([influence, (treated - share) / n])
    return WeightModel(weights, derivative, influence)


def known(weights: Floats) -> WeightModel:
    return WeightModel(weights, np.zeros((weights.size, 0)), np.zeros((weights.size, 0)))


def weights_under(data: Cohort, case: Floats, estimand: Estimand, *, stabilised: bool) -> Floats:
    """Return the balancing weights, times the case weights, of a score that was fitted with the case weights."""
    fit = logistic(data.treated, data.x, weights=case)
    return balancing_weights(fit.probability, data.treated, estimand=estimand, stabilised=stabilised, case_weights=case)


def by_case_weight(chain: Callable[[Floats], Floats], n: int, step: float = 2e-3) -> Floats:
    """Return the (n, k) derivatives of a chain by each row's case weight, from four refits a row."""
    found: list[Floats] = []
    for row in range(n):

        def moved(by: float, row: int = row) -> Floats:
            case = np.ones(n)
            case[row] += by
            return np.atleast_1d(chain(case))

        first, second = moved(step) - moved(-step), moved(2 * step) - moved(-2 * step)
        found.append((8 * first - second) / (12 * step))
    return np.array(found)


def log_hazard_ratio(data: Cohort, weights: Floats, ties: Ties, *, entry: bool = False, stratum: bool = False) -> float:
    fit = cox(
        data.time,
        data.event,
        data.treated.astype(float),
        ties=ties,
        weights=weights,
        entry=data.entry if entry else None,
        stratum=data.stratum if stratum else None,
    )
    return float(fit.coefficients[0])


def survivals(data: Cohort, weights: Floats, *, entry: bool = False) -> Floats:
    """Return (2, 2) weighted survival of controls and treated at the two times."""
    return np.array(
        [
            survival_at(
                kaplan_meier(data.time[m], data.event[m], weights=weights[m], entry=data.entry[m] if entry else None),
                AT,
            ).survival
            for m in (~data.treated, data.treated)
        ]
    )


def means(data: Cohort, weights: Floats, *, entry: bool = False) -> Floats:
    """Return (2,) weighted restricted means of controls and treated."""
    return np.array(
        [
            restricted_mean(
                data.time[m], data.event[m], HORIZON, weights=weights[m], entry=data.entry[m] if entry else None
            ).value
            for m in (~data.treated, data.treated)
        ]
    )


def incidences(data: Cohort, weights: Floats) -> Floats:
    """Return (2, 2) weighted incidences of the second cause, of controls and treated, at the two times."""
    curves = [aalen_johansen(data.time[m], data.cause[m], weights=weights[m]) for m in (~data.treated, data.treated)]
    return np.array([incidence_at(curve, AT).incidence[1] for curve in curves])


def log_subdistribution_ratio(data: Cohort, weights: Floats) -> Floats:
    return fine_gray(data.time, data.cause, data.treated.astype(float), weights=weights).coefficients
