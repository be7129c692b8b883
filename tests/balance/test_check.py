import numpy as np
import pytest

from counterpoise.balance import check_balance, largest_difference, match, propensity, weigh
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.imbalance import imbalance
from counterpoise.kernels.overlap_coefficient import overlap_coefficient
from tests.balance.arms import NAMES, arms
from tests.balance.designs import ROTTERDAM_LEVELS, rotterdam_design, rotterdam_levels
from tests.balance.imn import TERMS, cohort
from tests.golden import floats, golden, rotterdam
from tests.golden.agreement import agrees


def imn_levels() -> tuple[Floats, list[str]]:
    """The columns of the score and the reference level of the subtype."""
    x = cohort().x
    subtype = [TERMS.index(name) for name in ("hr_pos_her2_pos", "hr_neg_her2_pos", "triple_negative")]
    return np.column_stack([x, 1 - x[:, subtype].sum(axis=1)]), [*TERMS, "hr_pos_her2_neg"]


def test_agrees_with_cobalt_on_matched_rotterdam() -> None:
    treated = rotterdam()["hormon"]
    matching = match(propensity(treated, rotterdam_design()), caliper_sd="overall")
    balance = check_balance(rotterdam_levels(), treated, ROTTERDAM_LEVELS, pairs=matching)
    reference = golden("balance", "bal_matched_cal_rott")["balance"]
    rows = [reference["variables"].index(name) for name in ROTTERDAM_LEVELS]
    expected = {name: floats(values)[rows] for name, values in reference["columns"].items() if name != "Type"}
    assert balance.matched is not None
    np.testing.assert_allclose(balance.matched.mean_treated, expected["M.1.Adj"], rtol=1e-10)
    np.testing.assert_allclose(balance.matched.mean_control, expected["M.0.Adj"], rtol=1e-10)
    np.testing.assert_allclose(balance.matched.ks, expected["KS.Adj"], rtol=1e-10, atol=1e-12)
    continuous = ~np.isnan(expected["V.Ratio.Adj"])
    assert continuous.sum() == 4
    # cobalt's variance of a 0/1 column has n below instead of n - 1, so its differences compare only elsewhere.
    for name, result in [("Un", balance.unadjusted), ("Adj", balance.matched)]:
        np.testing.assert_allclose(result.smd[continuous], expected[f"Diff.{name}"][continuous], rtol=1e-10)
        ratio = expected[f"V.Ratio.{name}"][continuous]
        np.testing.assert_allclose(result.variance_ratio[continuous], ratio, rtol=1e-10)


def test_the_study_that_ships_with_the_package_is_balanced_by_its_weights() -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x)
    x, names = imn_levels()
    weights = weigh(score, stabilised=False).weights
    balance = check_balance(x, patients.treatment, names, weights=weights, pairs=match(score, caliper_sd="overall"))
    assert balance.weighted is not None
    assert balance.matched is not None
    assert round(largest_difference(balance.unadjusted), 2) == 0.48
    assert np.count_nonzero(np.abs(balance.unadjusted.smd) > 0.1) == 8
    assert round(largest_difference(balance.weighted), 3) == 0.046
    np.testing.assert_allclose(balance.matched.std_error, 0.20, atol=0.005)


