"""Natural cubic splines: the shape of a covariate's effect, and the test that it is a straight line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from scipy.special import chdtrc, ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_matrix, as_vector, require
from counterpoise.kernels.cox.fit import AnyTies, CoxFit, cox, quadratic_form
from counterpoise.kernels.cox.terms import TermTest, _chosen, likelihood_ratio_test, term_test
from counterpoise.kernels.verdict import Verdict

DEGREE = 3


@dataclass(frozen=True, slots=True, eq=False)
class NaturalSpline:
    """A natural cubic spline basis of k columns, and what it takes to have it at other values."""

    basis: Floats
    """(n, k) at the values it was made from."""
    knots: Floats
    """(k - 1,) interior knots, ascending."""
    boundary: tuple[float, float]
    """Boundary knots, beyond which every function of the basis is a straight line."""

    @property
    def degrees_of_freedom(self) -> int:
        """Number of columns, k."""
        return self.knots.size + 1

    def at(self, values: ArrayLike) -> Floats:
        """Return the (m, k) basis at (m,) finite values, inside the boundary or beyond it."""
        return _natural(as_vector("values", values), self.knots, self.boundary)


def natural_spline(
    value: ArrayLike,
    *,
    degrees_of_freedom: int | None = None,
    knots: ArrayLike | None = None,
    boundary: tuple[float, float] | None = None,
) -> NaturalSpline:
    """Return a basis of the cubic splines of (n,) `value` that are straight beyond the boundary, less the constant.

    Either `degrees_of_freedom` k, which puts k - 1 knots at equally spaced quantiles (type 7) of the values inside
    the boundary, or the interior `knots`, in the unit of `value`. The boundary is its range unless given. The
    columns are those of `ns` in R's splines. Harrell's restricted cubic splines (`rcs`), with their outermost knots
    as the boundary, span the same functions by other columns: a model has the same fit and the same tests. He
    puts those knots at the 5th and 95th percentile, which makes another space: give them as `boundary` to have it.

    Raises `InputError` for values not finite, both or neither of `degrees_of_freedom` and `knots`, fewer than one
    degree of freedom, and knots that repeat or are not inside the boundary, as when too few values differ.

    >>> spline = natural_spline([0.0, 1.0, 2.0, 3.0, 4.0], degrees_of_freedom=2)
    >>> spline.knots, spline.boundary, spline.at([0.0, 6.0]).round(6)
    (array([2.]), (0.0, 4.0), array([[ 0.      ,  0.      ],
           [-0.075176,  2.050117]]))

    Source: Hastie (1992), in Statistical Models in S, chapter 7; Harrell (2015), Regression Modeling Strategies, 2.4.
    """
    value = as_vector("value", value)
    if value.size == 0:
        raise InputError("`value` must hold at least one row; it has none.")
    low, high = _boundary(value, boundary)
    if (degrees_of_freedom is None) == (knots is None):
        raise InputError("Exactly one of `degrees_of_freedom` and `knots` must be given.")
    if knots is not None:
        interior = np.sort(as_vector("knots", knots))
        require((low < interior) & (interior < high), f"`knots` must be inside the boundary, {low:g} to {high:g}")
        if (np.diff(interior) <= 0).any():
            raise InputError("`knots` must all be different.")
    else:
        if degrees_of_freedom is None or degrees_of_freedom < 1 or degrees_of_freedom != int(degrees_of_freedom):
            raise InputError(f"`degrees_of_freedom` must be a whole number of at least 1; it is {degrees_of_freedom}.")
        inside = value[(low <= value) & (value <= high)]
        interior = (
            np.quantile(inside, np.arange(1, degrees_of_freedom) / degrees_of_freedom) if inside.size else value[:0]
        )
        if interior.size < degrees_of_freedom - 1 or (np.diff([low, *interior, high]) <= 0).any():
            raise InputError(
                f"`value` must have more different values to put {degrees_of_freedom - 1} knots among them."
            )
    return NaturalSpline(_natural(value, interior, (low, high)), interior, (low, high))


def _boundary(x: Floats, boundary: tuple[float, float] | None) -> tuple[float, float]:
    low, high = (float(x.min()), float(x.max())) if boundary is None else as_vector("boundary", boundary, 2).tolist()
    if not low < high:
        what = "`value` must have different values" if boundary is None else "`boundary` must ascend"
        raise InputError(f"{what}; it goes from {low:g} to {high:g}.")
    return low, high


def _natural(x: Floats, knots: Floats, boundary: tuple[float, float]) -> Floats:
    """Return the (n, k) basis: cubic B-splines without the first, turned so that two take up all curvature at the ends.

    Beyond the boundary a B-spline is continued by its tangent there.
    """
    ends = np.array(boundary)
    sequence = np.concatenate([np.repeat(ends[0], DEGREE + 1), knots, np.repeat(ends[1], DEGREE + 1)])
    splines = BSpline(sequence, np.eye(sequence.size - DEGREE - 1), DEGREE)
    nearest = np.clip(x, *boundary)
    cubic = splines(nearest)
    outside = np.flatnonzero(x != nearest)
    cubic[outside] += (x - nearest)[outside, None] * splines(nearest[outside], nu=1)
    curvature = splines(ends, nu=2)[:, 1:]
    turn, _ = np.linalg.qr(curvature.T, mode="complete")
    return cubic[:, 1:] @ turn[:, 2:]


@dataclass(frozen=True, slots=True, eq=False)
class LinearityTest:
    """Test that the log hazard is linear in a covariate, against a natural spline of k degrees of freedom."""

    statistic: float
    """Of the part beyond the straight line: of the likelihood ratio, or of robust Wald with weights or clusters."""
    degrees_of_freedom: int
    """k - 1."""
    p_value: float
    likelihood_ratio: TermTest | None
    """Spline against straight line; None with weights or clusters."""
    wald: TermTest
    """The same, by Wald; robust with weights or clusters."""
    overall_likelihood_ratio: TermTest | None
    """Spline against nothing, on k degrees of freedom; None with weights or clusters."""
    overall_wald: TermTest
    spline: NaturalSpline
    fit: CoxFit
    """The model: the k columns of the spline, then those of `adjust`."""


def linearity_test(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    value: ArrayLike,
    adjust: ArrayLike | None = None,
    *,
    degrees_of_freedom: int | None = None,
    knots: ArrayLike | None = None,
    boundary: tuple[float, float] | None = None,
    ties: AnyTies = "efron",
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> LinearityTest:
    """Test in a Cox model that the log hazard is linear in (n,) `value`, with (n, q) covariates `adjust` beside it.

    The alternative is a natural spline, of 3 degrees of freedom unless those or the knots are given. Without weights
    and clusters the test is of the likelihood ratio, with them Wald's with the robust variance. NaN where
    the fit did not converge; `fit.verdict` says why. Other arguments are those of `cox` and of `natural_spline`.

    Raises `InputError` for fewer than two degrees of freedom, and as those two.

    >>> time, value = np.arange(1.0, 13.0), np.array([5, 1, 9, 3, 7, 2, 8, 4, 6, 10, 12, 11])
    >>> test = linearity_test(time, np.ones(12), value, degrees_of_freedom=2)
    >>> round(test.statistic, 3), test.degrees_of_freedom, round(test.p_value, 3)
    (0.777, 1, 0.378)

    Source: Harrell (2015), Regression Modeling Strategies, 2.4; Therneau and Grambsch (2000), 5.1.
    """
    chosen = 3 if degrees_of_freedom is None and knots is None else degrees_of_freedom
    vector = as_vector("value", value)
    spline = natural_spline(vector, degrees_of_freedom=chosen, knots=knots, boundary=boundary)
    k = spline.degrees_of_freedom
    if k < 2:
        raise InputError("`degrees_of_freedom` must be at least 2: one more than a straight line has.")
    others = np.empty((vector.size, 0)) if adjust is None else as_matrix("adjust", adjust, vector.size)

    def fitted(x: Floats) -> CoxFit:
        return cox(
            time, event, x, ties=ties, entry=entry, stratum=stratum, weights=weights, cluster=cluster, offset=offset
        )

    fit = fitted(np.column_stack([spline.basis, others]))
    wald, overall_wald = _curvature_test(fit, spline, vector), term_test(fit, range(k))
    ratio, overall = None, None
    if weights is None and cluster is None:
        ratio = likelihood_ratio_test(fitted(np.column_stack([vector, others])), fit)
        overall = likelihood_ratio_test(fitted(others), fit) if others.size else _whole_test(fit)
    test = wald if ratio is None else ratio
    return LinearityTest(
        test.statistic, test.degrees_of_freedom, test.p_value, ratio, wald, overall, overall_wald, spline, fit
    )


def _curvature_test(fit: CoxFit, spline: NaturalSpline, x: Floats) -> TermTest:
    """Test by Wald that the spline's coefficients are a multiple of those of the straight line."""
    k = spline.degrees_of_freedom
    centred = spline.basis - spline.basis.mean(axis=0)
    line = np.linalg.lstsq(centred, x - x.mean(), rcond=None)[0]
    contrast = np.linalg.qr(line[:, None], mode="complete")[0][:, 1:]
    statistic = np.nan
    if fit.verdict is Verdict.CONVERGED:
        statistic = quadratic_form(contrast.T @ fit.covariance[:k, :k] @ contrast, contrast.T @ fit.coefficients[:k])
    return TermTest(statistic, k - 1, float(chdtrc(k - 1, statistic)), fit.robust)


