"""Counterpoise: a patient table and a one-page plan in, a complete comparative survival study out.

The names below are imported when they are first used, so that `import counterpoise` costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoise.api import check_balance, cox, kaplan_meier, log_rank, match, propensity, weigh
    from counterpoise.errors import CounterpoiseError, DataError, FitError, InputError, PlanError, UnsupportedError
    from counterpoise.kernels.product_limit import quantile, reverse_kaplan_meier, survival_at
    from counterpoise.plan import Plan, load_plan, plan_schema
    from counterpoise.report import write_report
    from counterpoise.study import Study, check, run

__all__ = [
    "CounterpoiseError",
    "DataError",
    "FitError",
    "InputError",
    "Plan",
    "PlanError",
    "Study",
    "UnsupportedError",
    "check",
    "check_balance",
    "cox",
    "kaplan_meier",
    "load_plan",
    "log_rank",
    "match",
    "plan_schema",
    "propensity",
    "quantile",
    "reverse_kaplan_meier",
    "run",
    "survival_at",
    "weigh",
    "write_report",
]

_HOMES = {
    "api": ("check_balance", "cox", "kaplan_meier", "log_rank", "match", "propensity", "weigh"),
    "errors": ("CounterpoiseError", "DataError", "FitError", "InputError", "PlanError", "UnsupportedError"),
    "kernels.product_limit": ("quantile", "reverse_kaplan_meier", "survival_at"),
    "plan": ("Plan", "load_plan", "plan_schema"),
    "report": ("write_report",),
    "study": ("Study", "check", "run"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - it returns whatever the name stands for
    """Import a public name from where it lives."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'counterpoise' has no attribute '{name}'")
    return getattr(import_module(f"counterpoise.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
