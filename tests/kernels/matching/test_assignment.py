from itertools import combinations

import numpy as np
from hypothesis import given, settings, strategies as st

from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.matching import assignment
from counterpoise.kernels.matching.assignment import heaviest, heaviest_with_ties, most_pairs

moderate = settings(max_examples=150, deadline=None)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Counts, Counts, Floats, tuple[int, int]]:
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    row, column = np.nonzero(rng.random(shape) < draw(st.sampled_from([0.3, 0.7, 1.0])))
    return row, column, rng.integers(-2, 6, row.size).astype(float), shape


def matchings(row: Counts, column: Counts) -> list[list[int]]:
    edges = range(row.size)
    every = [list(some) for k in range(min(row.size, 4) + 1) for some in combinations(edges, k)]
    return [some for some in every if len(set(row[some])) == len(some) == len(set(column[some]))]


def is_matching(row: Counts, column: Counts, taken: Counts) -> bool:
    return len(set(row[taken])) == taken.size == len(set(column[taken]))


@given(graphs())
@moderate
def test_agrees_with_looking_at_every_matching(graph: tuple[Counts, Counts, Floats, tuple[int, int]]) -> None:
    row, column, gain, shape = graph
    every = matchings(row, column)
    taken = heaviest(row, column, gain, shape)
    assert is_matching(row, column, taken)
    assert gain[taken].sum() == max(gain[some].sum() for some in every)
    assert (gain[taken] > 0).all()
    assert most_pairs(row, column, shape) == max(len(some) for some in every)


@given(graphs())
@moderate
def test_both_solvers_agree(graph: tuple[Counts, Counts, Floats, tuple[int, int]]) -> None:
    row, column, gain, shape = graph
    kept = gain > 0
    row, column, gain = row[kept], column[kept], gain[kept]
    if row.size:
        dense = assignment._by_matrix(row, column, gain, shape)
        sparse = assignment._by_edges(row, column, gain, shape)
        assert is_matching(row, column, sparse)
        assert gain[dense].sum() == gain[sparse].sum()


@given(graphs(), st.integers(0, 1000))
@moderate
def test_ties_go_to_what_is_preferred(graph: tuple[Counts, Counts, Floats, tuple[int, int]], seed: int) -> None:
    row, column, gain, shape = graph
    gain = np.maximum(gain, 0.0) * 1e6
    preference = np.random.default_rng(seed).integers(0, 5, row.size) / 4
    taken = heaviest_with_ties(row, column, gain, preference, shape)
    best = max((gain[some].sum(), preference[some].sum()) for some in matchings(row, column))
    assert (gain[taken].sum(), preference[taken].sum()) == best


def test_a_preference_never_costs_gain() -> None:
    # One unit of gain less, against all the preference there is.
    row, column, gain = np.array([0, 0]), np.array([0, 1]), np.array([7.0, 6.0])
    assert heaviest_with_ties(row, column, gain, np.array([0.0, 1.0]), (1, 2)).tolist() == [0]
