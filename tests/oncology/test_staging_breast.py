"""Breast: every rule against a slow definition written from the manual's text, every combination of the facts."""

import itertools
from collections.abc import Callable
from importlib import resources

import polars as pl
import pytest

from counterpoise.read.codebook import Column
from tests.oncology.staging_cases import FLAG, World, agreed, decided, derived, every, rule

SEVENTH, EIGHTH = "AJCC 7th edition", "AJCC 8th edition"
EDITIONS = (SEVENTH, EIGHTH)
STATIONS: tuple[str, ...] = ("axilla_mobile", "axilla_fixed", "infraclavicular", "internal_mammary", "supraclavicular")


def clinical_n(patient: World) -> str:
    """The definitions of cN, each category by itself; the highest that applies is given."""
    level_1_2 = patient["axilla_mobile"] == 1 or patient["axilla_fixed"] == 1
    applies = {
        "N1": patient["axilla_mobile"] == 1,
        "N2a": patient["axilla_fixed"] == 1,
        "N2b": patient["internal_mammary"] == 1 and not level_1_2,
        "N3a": patient["infraclavicular"] == 1,
        "N3b": patient["internal_mammary"] == 1 and level_1_2,
        "N3c": patient["supraclavicular"] == 1,
    }
    return max((category for category, holds in applies.items() if holds), default="N0")


@pytest.mark.parametrize("edition", EDITIONS)
def test_clinical_n_for_every_combination_of_the_stations(edition: str) -> None:
    domains = {station: FLAG for station in STATIONS}
    patients = every(domains)
    assert len(patients) == 3**5
    assert derived("breast_clinical_n", edition, patients) == [
        decided(clinical_n, p, domains, ["N3"]) for p in patients
    ]


@pytest.mark.parametrize("edition", EDITIONS)
def test_internal_mammary_nodes_are_at_least_n2b(edition: str) -> None:
    patients = [dict(zip(STATIONS, flags, strict=True)) for flags in itertools.product(FLAG, repeat=5)]
    with_nodes: list[World] = [{**patient, "internal_mammary": 1} for patient in patients]
    assert set(derived("breast_clinical_n", edition, with_nodes)) == {"N2b", "N3a", "N3b", "N3c"}


def test_what_is_known_decides_where_it_can() -> None:
    unknown: dict[str, object] = {station: None for station in STATIONS}
    patients = [
        unknown | {"supraclavicular": 1},
        unknown | {"supraclavicular": 0, "internal_mammary": 1, "axilla_fixed": 1},
        unknown | {"supraclavicular": 0},
    ]
    assert derived("breast_clinical_n", EIGHTH, patients) == ["N3c", "N3b", None]


SIZES = {
    # what is measured in mm: the category in the 7th edition (nearest millimetre), and in the 8th (1.1 to 1.9 are 2 mm)
    0.0: ("T0", "T0"),
    0.1: ("T1mi", "T1mi"),
    1.0: ("T1mi", "T1mi"),
    1.1: ("T1mi", "T1a"),
    1.5: ("T1a", "T1a"),
    5.0: ("T1a", "T1a"),
    5.1: ("T1a", "T1a"),
    6.0: ("T1b", "T1b"),
    10.0: ("T1b", "T1b"),
    10.1: ("T1b", "T1b"),
    11.0: ("T1c", "T1c"),
    20.0: ("T1c", "T1c"),
    20.1: ("T1c", "T1c"),
    20.5: ("T2", "T2"),
    21.0: ("T2", "T2"),
    50.0: ("T2", "T2"),
    50.4: ("T2", "T2"),
    51.0: ("T3", "T3"),
    300.0: ("T3", "T3"),
}


def clinical_t(edition: str) -> Callable[[World], str]:
    def slow(patient: World) -> str:
        if patient["inflammatory"] == 1:
            return "T4d"
        if patient["chest_wall"] == 1 or patient["skin"] == 1:
            both = patient["chest_wall"] == patient["skin"]
            return "T4c" if both else "T4a" if patient["chest_wall"] == 1 else "T4b"
        by_size = SIZES[float(str(patient["size"]))][EDITIONS.index(edition)]
        return "Tis" if by_size == "T0" and patient["in_situ"] == 1 else by_size

    return slow


@pytest.mark.parametrize("edition", EDITIONS)
def test_clinical_t_for_every_size_and_extension(edition: str) -> None:
    domains = {"size": tuple(SIZES), "in_situ": FLAG, "chest_wall": FLAG, "skin": FLAG, "inflammatory": FLAG}
    patients = every(domains)
    expected = [decided(clinical_t(edition), patient, domains, ["T4"]) for patient in patients]
    assert derived("breast_clinical_t", edition, patients) == expected
    after = [
        None if category is None else f"yp{category}"
        for patient, category in zip(patients, expected, strict=True)
        if patient["inflammatory"] == 0
    ]
    without = [{k: v for k, v in p.items() if k != "inflammatory"} for p in patients if p["inflammatory"] == 0]
    assert derived("breast_yp_t", edition, without) == after


