"""Whether checks of the records, as a user's file describes them, can be run: everything that is wrong at once."""

import functools
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence

from counterpoise.errors import PlanError, Problem
from counterpoise.oncology.derivations import STAGING, derivations
from counterpoise.oncology.quality import DETECTORS, EACH, UNREAD, in_turn
from counterpoise.oncology.quality_check import CHECKS, Check
from counterpoise.oncology.records import AS_OF, CUTOFF, ROLES, role_kind
from counterpoise.oncology.rule_tables import Tables, checked, read_rules
from counterpoise.read.codebook import Column
from counterpoise.read.names import nearest_or_valid
from counterpoise.read.rules import check_rule

_ID = re.compile(r"[A-Z][A-Za-z0-9_]*")
_COMPARED = re.compile(r'\b(\w+) (?:==|!=) "([^"]+)"')
_LISTED = re.compile(r"\b(\w+) (?:not )?in \[([^\]]+)\]")
_PARAMETERS = ("roles", "values", "days", "ranges", "factors", "rule", "recorded")
_KNOWN: Mapping[str, Column] = {
    **{role: Column(kind=role_kind(described)) for role, described in ROLES.items()},
    **{name: Column(kind="date") for name in (CUTOFF, AS_OF)},
}
_UNDERSTOOD = tuple(_KNOWN)


def check_rules(tables: Tables) -> dict[str, dict[str, Check]]:
    """Return the checks that the tables describe, by id and edition (most have none, and so the empty one).

    Raises `PlanError` with everything that is wrong with the tables.

    >>> from counterpoise.oncology.rule_tables import read_rules
    >>> check_rules(read_rules("quality"))["E2"][""].severity
    'error'
    """
    made: dict[str, dict[str, Check]] = {}
    problems: list[Problem] = []
    for name, content in tables.items():
        check = checked(Check, name, content, problems)
        if check is None:
            continue
        made[name] = {check.edition: check}
        if check != CHECKS.get(name):
            problems += faults(name, check)
    if problems:
        raise PlanError(problems)
    return made


def faults(name: str, check: Check) -> list[Problem]:
    """Return everything for which a check could not be run, or would never find what it is meant to find."""
    found = [] if _ID.fullmatch(name) else [Problem(name, "is no name of a check", "write one like `L1`")]
    if bool(check.when) == bool(check.detector):
        found.append(Problem(name, "must have either `when` or `detector`", "see `counterpoise rules quality`"))
        return found
    unknown = list(_unknown_roles(name, check))
    found += unknown
    if not unknown:
        found += _condition(name, check) if check.when else _detector(name, check)
    return list(dict.fromkeys(found))


def _unknown_roles(name: str, check: Check) -> Iterator[Problem]:
    named: Mapping[str, Iterable[str]] = {
        "each": check.each,
        "optional": check.optional,
        "roles": check.roles,
        "ranges": check.ranges,
        "arguments": check.arguments.values(),
        "recorded": filter(None, [check.recorded]),
    }
    for key, roles in named.items():
        for role in roles:
            if role not in ROLES:
                yield Problem(f"{name}: {key}", f"there is no role `{role}`", nearest_or_valid(role, list(ROLES)))


def _condition(name: str, check: Check) -> list[Problem]:
    found: list[Problem] = []
    for role in check.each or ("",):
        found += _rule(f"{name}: when", in_turn(check.when, role))
        for word, text in check.show.items():
            found += _rule(f"{name}: show.{word}", in_turn(text, role))
    words = [*_UNDERSTOOD, *check.show, *((EACH, "each_name") if check.each else ())]
    return [*found, *_placeholders(name, check, words)]


