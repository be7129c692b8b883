"""Weights that make two arms resemble one target population, as functions of the propensity score."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, xlog1py

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_floats, as_vector, require

Estimand = Literal["ATE", "ATT", "ATC", "ATO", "ATM", "ATEN"]
"""Whose effect: of everyone, of those who were treated, of those who were not, or, by overlap, matching or entropy
weights, of those who might be either."""


def balancing_weights(
    probability: ArrayLike,
    treatment: ArrayLike,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    case_weights: ArrayLike | None = None,
) -> Floats:
    """Return balancing weights of the shape of `probability`: (n,), or (b, n) for b replicates at once.

    With e the propensity score, treated and controls weigh h / e and h / (1-e), where the tilt h is the density of the
    target population relative to the patients' own: 1 (ATE), e (ATT), 1-e (ATC), e (1-e) (ATO, overlap weights),
    min(e, 1-e) (ATM, matching weights), -e log e - (1-e) log(1-e) (ATEN, entropy weights). Treated and controls so
    weigh 1/e and 1/(1-e) (ATE), 1 and e/(1-e) (ATT), (1-e)/e and 1 (ATC), 1-e and e (ATO). Stabilised ATE weights are
    multiplied by the share of patients in the arm.
    `case_weights`, of the same shape or (n,), are multiplied in, and weigh the shares: the result is then what a
    weighted fit of that replicate takes. A replicate that has no finite weights, because its score did not
    converge or leaves somebody no chance of the treatment received, gets NaN throughout.

    >>> balancing_weights([0.5, 0.25], [1, 0], estimand="ATE", stabilised=False)
    array([2.        , 1.33333333])
    >>> balancing_weights([0.5, 0.25], [1, 0], estimand="ATO")
    array([0.5 , 0.25])
    >>> balancing_weights([0.8, 0.25], [1, 0], estimand="ATM")
    array([0.25      , 0.33333333])

    Raises `InputError` where a probability is not between 0 and 1, or leaves no chance of the treatment received, and
    where a case weight is negative or not finite.

    Source: Li, Morgan and Zaslavsky, J Am Stat Assoc 2018;113:390-400; Li and Greene, Int J Biostat 2013;9:215-234, for
    ATM; Zhou, Matsouaka and Thomas, Stat Methods Med Res 2020;29:3721-3756, for ATEN; Robins, Hernan and Brumback,
    Epidemiology 2000;11:550-560, for stabilising.
    """
    score = as_floats("probability", probability)
    treated = as_binary("treatment", treatment, score.shape[-1] if score.ndim else None)
    if treated.size == 0:
        raise InputError("`treatment` must have at least one row; it has none.")
    require(np.isnan(score) | ((score >= 0) & (score <= 1)), "`probability` must be between 0 and 1")
    received = np.where(treated, score, 1.0 - score)
    usable = np.all(received > 0, axis=-1, keepdims=True)
    if score.ndim == 1:
        require(received > 0, "`probability` must be finite, and must not exclude the treatment that was received")
    weights = _tilt(score, estimand) / np.where(usable, received, np.nan)
    case = np.ones(treated.size) if case_weights is None else _case_weights(case_weights, score.shape)
    if stabilised and estimand == "ATE":
        share = ((case * treated).sum(axis=-1) / case.sum(axis=-1))[..., None]
        weights = weights * np.where(treated, share, 1.0 - share)
    return weights if case_weights is None else weights * case


def weight_slopes(
    probability: ArrayLike, treatment: ArrayLike, *, estimand: Estimand = "ATE", stabilised: bool = True
) -> Floats:
    """Return the derivatives (n,) of `balancing_weights` by the logits of the score.

    With e the score they are, for treated and controls, -(1-e)/e and e/(1-e) (ATE, times the arm's share where
    stabilised), 0 and e/(1-e) (ATT), -(1-e)/e and 0 (ATC), -e(1-e) and e(1-e) (ATO), log(1-e) (1-e)/e and
    -log(e) e/(1-e) (ATEN). Those of ATM are the ATC's above e = 1/2 and the ATT's below; at e = 1/2 itself, where the
    weight has a kink, the mean of the two.

    >>> weight_slopes([0.5, 0.25], [1, 0], estimand="ATO")
    array([-0.25  ,  0.1875])
    """
    score = as_vector("probability", probability)
    treated = as_binary("treatment", treatment, score.size)
    require((score > 0) & (score < 1), "`probability` must be between 0 and 1")
    if estimand == "ATO":
        return np.where(treated, -1.0, 1.0) * score * (1.0 - score)
    slopes = np.where(treated, -(1.0 - score) / score, score / (1.0 - score))
    if estimand == "ATE":
        share = treated.mean() if stabilised else 1.0
        return slopes * np.where(treated, share, 1.0 - share if stabilised else 1.0)
    return slopes * _part(score, treated, estimand) + 0.0


def weight_derivatives(probability: ArrayLike, treatment: ArrayLike, *, estimand: Estimand = "ATE") -> Floats:
    """Return the derivatives (n,) of unstabilised `balancing_weights` by the score e itself.

    They are, for treated and controls, -1/e^2 and 1/(1-e)^2 (ATE), 0 and 1/(1-e)^2 (ATT), -1/e^2 and 0 (ATC), -1 and 1
    (ATO), log(1-e)/e^2 and -log(e)/(1-e)^2 (ATEN). Those of ATM are the ATC's above e = 1/2 and the ATT's below; at
    e = 1/2 itself, where the weight has a kink, the mean of the two, which is what a central difference tends to.

    >>> weight_derivatives([0.5, 0.75], [1, 0], estimand="ATE")
    array([-4., 16.])
    >>> weight_derivatives([0.25, 0.5, 0.75, 0.25], [1, 1, 1, 0], estimand="ATM")
    array([ 0.        , -2.        , -1.77777778,  1.77777778])

    Raises `InputError` where a probability is not strictly between 0 and 1.

    Source: as for `balancing_weights`.
    """
    score = as_vector("probability", probability)
    treated = as_binary("treatment", treatment, score.size)
    require((score > 0) & (score < 1), "`probability` must be between 0 and 1")
    if estimand == "ATO":
        return np.where(treated, -1.0, 1.0)
    inverse = np.where(treated, -1.0 / np.square(score), 1.0 / np.square(1.0 - score))
    return inverse * _part(score, treated, estimand) + 0.0  # zero without a sign


def _part(score: Floats, treated: Bools, estimand: Estimand) -> Floats:
    """Return by what the derivatives of inverse-probability weights are multiplied to give those of an estimand."""
    if estimand == "ATE":
        return np.ones_like(score)
    if estimand == "ATT":
        return np.where(treated, 0.0, 1.0)
    if estimand == "ATC":
        return np.where(treated, 1.0, 0.0)
    if estimand == "ATM":
        above = np.where(score == 0.5, 0.5, score > 0.5)
        return np.where(treated, above, 1.0 - above)
    if estimand == "ATEN":
        return -np.where(treated, np.log1p(-score), np.log(score))
    raise _unknown(estimand)


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
    if estimand == "ATM":
        return np.minimum(score, 1.0 - score)
    if estimand == "ATEN":
        return entr(score) - xlog1py(1.0 - score, -score)
    raise _unknown(estimand)


def _unknown(estimand: str) -> InputError:
    return InputError(f"`estimand` must be ATE, ATT, ATC, ATO, ATM or ATEN; it is {estimand!r}.")


def _case_weights(values: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return case weights that broadcast to `shape`; those of a replicate may be zero."""
    case = as_floats("case_weights", values)
    if case.shape not in (shape, shape[-1:]):
        raise InputError(f"`case_weights` must have shape {shape}; its shape is {case.shape}.")
    require(np.isfinite(case) & (case >= 0), "`case_weights` must be finite and non-negative")
    return case
