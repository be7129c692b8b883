"""Reading a plan: from a file, from text or from nested dictionaries, with every problem reported at once."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from counterpoise.errors import PlanError, Problem
from counterpoise.plan.checks import inner_problems
from counterpoise.plan.model import Plan
from counterpoise.read.wording import validation_problems


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
        raise PlanError(validation_problems(name, error, plan_schema())) from error
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
    return {
        **Plan.model_json_schema(by_alias=True),
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Counterpoise study plan",
    }
