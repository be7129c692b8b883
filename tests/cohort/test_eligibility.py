import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from counterpoise.cohort.eligibility import CriterionOptions, apply_eligibility
from counterpoise.errors import PlanError
from counterpoise.read.codebook import Kind
from tests.cohort.tables import category, table_of

TABLE = table_of(
    age=("integer", [17, 40, 50, None, 60, 30]),
    stage=(category("M0", "M1"), ["M0", "M1", "M0", "M0", None, "M0"]),
    prior=("flag", [1, 1, 0, 0, 0, 0]),
)
ADULT = CriterionOptions(name="Adult", keep="age >= 18")
METASTATIC = CriterionOptions(name="Metastatic", drop='stage == "M1"')
EARLIER = CriterionOptions(name="Earlier tumour", drop="prior")


def test_six_patients_by_hand() -> None:
    table, flow = apply_eligibility(TABLE, [ADULT, METASTATIC, EARLIER])
    assert table.frame["id"].to_list() == ["p3", "p5", "p6"]
    assert [(step.name, step.kind, step.excluded, step.remaining) for step in flow.steps] == [
        ("Adult", "keep", 2, 4),
        ("Metastatic", "drop", 1, 3),
        ("Earlier tumour", "drop", 0, 3),
    ]
    assert (flow.screened, flow.included) == (6, 3)
    assert flow.failing.tolist() == [2, 1, 2]
    assert flow.unknown.tolist() == [1, 1, 0]
    assert flow.overlap.tolist() == [[2, 0, 1], [0, 1, 1], [1, 1, 2]]
    assert flow.steps[0].rule == "age >= 18"


def test_what_is_not_known_is_said() -> None:
    _, flow = apply_eligibility(TABLE, [ADULT, METASTATIC, EARLIER])
    assert [str(note) for note in flow.notes] == [
        "eligibility: Adult: `age >= 18` is not known of 1 patient, who is not counted as satisfying it",
        'eligibility: Metastatic: `stage == "M1"` is not known of 1 patient, who is not excluded by it',
    ]
    two = table_of(age=("integer", [None, None]))
    _, flow = apply_eligibility(two, [ADULT])
    assert "not known of 2 patients, who are not counted" in str(flow.notes[0])


@given(
    st.lists(st.tuples(*[st.sampled_from([0, 1, None])] * 3), max_size=20),
    st.lists(st.sampled_from(["keep", "drop"]), min_size=3, max_size=3),
)
def test_the_flow_is_that_of_a_walk_from_patient_to_patient(
    rows: list[tuple[int | None, ...]], kinds: list[str]
) -> None:
    flags: dict[str, tuple[Kind, list[int | None]]] = {
        name: ("flag", [row[i] for row in rows]) for i, name in enumerate("abc")
    }
    table = table_of(**flags)
    criteria = [
        CriterionOptions.model_validate({"name": name, kind: f"{name} == 1"})
        for name, kind in zip("abc", kinds, strict=True)
    ]
    included, flow = apply_eligibility(table, criteria)
    excluded, overlap, stays = [0, 0, 0], np.zeros((3, 3), dtype=int), list[str]()
    for number, row in enumerate(rows, start=1):
        failed = [i for i, (value, kind) in enumerate(zip(row, kinds, strict=True)) if (value == 1) == (kind == "drop")]
        for i, j in itertools.product(failed, failed):
            overlap[i, j] += 1
        if failed:
            excluded[failed[0]] += 1
        else:
            stays.append(f"p{number}")
    assert included.frame["id"].to_list() == stays
    assert [step.excluded for step in flow.steps] == excluded
    assert [step.remaining for step in flow.steps] == [len(rows) - sum(excluded[: i + 1]) for i in range(3)]
    assert flow.included == len(stays)
    np.testing.assert_array_equal(flow.overlap, overlap)
    np.testing.assert_array_equal(flow.failing, np.diag(overlap))
    assert flow.unknown.tolist() == [sum(row[i] is None for row in rows) for i in range(3)]


def test_without_criteria_everyone_is_included() -> None:
    table, flow = apply_eligibility(TABLE, [])
    assert table.frame.equals(TABLE.frame)
    assert (flow.screened, flow.included, flow.steps, flow.overlap.shape) == (6, 6, (), (0, 0))


def test_a_rule_without_a_column_holds_for_all_or_none() -> None:
    _, flow = apply_eligibility(TABLE, [CriterionOptions(name="All", keep="true")])
    assert flow.included == 6


def test_all_wrong_criteria_are_reported_together() -> None:
    criteria = [
        CriterionOptions(name="A", keep="aeg >= 18"),
        CriterionOptions(name="B", drop="age >"),
        ADULT,
        CriterionOptions(name="C", drop="age + 1"),
        CriterionOptions(name="D", drop='stage == "M2" or stag == "M1"'),
    ]
    with pytest.raises(PlanError) as caught:
        apply_eligibility(TABLE, criteria)
    texts = [str(problem) for problem in caught.value.problems]
    assert [text.split(": ")[0] for text in texts] == [
        "eligibility 1 (A).keep",
        "eligibility 2 (B).drop",
        "eligibility 4 (C).drop",
        "eligibility 5 (D).drop",
        "eligibility 5 (D).drop",
    ]
    assert "did you mean `age`?" in texts[0]
    assert texts[2].endswith("`age + 1` must be true or false of each patient, such as `age >= 18`")


@pytest.mark.parametrize("options", [{"name": "A"}, {"name": "A", "keep": "a", "drop": "b"}, {"keep": "a"}])
def test_a_criterion_has_a_name_and_one_rule(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CriterionOptions.model_validate(options)
