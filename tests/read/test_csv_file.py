import csv
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import DataError
from counterpoise.read import FILE_ROW, RawTable, read_raw

UNICODE = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
CHINESE = st.sampled_from("患者姓名年龄手术复发转移死亡随访淋巴结左右，。aZ0 ,;|\t'\"")
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)


def saved(folder: Path, data: bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def cells(raw: RawTable) -> list[list[str]]:
    return [list(row) for row in raw.frame.select(raw.names).rows()]


def problems(path: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_raw(path)
    return list(map(str, caught.value.problems))


def written(header: list[str], rows: list[list[str]], delimiter: str, newline: str) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=newline).writerows([header, *rows])
    return file.getvalue()


def tables(letters: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[list[str], list[list[str]]]]:
    text = st.text(st.one_of(letters, st.sampled_from("\n\r\t,;|\"'")), max_size=8)
    text = text.map(lambda cell: cell.replace("\r", "\r\n"))
    return st.lists(NAMES, min_size=2, max_size=4, unique=True).flatmap(
        lambda header: st.tuples(
            st.just(header),
            st.lists(
                st.lists(text, min_size=len(header) - 1, max_size=len(header) - 1).map(lambda row: ["id", *row]),
                min_size=1,
                max_size=5,
            ),
        )
    )


@settings(deadline=None, max_examples=150)
@given(
    tables(UNICODE),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_any_table_reads_back(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    newline: str,
    encoding: str,
) -> None:
    header, rows = table
    data = written(header, rows, delimiter, newline).encode(encoding)
    raw = read_raw(saved(tmp_path_factory.getbasetemp(), data))
    assert list(raw.names) == header
    assert cells(raw) == rows


@settings(deadline=None, max_examples=100)
@given(tables(CHINESE), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_any_chinese_table_reads_back(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    newline: str,
) -> None:
    header, rows = [*table[0], "姓名"], [[*row, "张三"] for row in table[1]]
    data = written(header, rows, delimiter, newline).encode("gb18030")
    raw = read_raw(saved(tmp_path_factory.getbasetemp(), data))
    assert raw.source.encoding == "gb18030"
    assert cells(raw) == rows


@settings(deadline=None, max_examples=100)
@given(tables(UNICODE), st.sampled_from(["\n", "\r\n"]))
def test_a_file_row_is_the_line_where_the_record_starts(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]], newline: str
) -> None:
    header, rows = table
    raw = read_raw(saved(tmp_path_factory.getbasetemp(), written(header, rows, ",", newline).encode()))
    lines = [2]
    for row in rows[:-1]:
        text = io.StringIO(written(row, [], ",", newline), newline="")
        lines.append(lines[-1] + sum(1 for _ in text))
    assert raw.frame[FILE_ROW].to_list() == lines


def test_line_breaks_in_cells_and_blank_lines_count(tmp_path: Path) -> None:
    raw = read_raw(saved(tmp_path, b'\nid,note\n\nP1,"two\nlines"\n\n,\nP2,one\n'))
    assert raw.frame[FILE_ROW].to_list() == [4, 8]
    assert cells(raw) == [["P1", "two\nlines"], ["P2", "one"]]
    assert [note.what for note in raw.notes] == ["3 empty rows were left out"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id;dose\n1;50,4\n2;60,0\n", ";"),
        ("id;age, years;dose\n1;61;50,4\n2;62;60,0\n", ";"),
        ("id,sites\n1,a;b;c\n2,d;e\n", ","),
        ('id,"a;b"\n1,x\n', ","),
        ("id\tname\n1\tSmith, J; Dr\n", "\t"),
        ("id|name\n1|Smith\n", "|"),
        ("id\n1\n2\n", ","),
    ],
)
def test_the_separator_is_found(tmp_path: Path, text: str, delimiter: str) -> None:
    raw = read_raw(saved(tmp_path, text.encode()))
    assert (
        raw.source.format
        == {",": "CSV (comma)", ";": "CSV (semicolon)", "\t": "CSV (tab)", "|": "CSV (bar)"}[delimiter]
    )
    assert raw.decimal_comma == (delimiter == ";")


def test_the_source_says_what_was_read(tmp_path: Path) -> None:
    source = read_raw(saved(tmp_path, b"id,age\nP1,61\n", "patients.csv")).source
    assert (source.name, source.encoding, source.rows) == ("patients.csv", "utf-8", 1)
    assert source.sha256 == hashlib.sha256(b"id,age\nP1,61\n").hexdigest()


def test_cells_beyond_the_header_may_be_empty(tmp_path: Path) -> None:
    raw = read_raw(saved(tmp_path, b"id,age,,\nP1,61,,\nP2,62\n".replace(b"P2,62", b"P2,62,, ,")))
    assert cells(raw) == [["P1", "61"], ["P2", "62"]]


def test_ragged_rows_are_told_by_row(tmp_path: Path) -> None:
    assert problems(saved(tmp_path, b"id,age\nP1\nP2,1\nP3,1,2\n")) == [
        "row 2: it has 1 cells, and the header has 2; look for a separator inside a cell, or a line break",
        "row 4: it has 3 cells, and the header has 2; look for a separator inside a cell, or a line break",
    ]


def test_many_ragged_rows_are_counted(tmp_path: Path) -> None:
    told = problems(saved(tmp_path, b"id,age\n" + b"P1\n" * 51))
    assert len(told) == 21
    assert told[-1] == "and 31 more rows like these"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "t.csv: the file is empty; it needs a header and one row a patient"),
        (b" \n\n", "t.csv: the file is empty; it needs a header and one row a patient"),
        (b"id,age\n", "t.csv: the file has a header and no rows; it needs one row a patient"),
        (b"id,age,age\n1,2,3\n", "header: columns 2 and 3 are both named `age`; rename all but one"),
        (b"a,a,a\n1,2,3\n", "header: columns 1, 2 and 3 are all named `a`; rename all but one"),
        (b"id,,age\n1,2,3\n", "header: column 2 has no name; name it or delete it"),
        (b"id,__file_row__\n1,2\n", "header: the name `__file_row__` is taken; rename that column"),
        (b'id,note\n1,"open\n2,x\n', 'row 2: a quotation mark is opened and not closed; close it, or write "" for'),
        (b'id,note\n1,x\n2,"5" nail"\n', 'row 3: a quotation mark stands inside a quoted cell; write "" for a mark'),
        (b"id,n\n1," + b"x" * 200_000 + b"\n", "row 2: a quotation mark is opened and not closed"),
        (b"id,age\n1,\x00\n", "t.csv: it is not a text table"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 9, "t.csv: it is not a text table"),
        (b"PK\x03\x04abc", "t.csv: it is an Excel workbook (or a zip archive), not a text table; give it the ending"),
        (b"\xd0\xcf\x11\xe0abc", "t.csv: it is an old Excel workbook, not a text table; give it the ending .xls"),
        (b"$FL2abc", "t.csv: it is an SPSS file, not a text table; give it the ending .sav"),
        (b"%PDF-1.7", "t.csv: it is a PDF document, not a text table; a table is needed"),
        (b"\xff\xfea", "t.csv: it begins as utf-16 text, and is not; save it again as UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path: Path, data: bytes, what: str) -> None:
    told = problems(saved(tmp_path, data))
    assert len(told) == 1
    assert told[0].startswith(what)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=200), st.text("a,;\n\"' 1", max_size=60).map(str.encode)))
def test_any_bytes_are_a_table_or_an_error_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    try:
        raw = read_raw(saved(tmp_path_factory.getbasetemp(), data))
    except DataError:
        return
    assert raw.frame.height == raw.source.rows > 0
