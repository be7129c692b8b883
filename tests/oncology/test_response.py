import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.oncology.definition import Argument
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.oncology.records import ROLES
from counterpoise.read.codebook import Column, Kind
from tests.oncology.rules import Patient, every, outcomes

RULE = DERIVATIONS["pathological_complete_response"]
KNOWN = {"ypT": Column(kind="text"), "ypN": Column(kind="text")}
DEFINITIONS = ("ypT0/is ypN0", "ypT0 ypN0", "breast only")
BREAST = ("ypT0", "ypTis", "ypT1mi", "ypT4d")
NODES = ("ypN0", "ypN0(i+)", "ypN1mi", "ypN3")


def response(pairs: Sequence[tuple[str | None, str | None]], definition: str) -> list[int | None]:
    frame = pl.DataFrame(list(pairs), schema={"ypT": pl.String, "ypN": pl.String}, orient="row")
    compiled = RULE.compile({"ypt": "ypT", "ypn": "ypN", "definition": definition}, KNOWN)
    return frame.select(new=compiled)["new"].to_list()


def complete(breast: str, nodes: str, definition: str) -> int:
    clear = breast in (("ypT0",) if definition == "ypT0 ypN0" else ("ypT0", "ypTis"))
    return int(clear and (nodes == "ypN0" or definition == "breast only"))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_each_definition_over_every_category_known_or_missing(definition: str) -> None:
    pairs = list(itertools.product((*BREAST, None), (*NODES, None)))
    expected: list[int | None] = []
    for breast, nodes in pairs:
        worlds = itertools.product(BREAST if breast is None else (breast,), NODES if nodes is None else (nodes,))
        outcomes = {complete(*world, definition) for world in worlds}
        expected.append(outcomes.pop() if len(outcomes) == 1 else None)
    assert response(pairs, definition) == expected
    assert {0, 1} <= set(expected)


def test_isolated_tumour_cells_are_residual_disease() -> None:
    assert response([("ypT0", "ypN0(i+)"), ("ypT0", "ypN0")], "ypT0/is ypN0") == [0, 1]


def test_spelling_and_prefix_do_not_matter() -> None:
    pairs = [
        ("T0", "N0"),
        ("pTis", " yPn0 "),
        ("YPT0", "ypN0 (i-)"),
        ("ypTX", "ypN0"),
    ]
    assert response(pairs, "ypT0/is ypN0") == [1, 1, 1, None]


def test_a_category_that_is_not_listed_is_refused() -> None:
    frame = pl.DataFrame({"ypT": ["ypT0", "ycT0", "residual", None], "ypN": ["ypN0", "N9", None, "ypN1"]})
    refused = RULE.refusals({"ypt": "ypT", "ypn": "ypN"}, KNOWN)
    found = {refusal.column: frame.select(x=refusal.condition)["x"].to_list() for refusal in refused}
    assert found == {"ypT": [False, True, True, False], "ypN": [False, True, False, False]}


def test_nodes_are_needed_unless_the_breast_alone_counts() -> None:
    (fault,) = RULE.faults({"ypt": "ypT"}, KNOWN)
    assert fault.startswith("rule `pathological_complete_response` needs `ypn` (pathological N")
    assert RULE.faults({"ypt": "ypT", "definition": "breast only"}, KNOWN) == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_sentence_names_the_definition(definition: str) -> None:
    sentence = RULE.sentence({"ypt": "ypT", "ypn": "ypN", "definition": definition}, KNOWN)
    assert sentence.startswith("Pathological complete response was no invasive")
    assert ("whatever the nodes" in sentence) == (definition == "breast only")


# Miller-Payne ------------------------------------------------------------------------------------------------------


def grade(lost_of_hundred: float) -> str:
    """Grade by the words of the system: no reduction, up to 30 %, 30 to 90 %, more than 90 %, no cells left."""
    if lost_of_hundred == 100:
        return "5"
    if lost_of_hundred > 90:
        return "4"
    if lost_of_hundred > 30:
        return "3"
    return "2" if lost_of_hundred > 0 else "1"


def test_miller_payne_from_every_loss() -> None:
    losses = [number / 2 for number in range(201)]
    patients: list[Patient] = [*({"loss": loss} for loss in losses), {"loss": None}]
    found = outcomes("miller_payne", {"loss": "number"}, patients)
    assert found == [*(grade(loss) for loss in losses), None]
    assert set(found) == {"1", "2", "3", "4", "5", None}


