"""What is wrong with a TOML file, in the words of its author: from the errors of pydantic."""

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

from counterpoise.errors import Problem
from counterpoise.read.names import nearest_of, nearest_or_valid

Schema = dict[str, Any]

LONGEST: Final = 120
"""Characters of a wrong value that a message repeats."""

MUST_BE: Final = {
    "tuple_type": "must be a list in square brackets",
    "list_type": "must be a list in square brackets",
    "dict_type": "must be a table of keys",
    "model_type": "must be a table of keys",
    "model_attributes_type": "must be a table of keys",
    "string_type": "must be text in quotation marks",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}
"""What the author of a TOML file calls the types."""


def validation_problems(name: str, error: ValidationError, schema: Schema) -> list[Problem]:
    """Return each problem of the file `name` with its place; `schema` is the JSON Schema that it should follow."""
    errors: list[dict[str, Any]] = [dict(item) for item in error.errors()]
    return [_problem(name, item, schema) for item in errors if not _follows(item, errors)]


def _follows(error: dict[str, Any], errors: list[dict[str, Any]]) -> bool:
    """Say whether a list is too short only because entries of it are wrong, and so were left out."""
    place = error["loc"]
    inner = (other["loc"] for other in errors if len(other["loc"]) > len(place))
    return error["type"] == "too_short" and any(other[: len(place)] == place for other in inner)


def _problem(name: str, error: dict[str, Any], schema: Schema) -> Problem:
    place, kind = tuple(error["loc"]), str(error["type"])
    if kind == "missing" and isinstance(place[-1], int):
        return Problem(_where(name, place[:-1]), "has too few values", f"found {error['input']!r}"[:LONGEST])
    if kind == "extra_forbidden":
        remedy = nearest_or_valid(str(place[-1]), _keys_beside(place, schema))
        return Problem(_where(name, place[:-1]), f"unknown key `{place[-1]}`", remedy)
    if kind == "missing":
        return Problem(_where(name, place[:-1]), f"`{place[-1]}` is missing", "add it")
    message = MUST_BE.get(kind) or str(error["msg"]).removeprefix("Value error, ").replace("Input should", "must")
    if kind == "too_short":
        message = f"must have at least {error['ctx']['min_length']} of them"
    found = f"found {error['input']!r}"[:LONGEST]
    if kind == "literal_error":
        near = nearest_of(str(error["input"]), re.findall("'([^']*)'", str(error["ctx"]["expected"])))
        found += f"; did you mean `{near}`?" if near else ""
    return Problem(_where(name, place), f"{message[:1].lower()}{message[1:]}", found)


def _where(name: str, place: Sequence[str | int]) -> str:
    """Return the keys that lead to a place; the entries of a list are counted from 1.

    >>> _where("study.toml", ("eligibility", 0, "drop"))
    'study.toml: eligibility 1.drop'
    """
    keys = "".join(f" {step + 1}" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    return f"{name}: {keys}" if keys else name


def _keys_beside(place: Sequence[str | int], schema: Schema) -> list[str]:
    """Return the keys that the schema knows at the place of an unknown one."""
    node = schema
    for step in place[:-1]:
        named = _resolve(schema, node).get("properties", {}).get(str(step))
        node = _resolve(schema, named or _any_child(schema, node))
    return list(_resolve(schema, node).get("properties", {}))


def _resolve(schema: Schema, node: Schema) -> Schema:
    if "$ref" in node:
        return schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            return _resolve(schema, option)
    return node


def _any_child(schema: Schema, node: Schema) -> Schema:
    """Return what every entry of a mapping or of a list must look like."""
    inner = _resolve(schema, node)
    extra = inner.get("additionalProperties")
    return inner.get("items") or (extra if isinstance(extra, dict) else {})
