"""Whether a recorded category or stage group can be what the facts recorded beside it make of it."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from counterpoise.oncology.definition import Argument, Derivation
from counterpoise.oncology.derivations import STAGING, derivations
from counterpoise.oncology.quality_check import Check, Hit
from counterpoise.oncology.records import Records
from counterpoise.oncology.rule_tables import read_rules
from counterpoise.oncology.staging import meanings
from counterpoise.read.codebook import Column
from counterpoise.read.rules import parse_rule

_TYPES = {"flag": pl.Int64, "integer": pl.Int64, "number": pl.Float64, "category": pl.String, "text": pl.String}
_SYSTEM = re.compile("^y?[cp]")

Facts = tuple[object, ...]


def staging(records: Records, check: Check) -> list[Hit]:
    """Find patients in whom no value of the unknown facts gives the recorded category, in any edition of the rule.

    `check.arguments` maps the arguments of `check.rule` to roles; an argument without a role, or whose role the plan
    does not name, is unknown. Patients in whom `check.unless` holds are left out.
    """
    roles = {argument: role for argument, role in check.arguments.items() if role in records.columns}
    if not roles:
        return []
    editions = _editions(check.rule)
    arguments = editions[0].arguments
    rows = _facts(records, [roles.get(argument) for argument in arguments])
    possible = _possible(editions, sorted(set(rows), key=str))
    recorded = records.facts[check.recorded].to_list()
    columns = tuple(records.columns[role] for role in (check.recorded, *roles.values()))
    left_out = _left_out(records, check.unless)
    return [
        Hit(row, columns, _words(records, row, check, roles, possible[facts]))
        for row, (facts, written) in enumerate(zip(rows, recorded, strict=True))
        if written is not None and row not in left_out and _refuted(written, possible[facts])
    ]


def agree(one: str, other: str) -> bool:
    """Say whether two categories can be of one patient: they are alike, or one is a part of the other.

    >>> agree("N3", "cN3b"), agree("ypT1c", "T1"), agree("II", "IIIA"), agree("I", "IV"), agree("T2", "T1c")
    (True, True, False, False, False)
    """
    shorter, longer = sorted((_SYSTEM.sub("", one), _SYSTEM.sub("", other)), key=len)
    rest = longer.removeprefix(shorter)
    return longer.startswith(shorter) and not rest.startswith(("I", "V"))


def _refuted(recorded: str, possible: frozenset[str | None]) -> bool:
    """Say whether none of the possible categories can be the recorded one; what has no category refutes nothing."""
    return all(category is not None and not agree(recorded, category) for category in possible)


@functools.cache
def _editions(rule: str) -> tuple[Derivation, ...]:
    """Return every edition of a shipped staging rule."""
    found = (derivations(name, read_rules(name)).get(rule, {}) for name in STAGING)
    return tuple(derivation for editions in found for derivation in editions.values())


def _possible(editions: Sequence[Derivation], patients: Sequence[Facts]) -> dict[Facts, frozenset[str | None]]:
    """Return the categories that patients can have, given what is known of them."""
    arguments = editions[0].arguments
    worlds = [(facts, world) for facts in patients for world in _worlds(facts, arguments)]
    known = {name: Column(kind=argument.kinds[0]) for name, argument in arguments.items() if argument.kinds}
    frame = pl.DataFrame(
        {
            name: pl.Series([world[at] for _, world in worlds], dtype=_TYPES[known[name].kind], strict=False)
            for at, name in enumerate(arguments)
            if name in known
        }
    )
    found: dict[Facts, set[str | None]] = {facts: set() for facts in patients}
    for edition in editions:
        categories = frame.select(edition.compile({name: name for name in known}, known)).to_series()
        for (facts, _), category in zip(worlds, categories, strict=True):
            found[facts].add(category)
    return {facts: frozenset(categories) for facts, categories in found.items()}


def _worlds(facts: Facts, arguments: Mapping[str, Argument]) -> Iterator[Facts]:
    options = (_values(a) if fact is None else (fact,) for fact, a in zip(facts, arguments.values(), strict=True))
    return itertools.product(*options)


def _values(argument: Argument) -> Facts:
    """Return what an unknown fact may be; a number stays unknown."""
    if argument.codes:
        return tuple(argument.codes[meaning][0] for meaning in meanings(argument))
    return (0, 1) if argument.kinds[:1] == ("flag",) else (None,)


def _facts(records: Records, roles: Sequence[str | None]) -> list[Facts]:
    """Return the facts of each patient, role by role; what has no role is unknown."""
    nothing = [None] * records.facts.height
    return list(zip(*(nothing if role is None else records.facts[role].to_list() for role in roles), strict=True))


def _left_out(records: Records, unless: str) -> set[int]:
    if not unless:
        return set()
    rule = parse_rule(unless)
    filled = records.with_missing(sorted(rule.columns))
    holds = filled.facts.select(rule.expression(filled.known).fill_null(value=False)).to_series()
    return set(holds.arg_true().to_list())


def _words(
    records: Records, row: int, check: Check, roles: Mapping[str, str], possible: frozenset[str | None]
) -> dict[str, str]:
    *others, last = sorted(_SYSTEM.sub("", category) for category in possible if category is not None)
    shown = {role: records.shown(role, row) for role in (check.recorded, *roles.values())}
    facts = ", ".join(f"{role.replace('_', ' ')} {shown[role]}" for role in roles.values())
    return shown | {"derived": f"{', '.join(others)} or {last}" if others else last, "facts": facts}