def test_miller_payne_from_every_pair_of_cellularities() -> None:
    patients = every({"before": [float(n) for n in range(101)], "after": [float(n) for n in range(101)]})
    expected: list[str | None] = []
    for p in patients:
        before, after = (int(float(str(p[name]))) for name in ("before", "after"))
        expected.append(grade(float(max(Fraction(100 * (before - after), before), Fraction(0)))) if before else None)
    assert outcomes("miller_payne", {"before": "number", "after": "number"}, patients) == expected


def test_a_loss_that_is_known_goes_before_cellularities() -> None:
    patients: list[Patient] = [
        {"loss": 95.0, "before": 50.0, "after": 45.0},
        {"loss": None, "before": 50.0, "after": 45.0},
        {"loss": None, "before": 50.0, "after": None},
    ]
    columns: dict[str, Kind] = {"loss": "number", "before": "number", "after": "number"}
    assert outcomes("miller_payne", columns, patients) == ["4", "2", None]
    (fault,) = DERIVATIONS["miller_payne"].faults({"after": "ypT"}, {"ypT": Column(kind="number")})[:1]
    assert fault == "rule `miller_payne` needs `loss` or `before` (invasive tumour cells lost, %)"


# Residual cancer burden --------------------------------------------------------------------------------------------

RCB: dict[str, Kind] = {
    "first_diameter": "number",
    "second_diameter": "number",
    "cellularity": "number",
    "in_situ": "number",
    "nodes": "integer",
    "largest_metastasis": "number",
}


def burden(*measured: float | None) -> float | None:
    (found,) = outcomes("residual_cancer_burden", RCB, [dict(zip(RCB, measured, strict=True))])
    return found if found is None else float(str(found))


@pytest.mark.parametrize(
    ("measured", "index"),
    [
        ((10, 10, 10, 0, 0, 0), 1.4),  # f d = 1 mm
        ((10, 10, 0, 0, 1, 1), 1.0),  # 4 (1 - 3/4) 1 mm = 1 mm
        ((10, 10, 10, 0, 1, 1), 2.4),
        ((40, 10, 50, 50, 0, 0), 1.4 * 5**0.17),  # f = 1/4, d = 20 mm
        ((20, 15, 10, 0, 0, 0), 1.4 * math.exp(0.17 * math.log(0.1 * math.sqrt(300)))),
        ((50, 40, 80, 10, 12, 25), 1.4 * (0.72 * 2000**0.5) ** 0.17 + (4 * (1 - 3**12 / 4**12) * 25) ** 0.17),
        ((10, 10, 10, 100, 0, 0), 0.0),  # in situ disease alone
        ((0, 0, 0, 0, 0, 0), 0.0),
    ],
)
def test_the_index_worked_out_by_hand(measured: tuple[float, ...], index: float) -> None:
    assert burden(*measured) == pytest.approx(index, rel=1e-12)


@pytest.mark.parametrize(
    ("measured", "index"),
    [
        ((None, None, 0, None, 0, None), 0.0),  # no cancer and no positive node, whatever the bed measured
        ((0, 0, None, None, 0, 0), 0.0),
        ((30, 20, None, 100, 0, 0), 0.0),
        ((30, 20, None, 10, 0, 0), None),
        ((10, None, 10, 0, 0, 0), None),
        ((10, 10, 10, 0, None, None), None),
        ((10, 10, 10, 0, None, 0), 1.4),
        ((10, 10, 10, 0, 2, None), None),
        ((10, 10, 10, 0, None, 3), None),
        ((0, 0, 10, 0, 0, 0), None),  # cancer in a bed without extent
        ((10, 0, 10, 0, 0, 0), None),
        ((10, 10, 10, 0, 2, 0), None),  # positive nodes without a metastasis
        ((10, 10, 10, 0, 0, 3), None),
    ],
)
def test_what_is_missing_or_contradicts_itself(measured: tuple[float | None, ...], index: float | None) -> None:
    assert burden(*measured) == index


DISEASE = (
    st.floats(1, 150),
    st.floats(1, 150),
    st.floats(1, 90),
    st.floats(1, 90),
    st.integers(1, 30),
    st.floats(1, 60),
)


