import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from counterpoise.errors import DataError, InputError
from counterpoise.read import Column, read_raw, read_table, table_from_frame

COLUMNS: dict[str, list[Any]] = {
    "id": ["a", "b", "c"],
    "age": [61, 62, 63],
    "er": [0.1, None, 3.0],
    "lvi": [True, False, None],
    "dx": [dt.date(2020, 1, 31), None, dt.date(2019, 12, 1)],
    "seen": [dt.datetime(2020, 1, 31), dt.datetime(2020, 1, 31, 12, 30), None],
    "cT": ["T1", "T2", None],
}
POLARS = pl.DataFrame(COLUMNS)
DECLARED = {"seen": Column(kind="date"), "cT": Column(kind="category")}


def pandas_frame() -> pd.DataFrame:
    frame = pd.DataFrame(COLUMNS)
    return frame.assign(seen=pd.to_datetime(frame["seen"]), lvi=frame["lvi"].astype("boolean"))


FRAMES: dict[str, Any] = {
    "polars": POLARS,
    "lazy": POLARS.lazy(),
    "pyarrow": pa.table(COLUMNS),
    "pandas": pandas_frame(),
    "pandas with pyarrow": pandas_frame().convert_dtypes(dtype_backend="pyarrow"),
    "pandas nullable": pandas_frame().convert_dtypes(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_kind_of_dataframe_gives_the_same_table(name: str) -> None:
    table = table_from_frame(FRAMES[name], id_column="id", columns=DECLARED)
    assert table.frame.rows() == [
        (1, "a", 61, 0.1, 1, dt.date(2020, 1, 31), dt.date(2020, 1, 31), "T1"),
        (2, "b", 62, None, 0, None, dt.date(2020, 1, 31), "T2"),
        (3, "c", 63, 3.0, None, dt.date(2019, 12, 1), None, None),
    ]
    assert {column: table.columns[column].kind for column in ("age", "er", "lvi", "dx")} == {
        "age": "integer",
        "er": "number",
        "lvi": "flag",
        "dx": "date",
    }
    assert [note.what for note in table.notes] == ["1 of its dates carry a time of day, which was dropped"]


def test_parquet_reads_as_the_frame_that_was_written(tmp_path: Path) -> None:
    POLARS.write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", id_column="id", columns=DECLARED)
    assert table.frame.equals(table_from_frame(POLARS, id_column="id", columns=DECLARED).frame)
    assert (table.source.name, table.source.format, table.source.rows) == ("t.parquet", "Parquet", 3)


def test_nan_is_missing_and_infinity_is_refused() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "er": [np.nan, 1.0]})
    assert table_from_frame(frame, id_column="id").frame["er"].to_list() == [None, 1]
    frame = pl.DataFrame({"id": ["a", "b"], "er": [float("inf"), float("nan")]})
    with pytest.raises(DataError, match="row 1, column `er`: `inf` is not a number"):
        table_from_frame(frame, id_column="id", columns={"er": Column(kind="number")})


def test_numbers_keep_every_digit() -> None:
    numbers = [0.1 + 0.2, 1e-300, 2.0**53 + 2, 123456789.123456789, -0.0, 5e-324, 1.7976931348623157e308]
    frame = pl.DataFrame({"id": [str(i) for i in range(len(numbers))], "x": numbers})
    for native in (frame, frame.to_pandas()):
        table = table_from_frame(native, id_column="id", columns={"x": Column(kind="number")})
        assert table.frame["x"].to_list() == numbers


def test_identifiers_that_are_numbers_have_no_point() -> None:
    frame = pd.DataFrame({"id": [1001.0, 1002.0]})
    assert table_from_frame(frame, id_column="id").frame["id"].to_list() == ["1001", "1002"]


def test_the_fingerprint_is_that_of_the_cells() -> None:
    same = [table_from_frame(frame, id_column="id", columns=DECLARED).source.sha256 for frame in FRAMES.values()]
    assert len(set(same)) == 1
    other = POLARS.with_columns(age=pl.lit(1))
    assert table_from_frame(other, id_column="id", columns=DECLARED).source.sha256 not in same


def test_what_is_no_table_is_told() -> None:
    with pytest.raises(InputError, match="`table` must be a pandas, polars or pyarrow dataframe; it is a dict"):
        table_from_frame({"id": [1]}, id_column="id")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="column `x`: it holds List"):
        table_from_frame(pl.DataFrame({"id": ["a"], "x": [[1]]}), id_column="id")
    with pytest.raises(DataError, match="column `x`: it holds Duration"):
        table_from_frame(pl.DataFrame({"id": ["a"], "x": [dt.timedelta(1)]}), id_column="id")
    with pytest.raises(DataError, match="cohort: it has no rows"):
        table_from_frame(pl.DataFrame({"id": []}), id_column="id", name="cohort")
    with pytest.raises(DataError, match="several columns have the same name"):
        table_from_frame(pd.DataFrame([[1, 2]], columns=pd.Index(["id", "id"])), id_column="id")


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("id,age\n1,2\n")
    with pytest.raises(DataError, match="it is not a Parquet file"):
        read_raw(tmp_path / "t.parquet")
