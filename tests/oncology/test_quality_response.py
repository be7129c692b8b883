"""Checks between receptors, subtype and response: every combination, known or missing, asked about or not."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest

from counterpoise.oncology.quality import check_records
from counterpoise.oncology.records import records
from tests.oncology.rules import Patient, every
from tests.oncology.test_records import table

BREAST = ("ypT0", "ypTis", "ypT1mi", "ypT1", "ypT2", "ypT3", "ypT4d", None)
NODES = ("ypN0", "ypN0(i+)", "ypN1mi", "ypN1", "ypN3", None)
INVASIVE = ("ypT1mi", "ypT1", "ypT2", "ypT3", "ypT4d")


def asked(patients: Sequence[Patient], *checks: str) -> list[set[str]]:
    """Return which of the checks ask about each patient; each column is named as its role."""
    columns: dict[str, list[object]] = {name: [p[name] for p in patients] for name in patients[0]}
    made = records(table(**columns), {name: name for name in columns})
    quality = check_records(made)
    assert set(checks) <= set(quality.run)
    found: dict[str, set[str]] = {}
    for query in quality.queries:
        found.setdefault(query.patient, set()).add(query.check)
    identifiers = made.table.frame[made.table.id_column].to_list()
    return [found.get(str(identifier), set()) & set(checks) for identifier in identifiers]


def no_tumour(p: Patient) -> bool:
    return p["pathological_t"] in ("ypT0", "ypTis") and p["pathological_n"] == "ypN0"


def some_tumour(p: Patient) -> bool:
    return p["pathological_t"] in INVASIVE or p["pathological_n"] not in ("ypN0", None)


def response_checks(p: Patient) -> set[str]:
    """A complete response needs no invasive tumour; grade 5 is the breast without any, whatever the nodes."""
    found: set[str] = set()
    breast, nodes, grade, pcr = (p[name] for name in ("pathological_t", "pathological_n", "miller_payne", "pcr"))
    if grade is not None and breast is not None and (grade == 5) != (breast in ("ypT0", "ypTis")):
        found.add("Q9")
    if pcr == 1 and some_tumour(p):
        found.add("Q9b")
    if pcr == 0 and breast == "ypT0" and nodes == "ypN0":
        found.add("Q9c")
    if pcr == 1 and grade is not None and grade != 5:
        found.add("Q9d")
    return found


def test_every_response_grade_and_category() -> None:
    domains: Mapping[str, Sequence[object]] = {
        "pathological_t": BREAST,
        "pathological_n": NODES,
        "miller_payne": (1, 2, 3, 4, 5, None),
        "pcr": (0, 1, None),
    }
    patients = every(domains)
    assert asked(patients, "Q9", "Q9b", "Q9c", "Q9d") == [response_checks(p) for p in patients]


def test_grade_five_without_a_complete_response_is_right_only_with_nodes_or_in_situ_disease() -> None:
    patients = every({"pathological_t": BREAST[:-1], "pathological_n": NODES[:-1], "miller_payne": (5,), "pcr": (0,)})
    right = [p for p, found in zip(patients, asked(patients, "Q9", "Q9b", "Q9c", "Q9d"), strict=True) if not found]
    expected = [(t, n) for t, n in itertools.product(("ypT0", "ypTis"), NODES[:-1]) if (t, n) != ("ypT0", "ypN0")]
    assert [(p["pathological_t"], p["pathological_n"]) for p in right] == expected


CLASSES: Mapping[str, Callable[[float], bool]] = {
    "0": lambda index: index == 0,
    "RCB-I": lambda index: 0 < index <= 1.36,
    "ii": lambda index: 1.36 < index <= 3.28,
    "3": lambda index: index > 3.28,
}


def burden_checks(p: Patient) -> set[str]:
    index, grade = p["rcb_index"], p["miller_payne"]
    if index is None:
        return set()
    size = float(str(index))
    found: set[str] = set()
    if (size == 0 and some_tumour(p)) or (size > 0 and no_tumour(p)):
        found.add("Q9e")
    if p["rcb_class"] is not None and not CLASSES[str(p["rcb_class"])](size):
        found.add("Q9f")
    none_in_nodes = p["pathological_n"] == "ypN0"
    if grade is not None and ((size == 0 and grade != 5) or (size > 0 and grade == 5 and none_in_nodes)):
        found.add("Q9g")
    return found


def test_every_burden_class_grade_and_category() -> None:
    domains: Mapping[str, Sequence[object]] = {
        "pathological_t": ("ypT0", "ypTis", "ypT2", None),
        "pathological_n": ("ypN0", "ypN0(i+)", "ypN1", None),
        "miller_payne": (4, 5, None),
        "rcb_index": (0.0, 0.5, 1.36, 1.37, 3.28, 3.29, None),
        "rcb_class": (*CLASSES, None),
    }
    patients = every(domains)
    assert asked(patients, "Q9e", "Q9f", "Q9g") == [burden_checks(p) for p in patients]


def test_every_size_of_residual_tumour_and_category() -> None:
    right: Mapping[str, Callable[[float], bool]] = {
        "ypT0": lambda size: size == 0,
        "ypTis": lambda size: size == 0,
        "ypT1": lambda size: 0 < size <= 20,
        "ypT2": lambda size: 20 < size <= 50,
        "ypT3": lambda size: size > 50,
        "ypT4d": lambda size: size >= 0,  # by skin or chest wall, of any size
    }
    patients = every({"pathological_t": (*right, None), "residual_size": (0.0, 0.5, 20.0, 20.5, 50.0, 51.0, None)})
    expected: list[set[str]] = []
    for p in patients:
        known = p["pathological_t"] is not None and p["residual_size"] is not None
        fits = not known or right[str(p["pathological_t"])](float(str(p["residual_size"])))
        expected.append(set() if fits else {"Q9h"})
    assert asked(patients, "Q9h") == expected


def test_every_percentage_and_allred_score() -> None:
    """They agree where some intensity from 1 to 3 makes the score of the percentage's band."""
    bands = {0.0: 0, 0.5: 1, 1.0: 2, 10.0: 2, 11.0: 3, 33.0: 3, 34.0: 4, 66.0: 4, 67.0: 5, 100.0: 5}
    patients = every({"er": (*bands, None), "er_allred": (0, 2, 3, 4, 5, 6, 7, 8, None)})
    expected: list[set[str]] = []
    for p in patients:
        if p["er"] is None or p["er_allred"] is None:
            expected.append(set())
            continue
        band = bands[float(str(p["er"]))]
        possible = {band + intensity for intensity in (1, 2, 3)} if band else {0}
        expected.append(set() if p["er_allred"] in possible else {"E20c"})
    assert asked(patients, "E20c") == expected
    swapped = [{"pr": p["er"], "pr_allred": p["er_allred"]} for p in patients]
    assert asked(swapped, "E20d") == [{"E20d"} if found else set() for found in expected]


