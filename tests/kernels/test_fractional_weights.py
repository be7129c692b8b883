import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.fractional_weights import fractional_weights


def test_fractional_weights_sum_to_n_and_follow_the_seed() -> None:
    weights = fractional_weights(50, 20, seed=3)
    assert weights.shape == (50, 20)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 20, rtol=1e-12)
    np.testing.assert_array_equal(weights, fractional_weights(50, 20, seed=3))
    assert (weights != fractional_weights(50, 20, seed=4)).all()


def test_fractional_weights_have_the_spread_of_an_exponential() -> None:
    # Scaled exponentials are n times a flat Dirichlet: variance (n - 1) / (n + 1).
    weights = fractional_weights(4000, 50, seed=1)
    assert weights.var() == pytest.approx(49 / 51, rel=0.02)


@pytest.mark.parametrize(("replicates", "n"), [(0, 5), (5, 0)])
def test_no_replicates_or_rows_are_refused(replicates: int, n: int) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        fractional_weights(replicates, n, seed=1)
