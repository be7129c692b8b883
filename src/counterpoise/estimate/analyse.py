"""Every analysis of a study, in order, from the design to the record of all results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.balance import AlternativeOptions, GroupWeightOptions, MatchOptions, WeightOptions
from counterpoise.design import Covariate, Design, Endpoint, Groups, design_terms
from counterpoise.estimate.adjustments import Adjustments, adjust
from counterpoise.estimate.alternatives import AlternativeAnalysis, alternative_analyses
from counterpoise.estimate.analyses import Analyses, GroupHazards
from counterpoise.estimate.baseline import baseline_table
from counterpoise.estimate.bootstrap import BootstrapEffect, bootstrap_effects
from counterpoise.estimate.contrasts import Contrast, matched_contrast, unadjusted_contrast, weighted_contrast
from counterpoise.estimate.curves import arm_curve, compare_curves, follow_up
from counterpoise.estimate.group_matching import MatchedGroups, matched_groups
from counterpoise.estimate.group_weighting import weighted_groups
from counterpoise.estimate.hazards import hazard_model, hazard_table
from counterpoise.estimate.options import BootstrapOptions, CoxOptions, CurveOptions, SubgroupOptions
from counterpoise.estimate.redefined import redefined_effects
from counterpoise.estimate.refitted import left_out_effects
from counterpoise.estimate.stability import stability
from counterpoise.estimate.subgroups import subgroup_analysis
from counterpoise.estimate.summaries import EventShare, event_share
from counterpoise.estimate.time_zero import time_zero_analyses

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """What the plan says of the analyses; `horizon` is in months, `weights` None means no adjustment."""

    horizon: float
    cox: CoxOptions
    curves: CurveOptions
    weights: WeightOptions | None
    matching: MatchOptions
    bootstrap: BootstrapOptions
    subgroups: SubgroupOptions | None
    alternatives: tuple[AlternativeOptions, ...] = ()
    group_weights: GroupWeightOptions | None = None


def analyse(design: Design, options: AnalysisOptions, progress: Progress) -> Analyses:
    """Run every analysis; `progress` is told the name of each step and the share of the work done before it."""
    horizon, curves, ties = options.horizon, options.curves, options.cox.ties
    arms = design.treatment.received.astype(int)
    progress("Table 1", 0.0)
    baseline = baseline_table(design.baseline, arms, design.treatment.labels)
    groups = design.groups
    baseline_groups = baseline_table(design.baseline, groups.codes, groups.labels) if groups else None
    progress("Survival curves", 0.1)
    overall = tuple(arm_curve("All", e.time, e.event, horizon, curves, entry=e.entry) for e in design.endpoints)
    by_groups = tuple(
        compare_curves(e, groups.codes, groups.labels, horizon, curves) for e in design.endpoints if groups
    )
    progress("Cox models", 0.2)
    covariates = (*design.cox.covariates, _treatment_covariate(design))
    hazards = tuple(hazard_table(e, covariates, ties=ties, confidence=curves.confidence) for e in design.endpoints)
    group_hazards = tuple(_group_hazards(design, groups, e, options) for e in design.endpoints if groups)
    progress("Propensity score, weights and matching", 0.4)
    adjustments = None
    if options.weights:
        adjustments = adjust(design, options.weights, options.matching, options.bootstrap.seed)
    contrasts = _contrasts(design, adjustments, options)
    progress("Bootstrap", 0.6)
    bootstrap = _bootstrap(design, adjustments, contrasts, options)
    progress("Other adjustments", 0.8)
    alternatives = _alternatives(design, adjustments, options)
    progress("Subgroups", 0.9)
    subgroups = None
    if adjustments and options.subgroups:
        subgroups = subgroup_analysis(design, adjustments, options.subgroups, ties=ties, confidence=curves.confidence)
    again = None
    if adjustments:
        again = stability(design, adjustments, options.matching, options.bootstrap.seed, ties=ties)
    return Analyses(
        baseline=baseline,
        baseline_groups=baseline_groups,
        follow_up=follow_up(_of_deaths(design.endpoints), curves),
        events=tuple(_event_shares(design, e, curves.confidence) for e in design.endpoints),
        overall=overall,
        by_groups=by_groups,
        hazards=hazards,
        group_hazards=group_hazards,
        adjustments=adjustments,
        contrasts=contrasts,
        bootstrap=bootstrap,
        subgroups=subgroups,
        stability=again,
        alternatives=alternatives,
        matched_groups=_matched_groups(design, adjustments, options),
        weighted_groups=weighted_groups(design, options.group_weights, horizon, curves, ties),
        time_zero=time_zero_analyses(design, horizon, curves, ties, options.bootstrap),
        redefined=redefined_effects(design, adjustments, options.weights, horizon, curves, ties),
    )


def _matched_groups(design: Design, adjustments: Adjustments | None, options: AnalysisOptions) -> MatchedGroups | None:
    if adjustments is None:
        return None
    shared = (options.horizon, options.curves, options.cox.ties)
    return matched_groups(design, adjustments.rows, options.matching, options.bootstrap.seed, *shared)


def _event_shares(design: Design, endpoint: Endpoint, confidence: float) -> tuple[EventShare, EventShare, EventShare]:
    treated = design.treatment.received
    everyone = np.ones(design.size, dtype=bool)
    return (
        event_share(endpoint, everyone, confidence),
        event_share(endpoint, ~treated, confidence),
        event_share(endpoint, treated, confidence),
    )


def _contrasts(design: Design, adjustments: Adjustments | None, options: AnalysisOptions) -> tuple[Contrast, ...]:
    """Return the comparisons of every endpoint: unadjusted, matched where somebody is, and weighted."""
    shared = (options.horizon, options.curves, options.cox.ties)
    if adjustments is None:
        return tuple(unadjusted_contrast(design, endpoint, *shared) for endpoint in design.endpoints)
    left_out = left_out_effects(design, adjustments, options.horizon, options.cox.ties)
    made: list[Contrast] = []
    for endpoint in design.endpoints:
        made.append(unadjusted_contrast(design, endpoint, *shared))
        if adjustments.matching.n_sets:
            made.append(matched_contrast(design, endpoint, adjustments, *shared))
        made.append(weighted_contrast(design, endpoint, adjustments, *shared, left_out.get(endpoint.name)))
    return tuple(made)


def _bootstrap(
    design: Design, adjustments: Adjustments | None, contrasts: Sequence[Contrast], options: AnalysisOptions
) -> tuple[BootstrapEffect, ...]:
    if adjustments is None or options.bootstrap.replicates == 0:
        return ()
    estimates = [c.ratio.log_estimate for c in contrasts if c.adjustment == "weighted"]
    return bootstrap_effects(
        design,
        adjustments,
        estimates,
        options.horizon,
        options.bootstrap,
        ties=options.cox.ties,
        confidence=options.curves.confidence,
    )


def _alternatives(
    design: Design, adjustments: Adjustments | None, options: AnalysisOptions
) -> tuple[AlternativeAnalysis, ...]:
    if adjustments is None or options.weights is None:
        return ()
    return alternative_analyses(
        design,
        adjustments,
        options.weights,
        options.alternatives,
        options.horizon,
        ties=options.cox.ties,
        confidence=options.curves.confidence,
    )


def _group_hazards(design: Design, groups: Groups, endpoint: Endpoint, options: AnalysisOptions) -> GroupHazards:
    item = Covariate("groups", groups.label, "", "category", groups.codes.astype(float), groups.labels)
    ties, confidence = options.cox.ties, options.curves.confidence
    return GroupHazards(
        univariable=hazard_model(endpoint, design_terms([item]), ties=ties, confidence=confidence),
        multivariable=hazard_model(
            endpoint,
            design_terms([*design.cox_groups.covariates, item]),
            ties=ties,
            confidence=confidence,
        ),
    )


def _treatment_covariate(design: Design) -> Covariate:
    treatment = design.treatment
    return Covariate(treatment.name, treatment.label, "", "flag", treatment.received.astype(float), treatment.labels)


def _of_deaths(endpoints: Sequence[Endpoint]) -> Endpoint:
    """Return overall survival if there is one, else the first endpoint: follow-up is measured on it."""
    return next((e for e in endpoints if e.short == "OS"), endpoints[0])
