import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.read import cells
from counterpoise.read.cells import CellError

dmy, mdy, excel = (partial(cells.date, order=order) for order in ("dmy", "mdy", "excel"))
comma = partial(cells.number, decimal=",")
grade = partial(cells.category, levels={"1": "Low", "2": "High"})


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (cells.integer, "+7", 7),
        (cells.integer, "-0", 0),
        (cells.integer, "3.00", 3),
        (cells.integer, "9223372036854775807", 2**63 - 1),
        (cells.number, ".5", 0.5),
        (cells.number, "5.", 5),
        (cells.number, "-1.5e-3", -0.0015),
        (comma, "1,5", 1.5),
        (comma, "15", 15),
        (comma, "1,234", 1.234),
        (cells.flag, "TRUE", 1),
        (cells.flag, "no", 0),
        (cells.flag, "1.0", 1),
        (grade, "2", "2"),
        (grade, "2.0", "2"),
        (cells.date, "2020-02-29", dt.date(2020, 2, 29)),
        (cells.date, "2020/2/9", dt.date(2020, 2, 9)),
        (cells.date, "2020.02.09", dt.date(2020, 2, 9)),
        (cells.date, "20200209", dt.date(2020, 2, 9)),
        (cells.date, "2020年2月9日", dt.date(2020, 2, 9)),
        (cells.date, "2020-02-09T13:45:10.5", dt.date(2020, 2, 9)),
        (dmy, "9/2/2020", dt.date(2020, 2, 9)),
        (dmy, "09.02.2020 13:45", dt.date(2020, 2, 9)),
        (dmy, "2020-02-09", dt.date(2020, 2, 9)),
        (mdy, "2/9/2020", dt.date(2020, 2, 9)),
        (mdy, "02-09-2020", dt.date(2020, 2, 9)),
        (excel, "1", dt.date(1900, 1, 1)),
        (excel, "59", dt.date(1900, 2, 28)),
        (excel, "61", dt.date(1900, 3, 1)),
        (excel, "43861", dt.date(2020, 1, 31)),
        (excel, "43861.75", dt.date(2020, 1, 31)),
        (excel, "2020-01-31", dt.date(2020, 1, 31)),
    ],
)
def test_cells_that_can_be_read(parse: Callable[[str], Any], text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "what", "remedy"),
    [
        (cells.integer, "3.5", "not a whole number", 'declare the kind "number"'),
        (cells.integer, "1,234", "not a whole number", "write it without separators of thousands, or declare decimal"),
        (cells.integer, "12 mm", "not a whole number", ""),
        (cells.integer, "9223372036854775808", "too large", 'declare the kind "id"'),
        (cells.number, "1,234,567", "not a number", "write it without separators of thousands"),
        (cells.number, "1,234.5", "not a number", "write it without separators of thousands"),
        (cells.number, "1 234", "not a number", "write it without separators of thousands"),
        (cells.number, "1'234", "not a number", "write it without separators of thousands"),
        (comma, "1.234,5", "not a number", "write it without separators of thousands"),
        (cells.number, "1,5", "not a number", "write a decimal point, or declare decimal_comma = true"),
        (cells.number, "NaN", "not a number", 'leave the cell empty if it is not known, or declare missing = ["NaN"]'),
        (cells.number, "-inf", "not a number", "leave the cell empty"),
        (cells.number, "<5", "not a number", "write the number alone"),
        (cells.number, "30%", "not a number", "write the number alone"),
        (cells.number, "1e999", "too large", ""),
        (cells.number, "0x1F", "not a number", ""),
        (cells.number, "1_000", "not a number", ""),
        (cells.number, "١٢", "not a number", ""),
        (comma, "1.5", "has a decimal point in a column of decimal commas", "write all in one way"),
        (cells.flag, "2", "not 0 or 1", 'a column of other codes is of the kind "category"'),
        (cells.flag, "maybe", "not 0 or 1", ""),
        (grade, "3", "not among the levels", "the codes are 1, 2"),
        (grade, "high", "not among the levels", ""),
        (grade, "High", "not among the levels", "did you mean `2`?"),
        (cells.date, "31/12/2020", "not a date", 'declare date_order = "dmy"'),
        (cells.date, "12/31/2020", "not a date", 'declare date_order = "mdy"'),
        (cells.date, "01/02/2020", "not a date", 'declare date_order = "dmy" or "mdy"'),
        (cells.date, "1/2/20", "not a date", "write the year with four digits"),
        (cells.date, "2020-05", "not a date", "it lacks the day"),
        (cells.date, "2020", "not a date", "it lacks month and day"),
        (cells.date, "43861", "not a date", 'declare date_order = "excel"'),
        (cells.date, "2020-02-30", "no day of the calendar", ""),
        (cells.date, "2020-31-01", "no day of the calendar", "day and month may be swapped"),
        (dmy, "12/31/2020", "no day of the calendar", "day and month may be swapped"),
        (cells.date, "0202-05-17", "has the year 0202", "a year lies between 1800 and 2199"),
        (cells.date, "2020-01/31", "not a date", "write it as 2020-01-31"),
        (dmy, "soon", "not a date", "write it in the order dmy"),
        (excel, "60", "not a day number of Excel", ""),
        (excel, "0", "not a day number of Excel", ""),
        (excel, "999999", "not a day number of Excel", ""),
    ],
)
def test_cells_that_cannot_be_read_say_why(parse: Callable[[str], Any], text: str, what: str, remedy: str) -> None:
    with pytest.raises(CellError) as caught:
        parse(text)
    assert what in caught.value.what
    assert text in caught.value.what
    assert remedy in caught.value.remedy


@settings(deadline=None)
@given(st.dates(dt.date(1800, 1, 1), dt.date(2199, 12, 31)))
def test_every_day_reads_back_in_every_order(day: dt.date) -> None:
    assert cells.date(f"{day:%Y-%m-%d}") == cells.date(f"{day.year}/{day.month}/{day.day}") == day
    assert dmy(f"{day.day}.{day.month}.{day.year}") == mdy(f"{day:%m/%d/%Y} 10:30") == day
    if day >= dt.date(1900, 3, 1):
        assert excel(str((day - dt.date(1899, 12, 30)).days)) == day


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1))
def test_every_number_reads_back(x: float, n: int) -> None:
    assert cells.number(repr(x)) == x == comma(repr(x).replace(".", ","))
    assert cells.integer(str(n)) == n


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=12), st.text("0123456789.,-/: eE+年月日T", max_size=12)))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for parse in (cells.integer, cells.number, comma, cells.flag, grade, cells.date, dmy, mdy, excel):
        try:
            parse(text)
        except CellError as error:
            assert text in error.what  # noqa: PT017


def test_times_of_day() -> None:
    assert [cells.has_time(text) for text in ("2020-01-31 00:00", "2020-01-31T00:00:01", "31/01/2020 9:00", "x")] == [
        False,
        True,
        True,
        False,
    ]
