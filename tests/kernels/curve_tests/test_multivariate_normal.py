from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import ndtr

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curve_tests.multivariate_normal import rectangle_probability
from tests.golden import golden
from tests.golden.agreement import agrees

SECTION = "Multivariate normal: probability of a rectangle"
R3 = np.array([[1, 0.9, 0.3], [0.9, 1, 0.1], [0.3, 0.1, 1]])
R4 = np.array([[1, 0.8, 0.5, 0.2], [0.8, 1, 0.7, 0.4], [0.5, 0.7, 1, 0.6], [0.2, 0.4, 0.6, 1]])
EQUAL = np.full((4, 4), 0.95) + 0.05 * np.eye(4)
INFINITE = np.inf


def random_correlation(rng: np.random.Generator, k: int, rank: int) -> Floats:
    rows = rng.normal(size=(k, rank))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def test_agrees_with_mvtnorm() -> None:
    """TVPACK is exact to 1e-15 in up to three dimensions."""
    r = golden("tests_of_curves", "rectangle_2")
    ours = [rectangle_probability([[1, c], [c, 1]], [-2, -1], [1, 3]) for c in (-0.999, -0.5, 0, 0.5, 0.999999)]
    agrees(SECTION, "tests_of_curves", "rectangle_2", ours, r)
    r = golden("tests_of_curves", "rectangle_3")
    two = rectangle_probability(R3, [-2, -1, -2.5], [2, 1.5, 2.5])
    agrees(SECTION, "tests_of_curves", "rectangle_3", two, r["two"])
    one = rectangle_probability(R3, [-INFINITE] * 3, [1, 2, 0.5])
    agrees(SECTION, "tests_of_curves", "rectangle_3", one, r["one"])
    r = golden("tests_of_curves", "rectangle_4")
    # 1e-8: Miwa's method interpolates on a grid; `nested` below settles that the difference of 2e-9 is its own.
    two = rectangle_probability(R4, [-2] * 4, [2] * 4)
    agrees(SECTION, "tests_of_curves", "rectangle_4", two, r["two"], tolerance=1e-8)
    one = rectangle_probability(R4, [-INFINITE] * 4, [1, 2, 0.5, 0])
    agrees(SECTION, "tests_of_curves", "rectangle_4", one, r["one"], tolerance=1e-8)
    equal = rectangle_probability(EQUAL, [-2] * 4, [2] * 4)
    agrees(SECTION, "tests_of_curves", "rectangle_4", equal, r["equal"])


def nested(correlation: Floats, lower: Floats, upper: Floats, nodes: int = 60) -> float:
    """Return the probability by one integral in another, each value given those before it; for regular matrices."""
    root = np.linalg.cholesky(correlation)
    x, dx = np.polynomial.legendre.leggauss(nodes)
    z, weight = np.zeros((0, 1)), np.ones(1)
    for k, row in enumerate(root[:-1]):
        mean = row[:k] @ z
        low, high = np.maximum((lower[k] - mean) / row[k], -9), np.minimum((upper[k] - mean) / row[k], 9)
        middle, half = (low + high) / 2, np.maximum(high - low, 0) / 2
        own = (middle[:, None] + half[:, None] * x).ravel()
        weight = (weight[:, None] * half[:, None] * dx).ravel() * np.exp(-(own**2) / 2) / np.sqrt(2 * np.pi)
        z = np.vstack([np.repeat(z, nodes, axis=1), own])
    mean = root[-1, :-1] @ z
    return float(weight @ (ndtr((upper[-1] - mean) / root[-1, -1]) - ndtr((lower[-1] - mean) / root[-1, -1])))


