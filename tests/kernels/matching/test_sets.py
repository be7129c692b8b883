import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.matching.sets import Estimand, set_weights, sets_from_links, sets_from_strata
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import assert_sound, cohort

moderate = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("key", "estimand"),
    [
        ("full_lal_ATT", "ATT"),
        ("full_lal_ATE", "ATE"),
        ("full_lal_cal_probit", "ATT"),
        ("subclass6_lal_ATE", "ATE"),
        ("cem_lal_auto", "ATT"),
        ("exact_lal", "ATT"),
        ("subclass6_rott_ATE", "ATE"),
        ("cem_rott", "ATT"),
    ],
)
def test_agrees_with_matchit_where_sets_are_its_own(key: str, estimand: Estimand) -> None:
    treated = rotterdam()["hormon"] if "rott" in key else dataset("lalonde")["treat"]
    reference = golden("matching", key)
    sets = [-1 if number is None else number for number in reference["subclass"]]
    ours = set_weights(sets, treated, estimand=estimand)
    agrees("Matched sets: weights", "matching", key, ours, reference["weights"])


@pytest.mark.parametrize(
    ("key", "estimand"),
    [("subclass4_veteran_ATC", "ATC"), ("subclass3_Melanoma_ATE", "ATE"), ("subclass4_pbc_ATT", "ATT")],
)
def test_agrees_with_the_definition_written_in_r(key: str, estimand: Estimand) -> None:
    treated, _ = cohort(key.split("_")[1])
    reference = golden("matching_kernels", key)
    ours = set_weights(reference["class"], treated, estimand=estimand)
    agrees("Matched sets: weights", "matching_kernels", key, ours, reference["weights"])


def test_by_hand() -> None:
    # Set 0: one treated, three controls. Set 1: two treated, one control. The last two rows are in none.
    sets, treatment = [0, 0, 0, 0, 1, 1, 1, -1, -1], [1, 0, 0, 0, 1, 1, 0, 1, 0]
    third = 1 / 3
    att = set_weights(sets, treatment, estimand="ATT", scale=False)
    np.testing.assert_allclose(att, [1, third, third, third, 1, 1, 2, 0, 0])
    atc = set_weights(sets, treatment, estimand="ATC", scale=False)
    np.testing.assert_allclose(atc, [3, 1, 1, 1, 0.5, 0.5, 1, 0, 0])
    ate = set_weights(sets, treatment, estimand="ATE", scale=False)
    np.testing.assert_allclose(ate, [4, 4 / 3, 4 / 3, 4 / 3, 1.5, 1.5, 3, 0, 0])
    # Four matched controls share a weight of three.
    np.testing.assert_allclose(set_weights(sets, treatment)[[1, 2, 3, 6]], np.array([third, third, third, 2]) * 4 / 3)


def test_a_set_of_one_arm_weighs_nothing() -> None:
    assert set_weights([0, 0, 1], [1, 0, 1]).tolist() == [1, 1, 0]


