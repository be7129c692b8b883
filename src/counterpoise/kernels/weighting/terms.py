"""The columns of a score: covariates as they are, bent by splines or squares, and multiplied with each other."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import as_matrix
from counterpoise.kernels.cox.spline import natural_spline
from counterpoise.kernels.cox.terms import Columns, interaction


def score_terms(
    covariates: Mapping[str, ArrayLike | Columns],
    *,
    splines: Mapping[str, int] | None = None,
    squares: Sequence[str] = (),
    interactions: Sequence[Sequence[str]] = (),
) -> Columns:
    """Return the columns (n, k) of a score, with their names.

    `covariates` maps a name to a column (n,) or, for a category, to its `indicators` (`Columns`); they come in this
    order. `splines` maps a covariate to the degrees of freedom of a natural cubic spline (knots at equally spaced
    quantiles, boundary at the range), whose columns "age spline 1", ... take the place of its own. `squares` adds the
    square of a covariate's distance from its mean, "age^2". `interactions` adds the products of two or more
    covariates, "age:sex": of their own columns, also where a spline stands for the covariate itself (the spline has the
    straight line in it, so that a product has its main effects beside it).

    A spline's knots and the mean of a square are taken from these rows: build the columns once, not anew in each
    bootstrap replicate. Raises `InputError` for a name that is not among the covariates, for the spline or square of a
    category, for a square beside a spline of the same covariate, for an interaction of fewer than two different
    covariates or given twice, and for values that are not finite or rows that do not agree.

    >>> terms = score_terms({"age": [40.0, 50.0, 70.0, 80.0], "sex": [0, 1, 1, 0]}, squares=["age"],
    ...                     interactions=[["age", "sex"]])
    >>> terms.names, terms.x[1].tolist()
    (('age', 'sex', 'age^2', 'age:sex'), [50.0, 1.0, 100.0, 50.0])

    Source: for splines Hastie (1992), in Statistical Models in S, chapter 7.
    """
    bends = dict(splines or {})
    own = _own_columns(covariates)
    _check_names(own, [*bends, *squares, *(name for names in interactions for name in names)])
    _check_bends(own, bends, squares)
    parts = [_spline(name, part, bends[name]) if name in bends else part for name, part in own.items()]
    parts += [_square(name, own[name]) for name in squares]
    parts += [_product(own, names) for names in _distinct(interactions)]
    return Columns(np.hstack([part.x for part in parts]), tuple(name for part in parts for name in part.names))


def _own_columns(covariates: Mapping[str, ArrayLike | Columns]) -> dict[str, Columns]:
    if not covariates:
        raise InputError("`covariates` must hold at least one covariate; it has none.")
    own: dict[str, Columns] = {}
    rows: int | None = None
    for name, given in covariates.items():
        values = given.x if isinstance(given, Columns) else given
        x = as_matrix(name, values, rows)
        if not isinstance(given, Columns) and x.shape[1] != 1:
            raise InputError(f"`{name}` must be one column; it has {x.shape[1]}.")
        own[name] = Columns(x, given.names if isinstance(given, Columns) else (name,))
        rows = len(x)
    return own


def _check_names(own: Mapping[str, Columns], used: Sequence[str]) -> None:
    for name in used:
        if name not in own:
            raise InputError(f"`{name}` must be one of the covariates {', '.join(own)}.")


def _check_bends(own: Mapping[str, Columns], splines: Mapping[str, int], squares: Sequence[str]) -> None:
    for name in [*splines, *squares]:
        if own[name].x.shape[1] != 1 or np.unique(own[name].x).size < 3:
            raise InputError(
                f"`{name}` must be a number of at least three different values to have a spline or square."
            )
    for name in squares:
        if name in splines:
            raise InputError(f"`{name}` must have a spline or a square, not both.")
    if len(set(squares)) < len(squares):
        raise InputError("`squares` must all be different.")


def _distinct(interactions: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    chosen = [tuple(names) for names in interactions]
    for names in chosen:
        if len(set(names)) < max(len(names), 2):
            raise InputError(f"`interactions` must each name two or more different covariates; one is {list(names)}.")
    if len({frozenset(names) for names in chosen}) < len(chosen):
        raise InputError("`interactions` must all be different.")
    return chosen


def _spline(name: str, part: Columns, degrees_of_freedom: int) -> Columns:
    basis = natural_spline(part.x[:, 0], degrees_of_freedom=degrees_of_freedom).basis
    return Columns(basis, tuple(f"{name} spline {k + 1}" for k in range(basis.shape[1])))


def _square(name: str, part: Columns) -> Columns:
    return Columns((part.x - part.x.mean(axis=0)) ** 2, (f"{name}^2",))


def _product(own: Mapping[str, Columns], names: Sequence[str]) -> Columns:
    product = own[names[0]]
    for name in names[1:]:
        product = interaction(product, own[name])
    return product
