from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.matching.distance import (
    Measure,
    covariate_distances,
    distance_matrix,
    given_distances,
    score_distances,
)
from tests.balance.designs import lalonde, lalonde_levels
from tests.golden import dataset, golden
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import COLUMNS, cohort, cohorts, shuffled

MEASURES: tuple[Measure, ...] = get_args(Measure)
NAMES = {
    "mahalanobis": "mahalanobis",
    "scaled euclidean": "scaled_euclidean",
    "euclidean": "euclidean",
    "robust mahalanobis": "robust",
}
moderate = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", list(COLUMNS))
def test_agrees_with_r(name: str, measure: Measure) -> None:
    treated, x = cohort(name)
    key = f"{NAMES[measure]}_{name}"
    ours = distance_matrix(x, treated, measure=measure)[:6, :6]
    agrees(f"Distance: {measure}", "matching_kernels", key, ours, golden("matching_kernels", key))


def test_matchit_finds_the_nearest_control_by_this_mahalanobis_distance() -> None:
    # MatchIt prints no distances, but its greedy matching, in the order of the rows, takes the least of them each time.
    d = dataset("lalonde")
    treated = d["treat"] == 1
    distance = distance_matrix(lalonde(), treated)
    place = {unit: k for arm in (treated, ~treated) for k, unit in enumerate(d["id"][arm].tolist())}
    table = golden("matching", "near_lal_mahalanobis")["match_matrix"]
    free = np.ones(distance.shape[1], dtype=bool)
    for focal, (match,) in zip(table["focal_unit"], table["matches"], strict=True):
        row, column = distance[place[focal]], place[match]
        assert row[column] == pytest.approx(row[free].min(), abs=1e-9)
        free[column] = False


def test_dummies_of_all_levels_are_as_good_as_all_but_one() -> None:
    treated = dataset("lalonde")["treat"]
    np.testing.assert_allclose(
        distance_matrix(lalonde_levels(), treated), distance_matrix(lalonde(), treated), rtol=0, atol=1e-10
    )


def test_by_hand() -> None:
    # Variances within the arms are 1 (0, 1, 2 and 4, 5, 6), so that distances are in units of one.
    x, treatment = [0.0, 1.0, 2.0, 4.0, 5.0, 6.0], [1, 1, 1, 0, 0, 0]
    expected = np.subtract.outer([0.0, 1.0, 2.0], [4.0, 5.0, 6.0])
    for measure in ("mahalanobis", "scaled euclidean", "euclidean"):
        np.testing.assert_allclose(distance_matrix(x, treatment, measure=measure), np.abs(expected), rtol=1e-12)
    # Ranks 1 to 6 have variance 3.5: sqrt((4 - 1)^2 / 3.5).
    robust = distance_matrix(x, treatment, measure="robust mahalanobis")
    assert robust[0, 0] == pytest.approx(3 / np.sqrt(3.5), rel=1e-11)
    # Ranks 3, 3, 3, 3, 3, 6 have variance 1.5, but are given that of six untied ones.
    tied = distance_matrix([0.0, 0.0, 0.0, 0.0, 0.0, 9.0], treatment, measure="robust mahalanobis")
    assert tied[0, 2] == pytest.approx(3.0 / np.sqrt(3.5), rel=1e-11)


def slow(x: Floats, treated: Bools) -> Floats:
    covariance = sum(
        (np.cov(x[arm].T, ddof=0).reshape(2, 2) * arm.sum() for arm in (treated, ~treated)), np.zeros((2, 2))
    )
    inverse = np.linalg.pinv(covariance / (len(x) - 2), hermitian=True)
    gap = x[treated][:, None, :] - x[~treated][None, :, :]
    return np.sqrt(np.einsum("ijk,kl,ijl->ij", gap, inverse, gap).clip(0))


@given(st.integers(0, 1000), st.integers(6, 30))
@moderate
def test_agrees_with_the_formula(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, treated = rng.standard_normal((n, 2)), np.arange(n) % 3 == 0
    np.testing.assert_allclose(distance_matrix(x, treated), slow(x, treated), rtol=1e-8)


@given(cohorts(), st.sampled_from(MEASURES), st.integers(0, 1000))
@moderate
def test_row_order_changes_no_bit(data: tuple[Floats, Bools, Floats, Floats], measure: Measure, seed: int) -> None:
    _, treated, x, _ = data
    x = x + 0.1
    order, (x2, treated2) = shuffled(seed, x, treated)
    ours = distance_matrix(x, treated, measure=measure)
    position = np.empty((2, treated.size), dtype=int)
    position[0, treated], position[1, ~treated] = np.arange(treated.sum()), np.arange((~treated).sum())
    expected = ours[np.ix_(position[0, order[treated2]], position[1, order[~treated2]])]
    np.testing.assert_array_equal(distance_matrix(x2, treated2, measure=measure), expected)


@given(st.integers(0, 1000))
@moderate
def test_units_do_not_matter_to_a_standardised_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, treated = rng.standard_normal((20, 3)), np.arange(20) % 2 == 0
    for measure in ("mahalanobis", "scaled euclidean", "robust mahalanobis"):
        np.testing.assert_allclose(
            distance_matrix(x * [1.0, 1000.0, 0.01] + 5.0, treated, measure=measure),
            distance_matrix(x, treated, measure=measure),
            rtol=1e-9,
        )


def test_covariates_without_variance_are_left_out() -> None:
    rng = np.random.default_rng(1)
    x, treated = rng.standard_normal((10, 2)), np.arange(10) < 4
    more = np.column_stack([x, np.full(10, 3.0), x.sum(axis=1)])
    np.testing.assert_allclose(distance_matrix(more, treated), distance_matrix(x, treated), rtol=1e-9)
    assert (distance_matrix(np.ones((10, 2)), treated) == 0).all()
    assert distance_matrix([1.0, 1.0], [1, 0]).tolist() == [[0.0]]


def test_large_distances_keep_12_digits() -> None:
    distances = covariate_distances([1.5e7, 3.0], [1, 0], measure="euclidean")
    assert distances.between(np.array([0]), np.array([1])) / distances.units == pytest.approx(1.5e7 - 3)
    assert distances.units == 1e7


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: distance_matrix([1.0, np.nan], [1, 0]), "`x` must be finite"),
        (lambda: distance_matrix([1.0, np.inf], [1, 0]), "`x` must be finite"),
        (lambda: distance_matrix([1.0, 2.0, 3.0], [1, 0]), "`x` must have 2 rows"),
        (lambda: distance_matrix([1.0, 2.0], [1, np.nan]), "`treatment` must be finite"),
        (lambda: distance_matrix([1.0, 2.0], [1, 1]), "`treatment` must hold treated and control"),
        (lambda: distance_matrix([1.0, 2.0], [1, 0], measure="taxi"), "`measure` must be one of"),  # pyright: ignore[reportArgumentType]
        (lambda: score_distances([0.1, np.nan]), "`score` must be finite"),
        (lambda: given_distances([[1.0, 2.0]], [1, 0]), "must be \\(1, 1\\)"),
        (lambda: given_distances([[-1.0]], [1, 0]), "must not be negative"),
        (lambda: given_distances([[np.nan]], [1, 0]), "must be finite"),
    ],
)
def test_bad_input(call: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        call()  # pyright: ignore[reportCallIssue]
