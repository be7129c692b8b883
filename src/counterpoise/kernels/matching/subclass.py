"""Subclassification: strata between quantiles of a score."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_vector
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.matching.distance import score_distances
from counterpoise.kernels.matching.sets import Estimand, MatchedSets, sets_from_strata


def subclassify(
    score: ArrayLike,
    treatment: ArrayLike,
    *,
    subclasses: int | ArrayLike = 6,
    estimand: Estimand = "ATT",
    min_n: int = 1,
    discarded: ArrayLike | None = None,
    tie_rank: ArrayLike | None = None,
) -> MatchedSets:
    """Cut the score (n,) at quantiles into subclasses, and weigh the arms within each.

    The quantiles are those of the treated for the ATT, of the controls for the ATC and of everybody for the ATE, by
    linear interpolation (R's type 7). A score at a cut belongs to the subclass above it. `subclasses` is their
    number, or the probabilities (k,) at which to cut, 0 and 1 understood.

    Where a subclass has fewer than `min_n` rows of an arm, rows of that arm are moved into it from the nearest
    subclass that has any, those with the nearest scores first, from the side that has more to spare (each spare row
    counted by one over its distance in subclasses). With `min_n=0` nobody is moved, and subclasses of one arm are
    left out; where scores tie so much that fewer subclasses exist than were asked for, there are fewer. Rows with
    `discarded` (n,) 1 take no part. Between rows of equal score the smallest `tie_rank` (n,) is moved first.

    Sets are numbered by ascending score. The weights are those of `set_weights`; each subclass is a set.

    >>> sets = subclassify([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 1, 0, 1, 0, 1], subclasses=2)
    >>> sets.set.tolist(), sets.weights.tolist()
    ([0, 0, 0, 1, 1, 1], [0.5, 1.0, 0.5, 1.0, 2.0, 1.0])

    Raises `InputError` where an argument is not what it must be, or an arm has too few rows for all subclasses.

    Source: Rosenbaum and Rubin, J Am Stat Assoc 1984;79:516-524; Hong, Psychol Methods 2012;17:44-60; Desai et al.,
    Epidemiology 2017;28:249-257. The moving of rows follows MatchIt.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    n = treated.size
    distances = score_distances(as_vector("score", score, n))
    assert distances.coordinates is not None
    units = distances.coordinates[:, 0]
    out = np.zeros(n, dtype=bool) if discarded is None else as_binary("discarded", discarded, n)
    rank = np.arange(n, dtype=float) if tie_rank is None else as_vector("tie_rank", tie_rank, n)
    if estimand not in ("ATT", "ATE", "ATC"):
        raise InputError(f"`estimand` must be ATT, ATE or ATC; it is {estimand!r}.")
    if min_n != int(min_n) or min_n < 0:
        raise InputError(f"`min_n` must be a whole number, not negative; it is {min_n}.")
    inside = np.flatnonzero(~out)
    require_both_arms(treated[inside])
    classes = _cut(units[inside], treated[inside], _probabilities(subclasses), estimand)
    if min_n:
        classes = _filled(classes, treated[inside], units[inside], rank[inside], int(min_n))
    strata = np.full(n, -1)
    strata[inside] = classes
    return sets_from_strata(strata, treated, estimand=estimand, discarded=out)


def _probabilities(subclasses: int | ArrayLike) -> Floats:
    """Return the probabilities at which the score is cut, 0 and 1 left out."""
    given = np.asarray(subclasses, dtype=float)
    if given.ndim == 0:
        if not (given >= 1 and given == np.rint(given)):
            raise InputError(f"`subclasses` must be a whole number from 1 on; it is {subclasses}.")
        return np.linspace(0.0, 1.0, int(given) + 1)[1:-1]
    inner = as_vector("subclasses", subclasses)
    if ((inner < 0) | (inner > 1)).any():
        raise InputError("`subclasses` must be probabilities between 0 and 1, or one number of subclasses.")
    return np.unique(inner[(inner > 0) & (inner < 1)])


def _cut(units: Floats, treated: Bools, probabilities: Floats, estimand: Estimand) -> Counts:
    """Return each row's subclass, numbered without gaps; cuts are rounded to the units of the score."""
    among = {"ATT": units[treated], "ATC": units[~treated], "ATE": units}[estimand]
    cuts = np.rint(np.quantile(among, probabilities))
    # The largest score lies in the last subclass even where a cut equals it, as findInterval(all.inside) has it.
    places = np.searchsorted(cuts[cuts < among.max()] if cuts.size else cuts, units, side="right")
    return np.unique(places, return_inverse=True)[1]


def _filled(classes: Counts, treated: Bools, units: Floats, rank: Floats, least: int) -> Counts:
    """Move rows between subclasses until each has at least `least` of both arms."""
    classes = classes.copy()
    count = int(classes.max()) + 1
    for name, arm in (("treated", treated), ("control", ~treated)):
        rows = np.flatnonzero(arm)
        if rows.size < count * least:
            raise InputError(
                f"`subclasses` can be {max(rows.size // least, 1)} at most: {rows.size} {name} patients are to be "
                f"{least} or more in each of {count}."
            )
        rows = rows[np.lexsort((rank[rows], units[rows]))]
        sizes = np.bincount(classes[rows], minlength=count)
        for target in range(1, least + 1):
            while (sizes < target).any():
                _move_one(classes, rows, sizes, target, units)
    return classes


def _move_one(classes: Counts, rows: Counts, sizes: Counts, target: int, units: Floats) -> None:
    """Move into the first subclass that lacks a row the nearest one of a neighbour; `rows` come by score and rank."""
    needy = int(np.flatnonzero(sizes < target)[0])
    places = np.arange(sizes.size)
    spare = np.maximum(sizes - target, 0) / np.maximum(np.abs(places - needy), 1)
    has_any = sizes >= target
    below, above = np.flatnonzero(has_any & (places < needy)), np.flatnonzero(has_any & (places > needy))
    from_below = below.size and (not above.size or spare[:needy].sum() >= spare[needy + 1 :].sum())
    donor = int(below[-1] if from_below else above[0])
    members = rows[classes[rows] == donor]
    mover = members[np.argmax(units[members])] if from_below else members[0]
    classes[mover] = needy
    sizes[donor] -= 1
    sizes[needy] += 1
