import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curves.intervals import limits
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at, survival_influence
from counterpoise.kernels.effects.stacked import weighted_estimate
from counterpoise.kernels.effects.survival_at import number_needed_to_treat, weighted_survival
from tests.kernels.effects.chain import cohort, known, stacked_model

moderate = settings(max_examples=25, deadline=None)
TIMES = (0.0, 1.0, 3.0, 8.0, 20.0, 24.9999, 25.0, 26.0, 90.0)


@moderate
@given(seed=st.integers(0, 10_000), entry=st.booleans(), clustered=st.booleans())
def test_each_arm_is_a_weighted_kaplan_meier_curve(seed: int, entry: bool, clustered: bool) -> None:
    data = cohort(seed)
    weights = np.random.default_rng(seed).exponential(size=30) + 0.1
    entered, cluster = data.entry if entry else None, np.arange(30) // 4 if clustered else None
    found = weighted_survival(
        data.time, data.event, data.treated, known(weights), TIMES, entry=entered, cluster=cluster, interval="log"
    )
    for arm, m in enumerate((~data.treated, data.treated)):
        curve = kaplan_meier(
            data.time[m], data.event[m], weights=weights[m], entry=None if entered is None else entered[m],
            cluster=None if cluster is None else cluster[m],
        )  # fmt: skip
        expected = survival_at(curve, TIMES)
        np.testing.assert_allclose(found.survival.estimate[arm], expected.survival, rtol=1e-12)
        np.testing.assert_allclose(found.survival.fixed_std_error[arm], expected.std_error, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(found.at_risk[arm], expected.at_risk, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.survival.lower[arm], expected.lower, rtol=1e-7, atol=1e-8)
        if not entry and not clustered:
            own = survival_influence(data.time[m], data.event[m], 8.0, weights=weights[m])
            np.testing.assert_allclose(found.survival.fixed_influence[m, arm, 3], own, rtol=0, atol=1e-13)


def test_limits_are_on_the_chosen_scale_and_from_the_stacked_error() -> None:
    data = cohort(2)
    model = stacked_model(data, "ATE", stabilised=True)
    found = weighted_survival(data.time, data.event, data.treated, model, [10.0], confidence=0.9).survival
    relative = found.stacked_std_error / found.estimate
    lower, upper = limits(found.estimate, relative, "log-log", 0.9)
    np.testing.assert_array_equal(found.lower, lower)
    np.testing.assert_array_equal(found.upper, upper)
    assert (found.stacked_std_error != found.fixed_std_error).all()


def test_the_difference_knows_that_one_score_weighs_both_arms() -> None:
    data = cohort(8)
    model = stacked_model(data, "ATE", stabilised=False)
    found = weighted_survival(data.time, data.event, data.treated, model, [10.0])
    independent = np.hypot(*found.survival.stacked_std_error)
    assert found.difference.stacked_std_error != pytest.approx(independent, rel=1e-3)
    assert found.difference.fixed_std_error == pytest.approx(np.hypot(*found.survival.fixed_std_error), rel=1e-12)


def test_stabilising_changes_no_curve() -> None:
    data = cohort(9)
    one, other = (
        weighted_survival(
            data.time, data.event, data.treated, stacked_model(data, "ATE", stabilised=stabilised), [5.0, 12.0]
        )
        for stabilised in (True, False)
    )
    np.testing.assert_allclose(one.survival.stacked_std_error, other.survival.stacked_std_error, rtol=1e-10)
    np.testing.assert_allclose(one.difference.stacked_influence, other.difference.stacked_influence, atol=1e-13)


def test_curves_at_one_and_at_zero_have_no_error() -> None:
    model = known(np.array([1.0, 2.0, 1.0, 3.0]))
    found = weighted_survival([2, 3, 2, 3], [1, 1, 1, 1], [0, 0, 1, 1], model, [1.0, 2.0, 3.0, 9.0])
    np.testing.assert_array_equal(found.survival.estimate[:, [0, 2, 3]], [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(found.survival.stacked_std_error[:, [0, 2, 3]], np.zeros((2, 3)))
    assert found.difference.estimate[1] == pytest.approx(3 / 4 - 2 / 3)
    assert np.isnan(found.log_ratio.estimate[2])
    np.testing.assert_array_equal(found.survival.lower[:, 0], [1, 1])


def test_number_needed_to_treat() -> None:
    gain = weighted_estimate([0.1, 0.0, -0.1], np.array([[0.02, 0.02, 0.2], [-0.02, -0.02, -0.2]]), known(np.ones(2)))
    number, first, second = number_needed_to_treat(gain)
    np.testing.assert_allclose(number, [10, np.inf, -10])
    np.testing.assert_allclose(first[0], 1 / gain.upper[0])
    assert first[2] < 0 < second[2]


def test_bad_input() -> None:
    good = {"time": [1, 2, 3], "event": [1, 1, 0], "treatment": [0, 1, 1], "at": [1.0]}
    for change, message in (
        ({"at": [-1.0]}, "`at` must be finite and non-negative"),
        ({"at": [np.nan]}, "`at` must be finite"),
        ({"time": [1, np.inf, 3]}, "`time` must be finite"),
        ({"event": [1, 2, 0]}, "`event` must be 0 or 1"),
        ({"treatment": [0, 0, 0]}, "treated and control rows"),
        ({"entry": [0, 3, 0]}, "`entry` must be before"),
        ({"interval": "loglog"}, "`interval` must be one of"),
        ({"confidence": 1.0}, "`confidence` must lie"),
        ({"cluster": [1]}, "`cluster` must have 3 elements"),
        ({"model": known(np.array([0.0, 1.0, 1.0]))}, "treated and control rows; 2 of 2"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_survival(**({"model": known(np.ones(3))} | good | change))  # pyright: ignore[reportArgumentType]


def test_one_row_an_arm() -> None:
    found = weighted_survival([1, 2], [1, 0], [0, 1], known(np.ones(2)), [1.5])
    np.testing.assert_array_equal(found.survival.estimate, [[0.0], [1.0]])
    assert found.difference.stacked_std_error[0] == 0.0
