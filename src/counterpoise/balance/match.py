"""Matching: sets of treated patients and controls who are alike."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match_methods import make_sets
from counterpoise.balance.match_options import (
    CaliperSd,
    Discard,
    Distance,
    MatchKeywords,
    MatchOptions,
    Method,
    match_options,
)
from counterpoise.balance.propensity import PropensityScore, propensity
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_vector
from counterpoise.kernels.imbalance import standard_deviation
from counterpoise.kernels.matching.allowed_pairs import CaliperError
from counterpoise.kernels.matching.nearest import UNITS, Order
from counterpoise.kernels.matching.sets import Estimand, MatchedSets


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
    is_largest: bool = True
    """Whether no larger sample keeps the tolerance (cardinality), as far as the solver had time to prove it."""
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
    def why_nobody(self) -> str:
        """Why nobody is matched, and what could be asked for instead; empty where there are sets."""
        if self.n_sets or self.reason:
            return self.reason
        return _too_narrow(self.smallest_caliper, self.caliper_sd, self.caliper_scale)

    @property
    def smallest_caliper(self) -> float:
        """The least difference of a treated patient's score and a control's, on the scale of the caliper."""
        on = self.score.probability if self.distance_name == "probability" else self.score.logit
        treated, controls = on[self.score.treatment], np.sort(on[~self.score.treatment])
        edges = np.concatenate([[-np.inf], controls, [np.inf]])
        here = np.searchsorted(edges, treated)
        return float(np.minimum(edges[here] - treated, treated - edges[here - 1]).min())

    @property
    def caliper_scale(self) -> str:
        """The scale of the caliper: logit, or probability."""
        return _scale(self.distance_name)


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
    rank = np.random.default_rng(seed).permutation(n).astype(float) if tie_rank is None else tie_rank
    rank = as_vector("tie_rank", rank, n)
    given = _terms(score) if columns is None else columns
    out = _outside_support(score, options.discard)
    kept = np.flatnonzero(~out)
    within = propensity(score.treatment[kept], score.x[kept], terms=score.terms) if out.any() else score
    there = {name: np.asarray(values)[kept] for name, values in given.items()} if out.any() else given
    deviation = _deviation(within, options)
    width = options.score_caliper
    limit = None if width is None else float(np.rint(width * deviation * UNITS)) / UNITS
    try:
        sets, proven = make_sets(within, options, there, rank[kept], limit)
    except CaliperError as error:
        raise InputError(_too_narrow(error.gap, deviation, _scale(options.distance))) from error
    return Matching(
        sets=_among_all(sets, kept, score.treatment) if out.any() else sets,
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
        score=within,
        is_largest=proven,
    )


def no_match(score: PropensityScore, options: MatchOptions, reason: str) -> Matching:
    """Return a matching of nobody, with the reason."""
    n, none = score.treatment.size, np.zeros(0, dtype=int)
    sets = MatchedSets(
        treated=none,
        control=none,
        distance=np.zeros(0),
        link_set=none,
        set=np.full(n, -1),
        weights=np.zeros(n),
        discarded=np.zeros(n, dtype=bool),
        treatment=score.treatment,
        estimand=options.estimand,
    )
    deviation = _deviation(score, options)
    return Matching(
        sets=sets,
        method=options.method,
        distance_name=options.distance,
        ratio=options.ratio,
        replacement=options.replacement,
        estimand=options.estimand,
        order=options.order,
        caliper=np.inf if options.score_caliper is None else options.score_caliper * deviation,
        caliper_sd=deviation,
        caliper_sd_name=options.caliper_sd,
        discard=options.discard,
        score=score,
        reason=reason,
    )


def _too_narrow(gap: float, deviation: float, scale: str) -> str:
    return (
        f"`caliper` leaves no pair: the nearest treated patient and control that may be paired are {gap:.3g} apart on "
        f"the {scale}, so that the smallest caliper that leaves one is {gap / deviation:.3g} standard deviations."
    )


def _scale(distance: Distance) -> str:
    return "probability" if distance == "probability" else "logit"


def _terms(score: PropensityScore) -> dict[str, Floats]:
    return dict(zip(score.terms, score.x.T, strict=True))


def _outside_support(score: PropensityScore, discard: Discard) -> Bools:
    """Return which patients (n,) have a score beyond all scores of the other arm, of the arms that are to be cut."""
    treated, units = score.treatment, np.rint(score.logit * UNITS)
    out = np.zeros(treated.size, dtype=bool)
    for name, arm in (("treated", treated), ("control", ~treated)):
        if discard in (name, "both"):
            out |= arm & ((units < units[~arm].min()) | (units > units[~arm].max()))
    for name, arm in (("treated patient", treated), ("control", ~treated)):
        if out[arm].all():
            raise InputError(
                f'`discard` leaves no {name}: the scores of the arms do not overlap; "none" leaves everybody.'
            )
    return out


def _among_all(sets: MatchedSets, kept: Counts, treatment: Bools) -> MatchedSets:
    """Return sets of some rows as sets of all, of whom the others were discarded."""
    number, weights = np.full(treatment.size, -1), np.zeros(treatment.size)
    discarded = np.ones(treatment.size, dtype=bool)
    number[kept], weights[kept], discarded[kept] = sets.set, sets.weights, sets.discarded
    return replace(
        sets,
        treated=kept[sets.treated],
        control=kept[sets.control],
        set=number,
        weights=weights,
        discarded=discarded,
        treatment=treatment,
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


def _deviation(score: PropensityScore, options: MatchOptions) -> float:
    on = score.probability if options.distance == "probability" else score.logit
    if options.caliper_sd == "pooled":
        return float(standard_deviation(on, score.treatment)[0])
    return float(on.std(ddof=1))
