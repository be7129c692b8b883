"""Everything that was estimated, in one record."""

from dataclasses import dataclass

from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.alternatives import AlternativeAnalysis
from counterpoise.estimate.baseline import BaselineTable
from counterpoise.estimate.bootstrap import BootstrapEffect
from counterpoise.estimate.contrasts import Contrast
from counterpoise.estimate.curves import ArmCurve, CurveComparison, FollowUp
from counterpoise.estimate.group_matching import MatchedGroups
from counterpoise.estimate.group_weighting import WeightedGroups
from counterpoise.estimate.hazards import HazardModel, HazardTable
from counterpoise.estimate.redefined import DefinitionEffect
from counterpoise.estimate.stability import Stability
from counterpoise.estimate.subgroups import SubgroupAnalysis
from counterpoise.estimate.summaries import EventShare
from counterpoise.estimate.time_zero import TimeZeroAnalysis


@dataclass(frozen=True, slots=True, eq=False)
class GroupHazards:
    """The groups of one endpoint against the first of them: alone, and with the covariates."""

    univariable: HazardModel
    multivariable: HazardModel


@dataclass(frozen=True, slots=True, eq=False)
class Analyses:
    """The results of one study; tuples run over the endpoints in the order of the plan.

    `events` counts all patients, the controls and the treated; `overall` is the curve of all patients;
    `contrasts` is ordered by endpoint and then by adjustment; there is none of matched patients where no pair
    could be made. `stability` shows how far the matched comparisons hang on the breaking of ties; None where that was
    not asked for, or the method has no ties to break. `matched_groups` compares all groups in sets by common referent;
    None where the plan names no referent. `alternatives` are further adjustments, the main weighting first; none
    where the plan asks for none. `weighted_groups` compares all groups weighted to one population; None where the plan
    has no [balance.groups]. `time_zero` sets the remedies of immortal time beside the naive analysis.
    `redefined` are the endpoints under other definitions; none where the plan has no [[definitions]].
    """

    baseline: BaselineTable
    baseline_groups: BaselineTable | None
    follow_up: FollowUp
    events: tuple[tuple[EventShare, EventShare, EventShare], ...]
    overall: tuple[ArmCurve, ...]
    by_groups: tuple[CurveComparison, ...]
    hazards: tuple[HazardTable, ...]
    group_hazards: tuple[GroupHazards, ...]
    adjustments: Adjustments | None
    contrasts: tuple[Contrast, ...]
    bootstrap: tuple[BootstrapEffect, ...]
    subgroups: SubgroupAnalysis | None
    stability: Stability | None = None
    alternatives: tuple[AlternativeAnalysis, ...] = ()
    matched_groups: MatchedGroups | None = None
    weighted_groups: WeightedGroups | None = None
    time_zero: tuple[TimeZeroAnalysis, ...] = ()
    redefined: tuple[DefinitionEffect, ...] = ()

    def contrast(self, endpoint: str, adjustment: str) -> Contrast:
        """Return the comparison of one endpoint under one adjustment."""
        return next(c for c in self.contrasts if (c.endpoint.name, c.adjustment) == (endpoint, adjustment))

    def was_compared(self, adjustment: str) -> bool:
        """Return whether the arms were compared under this adjustment."""
        return any(c.adjustment == adjustment for c in self.contrasts)
