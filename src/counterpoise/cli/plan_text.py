"""A starter plan as text: TOML with comments that teach."""

import json
import re
import textwrap
from collections.abc import Iterable

from counterpoise.cli.draft import Draft, Times
from counterpoise.read import Column, Roles

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ENDPOINTS = (
    ("os", "overall_survival", ("death",)),
    ("dfs", "disease_free_survival", ("local", "regional", "distant", "death")),
    ("lrrfs", "locoregional_recurrence_free_survival", ("local", "regional")),
    ("dmfs", "distant_metastasis_free_survival", ("distant",)),
)


def plan_text(draft: Draft) -> str:
    """Return a draft as the text of a plan."""
    sections = (
        _head(draft),
        _study(),
        _data(draft),
        _eligibility(draft),
        _derive(draft),
        _treatment(draft),
        _follow_up(draft.roles),
        _endpoints(draft),
        _table_one(draft),
        _cox(draft),
        _balance(draft),
        _rest(),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def toml_string(text: str) -> str:
    r"""Return a text as a TOML string.

    >>> print(toml_string('5" of "steel"'), toml_string("C:\\data"))
    "5\" of \"steel\"" "C:\\data"
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """Return a name as a TOML key, in quotation marks where it needs them.

    >>> toml_key("er_pct"), toml_key("Date of birth")
    ('er_pct', '"Date of birth"')
    """
    return name if _BARE_KEY.fullmatch(name) else toml_string(name)


def toml_list(names: Iterable[str]) -> str:
    """Return names as a TOML array, on one line or, if that is long, on lines of their own."""
    items = [toml_string(name) for name in names]
    line = f"[{', '.join(items)}]"
    return line if len(line) <= 90 else "[\n" + "".join(f"  {item},\n" for item in items) + "]"


def _head(draft: Draft) -> list[str]:
    return [
        *_comment(
            f"A starter plan for {draft.file}, written by `counterpoise init`. What the columns are for was guessed "
            "from their names and contents. Read every line, mend what is wrong, then run `counterpoise check` on "
            "this file. A line that begins with # is a comment."
        ),
    ]


def _study() -> list[str]:
    return [
        "[study]",
        'title = "Title of the study"',
        'question = "Does the treatment improve survival?"',
        'setting = "Who was treated, where and when"',
        "# The time, in months, at which survival is quoted.",
        "horizon_months = 60",
    ]


def _data(draft: Draft) -> list[str]:
    return [
        "[data]",
        f"file = {toml_string(draft.file)}",
        "# The column that identifies a patient.",
        f"id = {toml_string(draft.roles.id_column)}",
        "",
        "# What each column means. Kinds: id, integer, number, flag (0 and 1), category, date, text.",
        "# `label` is what tables print. The first level of a category is the one that others are compared with.",
        '# Codes for "not known" are declared as missing = ["9", "unknown"]; impossible values are found with',
        "# minimum = 0 and maximum = 100.",
        "[data.columns]",
        *(
            _column(name, column, unsure=name in draft.unsure)
            for name, column in draft.columns.items()
            if name != draft.roles.id_column
        ),
    ]


def _column(name: str, column: Column, *, unsure: bool) -> str:
    parts = [f'kind = "{column.kind}"', f"label = {toml_string(column.label)}"]
    if column.unit:
        parts.append(f"unit = {toml_string(column.unit)}")
    if column.levels:
        levels = ", ".join(f"{toml_key(code)} = {toml_string(label)}" for code, label in column.levels.items())
        parts.append(f"levels = {{ {levels} }}")
    if column.missing:
        parts.append(f"missing = [{', '.join(map(toml_string, column.missing))}]")
    if column.date_order != "iso":
        parts.append(f'date_order = "{column.date_order}"')
    if column.decimal_comma:
        parts.append("decimal_comma = true")
    doubt = "  # day or month first? Both can be read; check"
    if column.date_order == "excel":
        doubt = "  # taken for day numbers of Excel, counted from 1900; check"
    return f"{toml_key(name)} = {{ {', '.join(parts)} }}{doubt if unsure else ''}"


def _eligibility(draft: Draft) -> list[str]:
    lines = [
        "# Who enters: rules in their order, each with `keep` or `drop`. A patient is counted under the first that",
        "# excludes her. For example:",
        "# [[eligibility]]",
        '# name = "Adults"',
        '# keep = "age >= 18"',
    ]
    for name, rule in draft.criteria:
        lines += ["[[eligibility]]", f"name = {toml_string(name)}", f"drop = {toml_string(rule)}"]
    return lines


def _derive(draft: Draft) -> list[str]:
    lines = [
        "# New variables, by an expression over columns or by a rule with a name. For example:",
        """# ct34 = { value = 'cT in ["T3", "T4"]', label = "cT3-4" }""",
        "[derive]",
    ]
    roles = draft.roles
    if roles.birth and roles.origin and "age" not in draft.columns:
        dates = f"birth = {toml_string(roles.birth)}, at = {toml_string(roles.origin)}"
        lines.append(f'age = {{ rule = "age", {dates}, label = "Age" }}')
    if draft.treatment and draft.treatment.rule:
        rule, label = toml_string(draft.treatment.rule), toml_string(draft.treatment.label)
        lines.append(f"{draft.treatment.column} = {{ value = {rule}, label = {label} }}")
    return lines


