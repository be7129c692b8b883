from dataclasses import replace

import pytest

from counterpoise.balance import AlternativeOptions
from counterpoise.estimate import AlternativeAnalysis
from counterpoise.findings.alternatives import adjustments_differ, adjustments_not_made
from tests.findings.cases import Case, apply, only, study

OTHERS = (AlternativeOptions(name="att", estimand="ATT"), AlternativeOptions(name="dr", method="doubly robust"))


@pytest.fixture(scope="module")
def compared() -> Case:
    return study(alternatives=OTHERS)


def with_p_values(case: Case, given: list[float]) -> Case:
    design, analyses = case
    values = iter(given)

    def changed(item: AlternativeAnalysis) -> AlternativeAnalysis:
        first, *rest = item.effects
        return replace(item, effects=(replace(first, ratio=replace(first.ratio, p_value=next(values))), *rest))

    return design, replace(analyses, alternatives=tuple(changed(item) for item in analyses.alternatives))


def test_adjustments_on_either_side_of_the_threshold_are_a_caution(compared: Case) -> None:
    found = only(adjustments_differ, with_p_values(compared, [0.04, 0.06, float("nan")]))
    assert (found.severity, found.title) == ("caution", "The conclusion hangs on the adjustment")
    assert found.values["adjustments"] == 2
    assert (found.values["smallest_p"], found.values["largest_p"]) == (0.04, 0.06)
    assert "different patients (ATE and ATT)" in found.text
    main, att, robust = (item.effects[0] for item in compared[1].alternatives)
    assert {found.values["lowest"], found.values["highest"]} == {main.ratio.estimate, att.ratio.estimate}
    differences = [effect.difference.value for effect in (main, att, robust)]
    assert found.values["lowest_difference"] == min(differences)
    assert found.values["highest_difference"] == max(differences)


def test_adjustments_that_agree_are_a_note(compared: Case) -> None:
    found = only(adjustments_differ, with_p_values(compared, [0.3, 0.6, float("nan")]))
    assert (found.severity, found.title) == ("note", "The adjustments agree")


def test_a_single_adjustment_is_not_compared(case: Case) -> None:
    assert apply(adjustments_differ, case) == []
    assert apply(adjustments_not_made, case) == []


def test_what_could_not_be_made_is_named(compared: Case) -> None:
    design, analyses = compared
    first, second, *rest = analyses.alternatives
    failed = replace(second, adjustment=replace(second.adjustment, reason="separated arms"), effects=())
    found = only(adjustments_not_made, (design, replace(analyses, alternatives=(first, failed, *rest))))
    assert "Weights, logistic score: separated arms." in found.text
