"""Reading a plan: from a file, from text or from nested dictionaries, with every problem reported at once."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from counterpoise.errors import PlanError, Problem
from counterpoise.plan.checks import inner_problems, nearest
from counterpoise.plan.model import Plan


def read_plan(text: str, name: str = "plan") -> Plan:
    """Read a plan from TOML text; every problem is reported at once, with the nearest valid key.

    Raises `PlanError`.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError([Problem(name, f"is not valid TOML: {error}", "mend that line")]) from error
    return plan_from(tree, name)


def plan_from(tree: dict[str, Any], name: str = "plan") -> Plan:
    """Check a plan given as nested dictionaries; raises `PlanError` with every problem."""
    try:
        plan = Plan.model_validate(tree)
    except ValidationError as error:
        raise PlanError([_problem(name, dict(item)) for item in error.errors()]) from error
    problems = inner_problems(plan, name)
    if problems:
        raise PlanError(problems)
    return plan


def load_plan(path: Path | str) -> Plan:
    """Read a plan from a TOML file; raises `PlanError` when it is missing, is not text, or has problems."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PlanError([Problem(str(path), "does not exist", "check the path")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError([Problem(str(path), "cannot be read as UTF-8 text", "a plan is a TOML file")]) from error
    return read_plan(text, path.name)


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of the plan, for editors that complete and check it."""
    schema = Plan.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Counterpoise study plan",
        **schema,
    }


def _problem(name: str, error: dict[str, Any]) -> Problem:
    place = [str(step) for step in error["loc"]]
    where = f"{name}: {'.'.join(place)}"
    if error["type"] == "extra_forbidden":
        remedy = nearest(place[-1], _keys_beside(place))
        return Problem(f"{name}: {'.'.join(place[:-1])}" if place[1:] else name, f"unknown key `{place[-1]}`", remedy)
    if error["type"] == "missing":
        return Problem(f"{name}: {'.'.join(place[:-1])}" if place[1:] else name, f"`{place[-1]}` is missing", "add it")
    message = str(error["msg"]).removeprefix("Value error, ")
    return Problem(where, f"{message[:1].lower()}{message[1:]}", f"found {error['input']!r}"[:120])


def _keys_beside(place: list[str]) -> list[str]:
    """Return the keys that the schema knows at the place of an unknown one."""
    schema = plan_schema()
    node: dict[str, Any] = schema
    for step in place[:-1]:
        node = _resolve(schema, _resolve(schema, node).get("properties", {}).get(step) or _any_child(schema, node))
    return list(_resolve(schema, node).get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            return _resolve(schema, option)
    return node


def _any_child(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return what every entry of a mapping or of a list must look like."""
    inner = _resolve(schema, node)
    extra = inner.get("additionalProperties")
    return inner.get("items") or (extra if isinstance(extra, dict) else {})
