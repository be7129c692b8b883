from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.oncology.radiotherapy import bed, eqd2
from counterpoise.read.codebook import Column

doses = st.floats(0, 100, allow_subnormal=False)
ratios = st.floats(0.5, 20)


@pytest.mark.parametrize(
    ("dose", "fractions", "alpha_beta", "expected"),
    [(50, 25, 4, 75.0), (60, 30, 4, 90.0), (66, 33, 4, 99.0)],
)
def test_bed_of_published_schedules(dose: float, fractions: int, alpha_beta: float, expected: float) -> None:
    assert bed(dose, fractions, alpha_beta) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("dose", "fractions", "alpha_beta", "expected"),
    [(50, 25, 4, 50.0), (43.5, 15, 4, 50.0), (43.5, 15, 3, 51.3), (40.05, 15, 4, 44.5), (40.05, 15, 3, 45.4)],
)
def test_eqd2_of_published_schedules(dose: float, fractions: int, alpha_beta: float, expected: float) -> None:
    assert round(float(eqd2(dose, fractions, alpha_beta)), 1) == expected


@given(doses, st.integers(1, 50), ratios)
def test_bed_and_eqd2_by_their_formulas(dose: float, n: int, ratio: float) -> None:
    d = dose / n
    assert bed(dose, n, ratio) == pytest.approx(n * d * (1 + d / ratio), rel=1e-12)
    assert eqd2(dose, n, ratio) == pytest.approx(n * d * (d + ratio) / (2 + ratio), rel=1e-12)


@given(st.integers(1, 50), ratios)
def test_fractions_of_two_gray_are_their_own_equivalent(n: int, ratio: float) -> None:
    assert eqd2(2 * n, n, ratio) == pytest.approx(2 * n, rel=1e-12)


@given(doses, st.integers(1, 50), ratios)
def test_more_fractions_of_the_same_dose_do_less(dose: float, n: int, ratio: float) -> None:
    assert bed(dose, n + 1, ratio) <= bed(dose, n, ratio) * (1 + 1e-14)
    assert bed(dose, n, ratio) >= dose


@pytest.mark.parametrize("function", [bed, eqd2])
def test_missing_values_stay_missing_and_no_dose_is_none(function: Callable[..., np.ndarray]) -> None:
    found = function([np.nan, 50, 0, 0], [25, np.nan, np.nan, 0], 4)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 0, 0])


