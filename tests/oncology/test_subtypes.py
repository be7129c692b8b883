"""Subtypes: every class of ER, PR, HER2 and Ki-67, known or missing, against the definitions in words."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column, Kind
from tests.oncology.rules import Patient, decided, every, outcomes

UNKNOWN: Mapping[str, Sequence[object]] = {
    "er": (0.0, 0.9, 1.0, 90.0),
    "pr": (0.0, 0.9, 1.0, 19.9, 20.0),
    "her2": ("negative", "positive"),
    "ki67": (0.0, 13.9, 14.0, 14.9, 15.0, 19.9, 20.0, 29.9, 30.0, 100.0),
}
COLUMNS: Mapping[str, Kind] = {"er": "number", "pr": "number", "ihc": "integer", "ish": "text", "ki67": "number"}


def number(patient: Patient, name: str) -> float:
    return float(str(patient[name]))


def amplified(patient: Patient) -> bool:
    return patient["her2"] == "positive"


def four_groups(p: Patient) -> str:
    hormone = number(p, "er") >= 1 or number(p, "pr") >= 1
    names = {
        (True, False): "HR+/HER2-",
        (True, True): "HR+/HER2+",
        (False, True): "HR-/HER2+",
        (False, False): "Triple-negative",
    }
    return names[hormone, amplified(p)]


def st_gallen_2011(p: Patient) -> str:
    """ER and/or PR positive is luminal; A if HER2 is negative and Ki-67 below 14 %."""
    if number(p, "er") < 1 and number(p, "pr") < 1:
        return "HER2-positive" if amplified(p) else "Triple-negative"
    if amplified(p):
        return "Luminal B/HER2+"
    return "Luminal A" if number(p, "ki67") < 14 else "Luminal B/HER2-"


def st_gallen_2013(p: Patient) -> str | None:
    """A: ER and PR positive, HER2 negative, Ki-67 low, PR 20 % or more; B: ER positive and Ki-67 high or PR low."""
    if number(p, "er") >= 1 and amplified(p):
        return "Luminal B-like/HER2+"
    if number(p, "er") >= 1:
        low_risk = number(p, "ki67") < 20 and number(p, "pr") >= 20
        return "Luminal A-like" if low_risk else "Luminal B-like/HER2-"
    if number(p, "pr") >= 1:
        return None
    return "HER2-positive" if amplified(p) else "Triple-negative"


def csco(p: Patient) -> str | None:
    er, pr, ki67 = number(p, "er"), number(p, "pr"), number(p, "ki67")
    if amplified(p):
        return "HER2+/HR+" if er >= 1 or pr >= 1 else "HER2+/HR-"
    if er < 1:
        return None if pr >= 1 else "Triple-negative"
    if pr < 20 or ki67 >= 30:
        return "Luminal B/HER2-"
    return "Luminal A" if ki67 < 15 else "Luminal, Ki-67 grey"


RULES: Mapping[str, tuple[Callable[[Patient], str | None], Sequence[str]]] = {
    "clinical_subtype": (four_groups, ("er", "pr", "her2")),
    "st_gallen_2011": (st_gallen_2011, ("er", "pr", "her2", "ki67")),
    "st_gallen_2013": (st_gallen_2013, ("er", "pr", "her2", "ki67")),
    "csco": (csco, ("er", "pr", "her2", "ki67")),
}


def recorded(patient: Patient) -> dict[str, object]:
    """Write the HER2 of a patient as a pathologist would: 2+ with its hybridisation, none where it is unknown."""
    return {**patient, "ihc": 2, "ish": patient["her2"]}


@pytest.mark.parametrize("name", RULES)
def test_what_is_missing_is_decided_only_where_every_value_it_could_have_agrees(name: str) -> None:
    rule, inputs = RULES[name]
    patients = every({key: (*UNKNOWN[key], None) for key in inputs})
    expected = [decided(rule, patient, UNKNOWN) for patient in patients]
    columns: dict[str, Kind] = {key: kind for key, kind in COLUMNS.items() if key in inputs or key in ("ihc", "ish")}
    found = outcomes(name, columns, [recorded(p) for p in patients])
    assert found == expected
    assert {outcome for outcome in expected if outcome is not None} == set(DERIVATIONS[name].output.levels)


@pytest.mark.parametrize("name", RULES)
def test_every_way_to_write_her2_gives_the_same_subtype(name: str) -> None:
    _, inputs = RULES[name]
    columns: dict[str, Kind] = {key: kind for key, kind in COLUMNS.items() if key in inputs or key in ("ihc", "ish")}
    ways = {"positive": [(3, None), (2, "positive")], "negative": [(0, None), (1, None), (2, "negative")]}
    for her2, forms in ways.items():
        patients = every({key: UNKNOWN[key] for key in inputs if key != "her2"})
        found = [outcomes(name, columns, [{**p, "ihc": ihc, "ish": ish} for p in patients]) for ihc, ish in forms]
        assert all(form == found[0] for form in found), her2


def test_an_allred_score_settles_low_pr_only_where_it_is_negative() -> None:
    columns: dict[str, Kind] = {"er": "number", "pr_allred": "integer", "ihc": "integer", "ki67": "number"}
    patients = [
        {"er": 90.0, "pr_allred": score, "ihc": 0, "ki67": ki67} for score in (0, 2, 3, 8) for ki67 in (5.0, 40.0)
    ]
    found = outcomes("st_gallen_2013", columns, patients)
    other = "Luminal B-like/HER2-"
    assert found == [other, other, other, other, None, other, None, other]


def test_the_cutoffs_of_st_gallen_are_arguments() -> None:
    patient = {"er": 90.0, "pr": 15.0, "ihc": 0, "ish": None, "ki67": 25.0}
    columns = dict(COLUMNS)
    assert outcomes("st_gallen_2013", columns, [patient]) == ["Luminal B-like/HER2-"]
    found = outcomes("st_gallen_2013", columns, [patient], ki67_cutoff=30, pr_cutoff=10)
    assert found == ["Luminal A-like"]
    known = {
        "er": Column(kind="number", label="Oestrogen receptor"),
        "pr": Column(kind="number"),
        "ihc": Column(kind="integer"),
        "ki67": Column(kind="number", label="Ki-67"),
    }
    sentence = DERIVATIONS["st_gallen_2013"].sentence({name: name for name in known} | {"ki67_cutoff": 30}, known)
    assert "Ki-67 of 30 % or more, or pr below 20 %" in sentence


def test_without_a_grey_zone_csco_has_five_classes() -> None:
    columns = dict(COLUMNS)
    patients = every({**UNKNOWN, "ihc": (0,), "ish": (None,)})
    rule = DERIVATIONS["csco"]
    known = {"er": Column(kind="number"), "ihc": Column(kind="integer")}
    arguments = {"er": "er", "pr": "er", "ihc": "ihc", "ki67": "er"}
    assert len(rule.describe(arguments, known).levels) == 6
    assert len(rule.describe(arguments | {"low_below": 20, "ki67_cutoff": 20}, known).levels) == 5
    found = outcomes("csco", columns, patients, low_below=20, ki67_cutoff=20)
    assert "Luminal, Ki-67 grey" not in found
