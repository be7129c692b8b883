import threading

import numpy as np
import pytest

from counterpoise.kernels import blocks
from counterpoise.kernels.blocks import by_blocks


@pytest.mark.parametrize(("n", "p"), [(1, 1), (7, 3), (50_000, 1), (50_001, 1), (10, 100_000), (400_000, 11)])
def test_blocks_cover_every_row_once_and_in_order(n: int, p: int) -> None:
    rows = by_blocks(lambda rows: np.arange(n)[rows], n, p)
    assert np.concatenate(rows).tolist() == list(range(n))
    assert max(part.size for part in rows) * p <= max(blocks.BLOCK, p)


def test_the_cuts_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = by_blocks(lambda rows: rows, 300_000, 2)
    monkeypatch.setattr(blocks, "MANY", 1)
    seen: set[int] = set()

    def work(rows: slice) -> slice:
        seen.add(threading.get_ident())
        return rows

    assert by_blocks(work, 300_000, 2) == alone
    assert len(seen) == 2


def test_what_goes_wrong_in_a_thread_is_raised() -> None:
    def fail(rows: slice) -> None:
        if rows.start > 900_000:
            raise ValueError("block")

    with pytest.raises(ValueError, match="block"):
        by_blocks(fail, 1_000_000)
