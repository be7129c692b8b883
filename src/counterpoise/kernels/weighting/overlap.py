"""How far the arms overlap in their score, and which patients could have had one treatment only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels
from counterpoise.kernels.logistic import c_statistic
from counterpoise.kernels.overlap_coefficient import overlap_coefficient
from counterpoise.kernels.weighting.trimming import EDGE, chances_of_arms, preferences

DIGITS = 12  # scores that differ by rounding alone are tied
EQUIPOISE = 0.3  # Walker's: for two arms, preferences from .3 to .7
CAUTION = (
    "The c-statistic says how well the covariates tell the arms apart. It is not to be made large: a score is judged "
    "by the balance that it brings, and a c-statistic near 1 means that the arms hardly overlap."
)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreOverlap:
    """How the scores of n patients in k arms overlap."""

    arms: np.ndarray
    """(k,) labels, ascending; of two arms, 0 and 1, the treated come last."""
    n: Counts
    """(k,) rows of each arm."""
    lower: Floats
    """(k,) where the common range of the chance of each arm begins: the largest of the arms' smallest values."""
    upper: Floats
    """(k,) where it ends: the smallest of the arms' largest values."""
    inside: Bools
    """(n,) whether the row lies in the common range of every chance."""
    outside: Counts
    """(k,) rows of each arm that do not."""
    preference: Floats
    """(n, k) the preference for each arm."""
    equipoise: Floats
    """(k,) the share of each arm whose preference for every arm is at least .3 x 2/k (for two arms: .3 to .7)."""
    in_equipoise: bool
    """Whether that is at least half of every arm, which Walker calls empirical equipoise."""
    coefficient: float
    """Overlap coefficient of the densities of e; NaN for more than two arms."""
    c_statistic: float
    """The chance that a treated row scores above a control, of which `caution` speaks; NaN for more than two arms."""
    caution: str
    """What has to be said wherever the c-statistic is."""


@dataclass(frozen=True, slots=True)
class PositivityGap:
    """A level of a covariate at which an arm has nobody, or too few."""

    covariate: str
    level: float | int | str | bool
    """The value that the rows have in common."""
    arm: float | int | str | bool
    """The arm that is missing among them."""
    n: int
    """Rows at this level, of all arms."""
    in_arm: int
    """Rows at this level in the arm that is missing: 0, unless more than one was asked for."""


def preference_score(probability: ArrayLike, treatment: ArrayLike) -> Floats:
    """Return the preference for each arm: the chance that it would have if all arms were of one size.

    For two arms and a `probability` (n,) of being treated it is (n,), F with logit F = logit e - logit p, p the share
    of treated. For `probability` (n, k), columns in the order of the labels of `treatment`, it is (n, k): each chance
    over the share of its arm, scaled to a sum of 1. 1/2 (1/k) is a patient for whom no treatment is preferred.

    >>> preference_score([0.25, 0.5, 0.1, 0.4], [1, 0, 0, 0]).round(3)
    array([0.5  , 0.75 , 0.25 , 0.667])

    Raises `InputError` where a chance is not strictly between 0 and 1, or an arm is empty.

    Source: Walker et al., Comp Eff Res 2013;3:11-20; Yoshida et al., Am J Epidemiol 2019;188:609-616, for several arms.
    """
    chances, _, codes = chances_of_arms(probability, treatment)
    preference = preferences(chances, codes)
    return preference if np.ndim(probability) == 2 else preference[:, 1]


