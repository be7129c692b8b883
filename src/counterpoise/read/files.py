"""From a path to text cells: the format by the ending of the name, the rest by the content."""

import hashlib
from pathlib import Path

from counterpoise.errors import DataError, Problem
from counterpoise.read.names import nearest
from counterpoise.read.raw import RawTable

_TEXT = frozenset({".csv", ".tsv", ".tab", ".txt"})
_EXCEL = frozenset({".xlsx", ".xlsm", ".xls"})
_LABELLED = frozenset({".sav", ".zsav", ".dta"})
EXTENSIONS = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".sav", ".dta", ".parquet")


def read_raw(path: str | Path, *, sheet: str | None = None, encoding: str | None = None) -> RawTable:
    r"""Return the cells of a patient table as text, each with its file row; what cannot be read is a `DataError`.

    CSV (any encoding and separator, both found from the content), Excel, SPSS, Stata, Parquet. `sheet` names a
    sheet of a workbook (default: the first), `encoding` that of a text table (default: found).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "patients.csv")
    ...     _ = path.write_text("id;age\nP1;61\n")
    ...     read_raw(path).frame.rows()
    [(2, 'P1', '61')]
    """
    path = Path(path)
    suffix = path.suffix.lower()
    data = _bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if not data:
        raise DataError([Problem(path.name, "the file is empty", "it needs a header and one row a patient")])
    _refuse_misplaced(path.name, suffix, sheet, encoding)
    if suffix in _TEXT:
        from counterpoise.read.csv_file import read_csv

        return read_csv(path, data, sha256, encoding=encoding)
    if suffix in _EXCEL:
        from counterpoise.read.workbook import read_workbook

        return read_workbook(path, sha256, sheet=sheet)
    if suffix in _LABELLED:
        from counterpoise.read.labelled import read_labelled

        return read_labelled(path, sha256)
    from counterpoise.read.frames import read_parquet

    return read_parquet(path, sha256)


def _refuse_misplaced(name: str, suffix: str, sheet: str | None, encoding: str | None) -> None:
    """Refuse unknown formats, and options that mean nothing for the format."""
    if suffix not in _TEXT | _EXCEL | _LABELLED | {".parquet"}:
        what = f"files ending in `{suffix}` cannot be read" if suffix else "a name without an ending says no format"
        raise DataError([Problem(name, what, f"the formats are {', '.join(EXTENSIONS)}")])
    if sheet is not None and suffix not in _EXCEL:
        raise DataError([Problem(name, f"only workbooks have sheets, so `{sheet}` names none", "leave it out")])
    if encoding is not None and suffix not in _TEXT:
        raise DataError([Problem(name, "an encoding is chosen for text tables only", "leave it out")])


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        folder = path.parent
        siblings = [other.name for other in folder.iterdir()] if folder.is_dir() else []
        remedy = nearest(path.name, siblings) or "the path is taken from the folder of the plan"
        raise DataError([Problem(str(path), "there is no such file", remedy)]) from error
    except IsADirectoryError as error:
        raise DataError([Problem(str(path), "it is a folder, not a file", "name the table in it")]) from error
    except OSError as error:
        raise DataError([Problem(str(path), f"it cannot be opened ({error.strerror})")]) from error