@given(st.integers(0, 10_000), st.integers(4, 30))
@moderate
def test_weights_give_both_arms_the_make_up_of_the_target(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    sets, treated = rng.integers(-1, 3, n), rng.random(n) < 0.5
    sets[:2], treated[:2] = 0, [True, False]
    both = [k for k in range(3) if {True, False} <= set(treated[sets == k].tolist())]
    for estimand, target in (("ATT", treated), ("ATC", ~treated), ("ATE", np.ones(n, dtype=bool))):
        weights = set_weights(sets, treated, estimand=estimand)  # pyright: ignore[reportArgumentType]
        inside = np.isin(sets, both)
        share = [float((target & (sets == k)).sum() / (target & inside).sum()) for k in both]
        for arm in (treated, ~treated):
            assert weights[arm].sum() == pytest.approx((arm & inside).sum())
            ours = [float(weights[arm & (sets == k)].sum() / weights[arm].sum()) for k in both]
            np.testing.assert_allclose(ours, share)


def test_exchanging_the_arms_exchanges_att_and_atc() -> None:
    sets, treated = np.array([0, 0, 0, 1, 1]), np.array([True, False, False, True, False])
    np.testing.assert_array_equal(
        set_weights(sets, treated, estimand="ATT"), set_weights(sets, ~treated, estimand="ATC")
    )


def test_links_make_connected_sets_numbered_by_rank() -> None:
    treatment = np.array([True, True, False, False, False])
    links = np.array([0, 0, 1]), np.array([2, 3, 4]), np.array([0.1, 0.2, 0.3])
    sets = sets_from_links(links, treatment, tie_rank=np.array([4.0, 3.0, 2.0, 1.0, 0.0]))
    # The set that holds the row of rank 0 comes first; within sets links come by rank.
    assert sets.set.tolist() == [1, 0, 1, 1, 0]
    assert sets.treated.tolist() == [1, 0, 0]
    assert sets.control.tolist() == [4, 3, 2]
    assert sets.distance.tolist() == [0.3, 0.2, 0.1]
    assert sets.set_sizes.tolist() == [[1, 1], [1, 2]]
    assert (sets.n_sets, sets.n_treated, sets.n_control) == (2, 2, 3)
    assert (sets.unmatched_treated, sets.unmatched_control) == (0, 0)
    assert sets.total_distance == pytest.approx(0.6)
    assert_sound(sets)


def test_a_control_may_serve_again() -> None:
    # Treated 0 has controls 2 and 3, treated 1 has control 2 only: control 2 weighs 1/2 + 1.
    treatment = np.array([True, True, False, False, False])
    links = np.array([0, 0, 1]), np.array([2, 3, 2]), np.zeros(3)
    sets = sets_from_links(links, treatment, replacement=True)
    assert sets.reuses
    assert sets.n_sets == 2
    assert sets.n_control == 2
    assert sets.weights.tolist() == [1, 1, 1.5, 0.5, 0]
    assert sets.set.tolist() == [0, 1, 0, 0, -1]
    rows, numbers = sets.memberships()
    assert list(zip(rows.tolist(), numbers.tolist(), strict=True)) == [(0, 0), (2, 0), (3, 0), (1, 1), (2, 1)]
    assert sets.set_sizes.tolist() == [[1, 2], [1, 1]]
    with pytest.raises(InputError, match="`estimand` must be ATT with replacement"):
        sets_from_links(links, treatment, replacement=True, estimand="ATE")


def test_strata_with_one_arm_are_left_out() -> None:
    sets = sets_from_strata(
        np.array([5, 5, 2, 2, 3, -1]), np.array([True, False, True, False, True, False]), estimand="ATE"
    )
    assert sets.set.tolist() == [1, 1, 0, 0, -1, -1]
    assert sets.total_distance == 0
    assert sets.memberships()[0].tolist() == [2, 3, 0, 1]
    assert sets.unmatched_treated == sets.unmatched_control == 1
    assert not sets.reuses
    assert_sound(sets)


@pytest.mark.parametrize(
    ("sets", "treatment", "match"),
    [
        ([0, 0.5], [1, 0], "must be whole numbers"),
        ([0, -2], [1, 0], "must be whole numbers"),
        ([0, np.nan], [1, 0], "`sets` must be finite"),
        ([0], [1, 0], "`sets` must have 2 elements"),
        ([0, 0], [1, np.nan], "`treatment` must be finite"),
        ([0, 1], [1, 0], "no set does"),
        ([-1, -1], [1, 0], "no set does"),
    ],
)
def test_bad_input(sets: list[float], treatment: list[float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        set_weights(sets, treatment)


def test_an_unknown_estimand_is_refused() -> None:
    with pytest.raises(InputError, match="`estimand` must be ATT, ATE or ATC; it is 'ATO'"):
        set_weights([0, 0], [1, 0], estimand="ATO")  # pyright: ignore[reportArgumentType]
