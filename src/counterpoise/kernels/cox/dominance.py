"""Sums over the elements that come earlier and rank lower: what counts concordant pairs in n log n steps."""

import numpy as np

from counterpoise.kernels.arrays import Counts

SMALL_BLOCK = 3  # below 2^3 elements comparing every pair is cheaper than another pass
CHUNK = 8_192  # columns of the small blocks that stay in the processor's cache


def sum_earlier_and_lower(rank: Counts, values: np.ndarray) -> np.ndarray:
    """Return for each of n elements, in order, the sum of `values` over those before it of lower `rank`.

    `rank` is a permutation of 0 to n - 1; `values` are whole, real or complex (two sums at once). Whole numbers
    are added without rounding.

    >>> sum_earlier_and_lower(np.array([1, 3, 0, 2]), np.array([10, 1, 5, 2]))
    array([ 0, 10,  0, 15])

    Source: Bentley (1980), Communications of the ACM 23:214 (counting by divide and conquer on one coordinate); the
    arrangement is that of Grossi, Gupta and Vitter's wavelet tree (2003).
    """
    levels = max(int(rank.size - 1).bit_length(), SMALL_BLOCK)
    padded = 1 << levels
    ranks = np.arange(padded, dtype=np.int32 if levels < 31 else np.int64)
    ranks[: rank.size] = rank
    addends = np.zeros(padded, dtype=values.dtype)
    addends[: rank.size] = values
    sums, running = np.zeros_like(addends), np.zeros(padded // 2 + 1, dtype=values.dtype)
    ordinal = np.arange(padded // 2)
    # Blocks of elements whose ranks agree above `level`, each in the order given, are split by the next bit: every
    # upper element gains the lower ones of its block that come before it.
    for level in range(levels - 1, SMALL_BLOCK - 1, -1):
        upper = (ranks & (1 << level)) != 0
        high, low = np.flatnonzero(upper), np.flatnonzero(~upper)
        shape = (-1, 1 << level)
        addends, sums, ranks = (_halves(a, low.reshape(shape), high.reshape(shape)) for a in (addends, sums, ranks))
        np.cumsum(addends[:, 0], out=running[1:])
        high -= ordinal
        sums[:, 1] += running[high].reshape(shape) - running[: -1 : 1 << level, None]
        addends, sums, ranks = addends.reshape(-1), sums.reshape(-1), ranks.reshape(-1)
    by_rank = np.empty_like(sums)
    by_rank[ranks] = sums + _within_small_blocks(ranks, addends)
    return by_rank[rank]


def _halves(values: np.ndarray, low: Counts, high: Counts) -> np.ndarray:
    halves = np.empty((len(low), 2, low.shape[1]), dtype=values.dtype)
    halves[:, 0], halves[:, 1] = values[low], values[high]
    return halves


def _within_small_blocks(ranks: Counts, addends: np.ndarray) -> np.ndarray:
    width = 1 << SMALL_BLOCK
    r, v = (np.ascontiguousarray(a.reshape(-1, width).T) for a in (ranks, addends))
    sums = np.zeros_like(v)
    for begin in range(0, r.shape[1], CHUNK):
        part = slice(begin, begin + CHUNK)
        for later in range(1, width):
            for earlier in range(later):
                sums[later, part] += v[earlier, part] * (r[earlier, part] < r[later, part])
    return sums.T.ravel()
