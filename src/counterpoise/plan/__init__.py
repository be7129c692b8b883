"""The study plan as data."""

from counterpoise.plan.checks import name_problems, nearest
from counterpoise.plan.load import load_plan, plan_from, plan_schema, read_plan
from counterpoise.plan.model import BalanceOptions, DataOptions, Plan, PublishedOptions, StudyOptions
from counterpoise.plan.published import PublishedRow, PublishedSection, load_published

__all__ = [
    "BalanceOptions",
    "DataOptions",
    "Plan",
    "PublishedOptions",
    "PublishedRow",
    "PublishedSection",
    "StudyOptions",
    "load_plan",
    "load_published",
    "name_problems",
    "nearest",
    "plan_from",
    "plan_schema",
    "read_plan",
]
