"""Weights that make two arms resemble one target population, as functions of the propensity score."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_binary, as_floats, as_vector, require

Estimand = Literal["ATE", "ATT", "ATC", "ATO"]
"""Whose effect: of everyone, of those who were treated, of those who were not, of those who might be either."""


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
