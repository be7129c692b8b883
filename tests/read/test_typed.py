import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import DataError
from counterpoise.read import FILE_ROW, Column, InferredColumn, Table, read_table, table_from_frame

HEADER = "id,age,er,lvi,cT,dx,note\n"
DECLARED = {
    "age": Column(kind="integer", minimum=18, maximum=100),
    "er": Column(kind="number", missing=("999",)),
    "lvi": Column(kind="flag"),
    "cT": Column(kind="category", levels={"T1": "cT1", "T2": "cT2", "NA": "Not assessed"}),
    "dx": Column(kind="date", date_order="dmy"),
    "note": Column(kind="text"),
}


def table(folder: Path, text: str, columns: dict[str, Column] | None = None, id_column: str = "id") -> Table:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, id_column=id_column, columns=columns)


def told(folder: Path, text: str, columns: dict[str, Column] | None = None, id_column: str = "id") -> list[str]:
    with pytest.raises(DataError) as caught:
        table(folder, text, columns, id_column)
    return list(map(str, caught.value.problems))


def test_each_kind_has_its_type(tmp_path: Path) -> None:
    found = table(tmp_path, HEADER + "P1, 61 ,50.5,yes,T1,31/01/2020,NA\nP2,62,999,0,NA,,\n", DECLARED)
    assert found.frame.schema == {
        FILE_ROW: pl.Int64,
        "id": pl.String,
        "age": pl.Int64,
        "er": pl.Float64,
        "lvi": pl.Int64,
        "cT": pl.String,
        "dx": pl.Date,
        "note": pl.String,
    }
    assert found.frame.rows() == [
        (2, "P1", 61, 50.5, 1, "T1", dt.date(2020, 1, 31), "NA"),
        (3, "P2", 62, None, 0, "NA", None, None),
    ]
    assert found.columns["cT"] == DECLARED["cT"]
    assert found.columns["id"].kind == "id"


@pytest.mark.parametrize("word", ["", " ", "NA", "n/a", ".", "NULL", "\u00a0"])
def test_words_for_missing(tmp_path: Path, word: str) -> None:
    kinds = ("integer", "number", "flag", "date", "category")
    columns: dict[str, Column] = {kind: Column.model_validate({"kind": kind}) for kind in kinds}
    found = table(
        tmp_path, f"id,{','.join(kinds)},text\nP1{(',' + word) * 6}\n", columns | {"text": Column(kind="text")}
    )
    assert found.frame.select(kinds).row(0) == (None,) * 5
    assert found.frame["text"].item() == (word.strip() or None)


def test_everything_wrong_is_told_at_once_by_row_and_column(tmp_path: Path) -> None:
    text = HEADER + "P1,sixty,1;2,2,T9,2020-02-30,x\nP1,17,1,1,T1,31/01/2020,x\n,101,1,1,T1,31/01/2020,x\n"
    assert told(tmp_path, text, DECLARED | {"agee": Column(kind="integer")}) == [
        "column `agee`: it is declared, and the table has no such column; did you mean `age`?",
        "row 2, column `age`: `sixty` is not a whole number",
        "row 3, column `age`: `17` is below the minimum 18",
        "row 4, column `age`: `101` is above the maximum 100",
        "row 2, column `er`: `1;2` is not a number",
        'row 2, column `lvi`: `2` is not 0 or 1; a column of other codes is of the kind "category"',
        "row 2, column `cT`: `T9` is not among the levels; the codes are T1, T2, NA",
        "row 2, column `dx`: `2020-02-30` is no day of the calendar",
        "row 3, column `id`: `P1` was given in row 2 already",
        "row 4, column `id`: the identifier is missing",
    ]


def test_twenty_of_a_column_are_told_and_the_others_counted(tmp_path: Path) -> None:
    rows = "".join(f"P{i},x\n" for i in range(51))
    problems = told(tmp_path, "id,age\n" + rows, {"age": Column(kind="integer")})
    assert problems[19:] == ["row 21, column `age`: `x` is not a whole number", "column `age`: and 31 more like these"]
    problems = told(tmp_path, "id,age\n" + "P,1\n" * 52)
    assert problems[19:] == [
        "row 22, column `id`: `P` was given in row 2 already",
        "column `id`: and 31 more like these",
    ]


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    text = 'id,note,age\nP1,"two\nlines",61\n\nP2,one,x\n'
    assert told(tmp_path, text, {"age": Column(kind="integer")}) == [
        "row 5, column `age`: `x` is not a whole number",
    ]


def test_the_identifier_column_must_exist(tmp_path: Path) -> None:
    what = "it is to hold the identifiers, and the table has no such column"
    text = "patient_id,age\nP1,61\n"
    assert told(tmp_path, text, id_column="patientid") == [
        f"column `patientid`: {what}; did you mean `patient_id`?",
    ]
    assert told(tmp_path, text, id_column="xyz") == [f"column `xyz`: {what}; its columns are patient_id, age"]


def test_the_identifier_is_text_whatever_it_is_declared(tmp_path: Path) -> None:
    found = table(tmp_path, "id,age\n007,61\n", {"id": Column(kind="integer", label="Patient")})
    assert found.frame["id"].to_list() == ["007"]
    assert (found.columns["id"].kind, found.columns["id"].label) == ("id", "Patient")


