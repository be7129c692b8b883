"""What is wrong with a plan: in itself, and against the columns of the table."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from counterpoise.errors import Problem
from counterpoise.plan.model import Plan
from counterpoise.read import Column


def nearest(name: str, valid: list[str]) -> str:
    """Return 'did you mean ...?' with the nearest valid name, or the list of them all when none is near.

    >>> nearest("covariats", ["covariates", "weights"])
    'did you mean `covariates`?'
    """
    close = get_close_matches(name, valid, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return "valid: " + ", ".join(sorted(valid)) if valid else ""


def inner_problems(plan: Plan, name: str) -> list[Problem]:
    """Find what contradicts itself inside the plan, without looking at the data."""
    problems: list[Problem] = []
    if not plan.endpoints:
        problems.append(Problem(f"{name}: endpoints", "must name at least one endpoint", "add [endpoints.os]"))
    if plan.subgroups and plan.subgroups.of not in plan.endpoints:
        what = f"names no endpoint `{plan.subgroups.of}`"
        problems.append(Problem(f"{name}: subgroups.of", what, nearest(plan.subgroups.of, list(plan.endpoints))))
    if plan.subgroups and not plan.balance:
        problems.append(Problem(f"{name}: subgroups", "need weights", "add [balance] with its covariates"))
    for key, names in (
        ("balance.covariates", plan.balance.covariates if plan.balance else ()),
        ("cox.covariates", plan.cox.covariates),
    ):
        if plan.treatment.column in names:
            problems.append(Problem(f"{name}: {key}", f"lists the treatment `{plan.treatment.column}`", "remove it"))
        repeated = sorted({item for item in names if names.count(item) > 1})
        problems += [Problem(f"{name}: {key}", f"lists `{item}` twice", "remove one") for item in repeated]
    if plan.balance and not plan.balance.covariates:
        problems.append(
            Problem(f"{name}: balance.covariates", "must name at least one covariate", "or remove [balance]")
        )
    return problems


def name_problems(plan: Plan, columns: Mapping[str, Column], name: str = "plan") -> list[Problem]:
    """Find every name in the plan that is neither a column of the table nor a derived variable."""
    known = [*columns, *plan.derive]
    return [
        Problem(f"{name}: {key}", f"there is no column or derived variable `{used}`", nearest(used, known))
        for key, used in _names_used(plan)
        if used not in known
    ]


def _names_used(plan: Plan) -> Iterable[tuple[str, str]]:
    """Yield each name of a column that the plan mentions outside of rules, with the key that mentions it."""
    yield "treatment.column", plan.treatment.column
    if plan.treatment.groups:
        yield "treatment.groups", plan.treatment.groups
    if plan.response:
        yield "response.column", plan.response.column
        yield "response.examined_by", plan.response.examined_by
    listed: list[tuple[str, Iterable[str]]] = [
        ("table_one.rows", plan.table_one.rows),
        ("cox.covariates", plan.cox.covariates),
        ("cox.group_covariates", plan.cox.group_covariates or ()),
        ("balance.covariates", plan.balance.covariates if plan.balance else ()),
        ("subgroups.by", plan.subgroups.by if plan.subgroups else ()),
        ("doses.columns", plan.doses.columns if plan.doses else ()),
        ("toxicity.acute", plan.toxicity.acute if plan.toxicity else ()),
        ("toxicity.late", plan.toxicity.late if plan.toxicity else ()),
        ("toxicity.events", plan.toxicity.events if plan.toxicity else ()),
    ]
    for key, names in listed:
        for used in names:
            yield key, used
