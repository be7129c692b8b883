"""SPSS and Stata files, which bring value labels and codes for missing values along."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from counterpoise.errors import DataError, Problem
from counterpoise.read.raw import RawTable, cell_text, name_problems
from counterpoise.read.table import FILE_ROW, Source

if TYPE_CHECKING:
    from pyreadstat import metadata_container

FORMATS = {".sav": "SPSS (sav)", ".zsav": "SPSS (zsav)", ".dta": "Stata (dta)"}


def read_labelled(path: Path, sha256: str) -> RawTable:
    """Return the cells of an SPSS or Stata file with its variable labels, value labels and user-missing codes.

    User-missing codes keep their values in the cells and are listed in `missing`, so that nothing is lost that the
    file tells apart. The file row is the number of the case.
    """
    cells, meta = _read(path)
    names = list(cells)
    problems = name_problems(names)
    if problems:
        raise DataError(problems)
    columns = {name: [cell_text(value) for value in cells[name]] for name in names}
    rows = len(columns[names[0]]) if names else 0
    if not rows:
        raise DataError([Problem(path.name, "the file has no rows", "it needs one row a patient")])
    frame = pl.DataFrame({name: pl.Series(column, dtype=pl.String) for name, column in columns.items()})
    frame.insert_column(0, pl.Series(FILE_ROW, range(1, rows + 1), dtype=pl.Int64))
    suffix = path.suffix.lower()
    source = Source(path.name, sha256, FORMATS[suffix], meta.file_encoding or "", rows)
    return RawTable(
        tuple(names),
        frame,
        source,
        labels={name: label for name, label in meta.column_names_to_labels.items() if label},
        levels=_levels(meta.variable_value_labels),
        missing={name: _missing_codes(name, columns[name], meta) for name in names},
    )


def _read(path: Path) -> tuple[Mapping[str, Sequence[object]], "metadata_container"]:
    import pyreadstat

    reader = pyreadstat.read_dta if path.suffix.lower() == ".dta" else pyreadstat.read_sav
    try:
        cells, meta = reader(str(path), output_format="dict", user_missing=True)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError) as error:
        kind = FORMATS[path.suffix.lower()]
        remedy = "save it again from the program that wrote it, or as CSV"
        raise DataError([Problem(path.name, f"it cannot be read as {kind}", remedy)]) from error
    return cells, meta


def _levels(labels: Mapping[str, Mapping[float | int, str]]) -> dict[str, dict[str, str]]:
    return {name: {cell_text(code): label for code, label in of_column.items()} for name, of_column in labels.items()}


def _missing_codes(name: str, column: Sequence[str], meta: "metadata_container") -> tuple[str, ...]:
    """Return the codes of a column that the file declares missing: each that occurs, and each that is listed."""
    listed = [cell_text(code) for code in meta.missing_user_values.get(name, ())]
    for bounds in meta.missing_ranges.get(name, ()):
        ends = cast(Mapping[str, object], bounds)
        low, high = ends["lo"], ends["hi"]
        listed += [cell_text(low)] if low == high else _between(column, low, high)
    return tuple(dict.fromkeys(listed))


def _between(column: Sequence[str], low: object, high: object) -> list[str]:
    if isinstance(low, str) or isinstance(high, str):
        return [code for code in column if code and str(low) <= code <= str(high)]
    return [code for code in column if code and float(str(low)) <= float(code) <= float(str(high))]