def test_extension_that_is_not_a_column_is_taken_as_absent_and_said_so() -> None:
    assert derived("breast_clinical_t", EIGHTH, [{"size": 30.0}, {"size": None}]) == ["T2", None]
    sentence = rule("breast_clinical_t", EIGHTH).sentence({"size": "size"}, {"size": Column(kind="number")})
    assert sentence.endswith(
        "Not recorded, and assumed: no carcinoma in situ without invasion, no extension to the chest "
        "wall, no ulceration, satellite nodules or oedema of the skin, no inflammatory carcinoma."
    )


def test_clinical_m() -> None:
    assert derived("breast_clinical_m", SEVENTH, [{"distant": flag} for flag in (0, 1, None)]) == ["M0", "M1", None]


NODES = {
    "positive_nodes": (0, 1, 3, 4, 9, 10),
    "largest_deposit": (0.0, 0.1, 0.2, 0.3, 2.0, 2.1),
    "isolated_cells": FLAG,
    "internal_mammary_clinical": FLAG,
    "internal_mammary_sentinel": FLAG,
    "infraclavicular": FLAG,
    "supraclavicular": FLAG,
}


def contradictory(number: int, deposit: float) -> bool:
    """Say whether a number of nodes with metastasis and the largest deposit cannot both be."""
    return (number == 0 and deposit > 0.2) or (number > 0 and deposit == 0)


def yp_n(edition: str) -> Callable[[World], str | None]:
    def slow(patient: World) -> str | None:
        number, deposit = int(str(patient["positive_nodes"])), float(str(patient["largest_deposit"]))
        stations = ("internal_mammary_clinical", "internal_mammary_sentinel", "infraclavicular", "supraclavicular")
        clinical, sentinel, level_3, above = (patient[name] == 1 for name in stations)
        if above:
            return "ypN3c"
        if contradictory(number, deposit):
            outcomes = {
                slow({**patient, "positive_nodes": possible, "largest_deposit": size})
                for possible, size in itertools.product(NODES["positive_nodes"], NODES["largest_deposit"])
                if not contradictory(int(str(possible)), float(str(size)))
            }
            return agreed(outcomes, ["ypN3"])
        if deposit <= 0.2:
            number = 0
        n1a, n2a, n3a = (deposit > 2 and number in nodes for nodes in (range(1, 4), range(4, 10), range(10, 11)))
        if edition == EIGHTH:
            n3b = (clinical and number > 0 and not n3a) or (n2a and sentinel)
        else:
            n3b = (clinical and number > 0) or (number > 3 and sentinel)
        if n3b:
            return "ypN3b"
        if n3a or level_3:
            return "ypN3a"
        if clinical:
            return "ypN2b"
        if n2a:
            return "ypN2a"
        if sentinel:
            with_axilla = n1a if edition == EIGHTH else number > 0
            return "ypN1c" if with_axilla else "ypN1b"
        if number > 0:
            return "ypN1a" if n1a else "ypN1mi"
        return "ypN0(i+)" if deposit > 0 or patient["isolated_cells"] == 1 else "ypN0"

    return slow


@pytest.mark.parametrize("edition", EDITIONS)
def test_yp_n_for_every_combination_without_missing(edition: str) -> None:
    patients = [dict(zip(NODES, values, strict=True)) for values in itertools.product(*NODES.values())]
    assert derived("breast_yp_n", edition, patients) == [yp_n(edition)(patient) for patient in patients]


@pytest.mark.parametrize("edition", EDITIONS)
def test_yp_n_with_missing_facts_is_never_more_than_they_allow(edition: str) -> None:
    """Count and deposit hang together, so that the three-valued answer may be missing where the worlds agree."""
    domains = {name: (0, 3, 10) if name == "positive_nodes" else values for name, values in NODES.items()}
    domains |= {"largest_deposit": (0.0, 0.2, 2.0, 2.1), "isolated_cells": (0,)}
    patients = [p for p in every(domains) if None in p.values() and p["largest_deposit"] is not None]
    found = derived("breast_yp_n", edition, patients)
    for patient, category in zip(patients, found, strict=True):
        worlds = decided(yp_n(edition), patient, domains, ["ypN3"])
        assert category in (None, worlds)


def test_positive_nodes_without_a_deposit() -> None:
    facts = {"internal_mammary_clinical": 0, "largest_deposit": None}
    patients: list[World] = [{"positive_nodes": number, **facts} for number in (0, 2, 12)]
    assert derived("breast_yp_n", EIGHTH, patients) == ["ypN0", None, None]
    taken = derived("breast_yp_n", EIGHTH, patients, unknown_deposit="macrometastasis")
    assert taken == ["ypN0", "ypN1a", "ypN3a"]
    assert derived("breast_yp_n", EIGHTH, [{**facts, "positive_nodes": None, "supraclavicular": 1}]) == ["ypN3c"]