@pytest.mark.parametrize("correlation", [R3, R4, EQUAL[:3, :3], EQUAL])
def test_agrees_with_one_integral_in_another(correlation: Floats) -> None:
    k = len(correlation)
    lower, upper = np.full(k, -2.0), np.linspace(1, 2.5, k)
    expected = nested(correlation, lower, upper)
    np.testing.assert_allclose(rectangle_probability(correlation, lower, upper), expected, atol=2e-10)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_independent_values_multiply(k: int) -> None:
    limits = np.linspace(0.5, 3, k)
    ours = rectangle_probability(np.eye(k), -limits, limits + 0.3)
    np.testing.assert_allclose(ours, np.prod(ndtr(limits + 0.3) - ndtr(-limits)), atol=1e-13)


@pytest.mark.parametrize(("k", "rank"), [(2, 2), (3, 2), (3, 3), (4, 2), (4, 3), (5, 3), (4, 4)])
def test_agrees_with_random_draws(k: int, rank: int) -> None:
    """Four standard errors of 400,000 draws."""
    rng = np.random.default_rng(100 * k + rank)
    correlation = random_correlation(rng, k, rank)
    values, vectors = np.linalg.eigh(correlation)
    z = rng.normal(size=(400_000, rank)) @ (vectors[:, -rank:] * np.sqrt(values[-rank:])).T
    lower, upper = rng.uniform(-3, 0, k), rng.uniform(0.2, 3, k)
    drawn = ((z >= lower) & (z <= upper)).all(axis=1).mean()
    ours = rectangle_probability(correlation, lower, upper)
    assert abs(ours - drawn) < 4 * (ours * (1 - ours) / 4e5) ** 0.5


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_orthants_have_their_closed_forms(rank: int) -> None:
    rng = np.random.default_rng(rank)
    correlation = random_correlation(rng, 3, min(rank, 3))
    pairs = np.arcsin([correlation[0, 1], correlation[0, 2], correlation[1, 2]])
    expected = 1 / 8 + pairs.sum() / (4 * np.pi)
    np.testing.assert_allclose(rectangle_probability(correlation, [-INFINITE] * 3, np.zeros(3)), expected, atol=1e-12)


def test_equal_correlations_by_one_integral() -> None:
    """Given what they share, such values are independent: near 1 too, where sections are thin."""
    dv = 0.001
    v = np.arange(-9, 9, dv)
    for r in (0.1, 0.9, 0.999):
        for k in (3, 4):
            correlation = np.full((k, k), r) + (1 - r) * np.eye(k)
            inner = ndtr((2 - r**0.5 * v) / (1 - r) ** 0.5) - ndtr((-1.5 - r**0.5 * v) / (1 - r) ** 0.5)
            expected = (dv * np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi) * inner**k).sum()
            ours = rectangle_probability(correlation, np.full(k, -1.5), np.full(k, 2.0))
            np.testing.assert_allclose(ours, expected, atol=1e-10 if k == 3 else 1e-8)


def test_values_that_others_fix_add_nothing() -> None:
    """The third value is made of two others; so wide a limit on it binds nowhere."""
    rows = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]])
    pair = rectangle_probability(rows[:2] @ rows[:2].T, [-2, -2], [2, 2])
    np.testing.assert_allclose(rectangle_probability(rows @ rows.T, [-2, -2, -8], [2, 2, 8]), pair, atol=1e-14)
    assert rectangle_probability(rows @ rows.T, [-2, -2, -1], [2, 2, 1]) < pair - 0.01
    twice = rows[[0, 1, 0]]
    np.testing.assert_allclose(rectangle_probability(twice @ twice.T, [-2, -2, -3], [2, 2, 2]), pair, atol=1e-14)
    mirrored = rows[[0, 1, 0]] * [[1], [1], [-1]]
    np.testing.assert_allclose(rectangle_probability(mirrored @ mirrored.T, [-2, -2, -2], [2, 2, 5]), pair, atol=1e-14)
    one = np.array([[1, -1], [-1, 1]])
    np.testing.assert_allclose(rectangle_probability(one, [-1, -3], [2, 0.5]), ndtr(2) - ndtr(-0.5), atol=1e-15)


