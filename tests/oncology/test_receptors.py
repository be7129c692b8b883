import itertools
from collections.abc import Callable, Mapping, Sequence

import polars as pl
import pytest

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column

Patient = Mapping[str, object]
COLUMNS = {
    "er": Column(kind="number", label="Oestrogen receptor"),
    "pr": Column(kind="number", label="Progesterone receptor"),
    "ihc": Column(kind="integer"),
    "ish": Column(kind="category", levels={"negative": "Negative", "positive": "Positive"}),
    "ki67": Column(kind="number", label="Ki-67"),
}
DOMAINS: Mapping[str, Sequence[object]] = {
    "er": (0.0, 0.9, 1.0, 90.0),
    "pr": (0.0, 0.9, 1.0, 19.9, 20.0),
    "ihc": (0, 1, 2, 3),
    "ish": ("negative", "positive"),
    "ki67": (0.0, 19.9, 20.0, 100.0),
}


def values(rule: str, patients: Sequence[Patient], **more: object) -> list[object]:
    names = [name for name in DERIVATIONS[rule].arguments if name in DOMAINS]
    types = {"ihc": pl.Int64, "ish": pl.String}
    frame = pl.DataFrame(
        {name: pl.Series([patient[name] for patient in patients], dtype=types.get(name, pl.Float64)) for name in names}
    )
    arguments = {**{name: name for name in names}, **more}
    assert DERIVATIONS[rule].faults(arguments, COLUMNS) == []
    compiled = DERIVATIONS[rule].compile(arguments, COLUMNS)  # pyright: ignore[reportArgumentType]
    return frame.select(compiled.alias("new"))["new"].to_list()


def hormone(p: Patient) -> str:
    return "positive" if p["er"] >= 1 or p["pr"] >= 1 else "negative"  # pyright: ignore[reportOperatorIssue]


def her2(p: Patient) -> str:
    return "positive" if p["ihc"] == 3 or (p["ihc"] == 2 and p["ish"] == "positive") else "negative"


def subtype(p: Patient) -> str:
    names = {
        ("positive", "negative"): "HR+/HER2-",
        ("positive", "positive"): "HR+/HER2+",
        ("negative", "positive"): "HR-/HER2+",
        ("negative", "negative"): "Triple-negative",
    }
    return names[hormone(p), her2(p)]


def st_gallen(p: Patient) -> str | None:
    er, pr, ki67 = (float(str(p[name])) for name in ("er", "pr", "ki67"))
    if er >= 1 and her2(p) == "positive":
        return "Luminal B-like/HER2+"
    if er >= 1:
        return "Luminal A-like" if ki67 < 20 and pr >= 20 else "Luminal B-like/HER2-"
    if pr >= 1:
        return None
    return "HER2-positive" if her2(p) == "positive" else "Triple-negative"


def decided(rule: Callable[[Patient], str | None], patient: Patient) -> str | None:
    """Return the outcome if it is the same whatever the missing values are."""
    options = [DOMAINS[name] if value is None else (value,) for name, value in patient.items()]
    outcomes = {rule(dict(zip(patient, world, strict=True))) for world in itertools.product(*options)}
    return outcomes.pop() if len(outcomes) == 1 else None


@pytest.mark.parametrize(
    ("name", "rule", "inputs"),
    [
        ("hormone_receptor_status", hormone, ("er", "pr")),
        ("her2_status", her2, ("ihc", "ish")),
        ("clinical_subtype", subtype, ("er", "pr", "ihc", "ish")),
        ("st_gallen_2013", st_gallen, ("er", "pr", "ihc", "ish", "ki67")),
    ],
)
def test_what_is_missing_is_decided_only_where_every_value_it_could_have_agrees(
    name: str, rule: Callable[[Patient], str | None], inputs: Sequence[str]
) -> None:
    every = itertools.product(*((*DOMAINS[key], None) for key in inputs))
    patients = [dict(zip(inputs, values, strict=True)) for values in every]
    expected = [decided(rule, patient) for patient in patients]
    assert values(name, patients) == expected
    levels = DERIVATIONS[name].output.levels
    assert {outcome for outcome in expected if outcome is not None} == set(levels)


def test_equivocal_her2_without_hybridisation_is_missing_not_negative() -> None:
    patients = [{"ihc": 2, "ish": None}, {"ihc": 2, "ish": "positive"}, {"ihc": 2, "ish": "negative"}]
    assert values("her2_status", patients) == [None, "positive", "negative"]


def test_without_a_hybridisation_column_equivocal_is_missing() -> None:
    frame = pl.DataFrame({"ihc": [0, 1, 2, 3, None]})
    compiled = DERIVATIONS["her2_status"].compile({"ihc": "ihc"}, COLUMNS)
    assert frame.select(compiled.alias("new"))["new"].to_list() == ["negative", "negative", None, "positive", None]


def test_the_cutoffs_of_st_gallen_are_arguments() -> None:
    patient = {"er": 90.0, "pr": 15.0, "ihc": 0, "ish": None, "ki67": 25.0}
    assert values("st_gallen_2013", [patient]) == ["Luminal B-like/HER2-"]
    assert values("st_gallen_2013", [patient], ki67_cutoff=30, pr_cutoff=10) == ["Luminal A-like"]
    sentence = DERIVATIONS["st_gallen_2013"].sentence({name: name for name in COLUMNS} | {"ki67_cutoff": 30}, COLUMNS)
    assert "Ki-67 of 30 % or more, or progesterone receptor below 20 %" in sentence


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
