"""Matching: pairs of a treated patient and a control whose propensity scores are close."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, field_validator

from counterpoise.balance.propensity import PropensityScore
from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.imbalance import standard_deviation
from counterpoise.kernels.nearest import UNITS, Order, nearest_pairs
from counterpoise.read.codebook import Options

CaliperSd = Literal["pooled", "overall"]


class MatchOptions(Options):
    """How patients are matched on the logit of their propensity score."""

    method: Literal["nearest"] = Field(default="nearest", description="Greedy nearest neighbour, without replacement.")
    ratio: Literal[1] = Field(default=1, description="Controls to each treated patient.")
    caliper: float | None = Field(
        default=0.2,
        gt=0.0,
        description="Largest distance within a pair, in standard deviations of the logit of the score; "
        'the word "none" sets no limit.',
        json_schema_extra={"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "none"}]},
    )
    caliper_sd: CaliperSd = Field(
        default="pooled",
        description="Which standard deviation: pooled within the two arms (Austin 2011), or overall, of all "
        "patients (MatchIt).",
    )
    order: Order = Field(
        default="descending",
        description="Which treated patient chooses first: the one with the largest score (descending), the "
        "smallest (ascending), or always the closest pair that is left (closest).",
    )

    @field_validator("caliper", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        return None if value == "none" else value


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs made of n patients.

    `pair` (n,) numbers each patient's pair from 0, -1 for the unmatched; `treated`, `control` and `distance`
    (m,) are the pairs' rows and their distance on the logit scale, in the order in which they were made.
    `caliper` is on the logit scale too (infinite if there is none): `caliper_sd` is the standard deviation of
    which it is a multiple, `caliper_sd_name` which one that is. What such a matching estimates is the effect in
    the treated patients who found a partner.
    """

    pair: Counts
    treated: Counts
    control: Counts
    distance: Floats
    caliper: float
    caliper_sd: float
    caliper_sd_name: CaliperSd
    order: Order
    n_pairs: int
    unmatched_treated: int
    unmatched_control: int


def match(
    score: PropensityScore,
    *,
    method: Literal["nearest"] = "nearest",
    caliper: float | None = 0.2,
    caliper_sd: CaliperSd = "pooled",
    order: Order = "descending",
    tie_rank: ArrayLike | None = None,
    seed: int = 0,
) -> Matching:
    """Match each treated patient to the nearest free control on the logit of the score, within the caliper.

    Controls that are equally near are told apart by their covariates, then by `tie_rank` (n,), best from
    `tie_ranks`; without it, by a permutation of the rows under `seed`, which is as good only where the rows come
    in a fixed order. Another seed shows how far an answer depends on the tie-breaking.

    >>> from counterpoise.balance.propensity import propensity
    >>> score = propensity([0, 0, 1, 0, 1, 1], [1, 2, 2, 3, 4, 3])
    >>> matching = match(score, caliper=None)
    >>> matching.pair.tolist(), matching.unmatched_treated
    ([2, 1, 2, 0, 0, 1], 0)

    Raises `InputError` where an option is not one of those named, or the score has no spread.

    Source: Austin, Pharm Stat 2011;10:150-161, for the caliper; Austin, Stat Med 2014;33:1057-1069.
    """
    if method != "nearest":
        raise UnsupportedError(f"`method` must be nearest; {method!r} is not available for matching.")
    if caliper is not None and not caliper > 0:
        raise InputError(f"`caliper` must be positive; it is {caliper}.")
    n = score.treatment.size
    ranks = np.random.default_rng(seed).permutation(n) if tie_rank is None else tie_rank
    deviation = _deviation(score.logit, score.treatment, caliper_sd)
    limit = None if caliper is None else float(np.rint(caliper * deviation * UNITS)) / UNITS
    pairs = nearest_pairs(
        score.logit, score.treatment, caliper=limit, order=order, tie_covariates=score.x, tie_rank=ranks
    )
    pair = np.full(n, -1)
    pair[pairs.treated] = pair[pairs.control] = np.arange(pairs.treated.size)
    n_treated = int(score.treatment.sum())
    return Matching(
        pair=pair,
        treated=pairs.treated,
        control=pairs.control,
        distance=pairs.distance,
        caliper=np.inf if limit is None else limit,
        caliper_sd=deviation,
        caliper_sd_name=caliper_sd,
        order=order,
        n_pairs=pairs.treated.size,
        unmatched_treated=n_treated - pairs.treated.size,
        unmatched_control=n - n_treated - pairs.treated.size,
    )


def tie_ranks(identifiers: Sequence[str], seed: int) -> Counts:
    """Rank patients by a hash of their identifier under a seed: arbitrary, repeatable, and blind to row order.

    >>> ranks = tie_ranks(["A", "B", "C"], seed=1)
    >>> bool((tie_ranks(["C", "A", "B"], seed=1) == ranks[[2, 0, 1]]).all())
    True

    Raises `InputError` where identifiers repeat.
    """
    if len(set(identifiers)) != len(identifiers):
        raise InputError("`identifiers` must be distinct; some repeat.")
    digests = [hashlib.sha256(f"{seed}:{identifier}".encode()).digest() for identifier in identifiers]
    ranks = np.empty(len(digests), dtype=int)
    ranks[sorted(range(len(digests)), key=digests.__getitem__)] = np.arange(len(digests))
    return ranks


def _deviation(logit: Floats, treated: Bools, which: CaliperSd) -> float:
    if which == "pooled":
        return float(standard_deviation(logit, treated)[0])
    if which == "overall":
        return float(logit.std(ddof=1))
    raise InputError(f"`caliper_sd` must be pooled or overall; it is {which!r}.")
