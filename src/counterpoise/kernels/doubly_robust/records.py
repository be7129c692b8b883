"""What a doubly robust analysis is asked and what it answers."""

from dataclasses import dataclass

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import check_ties
from counterpoise.kernels.curves.intervals import IntervalType
from counterpoise.kernels.doubly_robust.step_models import CensoringModel, OutcomeModel, Steps, check_options
from counterpoise.kernels.weighting.estimands import Estimand


@dataclass(frozen=True, slots=True)
class SurvivalModels:
    """How the event and the censoring are modelled.

    >>> SurvivalModels(ties="exact")
    Traceback (most recent call last):
    counterpoise.errors.InputError: `ties` must be 'efron' or 'breslow'; it is 'exact'.
    """

    outcome: OutcomeModel = "arms"
    """One Cox model in each arm, or a common one with the treatment among its covariates."""
    censoring: CensoringModel = "arms"
    """One Cox model in each arm, a common one with the treatment among its covariates, or one without it (pooled)."""
    ties: Ties = "efron"
    """Of both models."""
    steps: Steps = "exponential"
    """How a step of the cumulative hazard becomes survival: exp(-step), or 1 - step (product limit)."""
    least_uncensored: float = 0.0
    """An arm is estimated while all its patients at risk have at least this chance of being uncensored."""

    def __post_init__(self) -> None:
        check_options(self.outcome, self.censoring, self.steps)
        check_ties(self.ties)
        if not 0 <= self.least_uncensored < 1:
            raise InputError(f"`least_uncensored` must be from 0 to below 1; it is {self.least_uncensored}.")


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMeans:
    """The areas under the two curves up to a horizon; controls first."""

    horizon: float
    mean: Floats
    """(2,) under control, and under treatment."""
    std_error: Floats
    """(2,)"""
    lower: Floats
    """(2,) plain limits."""
    upper: Floats
    """(2,)"""
    difference: float
    """Treatment less control; its limits are plain."""
    difference_std_error: float
    difference_lower: float
    difference_upper: float
    ratio: float
    """Treatment over control; its limits are from the standard error of its logarithm."""
    log_ratio_std_error: float
    ratio_lower: float
    ratio_upper: float
    influence: Floats
    """(2, n) what each row moves `mean` by."""


@dataclass(frozen=True, slots=True, eq=False)
class DoublyRobustSurvival:
    """Survival at k times, had the target population been in one arm and in the other; not estimable is NaN."""

    time: Floats
    """(k,)"""
    survival: Floats
    """(2, k) under control, and under treatment."""
    std_error: Floats
    """(2, k)"""
    lower: Floats
    """(2, k) NaN where the estimate is not between 0 and 1."""
    upper: Floats
    """(2, k)"""
    difference: Floats
    """(k,) treatment less control; its limits are plain."""
    difference_std_error: Floats
    difference_lower: Floats
    difference_upper: Floats
    ratio: Floats
    """(k,) treatment over control; NaN unless both are positive. Its limits are from the standard error of its
    logarithm."""
    log_ratio_std_error: Floats
    ratio_lower: Floats
    ratio_upper: Floats
    influence: Floats
    """(2, n, k) what each row, with its weight, moves `survival` by."""
    restricted_mean: RestrictedMeans | None
    """None unless a horizon was given."""
    curve_time: tuple[Floats, Floats]
    """The times at which each arm's curve steps, ascending: g0 and g1 of them."""
    curve: tuple[Floats, Floats]
    """(g0,) and (g1,) the survival from each step on."""
    curve_std_error: tuple[Floats, Floats]
    known_until: Floats
    """(2,) the end of what is known of each arm: its last observed time, or where `least_uncensored` ended it."""
    restriction: str
    """A sentence for each arm that `least_uncensored` ended before its last observed time; empty if neither."""
    lowest_uncensored: Floats
    """(2,) the smallest chance of being uncensored that was divided by along the whole curve; 1 without censoring."""
    outside: Counts
    """(2,) how many steps of the curve lay outside [0, 1] before any correction."""
    rises: Counts
    """(2,) how many steps of the curve rose before any correction."""
    monotone: bool
    estimand: Estimand
    score_method: str
    models: SurvivalModels
    interval: IntervalType
    confidence: float
