"""The border: a table of included patients becomes the plain arrays that every analysis uses."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from counterpoise.cohort import EndpointTimes, RedefinedTimes
from counterpoise.cohort.time_zero import TimeZeroFacts
from counterpoise.design.covariates import Covariate, Terms, covariate, design_terms
from counterpoise.design.factorial import Factorial, factorial_problem
from counterpoise.design.options import TreatmentOptions
from counterpoise.design.selection import Selection, selection_problems
from counterpoise.design.time_zero import TimeZeroDesign
from counterpoise.errors import DataError, Problem
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.read.table import Table

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """Who received the treatment; `labels` are those of the control and of the treated arm."""

    name: str
    label: str
    labels: tuple[str, str]
    received: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """A grouping of the patients: `codes` (n,) index into `labels`."""

    label: str
    labels: tuple[str, ...]
    codes: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One time-to-event endpoint; `time` (n,) is in months of 30.4375 days, `event` (n,).

    `entry` (n,) is when each patient came under observation, in the same months; None where all were from the origin.
    A patient is at risk at t where entry < t <= time.
    """

    name: str
    label: str
    short: str
    definition: str
    time: Floats
    event: Bools
    entry: Floats | None = None

    @property
    def events(self) -> int:
        """The number of events."""
        return int(self.event.sum())

    def entry_of(self, rows: Counts | Bools) -> Floats | None:
        """Return when the patients `rows` came under observation; None where all were from the origin."""
        return None if self.entry is None else self.entry[rows]


@dataclass(frozen=True, slots=True, eq=False)
class RedefinedEndpoint:
    """An endpoint under another definition: that of the `rows` (m,) who came under observation.

    `source` is the name of the endpoint in the plan, `label` that of the definition.
    """

    definition: str
    label: str
    source: str
    endpoint: Endpoint
    rows: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A response, and whether what could have refuted it was examined."""

    outcome: Covariate
    examined: Covariate


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Everything that the analyses need of the included patients, in canonical order."""

    ids: tuple[str, ...]
    treatment: Treatment
    groups: Groups | None
    endpoints: tuple[Endpoint, ...]
    baseline: tuple[Covariate, ...]
    score: Terms
    cox: Terms
    cox_groups: Terms
    subgroups: tuple[Covariate, ...]
    response: Response | None
    matching: tuple[Covariate, ...] = ()
    """Columns beside those of the score that an option of matching names."""
    group_score: Terms | None = None
    """The covariates by which all groups are weighted; None where they are not, or by those of the score."""
    factorial: Factorial | None = None
    """The two treatments whose combinations are the groups, where the plan names them."""
    dates: TimeZeroFacts | None = None
    """What the dates say of time zero; None where no endpoint is made of dates."""
    time_zero: TimeZeroDesign | None = None
    """What the remedies of immortal time need; None where the plan asks for none."""
    redefined: tuple[RedefinedEndpoint, ...] = ()
    """The endpoints under the other definitions of the plan."""

    @property
    def size(self) -> int:
        """The number of patients."""
        return len(self.ids)


def canonical_order(table: Table) -> Table:
    """Return the table with its rows ordered by the SHA-256 of their identifiers.

    So no answer hangs on the order of the rows in the file.
    """
    ids = table.frame[table.id_column].cast(pl.String).to_list()
    rank = [hashlib.sha256(str(name).encode()).hexdigest() for name in ids]
    order = sorted(range(len(rank)), key=rank.__getitem__)
    return replace(table, frame=table.frame[order])


def make_design(
    table: Table,
    endpoints: Sequence[EndpointTimes],
    options: TreatmentOptions,
    selection: Selection,
    redefined: Sequence[RedefinedTimes] = (),
) -> Design:
    """Carry the included patients over the border.

    Raises `DataError`, with every problem, when an arm is empty, someone's treatment or group is not known, an
    endpoint has no event, or a column cannot play its part: it is of the wrong kind, constant or wholly missing,
    or no patient has every covariate of a model.
    """
    problems = [
        *_treatment_problems(table, options),
        *_group_problems(table, options.groups),
        *_event_problems(endpoints),
        *selection_problems(table, options, selection),
    ]
    problems = (
        problems or _factorial_problems(table, options, selection) or _dropped_problems(table, options, redefined)
    )
    if problems:
        raise DataError(problems)
    treatment = _treatment(covariate(table, options.column), options)
    groups = _groups(table, options.groups) if options.groups else None
    return Design(
        ids=tuple(table.frame[table.id_column].to_list()),
        treatment=treatment,
        groups=groups,
        endpoints=tuple(_endpoint(e) for e in endpoints),
        baseline=tuple(covariate(table, name) for name in selection.baseline),
        score=_terms(table, selection.score),
        cox=_terms(table, selection.cox),
        cox_groups=_terms(table, selection.cox_groups),
        subgroups=tuple(covariate(table, name) for name in selection.subgroups),
        response=Response(*(covariate(table, name) for name in selection.response)) if selection.response else None,
        matching=tuple(covariate(table, name) for name in selection.matching if name not in selection.score),
        group_score=_terms(table, selection.group_score) if selection.group_score else None,
        factorial=Factorial(*(covariate(table, name) for name in selection.factorial)) if selection.factorial else None,
        redefined=tuple(
            RedefinedEndpoint(r.definition, r.label, r.source, _endpoint(r.times), r.rows) for r in redefined
        ),
    )


