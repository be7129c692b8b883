"""The three comparisons of a design, as the tests make them."""

from collections.abc import Callable

from counterpoise.balance import MatchOptions, WeightOptions
from counterpoise.balance.weight import Estimand
from counterpoise.design import Design
from counterpoise.estimate import (
    Adjustments,
    Contrast,
    adjust,
    matched_contrast,
    unadjusted_contrast,
    weighted_contrast,
)
from tests.estimate.cohorts import (
    CURVES,
)

Compare = Callable[[Design], Contrast]


def adjusted(design: Design, estimand: Estimand = "ATE", *, stabilised: bool = False) -> Adjustments:
    return adjust(design, WeightOptions(estimand=estimand, stabilised=stabilised), MatchOptions(), seed=1)


def unadjusted(design: Design) -> Contrast:
    return unadjusted_contrast(design, design.endpoints[0], 60.0, CURVES, "efron")


def weighted(design: Design, adjustments: Adjustments | None = None) -> Contrast:
    return weighted_contrast(design, design.endpoints[0], adjustments or adjusted(design), 60.0, CURVES, "efron")


def matched(design: Design, adjustments: Adjustments | None = None) -> Contrast:
    made = adjustments or adjust(design, WeightOptions(), MatchOptions(caliper=1e6), seed=1)
    return matched_contrast(design, design.endpoints[0], made, 60.0, CURVES, "efron")
