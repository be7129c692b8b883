import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.tables.multiplicity import holm
from tests.golden import floats, golden

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def test_agrees_with_p_adjust() -> None:
    p = [0.001, 0.01, 0.02, 0.03, 0.04, 0.2, 0.5]
    np.testing.assert_allclose(holm(p), floats(golden("tests", "p_adjust")["holm"]), rtol=1e-12)
    expected = golden("curves_and_tests", "holm")
    np.testing.assert_allclose(holm(expected["p"]), floats(expected["holm"]), rtol=1e-12)


@given(P_VALUES)
@settings(deadline=None, max_examples=80)
def test_rejects_what_stepping_down_rejects(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for alpha in (0.01, 0.05, 0.2):
        rejected: set[int] = set()
        for step, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if (len(p_values) - step) * p_values[i] > alpha:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(adjusted) if p <= alpha} == rejected


@given(P_VALUES)
@settings(deadline=None, max_examples=60)
def test_adjusted_values_are_between_the_raw_and_bonferroni(p_values: list[float]) -> None:
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * p.size)).all()
    np.testing.assert_array_equal(holm(p[::-1]), adjusted[::-1])


def test_a_family_of_one_and_of_none() -> None:
    np.testing.assert_array_equal(holm([0.03]), [0.03])
    assert holm([]).size == 0


def test_what_is_not_accepted() -> None:
    with pytest.raises(InputError, match=r"`p_values` must be finite; 1 of 2 is not \(first at index 1\)."):
        holm([0.1, np.nan])
    with pytest.raises(InputError, match=r"`p_values` must lie between 0 and 1; 1 of 2 is not"):
        holm([0.1, 1.1])
