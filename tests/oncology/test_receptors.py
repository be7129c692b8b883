"""Receptors: each rule over every class of its arguments, known or missing, against the guideline's words."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column, Kind
from tests.oncology.rules import Patient, every, outcomes

SCORES = ("0", "0+", "1+", "2+", "3+", None)
RECEPTORS: Mapping[str, Kind] = {"er": "number", "er_allred": "integer", "pr": "number", "pr_allred": "integer"}


# Allred score ------------------------------------------------------------------------------------------------------

BANDS = {0: (0.0,), 1: (0.1, 0.9), 2: (1.0, 5.0, 10.0), 3: (10.5, 11.0, 33.0), 4: (34.0, 66.0), 5: (67.0, 100.0)}


def test_the_allred_score_is_proportion_plus_intensity() -> None:
    patients = [
        {"percent": percent, "intensity": str(intensity), "expected": proportion + intensity}
        for proportion, band in BANDS.items()
        for percent in band
        for intensity in (1, 2, 3)
        if proportion > 0
    ]
    found = outcomes("allred_score", {"percent": "number", "intensity": "text"}, patients)
    assert found == [patient["expected"] for patient in patients]
    assert set(found) == {2, 3, 4, 5, 6, 7, 8}


def test_no_staining_on_one_scale_is_zero_and_a_contradiction_is_missing() -> None:
    patients = [
        {"percent": 0.0, "intensity": "none"},
        {"percent": 0.0, "intensity": None},
        {"percent": None, "intensity": "0"},
        {"percent": 40.0, "intensity": None},
        {"percent": None, "intensity": "strong"},
        {"percent": 40.0, "intensity": "0"},
        {"percent": 0.0, "intensity": "weak"},
    ]
    found = outcomes("allred_score", {"percent": "number", "intensity": "text"}, patients)
    assert found == [0, 0, 0, None, None, None, None]


# Oestrogen and progesterone receptor ------------------------------------------------------------------------------


def test_low_positive_is_one_to_ten_percent() -> None:
    patients: list[Patient] = [{"er": value} for value in (0.0, 0.9, 1.0, 9.0, 10.0, 10.1, 11.0, 100.0, None)]
    found = outcomes("er_status", {"er": "number"}, patients)
    assert found == [*["negative"] * 2, *["low positive"] * 3, *["positive"] * 3, None]


def states(percent: object, allred: object) -> set[bool]:
    """Whether a receptor may be positive: 1 % decides, else an Allred score of 3, else nothing is known."""
    if percent is not None:
        return {float(str(percent)) >= 1}
    return {True, False} if allred is None else {int(str(allred)) >= 3}


def test_hormone_receptors_from_percentages_allred_scores_or_both() -> None:
    percentages, scores = (0.0, 0.9, 1.0, 100.0, None), (0, 2, 3, 8, None)
    patients = every({"er": percentages, "er_allred": scores, "pr": percentages, "pr_allred": scores})
    expected: list[object] = []
    for p in patients:
        possible = {er or pr for er in states(p["er"], p["er_allred"]) for pr in states(p["pr"], p["pr_allred"])}
        expected.append({True: "positive", False: "negative"}[possible.pop()] if len(possible) == 1 else None)
    assert outcomes("hormone_receptor_status", RECEPTORS, patients) == expected


def test_either_scale_alone_is_enough() -> None:
    patients: list[Patient] = [{"er_allred": 2, "pr_allred": 0}, {"er_allred": 2, "pr_allred": 7}]
    columns: dict[str, Kind] = {"er_allred": "integer", "pr_allred": "integer"}
    assert outcomes("hormone_receptor_status", columns, patients) == ["negative", "positive"]
    known = {"a": Column(kind="integer")}
    (fault,) = DERIVATIONS["hormone_receptor_status"].faults({"pr_allred": "a"}, known)
    assert fault == "rule `hormone_receptor_status` needs `er` or `er_allred` (oestrogen receptor, %)"


def test_an_allred_score_of_one_cannot_be() -> None:
    known = {"er": Column(kind="number"), "pr": Column(kind="number"), "a": Column(kind="integer")}
    rule = DERIVATIONS["hormone_receptor_status"]
    (refusal,) = (r for r in rule.refusals({"er": "er", "pr": "pr", "er_allred": "a"}, known) if r.column == "a")
    frame = pl.DataFrame({"a": [0, 1, 2, 8, 9, None]})
    assert frame.select(x=refusal.condition)["x"].to_list() == [False, True, False, False, True, False]
    assert "0 or 2 to 8" in refusal.must


def test_the_sentence_speaks_of_allred_only_where_it_is_used() -> None:
    known = {"er": Column(kind="number", label="ER"), "pr": Column(kind="number", label="PR")}
    known["a"] = Column(kind="integer", label="ER (Allred)")
    rule = DERIVATIONS["hormone_receptor_status"]
    plain = "Hormone receptors were positive where ER or PR was 1 % or more."
    assert rule.sentence({"er": "er", "pr": "pr"}, known) == plain
    with_score = rule.sentence({"er": "er", "pr": "pr", "er_allred": "a"}, known)
    assert with_score == plain + (
        " Where the percentage of oestrogen receptor was not known, an Allred score of 3 or more was positive."
    )
    alone = rule.sentence({"er_allred": "a", "pr": "pr"}, known)
    assert alone.startswith("Hormone receptors were positive where oestrogen receptor or PR was 1 % or more.")


# HER2 --------------------------------------------------------------------------------------------------------------


def group(patient: Patient) -> int:
    """The five groups, word by word."""
    ratio, copies = float(str(patient["ish_ratio"])), float(str(patient["ish_copies"]))
    if ratio >= 2.0 and copies >= 4.0:
        return 1
    if ratio >= 2.0 and copies < 4.0:
        return 2
    if ratio < 2.0 and copies >= 6.0:
        return 3
    if ratio < 2.0 and 4.0 <= copies < 6.0:
        return 4
    return 5


VERDICTS: dict[tuple[int, str | None], str | None] = {
    **{(1, score): "positive" for score in SCORES},
    **{(2, score): "negative" for score in ("0", "0+", "1+", "2+")},
    **{(3, score): "negative" for score in ("0", "0+", "1+")},
    (3, "2+"): "positive",
    **{(4, score): "negative" for score in ("0", "0+", "1+", "2+")},
    **{(5, score): "negative" for score in ("0", "0+", "1+", "2+")},
    **{(number, "3+"): "positive" for number in (2, 3, 4, 5)},
    **{(number, None): None for number in (2, 3, 4)},
    (5, None): "negative",
}
"""The guideline's result for each group beside each score; groups 2 to 4 cannot be read without the score."""