def _rule(where: str, text: str) -> list[Problem]:
    """Return what is wrong with an expression over roles, and with the codes that it compares them with."""
    found = [
        Problem(f"{where}: {problem.where}", problem.what.replace("no column", "no role"), problem.remedy)
        for problem in check_rule(text, _KNOWN)
    ]
    compared = _COMPARED.findall(text)
    compared += [(role, code) for role, codes in _LISTED.findall(text) for code in re.findall('"([^"]+)"', codes)]
    for role, code in compared:
        codes = ROLES[role].codes if role in ROLES else {}
        if codes and code not in codes:
            what = f"`{role}` is never `{code}`: conditions see its meaning, not its spelling"
            found.append(Problem(where, what, nearest_or_valid(code, list(codes))))
    return found


def _detector(name: str, check: Check) -> list[Problem]:
    if check.detector not in (*DETECTORS, UNREAD):
        remedy = nearest_or_valid(check.detector, [*DETECTORS, UNREAD])
        return [Problem(f"{name}: detector", f"there is no detector `{check.detector}`", remedy)]
    models = [model for model in CHECKS.values() if model.detector == check.detector]
    found = [
        Problem(name, f"`{key}` is missing", f"`{check.detector}` needs it")
        for key in _PARAMETERS
        if not getattr(check, key) and all(getattr(model, key) for model in models)
    ]
    numbers = dict.fromkeys(key for model in models for key in model.numbers)
    for key in numbers:
        if key not in check.numbers:
            found.append(Problem(f"{name}: numbers", f"`{key}` is missing", f"`{check.detector}` needs it"))
    for key in check.numbers:
        if key not in numbers:
            remedy = nearest_or_valid(key, list(numbers)) if numbers else "leave it out"
            found.append(Problem(f"{name}: numbers", f"`{check.detector}` has no number `{key}`", remedy))
    for role in check.ranges:
        if role not in check.factors:
            found.append(Problem(f"{name}: factors", f"`{role}` is missing", "it has a range, and needs its units"))
    if check.unless:
        found += _rule(f"{name}: unless", check.unless)
    words = [word for model in models for text in _texts(model).values() for word, _ in _fields(text)]
    return [*found, *_staging(name, check), *_placeholders(name, check, list(dict.fromkeys(words)))]


def _staging(name: str, check: Check) -> Iterator[Problem]:
    if not check.rule:
        return
    rules = _staging_arguments()
    if check.rule not in rules:
        what = f"there is no shipped staging rule `{check.rule}`"
        yield Problem(f"{name}: rule", what, nearest_or_valid(check.rule, list(rules)))
        return
    for argument in check.arguments:
        if argument not in rules[check.rule]:
            what = f"`{check.rule}` has no argument `{argument}`"
            yield Problem(f"{name}: arguments", what, nearest_or_valid(argument, list(rules[check.rule])))


@functools.cache
def _staging_arguments() -> Mapping[str, tuple[str, ...]]:
    """Return the arguments of each shipped staging rule."""
    found = (derivations(site, read_rules(site)) for site in STAGING)
    return {rule: tuple(next(iter(editions.values())).arguments) for site in found for rule, editions in site.items()}


def _placeholders(name: str, check: Check, words: Sequence[str]) -> Iterator[Problem]:
    for key, text in _texts(check).items():
        try:
            fields = _fields(text)
        except ValueError:
            yield Problem(f"{name}: {key}", "has a brace without its partner", "write {{ or }} for one in the text")
            continue
        for word, plain in fields:
            if word not in words:
                remedy = nearest_or_valid(word, list(words)) if words else "leave it out"
                yield Problem(f"{name}: {key}", f"`{{{word}}}` cannot be filled in", remedy)
            elif not plain:
                yield Problem(f"{name}: {key}", f"`{{{word}}}` must stand alone in its braces", "remove its format")


def _texts(check: Check) -> Mapping[str, str]:
    return {"what": check.what, "ask": check.ask}


def _fields(text: str) -> list[tuple[str, bool]]:
    """Return the words in braces, and whether each stands there alone; raises `ValueError`."""
    parts = string.Formatter().parse(text)
    return [(word, not form and not conversion) for _, word, form, conversion in parts if word is not None]
