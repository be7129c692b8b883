"""The Cox partial likelihood and its derivatives, summed over groups of tied event times.

Notation, at event time g with d deaths: S0 and S1 are the sums of w r and w r x over those at risk (w the case
weight, r = exp(x beta)), s0 and s1 the same over the deaths, f_k = k / d (Efron; 0 for Breslow),
den_k = S0 - f_k s0 and h_k = (mean weight of the deaths) / den_k. Then A = sum h, B = sum f h, a2 = sum h / den,
b2 = sum f h / den, c2 = sum f^2 h / den carry all that the ties add, without a row for every death.

Source: Therneau and Grambsch (2000), Modeling Survival Data, section 3.3 (ties) and 3.5 (weights).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.blocks import block_rows, blocks
from counterpoise.kernels.cox.design import CoxDesign, Ties, arrange
from counterpoise.kernels.newton import Point

__all__ = [
    "CoxDesign",
    "RiskSums",
    "Ties",
    "arrange",
    "derivatives",
    "evaluate",
    "martingale",
    "risk_sums",
    "score_residuals",
    "while_at_risk",
]


@dataclass(frozen=True, slots=True, eq=False)
class RiskSums:
    """The sums of the module's notation at one value of the coefficients."""

    risk: Floats
    """(n,) w r, up to a common factor."""
    log_likelihood: float
    s: Floats
    """(p + 1, g) S0, then S1."""
    tied_s: Floats
    """(p + 1, t) s0, then s1, where there are ties."""
    hazard: Floats
    """(g,) A."""
    a2: Floats
    """(g,)"""
    tied_hazard: Floats
    """(t,) B."""
    b2: Floats
    """(t,)"""
    c2: Floats
    """(t,)"""


def _from_here_on(design: CoxDesign, values: Floats) -> Floats:
    """Return (..., g) sums from each event time to the last one of its stratum; `values` may be overwritten."""
    if len(design.segments) == 1:
        backwards = values[..., ::-1]
        np.cumsum(backwards, axis=-1, out=backwards)
        return values
    if not design.links:
        return np.concatenate(
            [np.cumsum(values[..., s][..., ::-1], axis=-1)[..., ::-1] for s in design.segments], axis=-1
        )
    total = values.copy()
    for power, link in enumerate(design.links):
        total[..., : -(1 << power)] += np.where(link, total[..., 1 << power :], 0.0)
    return total


def _up_to_here(design: CoxDesign, values: Floats) -> Floats:
    """Return (..., g) sums from the first event time of each stratum on."""
    if len(design.segments) == 1:
        return np.cumsum(values, axis=-1)
    if not design.links:
        return np.concatenate([np.cumsum(values[..., s], axis=-1) for s in design.segments], axis=-1)
    total = values.copy()
    for power, link in enumerate(design.links):
        total[..., 1 << power :] += np.where(link, total[..., : -(1 << power)], 0.0)
    return total


def while_at_risk(design: CoxDesign, values: Floats) -> Floats:
    """Return for each of n rows the sum of (..., g) values over the event times at which it is at risk."""
    running = _up_to_here(design, values)
    sums = np.take(running, design.exit, axis=-1)
    if design.late is not None:
        sums[..., design.late.rows] -= running[..., design.late.before]
    return sums


def _segment_sums(values: Floats, factor: Floats, rows: Counts, start: Counts) -> Floats:
    """Return the (k, p + 1) sums of `factor` times `values` (n, p + 1) over segments of the `rows` of `values`."""
    ends = np.append(start, rows.size).astype(np.int32)
    return csr_array((factor, rows, ends), shape=(start.size, len(values))) @ values


def risk_sums(design: CoxDesign, beta: Floats) -> RiskSums:
    """Compute the log-likelihood and all that its derivatives need; not finite where the hazards overflow."""
    z = design.z.T
    eta = z[:, 1:] @ beta
    if design.offset is not None:
        eta += design.offset
    eta -= eta.max()
    risk = np.exp(eta)
    risk *= design.weights
    leaving = _segment_sums(z, risk, np.arange(risk.size, dtype=np.int32), design.start)
    late, tied = design.late, design.tied
    if late is not None:
        leaving[late.group] -= _segment_sums(z, risk[late.rows], late.rows, late.start)
    s = _from_here_on(design, leaving.T)
    s0, w, deaths = s[0], design.death_weight, design.deaths
    hazard = w / s0
    a2 = hazard / s0
    log_likelihood = float(design.weights[deaths] @ eta[deaths])
    if tied.group.size == 0:
        log_likelihood -= float(w @ np.log(s0))
        return RiskSums(risk, log_likelihood, s, s[:, :0], hazard, a2, w[:0], w[:0], w[:0])
    tied_s = _segment_sums(z, risk[tied.rows], tied.rows, tied.start).T
    den = s0[tied.of_group] - tied.fraction * tied_s[0, tied.of]
    powers = np.empty((5, den.size))
    inverse, drawn = 1.0 / den, tied.fraction / den
    powers[0], powers[1] = inverse, drawn
    np.multiply(inverse, inverse, out=powers[2])
    np.multiply(inverse, drawn, out=powers[3])
    np.multiply(drawn, drawn, out=powers[4])
    closed = tied.mean_weight * np.add.reduceat(powers, tied.start, axis=1)
    hazard[tied.group], a2[tied.group] = closed[0], closed[2]
    log_likelihood -= float(w[tied.single] @ np.log(s0[tied.single]))
    log_likelihood -= float(tied.mean_weight[tied.of] @ np.log(den))
    return RiskSums(risk, log_likelihood, s, tied_s, hazard, a2, closed[1], closed[3], closed[4])


