"""Leaving out patients whose treatment was all but certain, before the score is fitted anew to the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_floats, as_levels, as_vector, require
from counterpoise.kernels.verdict import raise_unless_converged
from counterpoise.kernels.weighting.records import ScoreFit

EDGE = 1e-12  # a probability this near to a bound, which rounding can move, is at the bound and stays
SUM_TOLERANCE = 1e-6  # how far the chances of a row may be from a sum of 1

TrimmingRule = Literal["symmetric", "crump", "sturmer", "walker"]


@dataclass(frozen=True, slots=True, eq=False)
class Trimming:
    """Who of n patients in k arms stays after trimming."""

    rule: TrimmingRule
    kept: Bools
    """(n,) whether the row stays."""
    arms: np.ndarray
    """(k,) labels of the arms, ascending; of two arms, 0 and 1, the treated come last."""
    bounds: Floats
    """(k,) the smallest chance of each arm that stays (`walker`: the smallest preference). NaN where `crump` looks at
    several arms together; `sum_limit` then says how."""
    sum_limit: float
    """The largest sum of inverse chances of the arms that stays; infinite for rules that bound each arm."""
    before: Counts
    """(k,) rows of each arm."""
    after: Counts
    """(k,) rows of each arm that stay."""


@dataclass(frozen=True, slots=True, eq=False)
class TrimmedScore:
    """A score that was fitted anew to those who stayed."""

    score: ScoreFit
    """Of the kept rows, in their order."""
    kept: Bools
    """(n,) whether the row stayed through all rounds."""
    rounds: tuple[Trimming, ...]
    """Each trimming, on the rows that the one before it had left."""


def symmetric(probability: ArrayLike, treatment: ArrayLike, *, threshold: float | None = None) -> Trimming:
    """Keep the rows whose chance of every arm is at least `threshold`: for two arms, threshold <= e <= 1 - threshold.

    `probability` is (n,), the chance of being treated (1), or (n, k), the chance of each arm in the order of the
    labels of `treatment`. The default is Crump's rule of thumb, .1 for two arms; for k arms .1 x 2/k, Yoshida's (.067
    for three). A chance equal to a bound stays.

    >>> symmetric([0.05, 0.1, 0.5, 0.95, 0.9], [0, 0, 1, 1, 1]).kept
    array([False,  True,  True, False,  True])

    Raises `InputError` where a chance is not strictly between 0 and 1, or where an arm would be left empty.

    Source: Crump, Hotz, Imbens and Mitnik, Biometrika 2009;96:187-199; Yoshida et al., Am J Epidemiol 2019;188:609-616,
    for several arms.
    """
    chances, arms, codes = chances_of_arms(probability, treatment)
    bound = _threshold("threshold", threshold, 0.1, arms.size)
    bounds = np.full(arms.size, bound)
    return _trimming("symmetric", _at_least(chances, bounds), arms, codes, bounds)


def crump(probability: ArrayLike, treatment: ArrayLike) -> Trimming:
    """Keep the rows among which the average effect is estimated with the least variance (outcome variance constant).

    With g = 1 / (e (1 - e)), or for several arms the sum of the inverse chances of all, rows with g <= limit stay,
    where the limit is twice the mean of g among those who stay (the largest such limit, where the sample has several);
    all stay where the largest g is at most twice the mean. For two arms that is a <= e <= 1 - a with
    a = 1/2 - sqrt(1/4 - 1/limit). Arguments are those of `symmetric`.

    >>> trimming = crump([0.001, 0.3, 0.4, 0.5, 0.6, 0.7], [0, 0, 1, 0, 1, 1])
    >>> trimming.kept, trimming.bounds.round(4), round(trimming.sum_limit, 4)
    (array([False,  True,  True,  True,  True,  True]), array([0.1317, 0.1317]), 8.7429)

    Raises `InputError` as `symmetric`.

    Source: Crump, Hotz, Imbens and Mitnik, Biometrika 2009;96:187-199, theorem 1; Yang, Imbens, Cui, Faries and
    Kadziola, Biometrics 2016;72:1055-1065, for several arms.
    """
    chances, arms, codes = chances_of_arms(probability, treatment)
    sums = (1.0 / chances).sum(axis=1)
    ordered = np.sort(sums)
    twice_mean = 2.0 * np.cumsum(ordered) / np.arange(1, sums.size + 1)
    stay = int(np.flatnonzero(ordered <= twice_mean)[-1])
    limit = float("inf") if stay == sums.size - 1 else float(twice_mean[stay])
    bounds = np.full(arms.size, np.nan)
    if arms.size == 2:
        inverse = 1.0 / limit
        bounds[:] = inverse / (0.5 + np.sqrt(0.25 - inverse))
    return _trimming("crump", sums <= limit, arms, codes, bounds, limit)


def sturmer(probability: ArrayLike, treatment: ArrayLike, *, quantile: float | None = None) -> Trimming:
    """Keep the rows whose chance of each arm is at least a low quantile of that chance among those in the arm.

    For two arms: from the 5th percentile of e in the treated to the 95th in the controls, so that those treated against
    expectation are left out, of whom unmeasured confounding is feared most. Quantiles are of type 7. The default is .05
    for two arms, for k arms .05 x 2/k, Yoshida's. Where the two bounds cross nobody stays. Other arguments are those of
    `symmetric`.

    >>> trimming = sturmer([0.1, 0.3, 0.4, 0.5, 0.6, 0.2, 0.4, 0.5, 0.7, 0.9], [0] * 5 + [1] * 5, quantile=0.25)
    >>> trimming.bounds, trimming.kept.nonzero()[0]
    (array([0.5, 0.4]), array([2, 3, 6, 7]))

    Raises `InputError` as `symmetric`.

    Source: Sturmer, Rothman, Avorn and Glynn, Am J Epidemiol 2010;172:843-854; Yoshida et al., Am J Epidemiol
    2019;188:609-616, for several arms.
    """
    chances, arms, codes = chances_of_arms(probability, treatment)
    low = _threshold("quantile", quantile, 0.05, arms.size)
    bounds = np.array([np.quantile(chances[codes == arm, arm], low) for arm in range(arms.size)])
    return _trimming("sturmer", _at_least(chances, bounds), arms, codes, bounds)


def walker(probability: ArrayLike, treatment: ArrayLike, *, threshold: float | None = None) -> Trimming:
    """Keep the rows whose preference for every arm is at least `threshold`.

    The preference (`overlap.preference_score`) is the chance of an arm as it would be were all arms of one size: for
    two arms, threshold <= F <= 1 - threshold with logit F = logit e - logit p. The default is .3 for two arms, for k
    arms .3 x 2/k, Yoshida's. Other arguments are those of `symmetric`.

    >>> walker([0.05, 0.1, 0.2, 0.4], [0, 0, 0, 1]).kept
    array([False, False,  True,  True])

    Raises `InputError` as `symmetric`.

    Source: Walker et al., Comp Eff Res 2013;3:11-20; Yoshida et al., Am J Epidemiol 2019;188:609-616, for several arms.
    """
    chances, arms, codes = chances_of_arms(probability, treatment)
    bound = _threshold("threshold", threshold, 0.3, arms.size)
    bounds = np.full(arms.size, bound)
    return _trimming("walker", _at_least(preferences(chances, codes), bounds), arms, codes, bounds)


def preferences(chances: Floats, codes: Counts) -> Floats:
    """Return (n, k) chances of the arms, each divided by the share of its arm and then scaled to a sum of 1.

    >>> preferences(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 0, 0, 1])).round(3)
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    shares = np.bincount(codes, minlength=chances.shape[1]) / codes.size
    relative = chances / shares
    return relative / relative.sum(axis=1, keepdims=True)


