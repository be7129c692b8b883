import pytest

from counterpoise.cohort.toxicity import tabulate_toxicity
from counterpoise.errors import DataError, PlanError
from counterpoise.oncology.toxicity import ToxicityOptions
from tests.cohort.tables import category, table_of

TABLE = table_of(
    skin=("integer", [0, 2, None, 1]),
    skin_late=("integer", [0, 0, 0, 3]),
    scar=(category("0", "1", "2"), ["2", None, None, "0"]),
    note=("text", ["a", "b", "c", "d"]),
    words=(category("0", "none"), ["0", "none", None, "0"]),
    wrong=("number", [6.0, 1.5, -1.0, 0.0]),
)
ARMS = ("No boost", "Boost")


def test_organs_and_phases_in_the_order_of_the_plan() -> None:
    options = ToxicityOptions(
        scale="RTOG/EORTC", acute={"skin": "Skin"}, late={"scar": "Subcutis", "skin_late": "Skin"}
    )
    rows = tabulate_toxicity(TABLE, options, [0, 0, 1, 1], ARMS)
    assert [(row.organ, row.phase) for row in rows] == [("Skin", "acute"), ("Subcutis", "late"), ("Skin", "late")]
    assert rows[0].counts.tolist() == [[1, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert rows[0].assessed.tolist() == [2, 1]
    assert rows[1].assessed.tolist() == [1, 1]
    assert rows[2].counts.tolist() == [[2, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]]


def test_columns_of_one_organ_are_joined_by_the_worst_grade() -> None:
    options = ToxicityOptions(scale="RTOG/EORTC", late={"scar": "Skin", "skin_late": "Skin"})
    (row,) = tabulate_toxicity(TABLE, options, [0, 0, 1, 1], ARMS)
    assert row.counts.tolist() == [[1, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0]]
    assert row.at_least(2).tolist() == [1, 1]


def test_all_faults_of_the_plan_are_reported_together() -> None:
    options = ToxicityOptions(scale="RTOG", acute={"skn": "Skin"}, late={"note": "Lung"})
    with pytest.raises(PlanError) as caught:
        tabulate_toxicity(TABLE, options, [0, 0, 1, 1], ARMS)
    assert [str(problem) for problem in caught.value.problems] == [
        "toxicity.scale: there is no scale `RTOG`; it is one of RTOG/EORTC, CTCAE 5.0",
        "toxicity.acute: there is no column `skn`; did you mean `skin`?",
        "toxicity.late: column `note` must hold grades; it is of kind text",
    ]


def test_what_is_no_grade_is_told_by_cell() -> None:
    options = ToxicityOptions(scale="RTOG/EORTC", acute={"wrong": "Skin", "words": "Lung"})
    with pytest.raises(DataError) as caught:
        tabulate_toxicity(TABLE, options, [0, 0, 1, 1], ARMS)
    assert [str(problem) for problem in caught.value.problems] == [
        f"row {row}, column `wrong`: `{value}` (patient p{row - 1}) must be a grade from 0 to 5"
        for row, value in ((2, 6.0), (3, 1.5), (4, -1.0))
    ] + ["row 3, column `words`: `none` (patient p2) must be a grade from 0 to 5"]


def test_a_grade_that_the_term_does_not_have_is_refused() -> None:
    arm = table_of(swelling=("integer", [0, 3, 4, None]))
    options = ToxicityOptions(scale="CTCAE 5.0", late={"swelling": "Lymphoedema"})
    with pytest.raises(DataError, match="that the scale has for Lymphoedema: 0, 1, 2, 3") as caught:
        tabulate_toxicity(arm, options, [0, 0, 1, 1], ARMS)
    assert len(caught.value.problems) == 1
