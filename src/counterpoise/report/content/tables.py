"""Pieces that every table is built from."""

import math
from collections.abc import Iterable, Sequence

from counterpoise.report.document import Cell, Row, Strong
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

CONFIDENCE = "{settings.confidence:level} CI"
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
    months = study.plan.study.horizon_months
    key, unit = ("horizon_years", "year") if months % 12 == 0 else ("horizon", "month")
    digits = 0 if months % 1 == 0 else 1
    field = f"{{settings.{key}:number{digits}}}"
    if before_noun:
        return f"{field}-{unit}"
    return f"{field} {unit}" if months in (1, 12) else f"{field} {unit}s"


def known(numbers: Numbers, key: str) -> bool:
    """Return whether there is an estimate under that id."""
    return not math.isnan(numbers[key].value)


def with_interval(numbers: Numbers, key: str, style: str) -> str:
    """Return the template of 'estimate (interval)', or of an en dash where there is no estimate."""
    estimate = f"{{{key}:{style}}}"
    return f"{estimate} ({{{key}:{style}_interval}})" if known(numbers, key) else estimate


def ratio_cells(numbers: Numbers, key: str) -> tuple[Cell, Cell]:
    """Return 'HR (interval)' and its P value; an en dash for both where there is no estimate."""
    return numbers.cell(with_interval(numbers, key, "ratio")), numbers.cell(f"{{{key}:p_value}}")


def beyond(study: Study, numbers: Numbers, keys: Iterable[str]) -> str:
    """Return the template of a note where a rate at the horizon is not known, else nothing."""
    if all(known(numbers, key) for key in keys):
        return ""
    return f" A dash: observation ended before {horizon(study, before_noun=False)}."


def is_share(study: Study) -> list[bool]:
    """Say for each column of the score's covariates whether it is a share rather than a mean."""
    flags: list[bool] = []
    for item in study.design.score.covariates:
        flags += [not item.is_numeric] * (len(item.levels) if item.kind == "category" else 1)
    return flags
