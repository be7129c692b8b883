"""Checks of the records: what contradicts itself, and what should be asked; nothing is ever changed."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from counterpoise.errors import PlanError, Problem
from counterpoise.oncology.quality_check import CHECKS, Check, Hit, Query
from counterpoise.oncology.quality_dates import mistyped_year, swapped_day_and_month, transposed_digits
from counterpoise.oncology.quality_detectors import (
    Detector,
    alike_identifiers,
    alike_rows,
    constant_columns,
    empty_columns,
    heaped_days,
    identical_rows,
    mixed_units,
    outliers,
    placeholder_dates,
    placeholder_numbers,
    same_facts,
    spellings,
    unknown_codes,
)
from counterpoise.oncology.quality_staging import staging
from counterpoise.oncology.records import AS_OF, CUTOFF, ROLES, Records
from counterpoise.read.rule_syntax import RuleError
from counterpoise.read.rules import Rule, parse_rule
from counterpoise.read.table import FILE_ROW
from counterpoise.read.unread import Unread

EACH = "each"
_WHERE = "rule set quality"

DETECTORS: Mapping[str, Detector] = {
    "placeholder_dates": placeholder_dates,
    "identical_rows": identical_rows,
    "same_facts": same_facts,
    "alike_rows": alike_rows,
    "alike_identifiers": alike_identifiers,
    "mixed_units": mixed_units,
    "outliers": outliers,
    "placeholder_numbers": placeholder_numbers,
    "spellings": spellings,
    "staging": staging,
    "unknown_codes": unknown_codes,
    "swapped_day_and_month": swapped_day_and_month,
    "transposed_digits": transposed_digits,
    "mistyped_year": mistyped_year,
    "constant_columns": constant_columns,
    "empty_columns": empty_columns,
    "heaped_days": heaped_days,
}
UNREAD = "unread_cells"


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that could not be run, and what the plan would have to name for it."""

    check: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """The outcome of all checks: queries and notes on columns in a fixed order, what was run, and what was not.

    `checks` are those in force by id, the user's among them.
    """

    queries: tuple[Query, ...]
    notes: tuple[Query, ...]
    run: tuple[str, ...]
    not_run: tuple[NotRun, ...]
    checks: Mapping[str, Check]

    def of_check(self, check: str) -> tuple[Query, ...]:
        """Return the queries of one check."""
        return tuple(query for query in self.queries if query.check == check)


def check_records(
    records: Records, unread: Iterable[Unread] = (), checks: Mapping[str, Check] | None = None
) -> Quality:
    """Apply every check to every patient; a check whose roles the plan does not name is not run.

    `checks` are those in force; left out, those shipped.

    The order of queries is that of the checks, then of the patients by name: it does not hang on the order of rows.
    Raises `PlanError` where a condition cannot be used.

    >>> from counterpoise.oncology.records import records
    >>> from counterpoise.read import table_from_frame
    >>> seen = {"id": ["a", "b"], "op": ["2019-03-02", "2019-04-01"], "relapse": ["2018-12-01", None]}
    >>> table = table_from_frame(pl.DataFrame(seen), id_column="id")
    >>> found = check_records(records(table, {"surgery": "op", "local": "relapse"})).of_check("E2")
    >>> [(query.patient, query.what) for query in found]
    [('a', 'The date of local recurrence (2018-12-01) lies before surgery (2019-03-02).')]
    """
    known = CHECKS if checks is None else checks
    filled = records.with_missing([role for check in known.values() for role in check.optional])
    hits: dict[str, list[Hit]] = {}
    not_run: list[NotRun] = []
    turns: list[_Turn] = []
    problems: list[Problem] = []
    for name, check in known.items():
        try:
            made = _turns(name, check, records) if check.when else _detected(check, records, unread)
            for turn in made:
                if isinstance(turn, _Turn):
                    turn.rule.kind(filled.known)
        except RuleError as error:
            problems += [Problem(f"{_WHERE}: {name}", problem.what, problem.remedy) for problem in error.problems]
            continue
        if isinstance(made, tuple):
            not_run.append(NotRun(name, made))
            continue
        hits[name] = [hit for hit in made if isinstance(hit, Hit)]
        turns += [turn for turn in made if isinstance(turn, _Turn)]
    if problems:
        raise PlanError(problems)
    for name, hit in _condition_hits(turns, filled, known):
        hits[name].append(hit)
    queries = [query for name in hits for query in _queries(name, known[name], records, hits[name])]
    notes = tuple(query for query in queries if query.severity == "note")
    asked = tuple(query for query in queries if query.severity != "note")
    return Quality(asked, notes, tuple(hits), tuple(not_run), known)


