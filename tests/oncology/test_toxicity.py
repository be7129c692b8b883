import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from counterpoise.errors import InputError
from counterpoise.oncology.toxicity import SCALES, Phase, ctcae_threshold, toxicity_row, worst_grade

grades = hnp.arrays(
    float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.sampled_from([np.nan, 0, 1, 2, 3, 4, 5])
)


@given(grades, st.data())
def test_counts_are_those_of_a_loop(matrix: np.ndarray, data: st.DataObject) -> None:
    arm = data.draw(st.lists(st.integers(0, 2), min_size=len(matrix), max_size=len(matrix)))
    row = toxicity_row("Skin", "late", matrix, arm, ["a", "b", "c"])
    counts = [[0] * 6 for _ in range(3)]
    for patient, index in zip(matrix.tolist(), arm, strict=True):
        known = [grade for grade in patient if not np.isnan(grade)]
        if known:
            counts[index][int(max(known))] += 1
    assert row.counts.tolist() == counts
    assert row.assessed.tolist() == [sum(arm_counts) for arm_counts in counts]
    for grade in range(6):
        assert row.at_least(grade).tolist() == [sum(arm_counts[grade:]) for arm_counts in counts]


def test_the_denominator_is_who_was_assessed() -> None:
    row = toxicity_row("Heart", "acute", [[0], [3], [np.nan], [1]], [0, 0, 0, 1], ["No boost", "Boost"])
    assert row.assessed.tolist() == [2, 1]
    assert row.at_least(1).tolist() == [1, 1]
    assert (row.organ, row.phase, row.arms) == ("Heart", "acute", ("No boost", "Boost"))


def test_one_patient_and_none_assessed() -> None:
    assert toxicity_row("Skin", "acute", [[np.nan]], [0], ["a"]).assessed.tolist() == [0]
    assert worst_grade(np.zeros((0, 2))).size == 0
    np.testing.assert_array_equal(worst_grade(np.zeros((2, 0))), [np.nan, np.nan])


@pytest.mark.parametrize(
    ("matrix", "arm", "message"),
    [
        ([[6]], [0], "`grades` must be whole, 0 to 5, or missing; 1 of 1 is not"),
        ([[1.5]], [0], "`grades` must be whole"),
        ([[-1]], [0], "`grades` must be whole"),
        ([1, 2], [0, 0], "`grades` must be two-dimensional"),
        ([[1]], [2], "`arm` must be an index of the 2 arms"),
        ([[1]], [np.nan], "`arm` must be an index of the 2 arms"),
        ([[1]], [0, 1], "`arm` must have 1 elements"),
    ],
)
def test_what_is_no_grade_or_no_arm_is_an_error(matrix: list[object], arm: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        toxicity_row("Skin", "acute", matrix, arm, ["a", "b"])  # pyright: ignore[reportArgumentType]


def test_scales_say_when_effects_are_late() -> None:
    assert SCALES["RTOG/EORTC"].late_after_days == 90
    assert all(scale.source and scale.highest == 5 for scale in SCALES.values())


@pytest.mark.parametrize(
    ("organ", "phase"),
    [
        ("Skin", "acute"),
        ("Oesophagus", "acute"),
        ("Lung", "acute"),
        ("Heart", "acute"),
        ("Skin", "late"),
        ("Subcutis", "late"),
        ("Lung", "late"),
        ("Heart", "late"),
        ("esophagus", "late"),
    ],
)
def test_every_organ_of_rtog_has_all_grades(organ: str, phase: Phase) -> None:
    item = SCALES["RTOG/EORTC"].item(organ, phase)
    assert item is not None
    assert item.possible == (0, 1, 2, 3, 4, 5)


def test_rtog_has_no_lymphoedema_and_no_acute_subcutis() -> None:
    assert SCALES["RTOG/EORTC"].item("Lymphoedema", "late") is None
    assert SCALES["RTOG/EORTC"].item("Subcutis", "acute") is None


@pytest.mark.parametrize(
    ("term", "possible"),
    [
        ("Lymphedema", (0, 1, 2, 3)),
        ("Left ventricular systolic dysfunction", (0, 3, 4, 5)),
        ("Skin hyperpigmentation", (0, 1, 2)),
        ("Pneumonitis", (0, 1, 2, 3, 4, 5)),
    ],
)
def test_terms_of_ctcae_lack_some_grades(term: str, possible: tuple[int, ...]) -> None:
    item = SCALES["CTCAE 5.0"].item(term, "late")
    assert item is not None
    assert item.possible == possible


def test_acute_pneumonitis_is_grade_three_by_the_words_and_by_the_number() -> None:
    scale = SCALES["RTOG/EORTC"]
    lung, heart = scale.item("Lung", "acute"), scale.item("Heart", "acute")
    assert lung is not None
    assert "pneumonitis" in lung.grades["3"]
    assert heart is not None
    assert "responds to therapy" in heart.grades["3"]
    assert scale.fixed_acute == {"pneumonitis": 3, "cardiac dysfunction": 3}


@pytest.mark.parametrize(("grade", "own"), [(2, 2), (5, 5)])
def test_thresholds_of_dermatitis_that_both_scales_share(grade: int, own: int) -> None:
    assert ctcae_threshold("Skin", "acute", grade) == own


@pytest.mark.parametrize("grade", [1, 3, 4])
def test_thresholds_of_dermatitis_that_one_scale_leaves_open(grade: int) -> None:
    with pytest.raises(InputError, match="must be given anew"):
        ctcae_threshold("Skin", "acute", grade)


@pytest.mark.parametrize(
    ("organ", "phase"), [("Lung", "acute"), ("Heart", "acute"), ("Oesophagus", "acute"), ("Skin", "late")]
)
def test_other_organs_do_not_compare(organ: str, phase: Phase) -> None:
    with pytest.raises(InputError, match="they do not compare"):
        ctcae_threshold(organ, phase, 2)
