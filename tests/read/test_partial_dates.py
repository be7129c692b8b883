import calendar
import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import DataError
from counterpoise.read.codebook import Column, PartialDate
from counterpoise.read.partial_dates import PartialDates, completed
from counterpoise.read.table import Table
from counterpoise.read.typed import read_table, table_from_frame

DATE = Column(kind="date", label="Date of diagnosis")
MIDDLE = PartialDates(month="middle")


def table(*cells: str, partial: PartialDates = MIDDLE, column: Column = DATE, **others: list[str]) -> Table:
    frame = pl.DataFrame({"id": [f"P{i}" for i in range(1, len(cells) + 1)], "dx": cells, **others})
    return table_from_frame(frame, id_column="id", columns={"dx": column}, partial=partial)


@pytest.mark.parametrize(
    ("text", "month", "year", "day"),
    [
        ("2014-05", "middle", "refuse", "2014-05-15"),
        ("2014-5", "first", "refuse", "2014-05-01"),
        ("2014/12", "last", "refuse", "2014-12-31"),
        ("05.2014", "middle", "refuse", "2014-05-15"),
        ("2016年2月", "last", "refuse", "2016-02-29"),
        ("2014", "middle", "refuse", None),
        ("2014", "refuse", "first", "2014-01-01"),
        ("2014", "refuse", "middle", "2014-07-01"),
        ("2014年", "refuse", "last", "2014-12-31"),
        ("2014-05", "refuse", "middle", None),
        ("2014-13", "middle", "middle", None),
        ("0000", "middle", "middle", None),
        ("2014-05-07", "middle", "middle", None),
        ("14-05", "middle", "middle", None),
        ("", "middle", "middle", None),
    ],
)
def test_what_a_partial_date_becomes(text: str, month: PartialDate, year: PartialDate, day: str | None) -> None:
    assert completed(text, PartialDates(month, year)) == (dt.date.fromisoformat(day) if day else None)


@given(st.integers(1800, 2199), st.integers(1, 12))
def test_a_completed_date_lies_in_its_month(year: int, month: int) -> None:
    text = f"{year}-{month:02d}"
    first, middle, last = (completed(text, PartialDates(month=rule)) for rule in ("first", "middle", "last"))
    assert (first, middle) == (dt.date(year, month, 1), dt.date(year, month, 15))
    assert last == dt.date(year, month, calendar.monthrange(year, month)[1])


def test_completed_dates_are_flagged_and_noted() -> None:
    made = table("2014-05", "2014-06-02", "", "06/2014")
    assert made.frame["dx"].to_list() == [dt.date(2014, 5, 15), dt.date(2014, 6, 2), None, dt.date(2014, 6, 15)]
    assert made.frame["dx_imputed"].to_list() == [1, 0, 0, 1]
    assert made.columns["dx_imputed"].kind == "flag"
    assert made.columns["dx"].label == "Date of diagnosis"
    assert [str(note) for note in made.notes] == [
        "row 1, column `dx`: `2014-05` (patient P1) was taken as 15 May 2014",
        "row 4, column `dx`: `06/2014` (patient P4) was taken as 15 June 2014",
    ]


def test_whole_dates_need_no_flag() -> None:
    made = table("2014-05-01", "2014-06-02")
    assert "dx_imputed" not in made.columns
    assert made.notes == ()


def test_partial_dates_are_refused_unless_asked_for() -> None:
    with pytest.raises(DataError, match="row 1, column `dx`: `2014-05` is not a date; it lacks the day"):
        table("2014-05", partial=PartialDates())
    with pytest.raises(DataError, match="row 1, column `dx`: `2014` is not a date; it lacks month and day"):
        table("2014", partial=MIDDLE)


def test_a_number_of_excel_is_no_year() -> None:
    column = Column(kind="date", date_order="excel")
    made = table("2014", partial=PartialDates("middle", "middle"), column=column)
    assert made.frame["dx"].to_list() == [dt.date(1905, 7, 6)]


def test_a_name_that_is_taken() -> None:
    with pytest.raises(DataError, match="column `dx_imputed`: is the name of the flag that `dx` needs"):
        table("2014-05", dx_imputed=["1"])


def test_twenty_notes_are_enough() -> None:
    notes = table(*["2014-05"] * 25).notes
    assert len(notes) == 21
    assert str(notes[-1]) == "column `dx`: and 5 more partial dates like these"


def test_a_file_is_completed_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,dx\nP1,2014-05\n")
    made = read_table(path, id_column="id", columns={"dx": DATE}, partial=MIDDLE)
    assert made.frame["dx"].to_list() == [dt.date(2014, 5, 15)]
