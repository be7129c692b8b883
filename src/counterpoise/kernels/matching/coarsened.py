"""Exact matching, and coarsened exact matching: strata of rows that agree in all covariates, as they are or in bins."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_levels, as_matrix, as_vector
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import Measure, covariate_distances, in_units
from counterpoise.kernels.matching.optimal import optimal_pairs
from counterpoise.kernels.matching.sets import Estimand, MatchedSets, sets_from_strata

Cutpoints = str | int | ArrayLike | None
"""How one covariate is cut: "sturges", "scott" or "fd" (that many equal bins), "q5" (five quantile bins), a number of
equal bins, the cuts themselves, or None, which leaves it as it is."""

LEAST_SHARE = 1 / 512
"""Tail share at which the rule of Freedman and Diaconis stops looking for a spread."""


def exact_match(
    columns: Sequence[ArrayLike],
    treatment: ArrayLike,
    *,
    estimand: Estimand = "ATT",
    discarded: ArrayLike | None = None,
) -> MatchedSets:
    """Put rows that agree in every one of some columns, each (n,) of any labels, in one set.

    Sets that hold one arm only are left out. They are numbered in the order of their labels, the first column
    first; the weights are those of `set_weights`.

    >>> sets = exact_match([["m", "m", "f", "f", "f"]], [1, 0, 1, 0, 0])
    >>> sets.set.tolist(), sets.weights.tolist()
    ([1, 1, 0, 0, 0], [1.0, 1.5, 1.0, 0.75, 0.75])

    Raises `InputError` where a label is missing, no column is given, or no set holds both arms.

    Source: Ho, Imai, King and Stuart, Polit Anal 2007;15:199-236.
    """
    treated, out = _arms(treatment, discarded)
    if not len(columns):
        raise InputError("`columns` must hold one column at least.")
    codes = [as_levels(f"columns[{place}]", column, treated.size)[1] for place, column in enumerate(columns)]
    strata = _crossed(codes, out)
    if not _any_both(strata, treated):
        raise InputError(
            f"`columns` leave no set with both arms; {_widest(codes, treated, out)} Combine labels, or match on fewer."
        )
    return sets_from_strata(strata, treated, estimand=estimand, discarded=out)


def coarsened_exact(
    x: ArrayLike,
    treatment: ArrayLike,
    *,
    cutpoints: str | int | Sequence[Cutpoints] = "sturges",
    groups: Sequence[ArrayLike] = (),
    estimand: Estimand = "ATT",
    discarded: ArrayLike | None = None,
) -> MatchedSets:
    """Cut the covariates (n, p) into bins, and put rows that share all bins, and all `groups`, in one set.

    `cutpoints` is one rule for every covariate or a sequence of p of them, see `coarsened`. `groups` are further
    columns (n,) of labels that must agree as they are (categories to be combined are combined by the caller). Sets
    that hold one arm only are left out; the others come in the order of their bins, and their weights are those of
    `set_weights`. `one_to_one` makes pairs of the sets.

    >>> sets = coarsened_exact([30.0, 34.0, 51.0, 58.0], [1, 0, 1, 0], cutpoints=[[40.0, 55.0]])
    >>> sets.set.tolist()
    [0, 0, -1, -1]

    Raises `InputError` where a covariate is not finite, a rule is not known, or no set holds both arms.

    Source: Iacus, King and Porro, Polit Anal 2012;20:1-24. Bins as in MatchIt: a number is that of bins (cem: of
    cuts), and a value at a cut belongs to the bin above it (cem: below).
    """
    treated, out = _arms(treatment, discarded)
    x = as_matrix("x", x, treated.size)
    rules = [cutpoints] * x.shape[1] if isinstance(cutpoints, str | int) else list(cutpoints)
    if len(rules) != x.shape[1]:
        raise InputError(
            f"`cutpoints` must be one rule, or one for each of {x.shape[1]} covariates; it has {len(rules)}."
        )
    codes = [coarsened(column, rule) for column, rule in zip(x.T, rules, strict=True)]
    codes += [as_levels(f"groups[{place}]", column, treated.size)[1] for place, column in enumerate(groups)]
    strata = _crossed(codes, out)
    if not _any_both(strata, treated):
        raise InputError(f"The bins leave no set with both arms; {_widest(codes, treated, out)} Make fewer bins.")
    return sets_from_strata(strata, treated, estimand=estimand, discarded=out)


def one_to_one(
    sets: MatchedSets,
    x: ArrayLike,
    *,
    measure: Measure = "mahalanobis",
    tie_rank: ArrayLike | None = None,
) -> MatchedSets:
    """Make as many pairs as there can be within each set, of least total distance in the covariates (n, p).

    The distance is measured over all rows. (MatchIt's `k2k` takes the rows in turn, so that its total is no less.)

    >>> sets = exact_match([[1, 1, 1, 1]], [1, 1, 0, 0])
    >>> one_to_one(sets, [1.0, 5.0, 6.0, 2.0]).set.tolist()
    [0, 1, 1, 0]

    Raises `InputError` where a covariate is not finite. Source: Iacus, King and Porro, Polit Anal 2012;20:1-24.
    """
    distances = covariate_distances(x, sets.treatment, measure=measure)
    limits = Limits(exact=sets.set, discarded=sets.set < 0)
    return optimal_pairs(distances, sets.treatment, limits=limits, tie_rank=tie_rank)


def coarsened(values: ArrayLike, rule: Cutpoints = "sturges") -> Counts:
    """Return the bin, from 0, of each value (n,); values at a cut belong to the bin above it.

    "sturges", "scott" and "fd" (Freedman and Diaconis) are the rules that R's hist() takes for a number of bins of
    equal width from the smallest to the largest value; "q5" cuts at quantiles (R's type 7) into five bins; a whole
    number is a number of equal bins; a vector holds the cuts; None and 0 keep every distinct value apart. Values and
    cuts are rounded to 12 decimals (fewer beyond a thousand) before they are compared.

    >>> coarsened([1.0, 2.0, 3.0, 9.0], 2).tolist(), coarsened([1.0, 2.0, 3.0, 9.0], [2.0]).tolist()
    ([0, 0, 0, 1], [0, 1, 1, 1])

    Raises `InputError` where a value is not finite or the rule is none of these.

    Source: Sturges, J Am Stat Assoc 1926;21:65-66; Scott, Biometrika 1979;66:605-610; Freedman and Diaconis, Z
    Wahrscheinlichkeit 1981;57:453-476.
    """
    x = as_vector("values", values)
    cuts = _cuts(x, rule)
    if cuts is None:
        return np.unique(x, return_inverse=True)[1]
    units = in_units(float(np.abs(x).max()))
    return np.searchsorted(np.unique(np.rint(cuts * units)), np.rint(x * units), side="right")


def _cuts(x: Floats, rule: Cutpoints) -> Floats | None:
    if rule is None:
        return None
    if isinstance(rule, str):
        if rule.startswith("q") and rule[1:].isdigit() and int(rule[1:]) > 0:
            return np.quantile(x, np.arange(1, int(rule[1:])) / int(rule[1:]))
        if rule not in BIN_RULES:
            raise InputError(f"`cutpoints` must be {', '.join(BIN_RULES)}, q and a number, or numbers; it is {rule!r}.")
        return _equal(x, BIN_RULES[rule](x))
    if np.ndim(rule) == 0:
        number = float(np.asarray(rule, dtype=float))
        if not (number >= 0 and number == np.rint(number)):
            raise InputError(f"`cutpoints` must be a whole number of bins, or a list of cuts; it is {rule}.")
        return _equal(x, int(number)) if number else None
    return as_vector("cutpoints", rule)


def _equal(x: Floats, bins: int) -> Floats:
    return np.linspace(x.min(), x.max(), bins + 1)[1:-1]


def _sturges(x: Floats) -> int:
    return int(np.ceil(np.log2(x.size) + 1.0))


def _scott(x: Floats) -> int:
    width = 3.5 * x.std(ddof=1) * x.size ** (-1.0 / 3.0) if x.size > 1 else 0.0
    return max(1, int(np.ceil(np.ptp(x) / width))) if width > 0 else 1


def _freedman_diaconis(x: Floats) -> int:
    """Return the number of bins; where the quartiles are equal, wider and wider quantiles stand for them.

    The values are rounded to 5 digits first, as in R.
    """
    digits = np.floor(np.log10(np.abs(np.where(x == 0, 1.0, x)))) - 4
    rounded = np.rint(x / 10.0**digits) * 10.0**digits
    share, spread = 0.25, float(np.ptp(np.quantile(rounded, [0.25, 0.75]))) * 2.0
    while spread == 0 and share / 2 >= LEAST_SHARE:
        share /= 2
        spread = float(np.ptp(np.quantile(rounded, [share, 1 - share]))) / (1 - 2 * share)
    if spread == 0:
        spread = 3.5 * float(x.std(ddof=1)) if x.size > 1 else 0.0
    return max(1, int(np.ceil(np.ptp(x) / spread * x.size ** (1.0 / 3.0)))) if spread > 0 else 1


BIN_RULES = {"sturges": _sturges, "scott": _scott, "fd": _freedman_diaconis}
"""The rules that choose a number of equal bins."""


def _arms(treatment: ArrayLike, discarded: ArrayLike | None) -> tuple[Bools, Bools]:
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    out = np.zeros(treated.size, dtype=bool) if discarded is None else as_binary("discarded", discarded, treated.size)
    return treated, out


def _crossed(codes: Sequence[Counts], out: Bools) -> Counts:
    """Return the number of each row's combination of codes, in their order; -1 for rows that are left out."""
    strata = np.zeros(out.size, dtype=int)
    for code in codes:
        strata = np.unique(strata * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    return np.where(out, -1, strata)


def _any_both(strata: Counts, treated: Bools) -> bool:
    return np.intersect1d(strata[treated & (strata >= 0)], strata[~treated & (strata >= 0)]).size > 0


def _widest(codes: Sequence[Counts], treated: Bools, out: Bools) -> str:
    """Say which single column, left out, would leave sets with both arms."""
    for place in range(len(codes)):
        rest = [code for other, code in enumerate(codes) if other != place]
        if _any_both(_crossed(rest, out), treated):
            return f"without column {place} there would be some."
    return "leaving out one column is not enough."
