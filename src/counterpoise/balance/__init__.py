"""The balance stage: propensity score, weights, matched sets, and what imbalance is left."""

from counterpoise.balance.alternative_options import AlternativeOptions
from counterpoise.balance.alternatives import Alternative, Candidates, alternative
from counterpoise.balance.check import Balance, check_balance, largest_difference
from counterpoise.balance.group_options import GroupWeightOptions
from counterpoise.balance.group_weights import GroupCandidates, GroupWeighting, weigh_groups
from counterpoise.balance.match import Matching, match, no_match, tie_ranks
from counterpoise.balance.match_options import MatchKeywords, MatchOptions, breaks_ties, match_options
from counterpoise.balance.match_several import ArmBalance, ArmMatching, arm_balance, match_arms
from counterpoise.balance.propensity import PropensityScore, propensity
from counterpoise.balance.unmatched import Unmatched, UnmatchedRow, compare_unmatched
from counterpoise.balance.weight import Weighting, WeightOptions, weigh
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights, weight_slopes

__all__ = [
    "Alternative",
    "AlternativeOptions",
    "ArmBalance",
    "ArmMatching",
    "Balance",
    "Candidates",
    "Estimand",
    "GroupCandidates",
    "GroupWeightOptions",
    "GroupWeighting",
    "MatchKeywords",
    "MatchOptions",
    "Matching",
    "PropensityScore",
    "Unmatched",
    "UnmatchedRow",
    "WeightOptions",
    "Weighting",
    "alternative",
    "arm_balance",
    "balancing_weights",
    "breaks_ties",
    "check_balance",
    "compare_unmatched",
    "largest_difference",
    "match",
    "match_arms",
    "match_options",
    "no_match",
    "propensity",
    "tie_ranks",
    "weigh",
    "weigh_groups",
    "weight_slopes",
]
