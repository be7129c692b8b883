"""What is wrong with a plan: in itself, and against the columns of the table."""

from collections.abc import Iterable, Mapping

from counterpoise.errors import Problem
from counterpoise.estimate.alternatives import MAIN
from counterpoise.plan.model import BalanceOptions, Plan
from counterpoise.read import Column
from counterpoise.read.names import nearest_or_valid as nearest

MAY_LIST_TREATMENT = ("table_one.rows", "doses.columns", "cox.group_covariates")
"""Lists of columns in which the treatment may stand."""


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
    if plan.subgroups and not plan.subgroups.by:
        problems.append(Problem(f"{name}: subgroups.by", "must name at least one column", "or remove [subgroups]"))
    toxicity = plan.toxicity
    if toxicity and not (toxicity.acute or toxicity.late or toxicity.events or toxicity.dated):
        what = "names no column in `acute`, `late`, `events` or `dated`"
        problems.append(Problem(f"{name}: toxicity", what, "name some, or remove [toxicity]"))
    if plan.treatment.treated == plan.treatment.control:
        what = f"are both called `{plan.treatment.treated}`"
        problems.append(Problem(f"{name}: treatment.treated and treatment.control", what, "name the arms apart"))
    for key, names in _lists(plan):
        if plan.treatment.column in names and key not in MAY_LIST_TREATMENT:
            problems.append(Problem(f"{name}: {key}", f"lists the treatment `{plan.treatment.column}`", "remove it"))
        repeated = sorted({item for item in names if names.count(item) > 1})
        problems += [Problem(f"{name}: {key}", f"lists `{item}` twice", "remove one") for item in repeated]
    if plan.balance and not plan.balance.covariates:
        problems.append(
            Problem(f"{name}: balance.covariates", "must name at least one covariate", "or remove [balance]")
        )
    if plan.balance:
        problems += _matching_problems(plan.balance, plan.treatment.groups, name)
        problems += _alternative_problems(plan.balance, name)
        problems += _group_problems(plan, name)
    problems += _time_zero_problems(plan, name)
    if plan.balance and plan.balance.weights.truncate and plan.bootstrap.replicates:
        what = "is not known to the bootstrap"
        problems.append(
            Problem(f"{name}: balance.weights.truncate", what, "set bootstrap.replicates = 0, or remove `truncate`")
        )
    return problems


def _time_zero_problems(plan: Plan, name: str) -> Iterable[Problem]:
    """Find clones whose intervals nobody draws."""
    if plan.time_zero and "clone_censor_weight" in plan.time_zero.remedies and plan.bootstrap.replicates < 2:
        what = "`clone_censor_weight` has its intervals from the bootstrap, which is off"
        yield Problem(f"{name}: time_zero.remedies", what, "set bootstrap.replicates, such as 1000")


def _matching_problems(balance: BalanceOptions, groups: str | None, name: str) -> Iterable[Problem]:
    """Find a referent without groups, and columns to be coarsened that are no covariates of the score."""
    if balance.matching.referent is not None and not groups:
        what = "needs treatment.groups, which are to be compared"
        yield Problem(f"{name}: balance.matching.referent", what, "name their column there, or remove `referent`")
    for used in balance.matching.cutpoints:
        if used not in balance.covariates:
            what = f"`{used}` is not among balance.covariates, all of which are matched on"
            remedy = nearest(used, list(balance.covariates))
            yield Problem(f"{name}: balance.matching.cutpoints", what, remedy)


def _alternative_problems(balance: BalanceOptions, name: str) -> Iterable[Problem]:
    """Find further adjustments of one name, and those that bend or multiply what is no covariate of the score."""
    names = [item.name for item in balance.alternatives]
    for repeated in sorted({item for item in names if names.count(item) > 1 or item == MAIN}):
        what = f"two adjustments are called `{repeated}`" if repeated != MAIN else f"`{MAIN}` is that of the weights"
        yield Problem(f"{name}: balance.alternatives", what, "name them apart")
    for position, item in enumerate(balance.alternatives, start=1):
        for used in item.columns:
            if used not in balance.covariates:
                what = f"`{used}` is not among balance.covariates"
                remedy = nearest(used, list(balance.covariates))
                yield Problem(f"{name}: balance.alternatives {position} ({item.name})", what, remedy)


