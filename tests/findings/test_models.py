from dataclasses import replace

import pytest

from counterpoise.balance import MatchOptions
from counterpoise.findings.models import follow_up_reach, models_without_answer, no_pairs, patients_left_out
from counterpoise.findings.proportional_hazards import proportional_hazards
from counterpoise.kernels.verdict import Verdict
from tests.estimate.cohorts import analysed, random_cohort
from tests.findings.cases import (
    Case,
    apply,
    only,
    study,
    with_adjustments,
    with_contrasts,
)


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


def test_hazards_of_an_arm_without_events_are_found_in_a_whole_study() -> None:
    design = random_cohort(7, 80)
    event = design.endpoints[0].event & design.treatment.received
    silent = replace(design, endpoints=(replace(design.endpoints[0], event=event),))
    analyses = analysed(silent)
    found = only(models_without_answer, (silent, analyses))
    assert "OS on Boost, weighted" in found.text
    assert apply(proportional_hazards, (silent, replace(analyses, hazards=()))) == []