def _detected(check: Check, records: Records, unread: Iterable[Unread]) -> list[Hit] | tuple[str, ...]:
    """Return the hits of a detector, or the roles for want of which it cannot be run."""
    if check.detector == UNREAD:
        return [_unread_hit(cell, records) for cell in unread]
    absent = tuple(role for role in check.roles if role not in records.columns)
    return absent or DETECTORS[check.detector](records, check)


def _queries(name: str, check: Check, records: Records, hits: Iterable[Hit]) -> list[Query]:
    made = [_query(name, check, records, hit) for hit in hits]
    return sorted(made, key=lambda query: (query.patient, query.columns, query.values, query.what))


def _unread_hit(cell: Unread, records: Records) -> Hit:
    rows = records.table.frame[FILE_ROW]
    row = rows.index_of(cell.row)
    return Hit(row, (cell.column,), {"value": cell.text, "column": cell.column, "reason": cell.reason})


@dataclass(frozen=True, slots=True)
class _Turn:
    """One condition to be tried: of which check, for which role in turn (or none), and over which roles."""

    check: str
    role: str
    rule: Rule
    columns: tuple[str, ...]


def _turns(name: str, check: Check, records: Records) -> list[_Turn] | tuple[str, ...]:
    """Return the conditions of one check, or the roles for want of which it cannot be run."""
    roles = [role for role in check.each if role in records.columns] if check.each else [""]
    made: list[_Turn] = []
    for role in roles:
        rule = parse_rule(in_turn(check.when, role))
        needed = set(rule.columns).union(*(parse_rule(in_turn(text, role)).columns for text in check.show.values()))
        absent = needed - set(records.known) - set(check.optional)
        if absent:
            return tuple(sorted(absent))
        named = dict.fromkeys((*filter(None, [role]), *(other for other in ROLES if other in rule.columns)))
        columns = dict.fromkeys(records.columns[other] for other in named if other in records.columns)
        made.append(_Turn(name, role, rule, tuple(columns)))
    return made or check.each


def in_turn(text: str, role: str) -> str:
    """Return an expression with `each` read as the role whose turn it is."""
    return re.sub(rf"\b{EACH}\b", role, text) if role else text


def _condition_hits(turns: Sequence[_Turn], records: Records, checks: Mapping[str, Check]) -> Iterator[tuple[str, Hit]]:
    """Try all conditions at once."""
    holds = [turn.rule.expression(records.known).alias(str(at)) for at, turn in enumerate(turns)]
    found = records.facts.select(holds).fill_null(value=False)
    for at, turn in enumerate(turns):
        rows = [int(row) for row in found[str(at)].arg_true()]
        shown = _shown(checks[turn.check], turn, records) if rows else {}
        for row in rows:
            yield turn.check, Hit(row, turn.columns, _words(records, row, turn.role, shown))


def _shown(check: Check, turn: _Turn, records: Records) -> dict[str, pl.Series]:
    rules = {name: parse_rule(in_turn(text, turn.role)) for name, text in check.show.items()}
    return {
        name: records.facts.select(rule.expression(records.known).alias(name))[name] for name, rule in rules.items()
    }


def _words(records: Records, row: int, turn: str, shown: Mapping[str, pl.Series]) -> dict[str, str]:
    words = {role: records.shown(role, row) for role in (*records.columns, *(set(records.known) & {CUTOFF, AS_OF}))}
    words |= {role: "missing" for role in records.known if role not in words}
    words |= {role: "not recorded" for role in ROLES if role not in words}
    words |= {name: "missing" if series[row] is None else f"{series[row]:.4g}" for name, series in shown.items()}
    return words | ({EACH: records.shown(turn, row), "each_name": ROLES[turn].meaning} if turn else {})


def _query(name: str, check: Check, records: Records, hit: Hit) -> Query:
    row = None if hit.row is None else int(records.table.frame[FILE_ROW][hit.row])
    return Query(
        check=name,
        severity=check.severity,
        patient="" if hit.row is None else records.patient(hit.row),
        row=row,
        columns=hit.columns,
        values=() if hit.row is None else tuple(records.cell(column, hit.row) for column in hit.columns),
        what=_sentence(check.what, hit.words),
        ask=_sentence(check.ask, hit.words),
        meanwhile=check.meanwhile,
    )


def _sentence(template: str, words: Mapping[str, str]) -> str:
    text = template.format_map(words)
    return text[:1].upper() + text[1:] if template.startswith("{each_name}") else text