def _whole_test(fit: CoxFit) -> TermTest:
    p, usable = fit.coefficients.size, fit.verdict in (Verdict.CONVERGED, Verdict.MONOTONE)
    statistic = fit.likelihood_ratio if usable and fit.likelihood_ratio is not None else np.nan
    return TermTest(statistic, p, float(chdtrc(p, statistic)), False)


@dataclass(frozen=True, slots=True, eq=False)
class SplineHazardRatio:
    """Hazard ratios of m values of a covariate against a reference value; NaN where the fit did not converge."""

    values: Floats
    """(m,)"""
    log_hazard_ratio: Floats
    """(m,)"""
    std_error: Floats
    """(m,) of the logarithm; zero at the reference."""
    hazard_ratio: Floats
    """(m,)"""
    lower: Floats
    """(m,) confidence limits of the hazard ratio, pointwise."""
    upper: Floats
    """(m,)"""


def spline_hazard_ratio(
    fit: CoxFit,
    spline: NaturalSpline,
    values: ArrayLike,
    reference: float,
    *,
    columns: tuple[int, ...] | None = None,
    confidence: float = 0.95,
) -> SplineHazardRatio:
    """Return the hazard ratio of each of (m,) `values` against `reference`, other covariates equal.

    `columns` says where in the fit the spline's k columns are: the first k unless given. Limits are Wald's on the
    log scale, robust if the fit is, and pointwise: the curve as a whole leaves them more often.

    Raises `InputError` for a reference or values not finite, and columns that are not k of the fit's.

    >>> time, x = np.arange(1.0, 13.0), np.array([5, 1, 9, 3, 7, 2, 8, 4, 6, 10, 12, 11])
    >>> spline = natural_spline(x, degrees_of_freedom=2)
    >>> curve = spline_hazard_ratio(cox(time, np.ones(12), spline.basis), spline, [3.0, 6.0], reference=6.0)
    >>> curve.hazard_ratio.round(3), curve.std_error.round(3)
    (array([1.623, 1.   ]), array([0.598, 0.   ]))

    Source: Harrell (2015), Regression Modeling Strategies, 2.4.
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be between 0 and 1; it is {confidence}.")
    where = _chosen(range(spline.degrees_of_freedom) if columns is None else columns, fit.coefficients.size)
    if where.size != spline.degrees_of_freedom:
        raise InputError(f"`columns` must be {spline.degrees_of_freedom}, as the spline has; there are {where.size}.")
    at = as_vector("values", values)
    difference = spline.at(at) - spline.at(as_vector("reference", [reference]))
    difference[at == reference] = 0.0  # which products of matrices of different sizes leave to the rounding
    log_ratio, error = np.full(at.size, np.nan), np.full(at.size, np.nan)
    if fit.verdict is Verdict.CONVERGED:
        log_ratio = difference @ fit.coefficients[where]
        variance = np.einsum("ij,jk,ik->i", difference, fit.covariance[np.ix_(where, where)], difference)
        error = np.sqrt(np.maximum(variance, 0.0))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return SplineHazardRatio(
        at, log_ratio, error, np.exp(log_ratio), np.exp(log_ratio - reach), np.exp(log_ratio + reach)
    )