def of_patients(design: Design, rows: Counts) -> Design:
    """Return treatment and score of some of the patients: what comparing the arms needs; the rest is left out."""
    score = design.score
    items = tuple(replace(item, values=item.values[rows]) for item in score.covariates)
    return Design(
        ids=tuple(design.ids[row] for row in rows),
        treatment=replace(design.treatment, received=design.treatment.received[rows]),
        groups=None,
        endpoints=(),
        baseline=(),
        score=replace(score, covariates=items, x=score.x[rows]),
        cox=Terms((), np.zeros((rows.size, 0)), (), ()),
        cox_groups=Terms((), np.zeros((rows.size, 0)), (), ()),
        subgroups=(),
        response=None,
    )


def _endpoint(times: EndpointTimes) -> Endpoint:
    entry = None if times.entry is None else times.entry / DAYS_PER_MONTH
    return Endpoint(
        times.name, times.label, times.short, times.definition, times.time / DAYS_PER_MONTH, times.event, entry
    )


def _terms(table: Table, names: Sequence[str]) -> Terms:
    if names:
        return design_terms([covariate(table, name) for name in names])
    return Terms((), np.zeros((table.frame.height, 0)), (), ())


def _treatment(item: Covariate, options: TreatmentOptions) -> Treatment:
    return Treatment(options.column, options.label or item.label, (options.control, options.treated), item.values == 1)


def _treatment_problems(table: Table, options: TreatmentOptions) -> list[Problem]:
    where, kind = f"plan: treatment.column = `{options.column}`", table.columns[options.column].kind
    if kind != "flag":
        return [Problem(where, f"must be a 0/1 column; it is of kind {kind}", "derive a flag")]
    item = covariate(table, options.column)
    unknown, size = int(np.isnan(item.values).sum()), item.values.size
    if unknown:
        remedy = f'exclude them by a rule: drop = "{options.column} is missing"'
        return [Problem(where, f"is not known for {unknown} of {size} included patients", remedy)]
    arms = (((item.values == 1).any(), options.treated), ((item.values == 0).any(), options.control))
    remedy = "check the eligibility rules and the coding of the column"
    return [
        Problem(where, f"leaves the arm '{label}' empty among {size} included patients", remedy)
        for present, label in arms
        if not present
    ]


def _event_problems(endpoints: Sequence[EndpointTimes]) -> list[Problem]:
    return [
        Problem(
            f"plan: endpoints.{e.name}",
            f"has no event among {e.event.size} included patients",
            "check its dates",
        )
        for e in endpoints
        if not e.event.any()
    ]


def _dropped_problems(table: Table, options: TreatmentOptions, redefined: Sequence[RedefinedTimes]) -> list[Problem]:
    received = covariate(table, options.column).values
    return [
        Problem(
            f"plan: definitions `{item.definition}`",
            f"leaves an arm empty: only {item.rows.size} of {received.size} patients come under observation for "
            f"`{item.source}`",
            "check its dates, or remove it",
        )
        for item in redefined
        if np.unique(received[item.rows]).size < 2
    ]


def _group_problems(table: Table, name: str | None) -> list[Problem]:
    count = table.frame[name].null_count() if name else 0
    if not count:
        return []
    return [
        Problem(f"plan: treatment.groups = `{name}`", f"is not known for {count} patients", "exclude them by a rule")
    ]


def _factorial_problems(table: Table, options: TreatmentOptions, selection: Selection) -> list[Problem]:
    if not options.groups or not selection.factorial:
        return []
    named = (covariate(table, name) for name in (options.groups, *selection.factorial))
    what = factorial_problem(*named)
    remedy = f"name the two columns that `{options.groups}` is made of, or remove `factorial`"
    return [Problem("plan: balance.groups.factorial", what, remedy)] if what else []


def _groups(table: Table, name: str) -> Groups:
    item = covariate(table, name)
    return Groups(item.label, item.levels, item.values.astype(int))
