from pathlib import Path

import pytest

from counterpoise.errors import DataError
from counterpoise.read import read_raw


def told(path: Path, sheet: str | None = None, encoding: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_raw(path, sheet=sheet, encoding=encoding)
    return str(caught.value)


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("id\n1\n")
    assert told(tmp_path / "patient.csv").endswith("there is no such file; did you mean `patients.csv`?")
    assert told(tmp_path / "nowhere" / "x.csv").endswith("the path is taken from the folder of the plan")


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert told(tmp_path).endswith("it is a folder, not a file; name the table in it")


def test_formats_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    for name in ("t.docx", "t.csv.bak", "table"):
        (tmp_path / name).write_text("id\n1\n")
    formats = "the formats are .csv, .tsv, .txt, .xlsx, .xls, .sav, .dta, .parquet"
    assert told(tmp_path / "t.docx") == f"t.docx: files ending in `.docx` cannot be read; {formats}"
    assert told(tmp_path / "t.csv.bak") == f"t.csv.bak: files ending in `.bak` cannot be read; {formats}"
    assert told(tmp_path / "table") == f"table: a name without an ending says no format; {formats}"


def test_options_that_mean_nothing_for_the_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id\n1\n")
    (tmp_path / "t.xlsx").write_text("id\n1\n")
    assert "only workbooks have sheets" in told(tmp_path / "t.csv", sheet="A")
    assert "an encoding is chosen for text tables only" in told(tmp_path / "t.xlsx", encoding="utf-8")


@pytest.mark.parametrize("name", ["empty.csv", "empty.xlsx", "empty.sav", "empty.parquet"])
def test_an_empty_file_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert told(tmp_path / name) == f"{name}: the file is empty; it needs a header and one row a patient"


@pytest.mark.parametrize("name", ["T.CSV", "t.tsv", "t.tab", "t.txt"])
def test_the_ending_of_a_text_table_says_nothing_of_its_separator(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id;age\nP1;61\n")
    assert read_raw(str(tmp_path / name)).names == ("id", "age")