def score_overlap(probability: ArrayLike, treatment: ArrayLike) -> ScoreOverlap:
    """Describe the overlap of a score: common range, preference, overlap coefficient and c-statistic.

    `probability` is (n,), the chance of being treated (1), or (n, k), the chance of each arm in the order of the labels
    of `treatment`. The common range of a chance goes from the largest of the arms' smallest values to the smallest of
    their largest, ends included; a row outside it has a score like nobody's in some arm. The overlap coefficient is
    the area under the lower of the two densities of e, Gaussian with Silverman's bandwidth (nrd0) of the smaller arm.

    >>> overlap = score_overlap([0.1, 0.3, 0.6, 0.2, 0.5, 0.9], [0, 0, 0, 1, 1, 1])
    >>> overlap.lower, overlap.upper, overlap.inside
    (array([0.4, 0.2]), array([0.8, 0.6]), array([False,  True,  True,  True,  True, False]))
    >>> overlap.equipoise.round(3), round(overlap.c_statistic, 3)
    (array([0.667, 0.333]), 0.667)

    Raises `InputError` where a chance is not strictly between 0 and 1, or an arm is empty.

    Source: Dehejia and Wahba, J Am Stat Assoc 1999;94:1053-1062, for the common range; Lopez and Gutman, Stat Sci
    2017;32:432-454, for several arms; Walker et al., Comp Eff Res 2013;3:11-20; Westreich, Cole, Funk, Brookhart and
    Sturmer, Pharmacoepidemiol Drug Saf 2011;20:317-320, for the caution.
    """
    chances, arms, codes = chances_of_arms(probability, treatment)
    k = arms.size
    smallest = np.array([chances[codes == arm].min(axis=0) for arm in range(k)])
    largest = np.array([chances[codes == arm].max(axis=0) for arm in range(k)])
    lower, upper = smallest.max(axis=0), largest.min(axis=0)
    inside = np.all((chances >= lower - EDGE) & (chances <= upper + EDGE), axis=1)
    preference = preferences(chances, codes)
    balanced = np.all(preference >= EQUIPOISE * 2 / k - EDGE, axis=1)
    n = np.bincount(codes, minlength=k)
    equipoise = np.bincount(codes[balanced], minlength=k) / n
    two = k == 2
    return ScoreOverlap(
        arms=arms,
        n=n,
        lower=lower,
        upper=upper,
        inside=inside,
        outside=np.bincount(codes[~inside], minlength=k),
        preference=preference,
        equipoise=equipoise,
        in_equipoise=bool(equipoise.min() >= 0.5),
        coefficient=float(overlap_coefficient(chances[:, 1], codes, bandwidth="nrd0")[0]) if two else float("nan"),
        c_statistic=c_statistic(codes, np.round(chances[:, 1], DIGITS)) if two else float("nan"),
        caution=CAUTION,
    )


def positivity_gaps(
    treatment: ArrayLike, x: ArrayLike, names: Sequence[str], *, fewest: int = 1, most_levels: int = 12
) -> tuple[PositivityGap, ...]:
    """List the levels of covariates at which an arm has fewer than `fewest` rows: nobody, by default.

    `x` (n, p) holds numbers, texts or booleans, a column for each of `names`. A column with more than `most_levels`
    distinct values is a measurement, not a category, and is passed over: cut it into groups first. Where one treatment
    was never given, its effect there is nobody's experience, and weights for everybody (ATE) have nothing to stand on:
    leave those patients out and say so, or choose an estimand that does not speak of them. Gaps come in the order of
    the columns, then of levels, then of arms. Combinations of two covariates are not looked at: paste them into one
    column. Columns of several kinds come in an array of objects.

    >>> positivity_gaps([0, 0, 1, 1], [[0, 1], [1, 0], [1, 1], [1, 0]], ["nodes", "grade 3"])
    (PositivityGap(covariate='nodes', level=0, arm=1, n=1, in_arm=0),)

    Raises `InputError` where a value is missing, there is one arm only, or names do not match the columns.

    Source: Petersen, Porter, Gruber, Wang and van der Laan, Stat Methods Med Res 2012;21:31-54.
    """
    arms, codes = as_levels("treatment", treatment)
    if arms.size < 2:
        raise InputError(f"`treatment` must hold two arms or more; it holds {arms.size}.")
    if fewest < 1:
        raise InputError(f"`fewest` must be at least 1; it is {fewest}.")
    columns = np.asarray(x)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or columns.shape != (codes.size, len(names)):
        raise InputError(
            f"`x` must have {codes.size} rows and a column for each of {len(names)} names; its shape is "
            f"{columns.shape}."
        )
    gaps: list[PositivityGap] = []
    labels = arms.tolist()
    for name, column in zip(names, columns.T, strict=True):
        levels, places = as_levels(name, column)
        if levels.size > most_levels:
            continue
        values = levels.tolist()
        counts = np.bincount(places * arms.size + codes, minlength=levels.size * arms.size).reshape(levels.size, -1)
        gaps += [
            PositivityGap(name, values[i], labels[j], int(counts[i].sum()), int(counts[i, j]))
            for i, j in np.argwhere(counts < fewest).tolist()
        ]
    return tuple(gaps)
