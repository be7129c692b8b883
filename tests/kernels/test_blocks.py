import numpy as np
import pytest

from counterpoise.kernels.blocks import BLOCK, blocks


@pytest.mark.parametrize(("n", "p"), [(1, 1), (7, 3), (50_000, 1), (50_001, 1), (10, 100_000), (400_000, 11)])
def test_blocks_cover_every_row_once_and_in_order(n: int, p: int) -> None:
    rows = [np.arange(n)[part] for part in blocks(n, p)]
    assert np.concatenate(rows).tolist() == list(range(n))
    assert max(part.size for part in rows) * p <= max(BLOCK, p)
