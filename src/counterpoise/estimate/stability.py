"""How far a matched comparison hangs on the breaking of ties, and on the order in which patients choose."""

from dataclasses import dataclass, replace

import numpy as np

from counterpoise.balance import Matching, MatchOptions, breaks_ties, tie_ranks
from counterpoise.balance.match_methods import limits
from counterpoise.design import Design, Endpoint
from counterpoise.estimate.adjustments import Adjustments, match_columns, matched_rows
from counterpoise.estimate.hazards import hazard_ratio
from counterpoise.estimate.matched import fit_sample, matched_sample, robust_std_error
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.matching.nearest import UNITS, Order
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some values; NaN where there are none."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """One matching a run, under one seed of the tie-breaking and one order; the first run is the analysis itself."""

    endpoints: tuple[Endpoint, ...]
    seed: Counts
    """(b,) the seed of each run."""
    order: tuple[Order, ...]
    """(b,) the order of each run."""
    sets: Counts
    """(b,) sets made, which are pairs where matching is one to one."""
    matched_treated: Counts
    """(b,) treated patients matched."""
    hazard_ratio: Floats
    """(b, e) the hazard ratio of each endpoint; NaN where it has none."""
    p_value: Floats
    """(b, e) its P value, under the variance of the matched comparison."""
    distinct: int
    """Matchings that differ: 1 says that no tie had to be broken by the seed."""

    @property
    def runs(self) -> int:
        """Number of runs, the analysis itself included."""
        return self.seed.size

    def of_sets(self) -> Spread:
        """Return the range of the number of sets."""
        return spread(self.sets.astype(float))

    def of_hazard_ratio(self, endpoint: int) -> Spread:
        """Return the range of the hazard ratio of an endpoint, by its place."""
        return spread(self.hazard_ratio[:, endpoint])

    def of_p_value(self, endpoint: int) -> Spread:
        """Return the range of the P value of an endpoint, by its place."""
        return spread(self.p_value[:, endpoint])


def stability(
    design: Design, adjustments: Adjustments, options: MatchOptions, seed: int, *, ties: Ties = "efron"
) -> Stability | None:
    """Match again under `options.stability` other seeds of the tie-breaking, and compare the arms each time.

    The seeds are `seed` + 1, `seed` + 2, ...; `options.stability_orders` are tried with each of them, after the order
    of the analysis. None where no reruns are asked for, nobody was matched, or the method has no ties to break.

    Optimal, full and cardinality matching look at the seed only to tell apart patients of one arm who are alike in
    score and covariates; their reruns exchange such patients, which is what solving anew would do.
    """
    matching, rows = adjustments.matching, adjustments.rows
    if not options.stability or not matching.n_sets or not breaks_ties(options):
        return None
    seeds = [seed + rerun for rerun in range(1, options.stability + 1)]
    orders = dict.fromkeys((options.order, *options.stability_orders))
    runs: list[tuple[int, Order]] = [(seed, options.order), *((other, order) for order in orders for other in seeds)]
    alike = _alike(design, adjustments, options) if options.method in ("optimal", "full", "cardinality") else None
    found: dict[bytes, tuple[Floats, Floats]] = {}
    answers: list[tuple[Floats, Floats]] = []
    sizes: list[tuple[int, int]] = []
    for number, (other, order) in enumerate(runs):
        if number == 0:
            again = matching
        elif alike is not None:
            again = _exchanged(design, adjustments, alike, (seed, other))
        else:
            again = matched_rows(design, rows, adjustments.score, options.model_copy(update={"order": order}), other)
        key = _fingerprint(again)
        if key not in found:
            found[key] = _effects(design, again, rows, ties)
        answers.append(found[key])
        sizes.append((again.n_sets, again.sets.n_treated))
    return Stability(
        endpoints=design.endpoints,
        seed=np.array([other for other, _ in runs]),
        order=tuple(order for _, order in runs),
        sets=np.array([sets for sets, _ in sizes]),
        matched_treated=np.array([treated for _, treated in sizes]),
        hazard_ratio=np.array([ratio for ratio, _ in answers]),
        p_value=np.array([p for _, p in answers]),
        distinct=len(found),
    )


def _alike(design: Design, adjustments: Adjustments, options: MatchOptions) -> Counts:
    """Return (n,) codes that are equal where patients of one arm agree in all that matching looks at."""
    score = adjustments.score
    bounds = limits(score, options, match_columns(design, adjustments.rows, options), None)
    more = [np.asarray(part) for part in (bounds.covariates, bounds.exact, bounds.anti_exact) if part is not None]
    columns = np.column_stack([score.treatment, np.rint(score.logit * UNITS), score.x, *more])
    return np.unique(columns, axis=0, return_inverse=True)[1].ravel()


def _exchanged(design: Design, adjustments: Adjustments, alike: Counts, seeds: tuple[int, int]) -> Matching:
    """Return the matching after the patients who are alike have changed places as the ranks of another seed say."""
    ids = [design.ids[row] for row in adjustments.rows]
    was, is_now = (np.lexsort((tie_ranks(ids, seed), alike)) for seed in seeds)
    moved = np.empty(alike.size, dtype=int)
    moved[was] = is_now
    sets = adjustments.matching.sets
    number, weights, discarded = np.empty_like(sets.set), np.empty_like(sets.weights), np.empty_like(sets.discarded)
    number[moved], weights[moved], discarded[moved] = sets.set, sets.weights, sets.discarded
    again = replace(
        sets,
        treated=moved[sets.treated],
        control=moved[sets.control],
        set=number,
        weights=weights,
        discarded=discarded,
    )
    return replace(adjustments.matching, sets=again)


def _fingerprint(matching: Matching) -> bytes:
    """Return what two matchings share if and only if they put the same patients together."""
    sets = matching.sets
    if sets.reuses:
        order = np.lexsort((sets.control, sets.treated))
        return sets.treated[order].tobytes() + sets.control[order].tobytes()
    _, first, code = np.unique(sets.set, return_index=True, return_inverse=True)
    return np.where(sets.set < 0, -1, first[code]).tobytes()


def _effects(design: Design, matching: Matching, rows: Counts, ties: Ties) -> tuple[Floats, Floats]:
    """Return the hazard ratio (e,) of each endpoint, and its P value."""
    ratios, p_values = np.full((2, len(design.endpoints)), np.nan)
    if not matching.n_sets:
        return ratios, p_values
    sample = matched_sample(matching, rows)
    treated = design.treatment.received[sample.rows]
    for place, endpoint in enumerate(design.endpoints):
        entry = endpoint.entry_of(sample.rows)
        fit = fit_sample(endpoint.time[sample.rows], endpoint.event[sample.rows], treated, sample, ties, entry=entry)
        if fit.verdict is Verdict.CONVERGED:
            ratio = hazard_ratio("", float(fit.coefficients[0]), robust_std_error(fit, sample), 0.95)
            ratios[place], p_values[place] = ratio.estimate, ratio.p_value
    return ratios, p_values


def spread(values: Floats) -> Spread:
    """Return the range of (b,) values, those that are not known left out.

    >>> spread(np.array([3.0, 1.0, np.nan]))
    Spread(minimum=1.0, median=2.0, maximum=3.0)
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return Spread(float("nan"), float("nan"), float("nan"))
    return Spread(float(known.min()), float(np.median(known)), float(known.max()))