RATIOS, COPIES = (1.0, 1.99, 2.0, 5.0), (1.0, 3.99, 4.0, 5.99, 6.0, 20.0)
COUNTS: Mapping[str, Kind] = {"ish_ratio": "number", "ish_copies": "number"}


def test_the_five_groups_of_hybridisation() -> None:
    patients = every({"ish_ratio": RATIOS, "ish_copies": COPIES})
    expected = [str(group(p)) for p in patients]
    assert outcomes("ish_group", COUNTS, patients) == expected
    assert set(expected) == {"1", "2", "3", "4", "5"}
    partly = [{"ish_ratio": None, "ish_copies": 7.0}, {"ish_ratio": 1.0, "ish_copies": None}]
    assert outcomes("ish_group", COUNTS, partly) == [None, None]


@pytest.mark.parametrize("recorded", ["negative", "positive", None])
def test_counts_are_read_beside_the_score_and_before_a_recorded_result(recorded: str | None) -> None:
    patients = every({"ihc": SCORES, "ish": (recorded,), "ish_ratio": RATIOS, "ish_copies": COPIES})
    expected: list[str | None] = []
    for p in patients:
        number = group(p)
        score = None if p["ihc"] is None else str(p["ihc"])
        expected.append(VERDICTS[number, score] or recorded)
    columns: dict[str, Kind] = {"ihc": "text", "ish": "text", **COUNTS}
    assert outcomes("her2_status", columns, patients) == expected


def reported(score: object, hybridised: object) -> str | None:
    """Positive by either test; 2+ needs hybridisation; without a score hybridisation decides alone."""
    if score == "3+" or hybridised == "positive":
        return "positive"
    if score in ("0", "0+", "1+"):
        return "negative"
    return "negative" if hybridised == "negative" else None


def test_her2_from_every_score_and_every_result() -> None:
    patients = every({"ihc": SCORES, "ish": ("negative", "positive", "equivocal", "not done", None)})
    expected = [reported(p["ihc"], p["ish"]) for p in patients]
    assert outcomes("her2_status", {"ihc": "text", "ish": "text"}, patients) == expected
    without = [{"ihc": score} for score in SCORES]
    assert outcomes("her2_status", {"ihc": "text"}, without) == [reported(p["ihc"], None) for p in without]