def test_nearly_singular_is_near_singular() -> None:
    """What an eigenvalue near 0 adds is of the size of its root."""
    rng = np.random.default_rng(4)
    singular = random_correlation(rng, 4, 3)
    expected = rectangle_probability(singular, [-1.5] * 4, [1.5] * 4)
    for small in (1e-6, 1e-8, 1e-10, 1e-12):
        near = (1 - small) * singular + small * np.eye(4)
        assert abs(rectangle_probability(near, [-1.5] * 4, [1.5] * 4) - expected) < small**0.5


LIMITS = st.lists(st.floats(-3, 3), min_size=4, max_size=4)


@given(st.integers(0, 10**6), st.sampled_from([2, 3]), LIMITS, LIMITS, st.permutations(range(4)))
@settings(deadline=None, max_examples=40)
def test_order_and_signs_do_not_matter(seed: int, rank: int, one: Any, other: Any, order: Any) -> None:
    rng = np.random.default_rng(seed)
    correlation = random_correlation(rng, 4, rank)
    lower, upper = np.minimum(one, other), np.maximum(one, other)
    first = rectangle_probability(correlation, lower, upper)
    moved = rectangle_probability(correlation[np.ix_(order, order)], lower[order], upper[order])
    turned = rectangle_probability(correlation, -upper, -lower)
    np.testing.assert_allclose([moved, turned], first, atol=1e-9)
    assert 0 <= first <= (ndtr(upper) - ndtr(lower)).min() + 1e-9


@given(st.integers(0, 10**6), st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_two_parts_make_the_whole(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    correlation = random_correlation(rng, 4, 3)
    lower, upper = rng.uniform(-3, 0, 4), rng.uniform(0, 3, 4)
    left, right = upper.copy(), lower.copy()
    left[side] = right[side] = rng.uniform(lower[side], upper[side])
    parts = rectangle_probability(correlation, lower, left) + rectangle_probability(correlation, right, upper)
    np.testing.assert_allclose(parts, rectangle_probability(correlation, lower, upper), atol=1e-9)


def test_no_room_and_all_room() -> None:
    for correlation in (R3, random_correlation(np.random.default_rng(1), 3, 2), np.ones((3, 3))):
        assert rectangle_probability(correlation, [-1, 1, 0], [1, 1, 1]) == 0
        whole = rectangle_probability(correlation, [-INFINITE] * 3, [INFINITE] * 3)
        np.testing.assert_allclose(whole, 1, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correlation": np.ones((2, 3))}, "`correlation` must be square; its shape is (2, 3)."),
        ({"correlation": np.zeros((0, 0))}, "`correlation` must be square; its shape is (0, 0)."),
        ({"correlation": [[1, np.nan], [np.nan, 1]]}, "`correlation` must be finite"),
        ({"correlation": [[1, 0.5], [0.4, 1]]}, "`correlation` must be symmetric with a diagonal of ones."),
        ({"correlation": [[2, 0.5], [0.5, 1]]}, "`correlation` must be symmetric with a diagonal of ones."),
        (
            {"correlation": [[1, 1.5], [1.5, 1]]},
            "`correlation` must have no negative eigenvalue; its smallest is -0.5.",
        ),
        ({"lower": [0, np.nan]}, "`lower` must not be missing"),
        ({"upper": [np.nan, 1]}, "`upper` must not be missing"),
        ({"upper": [1]}, "`upper` must have 2 elements; its shape is (1,)."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"correlation": [[1, 0.5], [0.5, 1]], "lower": [-1, -1], "upper": [1, 1]}
    with pytest.raises(InputError) as caught:
        rectangle_probability(**arguments | changes)
    assert str(caught.value).startswith(message)


def test_a_rank_above_four_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="rank 5"):
        rectangle_probability(np.eye(5), [-1] * 5, [1] * 5)


def test_a_limit_that_is_all_but_zero_is_zero() -> None:
    correlation = [[1, 0.3], [0.3, 1]]
    tiny = rectangle_probability(correlation, [2.2e-313, -1], [1, 1])
    assert tiny == pytest.approx(rectangle_probability(correlation, [0, -1], [1, 1]), rel=1e-12)
