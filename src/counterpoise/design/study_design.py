"""The border: a table of included patients becomes the plain arrays that every analysis uses."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from counterpoise.cohort import EndpointTimes
from counterpoise.design.covariates import Covariate, Terms, covariate, design_terms
from counterpoise.design.options import TreatmentOptions
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
    """One time-to-event endpoint; `time` (n,) is in months of 30.4375 days, `event` (n,)."""

    name: str
    label: str
    short: str
    definition: str
    time: Floats
    event: Bools

    @property
    def events(self) -> int:
        """The number of events."""
        return int(self.event.sum())


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


@dataclass(frozen=True, slots=True)
class Selection:
    """Which columns play which part: names of columns or of derived variables."""

    baseline: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    cox: tuple[str, ...] = ()
    cox_groups: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    response: tuple[str, str] | None = None


def make_design(
    table: Table, endpoints: Sequence[EndpointTimes], options: TreatmentOptions, selection: Selection
) -> Design:
    """Carry the included patients over the border.

    Raises `DataError` when an arm is empty, someone's treatment is not known, an endpoint has no event, or a
    covariate of a model is constant or wholly missing.
    """
    treatment = _treatment(table, options)
    _require_events(endpoints)
    _require_variation(table, selection)
    groups = _groups(table, options.groups) if options.groups else None
    return Design(
        ids=tuple(table.frame[table.id_column].to_list()),
        treatment=treatment,
        groups=groups,
        endpoints=tuple(
            Endpoint(e.name, e.label, e.short, e.definition, e.time / DAYS_PER_MONTH, e.event) for e in endpoints
        ),
        baseline=tuple(covariate(table, name) for name in selection.baseline),
        score=_terms(table, selection.score),
        cox=_terms(table, selection.cox),
        cox_groups=_terms(table, selection.cox_groups),
        subgroups=tuple(covariate(table, name) for name in selection.subgroups),
        response=Response(*(covariate(table, name) for name in selection.response)) if selection.response else None,
    )


def _terms(table: Table, names: Sequence[str]) -> Terms:
    if names:
        return design_terms([covariate(table, name) for name in names])
    return Terms((), np.zeros((table.frame.height, 0)), (), ())


def _treatment(table: Table, options: TreatmentOptions) -> Treatment:
    item = covariate(table, options.column)
    where = f"plan: treatment.column = `{options.column}`"
    if item.kind != "flag":
        raise DataError([Problem(where, f"must be a 0/1 column; it is declared as {item.kind}", "derive a flag")])
    unknown = int(np.isnan(item.values).sum())
    if unknown:
        remedy = f'exclude them by a rule: drop = "{options.column} is missing"'
        raise DataError([Problem(where, f"is not known for {unknown} of {item.values.size} included patients", remedy)])
    received = item.values == 1
    for arm, label in ((received, options.treated), (~received, options.control)):
        if not arm.any():
            what = f"leaves the arm '{label}' empty among {received.size} included patients"
            raise DataError([Problem(where, what, "check the eligibility rules and the coding of the column")])
    return Treatment(options.column, options.label or item.label, (options.control, options.treated), received)


def _require_events(endpoints: Sequence[EndpointTimes]) -> None:
    problems = [
        Problem(
            f"plan: endpoints.{e.name}",
            f"has no event among {e.event.size} included patients",
            "check its dates",
        )
        for e in endpoints
        if not e.event.any()
    ]
    if problems:
        raise DataError(problems)


def _require_variation(table: Table, selection: Selection) -> None:
    problems: list[Problem] = []
    keys = (
        ("balance.covariates", selection.score),
        ("cox.covariates", selection.cox),
        ("subgroups.by", selection.subgroups),
    )
    for key, names in keys:
        for name in names:
            distinct = table.frame[name].drop_nulls().n_unique()
            if distinct < 2:
                values = "one value only" if distinct else "no value"
                what = f"`{name}` has {values} among {table.frame.height} included patients"
                problems.append(Problem(f"plan: {key}", what, "remove it"))
    if problems:
        raise DataError(problems)


def _groups(table: Table, name: str) -> Groups:
    item = covariate(table, name)
    if np.isnan(item.values).any():
        count = int(np.isnan(item.values).sum())
        raise DataError(
            [
                Problem(
                    f"plan: treatment.groups = `{name}`",
                    f"is not known for {count} patients",
                    "exclude them by a rule",
                )
            ]
        )
    return Groups(item.label, item.levels, item.values.astype(int))
