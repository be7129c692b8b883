"""Pieces that every table is built from."""

from collections.abc import Sequence

from counterpoise.report.document import Cell, Row, Strong
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

CONFIDENCE = "{settings.confidence:percent0} CI"
KEYS = ("control", "treated")
ADJUSTMENTS = {"unadjusted": "Unadjusted", "matched": "Matched", "weighted": "Weighted"}


def text(words: str, span: int = 1) -> Cell:
    """Return a cell of plain words."""
    return Cell((words,) if words else (), span)


def head(*cells: Cell | str) -> Row:
    """Return a row of column titles."""
    return Row(tuple(text(cell) if isinstance(cell, str) else cell for cell in cells))


def group(label: str, width: int) -> Row:
    """Return a row that opens a block."""
    return Row((Cell((Strong(label),), width),), "group")


def body(label: str, cells: Sequence[Cell], indent: int = 0) -> Row:
    """Return a row of numbers behind its label."""
    return Row((text(label), *cells), "body", indent)


def horizon(study: Study, *, before_noun: bool = True) -> str:
    """Return the template of the horizon: '{...}-year' before a noun, '{...} years' otherwise."""
    whole_years = study.plan.study.horizon_months % 12 == 0
    key, unit = ("horizon_years", "year") if whole_years else ("horizon", "month")
    field = f"{{settings.{key}:number0}}"
    return f"{field}-{unit}" if before_noun else f"{field} {unit}s"


def ratio_cells(numbers: Numbers, key: str) -> tuple[Cell, Cell]:
    """Return 'HR (interval)' and its P value; an en dash for both where there is no estimate."""
    if numbers[key].value != numbers[key].value:
        return numbers.cell(f"{{{key}:ratio}}"), numbers.cell(f"{{{key}:p_value}}")
    return (
        numbers.cell(f"{{{key}:ratio}} ({{{key}:ratio_interval}})"),
        numbers.cell(f"{{{key}:p_value}}"),
    )
