from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import expit, logit

from counterpoise.errors import InputError
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits, limits_at

SCALES: dict[str, Any] = {
    "plain": (lambda s: s, lambda y: y, lambda s: s),
    "log": (np.log, np.exp, lambda s: 1.0),
    "log-log": (lambda s: np.log(-np.log(s)), lambda y: np.exp(-np.exp(y)), lambda s: 1 / -np.log(s)),
    "logit": (logit, expit, lambda s: 1 / (1 - s)),
    "arcsine": (lambda s: np.arcsin(np.sqrt(s)), lambda y: np.sin(y) ** 2, lambda s: np.sqrt(s / (1 - s)) / 2),
}


@given(st.floats(0.02, 0.98), st.floats(0.001, 0.3), st.sampled_from(sorted(SCALES)))
def test_limits_are_those_of_the_scale_by_the_delta_method(survival: float, relative: float, interval: str) -> None:
    there, back, slope = SCALES[interval]
    shift = 1.959963984540054 * relative * slope(survival)
    ends = np.array([there(survival) - shift, there(survival) + shift])
    if interval == "arcsine":
        ends = np.clip(ends, 0, np.pi / 2)
    expected = np.clip(sorted(back(ends).tolist()), 0, 1)
    lower, upper = limits(np.array([survival]), np.array([relative]), interval, 0.95)
    np.testing.assert_allclose([lower[0], upper[0]], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("interval", get_args(IntervalType))
def test_limits_enclose_the_estimate_and_widen_with_confidence(interval: str) -> None:
    survival, relative = np.linspace(0.05, 0.95, 19), np.full(19, 0.1)
    narrow, wide = (limits(survival, relative, interval, level) for level in (0.8, 0.99))
    assert (wide[0] <= narrow[0]).all()
    assert (narrow[0] < survival).all()
    assert (survival < narrow[1]).all()
    assert (narrow[1] <= wide[1]).all()


@pytest.mark.parametrize("interval", get_args(IntervalType))
def test_ends_of_the_scale_and_what_is_unknown(interval: str) -> None:
    lower, upper = limits(np.array([0.0, 1.0, 0.5, 0.5]), np.array([np.nan, 0.0, 0.0, np.nan]), interval, 0.95)
    for ends in (lower, upper):
        np.testing.assert_allclose(ends, [np.nan, 1, 0.5, np.nan], rtol=1e-15)


def test_limits_take_any_shape_and_leave_their_arguments_alone() -> None:
    survival, shift = np.array([[0.5, 1.0], [0.2, 0.0]]), np.full((2, 2), 0.3)
    kept = survival.copy()
    lower, upper = limits_at(survival, shift, "plain")
    np.testing.assert_allclose(lower, [[0.35, 1], [0.14, np.nan]])
    np.testing.assert_allclose(upper, [[0.65, 1], [0.26, np.nan]])
    np.testing.assert_array_equal(survival, kept)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1, np.nan, np.inf])
def test_what_is_not_accepted(confidence: float) -> None:
    for check in (lambda: check_confidence(confidence), lambda: check_interval("log", confidence)):
        with pytest.raises(InputError, match="`confidence` must lie between 0 and 1; it is"):
            check()
    with pytest.raises(InputError, match="`interval` must be one of log, log-log, plain, logit, arcsine; it is 'none'"):
        limits(np.array([0.5]), np.array([0.1]), "none", 0.95)
