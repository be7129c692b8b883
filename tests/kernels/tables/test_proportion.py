import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import erfinv

from counterpoise.errors import InputError
from counterpoise.kernels.tables.proportion import wilson
from tests.golden import floats, golden

COUNTS = st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@pytest.mark.parametrize("place", range(5))
def test_agrees_with_prop_test(place: int) -> None:
    expected = golden("tests", "prop_ci")[place]
    np.testing.assert_allclose(wilson(expected["x"], expected["n"]), floats(expected["wilson"]), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("place", range(4))
def test_agrees_with_prop_test_at_other_levels(place: int) -> None:
    expected = golden("curves_and_tests", "wilson")[place]
    limits = wilson(expected["count"], expected["total"], expected["confidence"])
    np.testing.assert_allclose(limits, floats(expected["limits"]), rtol=1e-10, atol=1e-15)


def test_by_hand() -> None:
    """With z = 2 (a 95.45 % interval) and 1 of 4: centre (1/4 + 1/2) / 2, half width sqrt(3/64 + 1/16) = 1/3.0237."""
    confidence = 0.9544997361036416
    spread = 2 * np.sqrt(0.25 * 0.75 / 4 + 4 / (4 * 16))
    np.testing.assert_allclose(wilson(1, 4, confidence), [(0.75 - spread) / 2, (0.75 + spread) / 2], rtol=1e-12)


@given(COUNTS, st.floats(0.5, 0.999))
@settings(deadline=None, max_examples=100)
def test_the_limits_are_where_the_score_test_rejects(counts: tuple[int, int], confidence: float) -> None:
    count, total = counts
    lower, upper = wilson(count, total, confidence)
    assert 0 <= lower <= count / total <= upper <= 1
    z = math.sqrt(2) * float(erfinv(confidence))
    for limit in {lower, upper} - {0.0, 1.0}:
        score = abs(count / total - limit) / np.sqrt(limit * (1 - limit) / total)
        np.testing.assert_allclose(score, z, rtol=1e-6)


@given(COUNTS)
@settings(deadline=None, max_examples=60)
def test_failures_mirror_successes(counts: tuple[int, int]) -> None:
    count, total = counts
    lower, upper = wilson(count, total)
    mirrored = wilson(total - count, total)
    np.testing.assert_allclose([1 - upper, 1 - lower], mirrored, atol=1e-12)


def test_nothing_and_everything() -> None:
    assert wilson(0, 1)[0] == 0
    assert wilson(1, 1)[1] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "`total` must be positive; it is 0."),
        ((1, np.nan), "`total` must be positive; it is nan."),
        ((np.nan, 5), "`count` must lie between 0 and `total`; it is nan of 5."),
        ((6, 5), "`count` must lie between 0 and `total`; it is 6 of 5."),
        ((-1, 5), "`count` must lie between 0 and `total`; it is -1 of 5."),
        ((1, 5, 95), "`confidence` must lie between 0 and 1; it is 95."),
        ((1, 5, np.nan), "`confidence` must lie between 0 and 1; it is nan."),
    ],
)
def test_what_is_not_accepted(arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        wilson(*arguments)
    assert str(caught.value) == message
