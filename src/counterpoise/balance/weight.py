"""Balancing weights: each patient weighted so that the arms resemble one and the same population."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, field_validator

from counterpoise.balance.propensity import PropensityScore
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_floats, as_vector, require
from counterpoise.kernels.imbalance import effective_sample_size
from counterpoise.read.codebook import Options

Estimand = Literal["ATE", "ATT", "ATC", "ATO"]
"""Whose effect: of everyone, of those who were treated, of those who were not, of those who might be either."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class WeightOptions(Options):
    """How patients are weighted by their propensity score."""

    estimand: Estimand = Field(
        default="ATE",
        description="Whose effect is estimated: ATE everyone's, ATT the treated patients', ATC the controls', "
        "ATO the effect in those who might have had either treatment (overlap weights).",
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


def balancing_weights(
    probability: ArrayLike,
    treatment: ArrayLike,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    case_weights: ArrayLike | None = None,
) -> Floats:
    """Return balancing weights of the shape of `probability`: (n,), or (b, n) for b replicates at once.

    With e the propensity score, treated and controls weigh 1/e and 1/(1-e) (ATE), 1 and e/(1-e) (ATT), (1-e)/e
    and 1 (ATC), 1-e and e (ATO). Stabilised ATE weights are multiplied by the share of patients in the arm.
    `case_weights`, of the same shape or (n,), are multiplied in, and weigh the shares: the result is then what a
    weighted fit of that replicate takes. A replicate that has no finite weights, because its score did not
    converge or leaves somebody no chance of the treatment received, gets NaN throughout.

    >>> balancing_weights([0.5, 0.25], [1, 0], estimand="ATE", stabilised=False)
    array([2.        , 1.33333333])
    >>> balancing_weights([0.5, 0.25], [1, 0], estimand="ATO")
    array([0.5 , 0.25])

    Raises `InputError` where a probability is not between 0 and 1, or leaves no chance of the treatment received.

    Source: Li, Morgan and Zaslavsky, J Am Stat Assoc 2018;113:390-400; Robins, Hernan and Brumback, Epidemiology
    2000;11:550-560, for stabilising.
    """
    score = as_floats("probability", probability)
    treated = as_binary("treatment", treatment, score.shape[-1] if score.ndim else None)
    require(np.isnan(score) | ((score >= 0) & (score <= 1)), "`probability` must be between 0 and 1")
    received = np.where(treated, score, 1.0 - score)
    usable = np.all(received > 0, axis=-1, keepdims=True)
    if score.ndim == 1:
        require(received > 0, "`probability` must be finite, and must not exclude the treatment that was received")
    weights = _tilt(score, estimand) / np.where(usable, received, np.nan)
    case = np.ones(treated.size) if case_weights is None else as_floats("case_weights", case_weights)
    if stabilised and estimand == "ATE":
        share = ((case * treated).sum(axis=-1) / case.sum(axis=-1))[..., None]
        weights = weights * np.where(treated, share, 1.0 - share)
    return weights if case_weights is None else weights * case


def weight_slopes(
    probability: ArrayLike, treatment: ArrayLike, *, estimand: Estimand = "ATE", stabilised: bool = True
) -> Floats:
    """Return the derivatives (n,) of `balancing_weights` by the logits of the score.

    With e the score they are, for treated and controls, -(1-e)/e and e/(1-e) (ATE, times the arm's share where
    stabilised), 0 and e/(1-e) (ATT), -(1-e)/e and 0 (ATC), -e(1-e) and e(1-e) (ATO).

    >>> weight_slopes([0.5, 0.25], [1, 0], estimand="ATO")
    array([-0.25  ,  0.1875])
    """
    score = as_vector("probability", probability)
    treated = as_binary("treatment", treatment, score.size)
    require((score > 0) & (score < 1), "`probability` must be between 0 and 1")
    if estimand == "ATO":
        return np.where(treated, -1.0, 1.0) * score * (1.0 - score)
    slopes = np.where(treated, -(1.0 - score) / score, score / (1.0 - score))
    if estimand == "ATT":
        return np.where(treated, 0.0, slopes)
    if estimand == "ATC":
        return np.where(treated, slopes, 0.0)
    share = treated.mean() if stabilised else 1.0
    return slopes * np.where(treated, share, 1.0 - share if stabilised else 1.0)


def _tilt(score: Floats, estimand: Estimand) -> Floats:
    """Return the density of the target population relative to the patients' own."""
    if estimand == "ATE":
        return np.ones_like(score)
    if estimand == "ATT":
        return score
    if estimand == "ATC":
        return 1.0 - score
    if estimand == "ATO":
        return score * (1.0 - score)
    raise InputError(f"`estimand` must be ATE, ATT, ATC or ATO; it is {estimand!r}.")


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
