"""Lung: every rule against a slow definition written from the manual's text."""

import itertools

import pytest

from tests.oncology.staging_cases import FLAG, World, decided, derived, every

EIGHTH = "AJCC 8th edition"
OF_EARLY = {0: "T0", 1: "T1a", 10: "T1a", 11: "T1b", 20: "T1b", 21: "T1c", 30: "T1c"}
SIZES = OF_EARLY | {31: "T2a", 40: "T2a", 41: "T2b", 50: "T2b", 51: "T3", 70: "T3", 71: "T4"}
OF_T2 = ("main_bronchus", "visceral_pleura", "atelectasis")
OF_T3 = ("chest_wall", "phrenic_nerve", "pericardium", "nodule_same_lobe")
OF_T4 = ("diaphragm", "mediastinum", "nodule_other_lobe")
NO_FEATURE: dict[str, object] = dict.fromkeys((*OF_T2, *OF_T3, *OF_T4, "in_situ", "minimally_invasive"), 0)


def lung_t(patient: World) -> str:
    by_size = SIZES[int(str(patient["size"]))]
    has = {name for name, value in patient.items() if value == 1}
    if has & set(OF_T4) or by_size == "T4":
        return "T4"
    if has & set(OF_T3) or by_size == "T3":
        return "T3"
    if by_size in ("T2a", "T2b"):
        return by_size
    if has & set(OF_T2):
        return "T2a"
    return "Tis" if "in_situ" in has else "T1mi" if "minimally_invasive" in has else by_size


@pytest.mark.parametrize("feature", NO_FEATURE)
def test_t_for_every_size_and_pair_of_features(feature: str) -> None:
    domains = {"size": tuple(SIZES), **dict.fromkeys(NO_FEATURE, FLAG)}
    patients: list[World] = [
        {"size": size} | NO_FEATURE | {other: value, feature: 1}
        for size, other, value in itertools.product((*SIZES, None), NO_FEATURE, (0, 1, None))
    ]
    assert derived("lung_t", EIGHTH, patients) == [decided(lung_t, patient, domains) for patient in patients]


def test_n_for_every_combination_of_the_stations() -> None:
    def slow(patient: World) -> str:
        applies = [
            "N1" if patient["hilar"] == 1 else "N0",
            "N2" if patient["mediastinal"] == 1 else "N0",
            "N3" if 1 in (patient["contralateral"], patient["supraclavicular"]) else "N0",
        ]
        return max(applies)

    domains = {"hilar": FLAG, "mediastinal": FLAG, "contralateral": FLAG, "supraclavicular": FLAG}
    patients = every(domains)
    assert derived("lung_n", EIGHTH, patients) == [decided(slow, patient, domains) for patient in patients]


def test_m_for_every_combination() -> None:
    def slow(patient: World) -> str:
        number = int(str(patient["extrathoracic"]))
        within = 1 in (patient["contralateral_nodule"], patient["pleura"])
        return "M1c" if number > 1 else "M1b" if number == 1 else "M1a" if within else "M0"

    domains = {"extrathoracic": (0, 1, 2, 7), "contralateral_nodule": FLAG, "pleura": FLAG}
    patients = every(domains)
    assert derived("lung_m", EIGHTH, patients) == [decided(slow, patient, domains, ["M1"]) for patient in patients]


T = ("TX", "T0", "Tis", "T1mi", "T1a", "T1b", "T1c", "T2a", "T2b", "T3", "T4")
TNM = {"t": T, "n": ("N0", "N1", "N2", "N3"), "m": ("M0", "M1a", "M1b", "M1c")}
OF_N0 = {"TX": "Occult", "Tis": "0", "T1mi": "IA1", "T1a": "IA1", "T1b": "IA2", "T1c": "IA3", "T2a": "IB", "T2b": "IIA"}


def lung_stage(patient: World) -> str | None:
    """The table of the manual, read by N instead of by group."""
    t, n, m = str(patient["t"]), str(patient["n"]), patient["m"]
    if m != "M0":
        return "IVB" if m == "M1c" else "IVA"
    if t == "T3":
        return dict(N0="IIB", N1="IIIA", N2="IIIB", N3="IIIC")[n]
    if t == "T4":
        return dict(N0="IIIA", N1="IIIA", N2="IIIB", N3="IIIC")[n]
    if n == "N0":
        return OF_N0.get(t)
    invasive = t in ("T1a", "T1b", "T1c", "T2a", "T2b")
    return dict(N1="IIB", N2="IIIA", N3="IIIB")[n] if invasive else None


def test_stage_for_every_t_n_m() -> None:
    patients = every(TNM)
    assert len(patients) == 12 * 5 * 5
    assert derived("lung_stage", EIGHTH, patients) == [decided(lung_stage, patient, TNM) for patient in patients]


@pytest.mark.parametrize(
    ("t", "n", "m", "stage"),
    [
        ("cT1", "cN1", "cM0", "IIB"),
        ("T1", "N0", "M0", None),
        ("T2", "N3", "M0", "IIIB"),
        ("pT1a(mi)", "pN0", "M0", "IA1"),
        ("T4", "NX", "M1a", "IVA"),
        ("T4", "N0", "M1", None),
        ("TX", "N0", "M0", "Occult"),
    ],
)
def test_recorded_spellings_and_open_letters(t: str, n: str, m: str, stage: str | None) -> None:
    assert derived("lung_stage", EIGHTH, [{"t": t, "n": n, "m": m}]) == [stage]