def test_allred_scores_that_cannot_be() -> None:
    patients = every({"er_allred": (-1, 0, 1, 2, 5, 8, 9, None), "pr_allred": (0, 1, 2)})
    expected = [{"E20b"} if p["er_allred"] in (-1, 1, 9) or p["pr_allred"] == 1 else set[str]() for p in patients]
    assert asked(patients, "E20b") == expected


@pytest.mark.parametrize("recorded", ["positive", "negative", None])
def test_every_recorded_hybridisation_and_its_counts(recorded: str | None) -> None:
    patients = every({"her2_ish": (recorded,), "her2_ratio": (1.9, 2.0, None), "her2_copies": (3.9, 4.0, 6.0, None)})
    # A single result belongs to groups 1 and 5; the others depend on immunohistochemistry.
    amplified = [p["her2_ratio"] == 2.0 and p["her2_copies"] in (4.0, 6.0) for p in patients]
    normal = [p["her2_ratio"] == 1.9 and p["her2_copies"] == 3.9 for p in patients]
    wrong = {"positive": normal, "negative": amplified, None: [False] * len(patients)}[recorded]
    columns = [{**p, "her2_ish": p["her2_ish"] or "not done"} for p in patients]
    assert asked(columns, "Q6c") == [{"Q6c"} if found else set() for found in wrong]


RECORDED: Mapping[str, set[tuple[bool, bool]]] = {
    "HR+/HER2-": {(True, False)},
    "Luminal A": {(True, False)},
    "luminal B": {(True, False), (True, True)},
    "HR+/HER2+": {(True, True)},
    "HER2-enriched": {(False, True)},
    "TNBC": {(False, False)},
}
HER2: Mapping[tuple[object, object], bool | None] = {
    ("3", None): True,
    ("3", "negative"): True,
    ("1", None): False,
    ("0", "negative"): False,
    ("1", "positive"): True,
    ("2", "positive"): True,
    ("2", "negative"): False,
    ("2", None): None,
    (None, "positive"): True,
    (None, None): None,
}


def test_every_recorded_subtype_and_the_receptors() -> None:
    patients = [
        {"subtype": subtype, "er": er, "pr": pr, "her2_ihc": ihc, "her2_ish": ish}
        for subtype, er, pr, (ihc, ish) in itertools.product(RECORDED, (0.0, 0.9, 1.0, None), (0.0, 80.0, None), HER2)
    ]
    expected: list[set[str]] = []
    for p in patients:
        er, pr = p["er"], p["pr"]
        positive = er == 1.0 or pr == 80.0
        hormone = True if positive else None if er is None or pr is None else False
        her2 = HER2[p["her2_ihc"], p["her2_ish"]]
        possible = {
            (one, two)
            for one in ((True, False) if hormone is None else (hormone,))
            for two in ((True, False) if her2 is None else (her2,))
        }
        # One that contradicts a recorded subtype on either axis is asked about.
        expected.append(set() if possible & RECORDED[str(p["subtype"])] else {"Q6d"})
    assert asked(patients, "Q6d") == expected


def test_treatment_against_her2_follows_either_test() -> None:
    patients = [
        {"her2_ihc": ihc, "her2_ish": ish, "anti_her2": given} for (ihc, ish), given in itertools.product(HER2, (0, 1))
    ]
    expected: list[set[str]] = []
    for p in patients:
        her2 = HER2[p["her2_ihc"], p["her2_ish"]]
        treated = p["anti_her2"] == 1
        wrong = "" if her2 is None or her2 == treated else "Q6" if her2 else "Q6b"
        expected.append({wrong} if wrong else set())
    assert asked(patients, "Q6", "Q6b") == expected