TNM = {"t": ("T0", "Tis", "T1", "T2", "T3", "T4"), "n": ("N0", "N0(i+)", "N1mi", "N1", "N2", "N3"), "m": ("M0", "M1")}


def anatomic_stage(patient: World) -> str | None:
    """The table of anatomic stages, read column by column instead of row by row."""
    t, n, m = patient["t"], patient["n"], patient["m"]
    if m == "M1":
        return "IV"
    if n == "N3":
        return "IIIC"
    by_nodes: dict[str, dict[str, str]] = {
        "T0": {"N1mi": "IB", "N1": "IIA", "N2": "IIIA"},
        "Tis": {"N0": "0"},
        "T1": {"N0": "IA", "N1mi": "IB", "N1": "IIA", "N2": "IIIA"},
        "T2": {"N0": "IIA", "N1mi": "IIB", "N1": "IIB", "N2": "IIIA"},
        "T3": {"N0": "IIB", "N1mi": "IIIA", "N1": "IIIA", "N2": "IIIA"},
        "T4": {"N0": "IIIB", "N1mi": "IIIB", "N1": "IIIB", "N2": "IIIB"},
    }
    return by_nodes[str(t)].get(str(n).removesuffix("(i+)"))


def yp_stage(patient: World) -> str | None:
    """The same but without stage 0; a complete response has no group, isolated tumour cells being none."""
    complete = patient["t"] in ("T0", "Tis") and patient["n"] == "N0" and patient["m"] == "M0"
    group = anatomic_stage(patient)
    return "none" if complete else None if group == "0" else group


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("name", "slow"), [("breast_anatomic_stage", anatomic_stage), ("breast_yp_stage", yp_stage)])
def test_stage_for_every_t_n_m(name: str, slow: Callable[[World], str | None], edition: str) -> None:
    patients = every(TNM)
    assert len(patients) == 7 * 7 * 3
    assert derived(name, edition, patients) == [decided(slow, patient, TNM) for patient in patients]


@pytest.mark.parametrize(
    ("t", "n", "m", "stage"),
    [
        ("cT4d", "cN1", "cM0", "IIIB"),
        (" T2 ", "N3b", "M0", "IIIC"),
        ("ypT1c(m)", "ypN1mi(sn)", "cM0", "IB"),
        ("ypT1mi", "ypN0 (i+)", "M0(i+)", "IA"),
        ("pT2", "pN1 (mi)", "M0", "IIB"),
        ("Tis (DCIS)", "N0", "M0", "0"),
        ("TX", "N3c", "M0", "IIIC"),
        ("TX", "NX", "M1", "IV"),
        ("T4b", "N2", "MX", None),
        ("T4", "N0", None, None),
    ],
)
def test_recorded_spellings_are_read(t: str, n: str, m: str | None, stage: str | None) -> None:
    assert derived("breast_anatomic_stage", EIGHTH, [{"t": t, "n": n, "m": m}]) == [stage]


@pytest.mark.parametrize("written", ["2", "T5", "T2-3", "N1", "T1d", "?", "rT2", "T2 or T3"])
def test_unknown_spellings_are_refused(written: str) -> None:
    staging = rule("breast_anatomic_stage", EIGHTH)
    columns = {name: Column(kind="text") for name in ("t", "n", "m")}
    frame = pl.DataFrame({"t": [written], "n": ["N0"], "m": ["M0"]})
    wrong = [
        refusal.column
        for refusal in staging.refusals({"t": "t", "n": "n", "m": "m"}, columns)
        if frame.select(refusal.condition).item()
    ]
    assert wrong == ["t"]


def test_the_bundled_table() -> None:
    """Every patient of the bundled study: clinical stage, and stage after neoadjuvant treatment."""
    path = resources.files("counterpoise") / "examples" / "imn" / "imn_screened.csv"
    table = pl.read_csv(path.read_bytes(), infer_schema=False)
    before = table.select(t="cT", n=pl.col("cN").str.head(2), m="cM").to_dicts()
    recorded = table.select(t="cT", n="cN", m="cM").to_dicts()
    assert derived("breast_anatomic_stage", SEVENTH, recorded) == [anatomic_stage(patient) for patient in before]
    after = table.select(t="ypT", n="ypN", m="cM").to_dicts()
    plain = [{k: str(v).removeprefix("yp") if v else None for k, v in patient.items()} for patient in after]
    assert derived("breast_yp_stage", EIGHTH, after) == [decided(yp_stage, patient, TNM) for patient in plain]
