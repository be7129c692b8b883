"""What a starter plan proposes for a table: treatment, endpoints and covariates, from names and contents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from counterpoise.read import Column, DateOrder, RawTable, Roles, Table, guess_roles
from counterpoise.read.cells import date
from counterpoise.read.infer import all_read
from counterpoise.read.rule_syntax import KEYWORDS

MOST_LEVELS = 6
RAREST = 0.05
MOST_MISSING = 0.1
PATIENTS_A_COEFFICIENT = 10
_UNITS = {"mm": "mm", "cm": "cm", "kg": "kg", "gy": "Gy", "pct": "%", "percent": "%"}
_AFTERWARDS = re.compile(
    r"death|dead|died|recur|relapse|progress|surviv|follow|cause|status|event|^acute|^late|tox|complic"
    r"|site$|^(os|dfs|pfs|rfs)|time$|months?$|days?$|死亡|复发|随访"
)
_TIME = re.compile(r"time|months?|days?|years?|^(os|surv|fu)", re.IGNORECASE)
_EVENT = re.compile(r"death|dead|died|status|event|cens|^os", re.IGNORECASE)
_DATE_NAME = re.compile(r"date|datum|fecha|birth|dob|start$|end$|日期", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*")


@dataclass(frozen=True, slots=True)
class Treatment:
    """The 0/1 column that is compared; `rule` makes it of another column where the table has none."""

    column: str
    rule: str
    label: str
    treated: str
    control: str


@dataclass(frozen=True, slots=True)
class Times:
    """An endpoint whose times the table already holds."""

    time: str
    event: str
    unit: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that a starter plan proposes.

    `unsure` names the columns of dates of which day and month cannot be told apart. `criteria` are pairs of a name
    and a rule that drops patients. `score` are those covariates of `baseline` that the smaller arm can bear.
    """

    file: str
    roles: Roles
    columns: Mapping[str, Column]
    unsure: Sequence[str]
    treatment: Treatment | None
    times: Times | None
    criteria: Sequence[tuple[str, str]]
    baseline: Sequence[str]
    score: Sequence[str]


def draft_plan(table: Table, file: str, unsure: Sequence[str] = ()) -> Draft:
    """Propose a study of a table, to be read by a person; covariates are sought left of the treatment."""
    roles = guess_roles(table)
    treatment = _treatment(table, roles)
    baseline = _baseline(table, roles)
    return Draft(
        file=file,
        roles=roles,
        columns={name: _described(name, column) for name, column in table.columns.items()},
        unsure=unsure,
        treatment=treatment,
        times=None if roles.origin and roles.last_contact else _times(table),
        criteria=_criteria(table, roles, treatment),
        baseline=baseline,
        score=_affordable(table, roles, baseline),
    )


def date_orders(raw: RawTable) -> dict[str, tuple[DateOrder, bool]]:
    """Return the columns of dates that are not written year first: their order, and whether it is beyond doubt.

    Whole numbers are day numbers of Excel where the column's name speaks of a date and each would be a day of
    1927 to 2064.
    """
    found: dict[str, tuple[DateOrder, bool]] = {}
    for name in raw.names:
        cells = {cell.strip() for cell in raw.frame[name]} - {"", "NA"}
        if not cells or all_read(date, cells):
            continue
        if _DATE_NAME.search(name) and all(cell.isdecimal() and 10_000 <= int(cell) < 60_000 for cell in cells):
            found[name] = "excel", False
            continue
        fitting: list[DateOrder] = [order for order in ("dmy", "mdy") if all_read(partial(date, order=order), cells)]
        if fitting:
            found[name] = fitting[0], len(fitting) == 1
    return found


def in_rule(name: str) -> str:
    """Return a column's name as a rule writes it.

    >>> in_rule("age"), in_rule("Date of birth")
    ('age', '`Date of birth`')
    """
    plain = _PLAIN_NAME.fullmatch(name) and name not in KEYWORDS
    return name if plain else f"`{name}`"


def _described(name: str, column: Column) -> Column:
    """Give a column the label and unit that its name suggests."""
    words = re.sub(r"(?<=[a-z]{3})(?=[A-Z])|[_.\s]+", " ", name).split()
    unit = ""
    if column.kind in ("number", "integer"):
        unit = column.unit or _UNITS.get(words[-1].lower(), "")
    if unit and not column.unit and len(words) > 1:
        words = words[:-1]
    first = words[0] if words[0] != words[0].lower() else words[0].capitalize()
    label = column.label if column.label not in ("", name) else " ".join([first, *words[1:]])
    return column.model_copy(update={"label": label, "unit": unit})


