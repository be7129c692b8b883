"""Resampling of the whole chain: score, weights and effects done anew for every replicate, all in one call."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats, as_binary, as_floats, as_matrix, require
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.effects.batched_effects import BatchedEffects, EffectRows
from counterpoise.kernels.effects.batched_scores import ScoreRows
from counterpoise.kernels.fractional_weights import fractional_weights
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.sandwich import group_codes
from counterpoise.kernels.weighting.estimands import Estimand, balancing_weights

CHUNK = 128
"""Replicates that one thread does in one go; cut by their number alone, so that results do not depend on threads."""

THREADED = 500
"""Rows from which on a second thread pays: below, a step of the arithmetic takes no longer than its handing over."""

WeightsOf = Callable[[Floats], Floats]
"""From (b, n) case weights to the (b, n) weights of the effects, case weights multiplied in; NaN where there are none.
It may be called from several threads at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Effects of b replicates, each with its own score and weights; what a replicate does not have is NaN."""

    estimate: BatchedEffects
    """Of the cohort as it is: one replicate, all of whose case weights are 1."""
    effects: BatchedEffects
    """Of the b replicates."""
    weighted: Bools
    """(b,) which replicates have weights: whose score converged."""

    @property
    def failed_hazards(self) -> int:
        """Number of replicates without a log hazard ratio."""
        return int(np.isnan(self.effects.log_hazard_ratio).sum())


def logistic_weights(
    treatment: ArrayLike, x: ArrayLike, *, estimand: Estimand = "ATE", stabilised: bool = False
) -> WeightsOf:
    """Return what makes balancing weights from case weights: a logistic score on (n, q) `x`, fitted with them.

    Treated share and score are those of the replicate. A replicate whose score does not converge has NaN.

    >>> weights_of = logistic_weights([0, 1, 0, 1], [1, 1, 2, 2], estimand="ATO")
    >>> weights_of(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 3.0, 1.0, 3.0]])).round(4)
    array([[0.5 , 0.5 , 0.5 , 0.5 ],
           [0.75, 0.75, 0.75, 0.75]])

    Raises `InputError` as `batched_scores` does.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    rows = ScoreRows(treated, as_matrix("x", x, rows=treated.size))

    def weights_of(case_weights: Floats) -> Floats:
        _, agreement = rows.fit(case_weights)
        return balancing_weights(
            rows.probability(agreement), treated, estimand=estimand, stabilised=stabilised, case_weights=case_weights
        )

    return weights_of


def refitted_effects(  # noqa: PLR0913 - the data of all effects and the choices that each of them has
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights_of: WeightsOf,
    case_weights: ArrayLike,
    *,
    at: ArrayLike = (),
    horizon: float | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: Ties = "efron",
) -> Replicates:
    """Do score, weights and effects anew under each row of `case_weights` (b, n), finite and not negative.

    `weights_of` makes the weights, as `logistic_weights` does; the rest is as for `batched_effects`. Replicates are
    done in blocks, from 500 rows on in as many threads as there are processors; the results are the same on any number
    of them. Libraries of linear algebra that start threads of their own slow this down: set OPENBLAS_NUM_THREADS=1, as
    the command `counterpoise` does.

    >>> rows = {"time": [5, 3, 6, 4, 8, 2, 1, 7], "event": [1] * 8, "treatment": [0, 1] * 4}
    >>> weights_of = logistic_weights(rows["treatment"], [1, 1, 1, 1, 2, 2, 2, 2])
    >>> found = refitted_effects(**rows, weights_of=weights_of, case_weights=[[1, 1, 1, 1, 1, 1, 1, 2]])
    >>> found.estimate.log_hazard_ratio.round(4), found.effects.log_hazard_ratio.round(4)
    (array([0.5702]), array([0.37]))

    Raises `InputError` where a case weight is negative or not finite, and as `batched_effects` does.

    Source: Austin (2016), Stat Med 35:5642, for doing the score anew in every replicate.
    """
    rows = EffectRows(time, event, treatment, at=at, horizon=horizon, entry=entry, stratum=stratum, ties=ties)
    batch = np.atleast_2d(as_floats("case_weights", case_weights))
    if batch.ndim != 2 or batch.shape[1] != rows.n:
        raise InputError(f"`case_weights` must have shape (replicates, {rows.n}); its shape is {batch.shape}.")
    require(np.isfinite(batch) & (batch >= 0), "`case_weights` must be finite and non-negative")
    chunks = (batch[begin : begin + CHUNK] for begin in range(0, batch.shape[0], CHUNK))
    return refit_each([rows], weights_of, chunks)[0]


def refitting_bootstrap(  # noqa: PLR0913 - the data of all effects and the choices that each of them has
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights_of: WeightsOf,
    *,
    replicates: int = 1000,
    seed: int = 0,
    cluster: ArrayLike | None = None,
    at: ArrayLike = (),
    horizon: float | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: Ties = "efron",
) -> Replicates:
    """Do score, weights and effects anew under random fractional case weights, drawn as by `fractional_weights`.

    Rows of one `cluster` share a draw. Intervals from the replicates: `percentile_interval`, `bca_interval`,
    `spread`.

    >>> rows = {"time": [5, 3, 6, 4, 8, 2, 1, 7], "event": [1] * 8, "treatment": [0, 1] * 4}
    >>> weights_of = logistic_weights(rows["treatment"], [1, 1, 1, 1, 2, 2, 2, 2])
    >>> found = refitting_bootstrap(**rows, weights_of=weights_of, replicates=50, seed=1)
    >>> found.effects.log_hazard_ratio.shape, found.failed_hazards
    ((50,), 0)

    Raises `InputError` as `batched_effects` does.

    Source: Xu, Gotwalt, Hong, King and Meeker (2020), Am Stat 74:345; Rubin (1981), Ann Stat 9:130.
    """
    rows = EffectRows(time, event, treatment, at=at, horizon=horizon, entry=entry, stratum=stratum, ties=ties)
    return refit_each([rows], weights_of, bootstrap_draws(rows.n, replicates, seed, cluster=cluster))[0]


