"""Cohorts that matching is tried on: those of `tests/golden/r/25_matching.R`, and small random ones full of ties."""

import functools
from itertools import combinations, product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.matching.sets import MatchedSets
from tests.golden import dataset, golden, rotterdam

COLUMNS = {
    "lalonde": ("age", "educ", "married", "nodegree", "re74", "re75"),
    "rotterdam": ("age", "meno", "nodes", "pgr", "er"),
    "veteran": ("karno", "diagtime", "age", "prior"),
    "Melanoma": ("sex", "age", "year", "thickness"),
    "pbc": ("age", "bili", "albumin", "protime", "edema"),
}


@functools.cache
def cohort(name: str) -> tuple[Bools, Floats]:
    """Return treatment (n,) and covariates (n, p) as the R script has them."""
    d: dict[str, Any] = rotterdam() if name == "rotterdam" else dataset(name)
    treated = {"lalonde": "treat", "rotterdam": "hormon", "veteran": "trt", "Melanoma": "ulcer", "pbc": "ascites"}[name]
    x, t = np.column_stack([d[column] for column in COLUMNS[name]]), d[treated]
    if name == "pbc":
        known = np.isfinite(d["protime"]) & np.isfinite(t)
        x, t = x[known], t[known]
    return t == (2 if name == "veteran" else 1), x


def score_in_r(name: str) -> Floats:
    """Return the logit of the score that R fitted."""
    key = {"pbc": "pairs_pbc", "Melanoma": "pairs_Melanoma", "veteran": "caliper_veteran"}[name]
    return np.array(golden("matching_kernels", key)["score"])


@st.composite
def cohorts(draw: st.DrawFn, most: int = 25) -> tuple[Floats, Bools, Floats, Floats]:
    """Draw a score, arms, covariates, and ranks; scores tie often."""
    n = draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    x = rng.integers(0, 3, (n, 2)).astype(float)
    score = {
        "free": rng.standard_normal(n),
        "by covariates": x @ [0.1, 0.3],
        "coarse": rng.integers(0, 4, n) / 10,
    }[draw(st.sampled_from(["free", "by covariates", "coarse"]))]
    treated = rng.random(n) < 0.4
    treated[:2] = True, False
    return score, treated, x, rng.permutation(n).astype(float)


def shuffled(seed: int, *arrays: Any) -> tuple[Counts, list[Any]]:
    """Return a permutation and every array in that order."""
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    return order, [np.asarray(values)[order] for values in arrays]


def partition(sets: MatchedSets) -> set[frozenset[int]]:
    """Return the sets as sets of rows."""
    return {frozenset(np.flatnonzero(sets.set == number).tolist()) for number in range(sets.n_sets)}


def links(sets: MatchedSets) -> set[tuple[int, int]]:
    return set(zip(sets.treated.tolist(), sets.control.tolist(), strict=True))


def assert_same_in_any_order(sets: MatchedSets, again: MatchedSets, order: Counts) -> None:
    """Assert that a matching of shuffled rows is the matching of the rows, shuffled."""
    np.testing.assert_array_equal(again.set, sets.set[order])
    np.testing.assert_array_equal(again.weights, sets.weights[order])
    assert {(int(order[i]), int(order[j])) for i, j in links(again)} == links(sets)
    # Distances are in whole units.
    assert again.total_distance == sets.total_distance


def assert_sound(sets: MatchedSets) -> None:
    """Assert what holds of every matching without replacement: sums of weights, both arms in each set, numbering."""
    t, c = sets.treatment & (sets.set >= 0), ~sets.treatment & (sets.set >= 0)
    assert (sets.weights[sets.set < 0] == 0).all()
    assert (sets.weights[sets.set >= 0] > 0).all()
    np.testing.assert_allclose([sets.weights[t].sum(), sets.weights[c].sum()], [sets.n_treated, sets.n_control])
    assert (sets.set_sizes > 0).all()
    assert (sets.set[sets.treated] == sets.set[sets.control]).all()
    assert (sets.set[sets.treated] == sets.link_set).all()
    assert sets.treatment[sets.treated].all()
    assert not sets.treatment[sets.control].any()
    assert not sets.reuses


def best_links(cost: Floats, allowed: Bools, ratio: int) -> tuple[int, int, float]:
    """Look at every matching of up to `ratio` columns to a row: most rows, then most links, then least cost."""
    best = (0, 0, 0.0)
    choices = [
        [()] + [some for k in range(1, ratio + 1) for some in combinations(np.flatnonzero(allowed[i]).tolist(), k)]
        for i in range(cost.shape[0])
    ]
    for chosen in product(*choices):
        used = [j for some in chosen for j in some]
        if len(used) == len(set(used)):
            total = sum(float(cost[i, j]) for i, some in enumerate(chosen) for j in some)
            best = max(best, (sum(bool(some) for some in chosen), len(used), -total))
    return best[0], best[1], -best[2]


def least_cover(cost: Floats, allowed: Bools, row_bounds: tuple[int, int], column_bounds: tuple[int, int]) -> float:
    """Look at every set of edges in which all rows and columns that have any have as many as bounds say."""
    edges = np.argwhere(allowed)
    has_row, has_column = allowed.any(axis=1), allowed.any(axis=0)
    best = np.inf
    for taken in product([False, True], repeat=len(edges)):
        some = edges[np.array(taken, dtype=bool)]
        r = np.bincount(some[:, 0], minlength=cost.shape[0])[has_row]
        c = np.bincount(some[:, 1], minlength=cost.shape[1])[has_column]
        inside = (r >= row_bounds[0]) & (r <= row_bounds[1])
        if inside.all() and ((c >= column_bounds[0]) & (c <= column_bounds[1])).all():
            best = min(best, float(cost[some[:, 0], some[:, 1]].sum()))
    return best