def test_half_a_count_decides_only_what_the_other_half_cannot_change() -> None:
    patients = [
        {"ihc": "2+", "ish_ratio": None, "ish_copies": 6.0, "expected": "positive"},
        {"ihc": "2+", "ish_ratio": None, "ish_copies": 3.0, "expected": "negative"},
        {"ihc": "2+", "ish_ratio": None, "ish_copies": 5.0, "expected": None},
        {"ihc": "2+", "ish_ratio": 2.0, "ish_copies": None, "expected": None},
        {"ihc": "2+", "ish_ratio": 1.0, "ish_copies": None, "expected": None},
        {"ihc": None, "ish_ratio": None, "ish_copies": 3.0, "expected": None},
        {"ihc": "1+", "ish_ratio": 1.0, "ish_copies": None, "expected": "negative"},
    ]
    found = outcomes("her2_status", {"ihc": "text", **COUNTS}, patients)
    assert found == [p["expected"] for p in patients]


def test_ratio_and_copies_belong_together() -> None:
    known = {"ihc": Column(kind="integer"), "r": Column(kind="number")}
    (fault,) = DERIVATIONS["her2_status"].faults({"ihc": "ihc", "ish_ratio": "r"}, known)
    assert fault == "`ish_ratio` needs `ish_copies` beside it"


def expression(score: object, hybridised: object, classes: str) -> str | None:
    if reported(score, hybridised) == "positive":
        return "positive"
    if score == "2+":
        return "low" if hybridised == "negative" else None
    if score == "0+":
        return "ultralow" if classes == "four" else "zero"
    return {"0": "zero", "1+": "low"}.get(str(score))


@pytest.mark.parametrize(
    ("classes", "levels"), [("three", ["zero", "low", "positive"]), ("four", ["zero", "ultralow", "low", "positive"])]
)
def test_classes_of_her2_expression(classes: str, levels: Sequence[str]) -> None:
    patients = every({"ihc": SCORES, "ish": ("negative", "positive", None)})
    found = outcomes("her2_expression", {"ihc": "text", "ish": "text"}, patients, classes=classes)
    assert found == [expression(p["ihc"], p["ish"], classes) for p in patients]
    known = {"ihc": Column(kind="text")}
    column = DERIVATIONS["her2_expression"].describe({"ihc": "ihc", "classes": classes}, known)
    assert list(column.levels) == levels
    assert set(levels) == set(found) - {None}


@pytest.mark.parametrize(
    ("column", "code", "expected"),
    [
        (Column(kind="text"), "3+", "positive"),
        (Column(kind="text"), " 1+ ", "negative"),
        (Column(kind="category", levels={"1": "0", "2": "1+", "3": "2+", "4": "3+"}), "4", "positive"),
        (Column(kind="category", levels={"1": "0", "2": "1+", "3": "2+", "4": "3+"}), "2", "negative"),
        (Column(kind="category", levels={"0": "None", "3": "Strong"}), "3", "positive"),
    ],
)
def test_the_label_of_a_code_decides_what_it_means(column: Column, code: str, expected: str) -> None:
    known = {"ihc": column}
    frame = pl.DataFrame({"ihc": [code]})
    compiled = DERIVATIONS["her2_status"].compile({"ihc": "ihc"}, known)
    assert frame.select(compiled.alias("new"))["new"].to_list() == [expected]


# Ki-67 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cutoff", [14, 15, 20, 30])
def test_ki67_is_high_from_the_cutoff_on(cutoff: int) -> None:
    patients: list[Patient] = [{"ki67": value} for value in (0.0, cutoff - 0.1, cutoff, 100.0, None)]
    found = outcomes("ki67_class", {"ki67": "number"}, patients, ki67_cutoff=cutoff)
    assert found == ["low", "low", "high", "high", None]


def test_a_second_cutoff_leaves_a_grey_zone() -> None:
    patients: list[Patient] = [{"ki67": value} for value in (14.9, 15.0, 29.9, 30.0)]
    found = outcomes("ki67_class", {"ki67": "number"}, patients, ki67_cutoff=30, low_below=15)
    assert found == ["low", "intermediate", "intermediate", "high"]
    known = {"k": Column(kind="number")}
    rule = DERIVATIONS["ki67_class"]
    assert list(rule.describe({"ki67": "k"}, known).levels) == ["low", "high"]
    assert list(rule.describe({"ki67": "k", "low_below": 10}, known).levels) == ["low", "intermediate", "high"]
    (fault,) = rule.faults({"ki67": "k", "low_below": 25}, known)
    assert fault == "`low_below` must be no greater than `ki67_cutoff` (20.0); it is 25"
