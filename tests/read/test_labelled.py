import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest

from counterpoise.errors import DataError
from counterpoise.read import Column, read_raw, read_table

write_sav: Any = pyreadstat.write_sav
write_dta: Any = pyreadstat.write_dta

FRAME = {
    "id": ["a", "b", "c", "d"],
    "grade": [1.0, 2.0, 99.0, None],
    "lvi": [0.0, 1.0, 1.0, 0.0],
    "dx": [dt.date(2020, 1, 31), None, dt.date(1950, 2, 1), dt.date(2000, 1, 1)],
    "site": ["x", "", "y", "骨"],
}
LABELS: dict[str, Any] = {"grade": {1: "Low", 2: "High", 3: "None seen", 99: "Unknown"}, "lvi": {0: "No", 1: "Yes"}}


def sav(path: Path, **more: Any) -> Path:
    write_sav(
        pd.DataFrame(FRAME),
        str(path),
        column_labels={"grade": "Tumour grade"},
        variable_value_labels=LABELS,
        missing_ranges={"grade": [99]},
        **more,
    )
    return path


def test_labels_and_user_missing_codes_are_kept(tmp_path: Path) -> None:
    raw = read_raw(sav(tmp_path / "t.sav"))
    assert raw.frame.rows() == [
        (1, "a", "1", "0", "2020-01-31", "x"),
        (2, "b", "2", "1", "", ""),
        (3, "c", "99", "1", "1950-02-01", "y"),
        (4, "d", "", "0", "2000-01-01", "骨"),
    ]
    assert raw.labels == {"grade": "Tumour grade"}
    assert raw.levels["grade"] == {"1": "Low", "2": "High", "3": "None seen", "99": "Unknown"}
    assert raw.missing["grade"] == ("99",)
    assert raw.source.format == "SPSS (sav)"


def test_value_labels_become_levels(tmp_path: Path) -> None:
    table = read_table(sav(tmp_path / "t.sav"), id_column="id")
    grade, lvi = table.columns["grade"], table.columns["lvi"]
    assert (grade.kind, grade.label, grade.missing) == ("category", "Tumour grade", ("99",))
    assert grade.levels == {"1": "Low", "2": "High", "3": "None seen"}
    assert table.frame["grade"].to_list() == ["1", "2", None, None]
    assert (lvi.kind, lvi.levels) == ("flag", {"0": "No", "1": "Yes"})
    assert table.frame["lvi"].to_list() == [0, 1, 1, 0]
    assert table.frame["dx"].to_list() == FRAME["dx"]


def test_declared_levels_go_before_those_of_the_file(tmp_path: Path) -> None:
    declared = {"grade": Column(kind="category", label="Grade", levels={"2": "G2", "1": "G1"})}
    table = read_table(sav(tmp_path / "t.sav"), id_column="id", columns=declared)
    assert list(table.columns["grade"].levels) == ["2", "1"]
    assert table.columns["grade"].label == "Grade"
    plain = read_table(sav(tmp_path / "t.sav"), id_column="id", columns={"grade": Column(kind="integer")})
    assert plain.frame["grade"].to_list() == [1, 2, None, None]


def test_a_number_with_a_label_for_one_value_stays_a_number(tmp_path: Path) -> None:
    path = tmp_path / "t.sav"
    frame = pd.DataFrame({"id": ["a", "b"], "age": [61.0, 62.5]})
    write_sav(frame, str(path), variable_value_labels={"age": {99: "Unknown"}})
    assert read_table(path, id_column="id").columns["age"].kind == "number"


def test_missing_ranges_cover_the_values_that_occur(tmp_path: Path) -> None:
    path = tmp_path / "t.sav"
    frame = pd.DataFrame({"id": ["a", "b", "c"], "age": [61.0, 98.0, 99.0], "t": ["x", "u", "v"]})
    write_sav(frame, str(path), missing_ranges={"age": [{"lo": 90, "hi": 99}], "t": ["u"]})
    table = read_table(path, id_column="id")
    assert table.columns["age"].missing == ("98", "99")
    assert table.frame["age"].to_list() == [61, None, None]
    assert table.frame["t"].to_list() == ["x", None, "v"]


def test_stata_files_with_extended_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "t.dta"
    frame = pd.DataFrame({"id": ["a", "b", "c"], "g": [1, "a", 2], "dx": pd.to_datetime(["2020-01-31"] * 3)})
    write_dta(
        frame,
        str(path),
        missing_user_values={"g": ["a"]},
        variable_value_labels={"g": {1: "One", 2: "Two", "a": "Refused"}},
    )
    table = read_table(path, id_column="id")
    assert table.columns["g"].levels == {"1": "One", "2": "Two"}
    assert table.frame["g"].to_list() == ["1", None, "2"]
    assert table.frame["dx"].to_list() == [dt.date(2020, 1, 31)] * 3


@pytest.mark.parametrize("name", ["t.sav", "t.zsav", "t.dta"])
def test_a_file_of_another_format_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id,age\n1,2\n")
    with pytest.raises(DataError, match=r"it cannot be read as (SPSS|Stata)"):
        read_raw(tmp_path / name)


def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    write_sav(pd.DataFrame({"id": pd.Series([], dtype=float)}), str(tmp_path / "t.sav"))
    with pytest.raises(DataError, match="the file has no rows"):
        read_raw(tmp_path / "t.sav")


def test_compressed_files_are_read(tmp_path: Path) -> None:
    assert read_raw(sav(tmp_path / "t.zsav", compress=True)).source.rows == 4
