import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curves.restricted_mean import restricted_mean_comparison
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from tests.kernels.effects.chain import HORIZON, cohort, known


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), entry=st.booleans(), clustered=st.booleans())
def test_known_weights_give_the_comparison_of_restricted_means(seed: int, entry: bool, clustered: bool) -> None:
    data = cohort(seed)
    weights = np.random.default_rng(seed).exponential(size=30) + 0.1
    entered, cluster = data.entry if entry else None, np.arange(30) // 4 if clustered else None
    found = weighted_mean_difference(
        data.time, data.event, data.treated, known(weights), HORIZON, entry=entered, cluster=cluster
    )
    expected = restricted_mean_comparison(
        data.time, data.event, data.treated, HORIZON, weights=weights, entry=entered, cluster=cluster
    )
    for ours, theirs in (
        (found.difference, expected.difference),
        (found.log_time_lost_ratio, expected.time_lost_ratio),
        (found.log_ratio, expected.ratio),
    ):
        value = theirs.estimate[0] if ours is found.difference else np.log(theirs.estimate[0])
        np.testing.assert_allclose(ours.estimate, value, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours.fixed_std_error, theirs.std_error[0], rtol=1e-9)
        np.testing.assert_array_equal(ours.stacked_std_error, ours.fixed_std_error)


def test_no_loss_of_time_has_no_ratio() -> None:
    found = weighted_mean_difference([3, 4, 3, 4], [0, 0, 1, 0], [0, 0, 1, 1], known(np.ones(4)), 2.0)
    assert float(found.difference.estimate) == 0.0
    assert float(found.difference.stacked_std_error) == 0.0
    assert np.isnan(float(found.log_time_lost_ratio.estimate))


def test_bad_input() -> None:
    good = {"time": [1, 2, 3], "event": [1, 1, 0], "treatment": [0, 1, 1], "horizon": 1.0}
    for change, message in (
        ({"horizon": 0.0}, "`horizon` must be one finite positive number"),
        ({"horizon": 9.0}, "`horizon` must be at most 3"),
        ({"horizon": np.nan}, "`horizon` must be"),
        ({"confidence": 0.0}, "`confidence` must lie"),
        ({"treatment": [1, 1, 1]}, "treated and control rows"),
        ({"time": [1, 2]}, "`time` must have 3 elements"),
        ({"event": [1, 1, 3]}, "`event` must be 0 or 1"),
        ({"entry": [0, 2, 0]}, "`entry` must be before"),
        ({"cluster": [1, None, 2]}, "`cluster` must not be missing"),
        ({"model": known(np.ones(2))}, "`model` must be of 3 rows"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_mean_difference(**({"model": known(np.ones(3))} | good | change))  # pyright: ignore[reportArgumentType]
