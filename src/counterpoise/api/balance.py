"""The balance of treatment groups, for arrays and for the columns of any dataframe."""

from collections.abc import Sequence
from typing import Unpack

import narwhals as nw
import numpy as np

from counterpoise import balance as stage
from counterpoise.api.columns import Column, by_name, labels, numbers, table
from counterpoise.balance import ArmMatching, Balance, Estimand, Matching, MatchKeywords, PropensityScore, Weighting
from counterpoise.balance.several_arms import SeveralArmsBalance, check_arm_balance as _check_arm_balance
from counterpoise.kernels.arrays import Counts
from counterpoise.kernels.imbalance import Denominator, Shares


def propensity(treatment: Column, x: Column, *, terms: Sequence[str] | None = None) -> PropensityScore:
    """Estimate the probability of `treatment` (0 or 1) by logistic regression on the columns of `x`.

    Raises `FitError` where the covariates separate the arms or say the same thing twice. More is said in
    `counterpoise.balance.propensity`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> score.probability.round(2).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    return stage.propensity(numbers("treatment", treatment), table("x", x), terms=_names(x, terms))


def weigh(
    score: PropensityScore,
    *,
    estimand: Estimand = "ATE",
    stabilised: bool = True,
    truncate: tuple[float, float] | None = None,
) -> Weighting:
    """Turn a score into weights: of everyone (ATE), the treated (ATT), the controls (ATC) or the overlap (ATO).

    Matching (ATM) and entropy weights (ATEN) are for the overlap too, drawn otherwise. `stabilised` multiplies ATE
    weights by the share of the arm; `truncate` names two quantiles at which weights are cut. More is said in
    `counterpoise.balance.weigh`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> weigh(score).weights.round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return stage.weigh(score, estimand=estimand, stabilised=stabilised, truncate=truncate)


