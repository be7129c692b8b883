"""Weights that make several arms resemble one target population, and their derivatives by the score."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_floats, as_weights, require
from counterpoise.kernels.verdict import raise_unless_converged
from counterpoise.kernels.weighting.multinomial import MultinomialFit, as_arms
from counterpoise.kernels.weighting.records import WeightModel

SeveralArmsEstimand = Literal["ATE", "ATT", "ATO", "ATM", "ATEN"]
"""Whose effect: of everyone; of those who were in the focal arm; of those who might be in any arm, by overlap,
matching or entropy weights. What is the ATC of two arms is the ATT with the other arm as the focal one."""


def generalised_weights(
    probability: ArrayLike,
    arm: ArrayLike,
    *,
    estimand: SeveralArmsEstimand = "ATE",
    focal: int | None = None,
    stabilised: bool = False,
    case_weights: ArrayLike | None = None,
) -> Floats:
    """Return the (n,) weights h / e_a of rows in (n,) arms a = 0, ..., k - 1 whose chances of each arm are e (n, k).

    The tilting function h names the target: 1 (ATE), e of the `focal` arm (ATT), 1 / sum of 1 / e (ATO), the smallest
    e (ATM), minus sum of e log e (ATEN, entropy weights). Every arm is brought to the same target, so one set of
    weights serves all pairs. For two arms they are `balancing_weights`. Stabilised, for ATE alone, they are multiplied
    by the share of patients in the row's arm.

    `case_weights` (n,) or, for (b, n, k) replicates of the score, (b, n), are multiplied in and weigh the shares. The
    result is then (b, n); a replicate without a finite weight for every row is NaN throughout.

    Raises `InputError` where probabilities do not lie between 0 and 1 or do not sum to 1, where one leaves no chance
    of the arm received, and for a `focal` arm without ATT or an ATT without one.

    >>> generalised_weights([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]], [1, 0], estimand="ATM")
    Traceback (most recent call last):
    counterpoise.errors.InputError: `arm` must hold every arm of `probability`; nobody has 2.
    >>> e = [[0.5, 0.25, 0.25], [0.2, 0.4, 0.4], [0.25, 0.25, 0.5]]
    >>> generalised_weights(e, [1, 0, 2], estimand="ATM"), generalised_weights(e, [1, 0, 2])
    (array([1. , 1. , 0.5]), array([4., 5., 2.]))

    Source: Li and Li, Ann Appl Stat 2019;13:2389-2415 (ATO, and the class); Yoshida et al., Epidemiology
    2017;28:387-395 (ATM); Robins, Hernan and Brumback, Epidemiology 2000;11:550-560, for stabilising.
    """
    score, codes, focal_arm = _checked(probability, arm, estimand, focal)
    received = score[..., np.arange(codes.size), codes]
    usable: Bools = np.asarray(np.isfinite(score).all(axis=(-2, -1)) & (received > 0).all(axis=-1))
    if score.ndim == 2:
        require(
            np.isfinite(score).all(axis=-1) & (received > 0),
            "`probability` must be finite, and must not exclude the arm that was received",
        )
    with np.errstate(invalid="ignore"):
        weights = _tilt(score, estimand, focal_arm) / np.where(usable[..., None], received, np.nan)
    case = np.ones(codes.size) if case_weights is None else _as_case_weights(case_weights, score.shape[:-1])
    if stabilised and estimand == "ATE":
        weights = weights * _shares(codes, score.shape[-1], case)[..., codes]
    return weights if case_weights is None else weights * case


def weights_by_probability(
    probability: ArrayLike,
    arm: ArrayLike,
    *,
    estimand: SeveralArmsEstimand = "ATE",
    focal: int | None = None,
) -> Floats:
    """Return the (n, k) derivatives of unstabilised `generalised_weights` by the probabilities of each arm.

    Matching weights have a kink where several arms are the least likely; the mean of their derivatives stands there.

    >>> e = [[0.5, 0.25, 0.25], [0.2, 0.4, 0.4], [0.25, 0.25, 0.5]]
    >>> weights_by_probability(e, [1, 0, 2])
    array([[  0., -16.,   0.],
           [-25.,   0.,   0.],
           [  0.,   0.,  -4.]])
    """
    score, codes, focal_arm = _checked(probability, arm, estimand, focal)
    if score.ndim != 2:
        raise InputError(f"`probability` must be of shape (n, k); its shape is {score.shape}.")
    require(score > 0, "`probability` must be finite and positive")
    rows = np.arange(codes.size)
    received = score[rows, codes]
    slopes = _tilt_slopes(score, estimand, focal_arm) / received[:, None]
    slopes[rows, codes] -= _tilt(score, estimand, focal_arm) / received**2
    return slopes


def weight_several_arms(
    fit: MultinomialFit,
    arm: ArrayLike,
    *,
    estimand: SeveralArmsEstimand = "ATE",
    focal: int | None = None,
    stabilised: bool = False,
    normalised: bool = False,
    sampling_weights: ArrayLike | None = None,
) -> WeightModel:
    """Return the weights of a multinomial score, with their derivatives by all that was estimated for them.

    The parameters are the q coefficients of the score; then, for stabilised ATE weights, the k shares of the arms;
    then, for normalised weights, the k factors that scale them to a mean of 1 in each arm. `sampling_weights` (n,) are
    multiplied in, and weigh shares and means; the score must have been fitted with them as its case weights.

    Raises `FitError` where the score has no answer, and `InputError` as `generalised_weights` does.

    >>> from counterpoise.kernels.weighting.multinomial import multinomial_score
    >>> arm, x = [0, 0, 1, 2, 0, 1, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1]
    >>> model = weight_several_arms(multinomial_score(arm, x), arm, stabilised=True)
    >>> model.weights.round(6), model.derivative.shape
    (array([0.75, 0.75, 1.  , 1.5 , 1.5 , 1.  , 0.75, 0.75]), (8, 7))

    Source: Li and Li, Ann Appl Stat 2019;13:2389-2415; Lunceford and Davidian, Stat Med 2004;23:2937-2960, for the
    score as an estimating equation.
    """
    raise_unless_converged(fit.verdict, fit.method)
    codes, k = as_arms(arm, fit.probability.shape[0])
    case = as_weights("sampling_weights", sampling_weights, codes.size)
    plain = generalised_weights(fit.probability, codes, estimand=estimand, focal=focal, case_weights=case)
    by_probability = weights_by_probability(fit.probability, codes, estimand=estimand, focal=focal)
    derivative = fit.derivative(case[:, None] * by_probability)
    model = WeightModel(plain, derivative, fit.influence)
    member = (codes[:, None] == np.arange(k)).astype(float)
    if stabilised and estimand == "ATE":
        model = _stabilised(model, member, case)
    return _normalised(model, member, case) if normalised else model


def _stabilised(model: WeightModel, member: Floats, case: Floats) -> WeightModel:
    """Multiply by the weighted share of each arm, (n, k) `member` telling who is in it."""
    shares = case @ member / case.sum()
    factor = member @ shares
    return WeightModel(
        factor * model.weights,
        np.hstack([factor[:, None] * model.derivative, member * model.weights[:, None]]),
        np.hstack([model.influence, (member - shares) * (case / case.sum())[:, None]]),
    )


def _normalised(model: WeightModel, member: Floats, case: Floats) -> WeightModel:
    """Scale to the mean of `case` in each arm: a row moves the factor by its own weight and through the score."""
    total = model.weights @ member
    factors = case @ member / total
    own = member @ factors
    moved = member * (case - own * model.weights)[:, None]
    through = model.influence @ (model.derivative.T @ member)
    return WeightModel(
        own * model.weights,
        np.hstack([own[:, None] * model.derivative, member * model.weights[:, None]]),
        np.hstack([model.influence, (moved - through * factors) / total]),
    )


def _checked(
    probability: ArrayLike, arm: ArrayLike, estimand: SeveralArmsEstimand, focal: int | None
) -> tuple[Floats, Counts, int]:
    """Return the score, the codes, and the focal arm: 0 where there is none."""
    score = as_floats("probability", probability)
    if score.ndim not in (2, 3):
        raise InputError(f"`probability` must be of shape (n, k) or (b, n, k); its shape is {score.shape}.")
    codes, k = as_arms(arm, score.shape[-2])
    if k > score.shape[-1]:
        raise InputError(f"`probability` must have a column for each of the {k} arms; it has {score.shape[-1]}.")
    if k < score.shape[-1]:
        raise InputError(f"`arm` must hold every arm of `probability`; nobody has {k}.")
    require(np.isnan(score) | ((score >= 0) & (score <= 1)), "`probability` must be between 0 and 1")
    total = score.sum(axis=-1)
    require(np.isnan(total) | (np.abs(total - 1.0) <= 1e-9), "`probability` must sum to 1 over the arms")
    if estimand not in get_args(SeveralArmsEstimand):
        raise InputError(f"`estimand` must be one of {', '.join(get_args(SeveralArmsEstimand))}; it is {estimand!r}.")
    if (estimand == "ATT") != (focal is not None):
        raise InputError("`focal` must name the arm whose patients are the target with ATT, and be left out without.")
    if focal is not None and focal not in range(k):
        raise InputError(f"`focal` must be an arm from 0 to {k - 1}; it is {focal}.")
    return score, codes, 0 if focal is None else focal


def _as_case_weights(values: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return weights that broadcast to `shape`; a replicate's may hold zeros, NaN marks one without an answer."""
    case = as_floats("case_weights", values)
    if case.shape not in (shape, shape[-1:]):
        raise InputError(f"`case_weights` must have shape {shape}; its shape is {case.shape}.")
    if len(shape) == 1:
        require(np.isfinite(case) & (case > 0), "`case_weights` must be finite and positive")
    require(~((case < 0) | np.isinf(case)), "`case_weights` must be finite and non-negative")
    return case


