"""The estimators for arrays and for the columns of any dataframe: pandas, polars, pyarrow."""

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
import numpy as np

from counterpoise import balance as stage
from counterpoise.balance import Balance, Estimand, Matching, PropensityScore, Weighting
from counterpoise.balance.match import CaliperSd
from counterpoise.errors import InputError
from counterpoise.kernels import cox as cox_kernel, log_rank as log_rank_kernel, product_limit
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox import CoxFit
from counterpoise.kernels.log_rank import LogRankTest
from counterpoise.kernels.nearest import Order
from counterpoise.kernels.product_limit import IntervalType, SurvivalCurve

Column = Any
"""A sequence, an array, or a column of a pandas, polars or pyarrow dataframe."""


def column(values: Column) -> np.ndarray:
    """Return any column as an array; nulls of numeric columns become NaN, which the estimators refuse.

    >>> column([1, 2]).tolist()
    [1, 2]
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if not isinstance(series, nw.Series):
        return np.asarray(values)
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
    if series.is_null().any():
        raise InputError(f"The column `{series.name}` must have no nulls; {series.is_null().sum()} are null.")
    return series.to_numpy()


def matrix(values: Column) -> Floats:
    """Return a dataframe of numeric columns, or an array, as an (n, p) float matrix.

    >>> matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    frame = nw.from_native(values, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return np.column_stack([np.asarray(column(frame[name].to_native()), dtype=float) for name in frame.columns])
    if isinstance(nw.from_native(values, series_only=True, pass_through=True), nw.Series):
        return np.asarray(column(values), dtype=float)[:, None]
    return np.asarray(values, dtype=float)


def _maybe(values: Column | None) -> np.ndarray | None:
    return None if values is None else column(values)


def kaplan_meier(
    time: Column,
    event: Column,
    *,
    entry: Column | None = None,
    weights: Column | None = None,
    cluster: Column | None = None,
    interval: IntervalType = "log",
    confidence: float = 0.95,
) -> SurvivalCurve:
    """Estimate survival under right censoring and left truncation; see `kernels.product_limit.kaplan_meier`.

    >>> kaplan_meier([1, 2, 2, 3], [1, 1, 0, 1]).survival.round(2).tolist()
    [0.75, 0.5, 0.0]
    """
    return product_limit.kaplan_meier(
        column(time),
        column(event),
        entry=_maybe(entry),
        weights=_maybe(weights),
        cluster=_maybe(cluster),
        interval=interval,
        confidence=confidence,
    )


def log_rank(
    time: Column,
    event: Column,
    group: Column,
    *,
    entry: Column | None = None,
    stratum: Column | None = None,
    rho: float = 0.0,
) -> LogRankTest:
    """Test the equality of survival between groups; see `kernels.log_rank.log_rank`.

    >>> round(log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"]).p_value, 4)
    0.0896
    """
    return log_rank_kernel.log_rank(
        column(time), column(event), column(group), entry=_maybe(entry), stratum=_maybe(stratum), rho=rho
    )


def cox(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: Column,
    event: Column,
    x: Column,
    *,
    ties: Literal["efron", "breslow"] = "efron",
    entry: Column | None = None,
    weights: Column | None = None,
    stratum: Column | None = None,
    cluster: Column | None = None,
    robust: bool | None = None,
) -> CoxFit:
    """Fit a Cox model to the columns of `x`; see `kernels.cox.cox`.

    >>> cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 0, 1]).verdict.value
    'converged'
    """
    return cox_kernel.cox(
        column(time),
        column(event),
        matrix(x),
        ties=ties,
        entry=_maybe(entry),
        weights=_maybe(weights),
        stratum=_maybe(stratum),
        cluster=_maybe(cluster),
        robust=robust,
    )


def propensity(treatment: Column, x: Column, *, terms: Sequence[str] | None = None) -> PropensityScore:
    """Estimate the probability of treatment by logistic regression; see `balance.propensity`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> score.probability.round(2).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    frame = nw.from_native(x, eager_only=True, pass_through=True)
    named = tuple(frame.columns) if terms is None and isinstance(frame, nw.DataFrame) else terms
    return stage.propensity(column(treatment), matrix(x), terms=named)


def weigh(
    score: PropensityScore,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    truncate: tuple[float, float] | None = None,
) -> Weighting:
    """Turn a score into weights; see `balance.weigh`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> weigh(score).weights.round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return stage.weigh(score, estimand=estimand, stabilised=stabilised, truncate=truncate)


def match(
    score: PropensityScore,
    *,
    caliper: float | None = 0.2,
    caliper_sd: CaliperSd = "pooled",
    order: Order = "descending",
    identifiers: Sequence[str] | None = None,
    seed: int = 0,
) -> Matching:
    """Match 1:1 on the logit of the score; see `balance.match`.

    With `identifiers`, ties are broken by a hash of them under the seed, so that the order of the rows plays no part.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> match(score, caliper=None).n_pairs
    3
    """
    rank = None if identifiers is None else stage.tie_ranks([str(name) for name in column(identifiers)], seed)
    return stage.match(score, caliper=caliper, caliper_sd=caliper_sd, order=order, tie_rank=rank, seed=seed)


def check_balance(
    treatment: Column,
    x: Column,
    *,
    names: Sequence[str] | None = None,
    weights: Column | None = None,
    pairs: Matching | None = None,
) -> Balance:
    """Compare the covariates of the arms, before and after an adjustment; see `balance.check_balance`.

    >>> found = check_balance([0, 0, 1, 1], [[1.0], [2.0], [1.0], [2.0]])
    >>> found.unadjusted.smd.tolist()
    [0.0]
    """
    columns = matrix(x)
    frame = nw.from_native(x, eager_only=True, pass_through=True)
    if names is None:
        names = frame.columns if isinstance(frame, nw.DataFrame) else [f"x{k + 1}" for k in range(columns.shape[1])]
    return stage.check_balance(columns, column(treatment), names, weights=_maybe(weights), pairs=pairs)
