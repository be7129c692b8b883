"""Excel workbooks: one sheet is the table, and its first row with content is the header."""

from pathlib import Path
from typing import TYPE_CHECKING

from counterpoise.errors import DataError, Problem
from counterpoise.read.names import nearest
from counterpoise.read.raw import RawTable, cell_text, frame_of, grid_of
from counterpoise.read.table import Source

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook


def read_workbook(path: Path, sha256: str, *, sheet: str | None = None) -> RawTable:
    """Return the cells of a sheet, the first unless it is named; a cell that Excel holds as a date is ISO text.

    The file row is the row of the sheet. A formula gives the value that was stored with it; an error such as
    #DIV/0! is an empty cell.
    """
    workbook = _open(path)
    if sheet is None:
        sheet, notes = workbook.sheet_names[0], _other_sheets(workbook, path.name)
    elif sheet in workbook.sheet_names:
        notes = ()
    else:
        what = f"it has no sheet `{sheet}`"
        remedy = nearest(sheet, workbook.sheet_names) or f"its sheets are {_listed(workbook.sheet_names)}"
        raise DataError([Problem(path.name, what, remedy)])
    cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    rows = ((file_row, [cell_text(cell) for cell in row]) for file_row, row in enumerate(cells, 1))
    names, frame, more = frame_of(grid_of(rows, f"{path.name}, sheet `{sheet}`"))
    source = Source(path.name, sha256, f"Excel ({path.suffix[1:].lower()})", "", frame.height)
    return RawTable(names, frame, source, notes=(*notes, *more))


def _open(path: Path) -> "CalamineWorkbook":
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_path(path)
    except PasswordError as error:
        raise DataError([Problem(path.name, "it is protected by a password", "save it without one")]) from error
    except CalamineError as error:
        remedy = "if it opens in a text editor, give it the ending .csv; else save it again from Excel"
        raise DataError([Problem(path.name, "it is not an Excel workbook", remedy)]) from error


def _other_sheets(workbook: "CalamineWorkbook", name: str) -> tuple[Problem, ...]:
    """Note the other sheets that hold something, since none was named."""
    first, *others = workbook.sheet_names
    filled = [other for other in others if workbook.get_sheet_by_name(other).height]
    what = f"the sheet `{first}` was read, and {_listed(filled)} left aside"
    return (Problem(name, what),) if filled else ()


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