def test_stabilising_changes_no_difference() -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x)
    plain, stable = (
        check_balance(patients.x, patients.treatment, TERMS, weights=weigh(score, stabilised=stabilised).weights)
        for stabilised in (False, True)
    )
    assert plain.weighted is not None
    assert stable.weighted is not None
    np.testing.assert_allclose(stable.weighted.smd, plain.weighted.smd, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("denominator", ["pooled", "treated", "control"])
def test_one_yardstick_serves_every_comparison(denominator: str) -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x)
    weights = weigh(score, estimand="ATT").weights
    balance = check_balance(
        patients.x, patients.treatment, TERMS, weights=weights, pairs=match(score),
        denominator=denominator,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    for result in (balance.unadjusted, balance.weighted, balance.matched):
        assert result is not None
        np.testing.assert_allclose(result.smd * balance.scale, result.mean_treated - result.mean_control, atol=1e-12)


def test_by_hand() -> None:
    balance = check_balance([1, 2, 3, 2, 3, 4], [0, 0, 0, 1, 1, 1], ["age"], weights=[1, 1, 4, 4, 1, 1])
    assert balance.weighted is not None
    assert balance.matched is None
    np.testing.assert_allclose(balance.scale, 1)
    np.testing.assert_allclose(balance.unadjusted.smd, 1)
    # Weighted means: controls (1 + 2 + 12) / 6 = 2.5, treated (8 + 3 + 4) / 6 = 2.5.
    np.testing.assert_allclose(balance.weighted.smd, 0, atol=1e-12)


def test_a_matching_without_pairs_compares_nothing() -> None:
    score = propensity([0, 1, 0, 1, 1, 0], [1, 1.5, 2, 2.5, 3, 3.5])
    none = match(score, caliper=1e-9)
    assert none.n_pairs == 0
    assert check_balance(score.x, score.treatment, ["x"], pairs=none).matched is None


@pytest.mark.parametrize(
    ("x", "treatment", "names", "message"),
    [
        ([1, 2], [0, 1], ["a", "b"], "`names` must name the 1 columns of `x`; it has 2 names"),
        ([1, np.nan], [0, 1], ["a"], "`x` must be finite"),
        ([1, 2], [0, np.nan], ["a"], "`treatment` must be finite"),
        ([1, 2], [1, 1], ["a"], "`treatment` must hold treated and control rows"),
        ([1], [1], ["a"], "`treatment` must hold treated and control rows"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    x: list[float], treatment: list[float], names: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_balance(x, treatment, names)


def test_weights_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="`weights` must be finite"):
        check_balance([1, 2], [0, 1], ["a"], weights=[1, np.nan])


@pytest.mark.parametrize("name", NAMES)
def test_subgroups_agree_with_r(name: str) -> None:
    a, key = arms(name), f"within_groups_{name}"
    reference = golden("balance_measures", key)
    what = "Balance: difference within a subgroup"
    names = ("a", "b", "c")
    shared = check_balance(a.x, a.treated, names, weights=a.weights, within=a.group)
    alone = check_balance(a.x, a.treated, names, weights=a.weights, within=a.group, yardstick="subgroup")
    assert len(shared.subgroups) == len(reference)
    for found, own in zip(shared.subgroups, alone.subgroups, strict=True):
        expected = reference[found.label.removesuffix(".0")]
        assert [found.treated, found.control] == expected["n"]
        assert found.unadjusted is not None
        assert found.weighted is not None
        assert own.weighted is not None
        for values, field in ((found.unadjusted, "before"), (found.weighted, "after"), (own.weighted, "own")):
            # A column that is constant in the subgroup has R divide zero by zero.
            theirs = [0.0 if value is None else value for value in expected[field]]
            agrees(what, "balance_measures", key, values.smd, theirs, relative_to="largest")


@pytest.mark.parametrize("name", NAMES)
def test_sampling_weights_count_before_and_after(name: str) -> None:
    a, key = arms(name), f"sampled_{name}"
    reference = golden("balance_measures", key)
    found = check_balance(a.x, a.treated, "abc", weights=a.weights, sampling_weights=a.sampling, overlap=True)
    assert found.weighted is not None
    what = "Balance: difference with sampling weights"
    agrees(what, "balance_measures", key, found.unadjusted.smd, reference["before"], relative_to="largest")
    agrees(what, "balance_measures", key, found.weighted.smd, reference["after"], relative_to="largest")
    assert found.overlap is not None
    both = a.weights * a.sampling
    np.testing.assert_array_equal(found.overlap.weighted, overlap_coefficient(a.x, a.treated, weights=both))
    np.testing.assert_array_equal(found.overlap.unadjusted, overlap_coefficient(a.x, a.treated, weights=a.sampling))


def test_squares_and_products_on_request() -> None:
    x = [[1.0, 0, 1], [2, 1, 0], [3, 0, 1], [2, 0, 1], [3, 1, 0], [5, 1, 0]]
    found = check_balance(x, [0, 0, 0, 1, 1, 1], ["age", "I", "II"], squares=True, interactions=True,
                          categories=[None, "stage", "stage"])  # fmt: skip
    assert found.names == ("age", "I", "II", "age²", "age * I", "age * II")
    np.testing.assert_allclose(found.unadjusted.mean_treated[3:], [38 / 3, 8 / 3, 2 / 3])
    assert (found.subgroups, found.overlap) == ((), None)


def test_the_estimand_chooses_the_denominator_unless_one_is_named() -> None:
    x, treated = [1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1]
    found = [check_balance(x, treated, ["x"], estimand=estimand) for estimand in ("ATE", "ATT", "ATC", "ATO")]
    assert [balance.denominator for balance in found] == ["pooled", "treated", "control", "pooled"]
    np.testing.assert_allclose([balance.scale[0] for balance in found], np.sqrt([2.5, 4, 1, 2.5]))
    assert check_balance(x, treated, ["x"], estimand="ATT", denominator="all").denominator == "all"


def test_matched_sets_within_subgroups_and_under_sampling_weights() -> None:
    patients = cohort()
    matching = match(propensity(patients.treatment, patients.x))
    inside = patients.x[:, 0] > np.median(patients.x[:, 0])
    found = check_balance(patients.x, patients.treatment, TERMS, pairs=matching, within=inside)
    rows = np.concatenate([matching.treated, matching.control])
    for subgroup, members in zip(found.subgroups, (~inside, inside), strict=True):
        kept = rows[members[rows]]
        expected = imbalance(patients.x[kept], patients.treatment[kept], scale=found.scale)
        assert subgroup.matched is not None
        np.testing.assert_allclose(subgroup.matched.smd, expected.smd, rtol=1e-12)
    doubled = np.full(inside.size, 2.0)
    again = check_balance(patients.x, patients.treatment, TERMS, pairs=matching, sampling_weights=doubled)
    assert found.matched is not None
    assert again.matched is not None
    np.testing.assert_allclose(again.matched.smd, found.matched.smd, rtol=1e-9, atol=1e-12)


def test_a_subgroup_of_one_arm_is_not_compared() -> None:
    found = check_balance([1, 2, 3, 4], [0, 1, 1, 1], ["x"], within=["a", "a", "b", "b"]).subgroups
    assert [(s.label, s.treated, s.control) for s in found] == [("a", 1, 1), ("b", 2, 0)]
    assert [s.unadjusted is None for s in found] == [False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"denominator": "weighted"}, "`denominator` weighted takes `weights`; none are given"),
        ({"denominator": "both"}, "`denominator` must be pooled, .* or weighted; it is 'both'"),
        ({"yardstick": "mine"}, "`yardstick` must be overall or subgroup; it is 'mine'"),
        ({"shares": "exact"}, "`shares` must be sample or binomial; it is 'exact'"),
        ({"sampling_weights": [1, 0]}, "`sampling_weights` must be positive"),
        ({"within": [1, np.nan]}, "`within` must be finite"),
        ({"within": [1]}, "`within` must have 2 elements"),
        ({"squares": True, "categories": []}, "`categories` must have one for each of the 1 columns"),
    ],
)
def test_options_that_fit_nothing_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_balance([1, 2], [0, 1], ["a"], **options)  # pyright: ignore[reportArgumentType]
