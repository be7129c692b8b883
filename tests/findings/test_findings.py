import re
from dataclasses import replace
from typing import Any

import pytest

from counterpoise.findings import RULES, Finding, review
from counterpoise.findings.estimands import estimands_differ
from counterpoise.findings.events_per_variable import score_size
from counterpoise.findings.finding import RANK, listed
from counterpoise.findings.imbalance import imbalance_left
from counterpoise.findings.models import no_pairs
from counterpoise.findings.subgroups import subgroup_interactions, subgroups_with_few_events
from counterpoise.findings.variance import bootstrap_failures, weighted_against_naive
from counterpoise.findings.weights import extreme_weights
from counterpoise.report import collect_numbers
from counterpoise.report.build import findings_as_text
from counterpoise.report.numbers import Numbers, printed
from counterpoise.study import Study
from tests.estimate.cohorts import analysed, node_positive
from tests.findings.cases import (
    Case,
    apply,
    study,
    without_adjustments,
)

FIELD = re.compile(r"\{([^{}:]+)(?::(\w+))?\}")


@pytest.fixture(scope="module")
def numbers(bundled: Study) -> Numbers:
    return collect_numbers(bundled)


def assert_every_field_has_its_value(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        fields = FIELD.findall(finding.text + finding.advice)
        for key, style in fields:
            assert key in finding.values, f"{finding.name}: {key}"
            assert style, f"{finding.name}: {key} without a format"
        assert finding.severity in RANK
        assert finding.title
        assert not finding.title.endswith(".")
        assert finding.text.endswith(".")
        assert finding.advice.endswith(".")


@pytest.mark.parametrize("seed", range(6))
def test_every_field_of_a_made_study_has_its_value(seed: int) -> None:
    design, analyses = study(seed, n=50)
    assert_every_field_has_its_value(review(design, analyses))
    assert_every_field_has_its_value(review(*without_adjustments((design, analyses))))


def test_every_field_of_the_bundled_study_has_its_value(bundled: Study, numbers: Numbers) -> None:
    assert_every_field_has_its_value(bundled.findings)
    for finding in bundled.findings:
        for key, style in FIELD.findall(finding.text + finding.advice):
            assert printed(numbers[f"findings.{finding.name}.{key}"], style)


def test_every_value_is_a_number_of_the_results(bundled: Study, numbers: Numbers) -> None:
    for finding in bundled.findings:
        for key, value in finding.values.items():
            assert numbers[f"findings.{finding.name}.{key}"].value == value


def test_findings_are_printed_without_a_field_left_over(bundled: Study) -> None:
    for severity, title, text in findings_as_text(bundled):
        assert severity in RANK
        assert not re.search(r"[{}]", title + text)


def test_the_gravest_come_first(bundled: Study) -> None:
    ranks = [(RANK[finding.severity], -finding.importance) for finding in bundled.findings]
    assert ranks == sorted(ranks)


def test_names_are_unique_and_fit_for_an_id(bundled: Study) -> None:
    names = [finding.name for finding in bundled.findings]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_the_bundled_study_is_told_what_is_wrong_with_it(bundled: Study) -> None:
    grave = {finding.name for finding in bundled.findings if finding.severity == "serious"}
    assert {"weighted_against_naive", "events_per_variable", "balance_after_matching"} <= grave
    cautions = {finding.name for finding in bundled.findings if finding.severity == "caution"}
    assert {"response_measured_differently", "tests_on_either_side", "estimands_differ"} <= cautions


def test_a_large_balanced_study_has_nothing_grave() -> None:
    design = replace(node_positive(), groups=None, endpoints=node_positive().endpoints[:1])
    found = review(design, analysed(design))
    assert "events_per_variable" not in {finding.name for finding in found}
    assert "score_size" not in {finding.name for finding in found}
    assert "patients_left_out" not in {finding.name for finding in found}


def test_rules_are_listed_once_and_documented() -> None:
    assert len(set(RULES)) == len(RULES)
    assert all((rule.__doc__ or "").splitlines()[0].rstrip(".)0123456789").strip() for rule in RULES)


def test_names_are_joined_as_a_sentence_joins_them() -> None:
    assert listed([]) == ""
    assert listed(["age"]) == "age"
    assert listed(["age", "grade"]) == "age and grade"
    assert listed(["age", "grade", "pCR"]) == "age, grade and pCR"
    assert listed(list("abcdefg")) == "a, b, c, d, e, f and others"
    assert listed(list("abcd"), at_most=4) == "a, b, c and d"


def test_review_does_not_change_what_it_reads() -> None:
    case: Case = study(1, n=60)
    assert review(*case) == review(*case)


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
