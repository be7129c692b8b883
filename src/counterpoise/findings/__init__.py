"""What a careful reviewer would say of this study: one rule a function, each reading the results only."""

from collections.abc import Callable, Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.alternatives import adjustments_differ, adjustments_not_made
from counterpoise.findings.coverage import short_intervals
from counterpoise.findings.definitions import definitions_differ, definitions_without_weights
from counterpoise.findings.estimands import estimands_differ
from counterpoise.findings.events_per_variable import events_per_variable, score_size
from counterpoise.findings.exposure import exposure_misclassified
from counterpoise.findings.finding import RANK, Finding
from counterpoise.findings.group_weights import group_interaction, group_weights, groups_not_weighted
from counterpoise.findings.imbalance import imbalance_left
from counterpoise.findings.models import follow_up_reach, models_without_answer, no_pairs, patients_left_out
from counterpoise.findings.multiplicity import multiplicity
from counterpoise.findings.positivity import positivity
from counterpoise.findings.proportional_hazards import proportional_hazards
from counterpoise.findings.records import open_queries
from counterpoise.findings.response import response_measured_differently
from counterpoise.findings.stability import unstable_matching
from counterpoise.findings.subgroups import (
    subgroup_interactions,
    subgroups_not_balanced,
    subgroups_with_few_events,
)
from counterpoise.findings.time_zero import (
    exposure_after_event,
    guarantee_time,
    immortal_time,
    treatment_by_response,
)
from counterpoise.findings.toxicity import toxicity_line, toxicity_scale
from counterpoise.findings.variance import bootstrap_failures, tests_on_either_side, weighted_against_naive
from counterpoise.findings.weights import extreme_weights

Rule = Callable[[Design, Analyses], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    immortal_time,
    exposure_after_event,
    guarantee_time,
    treatment_by_response,
    weighted_against_naive,
    events_per_variable,
    models_without_answer,
    no_pairs,
    response_measured_differently,
    unstable_matching,
    imbalance_left,
    positivity,
    extreme_weights,
    proportional_hazards,
    subgroups_with_few_events,
    subgroups_not_balanced,
    subgroup_interactions,
    tests_on_either_side,
    estimands_differ,
    adjustments_differ,
    adjustments_not_made,
    definitions_differ,
    definitions_without_weights,
    groups_not_weighted,
    group_weights,
    group_interaction,
    score_size,
    patients_left_out,
    bootstrap_failures,
    short_intervals,
    multiplicity,
    follow_up_reach,
)


def review(design: Design, analyses: Analyses, further: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """Apply every rule, and return the findings, with those `further` ones made elsewhere, the gravest first."""
    found = [*(finding for rule in RULES for finding in rule(design, analyses)), *further]
    return tuple(sorted(found, key=lambda finding: (RANK[finding.severity], -finding.importance)))


__all__ = [
    "RULES",
    "Finding",
    "Rule",
    "exposure_misclassified",
    "open_queries",
    "review",
    "toxicity_line",
    "toxicity_scale",
]
