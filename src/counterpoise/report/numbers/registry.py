"""The numbers of a study, each under a stable id, and the one way to print them."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from counterpoise.errors import InputError
from counterpoise.report import format as fmt
from counterpoise.report.document import Cell, Part, Parts, Value, plain

FIELD = re.compile(r"\{((?:[^{}]|\{[^{}]*\})+):(\w+)\}")
"""`{id:format}`; the names of columns within an id may themselves hold braces in pairs."""


@dataclass(frozen=True, slots=True)
class Number:
    """One entry of `results.json`; NaN is 'cannot be estimated' and is written as null.

    `value` is in `unit` ('share' is a proportion of 1); `n` and `events` are those that the number rests on.
    """

    id: str
    value: float
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    std_error: float | None = None
    p_value: float | None = None
    method: str = ""
    estimand: str = ""
    n: float | None = None
    events: float | None = None

    def as_json(self) -> dict[str, str | float | None]:
        """Return the entry without its empty fields; what is not finite becomes null."""
        kept = {key: value for key, value in asdict(self).items() if value not in (None, "")}
        return {key: _json_number(value) for key, value in kept.items()}


class Numbers(Mapping[str, Number]):
    """All numbers of one study by id; an id can be given once only."""

    def __init__(self, entries: Iterable[Number]) -> None:
        self._entries: dict[str, Number] = {}
        for entry in entries:
            if entry.id in self._entries:
                raise InputError(f"Two results have the id `{entry.id}`.")
            self._entries[entry.id] = entry

    def __getitem__(self, key: str) -> Number:
        """Return the entry of that id."""
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids in the order in which they were given."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self._entries)

    def parts(self, template: str, prefix: str = "") -> Parts:
        """Fill a sentence: each `{id:format}` becomes the printed entry `prefix` + id, traced to it.

        A label of the user's may hold braces: what is no field, or names no entry, is text.

        >>> Numbers([Number("os.events", 30)]).parts("{os.events:count} deaths {in the {first} year}")
        (Value(ids=('os.events',), text='30'), ' deaths {in the {first} year}')
        """
        made: list[Part] = []
        end = place = 0
        while field := FIELD.search(template, place):
            entry = self._entries.get(prefix + field[1])
            place = field.start() + 1
            if entry is not None:
                made += [template[end : field.start()], Value((entry.id,), printed(entry, field[2]))]
                end = place = field.end()
        return tuple(part for part in (*made, template[end:]) if part)

    def cell(self, template: str, prefix: str = "", span: int = 1) -> Cell:
        """Return a table cell filled like a sentence."""
        return Cell(self.parts(template, prefix), span)

    def text(self, template: str, prefix: str = "") -> str:
        """Return a filled sentence as plain text, for figures and for the terminal."""
        return plain(self.parts(template, prefix), {})


def printed(entry: Number, style: str) -> str:
    """Print an entry: count, number0 to number4, ratio, percent, share, p, p_equation, or its interval or P value.

    A `level` is a percentage without decimals where it needs none.

    >>> printed(Number("x", 0.54, lower=0.25, upper=1.02, p_value=0.04), "ratio_interval")
    '0.25–1.02'
    """
    if style == "p_value":
        return fmt.format_p(_known(entry.p_value))
    if style == "p_value_equation":
        return fmt.format_p_equation(_known(entry.p_value))
    if style == "std_error":
        return fmt.format_number(_known(entry.std_error))
    if style.endswith("_interval"):
        return _interval(entry, style.removesuffix("_interval"))
    if style == "median":
        return fmt.format_number(entry.value, 1, missing="not reached")
    return _single(entry.value, style)


def _single(value: float, style: str) -> str:
    if style in ("number", "number0", "number1", "number2", "number3", "number4"):
        return fmt.format_number(value, int(style.removeprefix("number") or "2"))
    if style == "count":
        return fmt.format_count(value)
    if style == "ratio":
        return fmt.format_ratio(value)
    if style == "p":
        return fmt.format_p(value)
    if style == "p_equation":
        return fmt.format_p_equation(value)
    if style == "percent":
        return fmt.format_percent(value)
    if style == "level":
        return fmt.format_percent(value, 0 if round(100 * value, 6) % 1 == 0 else 1)
    if style == "share":
        return fmt.format_percent(value, sign=False)
    raise InputError(f"There is no way to print a number called `{style}`.")


def _interval(entry: Number, style: str) -> str:
    lower, upper = _known(entry.lower), _known(entry.upper)
    if style == "median":
        return fmt.format_interval(lower, upper, lambda v: fmt.format_number(v, 1), missing="not reached")
    signed = lower < 0 or upper < 0
    return fmt.format_interval(lower, upper, lambda value: _single(value, style), signed=signed)


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _json_number(value: str | float) -> str | float | None:
    if isinstance(value, str):
        return value
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