def test_columns_that_are_not_declared_are_inferred(tmp_path: Path) -> None:
    found = table(
        tmp_path, "id,age,er,lvi,sex,dx,note,none\nP1,61,1.5,1,F,2020-01-31,a,\nP2,NA,2,0,M,.,b,\nP3,62,,,F,,c,\n"
    )
    assert {name: column.kind for name, column in found.columns.items()} == {
        "id": "id",
        "age": "integer",
        "er": "number",
        "lvi": "flag",
        "sex": "category",
        "dx": "date",
        "note": "text",
        "none": "text",
    }
    assert all(isinstance(column, InferredColumn) for column in found.columns.values())
    assert found.columns["sex"].levels == {"F": "F", "M": "M"}
    assert found.frame["age"].to_list() == [61, None, 62]
    assert [str(note) for note in found.notes] == ["column `none`: it holds no value"]


def test_levels_of_a_category_without_them_are_its_codes(tmp_path: Path) -> None:
    found = table(tmp_path, "id,g\na,10\nb,9\nc,NA\nd,-1\n", {"g": Column(kind="category", missing=("-1",))})
    assert list(found.columns["g"].levels) == ["9", "10"]
    assert isinstance(found.columns["g"], InferredColumn)
    assert found.frame["g"].to_list() == ["10", "9", None, None]


def test_the_labels_of_a_flag_are_those_of_0_and_1(tmp_path: Path) -> None:
    flag = Column(kind="flag", levels={"yes": "Given", "no": "Not given"})
    found = table(tmp_path, "id,rt\na,yes\nb,No\n", {"rt": flag})
    assert found.columns["rt"].levels == {"0": "Not given", "1": "Given"}
    assert found.frame["rt"].to_list() == [1, 0]
    wrong = Column(kind="flag", levels={"1": "Given", "2": "Not given"})
    assert told(tmp_path, "id,rt\na,1\n", {"rt": wrong}) == [
        'column `rt`: `2` is not 0 or 1; a column of other codes is of the kind "category"',
    ]


def test_decimal_commas(tmp_path: Path) -> None:
    number = {"er": Column(kind="number")}
    assert table(tmp_path, "id;er\na;1,5\nb;2\n", number).frame["er"].to_list() == [1.5, 2]
    assert table(tmp_path, "id;er\na;1.5\nb;2\n", number).frame["er"].to_list() == [1.5, 2]
    assert table(tmp_path, "id;er\na;1,5\n").frame["er"].to_list() == [1.5]
    declared = {"er": Column(kind="number", decimal_comma=True)}
    assert table(tmp_path, 'id,er\na,"1,5"\nb,2\n', declared).frame["er"].to_list() == [1.5, 2]
    assert told(tmp_path, 'id,er\na,"1,5"\n', number) == [
        "row 2, column `er`: `1,5` is not a number; write a decimal point, or declare decimal_comma = true"
    ]
    assert told(tmp_path, "id;er\na;1,5\nb;2.5\n", number) == [
        "row 3, column `er`: `2.5` has a decimal point in a column of decimal commas; write all in one way"
    ]


def test_times_of_day_are_dropped_and_noted(tmp_path: Path) -> None:
    found = table(tmp_path, "id,dx\na,2020-01-31 12:30\nb,2020-01-31 00:00:00\n")
    assert found.frame["dx"].to_list() == [dt.date(2020, 1, 31)] * 2
    assert [str(note) for note in found.notes] == ["column `dx`: 1 of its dates carry a time of day, which was dropped"]


def test_one_row_is_enough(tmp_path: Path) -> None:
    assert table(tmp_path, "id\nP1\n").frame.rows() == [(2, "P1")]


def slow_reading(text: str, kind: str) -> Any:
    """Read one plain cell in the most obvious way."""
    if text == "":
        return None
    return {"integer": int, "number": float, "date": dt.date.fromisoformat, "text": str}[kind](text)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(""), st.integers(-(10**12), 10**12).map(str)),
            st.one_of(st.just(""), st.floats(allow_nan=False, allow_infinity=False).map(repr)),
            st.one_of(st.just(""), st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)).map(str)),
            st.text("abcXYZ 09.", max_size=6).map(str.strip),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_typed_values_agree_with_an_obvious_reading(rows: list[tuple[str, ...]]) -> None:
    kinds = ("integer", "number", "date", "text")
    columns = {kind: [row[index] for row in rows] for index, kind in enumerate(kinds)}
    frame = pl.DataFrame({"id": [str(i) for i in range(len(rows))], **columns})
    declared = {kind: Column.model_validate({"kind": kind}) for kind in kinds}
    found = table_from_frame(frame, id_column="id", columns=declared).frame
    for kind in kinds:
        assert found[kind].to_list() == [slow_reading(text, kind) for text in columns[kind]]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.text(max_size=4), min_size=2, max_size=2), min_size=1, max_size=6))
def test_any_text_becomes_a_table_or_problems(rows: list[list[str]]) -> None:
    frame = pl.DataFrame(
        {"id": [str(i) for i in range(len(rows))], "a": [a for a, _ in rows], "b": [b for _, b in rows]}
    )
    assert table_from_frame(frame, id_column="id").frame.height == len(rows)
    for kind in ("integer", "number", "flag", "date"):
        declared = {"a": Column.model_validate({"kind": kind})}
        try:
            table_from_frame(frame, id_column="id", columns=declared)
        except DataError as error:
            assert all(problem.where.startswith(("row ", "column ")) for problem in error.problems)  # noqa: PT017
