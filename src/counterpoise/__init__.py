"""Counterpoise: a patient table and a one-page plan in, a complete comparative survival study out.

The names of the study below, and the estimators of `counterpoise.api`, are imported when they are first used, so that
`import counterpoise` costs little.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoise import api
    from counterpoise.api import *  # noqa: F403 - the names are listed there
    from counterpoise.errors import CounterpoiseError, DataError, FitError, InputError, PlanError, UnsupportedError
    from counterpoise.plan import Plan, load_plan, plan_schema
    from counterpoise.report import write_report
    from counterpoise.study import Study, check, run

    __all__: list[str] = [
        "CounterpoiseError",
        "DataError",
        "FitError",
        "InputError",
        "Plan",
        "PlanError",
        "Study",
        "UnsupportedError",
        "check",
        "load_plan",
        "plan_schema",
        "run",
        "write_report",
    ]
    __all__ += api.__all__
else:
    _HOME_OF = {
        "CounterpoiseError": "errors",
        "DataError": "errors",
        "FitError": "errors",
        "InputError": "errors",
        "Plan": "plan",
        "PlanError": "errors",
        "Study": "study",
        "UnsupportedError": "errors",
        "check": "study",
        "load_plan": "plan",
        "plan_schema": "plan",
        "run": "study",
        "write_report": "report",
    }

    def __getattr__(name: str) -> object:
        """Import a public name from where it lives; what is no name of the study or module is one of the estimators."""
        if name in _HOME_OF:
            return getattr(import_module(f"counterpoise.{_HOME_OF[name]}"), name)
        if name == "__all__":
            return sorted([*_HOME_OF, *import_module("counterpoise.api").__all__])
        if not name.startswith("_") and find_spec(f"counterpoise.{name}") is None:
            api = import_module("counterpoise.api")
            if name in api.__all__:
                return getattr(api, name)
        raise AttributeError(f"module 'counterpoise' has no attribute '{name}'")

    def __dir__() -> list[str]:
        """List the public names."""
        return __getattr__("__all__")