def match(
    score: PropensityScore,
    *,
    columns: Column | None = None,
    identifiers: Column | None = None,
    seed: int = 0,
    **options: Unpack[MatchKeywords],
) -> Matching:
    """Match treated patients and controls: by default 1:1 on the logit of the score, nearest first, nobody used twice.

    The `options` are those of the plan, by the same names:

    - `method`: nearest, optimal, full, subclass, coarsened, exact or cardinality;
    - `distance`: logit, probability, mahalanobis, robust mahalanobis, scaled euclidean or euclidean;
    - `ratio`, `max_ratio`, `min_controls`, `max_controls`, `replacement`: how many controls, and whether again;
    - `caliper` in standard deviations of the logit (0.2 for nearest; None sets no limit), `caliper_sd` says which;
    - `covariate_calipers`, `exact`, `anti_exact`: limits on single covariates, by name;
    - `discard`: who is left out beforehand; `estimand`: ATT, ATE or ATC (full, strata);
    - `subclasses`, `cutpoints`, `tolerance`: of subclass, coarsened and cardinality; `order`: of nearest.

    `columns` is a dataframe (or a mapping) of covariates, for the options that name some and for the methods
    coarsened, exact and cardinality, which look at all of them; by default the terms of the score. With
    `identifiers`, ties are broken by a hash of them under the seed, so that the order of the rows plays no part.
    More is said in `counterpoise.balance.match`.

    >>> score = propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3])
    >>> match(score, caliper=None).n_pairs
    3
    >>> match(score, method="exact", columns={"stage": ["I", "I", "II", "II", "II", "II"]}).weights.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    rank = _ranks(identifiers, seed)
    return stage.match(score, columns=_by_name(columns), tie_rank=rank, seed=seed, **options)


def match_arms(
    arm: Column,
    x: Column,
    *,
    referent: str | int | float | bool | None = None,
    terms: Sequence[str] | None = None,
    columns: Column | None = None,
    identifiers: Column | None = None,
    seed: int = 0,
    **options: Unpack[MatchKeywords],
) -> ArmMatching:
    """Match three or more arms: each other arm to the `referent` arm, keeping the sets that are complete.

    `arm` holds a label a patient; the referent is the smallest arm by default. For each other arm a score is fitted
    on the columns of `x` and matched by the `options` of `match`, of the methods nearest and optimal. The record has
    the sets and weights, who was left out, and the balance over all arms. More is said in
    `counterpoise.balance.match_arms`.

    >>> found = match_arms(list("aabbbccc"), [1.0, 2, 1, 2, 4, 2, 1, 5], referent="a", caliper=None)
    >>> found.n_sets, found.weights.tolist()
    (2, [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    """
    return stage.match_arms(
        labels("arm", arm),
        table("x", x),
        referent=referent,
        terms=_names(x, terms),
        columns=_by_name(columns),
        tie_rank=_ranks(identifiers, seed),
        seed=seed,
        **options,
    )


def check_balance(  # noqa: PLR0913 - data, adjustments, the yardstick, and what is compared on request
    treatment: Column,
    x: Column,
    *,
    names: Sequence[str] | None = None,
    weights: Column | None = None,
    pairs: Matching | None = None,
    denominator: Denominator | None = None,
    estimand: Estimand | None = None,
    sampling_weights: Column | None = None,
    shares: Shares = "sample",
    squares: bool = False,
    interactions: bool = False,
    overlap: bool = False,
    within: Column | None = None,
) -> Balance:
    """Compare the covariates of the arms by standardised differences, before and after `weights` or `pairs`.

    `denominator` is pooled unless an `estimand` decides; `sampling_weights` count before and after; `squares` and
    `interactions` of the covariates, `overlap` coefficients, and the balance `within` subgroups are added on request.
    More is said in `counterpoise.balance.check_balance`.

    >>> found = check_balance([0, 0, 1, 1], [[1.0], [2.0], [1.0], [2.0]])
    >>> found.unadjusted.smd.tolist()
    [0.0]
    """
    columns = table("x", x)
    names = _names(x, names) or [f"x{k + 1}" for k in range(columns.shape[1])]
    return stage.check_balance(
        columns,
        numbers("treatment", treatment),
        names,
        weights=None if weights is None else numbers("weights", weights),
        pairs=pairs,
        denominator=denominator,
        estimand=estimand,
        sampling_weights=None if sampling_weights is None else numbers("sampling_weights", sampling_weights),
        shares=shares,
        squares=squares,
        interactions=interactions,
        overlap=overlap,
        within=None if within is None else labels("within", within),
    )


def check_arm_balance(
    arm: Column,
    x: Column,
    *,
    names: Sequence[str] | None = None,
    weights: Column | None = None,
    sampling_weights: Column | None = None,
    focal: int | None = None,
    shares: Shares = "sample",
) -> SeveralArmsBalance:
    """Compare the covariates of three or more arms, numbered from 0, pair by pair, before and after `weights`.

    More is said in `counterpoise.balance.several_arms`.

    >>> found = check_arm_balance([0, 0, 0, 1, 1, 1, 2, 2, 2], [1.0, 2, 3, 2, 3, 4, 3, 4, 5], names=["age"])
    >>> found.unadjusted.smd.ravel().tolist()
    [1.0, 2.0, 1.0]
    """
    columns = table("x", x)
    return _check_arm_balance(
        columns,
        numbers("arm", arm),
        _names(x, names) or [f"x{k + 1}" for k in range(columns.shape[1])],
        weights=None if weights is None else numbers("weights", weights),
        sampling_weights=None if sampling_weights is None else numbers("sampling_weights", sampling_weights),
        focal=focal,
        shares=shares,
    )


def _ranks(identifiers: Column | None, seed: int) -> Counts | None:
    """Return the order in which ties are broken, by a hash of the identifiers where there are some."""
    if identifiers is None:
        return None
    return stage.tie_ranks([str(name) for name in labels("identifiers", identifiers)], seed)


def _names(x: Column, given: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names given, or else those of the columns of a dataframe."""
    frame = nw.from_native(x, pass_through=True)
    if given is None and isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return tuple(str(name) for name in frame.collect_schema().names())
    return given


def _by_name(columns: Column | None) -> dict[str, np.ndarray] | None:
    """Return the columns of a dataframe or a mapping as arrays of labels or numbers."""
    if columns is None:
        return None
    return {name: labels(name, values) for name, values in by_name("columns", columns).items()}