def _treatment(table: Table, roles: Roles) -> Treatment | None:
    if not roles.treatments:
        return None
    name = roles.treatments[0]
    column = _described(name, table.columns[name])
    if column.kind == "flag":
        treated = column.levels.get("1", column.label)
        without = treated if treated[1:2].isupper() else treated[:1].lower() + treated[1:]
        return Treatment(name, "", column.label, treated, column.levels.get("0", f"No {without}"))
    codes = sorted(str(code) for code in table.frame[name].drop_nulls().unique())
    control, treated = (column.levels.get(code, code) for code in codes)
    code = codes[1] if column.kind == "integer" else f'"{codes[1]}"'
    return Treatment("treated", f"{in_rule(name)} == {code}", column.label, treated, control)


def _criteria(table: Table, roles: Roles, treatment: Treatment | None) -> list[tuple[str, str]]:
    """Drop the patients without whom the study cannot do, where there are any."""
    frame = table.frame
    found: list[tuple[str, str]] = []
    if treatment and roles.treatments and frame[roles.treatments[0]].null_count():
        found.append(("Treatment not known", f"{in_rule(roles.treatments[0])} is missing"))
    if not (roles.origin and roles.last_contact):
        return found
    if frame[roles.origin].null_count():
        found.append(("Origin of time not known", f"{in_rule(roles.origin)} is missing"))
    lost = frame[roles.last_contact].is_null()
    rule = f"{in_rule(roles.last_contact)} is missing"
    if roles.death:
        lost &= frame[roles.death].is_null()
        rule += f" and {in_rule(roles.death)} is missing"
    return [*found, ("Follow-up missing", rule)] if lost.any() else found


def _baseline(table: Table, roles: Roles) -> list[str]:
    """Return the covariates: columns left of the treatment that vary, are nearly complete, and are no outcome."""
    names = list(table.columns)
    end = names.index(roles.treatments[0]) if roles.treatments else len(names)
    chosen = [name for name in names[:end] if _is_covariate(table, name)]
    return ["age", *chosen] if roles.birth and roles.origin and "age" not in names else chosen


def _is_covariate(table: Table, name: str) -> bool:
    column, series = table.columns[name], table.frame[name]
    if column.kind not in ("integer", "number", "flag", "category") or _AFTERWARDS.search(name.lower()):
        return False
    counts: list[int] = series.drop_nulls().value_counts()["count"].to_list()
    if len(counts) < 2 or series.null_count() > MOST_MISSING * series.len():
        return False
    if column.kind == "integer" and len(counts) == series.len():  # the number of a row, or another identifier
        return False
    if column.kind == "category" and len(counts) > MOST_LEVELS:
        return False
    return column.kind not in ("flag", "category") or min(counts) >= RAREST * series.len()


def _affordable(table: Table, roles: Roles, baseline: Sequence[str]) -> list[str]:
    """Return the first covariates, as long as the smaller arm has ten patients for each coefficient."""
    if not roles.treatments:
        return list(baseline)
    arms: list[int] = table.frame[roles.treatments[0]].drop_nulls().value_counts()["count"].to_list()
    left = min(arms) // PATIENTS_A_COEFFICIENT
    chosen: list[str] = []
    for name in baseline:
        levels = table.columns[name].levels if name in table.columns else {}
        cost = max(len(levels) - 1, 1) if levels and table.columns[name].kind == "category" else 1
        if cost <= left:
            chosen.append(name)
            left -= cost
    return chosen


def _times(table: Table) -> Times | None:
    """Return a column of times with its 0/1 column of events, where the table has no dates to count from."""
    numbers = [n for n, c in table.columns.items() if c.kind in ("integer", "number") and _TIME.search(n)]
    events = [n for n, c in table.columns.items() if c.kind == "flag" and _EVENT.search(n)]
    if not numbers or not events:
        return None
    event = events[0]
    time = next((name for name in numbers if name[:1].lower() == event[:1].lower()), numbers[0])
    return Times(time, event, _unit(table, time))


def _unit(table: Table, time: str) -> str:
    """Return the unit that the name says, or that the longest time suggests."""
    for unit in ("day", "month", "year"):
        if unit in time.lower():
            return f"{unit}s"
    longest = table.frame[time].drop_nulls().to_list()
    return "days" if max(longest, default=0) > 500 else "months"
