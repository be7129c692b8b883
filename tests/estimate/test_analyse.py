from dataclasses import replace

import numpy as np
import pytest

from counterpoise.balance import MatchOptions
from counterpoise.estimate import (
    FIXED_WEIGHT_ROBUST,
    Analyses,
    BootstrapOptions,
    CoxOptions,
    CurveOptions,
    SubgroupOptions,
    analyse,
    bootstrap_effects,
    hazard_table,
)
from tests.estimate.cohorts import analysed, endpoint, flag, node_positive, options, random_cohort


@pytest.fixture(scope="module")
def results() -> Analyses:
    return analysed(node_positive(), subgroups=SubgroupOptions(of="rfs"))


def test_every_endpoint_has_every_analysis_in_the_order_of_the_plan(results: Analyses) -> None:
    names = ["os", "rfs"]
    assert [table.endpoint.name for table in results.hazards] == names
    assert [found.endpoint.name for found in results.by_groups] == names
    assert [pair.multivariable.endpoint.name for pair in results.group_hazards] == names
    assert [effect.endpoint.name for effect in results.bootstrap] == names
    assert [(c.endpoint.name, c.adjustment) for c in results.contrasts] == [
        (name, adjustment) for name in names for adjustment in ("unadjusted", "matched", "weighted")
    ]
    assert len(results.events) == len(results.overall) == 2
    assert results.subgroups is not None
    assert results.subgroups.endpoint.name == "rfs"


def test_a_comparison_is_found_by_endpoint_and_adjustment(results: Analyses) -> None:
    found = results.contrast("rfs", "weighted")
    assert (found.endpoint.name, found.adjustment) == ("rfs", "weighted")
    assert results.was_compared("matched")


def test_events_are_those_of_all_of_the_controls_and_of_the_treated(results: Analyses) -> None:
    everyone, control, treated = results.events[0]
    assert (everyone.size, everyone.events) == (1546, 877)
    assert (control.size, treated.size) == (1207, 339)
    assert control.events + treated.events == everyone.events


def test_the_treatment_stands_last_in_the_multivariable_model(results: Analyses) -> None:
    design = node_positive()
    model = results.hazards[0].multivariable
    assert model.terms.covariates[-1].name == "boost"
    hormon = flag("boost", design.treatment.received)
    expected = hazard_table(design.endpoints[0], [*design.cox.covariates, hormon]).multivariable
    assert [r.log_estimate for r in model.ratios] == [r.log_estimate for r in expected.ratios]


def test_groups_are_compared_with_the_first_of_them(results: Analyses) -> None:
    pair = results.group_hazards[0]
    assert [ratio.label for ratio in pair.univariable.ratios] == ["trt4: chemo", "trt4: hormon", "trt4: both"]
    # chemo is among the covariates, and chemo and both are its sum: the multivariable model cannot tell them apart.
    assert pair.multivariable.terms.covariates[-1].name == "groups"


def test_follow_up_is_measured_on_deaths_wherever_they_stand() -> None:
    design = node_positive()
    turned = replace(design, endpoints=design.endpoints[::-1], groups=None)
    found = analysed(turned, weights=None)
    assert found.follow_up.reverse.value == analysed(replace(design, groups=None), weights=None).follow_up.reverse.value
    rfs = replace(design, endpoints=design.endpoints[1:], groups=None)
    assert analysed(rfs, weights=None).follow_up.maximum == float(design.endpoints[1].time.max())


def test_without_weights_there_is_the_unadjusted_comparison_only() -> None:
    found = analysed(random_cohort(41), weights=None, subgroups=SubgroupOptions(of="os"))
    assert [c.adjustment for c in found.contrasts] == ["unadjusted"]
    assert (found.adjustments, found.bootstrap, found.subgroups) == (None, (), None)
    assert not found.was_compared("weighted")


def test_without_replicates_there_is_no_bootstrap() -> None:
    found = analysed(random_cohort(41), bootstrap=BootstrapOptions(replicates=0))
    assert found.bootstrap == ()
    assert found.was_compared("weighted")


def test_without_pairs_there_is_no_matched_comparison() -> None:
    found = analysed(random_cohort(41), matching=MatchOptions(caliper=1e-9))
    assert found.adjustments is not None
    assert found.adjustments.matching.n_pairs == 0
    assert [c.adjustment for c in found.contrasts] == ["unadjusted", "weighted"]


def test_without_groups_there_are_no_tables_of_groups() -> None:
    found = analysed(random_cohort(42))
    assert (found.baseline_groups, found.by_groups, found.group_hazards) == (None, (), ())


def test_an_endpoint_without_events_among_the_complete_leaves_the_rest_standing() -> None:
    design = random_cohort(43)
    complete = design.score.complete.copy()
    x = design.score.x.copy()
    event = np.zeros(design.size, dtype=bool)
    event[[0, 1]] = True
    x[[0, 1], 0] = np.nan
    age = replace(design.score.covariates[0], values=x[:, 0])
    score = replace(design.score, covariates=(age, *design.score.covariates[1:]), x=x)
    silent = endpoint(design.endpoints[0].time, event, "silent")
    found = analysed(replace(design, endpoints=(*design.endpoints, silent), score=score))
    assert complete.all()
    assert np.isnan(found.contrast("silent", "weighted").ratio.estimate)
    assert found.bootstrap[1].failed == 20
    assert np.isfinite(found.contrast("os", "weighted").ratio.estimate)


def test_options_of_curves_and_ties_reach_every_estimate() -> None:
    design = random_cohort(44)
    curves = CurveOptions(interval="plain", confidence=0.9)
    found = analysed(design, curves=curves, cox=CoxOptions(ties="breslow"), subgroups=SubgroupOptions(of="os"))
    assert found.overall[0].curve.interval == "plain"
    assert found.overall[0].curve.confidence == 0.9
    assert found.hazards[0].multivariable.fit.ties == "breslow"
    assert found.adjustments is not None
    estimate = found.contrast("os", "weighted").ratio
    assert np.log(estimate.upper / estimate.lower) == pytest.approx(2 * 1.6448536269514722 * estimate.std_error)
    again = bootstrap_effects(
        design,
        found.adjustments,
        [estimate.log_estimate],
        60.0,
        BootstrapOptions(replicates=20, seed=1),
        ties="breslow",
        confidence=0.9,
    )[0]
    assert again.ratio == found.bootstrap[0].ratio
    assert found.subgroups is not None
    robust = found.contrast("os", "weighted").others[FIXED_WEIGHT_ROBUST]
    assert found.subgroups.overall.upper == pytest.approx(robust.upper, rel=1e-12)


def test_progress_is_told_every_step_with_a_growing_share() -> None:
    told: list[tuple[str, float]] = []
    analyse(random_cohort(45), options(), lambda step, share: told.append((step, share)))
    shares = [share for _, share in told]
    assert [step for step, _ in told] == [
        "Table 1",
        "Survival curves",
        "Cox models",
        "Propensity score, weights and matching",
        "Bootstrap",
        "Other adjustments",
        "Subgroups",
    ]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1
