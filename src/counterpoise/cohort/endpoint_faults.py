"""What of an endpoint the table cannot give: columns that are not there, occurrences that nobody recorded."""

from collections.abc import Mapping

from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.errors import InputError, Problem
from counterpoise.oncology.endpoints import EndpointRule
from counterpoise.oncology.occurrences import OCCURRENCES
from counterpoise.oncology.rule_sets import RuleSets
from counterpoise.read.codebook import Kind
from counterpoise.read.names import nearest
from counterpoise.read.table import Table

_DATE: tuple[Kind, ...] = ("date",)
_NUMBER: tuple[Kind, ...] = ("number", "integer")
_CAUSE: tuple[Kind, ...] = ("category", "text", "integer", "flag")
_NO_COLUMNS = {"cutoff", "simultaneous_days", "not_recorded", "causes"}


def endpoints_faults(
    table: Table, follow_up: FollowUpOptions | None, endpoints: Mapping[str, EndpointOptions], rules: RuleSets
) -> list[Problem]:
    """Return everything of `[follow_up]` and `[endpoints]` that this table cannot give."""
    faults = follow_up_faults(table, follow_up) if follow_up is not None else []
    for name, options in endpoints.items():
        faults += endpoint_faults(table, follow_up, f"endpoints.{name}", options, rules)
    return list(dict.fromkeys(faults))


def follow_up_faults(table: Table, follow_up: FollowUpOptions) -> list[Problem]:
    """Return the columns of `[follow_up]` that are not there, or of another kind."""
    named: dict[str, str] = follow_up.model_dump(exclude=_NO_COLUMNS, exclude_none=True)
    return [
        fault
        for key, column in named.items()
        for fault in _column_faults(table, f"follow_up.{key}", column, _CAUSE if key == "cause_of_death" else _DATE)
    ]


def endpoint_faults(
    table: Table, follow_up: FollowUpOptions | None, where: str, options: EndpointOptions, rules: RuleSets
) -> list[Problem]:
    """Return what is wrong with one endpoint."""
    if options.time is not None:
        return [
            *_column_faults(table, f"{where}.time", options.time, _NUMBER),
            *_column_faults(table, f"{where}.event", str(options.event), (*_NUMBER, "flag")),
        ]
    if follow_up is None:
        return [Problem(where, "is made of dates, and the plan has no [follow_up] to name them")]
    origin = (options.origin,) if options.origin else ()
    entry = (options.entry,) if options.entry else ()
    named = [("events", options.events), ("censor", options.censor), ("origin", origin), ("entry", entry)]
    faults = [
        fault
        for key, columns in named
        for column in columns
        for fault in _column_faults(table, f"{where}.{key}", column, _DATE)
    ]
    if options.rule is None:
        return faults
    try:
        rule = rules.endpoint(options.rule, options.edition)
    except InputError as error:
        return [*faults, Problem(f"{where}.rule", str(error))]
    return faults + _rule_faults(follow_up, where, rule)


def _rule_faults(follow_up: FollowUpOptions, where: str, rule: EndpointRule) -> list[Problem]:
    lacking = [name for name in rule.needs if getattr(follow_up, name) is None]
    unsaid = [name for name in lacking if name not in follow_up.not_recorded]
    faults = [_needs(where, rule.name, name) for name in unsaid]
    if rule.needs_cause and not faults and follow_up.death is not None and follow_up.cause_of_death is None:
        if "cause_of_death" not in follow_up.not_recorded:
            faults.append(_needs(where, rule.name, "cause_of_death"))
        elif rule.matrix["death_unknown"] != "event" and rule.events == ("death",):
            faults.append(Problem(where, f"rule `{rule.name}` counts deaths by cause, and no cause was recorded"))
    if not unsaid and rule.events and set(rule.events) <= set(lacking):
        faults.append(Problem(where, f"rule `{rule.name}` counts nothing that was recorded"))
    return faults


def _needs(where: str, rule: str, name: str) -> Problem:
    words = f" ({OCCURRENCES[name]})" if name in OCCURRENCES else ""
    remedy = "or list the columns in `events`"
    if name != "death":
        remedy = f'name its column, or, if the table never held it, say so: not_recorded = ["{name}"]'
    return Problem(where, f"rule `{rule}` needs `{name}`{words} in [follow_up]", remedy)


def _column_faults(table: Table, where: str, column: str, kinds: tuple[Kind, ...]) -> list[Problem]:
    described = table.columns.get(column)
    if described is None:
        return [Problem(where, f"there is no column `{column}`", nearest(column, list(table.columns)))]
    if described.kind not in kinds:
        must = " or ".join(kinds)
        return [Problem(where, f"column `{column}` must be of kind {must}; it is of kind {described.kind}")]
    return []
