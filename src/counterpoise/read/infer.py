"""The kind of a column that the plan does not declare: cautious, and never a guess between day and month."""

import re
from collections.abc import Callable, Collection, Mapping

from counterpoise.read.cells import CellError, date, has_decimal_comma, integer, number
from counterpoise.read.codebook import InferredColumn, Kind

_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
_MOST_LEVELS = 20


def infer_kind(values: Collection[str], rows: int, *, decimal_comma: bool = False) -> Kind:
    """Return the kind of a column from its distinct values that are not missing, in `rows` cells.

    Flag if all are 0 or 1; integer; number; date if all are written year first; category if there are at most 20
    distinct values and each occurs twice on average (two always); else text. A code such as 007 is no number.

    >>> infer_kind({"0", "1"}, 9), infer_kind({"1", "2"}, 9), infer_kind({"2020-01-31"}, 9), infer_kind({"F", "M"}, 9)
    ('flag', 'integer', 'date', 'category')
    """
    if not values:
        return "text"
    if set(values) <= {"0", "1"}:
        return "flag"
    decimal = "," if decimal_comma and any(map(has_decimal_comma, values)) else "."
    if not any(map(_LEADING_ZERO.match, values)):
        if all_read(integer, values):
            return "integer"
        if all_read(lambda text: number(text, decimal), values):
            return "number"
    if all_read(date, values) and all(not value.isdigit() for value in values):
        return "date"
    return "category" if len(values) <= max(2, min(_MOST_LEVELS, rows // 2)) else "text"


def infer_labelled(values: Collection[str], levels: Mapping[str, str]) -> InferredColumn | None:
    """Return the column that value labels of the file describe, or None where some value has no label.

    >>> infer_labelled({"1", "2"}, {"1": "Male", "2": "Female"}).kind
    'category'
    """
    if not values or not set(values) <= set(levels):
        return None
    kind: Kind = "flag" if set(levels) == {"0", "1"} else "category"
    return InferredColumn(kind=kind, levels=dict(levels))


def all_read(parse: Callable[[str], object], values: Collection[str]) -> bool:
    """Say whether `parse` accepts every one of the values."""
    try:
        for value in values:
            parse(value)
    except CellError:
        return False
    return True


def natural_order(codes: Collection[str]) -> list[str]:
    """Sort codes as a reader expects: numbers by size, before texts in alphabetical order.

    >>> natural_order({"10", "9", "x"})
    ['9', '10', 'x']
    """
    return sorted(codes, key=lambda code: (not code.isdecimal(), int(code) if code.isdecimal() else 0, code))
