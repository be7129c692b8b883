"""Which columns of the table play which part, and whether they can."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterpoise.design.options import TreatmentOptions
from counterpoise.errors import Problem
from counterpoise.read.codebook import Kind
from counterpoise.read.table import Table

DESCRIBED: Final[tuple[Kind, ...]] = ("integer", "number", "flag", "category")
GROUPED: Final[tuple[Kind, ...]] = ("flag", "category")
FLAG: Final[tuple[Kind, ...]] = ("flag",)
MEASURED: Final[tuple[Kind, ...]] = ("integer", "number")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which columns play which part: names of columns or of derived variables.

    `matching` are columns that an option of matching names; `calipers` those of them that must be numbers.
    `group_score` are the covariates by which all groups are weighted, `factorial` the two treatments they combine.
    `time_zero` are the covariates of the remedies of immortal time.
    """

    baseline: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    cox: tuple[str, ...] = ()
    cox_groups: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    response: tuple[str, str] | None = None
    matching: tuple[str, ...] = ()
    calipers: tuple[str, ...] = ()
    group_score: tuple[str, ...] = ()
    factorial: tuple[str, str] | None = None
    time_zero: tuple[str, ...] = ()


def selection_problems(table: Table, options: TreatmentOptions, selection: Selection) -> list[Problem]:
    """Return every column that cannot play its part among the included patients, with the plan's key for it."""
    parts = _parts(options, selection)
    wrong = [problem for key, names, kinds in parts for name in names for problem in _kind(table, key, name, kinds)]
    if wrong:
        return wrong
    varying = [(key, names) for key, names, kinds in parts if key != "table_one.rows" and kinds is not FLAG]
    unknown = [problem for name in selection.matching for problem in _gaps(table, name, selection.score)]
    problems = unknown + [
        problem for key, names in varying for name in names for problem in _variation(table, key, name)
    ]
    models = [(key, names) for key, names in varying if key.split(".")[0] in ("balance", "cox", "time_zero")]
    return problems or [problem for key, names in models for problem in _completeness(table, key, names)]


def _parts(
    options: TreatmentOptions, selection: Selection
) -> tuple[tuple[str, tuple[str, ...], tuple[Kind, ...]], ...]:
    """Return each part: its key in the plan, its columns, and the kinds that they may be of."""
    groups = (options.groups,) if options.groups else ()
    own_score = selection.group_score if selection.group_score != selection.score else ()
    own_groups = selection.cox_groups if groups and selection.cox_groups != selection.cox else ()
    return (
        ("treatment.groups", groups, GROUPED),
        ("table_one.rows", selection.baseline, DESCRIBED),
        ("balance.covariates", selection.score, DESCRIBED),
        ("cox.covariates", selection.cox, DESCRIBED),
        ("cox.group_covariates", own_groups, DESCRIBED),
        ("subgroups.by", selection.subgroups, GROUPED),
        ("response", selection.response or (), FLAG),
        ("balance.groups.covariates", own_score, DESCRIBED),
        ("balance.groups.factorial", selection.factorial or (), FLAG),
        ("time_zero.covariates", selection.time_zero, DESCRIBED),
        ("balance.matching", selection.matching, DESCRIBED),
        ("balance.matching.covariate_calipers and cutpoints", selection.calipers, MEASURED),
    )


def _kind(table: Table, key: str, name: str, kinds: tuple[Kind, ...]) -> Iterable[Problem]:
    kind = table.columns[name].kind
    if kind not in kinds:
        what = f"`{name}` must be of kind {' or '.join(kinds)}; it is {kind}"
        yield Problem(f"plan: {key}", what, "declare its kind under [data.columns], or derive another from it")


def _variation(table: Table, key: str, name: str) -> Iterable[Problem]:
    distinct = table.frame[name].drop_nulls().n_unique()
    if distinct < 2:
        values = "one value only" if distinct else "no value"
        yield Problem(
            f"plan: {key}", f"`{name}` has {values} among {table.frame.height} included patients", "remove it"
        )


def _gaps(table: Table, name: str, score: tuple[str, ...]) -> Iterable[Problem]:
    """Find patients who would be matched on a column that is not known for them."""
    known = table.frame.drop_nulls([other for other in score if other != name])
    missing = known[name].null_count()
    if missing and name not in score:
        what = f"`{name}` is not known for {missing} of {known.height} patients who have a score"
        yield Problem("plan: balance.matching", what, f'exclude them by a rule: drop = "{name} is missing"')


def _completeness(table: Table, key: str, names: tuple[str, ...]) -> Iterable[Problem]:
    if names and table.frame.select(names).drop_nulls().is_empty():
        what = f"none of {table.frame.height} included patients has a value for each of {', '.join(names)}"
        yield Problem(f"plan: {key}", what, "remove those that are missing most")
