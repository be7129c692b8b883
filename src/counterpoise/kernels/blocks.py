"""Large arrays are worked on block by block, so that what is in between stays in the processor's cache."""

BLOCK = 50_000  # numbers


def block_rows(p: int) -> int:
    """Return how many rows of p numbers a block has."""
    return max(BLOCK // p, 1)


def blocks(n: int, p: int) -> list[slice]:
    """Cut n rows of p numbers into blocks, the same on every machine and so with the same sums.

    Threads for the blocks did not pay, at any size: what one block takes is no longer than their handing over.

    >>> blocks(70_000, 2)
    [slice(0, 25000, None), slice(25000, 50000, None), slice(50000, 70000, None)]
    """
    size = block_rows(p)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
