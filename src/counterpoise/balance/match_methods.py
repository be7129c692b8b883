"""From the options of matching to the kernel that does it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance.match_options import MatchOptions
from counterpoise.balance.propensity import PropensityScore
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels, as_vector
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.cardinality import cardinality_match
from counterpoise.kernels.matching.coarsened import coarsened_exact, exact_match
from counterpoise.kernels.matching.distance import Distances, covariate_distances
from counterpoise.kernels.matching.full import full_match
from counterpoise.kernels.matching.nearest import nearest_pairs
from counterpoise.kernels.matching.nearest_sets import nearest_sets, require_enough
from counterpoise.kernels.matching.optimal import optimal_pairs
from counterpoise.kernels.matching.sets import MatchedSets
from counterpoise.kernels.matching.subclass import subclassify
from counterpoise.read.names import nearest_of

Columns = Mapping[str, ArrayLike]


def make_sets(
    score: PropensityScore, options: MatchOptions, columns: Columns, rank: Floats, caliper: float | None
) -> tuple[MatchedSets, bool]:
    """Match the patients of a score, and say whether a larger sample is known not to exist (cardinality)."""
    if options.method == "nearest" and _is_plain(options):
        return _nearest_pairs(score, options, rank, caliper), True
    if options.method in ("nearest", "optimal", "full"):
        return _linked(score, options, rank, limits(score, options, columns, caliper)), True
    treated, estimand = score.treatment, options.estimand
    if options.method == "subclass":
        classes = options.subclasses
        return subclassify(score.probability, treated, subclasses=classes, estimand=estimand, tie_rank=rank), True
    if options.method == "coarsened":
        return _coarsened(treated, options, columns), True
    if options.method == "exact":
        chosen = [named(columns, name) for name in options.exact or columns]
        return exact_match(chosen, treated, estimand=estimand), True
    table = np.hstack([_indicators(name, values, treated.size) for name, values in columns.items()])
    found = cardinality_match(table, treated, tolerance=options.tolerance, ratio=options.ratio, tie_rank=rank)
    return found.sets, found.is_largest


def limits(score: PropensityScore, options: MatchOptions, columns: Columns, caliper: float | None) -> Limits:
    """Return what two patients must have in common to be linked."""
    n = score.treatment.size
    widths = options.covariate_calipers
    on_score = options.distance in ("logit", "probability")
    return Limits(
        caliper=caliper,
        score=None if on_score else score.logit,
        covariates=_numeric(columns, list(widths), n) if widths else None,
        covariate_calipers=np.array(list(widths.values())) if widths else None,
        exact=_codes(columns, options.exact, n) if options.exact else None,
        anti_exact=_codes(columns, options.anti_exact, n) if options.anti_exact else None,
    )


def named(columns: Columns, name: str) -> ArrayLike:
    """Return the column of a name; raises `InputError`, with the nearest name, where there is none."""
    if name in columns:
        return columns[name]
    near = nearest_of(name, list(columns))
    remedy = f"did you mean `{near}`?" if near else f"there are {', '.join(columns)}."
    raise InputError(f"There is no column `{name}`; {remedy}")


def is_numeric(values: ArrayLike) -> bool:
    """Say whether a column is of numbers that are more than a code of two values.

    >>> is_numeric([1.5, 2.0, 3.0]), is_numeric([0, 1, 1]), is_numeric(["a", "b", "c"])
    (True, False, False)
    """
    array = np.asarray(values)
    return array.dtype.kind in "iuf" and np.unique(array).size > 2


def _is_plain(options: MatchOptions) -> bool:
    """Say whether one control is sought for each treated patient, by the score and its caliper alone."""
    limited = bool(options.exact or options.anti_exact or options.covariate_calipers)
    several = options.ratio > 1 or options.max_ratio is not None or options.replacement
    return options.distance in ("logit", "probability") and not limited and not several


def _nearest_pairs(score: PropensityScore, options: MatchOptions, rank: Floats, caliper: float | None) -> MatchedSets:
    """Return pairs, numbered in the order in which they were made."""
    n = score.treatment.size
    if caliper is None:
        require_enough(int(score.treatment.sum()), int((~score.treatment).sum()))
    on = score.probability if options.distance == "probability" else score.logit
    pairs = nearest_pairs(
        on, score.treatment, caliper=caliper, order=options.order, tie_covariates=score.x, tie_rank=rank
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


def _linked(score: PropensityScore, options: MatchOptions, rank: Floats, bounds: Limits) -> MatchedSets:
    treated, distances = score.treatment, _distances(score, options)
    if options.method == "nearest":
        return nearest_sets(
            distances,
            treated,
            ratio=options.ratio,
            max_ratio=options.max_ratio,
            replacement=options.replacement,
            order=options.order,
            limits=bounds,
            tie_covariates=score.x,
            tie_rank=rank,
        )
    least, most = options.min_controls, options.max_controls
    if options.method == "optimal":
        return optimal_pairs(
            distances,
            treated,
            ratio=options.ratio,
            min_controls=None if least is None else round(least),
            max_controls=None if most is None else round(most),
            limits=bounds,
            tie_covariates=score.x,
            tie_rank=rank,
        )
    return full_match(
        distances,
        treated,
        estimand=options.estimand,
        min_controls=least,
        max_controls=most,
        limits=bounds,
        tie_covariates=score.x,
        tie_rank=rank,
    )


def _distances(score: PropensityScore, options: MatchOptions) -> Floats | Distances:
    if options.distance == "logit":
        return score.logit
    if options.distance == "probability":
        return score.probability
    return covariate_distances(score.x, score.treatment, measure=options.distance)


def _coarsened(treated: Bools, options: MatchOptions, columns: Columns) -> MatchedSets:
    """Cut the columns of numbers, and take all others as they are."""
    for name in options.cutpoints:
        if not is_numeric(named(columns, name)):
            raise InputError(f"`cutpoints` names `{name}`, which is no column of numbers.")
    as_they_are = [named(columns, name) for name in options.exact]
    others = {name: values for name, values in columns.items() if name not in options.exact}
    numbers = [name for name, values in others.items() if is_numeric(values)]
    as_they_are += [values for name, values in others.items() if name not in numbers]
    if not numbers:
        return exact_match(as_they_are, treated, estimand=options.estimand)
    return coarsened_exact(
        _numeric(columns, numbers, treated.size),
        treated,
        cutpoints=[options.cutpoints.get(name, "sturges") for name in numbers],
        groups=as_they_are,
        estimand=options.estimand,
    )


def _numeric(columns: Columns, names: Sequence[str], n: int) -> Floats:
    return np.column_stack([as_vector(name, named(columns, name), n) for name in names])


def _codes(columns: Columns, names: Sequence[str], n: int) -> Counts:
    return np.column_stack([as_levels(name, named(columns, name), n)[1] for name in names])


def _indicators(name: str, values: ArrayLike, n: int) -> Floats:
    """Return a column of numbers as it is, and one column of 0 and 1 for every level of another."""
    if np.asarray(values).dtype.kind in "biuf":
        return as_vector(name, values, n)[:, None]
    levels, codes = as_levels(name, values, n)
    return (codes[:, None] == np.arange(len(levels))).astype(float)