@settings(max_examples=50)
@given(st.tuples(*DISEASE), st.sampled_from(list(RCB)))
def test_more_disease_is_a_higher_index(measured: tuple[float, ...], name: str) -> None:
    less = dict(zip(RCB, measured, strict=True))
    more = {**less, name: less[name] - 0.5 if name == "in_situ" else less[name] + 1}
    before, after = (float(str(index)) for index in outcomes("residual_cancer_burden", RCB, [less, more]))
    assert after > before


def test_the_limits_of_the_classes_belong_to_them() -> None:
    indexes = (0.0, 1e-6, 1.36, 1.3601, 3.28, 3.2801, 6.0, None)
    found = outcomes("rcb_class", {"index": "number"}, [{"index": index} for index in indexes])
    assert found == ["RCB-0", "RCB-I", "RCB-I", "RCB-II", "RCB-II", "RCB-III", "RCB-III", None]


def test_the_index_is_zero_exactly_where_the_response_is_complete() -> None:
    """NeoSTEEP: RCB-0 is ypT0/is ypN0; so over every finding in breast and nodes."""
    breasts = {"ypT0": (0, 0, 0, 0), "ypTis": (10, 10, 20, 100), "ypT1a": (4, 3, 5, 0), "ypT3": (60, 40, 70, 5)}
    nodes = {"ypN0": (0, 0), "ypN0(i+)": (1, 0.1), "ypN1": (2, 4), "ypN3": (11, 20)}
    for (breast, bed), (node, metastasis) in itertools.product(breasts.items(), nodes.items()):
        (complete_response,) = response([(breast, node)], "ypT0/is ypN0")
        assert (burden(*bed, *metastasis) == 0) == bool(complete_response), (breast, node)


def spellings(argument: Argument) -> set[str]:
    return {spelling for group in argument.codes.values() for spelling in group}


@pytest.mark.parametrize(
    ("rule", "argument", "role"),
    [
        ("pathological_complete_response", "ypt", "pathological_t"),
        ("pathological_complete_response", "ypn", "pathological_n"),
        ("her2_status", "ihc", "her2_ihc"),
        ("her2_status", "ish", "her2_ish"),
    ],
)
def test_rules_and_checks_of_the_records_know_the_same_spellings(rule: str, argument: str, role: str) -> None:
    assert spellings(DERIVATIONS[rule].arguments[argument]) == spellings(ROLES[role])


@pytest.mark.parametrize(("argument", "rule"), [("ypt", "breast_yp_t"), ("ypn", "breast_yp_n")])
def test_derived_categories_can_be_given_to_the_response(argument: str, rule: str) -> None:
    reads = RULE.arguments[argument]
    assert all(reads.meaning_of(code, label) for code, label in DERIVATIONS[rule].output.levels.items())


YP_T = (
    "T0",
    "Tis",
    "Tis(DCIS)",
    "Tis(Paget)",
    "T1mi",
    "T1a",
    "T1b",
    "T1c",
    "T2",
    "T3",
    "T4a",
    "T4b",
    "T4c",
    "T4d",
    "TX",
)
YP_N = ("N0", "N0(i-)", "N0(mol+)", "N0(i+)", "N1mi", "N1a", "N1b", "N1c", "N2a", "N2b", "N3a", "N3b", "N3c", "NX")


def test_every_category_of_the_manual_by_every_definition() -> None:
    """ypTX and ypNX are not known; the definitions contain each other, the strictest first."""
    pairs = [(f"yp{t}", f"yp{n}") for t, n in itertools.product(YP_T, YP_N)]
    strict, usual, breast = (response(pairs, name) for name in ("ypT0 ypN0", "ypT0/is ypN0", "breast only"))
    for (t, n), *found in zip(pairs, strict, usual, breast, strict=True):
        gone, in_situ = t == "ypT0", t.startswith("ypTis")
        clear = {"ypNX": None}.get(n, n in ("ypN0", "ypN0(i-)", "ypN0(mol+)"))
        for complete_response, allowed in zip(found, (gone, gone or in_situ), strict=False):
            expected = None if t == "ypTX" and clear is not False else bool(allowed and clear)
            if t != "ypTX" and allowed and clear is None:
                expected = None
            assert complete_response == expected, (t, n)
        assert found[2] == (None if t == "ypTX" else int(gone or in_situ)), (t, n)
