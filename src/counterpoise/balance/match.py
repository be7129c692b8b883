"""Matching: sets of treated patients and controls who are alike."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match_options import (
    CaliperSd,
    Discard,
    Distance,
    MatchKeywords,
    MatchOptions,
    Method,
    match_options,
)
from counterpoise.balance.propensity import PropensityScore
from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.imbalance import standard_deviation
from counterpoise.kernels.matched_sets import Estimand, MatchedSets
from counterpoise.kernels.nearest import UNITS, Order, nearest_pairs


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Sets made of the n patients of a score, and how they were made."""

    sets: MatchedSets
    """Who is in which set, with which weight, linked with whom."""
    method: Method
    distance_name: Distance
    """On what distances were measured; methods that form strata have none."""
    ratio: int
    """Controls to each treated patient, where the method keeps a ratio."""
    replacement: bool
    """Whether a control could be used again."""
    estimand: Estimand
    """Whose effect was asked for; `target` says whose it is."""
    order: Order
    """Which treated patient chose first (nearest)."""
    caliper: float
    """Largest distance of two scores, on the scale of `caliper_scale`; infinite if there was none."""
    caliper_sd: float
    """The standard deviation of which the caliper is a multiple."""
    caliper_sd_name: CaliperSd
    discard: Discard
    """Which arms were cut to the support of the other, and the score then fitted again."""
    score: PropensityScore
    """The score on which patients were matched: that given, or that fitted again to those who were not discarded."""
    reason: str = ""
    """Why nobody could be matched; empty otherwise."""

    @property
    def pair(self) -> Counts:
        """(n,) each patient's set, numbered from 0; -1 for the unmatched."""
        return self.sets.set

    @property
    def weights(self) -> Floats:
        """(n,) matching weights, 0 for the unmatched; in each arm they sum to its matched patients."""
        return self.sets.weights

    @property
    def treated(self) -> Counts:
        """(m,) the treated patient of each link."""
        return self.sets.treated

    @property
    def control(self) -> Counts:
        """(m,) the control of each link."""
        return self.sets.control

    @property
    def distance(self) -> Floats:
        """(m,) the distance across each link."""
        return self.sets.distance

    @property
    def discarded(self) -> Bools:
        """(n,) who was left out before matching."""
        return self.sets.discarded

    @property
    def n_sets(self) -> int:
        """Number of sets; 0 where nobody was matched."""
        return self.sets.n_sets

    @property
    def n_pairs(self) -> int:
        """Number of links; of pairs, where matching was one to one."""
        return self.treated.size

    @property
    def unmatched_treated(self) -> int:
        """Number of treated patients in no set."""
        return self.sets.unmatched_treated

    @property
    def unmatched_control(self) -> int:
        """Number of controls in no set."""
        return self.sets.unmatched_control

    @property
    def has_links(self) -> bool:
        """Whether patients were linked with one another, not placed in strata."""
        return self.method in ("nearest", "optimal", "full")

    @property
    def is_paired(self) -> bool:
        """Whether every set is a pair, and nobody is in two."""
        return self.has_links and not self.replacement and bool((self.sets.set_sizes == 1).all())

    @property
    def is_weighted(self) -> bool:
        """Whether matched patients count differently."""
        return bool((np.abs(self.weights[self.pair >= 0] - 1.0) > 1e-12).any())

    @property
    def whole(self) -> bool:
        """Whether every treated patient is matched."""
        return self.unmatched_treated == 0

    @property
    def target(self) -> str:
        """Whose effect a comparison of the matched patients gives.

        The estimand that was asked for, or, where some of those whom it is about are in no set, 'matched treated',
        'matched controls' or 'matched patients'.
        """
        lost = {"ATT": self.unmatched_treated, "ATC": self.unmatched_control}
        if lost.get(self.estimand, self.unmatched_treated + self.unmatched_control) == 0:
            return self.estimand
        return {"ATT": "matched treated", "ATC": "matched controls", "ATE": "matched patients"}[self.estimand]

    @property
    def caliper_scale(self) -> str:
        """The scale of the caliper: logit, or probability."""
        return "probability" if self.distance_name == "probability" else "logit"


def match(
    score: PropensityScore,
    options: MatchOptions | None = None,
    *,
    columns: Mapping[str, ArrayLike] | None = None,
    tie_rank: ArrayLike | None = None,
    seed: int = 0,
    **keywords: Unpack[MatchKeywords],
) -> Matching:
    """Match treated patients and controls; by default each treated patient to the nearest free control.

    How is said by `options`, or by keywords of their names (`MatchOptions`). By default the distance is that of the
    logit of the score, limited by a caliper of 0.2 standard deviations. Patients who are equally near are told apart
    by their covariates, then by `tie_rank` (n,), best from `tie_ranks`; without it, by a permutation of the rows
    under `seed`, which is as good only where the rows come in a fixed order. Another seed shows how far an answer
    depends on the tie-breaking. `columns` are (n,) covariates by name, for the options that name some and for the
    methods coarsened, exact and cardinality, which look at all of them; by default they are the terms of the score.

    >>> from counterpoise.balance.propensity import propensity
    >>> score = propensity([0, 0, 1, 0, 1, 1], [1, 2, 2, 3, 4, 3])
    >>> matching = match(score, caliper=None)
    >>> matching.pair.tolist(), matching.unmatched_treated
    ([2, 1, 2, 0, 0, 1], 0)

    Raises `InputError` where an option is not one of those named, the score has no spread, or what is asked for
    cannot be had; the text names the nearest request that can be met. Nearest matching within a caliper that leaves
    nobody has no sets instead.

    Source: Austin, Pharm Stat 2011;10:150-161, for the caliper; Austin, Stat Med 2014;33:1057-1069.
    """
    if options is None:
        options = match_options(keywords)
    elif keywords:
        raise InputError("`options` and keywords exclude each other.")
    n = score.treatment.size
    ranks = np.random.default_rng(seed).permutation(n) if tie_rank is None else tie_rank
    if options.method != "nearest":
        raise UnsupportedError(f"`method` must be nearest; {options.method!r} is not available for matching.")
    deviation = _deviation(score.logit, score.treatment, options.caliper_sd)
    width = options.score_caliper
    limit = None if width is None else float(np.rint(width * deviation * UNITS)) / UNITS
    return Matching(
        sets=_nearest_pairs(score, limit, options.order, ranks),
        method=options.method,
        distance_name=options.distance,
        ratio=options.ratio,
        replacement=options.replacement,
        estimand=options.estimand,
        order=options.order,
        caliper=np.inf if limit is None else limit,
        caliper_sd=deviation,
        caliper_sd_name=options.caliper_sd,
        discard=options.discard,
        score=score,
    )


def _nearest_pairs(score: PropensityScore, caliper: float | None, order: Order, ranks: ArrayLike) -> MatchedSets:
    """Return pairs, numbered in the order in which they were made."""
    n = score.treatment.size
    pairs = nearest_pairs(
        score.logit, score.treatment, caliper=caliper, order=order, tie_covariates=score.x, tie_rank=ranks
    )
    number = np.arange(pairs.treated.size)
    sets = np.full(n, -1)
    sets[pairs.treated] = sets[pairs.control] = number
    return MatchedSets(
        treated=pairs.treated,
        control=pairs.control,
        distance=pairs.distance,
        link_set=number,
        set=sets,
        weights=(sets >= 0).astype(float),
        discarded=np.zeros(n, dtype=bool),
        treatment=score.treatment,
        estimand="ATT",
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
    return float(logit.std(ddof=1))
