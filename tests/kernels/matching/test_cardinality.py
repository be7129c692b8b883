from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.imbalance import imbalance, standard_deviation
from counterpoise.kernels.matching.cardinality import cardinality_match
from tests.balance.designs import lalonde_levels
from tests.golden import dataset, golden
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import assert_sound, cohort, cohorts, shuffled

Cohort = tuple[Floats, Bools, Floats, Floats]
few = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(("name", "count"), [("pbc", 24), ("Melanoma", 20), ("veteran", 24)])
def test_largest_sample_is_that_of_another_solver(name: str, count: int) -> None:
    treated, x = cohort(name)
    rows = np.concatenate([np.flatnonzero(treated)[:count], np.flatnonzero(~treated)[:count]])
    reference = golden("matching_kernels", f"largest_{name}")
    ours = [cardinality_match(x[rows], treated[rows], tolerance=tolerance) for tolerance in (0.1, 0.25)]
    assert all(match.is_largest for match in ours)
    sizes = [match.sets.n_treated for match in ours]
    theirs = [reference["tenth"], reference["quarter"]]
    agrees("Cardinality matching: treated patients", "matching_kernels", f"largest_{name}", sizes, theirs)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_real_sample_keeps_its_promise(ratio: int) -> None:
    x, treatment = lalonde_levels(), dataset("lalonde")["treat"]
    match = cardinality_match(x, treatment, tolerance=0.05, ratio=ratio)
    inside = match.sets.set >= 0
    after = imbalance(x[inside], treatment[inside], scale=match.scale)
    np.testing.assert_allclose(after.smd, match.smd, atol=1e-12)
    assert np.abs(after.smd).max() <= 0.05 + 1e-6
    assert match.sets.n_control == ratio * match.sets.n_treated
    assert match.is_largest
    assert match.upper_bound == match.sets.n_treated
    assert set(match.sets.weights[inside]) == {1.0}
    assert_sound(match.sets)


def test_by_hand() -> None:
    # Means 2 and 2 with 1, 3 against 2, 2; everybody's would be 3 and 2. Deviations are 2 and 1: pooled 1.58.
    x, treatment = [1.0, 3.0, 5.0, 2.0, 2.0, 3.0, 1.0], [1, 1, 1, 0, 0, 0, 0]
    match = cardinality_match(x, treatment, tolerance=0.0)
    assert match.sets.n_treated == 2
    assert match.smd.tolist() == [0.0]
    assert match.scale[0] == pytest.approx(standard_deviation(x, treatment)[0])
    assert match.sets.set[2] == -1
    # One treated patient with twice as many controls of the same mean: 3 with 3, 3 there is not; 1 with 1, 1 neither.
    wide = cardinality_match(x, treatment, tolerance=10.0)
    assert wide.sets.n_treated == 3


