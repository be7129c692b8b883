"""Each rule on a case that sets it off and on one that does not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterpoise.balance import MatchOptions, WeightOptions
from counterpoise.design import Response
from counterpoise.findings import variance
from counterpoise.findings.estimands import estimands_differ
from counterpoise.findings.events_per_variable import events_per_variable, score_size
from counterpoise.findings.imbalance import imbalance_left
from counterpoise.findings.models import follow_up_reach, models_without_answer, no_pairs, patients_left_out
from counterpoise.findings.multiplicity import multiplicity
from counterpoise.findings.proportional_hazards import proportional_hazards
from counterpoise.findings.response import response_measured_differently
from counterpoise.findings.subgroups import subgroup_interactions, subgroups_with_few_events
from counterpoise.findings.variance import bootstrap_failures, weighted_against_naive
from counterpoise.findings.weights import extreme_weights
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import analysed, flag, random_cohort
from tests.findings.cases import (
    Case,
    apply,
    only,
    p_values,
    study,
    with_adjustments,
    with_contrasts,
    without_adjustments,
)

NAN = float("nan")
either_side = variance.tests_on_either_side


@pytest.fixture(scope="module")
def case() -> Case:
    return study()


@pytest.mark.parametrize(
    "rule",
    [
        weighted_against_naive,
        imbalance_left,
        extreme_weights,
        subgroups_with_few_events,
        subgroup_interactions,
        estimands_differ,
        score_size,
        no_pairs,
        bootstrap_failures,
    ],
)
def test_rules_of_the_adjusted_analysis_are_silent_without_one(case: Case, rule: Any) -> None:
    assert apply(rule, without_adjustments(case)) == []


# Variances and tests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("naive", "robust", "severity", "title"),
    [
        (0.01, 0.10, "serious", "would have turned the weighted result significant"),
        (0.04999, 0.05, "serious", "would have turned the weighted result significant"),
        (0.06, 0.04, "note", "would have hidden a weighted result"),
        (0.01, 0.04, "note", "do not hang on the naive variance"),
        (0.40, 0.60, "note", "do not hang on the naive variance"),
    ],
)
def test_naive_variance(case: Case, naive: float, robust: float, severity: str, title: str) -> None:
    found = only(weighted_against_naive, with_contrasts(case, lambda c: p_values(c, naive=naive, wald=robust)))
    assert found.severity == severity
    assert title in found.title
    assert found.values == {"os_naive": naive, "os_robust": robust}


def test_naive_variance_is_not_spoken_of_where_there_is_no_answer_or_no_visible_difference(case: Case) -> None:
    for naive, robust in ((NAN, NAN), (0.0001, 0.0009)):
        silent = with_contrasts(case, lambda c, n=naive, r=robust: p_values(c, naive=n, wald=r))
        assert apply(weighted_against_naive, silent) == []


@pytest.mark.parametrize(("wald", "curve"), [(0.052, 0.047), (0.049, 0.05)])
def test_two_tests_on_either_side(case: Case, wald: float, curve: float) -> None:
    found = only(either_side, with_contrasts(case, lambda c: p_values(c, wald=wald, curve=curve)))
    assert found.severity == "caution"
    assert found.values["os_weighted_wald"] == wald
    assert found.values["os_weighted_curve"] == curve
    assert "log-rank test {os_unadjusted_curve:p}" in found.text


@pytest.mark.parametrize(
    ("wald", "curve"), [(0.01, 0.02), (0.2, 0.3), (0.05, 0.05), (NAN, 0.01), (0.01, NAN), (NAN, NAN)]
)
def test_tests_that_agree_or_are_not_there_are_on_one_side(case: Case, wald: float, curve: float) -> None:
    assert apply(either_side, with_contrasts(case, lambda c: p_values(c, wald=wald, curve=curve))) == []


@pytest.mark.parametrize(("failed", "severity"), [(1, "caution"), (2, "serious"), (20, "serious")])
def test_failed_replicates(case: Case, failed: int, severity: str) -> None:
    design, analyses = case
    effects = tuple(replace(effect, failed=failed) for effect in analyses.bootstrap)
    found = only(bootstrap_failures, (design, replace(analyses, bootstrap=effects)))
    assert found.severity == severity  # of 20 replicates, one in twenty is the limit
    assert found.values == {"replicates": 20, "os": failed}


def test_replicates_that_all_converged_are_not_spoken_of(case: Case) -> None:
    assert apply(bootstrap_failures, case) == []


def test_multiplicity_counts_every_test_of_the_treatment(case: Case) -> None:
    design, analyses = case
    second = tuple(replace(c, endpoint=replace(c.endpoint, name="dfs", short="DFS")) for c in analyses.contrasts)
    both = replace(analyses, contrasts=(*analyses.contrasts, *second))
    two = (replace(design, endpoints=design.endpoints * 2), both)
    lost = only(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=0.03)))
    assert (lost.severity, lost.title) == ("caution", "No result outlasts the number of endpoints")
    assert lost.values["tests"] == 6 + 5  # two endpoints in three comparisons; two levels and three
    assert (lost.values["smallest"], lost.values["adjusted"]) == (0.03, 0.06)
    kept = only(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=0.01)))
    assert (kept.severity, kept.values["adjusted"]) == ("note", 0.02)
    assert apply(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=NAN))) == []
    assert apply(multiplicity, case) == []


# Models ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "severity"), [(0, "serious"), (24, "serious"), (25, "caution"), (49, "caution")])
def test_few_events_for_the_coefficients(case: Case, events: int, severity: str) -> None:
    found = only(events_per_variable, with_events(case, events))
    assert found.severity == severity
    assert found.values == {"os_events": events, "os_terms": 5, "os_ratio": events / 5}
    assert np.isfinite(found.importance)


def test_ten_events_a_coefficient_are_enough(case: Case) -> None:
    assert apply(events_per_variable, with_events(case, 50)) == []


def with_events(case: Case, events: int) -> Case:
    design, analyses = case
    (table,) = analyses.hazards
    scarce = replace(table, multivariable=replace(table.multivariable, events=events))
    return design, replace(analyses, hazards=(scarce,))


def test_a_score_of_many_coefficients_for_the_smaller_arm() -> None:
    small = study(2, n=60)
    found = only(score_size, small)
    treated = int(small[0].treatment.received.sum())
    smaller = min(treated, 60 - treated)
    assert found.severity == "caution"
    assert found.values == {"columns": 4, "smaller": smaller, "ratio": smaller / 4, "safe": smaller // 10}
    assert apply(score_size, study(2, n=300)) == []


def test_models_without_an_answer_are_named_once_with_their_cause(case: Case) -> None:
    assert apply(models_without_answer, case) == []
    design, analyses = case
    (table,) = analyses.hazards
    failed = replace(table, multivariable=replace(table.multivariable, verdict=Verdict.MONOTONE))
    found = only(models_without_answer, (design, replace(analyses, hazards=(failed, failed))))
    assert (found.severity, found.importance) == ("serious", 1)
    assert found.text.count("OS on age, high, stage and others: all events fall on one side") == 1


@pytest.mark.parametrize(("adjustment", "words"), [("matched", "in the matched pairs"), ("weighted", "weighted")])
def test_comparisons_without_an_answer_are_named_too(case: Case, adjustment: str, words: str) -> None:
    broken = with_contrasts(case, lambda c: replace(c, verdict=Verdict.MONOTONE) if c.adjustment == adjustment else c)
    found = only(models_without_answer, broken)
    assert f"OS on Boost, {words}: all events fall on one side" in found.text


def test_no_pairs_are_spoken_of() -> None:
    found = only(no_pairs, study(3, n=60, matching=MatchOptions(caliper=1e-9)))
    assert found.severity == "serious"
    assert found.values["caliper"] >= 0


def test_pairs_that_were_made_are_not_spoken_of(case: Case) -> None:
    assert apply(no_pairs, case) == []


@pytest.mark.parametrize(("left_out", "missing", "severity"), [(1, 0, "caution"), (0, 5, "caution"), (6, 6, "serious")])
def test_patients_left_out(case: Case, left_out: int, missing: int, severity: str) -> None:
    design, analyses = with_adjustments(case, left_out=left_out)
    (table,) = analyses.hazards
    lacking = replace(table, multivariable=replace(table.multivariable, missing=missing))
    found = only(patients_left_out, (design, replace(analyses, hazards=(lacking,))))
    assert found.severity == severity  # one in twenty of 120
    assert found.values == {"score": left_out, "cox": missing, "size": 120}


def test_complete_patients_are_not_spoken_of(case: Case) -> None:
    assert apply(patients_left_out, case) == []


def test_follow_up_shorter_than_the_horizon(case: Case) -> None:
    design, analyses = case
    short = replace(analyses, follow_up=replace(analyses.follow_up, observed_median=59.9))
    found = only(follow_up_reach, (design, short))
    assert (found.severity, found.values["observed"], found.values["horizon"]) == ("note", 59.9, 60.0)
    long = replace(analyses, follow_up=replace(analyses.follow_up, observed_median=60.0))
    assert apply(follow_up_reach, (design, long)) == []


# Proportional hazards ----------------------------------------------------------------------------------------------


def test_hazards_that_are_not_proportional(case: Case) -> None:
    found = only(
        proportional_hazards,
        with_contrasts(case, lambda c: p_values(c, proportional=0.01 if c.adjustment == "weighted" else NAN)),
    )
    assert (found.severity, found.title) == ("caution", "Hazards are not proportional")
    assert found.values["os_weighted"] == 0.01
    assert "OS weighted ({os_weighted:p_equation})" in found.text


def test_a_model_whose_hazards_are_not_proportional(case: Case) -> None:
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=0.5))
    (table,) = analyses.hazards
    assert table.multivariable.proportional is not None
    crossing = replace(table.multivariable.proportional, global_p_value=0.002)
    broken = replace(table, multivariable=replace(table.multivariable, proportional=crossing))
    found = only(proportional_hazards, (design, replace(analyses, hazards=(broken,))))
    assert found.values == {"os_multivariable": 0.002}


@pytest.mark.parametrize("order", [1, -1])
def test_no_sign_against_proportional_hazards_quotes_the_smallest_that_is_known(case: Case, order: int) -> None:
    known = {"unadjusted": NAN, "matched": 0.3, "weighted": 0.2}
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=known[c.adjustment]))
    analyses = replace(analyses, contrasts=analyses.contrasts[::order], hazards=())
    found = only(proportional_hazards, (design, analyses))
    assert (found.severity, found.values) == ("note", {"lowest": 0.2})


def test_hazards_that_were_never_tested_are_not_spoken_of(case: Case) -> None:
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=NAN))
    assert apply(proportional_hazards, (design, replace(analyses, hazards=()))) == []


# Balance -----------------------------------------------------------------------------------------------------------


def with_differences(case: Case, smd: list[float]) -> Case:
    assert case[1].adjustments is not None
    balance = case[1].adjustments.balance
    assert balance.weighted is not None
    weighted = replace(balance.weighted, smd=np.array(smd))
    return with_adjustments(case, balance=replace(balance, weighted=weighted, matched=None))


@pytest.mark.parametrize(
    ("smd", "severity", "words"),
    [
        ([0.1, -0.1, 0, 0, 0], "note", "is {largest:number3} (age, years), below"),
        ([0.05, -0.11, 0, 0, 0], "caution", "{over:count} covariate has an absolute standardised difference"),
        ([0.12, -0.25, 0, 0, 0], "caution", "{over:count} covariates have"),
        ([0.12, 0, -0.26, 0, 0], "serious", "stage: I and age, years; the largest is"),
        ([0, 0, 0, 0, np.inf], "serious", "stage: III; the largest is"),
    ],
)
def test_imbalance_left(case: Case, smd: list[float], severity: str, words: str) -> None:
    found = only(imbalance_left, with_differences(case, smd))
    assert (found.severity, found.name) == (severity, "balance_after_weighting")
    assert words in found.text
    assert found.values["largest"] == np.abs(smd).max()


def test_balance_is_judged_after_matching_and_after_weighting(case: Case) -> None:
    assert [found.name for found in apply(imbalance_left, case)] == [
        "balance_after_matching",
        "balance_after_weighting",
    ]


def test_moderate_weights(case: Case) -> None:
    assert case[1].adjustments is not None
    weighting = replace(
        case[1].adjustments.weighting, weights=np.ones(120), effective_sample_size=case_sizes(case), minimum=1.0
    )
    found = only(extreme_weights, with_adjustments(case, weighting=weighting))
    assert (found.severity, found.values["largest"]) == ("note", 1.0)


def case_sizes(case: Case) -> tuple[float, float]:
    treated = case[0].treatment.received
    return float((~treated).sum()), float(treated.sum())


def test_a_low_effective_sample_size_or_one_large_weight(case: Case) -> None:
    assert case[1].adjustments is not None
    weighting = case[1].adjustments.weighting
    control, treated = case_sizes(case)
    low = replace(weighting, weights=np.ones(120), effective_sample_size=(0.49 * control, treated))
    assert only(extreme_weights, with_adjustments(case, weighting=low)).severity == "caution"
    weights = np.ones(120)
    weights[3] = 12.0
    large = replace(weighting, weights=weights, effective_sample_size=(control, treated))
    found = only(extreme_weights, with_adjustments(case, weighting=large))
    assert (found.severity, found.title) == ("caution", "A few patients carry much of the weight")


@pytest.mark.parametrize(
    ("unmatched", "severity", "words"), [(0, "note", "in the treated."), (4, "caution", "could be")]
)
def test_estimands_that_differ(case: Case, unmatched: int, severity: str, words: str) -> None:
    assert case[1].adjustments is not None
    matching = replace(case[1].adjustments.matching, unmatched_treated=unmatched)
    found = only(estimands_differ, with_adjustments(case, matching=matching))
    assert found.severity == severity
    assert words in found.text


def test_estimands_that_are_the_same_are_not_spoken_of(case: Case) -> None:
    same = with_contrasts(case, lambda c: replace(c, estimand="ATE"))
    assert apply(estimands_differ, same) == []
    assert apply(estimands_differ, study(3, n=60, matching=MatchOptions(caliper=1e-9))) == []
    att = study(4, n=60, weights=WeightOptions(estimand="ATT"), matching=MatchOptions(caliper=None))
    matched = att[1].contrast("os", "matched").estimand
    assert [found.name for found in apply(estimands_differ, att)] == ([] if matched == "ATT" else ["estimands_differ"])


# Subgroups and response --------------------------------------------------------------------------------------------


def with_too_few(case: Case, flags: list[bool]) -> Case:
    design, analyses = case
    assert analyses.subgroups is not None
    given = iter(flags)
    variables = tuple(
        replace(v, levels=tuple(replace(level, too_few=next(given)) for level in v.levels))
        for v in analyses.subgroups.variables
    )
    return design, replace(analyses, subgroups=replace(analyses.subgroups, variables=variables))


def test_subgroups_with_too_few_events_are_named(case: Case) -> None:
    found = only(subgroups_with_few_events, with_too_few(case, [False, True, False, True, False]))
    assert (found.severity, found.values) == ("caution", {"few": 2, "total": 5})
    assert "{few:count} of {total:count} subgroups have too few events" in found.text
    assert "high: Yes and stage: II." in found.text
    one = only(subgroups_with_few_events, with_too_few(case, [True, False, False, False, False]))
    assert "{total:count} subgroups has too few events" in one.text
    assert apply(subgroups_with_few_events, with_too_few(case, [False] * 5)) == []


@pytest.mark.parametrize(
    ("tests", "severity", "label"),
    [((0.04, 0.5), "caution", "high"), ((0.5, 0.05), "note", "stage"), ((NAN, 0.3), "note", "stage")],
)
def test_interactions(case: Case, tests: tuple[float, float], severity: str, label: str) -> None:
    found = only(subgroup_interactions, with_interactions(case, tests))
    assert found.severity == severity
    assert f"({label})" in found.text
    known = [p for p in tests if p == p]
    assert found.values == {"tested": len(known), "lowest": min(known)}


def test_interactions_that_could_not_be_tested_are_not_spoken_of(case: Case) -> None:
    assert apply(subgroup_interactions, with_interactions(case, (NAN, NAN))) == []


def with_interactions(case: Case, tests: tuple[float, float]) -> Case:
    design, analyses = case
    assert analyses.subgroups is not None
    variables = tuple(replace(v, interaction_p=p) for v, p in zip(analyses.subgroups.variables, tests, strict=True))
    return design, replace(analyses, subgroups=replace(analyses.subgroups, variables=variables))


def with_response(case: Case, outcome: list[float], examined: list[float], name: str = "pcr") -> Case:
    return replace(case[0], response=Response(flag(name, outcome), flag("dissected", examined))), case[1]


def test_a_response_that_only_some_were_examined_for(case: Case) -> None:
    found = only(response_measured_differently, with_response(case, [1, 0, 1, 1, 1], [0, 0, 0, 1, NAN]))
    assert found.severity == "caution"
    assert found.values == {"unexamined": 3, "known": 4, "share_unexamined": 2 / 3, "share_examined": 1.0}
    assert found.advice.endswith("examined in everyone.")
    used = only(response_measured_differently, with_response(case, [1, 0], [0, 1], name="high"))
    assert used.advice.endswith("repeat the models without it.")


def test_a_response_that_nobody_was_examined_for_is_compared_with_nobody(case: Case) -> None:
    found = only(response_measured_differently, with_response(case, [1, 0], [0, 0]))
    assert "share_examined" not in found.values
    assert "of the others" not in found.text


def test_a_response_that_all_were_examined_for_is_not_spoken_of(case: Case) -> None:
    assert apply(response_measured_differently, with_response(case, [1, 0], [1, 1])) == []
    assert apply(response_measured_differently, case) == []


def test_hazards_of_an_arm_without_events_are_found_in_a_whole_study() -> None:
    design = random_cohort(7, 80)
    event = design.endpoints[0].event & design.treatment.received
    silent = replace(design, endpoints=(replace(design.endpoints[0], event=event),))
    analyses = analysed(silent)
    found = only(models_without_answer, (silent, analyses))
    assert "OS on Boost, weighted" in found.text
    assert apply(proportional_hazards, (silent, replace(analyses, hazards=()))) == []