@pytest.mark.parametrize("function", [bed, eqd2])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([-1, 2], 1, 4), "`dose` must be finite and non-negative, or missing; 1 of 2 is not"),
        ((np.inf, 1, 4), "`dose` must be finite"),
        ((50, [0, 25], 4), "`fractions` must be 1 or more where there is a dose; 1 of 2 is not"),
        ((50, np.inf, 4), "`fractions` must be 1 or more"),
        ((50, 25, 0), "`alpha_beta` must be finite and positive"),
        ((50, 25, np.nan), "`alpha_beta` must be finite and positive"),
        (("much", 25, 4), "`dose` must hold numbers only"),
    ],
)
def test_impossible_doses_are_errors(function: Callable[..., Any], arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        function(*arguments)


COLUMNS = {
    "dose": Column(kind="number", label="Breast dose"),
    "n": Column(kind="integer"),
    "boosted": Column(kind="flag"),
    "boost": Column(kind="number"),
    "m": Column(kind="integer"),
}
PATIENTS = pl.DataFrame(
    {
        "dose": [50.0, 50.0, 50.0, None, 50.0, 0.0],
        "n": [25, 25, 25, 25, 25, None],
        "boosted": [1, 0, 1, 0, None, 0],
        "boost": [10.0, None, None, None, 10.0, None],
        "m": [5, None, 5, None, 5, None],
    }
)
BOOST = {"boost": "boosted", "boost_dose": "boost"}


def derived(name: str, **arguments: str | float) -> list[float | None]:
    assert DERIVATIONS[name].faults(arguments, COLUMNS) == []
    return PATIENTS.select(x=DERIVATIONS[name].compile(arguments, COLUMNS))["x"].to_list()


def test_the_total_dose_adds_the_boost_of_who_was_boosted() -> None:
    assert derived("total_dose", dose="dose", **BOOST) == [60.0, 50.0, None, None, 60.0, 0.0]
    assert derived("total_dose", dose="dose", boost_dose="boost") == [60.0, None, None, None, 60.0, None]
    assert derived("total_dose", dose="dose") == [50.0, 50.0, 50.0, None, 50.0, 0.0]


@pytest.mark.parametrize(("name", "function"), [("bed", bed), ("eqd2", eqd2)])
@pytest.mark.parametrize("ratio", [3, 4, 10])
def test_phases_are_summed_in_biological_dose(name: str, function: Callable[..., np.ndarray], ratio: float) -> None:
    expected = function(50, 25, ratio) + function(10, 5, ratio)
    found = derived(name, dose="dose", fractions="n", boost_fractions="m", alpha_beta=ratio, **BOOST)
    alone = pytest.approx(float(function(50, 25, ratio)), rel=1e-14)
    both = pytest.approx(float(expected), rel=1e-14)
    assert found == [both, alone, None, None, both, 0.0]


def test_the_ratio_is_four_unless_another_is_given() -> None:
    given_four = derived("bed", dose="dose", fractions="n", alpha_beta=4)
    assert derived("bed", dose="dose", fractions="n") == given_four
    assert "α/β = 4 Gy" in DERIVATIONS["bed"].sentence({"dose": "dose", "fractions": "n"}, COLUMNS)


def test_a_boost_needs_its_dose_and_its_fractions() -> None:
    faults = DERIVATIONS["eqd2"].faults({"dose": "dose", "fractions": "n", "boost_dose": "boost"}, COLUMNS)
    assert faults == ["`boost_dose` needs `boost_fractions` beside it"]
    faults = DERIVATIONS["total_dose"].faults({"dose": "dose", "boost": "boosted"}, COLUMNS)
    assert faults == ["`boost` needs `boost_dose` beside it"]


@pytest.mark.parametrize(
    ("tissue", "ratio"), [("breast_cancer", 4), ("tumour", 10), ("late", 3), ("lung", 3), ("spinal_cord", 2)]
)
@pytest.mark.parametrize("name", ["bed", "eqd2"])
def test_a_tissue_stands_for_its_ratio(name: str, tissue: str, ratio: float) -> None:
    plain = {"dose": "dose", "fractions": "n"}
    assert derived(name, **plain, tissue=tissue) == derived(name, **plain, alpha_beta=ratio)
    sentence = DERIVATIONS[name].sentence({**plain, "tissue": tissue}, COLUMNS)
    assert f"α/β = {ratio} Gy" in sentence
    assert "This is the α/β of " in sentence


def test_a_tissue_and_a_ratio_exclude_each_other() -> None:
    faults = DERIVATIONS["bed"].faults({"dose": "dose", "fractions": "n", "tissue": "lung", "alpha_beta": 3}, COLUMNS)
    assert faults == ["`tissue` and `alpha_beta` exclude each other; give one of them"]
    assert DERIVATIONS["bed"].faults({"dose": "dose", "fractions": "n", "tissue": "moon"}, COLUMNS)


@pytest.mark.parametrize("name", ["bed", "eqd2"])
def test_every_tissue_has_a_ratio_and_a_name(name: str) -> None:
    argument = DERIVATIONS[name].arguments["tissue"]
    assert argument.choices.keys() == argument.values.keys()
    assert all(1.5 <= ratio <= 15 for ratio in argument.values.values())


def test_a_simultaneous_boost_shares_the_fractions() -> None:
    """50 Gy and 10 Gy more in the same 25 fractions: 2.4 Gy a fraction, 60 × (2.4 + 4) / 6 = 64 Gy."""
    frame = pl.DataFrame({"dose": [50.0, 50.0], "n": [25, 25], "more": [10.0, 0.0]})
    known = {"dose": Column(kind="number"), "n": Column(kind="integer"), "more": Column(kind="number")}
    arguments = {"dose": "dose", "fractions": "n", "simultaneous_dose": "more"}
    found = frame.select(x=DERIVATIONS["eqd2"].compile(arguments, known))["x"].to_list()
    assert found == pytest.approx([64.0, 50.0], rel=1e-14)
    total = frame.select(x=DERIVATIONS["total_dose"].compile({"dose": "dose", "simultaneous_dose": "more"}, known))
    assert total["x"].to_list() == [60.0, 50.0]


@pytest.mark.parametrize(
    ("dose", "fractions", "kind"),
    [
        (50, 25, "conventional"),
        (50.4, 28, "conventional"),
        (45, 25, "conventional"),
        (40, 15, "hypofractionated"),
        (40.05, 15, "hypofractionated"),
        (42.5, 16, "hypofractionated"),
        (43.5, 15, "hypofractionated"),
        (26, 5, "unusual"),
        (50, 20, "unusual"),
        (50, 30, "unusual"),
        (None, 25, None),
        (50, None, None),
        (0, 0, None),
    ],
)
def test_fractionation_of_known_schedules(dose: float | None, fractions: int | None, kind: str | None) -> None:
    frame = pl.DataFrame({"dose": [dose], "n": [fractions]}, schema={"dose": pl.Float64, "n": pl.Int64})
    known = {"dose": Column(kind="number"), "n": Column(kind="integer")}
    expression = DERIVATIONS["fractionation"].compile({"dose": "dose", "fractions": "n"}, known)
    assert frame.select(x=expression)["x"].to_list() == [kind]


@pytest.mark.parametrize(
    ("spelling", "technique"),
    [
        ("3D-CRT", "3D-CRT"),
        ("3dcrt", "3D-CRT"),
        ("IMRT", "IMRT"),
        ("VMAT", "VMAT"),
        ("IMRT(VMAT)", "VMAT"),
        ("RapidArc", "VMAT"),
        ("Tomotherapy", "tomotherapy"),
        ("proton", "protons"),
        ("unknown", None),
        (None, None),
    ],
)
def test_technique_of_its_spellings(spelling: str | None, technique: str | None) -> None:
    frame, known = pl.DataFrame({"t": [spelling]}, schema={"t": pl.String}), {"t": Column(kind="text")}
    expression = DERIVATIONS["radiotherapy_technique"].compile({"technique": "t"}, known)
    assert frame.select(x=expression)["x"].to_list() == [technique]


def test_an_unknown_technique_is_refused() -> None:
    known = {"t": Column(kind="text")}
    (refusal,) = DERIVATIONS["radiotherapy_technique"].refusals({"technique": "t"}, known)
    frame = pl.DataFrame({"t": ["cobalt", "IMRT"]})
    assert frame.select(x=refusal.condition)["x"].to_list() == [True, False]
