"""The numbers of the cohort: who was screened and included, what they were like, how long they were followed."""

from collections.abc import Iterable

import numpy as np

from counterpoise.cohort import FIRST_SITES, first_sites
from counterpoise.design import DAYS_PER_MONTH
from counterpoise.estimate import BaselineTable
from counterpoise.kernels.weighting.overlap import EQUIPOISE
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study


def setting_numbers(study: Study) -> Iterable[Number]:
    """Yield what the plan sets: the horizon, the level of intervals, the bootstrap and its seed."""
    plan = study.plan
    yield Number("settings.confidence", plan.curves.confidence, "share")
    yield Number("settings.horizon", plan.study.horizon_months, "months")
    yield Number("settings.horizon_years", plan.study.horizon_months / 12, "years")
    yield Number("settings.days_per_month", DAYS_PER_MONTH, "days")
    if plan.balance and plan.balance.weights.truncate:
        for name, quantile in zip(("lower", "upper"), plan.balance.weights.truncate, strict=True):
            yield Number(f"settings.truncate_{name}", quantile, "share")
    if plan.balance:
        yield Number("settings.equipoise_lower", EQUIPOISE, method="preference score")
        yield Number("settings.equipoise_upper", 1 - EQUIPOISE, method="preference score")
    yield Number("settings.bootstrap_replicates", plan.bootstrap.replicates, "replicates")
    yield Number("settings.bootstrap_seed", plan.bootstrap.seed)
    if plan.subgroups:
        yield Number("settings.subgroup_events", plan.subgroups.minimum_events, "events")
        yield Number("settings.subgroup_events_per_arm", plan.subgroups.minimum_events_per_arm, "events")


def flow_numbers(study: Study) -> Iterable[Number]:
    """Yield the counts of the eligibility flow, and the overlap of the reasons."""
    flow = study.flow
    yield Number("flow.screened", flow.screened, "patients")
    for index, step in enumerate(flow.steps, start=1):
        yield Number(f"flow.step{index}.excluded", step.excluded, "patients", method=step.rule)
        yield Number(f"flow.step{index}.remaining", step.remaining, "patients")
        yield Number(f"flow.step{index}.failing", int(flow.failing[index - 1]), "patients")
        yield Number(f"flow.step{index}.unknown", int(flow.unknown[index - 1]), "patients")
        for other in range(1, len(flow.steps) + 1):
            yield Number(f"flow.overlap.{index}.{other}", int(flow.overlap[index - 1, other - 1]), "patients")
    yield Number("flow.excluded", flow.screened - flow.included, "patients")
    yield Number("flow.included", flow.included, "patients")
    treated = study.design.treatment.received
    yield Number("flow.control", int((~treated).sum()), "patients")
    yield Number("flow.treated", int(treated.sum()), "patients")


def baseline_numbers(table: BaselineTable, prefix: str) -> Iterable[Number]:
    """Yield Table 1; the column of all patients is `all`, the groups are `g1`, `g2` and so on."""
    columns = column_keys(table)
    for key, size in zip(columns, table.sizes, strict=True):
        yield Number(f"{prefix}.{key}.n", int(size), "patients")
    for row in table.rows:
        place = f"{prefix}.{row.covariate.name}"
        yield Number(f"{place}.p", row.p_value, method=row.test)
        for index, key in enumerate(columns):
            known = int(row.known[index])
            yield Number(f"{place}.{key}.missing", int(row.missing[index]), "patients")
            if row.covariate.is_numeric:
                unit = row.covariate.unit
                for statistic in ("mean", "sd", "median", "minimum", "maximum"):
                    value = float(getattr(row, statistic)[index])
                    yield Number(f"{place}.{key}.{statistic}", value, unit, n=known)
                continue
            for level in range(len(row.covariate.levels)):
                count = int(row.counts[level, index])
                share = count / known if known else float("nan")
                yield Number(f"{place}.l{level}.{key}.count", count, "patients", n=known)
                yield Number(f"{place}.l{level}.{key}.percent", share, "share", n=known)


def column_keys(table: BaselineTable) -> tuple[str, ...]:
    """Return the keys of the columns of a baseline table: g1, g2, ..., all."""
    return (*(f"g{position}" for position in range(1, len(table.groups))), "all")


def follow_up_numbers(study: Study) -> Iterable[Number]:
    """Yield the length of follow-up by both methods, and the person-time."""
    seen, level = study.analyses.follow_up, study.plan.curves.interval
    yield Number(
        "follow_up.reverse",
        seen.reverse.value,
        "months",
        seen.reverse.lower,
        seen.reverse.upper,
        method=f"reverse Kaplan-Meier, {level} interval",
    )
    yield Number("follow_up.observed", seen.observed_median, "months", method="median of the observed times")
    yield Number("follow_up.minimum", seen.minimum, "months")
    yield Number("follow_up.maximum", seen.maximum, "months")
    yield Number("follow_up.person_years", seen.person_years, "years")


def dose_numbers(study: Study) -> Iterable[Number]:
    """Yield the median and the range of each dose, among the patients who have one."""
    for dose in study.doses:
        place, unit = f"dose.{dose.covariate.name}", dose.covariate.unit
        yield Number(f"{place}.n", dose.known, "patients")
        for statistic in ("median", "minimum", "maximum"):
            yield Number(f"{place}.{statistic}", getattr(dose, statistic), unit, n=dose.known)


def event_numbers(study: Study) -> Iterable[Number]:
    """Yield events and their share (Wilson's interval) for each endpoint, overall and by arm."""
    for endpoint, shares in zip(study.design.endpoints, study.analyses.events, strict=True):
        for key, found in zip(("all", "control", "treated"), shares, strict=True):
            place = f"{endpoint.name}.{key}"
            yield Number(f"{place}.n", found.size, "patients")
            yield Number(f"{place}.events", found.events, "events", n=found.size)
            yield Number(
                f"{place}.event_share",
                found.share,
                "share",
                found.lower,
                found.upper,
                method="Wilson interval",
                n=found.size,
            )


def first_site_numbers(study: Study) -> Iterable[Number]:
    """Yield how many patients' disease came back first at each site, overall and by arm."""
    follow_up = study.plan.follow_up
    found = first_sites(study.endpoints, follow_up.simultaneous_days) if follow_up else None
    if found is None:
        return
    yield Number("settings.simultaneous_days", found.days, "days")
    received = study.design.treatment.received
    for key, rows in (("all", np.ones_like(received)), ("control", ~received), ("treated", received)):
        for index, label in enumerate(FIRST_SITES):
            yield Number(
                f"first_site.{key}.s{index}", int((found.codes[rows] == index).sum()), "patients", method=label
            )
