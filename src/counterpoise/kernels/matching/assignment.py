"""Matchings in a bipartite graph of r rows and c columns, given by its e edges, by scipy's assignment solvers."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching, min_weight_full_bipartite_matching

from counterpoise.kernels.arrays import Counts, Floats

DENSE_CELLS = 1 << 22
"""Graphs of up to this many cells may be solved as a matrix."""

DENSE_SHARE = 0.05
"""The share of cells that must be edges for that."""

TIE_UNITS = (100.0, 1.0)
"""How many units of cost a unit of the second criterion may weigh at most: tried in turn."""


def heaviest(row: Counts, column: Counts, gain: Floats, shape: tuple[int, int]) -> Counts:
    """Return the indices of the edges, no two of them with a row or a column in common, of largest total gain.

    Edges come sorted by row, then by column, and none twice. Edges whose gain is not positive are never taken.

    >>> heaviest(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([3.0, 2.0, 2.0]), (2, 2))
    array([1, 2])

    Source: Crouse, IEEE Trans Aerosp Electron Syst 2016;52:1679-1696, and Jonker and Volgenant, Computing
    1987;38:325-340, for the two solvers.
    """
    if not (gain > 0).all():
        index = np.flatnonzero(gain > 0)
        return index[heaviest(row[index], column[index], gain[index], shape)]
    if not row.size:
        return np.zeros(0, dtype=int)
    cells = shape[0] * shape[1]
    if row.size == cells or (cells <= DENSE_CELLS and row.size >= DENSE_SHARE * cells):
        return _by_matrix(row, column, gain, shape)
    return _by_edges(row, column, gain, shape)


def most_pairs(row: Counts, column: Counts, shape: tuple[int, int]) -> int:
    """Return the largest number of edges of which no two share a row or a column.

    >>> most_pairs(np.array([0, 1, 1]), np.array([0, 0, 1]), (2, 2))
    2

    Source: Hopcroft and Karp, SIAM J Comput 1973;2:225-231.
    """
    if row.size == shape[0] * shape[1]:
        return min(shape)
    graph = csr_array((np.ones(row.size, dtype=np.int8), column, _row_pointer(row, shape[0])), shape=shape)
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def _by_matrix(row: Counts, column: Counts, gain: Floats, shape: tuple[int, int]) -> Counts:
    """Solve as a dense assignment problem: a cell without an edge gains nothing, and is dropped when taken."""
    if row.size == shape[0] * shape[1]:
        r, c = linear_sum_assignment(gain.reshape(shape), maximize=True)
        return r * shape[1] + c
    matrix = np.zeros(shape)
    matrix[row, column] = gain
    r, c = linear_sum_assignment(matrix, maximize=True)
    taken = matrix[r, c] > 0
    return np.searchsorted(row * np.int64(shape[1]) + column, r[taken] * np.int64(shape[1]) + c[taken])


def _by_edges(row: Counts, column: Counts, gain: Floats, shape: tuple[int, int]) -> Counts:
    """Solve as a sparse assignment problem in which each row may also take a column of its own, for no gain.

    Costs are kept positive, because a zero in a sparse matrix may be read as no edge.
    """
    rows, columns = shape
    top = gain.max() + 1.0
    last = np.cumsum(np.bincount(row, minlength=rows) + 1)
    cost, index = np.full(last[-1], top), np.empty(last[-1], dtype=np.int32)
    place = np.arange(row.size) + row
    cost[place] -= gain
    index[place] = column
    index[last - 1] = np.arange(columns, columns + rows)
    graph = csr_array((cost, index, np.append(0, last).astype(np.int32)), shape=(rows, columns + rows))
    r, c = min_weight_full_bipartite_matching(graph)
    taken = c < columns
    return np.searchsorted(row * np.int64(columns) + column, r[taken] * np.int64(columns) + c[taken])


def _row_pointer(row: Counts, rows: int) -> Counts:
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int32)


def heaviest_with_ties(
    row: Counts, column: Counts, gain: Floats, preference: Floats | None, shape: tuple[int, int]
) -> Counts:
    """Return `heaviest`, and among matchings of the same total gain the one of largest total `preference` (e,).

    Gains are whole numbers, preferences lie in [0, 1]. The preference is added to the gain as a few units, and the
    answer is taken only if its total gain is exactly that of `heaviest`: then no matching of that total has more
    preference. Otherwise, which needs a second-best total within a few thousand units, the answer is `heaviest`.
    """
    first = heaviest(row, column, gain, shape)
    if preference is None:
        return first
    whole = gain.astype(np.int64)
    total = whole[first].sum()
    for units in TIE_UNITS:
        second = heaviest(row, column, gain + units * preference, shape)
        if whole[second].sum() == total:
            return second
    return first
