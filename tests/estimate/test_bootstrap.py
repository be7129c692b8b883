from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import ArrayLike

from counterpoise.balance import Estimand, MatchOptions, WeightOptions, propensity, weigh
from counterpoise.design import Design
from counterpoise.errors import UnsupportedError
from counterpoise.estimate import Adjustments, BootstrapEffect, BootstrapOptions, adjust, bootstrap_effects, refitted
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import Ties, cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.effects.resampling import WeightsOf, logistic_weights
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.logistic import logistic
from tests.estimate.cohorts import endpoint, make_design, random_cohort, reorder

SHORT = BootstrapOptions(replicates=20, seed=5)
HORIZON = 24.0


def adjusted(design: Design, estimand: Estimand = "ATE", *, stabilised: bool = False) -> Adjustments:
    return adjust(design, WeightOptions(estimand=estimand, stabilised=stabilised), MatchOptions(caliper=None), seed=1)


def effects(design: Design, options: BootstrapOptions = SHORT, ties: Ties = "efron") -> BootstrapEffect:
    return bootstrap_effects(design, adjusted(design), [-0.4], HORIZON, options, ties=ties)[0]


def slow_loop(design: Design, estimand: Estimand, stabilised: bool, ties: Ties) -> tuple[Floats, Floats]:
    """One replicate after another, each with the fits of one sample: score, weights, Cox model, two curves."""
    treated, x = design.treatment.received, design.score.x
    time, event = design.endpoints[0].time, design.endpoints[0].event
    log_ratios: list[float] = []
    differences: list[float] = []
    for case in fractional_weights(SHORT.replicates, design.size, SHORT.seed):
        e = logistic(treated, x, weights=case).probability
        plain = {
            "ATE": 1 / np.where(treated, e, 1 - e),
            "ATT": np.where(treated, 1, e / (1 - e)),
            "ATC": np.where(treated, (1 - e) / e, 1),
            "ATO": np.where(treated, 1 - e, e),
            "ATM": np.minimum(e, 1 - e) / np.where(treated, e, 1 - e),
            "ATEN": -(e * np.log(e) + (1 - e) * np.log(1 - e)) / np.where(treated, e, 1 - e),
        }[estimand]
        if stabilised:
            share = case[treated].sum() / case.sum()
            plain = plain * np.where(treated, share, 1 - share)
        weights = plain * case
        fit = cox(time, event, treated.astype(float), weights=weights, ties=ties)
        log_ratios.append(float(fit.coefficients[0]))
        control, active = (
            float(survival_at(kaplan_meier(time[m], event[m], weights=weights[m]), [HORIZON]).survival[0])
            for m in (~treated, treated)
        )
        differences.append(active - control)
    return np.array(log_ratios), np.array(differences)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    ("estimand", "stabilised"),
    [("ATE", True), *((estimand, False) for estimand in ("ATE", "ATT", "ATC", "ATO", "ATM", "ATEN"))],
)
def test_it_is_the_slow_loop_over_single_fits(estimand: Estimand, stabilised: bool, ties: Ties) -> None:
    design = random_cohort(11, n=90)
    design = replace(design, endpoints=(endpoint(np.ceil(design.endpoints[0].time / 3), design.endpoints[0].event),))
    adjustments = adjusted(design, estimand, stabilised=stabilised)
    found = bootstrap_effects(design, adjustments, [-0.4], HORIZON, SHORT, ties=ties)[0]
    log_ratios, differences = slow_loop(design, estimand, stabilised, ties)
    assert found.failed == 0
    np.testing.assert_allclose(found.ratio.std_error, np.std(log_ratios, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(found.percentile, np.exp(np.quantile(log_ratios, [0.025, 0.975])), rtol=1e-9)
    np.testing.assert_allclose(found.difference_std_error, np.std(differences, ddof=1), rtol=1e-9)
    assert found.ratio.log_estimate == -0.4


def test_the_same_seed_gives_the_same_numbers_and_another_one_others() -> None:
    design = random_cohort(12)
    first, again = effects(design), effects(design)
    assert (first.ratio, first.percentile, first.difference_std_error) == (
        again.ratio,
        again.percentile,
        again.difference_std_error,
    )
    other = effects(design, BootstrapOptions(replicates=20, seed=6))
    assert other.ratio.std_error != first.ratio.std_error


def test_the_standard_error_is_near_that_of_drawing_patients_with_replacement() -> None:
    design = random_cohort(13, n=300)
    treated, x, outcome = design.treatment.received, design.score.x, design.endpoints[0]
    rng = np.random.default_rng(1)
    drawn: list[float] = []
    for _ in range(200):
        rows = rng.integers(0, design.size, design.size)
        weights = weigh(propensity(treated[rows], x[rows]), stabilised=False).weights
        fit = cox(outcome.time[rows], outcome.event[rows], treated[rows].astype(float), weights=weights)
        drawn.append(float(fit.coefficients[0]))
    found = effects(design, BootstrapOptions(replicates=400, seed=1)).ratio.std_error
    # Either standard deviation has a Monte Carlo error of about 1 / sqrt(2 B): 5 % and 3.5 %.
    assert found == pytest.approx(np.std(drawn, ddof=1), rel=0.2)


def test_truncated_weights_are_refused_by_both_names() -> None:
    design = random_cohort(14)
    truncated = adjust(design, WeightOptions(truncate=(0.05, 0.95)), MatchOptions(caliper=None), seed=1)
    with pytest.raises(UnsupportedError, match=r"truncated weights; set bootstrap\.replicates = 0, or remove"):
        bootstrap_effects(design, truncated, [0.0], HORIZON, SHORT)


def test_an_arm_without_events_fails_in_every_replicate() -> None:
    design = random_cohort(15)
    event = design.endpoints[0].event & design.treatment.received
    design = replace(design, endpoints=(endpoint(design.endpoints[0].time, event),))
    found = bootstrap_effects(design, adjusted(design), [float("nan")], HORIZON, SHORT)[0]
    assert (found.failed, found.replicates) == (20, 20)
    assert np.isnan([found.ratio.estimate, found.ratio.std_error, *found.percentile, found.difference_std_error]).all()


def test_no_event_fails_in_every_replicate() -> None:
    design = random_cohort(15)
    design = replace(design, endpoints=(endpoint(design.endpoints[0].time, np.zeros(design.size)),))
    found = bootstrap_effects(design, adjusted(design), [float("nan")], HORIZON, SHORT)[0]
    assert found.failed == 20
    assert np.isnan(found.ratio.std_error)


def test_replicates_whose_score_does_not_converge_are_counted_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    design = random_cohort(16)
    whole = effects(design)

    def two_fail(*rows: ArrayLike, **options: Any) -> WeightsOf:
        made = logistic_weights(*rows, **options)

        def weights_of(case_weights: Floats) -> Floats:
            failed = np.isin(np.arange(len(case_weights)), (3, 8))
            return np.where(failed[:, None] & (len(case_weights) > 1), np.nan, made(case_weights))

        return weights_of

    monkeypatch.setattr(refitted, "logistic_weights", two_fail)
    found = effects(design)
    log_ratios, _ = slow_loop(design, "ATE", False, "efron")
    assert (whole.failed, found.failed) == (0, 2)
    kept = np.delete(log_ratios, [3, 8])
    np.testing.assert_allclose(found.ratio.std_error, np.std(kept, ddof=1), rtol=1e-9)


def test_one_replicate_has_no_spread() -> None:
    found = effects(random_cohort(17), BootstrapOptions(replicates=1, seed=1))
    assert np.isnan([found.ratio.estimate, *found.percentile, found.difference_std_error]).all()


def test_only_patients_with_a_complete_score_are_drawn() -> None:
    design = random_cohort(18)
    age = design.score.covariates[0].values.copy()
    age[[2, 7]] = np.nan
    known = np.flatnonzero(~np.isnan(age))
    covariates = [replace(design.score.covariates[0], values=age), *design.score.covariates[1:]]
    outcome = design.endpoints[0]
    partial = make_design(design.treatment.received, [outcome], score=covariates)
    complete = make_design(
        design.treatment.received[known],
        [endpoint(outcome.time[known], outcome.event[known])],
        score=[replace(item, values=item.values[known]) for item in covariates],
    )
    assert effects(partial).ratio == effects(complete).ratio


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5)
def test_rows_in_another_order_are_other_draws_of_the_same_spread(seed: int) -> None:
    design = random_cohort(19, n=150)
    order = np.random.default_rng(seed).permutation(design.size)
    options = BootstrapOptions(replicates=300, seed=5)
    one, other = effects(design, options).ratio.std_error, effects(reorder(design, order), options).ratio.std_error
    assert one == pytest.approx(other, rel=0.25)  # two Monte Carlo errors of 4 % each
