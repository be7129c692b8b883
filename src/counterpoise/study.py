"""A whole study, from the plan and the table to the findings: one line a stage."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from narwhals.typing import IntoDataFrame

from counterpoise.balance import MatchOptions
from counterpoise.cohort import (
    BoostDoses,
    DatedEvents,
    EndpointTimes,
    Flow,
    RedefinedTimes,
    apply_eligibility,
    boost_doses,
    dated_events,
    derive,
    endpoint_times,
    redefined_times,
    tabulate_toxicity,
)
from counterpoise.cohort.exposure import exposures
from counterpoise.cohort.time_zero import TimeZeroFacts, time_zero_facts
from counterpoise.design import Design, Selection, Terms, canonical_order, covariate, design_terms, make_design
from counterpoise.design.time_zero import TimeZeroDesign, in_months
from counterpoise.errors import DataError, InputError, PlanError, Problem, ProblemsError
from counterpoise.estimate import (
    AdverseEvent,
    Analyses,
    AnalysisOptions,
    DoseSummary,
    ToxicIncidence,
    ToxicityComparison,
    adjust,
    analyse,
    compare_adverse_event,
    compare_toxicity,
    dose_summary,
    groups_problem,
    toxic_incidence,
    weighted_groups_problem,
)
from counterpoise.findings import Finding, exposure_misclassified, open_queries, review, toxicity_line, toxicity_scale
from counterpoise.oncology.answers import QueryList, answered, read_answers
from counterpoise.oncology.quality import check_records
from counterpoise.oncology.records import ROLES, RecordOptions, records, role_problems
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets, load_rule_sets
from counterpoise.plan import Plan, PublishedSection, load_plan, load_published, name_problems
from counterpoise.read import Column, PartialDates, Table, check_rule, read_raw, read_table, table_from_frame
from counterpoise.read.partial_dates import complete_dates
from counterpoise.read.unread import Unread, type_leniently

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A finished study: what went in, who was included, what was estimated, and what a reviewer would say.

    `folder` is where the plan's relative paths start; `rules` are those in force, the user's among them. `doses` are
    the columns summarised by median and range.
    """

    plan: Plan
    folder: Path
    rules: RuleSets
    screened: Table
    queries: QueryList | None
    flow: Flow
    endpoints: tuple[EndpointTimes, ...]
    redefined: tuple[RedefinedTimes, ...]
    design: Design
    analyses: Analyses
    doses: tuple[DoseSummary, ...]
    toxicity: tuple[ToxicityComparison, ...]
    adverse_events: tuple[AdverseEvent, ...]
    toxic_events: tuple[DatedEvents, ...]
    dated_toxicity: tuple[ToxicIncidence, ...]
    published: tuple[PublishedSection, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """The included patients, before anything is estimated."""

    screened: Table
    included: Table
    flow: Flow
    endpoints: tuple[EndpointTimes, ...]
    redefined: tuple[RedefinedTimes, ...]
    design: Design
    toxic_events: tuple[DatedEvents, ...]
    boost_doses: BoostDoses | None


def run(plan: Plan | Path | str, table: IntoDataFrame | None = None, *, progress: Progress | None = None) -> Study:
    """Carry out a study, from the plan to the findings.

    `plan` is a plan or the path of one; `table` a dataframe (pandas, polars or pyarrow) to be used in place of the
    plan's file. Relative paths start at the folder of the plan's file, or in the current folder where the plan is
    an object. `progress` is told what is being done and the share of the work done so far. `write_report` turns the
    study into a report. Raises `PlanError` or `DataError` with every problem found, before anything is estimated.
    """
    tell = progress or _silent
    plan, folder = _plan_and_folder(plan)
    tell("Reading the table", 0.0)
    rules = load_rule_sets(plan.rules, folder)
    cohort = select(plan, read(plan, folder, table), rules)
    published = _published(plan, folder)
    queries = checked_records(plan, folder, cohort.screened, rules=rules) if plan.records else None
    doses, toxicity, adverse_events = (
        _doses(plan, cohort),
        _toxicity(plan, cohort, rules),
        _adverse_events(plan, cohort),
    )
    tell("Estimating", 0.1)
    analyses = analyse(cohort.design, _options(plan), lambda step, share: tell(step, 0.1 + 0.9 * share))
    return Study(
        plan=plan,
        folder=folder,
        rules=rules,
        screened=cohort.screened,
        queries=queries,
        flow=cohort.flow,
        endpoints=cohort.endpoints,
        redefined=cohort.redefined,
        design=cohort.design,
        analyses=analyses,
        doses=doses,
        toxicity=toxicity,
        adverse_events=adverse_events,
        toxic_events=cohort.toxic_events,
        dated_toxicity=_dated_toxicity(plan, cohort),
        published=published,
        findings=review(
            cohort.design, analyses, (*_findings_of_records(plan, cohort, rules), *_query_findings(queries, cohort))
        ),
    )


def check(plan: Plan | Path | str, table: IntoDataFrame | None = None) -> tuple[Problem, ...]:
    """Return every problem of plan and data, and of a score that cannot be fitted; none means that `run` can start."""
    try:
        plan, folder = _plan_and_folder(plan)
        rules = load_rule_sets(plan.rules, folder)
        cohort = select(plan, read(plan, folder, table), rules)
        _published(plan, folder)
        _toxicity(plan, cohort, rules)
        _adverse_events(plan, cohort)
        if plan.records:
            checked_records(plan, folder, cohort.screened, rules=rules)
        if plan.balance:
            seed = plan.bootstrap.seed
            adjusted = adjust(cohort.design, plan.balance.weights, plan.balance.matching, seed)
            groups = groups_problem(cohort.design, adjusted.rows, plan.balance.matching, seed)
            found = (
                ("balance.matching", adjusted.matching.why_nobody),
                ("balance.matching.referent", groups),
                ("balance.groups", weighted_groups_problem(cohort.design, plan.balance.groups)),
            )
            return tuple(Problem(f"plan: {key}", reason) for key, reason in found if reason)
    except ProblemsError as error:
        return error.problems
    except InputError as error:
        return (Problem("", str(error)),)
    return ()


def list_queries(plan: Plan | Path | str, *, earlier: Path | None = None) -> QueryList:
    """Check the records of a plan's table, also where errors in them keep the study itself from running.

    `earlier` is a list written before: its answers are kept, beside those that the plan names. Raises `PlanError` or
    `DataError` where the plan, the table as a whole or a list of answers cannot be read.
    """
    plan, folder = _plan_and_folder(plan)
    rules = load_rule_sets(plan.rules, folder)
    roles = (plan.records or RecordOptions()).columns(_follow_up(plan))
    raw = read_raw(folder / plan.data.file)
    declared = dict(plan.data.columns)
    for role, column in roles.items():
        if column in raw.names and column not in declared and not ROLES[role].codes:
            declared[column] = Column(kind=ROLES[role].kinds[0])
    completed = complete_dates(
        raw, plan.data.id, declared, PartialDates(plan.data.partial_dates, plan.data.partial_years)
    )
    table, unread = type_leniently(completed, id_column=plan.data.id, columns=declared)
    absent = [p for p in role_problems(table.columns, roles) if p.what.startswith("there is no column")]
    if absent:
        raise PlanError(absent)
    return checked_records(plan, folder, table, unread, earlier, rules=rules)


def checked_records(
    plan: Plan,
    folder: Path,
    table: Table,
    unread: tuple[Unread, ...] = (),
    earlier: Path | None = None,
    *,
    rules: RuleSets = SHIPPED,
) -> QueryList:
    """Check the records of a table by the checks of `rules`, and set the answers beside the queries."""
    cutoff = plan.follow_up.cutoff if plan.follow_up else None
    as_of = plan.quality.as_of or dt.date.today()
    roles = (plan.records or RecordOptions()).columns(_follow_up(plan))
    quality = check_records(records(table, roles, cutoff=cutoff, as_of=as_of), unread, rules.checks)
    named = folder / plan.quality.answers if plan.quality.answers else None
    files = dict.fromkeys(path.resolve() for path in (named, earlier) if path)
    return answered(quality, [read_answers(path) for path in files])


def _follow_up(plan: Plan) -> dict[str, object]:
    return plan.follow_up.model_dump() if plan.follow_up else {}


def read(plan: Plan, folder: Path, table: IntoDataFrame | None = None) -> Table:
    """Read the plan's table, or take the dataframe given, and put its rows into canonical order."""
    data = plan.data
    partial = PartialDates(data.partial_dates, data.partial_years)
    if table is None:
        typed = read_table(folder / data.file, id_column=data.id, columns=data.columns, partial=partial)
    else:
        typed = table_from_frame(table, id_column=data.id, columns=data.columns, partial=partial)
    return canonical_order(typed)


def select(plan: Plan, table: Table, rules: RuleSets = SHIPPED) -> Cohort:
    """Derive, apply the eligibility rules, time the endpoints, and carry the included patients over the border."""
    derived = _derive(plan, table, rules)
    included, flow = apply_eligibility(derived, plan.eligibility)
    if not flow.included:
        raise DataError([Problem("plan: eligibility", _nobody(flow), "check the rules, and the coding of the columns")])
    timed = endpoint_times(included, plan.follow_up, plan.endpoints, rules)
    endpoints = tuple(timed[name] for name in plan.endpoints)
    redefined = redefined_times(included, plan.follow_up, plan.endpoints, plan.definitions, rules)
    design = make_design(included, endpoints, plan.treatment, _selection(plan), redefined)
    design = replace(design, time_zero=_time_zero(plan, included, timed, design))
    design = replace(design, dates=_dates(plan, included, endpoints, design))
    toxic = dated_events(included, plan.toxicity, plan.follow_up) if plan.toxicity else ()
    doses = boost_doses(included, plan.records) if plan.records else None
    return Cohort(table, included, flow, endpoints, redefined, design, toxic, doses)


def _dates(plan: Plan, included: Table, endpoints: Sequence[EndpointTimes], design: Design) -> TimeZeroFacts | None:
    """Return what the dates say of time zero, on the first endpoint that is made of dates."""
    dated = next((item for item in endpoints if plan.endpoints[item.name].time is None), None)
    if dated is None or plan.follow_up is None:
        return None
    rules = [criterion.rule for criterion in plan.eligibility]
    start = plan.time_zero.treatment_start if plan.time_zero else None
    treated = design.treatment.received
    return time_zero_facts(included, plan.follow_up, plan.endpoints, dated, treated, rules, start)


def _time_zero(
    plan: Plan, included: Table, timed: Mapping[str, EndpointTimes], design: Design
) -> TimeZeroDesign | None:
    if plan.time_zero is None:
        return None
    received = design.treatment.received
    made = exposures(included, plan.follow_up, plan.endpoints, timed, plan.time_zero, received)
    items = [covariate(included, name) for name in plan.time_zero.covariates]
    terms = design_terms(items) if items else Terms((), np.zeros((design.size, 0)), (), ())
    return in_months(plan.time_zero, made, terms)


def _derive(plan: Plan, table: Table, rules: RuleSets) -> Table:
    """Add the derived variables, reporting the problems of names, derivations and rules together."""
    problems = name_problems(plan, table.columns)
    problems += role_problems(table.columns, plan.records.columns({})) if plan.records else []
    try:
        derived = derive(table, plan.derive, rules)
    except PlanError as error:
        raise PlanError([*problems, *error.problems]) from error
    for position, criterion in enumerate(plan.eligibility, start=1):
        rule = criterion.keep or criterion.drop or ""
        found = check_rule(rule, derived.columns)
        problems += [Problem(f"plan: eligibility {position} ({criterion.name})", p.what, p.remedy) for p in found]
    if problems:
        raise PlanError(problems)
    return derived


def _nobody(flow: Flow) -> str:
    """Say at which rule the last patients left."""
    last = next(step for step in flow.steps if not step.remaining)
    return f"none of {flow.screened} patients is included; the last {last.excluded} left at `{last.name}`"


def _selection(plan: Plan) -> Selection:
    cox = plan.cox
    return Selection(
        baseline=plan.table_one.rows,
        score=plan.balance.covariates if plan.balance else (),
        cox=cox.covariates,
        cox_groups=cox.covariates if cox.group_covariates is None else cox.group_covariates,
        subgroups=plan.subgroups.by if plan.subgroups else (),
        matching=plan.balance.matching.columns if plan.balance else (),
        calipers=plan.balance.matching.measured if plan.balance else (),
        group_score=_group_score(plan),
        factorial=plan.balance.groups.factorial if plan.balance and plan.balance.groups else None,
        time_zero=plan.time_zero.covariates if plan.time_zero else (),
        response=(plan.response.column, plan.response.examined_by) if plan.response else None,
    )


def _group_score(plan: Plan) -> tuple[str, ...]:
    if plan.balance is None or plan.balance.groups is None:
        return ()
    own = plan.balance.groups.covariates
    return plan.balance.covariates if own is None else own


def _options(plan: Plan) -> AnalysisOptions:
    return AnalysisOptions(
        horizon=plan.study.horizon_months,
        cox=plan.cox,
        curves=plan.curves,
        weights=plan.balance.weights if plan.balance else None,
        matching=plan.balance.matching if plan.balance else MatchOptions(),
        bootstrap=plan.bootstrap,
        subgroups=plan.subgroups,
        alternatives=plan.balance.alternatives if plan.balance else (),
        group_weights=plan.balance.groups if plan.balance else None,
    )


def _doses(plan: Plan, cohort: Cohort) -> tuple[DoseSummary, ...]:
    columns = plan.doses.columns if plan.doses else ()
    return tuple(dose_summary(covariate(cohort.included, name)) for name in columns)


def _toxicity(plan: Plan, cohort: Cohort, rules: RuleSets) -> tuple[ToxicityComparison, ...]:
    if plan.toxicity is None:
        return ()
    treatment = cohort.design.treatment
    received, arms = treatment.received.astype(int), treatment.labels
    rows = tabulate_toxicity(cohort.included, plan.toxicity, received, arms, rules)
    confidence = plan.curves.confidence
    return tuple(compare_toxicity(row.organ, row.phase, row.counts, row.assessed, confidence) for row in rows)


def _adverse_events(plan: Plan, cohort: Cohort) -> tuple[AdverseEvent, ...]:
    events = plan.toxicity.events if plan.toxicity else {}
    treated = cohort.design.treatment.received
    return tuple(
        compare_adverse_event(covariate(cohort.included, name), label, treated) for name, label in events.items()
    )


def _dated_toxicity(plan: Plan, cohort: Cohort) -> tuple[ToxicIncidence, ...]:
    treated = cohort.design.treatment.received
    own = plan.toxicity.horizon_months if plan.toxicity else None
    horizon = own or plan.study.horizon_months
    return tuple(
        toxic_incidence(event.label, event.time, event.cause, treated, horizon=horizon, options=plan.curves)
        for event in cohort.toxic_events
    )


def _query_findings(queries: QueryList | None, cohort: Cohort) -> Iterator[Finding]:
    if queries is not None:
        included = cohort.included
        yield from open_queries(queries, set(included.frame[included.id_column].cast(str).to_list()))


def _findings_of_records(plan: Plan, cohort: Cohort, rules: RuleSets) -> Iterator[Finding]:
    """Yield what the doses and the dates of toxic events say against the arms and the grades."""
    if cohort.boost_doses and plan.records and plan.records.boost == plan.treatment.column:
        yield from exposure_misclassified(cohort.design, cohort.boost_doses)
    if plan.toxicity and cohort.toxic_events:
        scale = rules.scale(plan.toxicity.scale, plan.toxicity.edition)
        yield from toxicity_line(cohort.toxic_events, scale)
        yield from toxicity_scale(cohort.toxic_events, scale, plan.toxicity.scale)


def _published(plan: Plan, folder: Path) -> tuple[PublishedSection, ...]:
    return load_published(folder / plan.published.file) if plan.published else ()


def _plan_and_folder(plan: Plan | Path | str) -> tuple[Plan, Path]:
    if isinstance(plan, Plan):
        return plan, Path()
    try:
        path = Path(plan)
    except TypeError as error:
        raise InputError(f"`plan` must be a plan or the path of one; it is a {type(plan).__name__}.") from error
    return load_plan(path), path.resolve().parent


def _silent(step: str, share: float) -> None:
    """Tell nobody."""
