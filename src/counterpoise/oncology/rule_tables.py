"""The tables of a rule file as they are written: read, changed by those of a user's file, unfolded into editions."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from counterpoise.errors import PlanError, Problem
from counterpoise.read.names import nearest_or_valid
from counterpoise.read.wording import validation_problems

Content = dict[str, Any]
Tables = Mapping[str, Any]
Editions = dict[str, Content]

EDITIONS = "editions"
LIKE = "like"
Model = TypeVar("Model", bound=BaseModel)


def read_rules(name: str) -> Content:
    """Return the tables of the shipped `rules/NAME.toml`."""
    return tomllib.loads(rules_text(name))


def rules_text(name: str) -> str:
    """Return the shipped `rules/NAME.toml` as it is written."""
    return (resources.files("counterpoise.oncology") / "rules" / f"{name}.toml").read_text(encoding="utf-8")


def changed(shipped: Tables, own: Tables) -> tuple[Content, list[Problem]]:
    """Return the shipped tables with a user's `own` in place of those of the same name, and what is wrong with these.

    A table of `own` with the key `like` starts from the shipped table of that name, without its `verified`, and
    changes only the keys that it gives.

    >>> tables, problems = changed({"a": {"cut": 1, "unit": "%"}, "b": {}}, {"a": {"like": "a", "cut": 10}})
    >>> tables, problems
    ({'a': {'cut': 10, 'unit': '%'}, 'b': {}}, [])
    """
    tables: Content = dict(shipped)
    problems: list[Problem] = []
    for name, content in own.items():
        if not isinstance(content, dict):
            problems.append(Problem(name, "must be a table of keys", f"write [{name}] above its keys"))
            continue
        keys = cast(Content, content)
        try:
            tables[name] = _completed(name, keys, shipped) if LIKE in keys else keys
        except PlanError as error:
            problems += error.problems
    return tables, problems


def unfolded(tables: Tables) -> tuple[dict[str, Editions], list[Problem]]:
    """Return each rule's content by edition, and what is wrong with how the editions are written.

    A rule of one edition says so by the key `edition`; one of several holds a table `editions` with a table for each,
    whose keys stand beside, or in place of, those that the editions share.

    >>> content = {"label": "HER2", "editions": {"2018": {"source": "Wolff"}, "2023": {"source": "Wolff 2"}}}
    >>> unfolded({"her2": content})[0]["her2"]["2023"]
    {'label': 'HER2', 'source': 'Wolff 2', 'edition': '2023'}
    """
    found: dict[str, Editions] = {}
    problems: list[Problem] = []
    for rule, content in tables.items():
        try:
            found[rule] = _editions_of(rule, content)
        except PlanError as error:
            problems += error.problems
    return found, problems


def place_of(rule: str, edition: str, tables: Tables) -> str:
    """Return where a rule's edition stands in its file.

    >>> place_of("her2", "2018", {"her2": {"editions": {"2018": {}}}}), place_of("her2", "2018", {"her2": {}})
    ('her2.editions."2018"', 'her2')
    """
    return f'{rule}.{EDITIONS}."{edition}"' if EDITIONS in tables.get(rule, {}) else rule


def checked(model: type[Model], place: str, content: object, problems: list[Problem]) -> Model | None:
    """Return a table as `model`, or None with what is wrong with it added to `problems`."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems += validation_problems(place, error, model.model_json_schema())
        return None


def _completed(name: str, content: Content, shipped: Tables) -> Content:
    own = {key: value for key, value in content.items() if key != LIKE}
    like = content[LIKE]
    rule, edition = like, None
    if isinstance(like, dict) and set(cast(Content, like)) == {"rule", "edition"}:
        rule, edition = cast(Content, like)["rule"], cast(Content, like)["edition"]
    if not isinstance(rule, str) or not isinstance(edition, str | None):
        raise _fault(f"{name}: {LIKE}", 'must be the name of a rule, or { rule = "...", edition = "..." }')
    if rule not in shipped:
        raise _fault(f"{name}: {LIKE}", f"there is no shipped rule `{rule}`", nearest_or_valid(rule, list(shipped)))
    base = _base(name, rule, edition, shipped)
    return _over({key: value for key, value in base.items() if key != "verified"}, own)


def _base(name: str, rule: str, edition: str | None, shipped: Tables) -> Content:
    if edition is None and EDITIONS not in shipped[rule]:
        return shipped[rule]
    offered = _editions_of(rule, shipped[rule])
    if edition in offered:
        return offered[edition]
    listed = ", ".join(f'"{other}"' for other in offered)
    what = f"`{rule}` has no edition `{edition}`" if edition else f"`{rule}` has several editions"
    example = f'like = {{ rule = "{rule}", edition = "..." }}'
    raise _fault(f"{name}: {LIKE}", what, f"write {example} with one of {listed}")


def _editions_of(rule: str, content: object) -> Editions:
    if not isinstance(content, dict):
        raise _fault(rule, "must be a table of keys")
    keys = cast(Content, content)
    if EDITIONS not in keys:
        edition = keys.get("edition")
        if not isinstance(edition, str) or not edition:
            raise _fault(rule, "`edition` is missing, or no text", "name the edition of the source")
        return {edition: keys}
    editions: object = keys[EDITIONS]
    if not isinstance(editions, dict) or not editions:
        raise _fault(f"{rule}: {EDITIONS}", "must hold a table for each edition")
    if "edition" in keys:
        raise _fault(rule, f"has both `edition` and `{EDITIONS}`", "keep one of them")
    shared = {key: value for key, value in keys.items() if key != EDITIONS}
    made: Editions = {}
    for edition, own in cast(Content, editions).items():
        if not isinstance(own, dict):
            raise _fault(f'{rule}: {EDITIONS}."{edition}"', "must be a table of keys")
        made[edition] = {**_over(shared, cast(Content, own)), "edition": edition}
    return made


def _over(base: Content, own: Content) -> Content:
    """Lay the keys of `own` over those of `base`, table by table."""
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _over(cast(Content, below), cast(Content, value)) if both else value
    return merged


def _fault(where: str, what: str, remedy: str = "") -> PlanError:
    return PlanError([Problem(where, what, remedy)])
