"""Every number of a study as one entry of `results.json`."""

from collections.abc import Iterable

from counterpoise.report.numbers.alternatives import alternative_numbers
from counterpoise.report.numbers.cohort import (
    baseline_numbers,
    column_keys,
    dose_numbers,
    event_numbers,
    first_site_numbers,
    flow_numbers,
    follow_up_numbers,
    setting_numbers,
)
from counterpoise.report.numbers.definitions import definition_numbers
from counterpoise.report.numbers.effects import (
    balance_numbers,
    contrast_numbers,
    curve_numbers,
    hazard_numbers,
    slug,
    subgroup_numbers,
)
from counterpoise.report.numbers.group_matching import matched_group_numbers
from counterpoise.report.numbers.group_weighting import weighted_group_numbers
from counterpoise.report.numbers.matching import matching_numbers, matching_settings
from counterpoise.report.numbers.quality import quality_numbers
from counterpoise.report.numbers.registry import FIELD, Number, Numbers, printed
from counterpoise.report.numbers.time_zero import time_zero_numbers
from counterpoise.report.numbers.toxicity import toxicity_numbers
from counterpoise.study import Study

COLLECTORS = (
    setting_numbers,
    matching_settings,
    flow_numbers,
    follow_up_numbers,
    dose_numbers,
    event_numbers,
    first_site_numbers,
    curve_numbers,
    hazard_numbers,
    balance_numbers,
    matching_numbers,
    contrast_numbers,
    alternative_numbers,
    definition_numbers,
    matched_group_numbers,
    weighted_group_numbers,
    subgroup_numbers,
    time_zero_numbers,
    toxicity_numbers,
    quality_numbers,
)


def collect_numbers(study: Study) -> Numbers:
    """Gather every number that a report of this study may print."""
    return Numbers(_entries(study))


def _entries(study: Study) -> Iterable[Number]:
    for collect in COLLECTORS:
        yield from collect(study)
    yield from baseline_numbers(study.analyses.baseline, "baseline.arms")
    if study.analyses.baseline_groups:
        yield from baseline_numbers(study.analyses.baseline_groups, "baseline.groups")
    for finding in study.findings:
        for key, value in finding.values.items():
            yield Number(f"findings.{finding.name}.{key}", float(value), method=finding.title)


__all__ = ["FIELD", "Number", "Numbers", "collect_numbers", "column_keys", "printed", "slug"]