def trim_and_refit(
    score: ScoreFit,
    treatment: ArrayLike,
    rule: Callable[[Floats, np.ndarray], Trimming],
    fit: Callable[[Bools], ScoreFit],
    *,
    rounds: int = 1,
) -> TrimmedScore:
    """Trim by a score, then fit the score anew to those who stay: their weights have to balance them, not all.

    `rule` takes the chances and the treatment (`crump`, or `lambda e, a: symmetric(e, a, threshold=0.05)`), `fit` a
    mask (n,) of the rows to be fitted. One round is the convention: those who stay are not trimmed again by the new
    score, though some of them may lie beyond its bounds. With more rounds they are, until none leaves or the rounds
    are used.

    >>> from counterpoise.kernels.weighting.weight_model import outside_score
    >>> e, a = np.array([0.02, 0.3, 0.4, 0.5, 0.6, 0.7]), np.array([0, 0, 1, 0, 1, 1])
    >>> trimmed = trim_and_refit(outside_score(e), a, symmetric, fit=lambda kept: outside_score(e[kept]))
    >>> trimmed.kept, trimmed.score.probability
    (array([False,  True,  True,  True,  True,  True]), array([0.3, 0.4, 0.5, 0.6, 0.7]))

    Raises `FitError` where a score that is to be trimmed by has no finite estimate, `InputError` where an arm would be
    left empty. The last score carries its verdict.

    Source: Yoshida et al., Am J Epidemiol 2019;188:609-616, for refitting; Crump et al., as above.
    """
    if rounds < 1:
        raise InputError(f"`rounds` must be at least 1; it is {rounds}.")
    labels = np.asarray(treatment)
    kept, made = np.ones(labels.size, dtype=bool), list[Trimming]()
    for _ in range(rounds):
        raise_unless_converged(score.verdict, f"the {score.method} by which to trim")
        trimming = rule(score.probability, labels[kept])
        made.append(trimming)
        if trimming.kept.all() and len(made) > 1:
            break
        kept = kept.copy()
        kept[kept] = trimming.kept
        score = fit(kept.copy())
        if score.probability.shape[0] != np.count_nonzero(kept):
            raise InputError(
                f"`fit` must return a score of the {np.count_nonzero(kept)} rows that it is given; it returned one of "
                f"{score.probability.shape[0]}."
            )
    return TrimmedScore(score, kept, tuple(made))


