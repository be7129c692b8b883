"""The variance of a weighted log hazard ratio that knows that the weights were estimated."""

import numpy as np

from counterpoise.balance import weight_slopes
from counterpoise.errors import InputError, UnsupportedError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import CoxFit


def stacked_influence(fit: CoxFit, adjustments: Adjustments) -> Floats:
    """Return what each of n patients moves the weighted log hazard ratio by, through score and weights too, (n,).

    Score, weights and Cox model are solved as one system of estimating equations (M-estimation). With U_i the
    derivative of the Cox score by the weight of patient i, w the weights, X (n, q + 1) the columns of the score
    with its intercept, A the treatment, e the propensity score, H the information of the logistic model, I that of
    the Cox model, p the share of treated and eta = logit(e):

        IF_i = I^-1 [ w_i U_i + G' H^-1 X_i (A_i - e_i) + P (A_i - p) / n ]
        G = sum_j U_j (dw_j / d eta_j) X_j,    P = sum_j U_j dw_j / dp (stabilised weights only)

    It holds for Breslow's and for Efron's ties, whose score residual is the exact derivative by the weight. The sum
    of its squares is the variance. Raises `UnsupportedError` for truncated weights.

    Source: Shu, Young, Toh and Wang (2021), Biometrics 77:1101; Lin and Wei (1989), JASA 84:1074, for U.
    """
    if fit.influence is None or fit.influence.shape[1] != 1:
        raise InputError("`fit` must be a robust Cox model of treatment alone.")
    score, weighting = adjustments.score, adjustments.weighting
    if weighting.truncation is not None:
        raise UnsupportedError("The stacked variance does not know truncated weights.")
    treated, weights, n = score.treatment.astype(float), weighting.weights, score.treatment.size
    bread = float(fit.naive_covariance[0, 0])
    own = fit.influence[:, 0]
    residuals = own / (bread * weights)
    x = np.column_stack([np.ones(n), score.x])
    slopes = weight_slopes(
        score.probability, score.treatment, estimand=weighting.estimand, stabilised=weighting.stabilised
    )
    through_score = ((residuals * slopes) @ x) @ score.fit.covariance @ (x * (treated - score.probability)[:, None]).T
    through_share = np.zeros(n)
    if weighting.stabilised:
        share = treated.mean()
        per_share = np.where(score.treatment, weights / share, -weights / (1 - share))
        through_share = float(residuals @ per_share) * (treated - share) / n
    return own + bread * (through_score + through_share)


def stacked_std_error(fit: CoxFit, adjustments: Adjustments) -> float:
    """Return the standard error of the weighted log hazard ratio by `stacked_influence`."""
    return float(np.sqrt(np.square(stacked_influence(fit, adjustments)).sum()))
