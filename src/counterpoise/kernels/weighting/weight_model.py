"""Weights together with what estimating them does to every effect: their derivatives by the score's parameters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_vector, as_weights, require
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.verdict import Verdict, raise_unless_converged
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights, weight_derivatives
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel, check_model


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedWeights:
    """Weights that were set to a bound where they lay beyond it."""

    model: WeightModel
    """The weights (n,) and their derivatives, which are zero in truncated rows."""
    lower: float
    """The smallest weight after truncation at the lower quantile."""
    upper: float
    """The largest weight after truncation at the upper quantile."""
    truncated: Bools
    """(n,) whose weight was changed."""

    @property
    def count(self) -> int:
        """Number of rows whose weight was changed."""
        return int(np.count_nonzero(self.truncated))


def weight_model(
    score: ScoreFit,
    treatment: ArrayLike,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = False,
    normalised: bool = False,
    sampling_weights: ArrayLike | None = None,
) -> WeightModel:
    """Return the balancing weights (n,) of a score, with their derivatives by all that was estimated for them.

    The parameters are the q of the score; then, for stabilised ATE weights, the share of treated; then, for normalised
    weights, the two factors (controls, treated). Stabilising is for the ATE alone and changes no other estimand.
    Normalised weights are scaled to a mean of 1 in each arm, WeightIt's and cobalt's convention; PSweight scales them
    to a sum of 1. `sampling_weights` (n,) are multiplied in; they weigh the share of treated, and the mean that
    normalising sets to 1. The score must then have been fitted with them.

    >>> score = outside_score([0.5, 0.25, 0.5, 0.5])
    >>> weight_model(score, [1, 0, 0, 1], estimand="ATO", normalised=True).weights
    array([1.        , 0.66666667, 1.33333333, 1.        ])

    Raises `FitError` where the score has no finite estimate, `InputError` where a sampling weight is not positive or
    an arm is empty.

    Source: Lunceford and Davidian, Stat Med 2004;23:2937-2960; Stefanski and Boos, Am Stat 2002;56:29-38.
    """
    raise_unless_converged(score.verdict, f"weights by {score.method}")
    treated = as_binary("treatment", treatment, score.probability.size)
    require_both_arms(treated)
    case = as_weights("sampling_weights", sampling_weights, treated.size)
    weights = case * balancing_weights(score.probability, treated, estimand=estimand, stabilised=False)
    slope = case * weight_derivatives(score.probability, treated, estimand=estimand)
    model = WeightModel(weights, slope[:, None] * score.slope, score.influence)
    if stabilised and estimand == "ATE":
        model = _stabilised(model, treated, case)
    return normalise(model, treated, sampling_weights=case) if normalised else model


def normalise(model: WeightModel, treatment: ArrayLike, *, sampling_weights: ArrayLike | None = None) -> WeightModel:
    """Scale weights to a mean of 1 in each arm, the mean being that of the sampled population if rows have weights.

    With w the weights, in which the sampling weights s are included, the factor of an arm is sum s / sum w over it. The
    factors of the controls and of the treated are added to the parameters, since they depend on the score and on who
    was sampled: a row of the arm moves its factor c by (s_i - c w_i) / sum w, and every row by what it moves w.
    Normalising undoes stabilising. A weighted mean or curve of one arm is not changed by it, a weighted Cox model is.

    >>> normalise(known_weights([2.0, 2.0, 1.0, 3.0]), [1, 1, 0, 0]).weights
    array([1. , 1. , 0.5, 1.5])

    Raises `InputError` where a weight is negative or not finite, a sampling weight is not positive, or an arm is empty
    or weighs nothing.

    Source: Hernan and Robins, Causal Inference: What If, 2020, section 12.2; Stefanski and Boos, as above.
    """
    treated = as_binary("treatment", treatment, check_model(model).size)
    require_both_arms(treated)
    case = as_weights("sampling_weights", sampling_weights, treated.size)
    arms = np.column_stack([~treated, treated]).astype(float)
    total = arms.T @ model.weights
    if not (total > 0).all():
        raise InputError("`model.weights` must be positive somewhere in each arm; in one all are zero.")
    factor = arms.T @ case / total
    own = arms @ factor
    moved = arms * (case - own * model.weights)[:, None]
    through = model.influence @ (model.derivative.T @ arms)
    influence = (moved - through * factor) / total
    return WeightModel(
        own * model.weights,
        np.hstack([own[:, None] * model.derivative, arms * model.weights[:, None]]),
        np.hstack([model.influence, influence]),
    )


def known_weights(weights: ArrayLike) -> WeightModel:
    """Take weights (n,) as known: q is 0, and the variance of every effect is the robust one for fixed weights.

    >>> known_weights([1.0, 2.0]).derivative.shape
    (2, 0)

    Raises `InputError` where a weight is not positive and finite, or there is none.
    """
    values = _some("weights", weights)
    require(values > 0, "`weights` must be positive")
    return WeightModel(values, np.zeros((values.size, 0)), np.zeros((values.size, 0)))


def outside_score(probability: ArrayLike, *, method: str = "score from outside") -> ScoreFit:
    """Take a propensity score (n,) that was made elsewhere, by whatever means, as known.

    It has no estimating equation here, so that effects are given the variance for fixed weights. That is exact for a
    score known by design. For an estimated score it is as a rule too large for the ATE and may err to either side for
    the ATT; a bootstrap that is to know of it has to make the score anew in every replicate.

    >>> outside_score([0.2, 0.7]).coefficients.size
    0

    Raises `InputError` where a probability is not strictly between 0 and 1.
    """
    values = _some("probability", probability)
    require((values > 0) & (values < 1), "`probability` must be strictly between 0 and 1")
    nothing = np.zeros((values.size, 0))
    return ScoreFit(method, values, np.zeros(0), nothing, nothing, Verdict.CONVERGED, (), 0)


def truncated(
    model: WeightModel, lower_quantile: float = 0.0, upper_quantile: float = 1.0, *, rows: ArrayLike | None = None
) -> TruncatedWeights:
    """Set weights beyond two of their quantiles to those quantiles.

    The quantiles are of type 7 (R's and NumPy's default; WeightIt's `trim` takes type 3) over all weights or, with
    `rows` (n,) of 0 and 1, over those marked, which alone are then truncated: for the ATT WeightIt marks the controls.
    The bounds are taken as fixed, so that a truncated weight has the derivative zero: that they too move with the
    score and with the rows is left out, which matters little while few weights are truncated. Truncation trades bias
    for variance and changes the target population.

    >>> cut = truncated(known_weights([1.0, 2.0, 3.0, 10.0, 4.0]), 0.0, 0.75)
    >>> cut.model.weights, cut.count
    (array([1., 2., 3., 4., 4.]), 1)

    Raises `InputError` where the quantiles are not in order between 0 and 1, or no row is marked.

    Source: Cole and Hernan, Am J Epidemiol 2008;168:656-664.
    """
    if not 0.0 <= lower_quantile < upper_quantile <= 1.0:
        raise InputError(
            f"`lower_quantile` must be below `upper_quantile`, both from 0 to 1; they are {lower_quantile} and "
            f"{upper_quantile}."
        )
    weights = check_model(model)
    marked = np.ones(weights.size, dtype=bool) if rows is None else as_binary("rows", rows, weights.size)
    if not marked.any():
        raise InputError("`rows` must mark at least one row; it marks none.")
    lower, upper = (float(bound) for bound in np.quantile(weights[marked], (lower_quantile, upper_quantile)))
    cut = np.where(marked, np.clip(weights, lower, upper), weights)
    beyond = cut != weights
    derivative = np.where(beyond[:, None], 0.0, model.derivative)
    return TruncatedWeights(WeightModel(cut, derivative, model.influence), lower, upper, beyond)


def _some(name: str, values: ArrayLike) -> Floats:
    vector = as_vector(name, values)
    if vector.size == 0:
        raise InputError(f"`{name}` must have at least one row; it has none.")
    return vector


def _stabilised(model: WeightModel, treated: Bools, case: Floats) -> WeightModel:
    """Multiply ATE weights by the weighted share of rows in the arm, which becomes a parameter."""
    share = float(case[treated].sum() / case.sum())
    factor = np.where(treated, share, 1.0 - share)
    by_share = np.where(treated, model.weights, -model.weights)
    moved = case * (treated - share) / case.sum()
    return WeightModel(
        factor * model.weights,
        np.column_stack([factor[:, None] * model.derivative, by_share]),
        np.column_stack([model.influence, moved]),
    )
