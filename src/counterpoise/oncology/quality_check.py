"""What a check of the records is, and what it finds."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, TypeAdapter

from counterpoise.oncology.rule_tables import read_rules
from counterpoise.read.codebook import Options

CheckSeverity = Literal["error", "query", "note"]
EMPTY = "(empty)"
_ID_DIGITS = 10


class Check(Options):
    """One table of `rules/quality.toml`.

    `when` is a condition over roles, `each` the roles for which it is tried in turn, `optional` those that count as
    missing where the plan does not name them, `show` further expressions for the text; or `detector` names code,
    and the remaining fields are its parameters: of `staging` these are the `rule`, the roles of its `arguments`,
    where its outcome is `recorded`, and a condition `unless`. `what`, `ask` and `meanwhile` are the texts of a query.
    """

    severity: CheckSeverity
    title: str
    when: str = ""
    each: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    show: dict[str, str] = Field(default_factory=dict[str, str])
    detector: str = ""
    roles: tuple[str, ...] = ()
    numbers: dict[str, float] = Field(default_factory=dict[str, float])
    values: tuple[float, ...] = ()
    days: tuple[dt.date, ...] = ()
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict[str, tuple[float, float]])
    rule: str = ""
    arguments: dict[str, str] = Field(default_factory=dict[str, str])
    recorded: str = ""
    unless: str = ""
    factors: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])
    what: str
    ask: str
    meanwhile: str = ""
    source: str
    verified: str = ""
    edition: str = ""


CHECKS: Mapping[str, Check] = TypeAdapter(dict[str, Check]).validate_python(read_rules("quality"))
"""Every shipped check by its id, in the order in which lists show them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One patient in whom a check holds: her row, the columns concerned, and the words of the text.

    A note about a whole column has no `row`.
    """

    row: int | None
    columns: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Query:
    """One thing to be asked of one patient's record, or a note about a column.

    `values` are the cells of `columns` as they stand in the file; `row` is the row of the file. `id` hangs on check,
    patient, columns and values only: a value that was changed makes another query.
    """

    check: str
    severity: CheckSeverity
    patient: str
    row: int | None
    columns: tuple[str, ...]
    values: tuple[str, ...]
    what: str
    ask: str
    meanwhile: str

    @property
    def id(self) -> str:
        """The name under which the query is answered."""
        return query_id(self.check, self.patient, self.shown)

    @property
    def shown(self) -> str:
        """The cells concerned, as one line of text; for a whole column, its name."""
        if self.row is None:
            return "; ".join(self.columns)
        return "; ".join(
            f"{column} = {value or EMPTY}" for column, value in zip(self.columns, self.values, strict=True)
        )


def query_id(check: str, patient: str, shown: str) -> str:
    """Return the name of a query: the check, and a fingerprint of patient and cells.

    >>> query_id("E2", "P7", "surgery = 2019-01-02")
    'E2-...'
    """
    text = "\x1f".join((check, patient, shown))
    return f"{check}-{hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]}"
