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
from counterpoise.kernels.arrays import Floats, as_floats, as_matrix, require
from counterpoise.kernels.cox import CoxFit
from counterpoise.kernels.log_rank import LogRankTest
from counterpoise.kernels.nearest import Order
from counterpoise.kernels.product_limit import IntervalType, SurvivalCurve

Column = Any
"""A sequence, an array, or a column of a pandas, polars or pyarrow dataframe."""


def numbers(name: str, values: Column) -> np.ndarray:
    """Return a column of numbers or of true and false as an array; nulls become NaN, which the estimators refuse.

    Raises `InputError` for dates and durations, which libraries count in units of their own.

    >>> numbers("time", [1, 2]).tolist()
    [1, 2]
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series) and (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        return series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
    array = series.to_numpy() if isinstance(series, nw.Series) else np.asarray(values)
    if array.dtype.kind in "mM" or (isinstance(series, nw.Series) and series.dtype.is_temporal()):
        raise InputError(f"`{name}` must hold numbers, such as days or months; it holds dates or durations.")
    return array


def labels(name: str, values: Column) -> np.ndarray:
    """Return a column of labels, numbers or texts, as an array; raises `InputError` where one is null.

    >>> labels("group", ["a", "b"]).tolist()
    ['a', 'b']
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        array, known = series.to_numpy(), ~series.is_null().to_numpy().astype(bool)
    else:
        array = np.asarray(values)
        known = np.array([value is not None for value in array.ravel()], dtype=bool)
    require(known, f"`{name}` must be known")
    return array


def matrix(values: Column) -> Floats:
    """Return a dataframe of numeric columns, or an array, as an (n, p) float matrix.

    Raises `InputError` for what holds no numbers; a null in a dataframe is told with the name of its column.

    >>> matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    frame = nw.from_native(values, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        return as_matrix("x", numbers("x", values))
    columns = {name: as_floats(name, numbers(name, frame[name].to_native())) for name in frame.columns}
    for name, column in columns.items():
        require(np.isfinite(column), f"`{name}` must be finite")
    return np.column_stack(list(columns.values())) if columns else np.zeros((len(frame), 0))


def _names(x: Column, given: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names given, or else those of the columns of a dataframe."""
    frame = nw.from_native(x, pass_through=True)
    if given is None and isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return tuple(frame.collect_schema().names())
    return given


def _numbers_or_none(name: str, values: Column | None) -> np.ndarray | None:
    return None if values is None else numbers(name, values)


def _labels_or_none(name: str, values: Column | None) -> np.ndarray | None:
    return None if values is None else labels(name, values)


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
    """Estimate survival by the product-limit method, under right censoring and, with `entry`, left truncation.

    `event` is 1 where the event happened at `time`, 0 where observation ended. The variance is Greenwood's, or with
    `weights` or `cluster` that of the influence values. `interval` is the scale of the limits: "log" as in R,
    "log-log", "plain", "logit" or "arcsine". The record has one row a distinct time: `time`, `at_risk`, `events`,
    `survival`, `std_error`, `lower`, `upper`; read it by `survival_at` and `quantile`. More is said in
    `counterpoise.kernels.product_limit.kaplan_meier`.

    >>> kaplan_meier([1, 2, 2, 3], [1, 1, 0, 1]).survival.round(2).tolist()
    [0.75, 0.5, 0.0]
    """
    return product_limit.kaplan_meier(
        numbers("time", time),
        numbers("event", event),
        entry=_numbers_or_none("entry", entry),
        weights=_numbers_or_none("weights", weights),
        cluster=_labels_or_none("cluster", cluster),
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
    """Test the equality of survival between groups by the log-rank test, or by Peto and Peto's with `rho=1`.

    With `stratum`, expectations are formed within strata. The record has `statistic`, `degrees_of_freedom`,
    `p_value`, and observed and expected events by group. More is said in `counterpoise.kernels.log_rank.log_rank`.

    >>> round(log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"]).p_value, 4)
    0.0896
    """
    return log_rank_kernel.log_rank(
        numbers("time", time),
        numbers("event", event),
        labels("group", group),
        entry=_numbers_or_none("entry", entry),
        stratum=_labels_or_none("stratum", stratum),
        rho=rho,
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
    """Fit a Cox model to the columns of `x`, a dataframe of numbers or an (n, p) array, with Efron's ties.

    `entry` makes (start, stop] rows. With `weights` or `cluster` the variance is the robust one of Lin and Wei, which
    takes weights as known; `robust` asks for it, or for the model's own. The record has `coefficients` (log hazard
    ratios), `std_error`, `covariance`, the three tests, and a `verdict`, which is to be looked at before the numbers:
    `fit.verdict` is "converged" or says why there is no answer. More is said in `counterpoise.kernels.cox.cox`.

    >>> cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 0, 1]).verdict.value
    'converged'
    """
    return cox_kernel.cox(
        numbers("time", time),
        numbers("event", event),
        matrix(x),
        ties=ties,
        entry=_numbers_or_none("entry", entry),
        weights=_numbers_or_none("weights", weights),
        stratum=_labels_or_none("stratum", stratum),
        cluster=_labels_or_none("cluster", cluster),
        robust=robust,
    )


def propensity(treatment: Column, x: Column, *, terms: Sequence[str] | None = None) -> PropensityScore:
    """Estimate the probability of `treatment` (0 or 1) by logistic regression on the columns of `x`.

    Raises `FitError` where the covariates separate the arms or say the same thing twice. More is said in
    `counterpoise.balance.propensity`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> score.probability.round(2).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    return stage.propensity(numbers("treatment", treatment), matrix(x), terms=_names(x, terms))


def weigh(
    score: PropensityScore,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    truncate: tuple[float, float] | None = None,
) -> Weighting:
    """Turn a score into weights: of everyone (ATE), the treated (ATT), the controls (ATC) or the overlap (ATO).

    `stabilised` multiplies ATE weights by the share of the arm; `truncate` names two quantiles at which weights are
    cut. More is said in `counterpoise.balance.weigh`.

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
    identifiers: Column | None = None,
    seed: int = 0,
) -> Matching:
    """Match treated patients to controls 1:1 on the logit of the score, nearest first, nobody used twice.

    `caliper` is in standard deviations of the logit, `caliper_sd` says which. More is said in
    `counterpoise.balance.match`.

    With `identifiers`, ties are broken by a hash of them under the seed, so that the order of the rows plays no part.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> match(score, caliper=None).n_pairs
    3
    """
    rank = (
        None
        if identifiers is None
        else stage.tie_ranks([str(name) for name in labels("identifiers", identifiers)], seed)
    )
    return stage.match(score, caliper=caliper, caliper_sd=caliper_sd, order=order, tie_rank=rank, seed=seed)


def check_balance(
    treatment: Column,
    x: Column,
    *,
    names: Sequence[str] | None = None,
    weights: Column | None = None,
    pairs: Matching | None = None,
) -> Balance:
    """Compare the covariates of the arms by standardised differences, before and after `weights` or `pairs`.

    More is said in `counterpoise.balance.check_balance`.

    >>> found = check_balance([0, 0, 1, 1], [[1.0], [2.0], [1.0], [2.0]])
    >>> found.unadjusted.smd.tolist()
    [0.0]
    """
    columns = matrix(x)
    names = _names(x, names) or [f"x{k + 1}" for k in range(columns.shape[1])]
    return stage.check_balance(
        columns, numbers("treatment", treatment), names, weights=_numbers_or_none("weights", weights), pairs=pairs
    )
