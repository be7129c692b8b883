"""The endpoints of a study once more, under other definitions: other rules, origins, entries and landmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from pydantic import Field

from counterpoise.cohort.course import EndpointTimes
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.errors import DataError, PlanError, Problem, ProblemsError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets
from counterpoise.read.codebook import Options
from counterpoise.read.names import nearest_or_valid
from counterpoise.read.table import Table


class DefinitionOptions(Options):
    """Another definition of the endpoints, set beside that of the plan.

    `origin`, `entry` and `landmark_months` are as in an endpoint, and hold for all of them; `endpoints` names those
    that have another rule, other events or other times. An endpoint that this leaves as it was is not computed again.
    """

    name: str = Field(description="What its numbers are called in `results.json`; letters, digits and `_`.")
    label: str = Field(default="", description="What tables call it; its name by default.")
    origin: str | None = Field(default=None, description="A date column from which time is counted.")
    entry: str | None = Field(default=None, description="A date column: nobody counts before it.")
    landmark_months: float | None = Field(
        default=None, gt=0, description="Nobody counts before so many months from the origin."
    )
    endpoints: dict[str, EndpointOptions] = Field(
        default_factory=dict[str, EndpointOptions],
        description="Endpoints of the plan by name, each written as under [endpoints].",
    )

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.label or self.name


@dataclass(frozen=True, slots=True, eq=False)
class RedefinedTimes:
    """One endpoint of the plan under another definition.

    `rows` (m,) index those of the n patients who came under observation; `times` are theirs. `source` is the name of
    the endpoint in the plan; that of `times` is `definition.endpoint`.
    """

    definition: str
    label: str
    source: str
    times: EndpointTimes
    rows: Counts


def redefined_times(
    table: Table,
    follow_up: FollowUpOptions | None,
    endpoints: Mapping[str, EndpointOptions],
    definitions: Sequence[DefinitionOptions],
    rules: RuleSets = SHIPPED,
) -> tuple[RedefinedTimes, ...]:
    """Time each endpoint that a definition changes, in the order of the definitions.

    A patient whose observation ended before the new origin, or by the time at which she would come under observation,
    is not among `rows`: she was never at risk. Raises `PlanError` and `DataError` as `endpoint_times` does, with the
    place in the plan.
    """
    problems = [
        problem
        for number, options in enumerate(definitions, start=1)
        for problem in _problems(
            f"plan: definitions {number}", options, follow_up, endpoints, definitions[: number - 1]
        )
    ]
    if problems:
        raise PlanError(problems)
    found: list[RedefinedTimes] = []
    faults: dict[type[ProblemsError], list[Problem]] = {}
    for number, options in enumerate(definitions, start=1):
        for name, planned in endpoints.items():
            changed = _changed(options, name, planned)
            if changed == planned:
                continue
            try:
                found.append(_timed(table, follow_up, options, name, planned, changed, rules))
            except (PlanError, DataError) as error:
                where = f"definitions {number}"
                faults.setdefault(type(error), []).extend(
                    replace(problem, where=problem.where.replace(f"endpoints.{name}", f"{where}.endpoints.{name}"))
                    for problem in error.problems
                )
    for kind in (PlanError, DataError):
        if kind in faults:
            raise kind(list(dict.fromkeys(faults[kind])))
    return tuple(found)


def _changed(options: DefinitionOptions, name: str, planned: EndpointOptions) -> EndpointOptions:
    """Return the endpoint of the plan as the definition has it; what an endpoint itself says goes before."""
    base = options.endpoints.get(name)
    shared = {
        key: getattr(options, key)
        for key in ("origin", "entry", "landmark_months")
        if getattr(options, key) is not None and (base is None or getattr(base, key) is None)
    }
    if base is None:
        return planned.model_copy(update=shared)
    kept = {"origin": planned.origin} if base.origin is None and base.time is None else {}
    return base.model_copy(update=kept | shared)


def _timed(
    table: Table,
    follow_up: FollowUpOptions | None,
    options: DefinitionOptions,
    name: str,
    planned: EndpointOptions,
    changed: EndpointOptions,
    rules: RuleSets,
) -> RedefinedTimes:
    key = f"{options.name}.{name}"
    rows = _under_observation(table, follow_up, name, planned, changed, rules)
    if not rows.size:
        raise DataError([Problem(f"plan: endpoints.{name}", "leaves nobody under observation", "check its dates")])
    part = table if rows.size == table.frame.height else replace(table, frame=table.frame[rows.tolist()])
    times = endpoint_times(part, follow_up, {name: changed}, rules)[name]
    return RedefinedTimes(options.name, options.title, name, replace(times, name=key), rows)


def _under_observation(
    table: Table,
    follow_up: FollowUpOptions | None,
    name: str,
    planned: EndpointOptions,
    changed: EndpointOptions,
    rules: RuleSets,
) -> Counts:
    """Return the rows of those who are seen after the new origin, entry and landmark.

    The end of observation is that of the new events, counted from the old origin, where it cannot contradict. A date
    that is not known keeps the patient, so that it is reported.
    """
    everyone = np.arange(table.frame.height)
    if (changed.origin, changed.entry, changed.landmark_months) == (planned.origin, planned.entry, None):
        return everyone
    plain = changed.model_copy(update={"origin": planned.origin, "entry": None, "landmark_months": None})
    without = None if follow_up is None else follow_up.model_copy(update={"entry": None})
    end = endpoint_times(table, without, {name: plain}, rules)[name].time
    start: Floats = np.zeros(end.size)
    entry = start
    if follow_up is not None and changed.time is None:
        old = _days(table, planned.origin or follow_up.origin)
        start = _days(table, changed.origin or follow_up.origin) - old
        came = changed.entry or follow_up.entry
        entry = start if came is None else np.maximum(start, _days(table, came) - old)
    if changed.landmark_months is not None:
        entry = np.maximum(entry, start + changed.landmark_months * DAYS_PER_MONTH)
    never = (end < start) | ((end <= entry) & (entry > start))
    return everyone[~never]


def _days(table: Table, column: str) -> Floats:
    """Return a date as days; all unknown where the column is none, so that the endpoint is refused for it."""
    described = table.columns.get(column)
    if described is None or described.kind != "date":
        return np.full(table.frame.height, np.nan)
    return table.frame[column].cast(pl.Int32).cast(pl.Float64).fill_null(np.nan).to_numpy()


def _problems(
    where: str,
    options: DefinitionOptions,
    follow_up: FollowUpOptions | None,
    endpoints: Mapping[str, EndpointOptions],
    before: Sequence[DefinitionOptions],
) -> list[Problem]:
    found: list[Problem] = []
    if not options.name.isidentifier():
        found.append(Problem(f"{where}.name", f"`{options.name}` is no name", "use letters, digits and `_`"))
    if options.name in ("main", *(other.name for other in before)):
        found.append(Problem(f"{where}.name", f"`{options.name}` is taken", "choose another"))
    for name in options.endpoints:
        if name not in endpoints:
            what = f"there is no endpoint `{name}` in the plan"
            found.append(Problem(f"{where}.endpoints", what, nearest_or_valid(name, list(endpoints))))
    for name, planned in endpoints.items():
        of_times = follow_up is None or options.endpoints.get(name, planned).time is not None
        if of_times and (options.origin or options.entry):
            what = f"`origin` and `entry` are dates, and `{name}` is made of times"
            found.append(Problem(where, what, "name dates in [follow_up], or use `landmark_months`"))
    if not found and all(_changed(options, name, planned) == planned for name, planned in endpoints.items()):
        found.append(
            Problem(where, "changes no endpoint", "give it `origin`, `entry`, `landmark_months` or `endpoints`")
        )
    return found
