"""The balance stage: propensity score, weights, matched pairs, and what imbalance is left."""

from counterpoise.balance.check import Balance, check_balance, largest_difference
from counterpoise.balance.match import Matching, MatchOptions, match, tie_ranks
from counterpoise.balance.propensity import PropensityScore, propensity
from counterpoise.balance.weight import Estimand, Weighting, WeightOptions, balancing_weights, weigh, weight_slopes

__all__ = [
    "Balance",
    "Estimand",
    "MatchOptions",
    "Matching",
    "PropensityScore",
    "WeightOptions",
    "Weighting",
    "balancing_weights",
    "check_balance",
    "largest_difference",
    "match",
    "propensity",
    "tie_ranks",
    "weigh",
    "weight_slopes",
]
