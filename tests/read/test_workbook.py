import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings, strategies as st

from counterpoise.errors import DataError
from counterpoise.read import FILE_ROW, Column, read_raw, read_table


def xlsx(path: Path, *sheets: tuple[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def xls(path: Path, rows: list[list[Any]]) -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet("A")
    day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if cell is None:
                continue
            sheet.write(i, j, cell, *([day] if isinstance(cell, dt.date) else []))
    book.save(str(path))
    return path


ROWS: list[list[Any]] = [
    ["id", "dx", "age", "er", "lvi", "note"],
    ["P1", dt.date(2020, 2, 29), 61, 0.5, True, "x"],
    [None] * 6,
    [7, dt.datetime(2020, 1, 31, 12, 30), 62.0, 1e-7, False, None],
]
CELLS = [("P1", "2020-02-29", "61", "0.5", "1", "x"), ("7", "2020-01-31 12:30:00", "62", "1e-07", "0", "")]


def test_cells_keep_their_types_as_text(tmp_path: Path) -> None:
    raw = read_raw(xlsx(tmp_path / "t.xlsx", ("A", ROWS)))
    assert raw.frame.select(raw.names).rows() == CELLS
    assert raw.frame[FILE_ROW].to_list() == [2, 4]
    assert (raw.source.format, raw.source.rows) == ("Excel (xlsx)", 2)


def test_old_workbooks_read_alike(tmp_path: Path) -> None:
    rows = [[cell if not isinstance(cell, dt.datetime) else cell.date() for cell in row] for row in ROWS]
    raw = read_raw(xls(tmp_path / "t.xls", rows))
    assert raw.frame.select(raw.names).rows() == [CELLS[0], ("7", "2020-01-31", *CELLS[1][2:])]
    assert raw.frame[FILE_ROW].to_list() == [2, 4]


def test_rows_above_the_header_that_are_blank_count(tmp_path: Path) -> None:
    raw = read_raw(xlsx(tmp_path / "t.xlsx", ("A", [[None], [None], ["id", "age"], ["P1", 61]])))
    assert raw.frame.rows() == [(4, "P1", "61")]


def test_the_first_sheet_is_read_unless_one_is_named(tmp_path: Path) -> None:
    first, second = [["id"], ["P1"]], [["id"], ["P2"]]
    path = xlsx(tmp_path / "t.xlsx", ("One", first), ("Two", second), ("Empty", []))
    raw = read_raw(path)
    assert raw.frame["id"].to_list() == ["P1"]
    assert [str(note) for note in raw.notes] == ["t.xlsx: the sheet `One` was read, and `Two` left aside"]
    assert read_raw(path, sheet="Two").frame["id"].to_list() == ["P2"]
    with pytest.raises(DataError, match=r"it has no sheet `two`; did you mean `Two`\?"):
        read_raw(path, sheet="two")
    with pytest.raises(DataError, match="its sheets are `One`, `Two`, `Empty`"):
        read_raw(path, sheet="xyz")
    with pytest.raises(DataError, match="sheet `Empty`: the file is empty"):
        read_raw(path, sheet="Empty")


def test_a_file_that_is_no_workbook_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.xls"
    path.write_text("id\tage\n1\t2\n")
    with pytest.raises(DataError, match=r"t.xls: it is not an Excel workbook; if it opens in a text editor"):
        read_raw(path)


def test_dates_and_day_numbers_become_dates(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", ("A", [["id", "dx"], ["a", 43861], ["b", dt.date(2020, 1, 31)], ["c", None]]))
    table = read_table(path, id_column="id", columns={"dx": Column(kind="date", date_order="excel")})
    assert table.frame["dx"].to_list() == [dt.date(2020, 1, 31)] * 2 + [None]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.text("aZ0 ,;'\"é姓名<&>=", max_size=8),
            st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9).map(lambda x: float(f"{x:.12g}"))),
            st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_workbook_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float, dt.date]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "t.xlsx"
    raw = read_raw(xlsx(path, ("A", [["id", "text", "x", "dx"], *(["P", f"'{t}'", x, d] for t, x, d in rows)])))
    assert raw.frame["text"].to_list() == [f"'{text}'" for text, _, _ in rows]
    assert [float(x) for x in raw.frame["x"]] == [x for _, x, _ in rows]
    assert raw.frame["dx"].to_list() == [day.isoformat() for _, _, day in rows]