def _treatment(draft: Draft) -> list[str]:
    lines = ["# What is compared: a column of 1 (treated) and 0 (control)."]
    others = draft.roles.treatments[1:6]
    if others:
        lines += _comment(f"It could also be: {', '.join(others)}.")
    found = draft.treatment
    if found is None:
        return [*lines, "# No such column was recognised: name it here.", "[treatment]", 'column = "?"']
    return [
        *lines,
        "[treatment]",
        f"column = {toml_string(found.column)}",
        f"label = {toml_string(found.label)}",
        f"treated = {toml_string(found.treated)}",
        f"control = {toml_string(found.control)}",
    ]


def _follow_up(roles: Roles) -> list[str]:
    if not (roles.origin and roles.last_contact):
        return []
    lines = [
        "# The dates from which endpoints are made. Time is counted from `origin`; who is alive is observed until",
        "# `last_contact`; nothing after `cutoff` counts.",
        "[follow_up]",
        f"origin = {toml_string(roles.origin)}",
    ]
    if roles.death:
        lines.append(f"death = {toml_string(roles.death)}")
    for site in ("local", "regional", "distant"):
        if site in roles.events:
            lines.append(f"{site} = {toml_string(roles.events[site])}")
    return [*lines, f"last_contact = {toml_string(roles.last_contact)}", "# cutoff = 2023-12-31"]


def _endpoints(draft: Draft) -> list[str]:
    roles = draft.roles
    lines = ["[endpoints]"]
    if not (roles.origin and roles.last_contact):
        return lines + _endpoint_of_times(draft.times)
    has = {*roles.events, *(("death",) if roles.death else ())}
    lines += [f'{name} = {{ rule = "{rule}" }}' for name, rule, needs in _ENDPOINTS if has.issuperset(needs)]
    if "dfs" not in "\n".join(lines) and roles.events:
        events = [*roles.events.values(), *((roles.death,) if roles.death else ())]
        lines.append(f'efs = {{ events = {toml_list(events)}, label = "Event-free survival", short = "EFS" }}')
    nothing = ["# No date of an event was recognised: name a column of dates.", '# os = { events = "death_date" }']
    return lines if len(lines) > 1 else lines + nothing


def _endpoint_of_times(times: Times | None) -> list[str]:
    if times is None:
        example = '{ time = "months", event = "dead", unit = "months", label = "Overall survival" }'
        return ["# No dates or times were recognised: name a column of times and one of events.", f"# os = {example}"]
    columns = f"time = {toml_string(times.time)}, event = {toml_string(times.event)}"
    return [
        "# Event: 1 if it happened, 0 if the observation ended first.",
        f'os = {{ {columns}, unit = "{times.unit}", label = "Overall survival", short = "OS" }}',
    ]


def _table_one(draft: Draft) -> list[str]:
    return ["# The rows of the baseline table.", "[table_one]", f"rows = {toml_list(draft.baseline)}"]


def _cox(draft: Draft) -> list[str]:
    return [
        "# The multivariable Cox models: what they hold beside the treatment, fixed before outcomes are seen.",
        "[cox]",
        f"covariates = {toml_list(draft.score)}",
    ]


def _balance(draft: Draft) -> list[str]:
    if not draft.score:
        return []
    others = [name for name in draft.baseline if name not in draft.score]
    return [
        "# The propensity score: what was known BEFORE the treatment, had a part in choosing it, and bears on the",
        "# outcome. These are columns left of the treatment in the table, as many as the smaller arm can bear (ten",
        "# patients each). Whether each was known before the treatment only you can tell.",
        *(_comment(f"Not chosen: {', '.join(others)}.") if others else ()),
        "[balance]",
        f"covariates = {toml_list(draft.score)}",
        "",
        "# Whose effect: ATE everyone's, ATT the treated patients', ATC the controls', ATO that of those who might",
        "# have had either treatment (overlap weights); ATM and ATEN are for such patients too, weighted otherwise.",
        "[balance.weights]",
        'estimand = "ATE"',
        "",
        "# A caliper of 0.2 standard deviations of the logit of the score.",
        "[balance.matching]",
        "caliper = 0.2",
    ]


def _comment(text: str) -> list[str]:
    """Return a comment, wrapped; what a comment may not hold becomes a space."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(plain, 108, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _rest() -> list[str]:
    return [
        "# Subgroups of one endpoint, chosen before outcomes are seen:",
        "# [subgroups]",
        '# of = "os"',
        '# by = ["sex"]',
    ]
