"""The stacked variance: against perturbing every patient through the whole chain, and against simulated cohorts."""

from typing import Literal

import numpy as np
import pytest

from counterpoise.balance import (
    Estimand,
    balancing_weights,
    check_balance,
    compare_unmatched,
    match,
    propensity,
    weigh,
)
from counterpoise.errors import InputError, UnsupportedError
from counterpoise.estimate import Adjustments, stacked_influence, stacked_std_error
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import CoxFit, cox
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.effects.batched_scores import batched_scores

Ties = Literal["efron", "breslow"]
STEP = 1e-5
SCHEMES: list[tuple[Estimand, bool]] = [
    ("ATE", True),
    *((estimand, False) for estimand in ("ATE", "ATT", "ATC", "ATO", "ATM", "ATEN")),
]


def cohort(seed: int, n: int = 120, grid: float = 1.0) -> tuple[Floats, Bools, Bools, Floats]:
    """Draw times on a grid (many ties), events, a confounded treatment and two covariates."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 2))
    treated = draw.random(n) < 1 / (1 + np.exp(-0.8 * x[:, 0] + 0.4 * x[:, 1]))
    hazard = 0.02 * np.exp(0.7 * x[:, 0] - 0.4 * treated)
    time, censored = draw.exponential(1 / hazard), draw.uniform(10, 60, n)
    observed = np.minimum(time, censored)
    return np.ceil(observed / grid) * grid, time <= censored, treated, x


def fitted(
    time: Floats,
    event: Bools,
    treated: Bools,
    x: Floats,
    estimand: Estimand,
    stabilised: bool,
    ties: Ties = "efron",
    truncate: tuple[float, float] | None = None,
) -> tuple[CoxFit, Adjustments]:
    score = propensity(treated, x)
    weighting = weigh(score, estimand=estimand, stabilised=stabilised, truncate=truncate)
    matching = match(score)
    balance = check_balance(x, treated, ["a", "b"], weights=weighting.weights, pairs=matching)
    left_out = compare_unmatched(x, ["a", "b"], matching, balance.scale)
    adjustments = Adjustments(score, weighting, matching, balance, left_out, np.arange(treated.size), 0)
    return cox(time, event, treated.astype(float), weights=weighting.weights, ties=ties), adjustments


@pytest.mark.parametrize(("estimand", "stabilised"), SCHEMES)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_influence_is_the_derivative_by_each_case_weight(estimand: Estimand, stabilised: bool, ties: Ties) -> None:
    time, event, treated, x = cohort(3, grid=4.0)
    fit, adjustments = fitted(time, event, treated, x, estimand, stabilised, ties)
    n = treated.size
    case = np.vstack([np.ones((n, n)) + STEP * np.eye(n), np.ones((n, n)) - STEP * np.eye(n)])
    refit = batched_scores(treated, x, case)
    weights = balancing_weights(refit.probability, treated, estimand=estimand, stabilised=stabilised, case_weights=case)
    effect = batched_effects(time, event, treated, weights, ties=ties).log_hazard_ratio
    derivative = (effect[:n] - effect[n:]) / (2 * STEP)
    # Central differences of step 1e-5 carry an error of about 1e-16 / 1e-5 from rounding.
    np.testing.assert_allclose(stacked_influence(fit, adjustments), derivative, atol=2e-8)


def test_it_is_the_robust_variance_where_the_score_does_not_matter() -> None:
    """When covariates predict neither outcome nor treatment beyond chance, the correction is small and never large."""
    draw = np.random.default_rng(8)
    n = 4000
    x = draw.normal(size=(n, 2))
    treated, time = draw.random(n) < 0.5, draw.exponential(1, n)
    fit, adjustments = fitted(time, np.ones(n, dtype=bool), treated, x, "ATE", False)
    assert stacked_std_error(fit, adjustments) == pytest.approx(float(fit.std_error[0]), rel=0.02)


def test_a_prognostic_score_makes_it_smaller_than_the_robust_variance() -> None:
    time, event, treated, x = cohort(5, n=2000)
    fit, adjustments = fitted(time, event, treated, x, "ATE", True)
    assert stacked_std_error(fit, adjustments) < float(fit.std_error[0])


def test_doubling_every_patient_divides_the_variance_by_two() -> None:
    time, event, treated, x = cohort(6)
    once = stacked_std_error(*fitted(time, event, treated, x, "ATT", False, "breslow"))
    time, event, treated, x = (np.concatenate([part, part]) for part in (time, event, treated, x))
    assert stacked_std_error(*fitted(time, event, treated, x, "ATT", False, "breslow")) == pytest.approx(
        once / np.sqrt(2), rel=1e-8
    )


def test_truncated_weights_and_other_models_are_refused() -> None:
    time, event, treated, x = cohort(7)
    fit, adjustments = fitted(time, event, treated, x, "ATE", True, truncate=(0.05, 0.95))
    with pytest.raises(UnsupportedError, match="truncated"):
        stacked_std_error(fit, adjustments)
    with pytest.raises(InputError, match="robust Cox model of treatment alone"):
        stacked_std_error(cox(time, event, x), adjustments)


@pytest.mark.slow
@pytest.mark.parametrize(("estimand", "stabilised"), [("ATE", True), ("ATT", False), ("ATO", False)])
def test_it_is_the_spread_of_the_estimate_over_cohorts(estimand: Estimand, stabilised: bool) -> None:
    """At n = 500 the mean standard error is within 6 % of the standard deviation, whose Monte Carlo error is 2.2 %."""
    effects, errors = [], []
    for seed in range(1000):
        fit, adjustments = fitted(*cohort(10_000 + seed, n=500), estimand, stabilised)
        effects.append(float(fit.coefficients[0]))
        errors.append(stacked_std_error(fit, adjustments))
    assert np.mean(errors) == pytest.approx(np.std(effects, ddof=1), rel=0.06)
