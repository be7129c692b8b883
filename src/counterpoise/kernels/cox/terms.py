"""Terms of several columns: categories and interactions as columns, and tests of all columns of a term at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_levels, as_matrix
from counterpoise.kernels.cox.design import CoxDesign
from counterpoise.kernels.cox.fit import CoxFit, quadratic_form
from counterpoise.kernels.verdict import Verdict

SLACK = 1e-8  # of the log-likelihood: the larger model may end so much below the smaller by rounding


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of a covariate matrix, with their names."""

    x: Floats
    """(n, k)"""
    names: tuple[str, ...]
    """(k,)"""


@dataclass(frozen=True, slots=True, eq=False)
class TermTest:
    """A chi-squared test of several coefficients at once; statistic and p-value are NaN where there is none."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    robust: bool
    """Whether it used a robust covariance."""


def indicators(values: ArrayLike, *, reference: str | float | bool | None = None, name: str = "") -> Columns:
    """Return a column of zeros and ones for each category of (n,) labels but the reference.

    Categories ascend; the reference is the first of them unless it is named. With a `name` a column is called
    "name=category", else by its category.

    Raises `InputError` for missing labels, fewer than two categories, or a reference that no row has.

    >>> columns = indicators(["III", "I", "II", "I"], name="grade")
    >>> columns.names, columns.x.tolist()
    (('grade=II', 'grade=III'), [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])

    Source: treatment contrasts, in R `contr.treatment`.
    """
    levels, codes = as_levels("values", values)
    if levels.size < 2:
        raise InputError(f"`values` must have at least two categories; it has {levels.size}.")
    chosen = 0
    if reference is not None:
        found = [k for k, level in enumerate(levels.tolist()) if level == reference]
        if not found:
            known = ", ".join(repr(level) for level in levels.tolist()[:10])
            raise InputError(f"`reference` must be one of the categories {known}; it is {reference!r}.")
        chosen = found[0]
    others = [k for k in range(levels.size) if k != chosen]
    x = (codes[:, None] == np.array(others)).astype(float)
    return Columns(x, tuple(f"{name}={levels[k]}" if name else str(levels[k]) for k in others))


def interaction(a: Columns | ArrayLike, b: Columns | ArrayLike) -> Columns:
    """Return the products of every column of (n, p) `a` with every column of (n, q) `b`, those of `a` going fastest.

    The order is that of R's `a:b`, the names are "of a:of b"; columns of a plain array are called a or a1, a2, ...
    The columns of `a` and `b` themselves are not among them: a model needs those too, or the test of the products
    depends on where a covariate has its zero.

    Raises `InputError` for different numbers of rows and for values that are not finite.

    >>> both = interaction([[1, 2], [3, 4]], indicators(["x", "y"]))
    >>> both.names, both.x.tolist()
    (('a1:y', 'a2:y'), [[0.0, 0.0], [3.0, 4.0]])

    Source: as in R's model formulas.
    """
    first, second = _columns("a", a), _columns("b", b)
    if len(first.x) != len(second.x):
        raise InputError(f"`b` must have {len(first.x)} rows; it has {len(second.x)}.")
    x = second.x[:, :, None] * first.x[:, None, :]
    names = tuple(f"{left}:{right}" for right in second.names for left in first.names)
    return Columns(x.reshape(len(x), -1), names)


def _columns(name: str, given: Columns | ArrayLike) -> Columns:
    if isinstance(given, Columns):
        return given
    x = as_matrix(name, given)
    if x.shape[1] == 0:
        raise InputError(f"`{name}` must have at least one column; it has none.")
    names = (name,) if x.shape[1] == 1 else tuple(f"{name}{k + 1}" for k in range(x.shape[1]))
    return Columns(x, names)


def term_test(fit: CoxFit, columns: Sequence[int]) -> TermTest:
    """Test by Wald that the coefficients of some columns are all zero; robust if the fit is.

    The statistic is b' V^-1 b with b and V those columns of `fit.coefficients` and `fit.covariance`, chi-squared on
    as many degrees of freedom as columns. NaN where the fit did not converge (at an infinite estimate a Wald
    test means nothing) or where V is singular, as with fewer clusters than columns.

    Raises `InputError` for columns that are repeated or not in the fit.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 2, 3, 4, 5, 6], event=[1, 1, 1, 1, 0, 1], x=[[1, 0], [0, 1], [1, 1], [0, 0], [1, 2], [0, 1]])
    >>> test = term_test(fit, [0, 1])
    >>> test.degrees_of_freedom, bool(np.isclose(test.statistic, fit.wald))
    (2, True)

    Source: Wald (1943); with the robust covariance Lin and Wei (1989), JASA 84:1074.
    """
    chosen = _chosen(columns, fit.coefficients.size)
    statistic = np.nan
    if fit.verdict is Verdict.CONVERGED:
        statistic = quadratic_form(fit.covariance[np.ix_(chosen, chosen)], fit.coefficients[chosen])
    return TermTest(statistic, chosen.size, float(chdtrc(chosen.size, statistic)), fit.robust)


def _chosen(columns: Sequence[int], p: int) -> Counts:
    chosen = np.asarray(columns)
    if chosen.ndim != 1 or chosen.size == 0 or not np.issubdtype(chosen.dtype, np.integer):
        raise InputError("`columns` must be a list of at least one column number, from 0 on.")
    if chosen.min() < 0 or chosen.max() >= p or np.unique(chosen).size < chosen.size:
        raise InputError(f"`columns` must be different numbers from 0 to {p - 1}; they are {chosen.tolist()}.")
    return chosen


def likelihood_ratio_test(smaller: CoxFit, larger: CoxFit) -> TermTest:
    """Test what a larger Cox model has over a smaller one of the same rows, by twice the gain in log-likelihood.

    The covariates of the smaller must be among, or linear combinations of, those of the larger: that cannot be
    seen from the fits and is the caller's to know. Where a likelihood is monotone its limit counts, to 1e-6: this test
    has a meaning there that Wald's has not. NaN where a fit is collinear, has no events or did not settle.

    Raises `UnsupportedError` for fits with weights or clusters or a robust variance: the likelihood of weighted or
    dependent rows is none, and its ratio has no chi-squared law. Raises `InputError` where the fits differ in rows,
    events, strata or ties, where the larger has no more coefficients, or where its likelihood is lower.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> rows = {"time": [1, 2, 3, 4, 5, 6], "event": [1, 1, 1, 1, 0, 1]}
    >>> smaller = cox(**rows, x=[1, 0, 1, 0, 1, 0])
    >>> larger = cox(**rows, x=[[1, 0], [0, 1], [1, 1], [0, 0], [1, 2], [0, 1]])
    >>> test = likelihood_ratio_test(smaller, larger)
    >>> round(test.statistic, 4), test.degrees_of_freedom, round(test.p_value, 4)
    (3.3264, 1, 0.0682)

    Source: Cox (1975), Biometrika 62:269 (partial likelihood); `anova.coxph` in R's survival.
    """
    _require_comparable(smaller, larger)
    p = larger.coefficients.size - smaller.coefficients.size
    if p <= 0:
        raise InputError(
            f"`larger` must have more coefficients than `smaller`; they have {larger.coefficients.size} and "
            f"{smaller.coefficients.size}."
        )
    usable = {Verdict.CONVERGED, Verdict.MONOTONE}
    if smaller.verdict not in usable or larger.verdict not in usable:
        return TermTest(np.nan, p, np.nan, False)
    gain = larger.log_likelihood - smaller.log_likelihood
    if gain < -SLACK * (1 + abs(smaller.log_likelihood)):
        raise InputError(
            f"`larger` must contain `smaller`; its log-likelihood is lower, {larger.log_likelihood:.6g} and "
            f"{smaller.log_likelihood:.6g}."
        )
    statistic = max(2 * gain, 0.0)
    return TermTest(statistic, p, float(chdtrc(p, statistic)), False)


def _require_comparable(smaller: CoxFit, larger: CoxFit) -> None:
    for fit in (smaller, larger):
        if fit.robust or fit.likelihood_ratio is None or (fit.design is not None and (fit.design.weights != 1).any()):
            raise UnsupportedError(
                "The likelihood ratio of fits with weights, clusters or a robust variance has no known law; test the "
                "term's columns in the larger fit by `term_test`, which is robust."
            )
    for what in ("n", "n_events", "ties"):
        ours, theirs = getattr(smaller, what), getattr(larger, what)
        if ours != theirs:
            raise InputError(f"`smaller` and `larger` must have the same `{what}`; they have {ours!r} and {theirs!r}.")
    if smaller.design is not None and larger.design is not None and not _same(smaller.design, larger.design):
        raise InputError("`smaller` and `larger` must have the same rows and strata; their event times differ.")


def _same(a: CoxDesign, b: CoxDesign) -> bool:
    """Return whether two designs have the same deaths at the same times of the same strata."""
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("event_time", "event_stratum", "death_group")
    )