def largest(x: Floats, treated: Bools, limit: float, ratio: int) -> int:
    """Look at every sample."""
    scale = standard_deviation(x, treated)
    scale = np.where(scale > 0, scale, np.inf)
    t, c = np.flatnonzero(treated), np.flatnonzero(~treated)
    for size in range(min(t.size, c.size // ratio), 0, -1):
        for some in combinations(t.tolist(), size):
            for others in combinations(c.tolist(), size * ratio):
                gap = x[list(some)].mean(axis=0) - x[list(others)].mean(axis=0)
                if (np.abs(gap) / scale <= limit + 1e-9).all():
                    return size
    return 0


@given(cohorts(most=9), st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from([1, 2]))
@few
def test_agrees_with_looking_at_every_sample(data: Cohort, limit: float, ratio: int) -> None:
    _, treated, x, rank = data
    expected = largest(x, treated, limit, ratio)
    if (~treated).sum() < ratio or expected == 0:
        with pytest.raises(InputError, match=r"No sample keeps every tolerance|`ratio` can be"):
            cardinality_match(x, treated, tolerance=limit, ratio=ratio, tie_rank=rank)
        return
    match = cardinality_match(x, treated, tolerance=limit, ratio=ratio, tie_rank=rank)
    assert match.is_largest
    assert match.sets.n_treated == expected
    assert match.sets.n_control == ratio * expected
    assert np.abs(match.smd).max() <= limit + 1e-6


@given(cohorts(most=25), st.integers(0, 1000))
@few
def test_row_order_is_irrelevant(data: Cohort, seed: int) -> None:
    score, treated, x, rank = data
    x = np.column_stack([x + 0.1, score])
    out = rank == 0
    try:
        match = cardinality_match(x, treated, tolerance=0.3, tie_rank=rank, discarded=out)
    except InputError:
        return
    order, (x2, treated2, rank2, out2) = shuffled(seed, x, treated, rank, out)
    again = cardinality_match(x2, treated2, tolerance=0.3, tie_rank=rank2, discarded=out2)
    np.testing.assert_array_equal(again.sets.set, match.sets.set[order])
    assert (match.sets.set[out] == -1).all()


@given(cohorts(most=25))
@few
def test_exchanging_the_arms_changes_no_size(data: Cohort) -> None:
    _, treated, x, rank = data
    try:
        match = cardinality_match(x, treated, tolerance=0.2, tie_rank=rank)
    except InputError:
        return
    other = cardinality_match(x, ~treated, tolerance=0.2, tie_rank=rank)
    assert other.sets.n_treated == match.sets.n_treated


def test_time_that_ran_out_is_said() -> None:
    rng = np.random.default_rng(1)
    x, treated = rng.standard_normal((300, 12)), rng.random(300) < 0.5
    x[treated] += 0.8
    try:
        match = cardinality_match(x, treated, tolerance=0.001, time_limit=0.02)
    except FitError as error:
        assert "No sample was found in 0.02 seconds" in str(error)  # noqa: PT017 - either answer is right
    else:
        assert match.upper_bound >= match.sets.n_treated
        assert match.is_largest == (match.upper_bound == match.sets.n_treated)


def test_tolerances_that_nothing_keeps_are_named() -> None:
    with pytest.raises(FitError, match=r"they must be 3\.29 times as wide at least"):
        cardinality_match([1.0, 2.0, 3.0, 9.0], [1, 1, 0, 0], tolerance=0.1)
    with pytest.raises(FitError, match="Allow a wider tolerance"):
        cardinality_match([1.0, 2.0, 1.5], [1, 0, 1], tolerance=0.0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"x": [1.0, np.nan, 2.0]}, "`x` must be finite"),
        ({"x": [1.0, np.inf, 2.0]}, "`x` must be finite"),
        ({"treatment": [1, np.nan, 0]}, "`treatment` must be finite"),
        ({"treatment": [0, 0, 0]}, "`treatment` must hold"),
        ({"tolerance": np.nan}, "`tolerance` must be finite"),
        ({"tolerance": [0.1, 0.1]}, "`tolerance` must have 1 elements"),
        ({"tolerance": -0.1}, "`tolerance` must not be negative"),
        ({"ratio": 3}, "`ratio` can be 2 at most"),
        ({"ratio": 0}, "`ratio` must be a whole number"),
        ({"ratio": 1.5}, "`ratio` must be a whole number"),
        ({"time_limit": 0.0}, "`time_limit` must be positive"),
        ({"time_limit": np.nan}, "`time_limit` must be positive"),
        ({"discarded": [1, 0, 0]}, "`treatment` must hold"),
        ({"discarded": [0, np.nan, 0]}, "`discarded` must be finite"),
        ({"tie_rank": [0, np.nan, 0]}, "`tie_rank` must be finite"),
        ({"denominator": "both"}, "`denominator` must be"),
    ],
)
def test_bad_input(arguments: dict[str, Any], match: str) -> None:
    given_ones: dict[str, Any] = {"x": [1.0, 1.0, 2.0], "treatment": [1, 0, 0]}
    with pytest.raises(InputError, match=match):
        cardinality_match(**(given_ones | arguments))
