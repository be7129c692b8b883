import polars as pl
import pytest

from counterpoise.cohort.columns import Wanted, column_of_rule, in_table_types
from counterpoise.errors import InputError
from counterpoise.read.codebook import Column, InferredColumn, Kind
from counterpoise.read.rules import parse_rule
from tests.cohort.tables import category, table_of

KNOWN = {
    "id": Column(kind="id"),
    "age": Column(kind="integer", label="Age", unit="years"),
    "dose": Column(kind="number", label="Dose", unit="Gy", minimum=0),
    "lvi": Column(kind="flag", label="Invasion"),
    "dx": Column(kind="date", label="Diagnosis"),
    "t": category(T1="cT1", T2="cT2"),
    "site": Column(kind="text"),
}


def described(rule: str, wanted: Wanted | None = None) -> Column:
    return column_of_rule("new", parse_rule(rule), wanted or Wanted(), KNOWN)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("age >= 18", "flag"),
        ("lvi", "flag"),
        ("if age > 50 then 1 else 0", "flag"),
        ("dose * 2", "number"),
        ("age", "integer"),
        ("floor(age / 10)", "number"),
        ("dx", "date"),
        ('date("2020-01-01")', "date"),
        ('if lvi then "a" else "b"', "category"),
        ("t", "category"),
        ("site", "text"),
        ("id", "text"),
    ],
)
def test_the_kind_of_a_derived_column_is_that_of_its_rule(rule: str, kind: Kind) -> None:
    assert described(rule).kind == kind


def test_a_column_that_is_merely_named_keeps_its_description() -> None:
    assert described("dose") == KNOWN["dose"]
    copy = described("dose", Wanted(label="Total", unit="cGy"))
    assert (copy.label, copy.unit, copy.minimum) == ("Total", "cGy", 0)
    assert described("dose * 2").label == "new"


def test_levels_stand_in_the_order_of_mention() -> None:
    rule = 'if t == "T2" then "late" else if age in [1, 2] then "early" else if lvi then missing else "late"'
    assert list(described(rule).levels) == ["late", "early"]
    nested = 'if lvi then (if age > 5 then "z" else "a") else "m"'
    assert list(described(nested).levels) == ["z", "a", "m"]


def test_levels_of_a_column_come_with_their_labels() -> None:
    assert described('if lvi then "T0" else t').levels == {"T0": "T0", "T1": "cT1", "T2": "cT2"}
    assert described('if lvi then "T1" else t').levels == {"T1": "cT1", "T2": "cT2"}
    assert described('if lvi then t else "T1"').levels == {"T1": "cT1", "T2": "cT2"}
    assert described('if lvi then "x" else site').levels == {}


@pytest.mark.parametrize(
    ("rule", "wanted", "message"),
    [
        ("age > 3", Wanted("date"), "yields a flag, which can be flag or integer or number or category but not date"),
        ("dx", Wanted("number"), "yields a date, which can be date but not number"),
        ('if lvi then "a" else "b"', Wanted("flag"), "yields a category, which can be category or text but not flag"),
        ('if lvi then "a" else "b"', Wanted(levels={"a": "A"}), "`levels` must name every outcome .* they lack b"),
        ("agee > 3", Wanted(), "there is no column `agee`"),
    ],
)
def test_a_description_that_does_not_fit_is_an_error(rule: str, wanted: Wanted, message: str) -> None:
    with pytest.raises(InputError, match=message):
        described(rule, wanted)


TABLE = table_of(x=("number", [0.0, 1.0, None]))


def typed(values: list[object], column: Column) -> tuple[list[object], Column, list[str]]:
    series, column, problems = in_table_types(TABLE, pl.Series("new", values), column)
    return series.to_list(), column, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, False, None], "flag", [1, 0, None]),
        ([1.0, 0.0, None], "flag", [1, 0, None]),
        ([7.0, -1.0, None], "integer", [7, -1, None]),
        ([True, False, None], "number", [1.0, 0.0, None]),
        ([2.0, 10.0, None], "category", ["2", "10", None]),
        ([True, False, None], "category", ["1", "0", None]),
        (["a", "b", None], "text", ["a", "b", None]),
    ],
)
def test_values_take_the_type_of_their_kind(values: list[object], kind: Kind, expected: list[object]) -> None:
    found, _, problems = typed(values, Column(kind=kind))
    assert (found, problems) == (expected, [])


def test_a_category_without_levels_takes_the_codes_that_occur() -> None:
    _, column, _ = typed(["b", "a", "b"], Column(kind="category", label="Site"))
    assert isinstance(column, InferredColumn)
    assert (column.levels, column.label) == ({"a": "a", "b": "b"}, "Site")


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        ([0.0, 2.0, None], Column(kind="flag"), "row 3, column `new`: `2` (patient p2) must be 0 or 1"),
        ([0.5, 2.0, None], Column(kind="integer"), "row 2, column `new`: `0.5` (patient p1) must be a whole number"),
        ([0.5, None, None], Column(kind="category"), "row 2, column `new`: `0.5` (patient p1) must be a whole number"),
        ([float("inf"), 1.0, None], Column(kind="number"), "row 2, column `new`: `inf` (patient p1) must be finite"),
        ([float("nan"), 1.0, None], Column(kind="number"), "row 2, column `new`: `nan` (patient p1) must be finite"),
        ([-1, 0, 121], Column(kind="integer", minimum=0), "row 2, column `new`: `-1` (patient p1) must be 0 or more"),
        ([1, 0, 121], Column(kind="integer", maximum=9), "row 4, column `new`: `121` (patient p3) must be 9 or less"),
        (
            [1, None, 121],
            Column(kind="integer", minimum=0, maximum=120),
            "row 4, column `new`: `121` (patient p3) must be 0 to 120",
        ),
        (["a", "c", None], category("a", "b"), "row 3, column `new`: `c` (patient p2) must be one of its levels"),
    ],
)
def test_values_that_a_column_may_not_hold_are_problems(values: list[object], column: Column, message: str) -> None:
    _, _, problems = typed(values, column)
    assert problems == [message]
