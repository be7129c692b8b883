import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from counterpoise.errors import InputError
from counterpoise.kernels.effects.intervals import (
    acceleration,
    bca_interval,
    jackknife_influence,
    mixed_std_error,
    normal_interval,
    percentile_interval,
    spread,
)


def test_bca_is_scipys() -> None:
    rng = np.random.default_rng(1)
    sample = rng.exponential(size=40)
    theirs = stats.bootstrap((sample,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(2))
    replicates = theirs.bootstrap_distribution
    left_out = (sample.sum() - sample) / 39
    ours = bca_interval(float(sample.mean()), replicates, jackknife_influence(left_out))
    np.testing.assert_allclose(ours, theirs.confidence_interval, rtol=1e-12)


@settings(max_examples=50)
@given(values=st.lists(st.floats(-100, 100), min_size=3, max_size=30))
def test_the_jackknife_of_a_mean_is_its_standard_error(values: list[float]) -> None:
    sample = np.array(values)
    influence = jackknife_influence((sample.sum() - sample) / (sample.size - 1))
    assert np.sqrt(influence @ influence) == pytest.approx(sample.std(ddof=1) / np.sqrt(sample.size), abs=1e-9)


def test_without_bias_and_acceleration_bca_is_the_percentile_interval() -> None:
    replicates = np.random.default_rng(3).standard_normal(400)
    ours = bca_interval(float(np.median(replicates)), replicates, [1.0, -1.0, 0.5, -0.5], 0.9)
    np.testing.assert_allclose(ours, percentile_interval(replicates, 0.9), rtol=1e-9)


def test_it_respects_a_change_of_scale() -> None:
    rng = np.random.default_rng(4)
    replicates, influence = rng.standard_normal(500), rng.exponential(size=50) - 1
    lower, upper = bca_interval(0.2, replicates, influence)
    assert bca_interval(0.2, replicates, 7.0 * influence) == pytest.approx((lower, upper))
    # between replicates a quantile is a straight line, not an exponential one
    assert bca_interval(np.exp(0.2), np.exp(replicates), influence) == pytest.approx(
        (np.exp(lower), np.exp(upper)), rel=1e-2
    )


def test_replicates_that_are_not_known_are_left_out() -> None:
    values = np.array([1.0, np.nan, 2.0, 4.0])
    assert spread(values) == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert percentile_interval(values) == percentile_interval([1.0, 2.0, 4.0])
    assert bca_interval(2.0, values, [1.0, -1.0]) == bca_interval(2.0, [1.0, 2.0, 4.0], [1.0, -1.0])
    np.testing.assert_allclose(jackknife_influence(values)[[0, 2, 3]], jackknife_influence([1.0, 2.0, 4.0]))
    assert jackknife_influence(values)[1] == 0.0


def test_without_enough_replicates_there_is_no_interval() -> None:
    assert np.isnan([spread([1.0]), *percentile_interval([1.0]), *bca_interval(1.0, [1.0], [1.0, -1.0])]).all()
    assert np.isnan(bca_interval(9.0, [1.0, 2.0, 3.0], [1.0, -1.0])).all()
    assert np.isnan(bca_interval(2.0, [1.0, 2.0, 3.0], [1.0, np.nan])).all()
    assert acceleration([0.0, 0.0]) == 0.0


def test_normal_interval() -> None:
    lower, upper = normal_interval(1.0, 2.0, 0.5)
    assert (lower, upper) == pytest.approx((1 - 2 * 0.6744897501960817, 1 + 2 * 0.6744897501960817))


def test_the_mixed_error_is_hc2_of_a_linear_model() -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(25), rng.exponential(size=25)])
    y = x @ [1.0, 2.0] + rng.standard_normal(25) * x[:, 1]
    bread = np.linalg.inv(x.T @ x)
    residual = y - x @ (bread @ x.T @ y)
    leverage = np.einsum("ij,jk,ik->i", x, bread, x)
    influence = (x @ bread)[:, 1] * residual
    left_out = np.array([np.linalg.lstsq(np.delete(x, i, 0), np.delete(y, i))[0][1] for i in range(25)])
    # The jackknife is centred at the mean of the replicates, HC2 at the estimate: influence values sum to zero.
    hc2 = float(np.sum(influence**2 / (1 - leverage)))
    assert mixed_std_error(influence, left_out) ** 2 == pytest.approx(hc2, rel=1e-10)


def test_the_mixed_error_without_some_replicates() -> None:
    influence = np.array([0.5, -0.25, -0.25])
    every = mixed_std_error(influence, [1.0, 1.5, 1.6])
    assert every > 0
    part = mixed_std_error(influence, [1.0, 1.5, np.nan])
    assert part == pytest.approx(np.sqrt(0.5 * 0.25 + 0.25 * 0.25 + 0.25**2))
    assert mixed_std_error(influence, [np.nan] * 3) == pytest.approx(np.sqrt(influence @ influence))
    assert np.isnan(mixed_std_error(influence, [2.0, 1.0, 1.0]))
    assert np.isnan(mixed_std_error([0.5, np.nan, 0.1], [1.0, 2.0, 3.0]))
    with pytest.raises(InputError, match="must have one shape"):
        mixed_std_error(influence, [1.0, 2.0])


def test_bad_input() -> None:
    with pytest.raises(InputError, match="`replicates` must be one-dimensional"):
        spread([[1.0, 2.0]])
    with pytest.raises(InputError, match="`influence` must be one-dimensional"):
        acceleration([[1.0, 2.0]])
    for interval in (lambda c: percentile_interval([1.0, 2.0], c), lambda c: normal_interval(1.0, 1.0, c)):
        with pytest.raises(InputError, match="`confidence` must lie"):
            interval(95)
    with pytest.raises(InputError, match="`replicates` must hold numbers"):
        percentile_interval(["a", "b"])
