import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.competing.causes import as_cause, as_causes, cause_rows, known_causes


def test_codes() -> None:
    np.testing.assert_array_equal(as_causes("cause", np.array([2.0, 0.0, 11.0])), [2, 0, 11])
    np.testing.assert_array_equal(as_causes("cause", [True, False]), [1, 0])
    with pytest.raises(InputError, match="`cause` must have 3 elements, one a row; it has 2"):
        as_causes("cause", [1, 0], 3)
    with pytest.raises(InputError, match="`cause` must hold numbers only"):
        as_causes("cause", ["relapse", "death"])
    with pytest.raises(InputError, match=r"`cause` must be whole numbers, 0 for censored; 2 of 3 are not"):
        as_causes("cause", [1e300, 0, np.nan])


@pytest.mark.parametrize("value", [0, -1, 1.5, np.nan, np.inf, [1]])
def test_one_cause(value: float) -> None:
    assert as_cause("of", np.int64(3)) == 3  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="`of` must be a cause, a whole number of at least 1"):
        as_cause("of", value)  # pyright: ignore[reportArgumentType]


def test_rows() -> None:
    rows = cause_rows([3, 1, 2], [2, 0, 1], cluster=["b", "a", "b"])
    assert rows.cluster is not None
    np.testing.assert_array_equal(rows.cluster, [1, 0, 1])
    np.testing.assert_array_equal(rows.sets.event, [True, False, True])
    np.testing.assert_array_equal(known_causes(rows, None), [1, 2])
    np.testing.assert_array_equal(known_causes(rows, [4, 1, 2]), [1, 2, 4])