def _group_problems(plan: Plan, name: str) -> Iterable[Problem]:
    """Find weights of groups without groups, and covariates that are what the groups are made of."""
    options = plan.balance.groups if plan.balance else None
    if plan.balance is None or options is None:
        return
    if not plan.treatment.groups:
        what = "needs treatment.groups, which are to be weighted"
        yield Problem(f"{name}: balance.groups", what, "name their column there, or remove [balance.groups]")
        return
    derived = plan.derive.get(plan.treatment.groups)
    makers = {plan.treatment.column, plan.treatment.groups, *(options.factorial or ())}
    makers |= {str(given) for given in derived.arguments.values()} if derived else set[str]()
    own = options.covariates is not None
    for used in options.covariates or plan.balance.covariates:
        # The treatment itself is told of with the list that it stands in.
        if used in makers and used != plan.treatment.column:
            what = f"`{used}` is part of what makes `{plan.treatment.groups}`"
            remedy = "remove it" if own else "list covariates without it under [balance.groups]"
            yield Problem(f"{name}: balance.groups.covariates", what, remedy)


def name_problems(plan: Plan, columns: Mapping[str, Column], name: str = "plan") -> list[Problem]:
    """Find every name that is neither a column of the table nor a derived variable, or cannot serve as it is used."""
    known = [*columns, *plan.derive]
    problems = [
        Problem(f"{name}: {key}", f"there is no column or derived variable `{used}`", nearest(used, known))
        for key, used in _names_used(plan)
        if used not in known
    ]
    for key, kinds in (("doses.columns", ("integer", "number")), ("toxicity.events", ("flag",))):
        for used in dict(_columns(plan))[key]:
            if used in columns and used not in plan.derive and columns[used].kind not in kinds:
                what = f"`{used}` must be of kind {' or '.join(kinds)}; it is {columns[used].kind}"
                problems.append(Problem(f"{name}: {key}", what, "declare its kind under [data.columns]"))
    return problems


def _names_used(plan: Plan) -> Iterable[tuple[str, str]]:
    """Yield each name of a column that the plan mentions outside of rules, with the key that mentions it."""
    yield "treatment.column", plan.treatment.column
    if plan.treatment.groups:
        yield "treatment.groups", plan.treatment.groups
    if plan.response:
        yield "response.column", plan.response.column
        yield "response.examined_by", plan.response.examined_by
    if plan.balance and plan.balance.groups:
        for used in plan.balance.groups.factorial or ():
            yield "balance.groups.factorial", used
    for key, names in _columns(plan):
        for used in names:
            yield key, used


def _columns(plan: Plan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    toxicity = plan.toxicity
    return (
        *_lists(plan),
        ("toxicity.acute", tuple(toxicity.acute) if toxicity else ()),
        ("toxicity.late", tuple(toxicity.late) if toxicity else ()),
        ("toxicity.events", tuple(toxicity.events) if toxicity else ()),
        ("toxicity.dated", tuple(toxicity.dated) if toxicity else ()),
        ("toxicity.origin", (toxicity.origin,) if toxicity and toxicity.origin else ()),
    )


def _lists(plan: Plan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each list of columns in the plan, with its key."""
    matching = plan.balance.matching if plan.balance else None
    groups = plan.balance.groups if plan.balance else None
    return (
        ("table_one.rows", plan.table_one.rows),
        ("cox.covariates", plan.cox.covariates),
        ("cox.group_covariates", plan.cox.group_covariates or ()),
        ("balance.covariates", plan.balance.covariates if plan.balance else ()),
        ("balance.groups.covariates", (groups.covariates or ()) if groups else ()),
        ("time_zero.covariates", plan.time_zero.covariates if plan.time_zero else ()),
        ("subgroups.by", plan.subgroups.by if plan.subgroups else ()),
        ("doses.columns", plan.doses.columns if plan.doses else ()),
        ("balance.matching.exact", matching.exact if matching else ()),
        ("balance.matching.anti_exact", matching.anti_exact if matching else ()),
        ("balance.matching.covariate_calipers", tuple(matching.covariate_calipers) if matching else ()),
        ("balance.matching.cutpoints", tuple(matching.cutpoints) if matching else ()),
    )
