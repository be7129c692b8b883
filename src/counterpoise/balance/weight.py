"""Balancing weights: each patient weighted so that the arms resemble one and the same population."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from counterpoise.balance.propensity import PropensityScore
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.imbalance import effective_sample_size
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights
from counterpoise.read.codebook import Options

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class WeightOptions(Options):
    """How patients are weighted by their propensity score."""

    estimand: Estimand = Field(
        default="ATE",
        description="Whose effect is estimated: ATE everyone's, ATT the treated patients', ATC the controls', "
        "ATO the effect in those who might have had either treatment (overlap weights); ATM (matching weights) and "
        "ATEN (entropy weights) are for such patients too, the first for those who could be matched one to one.",
    )
    stabilised: bool = Field(
        default=True,
        description="Multiply ATE weights by the share of patients in the arm, so that they sum to about n. "
        "The weights of the other estimands are not changed.",
    )
    truncate: tuple[Share, Share] | None = Field(
        default=None,
        description="Two quantiles, such as [0.01, 0.99]: weights beyond them are set to them. "
        "Truncating trades bias for variance and changes the target population.",
    )

    @field_validator("truncate")
    @classmethod
    def _in_order(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError("the first quantile must be below the second")
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """Weights (n,) of n patients, and what a reader must know of them.

    `stabilised` is whether the weights carry the arms' shares (ATE only); `truncation` the two weights at which
    they were cut, None if they were not, and `n_truncated` how many were. `effective_sample_size` is that of the
    controls, then that of the treated. `coefficient_of_variation` has n - 1 below.
    """

    weights: Floats
    estimand: Estimand
    stabilised: bool
    truncation: tuple[float, float] | None
    minimum: float
    maximum: float
    mean: float
    coefficient_of_variation: float
    effective_sample_size: tuple[float, float]
    n_truncated: int


def weigh(
    score: PropensityScore,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    truncate: tuple[float, float] | None = None,
) -> Weighting:
    """Weigh patients by their propensity score, and describe the weights.

    `truncate` names two quantiles (R's type 7, over all patients); weights beyond them are set to them.

    >>> from counterpoise.balance.propensity import propensity
    >>> weighting = weigh(propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3]))
    >>> weighting.weights.round(6).tolist(), round(weighting.maximum, 6)
    ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1.0)

    Source: Cole and Hernan, Am J Epidemiol 2008;168:656-664, for truncation.
    """
    raw = balancing_weights(score.probability, score.treatment, estimand=estimand, stabilised=stabilised)
    bounds = None if truncate is None else _bounds(raw, truncate)
    weights = raw if bounds is None else np.clip(raw, *bounds)
    return Weighting(
        weights=weights,
        estimand=estimand,
        stabilised=stabilised and estimand == "ATE",
        truncation=bounds,
        minimum=float(weights.min()),
        maximum=float(weights.max()),
        mean=float(weights.mean()),
        coefficient_of_variation=float(weights.std(ddof=1) / weights.mean()),
        effective_sample_size=(
            effective_sample_size(weights[~score.treatment]),
            effective_sample_size(weights[score.treatment]),
        ),
        n_truncated=int(np.count_nonzero(weights != raw)),
    )


def _bounds(weights: Floats, truncate: tuple[float, float]) -> tuple[float, float]:
    low, high = truncate
    if not 0.0 <= low < high <= 1.0:
        raise InputError(f"`truncate` must hold two quantiles, the smaller first; it is {truncate}.")
    return float(np.quantile(weights, low)), float(np.quantile(weights, high))
