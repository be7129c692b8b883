"""Plans for tests: the bundled one as nested dictionaries, to be changed and checked."""

import copy
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from counterpoise.errors import PlanError
from counterpoise.plan import plan_from

BUNDLED = Path(str(files("counterpoise"))) / "examples" / "imn" / "study.toml"
Change = Callable[[dict[str, Any]], object]

SMALLEST = """
[study]
title = "A study"
[data]
file = "patients.csv"
id = "patient"
[treatment]
column = "boost"
[endpoints.os]
time = "months"
event = "died"
unit = "months"
"""


@cache
def _bundled() -> dict[str, Any]:
    return tomllib.loads(BUNDLED.read_text(encoding="utf-8"))


def changed(change: Change) -> dict[str, Any]:
    """The bundled plan after one change."""
    tree = copy.deepcopy(_bundled())
    change(tree)
    return tree


def problems(change: Change) -> list[str]:
    """What is wrong with the bundled plan after one change."""
    with pytest.raises(PlanError) as caught:
        plan_from(changed(change), "study.toml")
    return [str(problem) for problem in caught.value.problems]