def martingale(design: CoxDesign, sums: RiskSums, factor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return (n,) weighted martingale residuals, and the weighted expected number of events of each row.

    If (g,) `factor` is given, each event time counts so many times.
    """
    tied, deaths = design.tied, design.deaths
    hazard, tied_hazard, observed = sums.hazard, sums.tied_hazard, design.weights[deaths]
    if factor is not None:
        hazard, tied_hazard = hazard * factor, tied_hazard * factor[tied.group]
        observed *= factor[design.death_group]
    expected = _expected(design, sums.risk, hazard, tied_hazard)
    residual = -expected
    residual[deaths] += observed
    return residual, expected


def _expected(design: CoxDesign, risk: Floats, hazard: Floats, tied_hazard: Floats) -> Floats:
    expected = while_at_risk(design, hazard)
    expected[design.tied.rows] -= tied_hazard[design.tied.of]
    expected *= risk
    return expected


def derivatives(design: CoxDesign, sums: RiskSums, factor: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the (p,) score and (p, p) information; each event time counts `factor` (g,) times if given."""
    if factor is not None:
        return _weighted_derivatives(design, sums, factor)
    tied = design.tied.group
    score = design.observed - sums.s @ sums.hazard
    information = _gram(design, _expected(design, sums.risk, sums.hazard, sums.tied_hazard), sums.s.T, sums.a2)
    if tied.size:
        score += sums.tied_s @ sums.tied_hazard
        information += _tied_information(sums.s[1:, tied], sums.tied_s[1:], sums.b2, sums.c2)
    return score[1:], information


def _gram(design: CoxDesign, expected: Floats, s: Floats, a2: Floats) -> Floats:
    """Return the sum of z z' times `expected` over rows, less that of s s' times `a2` over event times.

    With the roots of the factors both are products of a matrix with itself, at half the price.
    """
    return _product(design.z.T[:, 1:], np.sqrt(np.maximum(expected, 0.0))) - _product(s[:, 1:], np.sqrt(a2))


def _product(values: Floats, factor: Floats) -> Floats:
    """Return the (p, p) product of (n, p) `values` times (n,) `factor` with itself."""
    n, p = values.shape
    total, columns = np.zeros((p, p)), np.empty((p, min(block_rows(p), n)))  # columns are multiplied faster than rows
    for rows in blocks(n, p):
        part = np.multiply(values[rows].T, factor[rows], out=columns[:, : min(rows.stop, n) - rows.start])
        total += part @ part.T
    return total


def _sum_of_products(values: Floats, factor: Floats) -> Floats:
    """Return the (p, p) sum of v v' times `factor` (n,), which may be negative, over the rows v of `values`."""
    total = np.zeros((values.shape[1], values.shape[1]))
    for rows in blocks(*values.shape):
        total += (values[rows] * factor[rows, None]).T @ values[rows]
    return total


def _tied_information(s: Floats, tied_s: Floats, b2: Floats, c2: Floats) -> Floats:
    cross = (s * b2) @ tied_s.T
    return cross + cross.T - (tied_s * c2) @ tied_s.T


def _weighted_derivatives(design: CoxDesign, sums: RiskSums, factor: Floats) -> tuple[Floats, Floats]:
    residual, expected = martingale(design, sums, factor)
    tied = design.tied.group
    information = _sum_of_products(design.z.T[:, 1:], expected)
    information -= _sum_of_products(sums.s.T[:, 1:], sums.a2 * factor)
    if tied.size:
        b2, c2 = sums.b2 * factor[tied], sums.c2 * factor[tied]
        information += _tied_information(sums.s[1:, tied], sums.tied_s[1:], b2, c2)
    return (design.z @ residual)[1:], information


def evaluate(design: CoxDesign, beta: Floats) -> Point:
    """Return the log partial likelihood, its score and its information at `beta` (of the scaled covariates)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far away hazards overflow: not finite
        sums = risk_sums(design, beta)
        return Point(sums.log_likelihood, *derivatives(design, sums))


def score_residuals(design: CoxDesign, sums: RiskSums) -> Floats:
    """Return (n, p) derivatives of the score by each case weight, times that weight; their sum is the score.

    Under Efron's ties the deaths of a tied set share the risk set just as their likelihood does.

    Source: Lin and Wei (1989), JASA 84:1074, section 2; ties as in Therneau and Grambsch (2000), section 7.2.
    """
    result = _missed_means(design, sums)
    np.negative(result, out=result)
    risk, late = sums.risk, design.late
    drawn = sums.s[1:] * sums.a2
    drawn[:, design.tied.group] -= sums.tied_s[1:] * sums.b2
    running = _up_to_here(design, drawn).T
    del drawn
    residual, _ = martingale(design, sums)
    for rows in blocks(*result.shape):
        part = np.take(running, design.exit[rows], axis=0)
        part *= risk[rows, None]
        part += design.z.T[rows, 1:] * residual[rows, None]
        result[rows] += part
    if late is not None:
        result[late.rows] -= running[late.before] * risk[late.rows, None]
    return result


def _missed_means(design: CoxDesign, sums: RiskSums) -> Floats:
    """Return (n, p) what a death loses of its score residual to the mean covariate of those at risk with it."""
    tied, deaths = design.tied, design.deaths
    s1, tied_s1 = sums.s[1:], sums.tied_s[1:]
    mean = s1 * sums.hazard
    mean[:, tied.group] -= tied_s1 * sums.tied_hazard
    mean /= design.death_weight
    own = mean.T[design.death_group]
    own *= design.weights[deaths, None]
    result = np.zeros((design.rows.size, len(s1)))
    result[deaths] = own
    shared = s1[:, tied.group] * sums.b2 - tied_s1 * sums.c2
    result[tied.rows] += shared.T[tied.of] * sums.risk[tied.rows, None]
    return result
