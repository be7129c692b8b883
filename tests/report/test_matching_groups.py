"""What the report says of all groups matched by a common referent."""

import json
import random
import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from counterpoise.errors import PlanError
from counterpoise.plan import plan_from
from counterpoise.report.document import Document, Figure, Table, check_document, values
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study, check
from tests.report.test_content import _frame, document_of, texts
from tests.report.test_matching import tree_of
from tests.test_study_traced import FIXED_WORDS, numerals, prints, words_of_the_plan

COVARIATES = ["age", "imn_short_axis_mm", "ct34", "pcr"]
REFERENT = "IMND+/IMNB+"
PLANS: dict[str, dict[str, Any]] = {
    "pairs": {"caliper": "none"},
    "again": {"caliper": "none", "replacement": True, "ratio": 2},
    "optimal": {"method": "optimal", "caliper": 0.5},
    "nobody": {"caliper": 1e-9},
}
MADE = ("pairs", "again", "optimal")


def tree(name: str, covariates: list[str] = COVARIATES, referent: str = REFERENT) -> dict[str, Any]:
    plan = tree_of({"referent": referent, **PLANS[name]}, covariates)
    plan["treatment"]["groups"] = "group"
    # The bundled study has more treated patients than controls; without a caliper its arms are exchanged.
    plan["derive"]["no_boost"] = {"value": "imn_boost == 0", "label": "No boost"}
    plan["treatment"] |= {"column": "no_boost", "treated": "No boost", "control": "IMN boost"}
    return plan


@cache
def made(name: str) -> tuple[Study, Numbers, Document]:
    return document_of(tree(name), _frame())


@pytest.mark.parametrize("name", MADE)
def test_the_section_holds_together_and_every_numeral_is_traced(name: str) -> None:
    study, numbers, document = made(name)
    check_document(document)
    names = {block.name for block in document.blocks if isinstance(block, Figure | Table)}
    assert {"matched_groups", "matched_groups_balance", "curves_matched_groups"} <= names
    results = json.loads(json.dumps({entry.id: entry.as_json() for entry in numbers.values()}))
    allowed = words_of_the_plan(study) | set(FIXED_WORDS)
    for printed in values(document):
        for numeral in numerals(printed.text):
            assert any(prints(results[key], numeral, printed.text) for key in printed.ids), printed
            allowed.add(numeral)
    for text in texts(document):
        assert not re.search(r"\b(nan|None|inf|True|False)\b", text), text
        for numeral in numerals(text):
            assert numeral in allowed, text


@pytest.mark.parametrize("name", MADE)
def test_groups_are_matched_or_left_out_and_compared_with_the_referent(name: str) -> None:
    study, numbers, _ = made(name)
    groups = study.analyses.matched_groups
    assert groups is not None
    assert groups.matching is not None
    assert groups.labels[groups.referent] == REFERENT
    for position in range(1, 5):
        there = numbers[f"matched_groups.g{position}.matched"].value
        assert there == numbers[f"os.matched_groups.g{position}.n"].value
    assert numbers["matched_groups.sets"].value == groups.matched[groups.referent]
    comparison = groups.comparisons[0]
    assert [ratio is None for ratio in comparison.ratios] == [label == REFERENT for label in groups.labels]
    assert "os.matched_groups.hr1" in numbers
    assert f"os.matched_groups.hr{groups.referent + 1}" not in numbers


def test_used_again_the_hazard_ratios_have_the_two_way_variance() -> None:
    study, numbers, _ = made("again")
    groups = study.analyses.matched_groups
    assert groups is not None
    assert groups.variance == "robust, clustered by matched set and by patient"
    entry = numbers["os.matched_groups.hr1"]
    assert entry.lower is not None
    assert entry.upper is not None
    assert 0 < entry.lower < entry.value < entry.upper
    assert 0 < numbers["os.matched_groups.joint_p"].value < 1


def test_shuffled_rows_give_the_same_groups() -> None:
    frame = _frame()
    order = list(range(frame.height))
    random.Random(5).shuffle(order)
    shuffled = document_of(tree("again"), frame[order])[1]
    for key, entry in made("again")[1].items():
        if "matched_groups" in key:
            np.testing.assert_equal(shuffled[key].value, entry.value, err_msg=key)


def test_groups_that_cannot_be_matched_have_one_sentence() -> None:
    document = made("nobody")[2]
    assert any(f"No patient of arm {REFERENT} has a partner in every other arm" in text for text in texts(document))
    problems = check(plan_from(tree("nobody")), _frame())
    assert problems[-1].where == "plan: balance.matching.referent"


@pytest.mark.parametrize(
    ("covariates", "referent", "message"),
    [
        (COVARIATES, "IMND", "`referent` must be one of IMND−/IMNB−, IMND+/IMNB−"),
        ([*COVARIATES, "imnd"], REFERENT, "Arm IMND−/IMNB−: propensity score: separated (`IMN dissection`)"),
    ],
)
def test_what_stands_in_the_way_of_the_groups_is_said(covariates: list[str], referent: str, message: str) -> None:
    problems = check(plan_from(tree("pairs", covariates, referent)), _frame())
    assert [problem.where for problem in problems] == ["plan: balance.matching.referent"]
    assert problems[0].what.startswith(message)


def test_a_referent_needs_groups() -> None:
    plan = tree("pairs")
    del plan["treatment"]["groups"]
    with pytest.raises(PlanError, match=r"balance\.matching\.referent: needs treatment\.groups"):
        plan_from(plan)