def _shares(codes: Counts, k: int, case: Floats) -> Floats:
    """Return the (k,) or (b, k) weighted shares of the arms."""
    member = (codes[:, None] == np.arange(k)).astype(float)
    return case @ member / case.sum(axis=-1, keepdims=True)


def _tilt(score: Floats, estimand: SeveralArmsEstimand, focal: int) -> Floats:
    """Return the density of the target population relative to the patients' own, (..., n)."""
    match estimand:
        case "ATE":
            return np.ones(score.shape[:-1])
        case "ATT":
            return score[..., focal]
        case "ATO":
            # A chance of zero leaves nothing of the target there.
            with np.errstate(divide="ignore"):
                return 1.0 / (1.0 / score).sum(axis=-1)
        case "ATM":
            return score.min(axis=-1)
        case "ATEN":
            return -(score * np.log(np.where(score > 0, score, 1.0))).sum(axis=-1)


def _tilt_slopes(score: Floats, estimand: SeveralArmsEstimand, focal: int) -> Floats:
    """Return the (n, k) derivatives of the tilting function by the probabilities."""
    slopes: Floats = np.zeros_like(score)
    match estimand:
        case "ATE":
            return slopes
        case "ATT":
            slopes[:, focal] = 1.0
            return slopes
        case "ATO":
            return np.square(_tilt(score, estimand, focal)[:, None] / score)
        case "ATM":
            least = (score == score.min(axis=1, keepdims=True)).astype(float)
            return least / least.sum(axis=1, keepdims=True)
        case "ATEN":
            return -(np.log(score) + 1.0)
