"""The study plan as data."""

from counterpoise.plan.checks import name_problems, nearest
from counterpoise.plan.load import load_plan, plan_from, plan_schema, read_plan
from counterpoise.plan.model import BalanceOptions, DataOptions, Plan, PublishedOptions, StudyOptions

__all__ = [
    "BalanceOptions",
    "DataOptions",
    "Plan",
    "PublishedOptions",
    "StudyOptions",
    "load_plan",
    "name_problems",
    "nearest",
    "plan_from",
    "plan_schema",
    "read_plan",
]