def chances_of_arms(probability: ArrayLike, treatment: ArrayLike) -> tuple[Floats, np.ndarray, Counts]:
    """Return (n, k) chances, the (k,) labels and (n,) codes of the arms, from two arms' (n,) or k arms' (n, k) score.

    >>> chances, arms, codes = chances_of_arms([0.25, 0.5], [1, 0])
    >>> chances, arms, codes
    (array([[0.75, 0.25],
           [0.5 , 0.5 ]]), array([0, 1]), array([1, 0]))

    Raises `InputError` where a chance is not strictly between 0 and 1, a row does not sum to 1, or an arm is empty.
    """
    given = as_floats("probability", probability)
    if given.ndim not in (1, 2):
        raise InputError(f"`probability` must be (n,) or (n, k); its shape is {given.shape}.")
    require((given > 0) & (given < 1), "`probability` must be strictly between 0 and 1")
    arms, codes = as_levels("treatment", treatment, given.shape[0])
    if given.ndim == 1:
        if arms.size != 2:
            raise InputError(f"`treatment` must hold two arms for one chance a row; it holds {arms.size}.")
        require(np.isin(as_vector("treatment", treatment), (0.0, 1.0)), "`treatment` must be 0 or 1")
        return np.column_stack([1.0 - given, given]), arms, codes
    if arms.size != given.shape[1] or arms.size < 2:
        raise InputError(
            f"`probability` must have a column for each arm; it has {given.shape[1]} for {arms.size} arms."
        )
    require(np.abs(given.sum(axis=1) - 1.0) <= SUM_TOLERANCE, "`probability` must sum to 1 in each row")
    return given, arms, codes


def _threshold(name: str, value: float | None, for_two: float, arms: int) -> float:
    chosen = for_two * 2.0 / arms if value is None else float(value)
    if not 0.0 <= chosen < 1.0 / arms:
        raise InputError(f"`{name}` must be from 0 to below 1/{arms}, one over the number of arms; it is {value}.")
    return chosen


def _at_least(values: Floats, bounds: Floats) -> Bools:
    return np.all(values >= bounds - EDGE, axis=1)


def _trimming(
    rule: TrimmingRule, kept: Bools, arms: np.ndarray, codes: Counts, bounds: Floats, sum_limit: float = float("inf")
) -> Trimming:
    before = np.bincount(codes, minlength=arms.size)
    after = np.bincount(codes[kept], minlength=arms.size)
    if (after == 0).any():
        empty = int(np.flatnonzero(after == 0)[0])
        raise InputError(
            f"`probability` must leave rows in every arm; by the rule {rule!r} none of the {before[empty]} rows of arm "
            f"{arms[empty]!s} stays. The arms overlap too little to be compared."
        )
    return Trimming(rule, kept, arms, bounds, sum_limit, before, after)
