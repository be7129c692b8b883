"""From arrays to effects: one record a number, each with its estimand and its variance."""

from counterpoise.estimate.adjustments import Adjustments, adjust
from counterpoise.estimate.alternatives import AlternativeAnalysis, AlternativeEffect, alternative_analyses
from counterpoise.estimate.analyse import AnalysisOptions, analyse
from counterpoise.estimate.analyses import Analyses, GroupHazards
from counterpoise.estimate.baseline import BaselineRow, BaselineTable, baseline_table
from counterpoise.estimate.bootstrap import BootstrapEffect, bootstrap_effects
from counterpoise.estimate.contrasts import (
    FIXED_WEIGHT_ROBUST,
    MODEL_BASED,
    NAIVE,
    STACKED,
    Contrast,
    RateDifference,
    matched_contrast,
    rate_difference,
    unadjusted_contrast,
    weighted_contrast,
)
from counterpoise.estimate.curves import (
    ArmCurve,
    CurveComparison,
    FollowUp,
    PairwiseTest,
    arm_curve,
    compare_curves,
    follow_up,
)
from counterpoise.estimate.group_matching import (
    GroupComparison,
    MatchedGroups,
    compare_groups,
    fit_groups,
    groups_problem,
    matched_groups,
)
from counterpoise.estimate.hazards import (
    HazardModel,
    HazardRatio,
    HazardTable,
    hazard_model,
    hazard_ratio,
    hazard_table,
)
from counterpoise.estimate.matched import PAIR_ROBUST, SET_ROBUST, STRATA_ROBUST, STRATIFIED, TWO_WAY_ROBUST
from counterpoise.estimate.options import BootstrapOptions, CoxOptions, CurveOptions, SubgroupOptions
from counterpoise.estimate.stability import Spread, Stability, stability
from counterpoise.estimate.stacked import stacked_influence, stacked_std_error
from counterpoise.estimate.subgroups import (
    SubgroupAnalysis,
    SubgroupEffect,
    SubgroupVariable,
    subgroup_analysis,
)
from counterpoise.estimate.summaries import (
    AdverseEvent,
    DoseSummary,
    EventShare,
    ToxicityComparison,
    compare_adverse_event,
    compare_toxicity,
    dose_summary,
    event_share,
)

__all__ = [
    "FIXED_WEIGHT_ROBUST",
    "MODEL_BASED",
    "NAIVE",
    "PAIR_ROBUST",
    "SET_ROBUST",
    "STACKED",
    "STRATA_ROBUST",
    "STRATIFIED",
    "TWO_WAY_ROBUST",
    "Adjustments",
    "AdverseEvent",
    "AlternativeAnalysis",
    "AlternativeEffect",
    "Analyses",
    "AnalysisOptions",
    "ArmCurve",
    "BaselineRow",
    "BaselineTable",
    "BootstrapEffect",
    "BootstrapOptions",
    "Contrast",
    "CoxOptions",
    "CurveComparison",
    "CurveOptions",
    "DoseSummary",
    "EventShare",
    "FollowUp",
    "GroupComparison",
    "GroupHazards",
    "HazardModel",
    "HazardRatio",
    "HazardTable",
    "MatchedGroups",
    "PairwiseTest",
    "RateDifference",
    "Spread",
    "Stability",
    "SubgroupAnalysis",
    "SubgroupEffect",
    "SubgroupOptions",
    "SubgroupVariable",
    "ToxicityComparison",
    "adjust",
    "alternative_analyses",
    "analyse",
    "arm_curve",
    "baseline_table",
    "bootstrap_effects",
    "compare_adverse_event",
    "compare_curves",
    "compare_groups",
    "compare_toxicity",
    "dose_summary",
    "event_share",
    "fit_groups",
    "follow_up",
    "groups_problem",
    "hazard_model",
    "hazard_ratio",
    "hazard_table",
    "matched_contrast",
    "matched_groups",
    "rate_difference",
    "stability",
    "stacked_influence",
    "stacked_std_error",
    "subgroup_analysis",
    "unadjusted_contrast",
    "weighted_contrast",
]