def refitting_jackknife(  # noqa: PLR0913 - the data of all effects and the choices that each of them has
    time: ArrayLike,
    event: ArrayLike,
    treatment: ArrayLike,
    weights_of: WeightsOf,
    *,
    cluster: ArrayLike | None = None,
    at: ArrayLike = (),
    horizon: float | None = None,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    ties: Ties = "efron",
) -> Replicates:
    """Do score, weights and effects anew without each row in turn: n replicates, in the order of the rows.

    With `cluster` whole clusters are left out, in the order of their labels. `jackknife_influence` and
    `root_of_squares` make the standard error.

    >>> rows = {"time": [5, 3, 6, 4, 8, 2, 1, 7], "event": [1] * 8, "treatment": [0, 1] * 4}
    >>> found = refitting_jackknife(**rows, weights_of=logistic_weights(rows["treatment"], [1, 1, 1, 1, 2, 2, 2, 2]))
    >>> found.effects.log_hazard_ratio.round(4)
    array([ 0.5663,  0.4728,  0.5663,  0.4728, -0.1517,  0.1846,  1.3592,  1.8441])

    Raises `InputError` as `batched_effects` does.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11.
    """
    rows = EffectRows(time, event, treatment, at=at, horizon=horizon, entry=entry, stratum=stratum, ties=ties)
    return refit_each([rows], weights_of, leave_one_out(rows.n, cluster=cluster))[0]


def bootstrap_draws(n: int, replicates: int, seed: int, *, cluster: ArrayLike | None = None) -> Iterator[Floats]:
    """Yield the case weights of `refitting_bootstrap` for n rows, (b, n) at a time."""
    codes = np.arange(n) if cluster is None else group_codes("cluster", cluster, n)
    draws = fractional_weights(replicates, int(codes.max()) + 1, seed)
    for begin in range(0, replicates, CHUNK):
        part = draws[begin : begin + CHUNK]
        yield part if cluster is None else part[:, codes]


def leave_one_out(n: int, *, cluster: ArrayLike | None = None) -> Iterator[Floats]:
    """Yield the case weights of `refitting_jackknife` for n rows, (b, n) at a time.

    >>> [part.tolist() for part in leave_one_out(2)]
    [[[0.0, 1.0], [1.0, 0.0]]]
    """
    codes = np.arange(n) if cluster is None else group_codes("cluster", cluster, n)
    units = int(codes.max()) + 1
    for begin in range(0, units, CHUNK):
        left_out = np.arange(begin, min(begin + CHUNK, units))[:, None]
        yield (codes != left_out).astype(float)


def refit_each(
    outcomes: Sequence[EffectRows], weights_of: WeightsOf, case_weights: Iterable[Floats]
) -> list[Replicates]:
    """Do the weights anew once a replicate, and with them the effects on each of several outcomes of the same rows.

    `case_weights` are (b, n) at a time: `bootstrap_draws`, or `leave_one_out`. Otherwise as `refitted_effects`.

    >>> rows = [EffectRows([5, 3, 6, 4], event, [0, 1, 0, 1]) for event in ([1, 1, 1, 1], [0, 1, 1, 0])]
    >>> found = refit_each(rows, logistic_weights([0, 1, 0, 1], [1, 1, 2, 2]), [np.ones((3, 4))])
    >>> [each.effects.log_hazard_ratio.size for each in found]
    [3, 3]
    """
    n = outcomes[0].n
    estimates = [found for found, _ in _of_chunk(outcomes, weights_of, np.ones((1, n)), [0.0] * len(outcomes))]
    starts = [float(np.nan_to_num(estimate.log_hazard_ratio[0])) for estimate in estimates]

    def of_chunk(chunk: Floats) -> list[tuple[BatchedEffects, Bools]]:
        return _of_chunk(outcomes, weights_of, chunk, starts)

    if n < THREADED:
        parts = [of_chunk(chunk) for chunk in case_weights]
    else:
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            parts = list(pool.map(of_chunk, case_weights))
    made: list[Replicates] = []
    for estimate, own in zip(estimates, zip(*parts, strict=True), strict=True):
        effects = BatchedEffects(
            np.concatenate([part.log_hazard_ratio for part, _ in own]),
            np.concatenate([part.survival for part, _ in own]),
            np.concatenate([part.mean for part, _ in own]),
        )
        made.append(Replicates(estimate, effects, np.concatenate([known for _, known in own])))
    return made


def _of_chunk(
    outcomes: Sequence[EffectRows], weights_of: WeightsOf, case_weights: Floats, starts: Sequence[float]
) -> list[tuple[BatchedEffects, Bools]]:
    """Return the effects of a chunk of replicates on each outcome, and which of them have weights."""
    weights = weights_of(case_weights)
    if weights.shape != case_weights.shape:
        raise InputError(f"`weights_of` must return weights of shape {case_weights.shape}, not {weights.shape}.")
    known: Bools = np.asarray(np.isfinite(weights.sum(axis=1)), dtype=bool)
    usable = weights if known.all() else np.where(known[:, None], weights, 1.0)
    made: list[tuple[BatchedEffects, Bools]] = []
    for rows, start in zip(outcomes, starts, strict=True):
        found = rows.effects(usable, start)
        for values in (found.log_hazard_ratio, found.survival, found.mean):
            values[~known] = np.nan
        made.append((found, known))
    return made
