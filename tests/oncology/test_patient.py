import datetime as dt

import polars as pl
import pytest
from hypothesis import given, strategies as st

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column

DATES = {"birth": Column(kind="date"), "dx": Column(kind="date", label="Date of diagnosis")}
FLAGS = {"a": Column(kind="flag", label="Dissection"), "b": Column(kind="flag")}
days = st.dates(dt.date(1900, 1, 1), dt.date(2050, 12, 31))


def ages(births: list[dt.date | None], at: list[dt.date | None]) -> list[int | None]:
    frame = pl.DataFrame({"birth": pl.Series(births, dtype=pl.Date), "dx": pl.Series(at, dtype=pl.Date)})
    return frame.select(x=DERIVATIONS["age"].compile({"birth": "birth", "at": "dx"}, DATES))["x"].to_list()


def birthday(born: dt.date, year: int) -> dt.date:
    try:
        return born.replace(year=year)
    except ValueError:
        return dt.date(year, 3, 1)


@given(st.lists(st.tuples(days, days), min_size=1, max_size=20))
def test_age_counts_the_birthdays_that_have_passed(pairs: list[tuple[dt.date, dt.date]]) -> None:
    pairs = [(min(pair), max(pair)) for pair in pairs]
    expected = [sum(birthday(b, year) <= at for year in range(b.year + 1, at.year + 1)) for b, at in pairs]
    assert ages([b for b, _ in pairs], [at for _, at in pairs]) == expected


def test_age_by_hand() -> None:
    born = dt.date(1980, 2, 29)
    at = [dt.date(1981, 2, 28), dt.date(1981, 3, 1), dt.date(1984, 2, 28), dt.date(1984, 2, 29), None]
    assert ages([born] * 5, at) == [0, 1, 3, 4, None]
    assert ages([None], [born]) == [None]


def test_the_age_column_and_its_sentence() -> None:
    column = DERIVATIONS["age"].describe({"birth": "birth", "at": "dx"}, DATES)
    assert (column.kind, column.unit, column.minimum, column.maximum) == ("integer", "years", 0, 120)
    sentence = DERIVATIONS["age"].sentence({"birth": "birth", "at": "dx"}, DATES)
    assert sentence == "Age was counted in completed years at diagnosis."


def test_crossed_groups_over_every_pair() -> None:
    pairs = [(a, b) for a in (0, 1, None) for b in (0, 1, None)]
    frame = pl.DataFrame(pairs, schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    arguments = {"first": "a", "first_name": "IMND", "second": "b", "second_name": "IMNB"}
    found = frame.select(x=DERIVATIONS["crossed_groups"].compile(arguments, FLAGS))["x"].to_list()
    names = {(0, 0): "IMND-/IMNB-", (1, 0): "IMND+/IMNB-", (0, 1): "IMND-/IMNB+", (1, 1): "IMND+/IMNB+"}
    assert found == [names.get(pair) for pair in pairs]  # pyright: ignore[reportArgumentType, reportCallIssue]
    levels = DERIVATIONS["crossed_groups"].describe(arguments, FLAGS).levels
    assert list(levels) == list(names.values()), "neither is the reference"
    assert list(levels.values()) == ["IMND−/IMNB−", "IMND+/IMNB−", "IMND−/IMNB+", "IMND+/IMNB+"]


def test_crossed_groups_without_names_take_the_labels() -> None:
    arguments = {"first": "a", "second": "b"}
    levels = DERIVATIONS["crossed_groups"].describe(arguments, FLAGS).levels
    assert next(iter(levels)) == "Dissection-/b-"
    assert "by Dissection and b" in DERIVATIONS["crossed_groups"].sentence(arguments, FLAGS)


@pytest.mark.parametrize("name", ["age", "crossed_groups"])
def test_arguments_must_be_columns_of_the_right_kind(name: str) -> None:
    rule = DERIVATIONS[name]
    required = [key for key, argument in rule.arguments.items() if argument.required]
    known = {"note": Column(kind="text")}
    faults = rule.faults(dict.fromkeys(required, "note"), known)
    assert [fault.split("`")[1] for fault in faults] == required
    assert all("`note` is of kind text" in fault for fault in faults)
