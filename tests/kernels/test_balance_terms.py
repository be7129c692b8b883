import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools
from counterpoise.kernels.balance_terms import categorical_difference, expanded_columns, level_columns
from counterpoise.kernels.imbalance import imbalance
from counterpoise.kernels.weighted_summary import weighted_deviation
from tests.balance.arms import NAMES, arms
from tests.balance.cobalt import cohort
from tests.golden import floats, golden, rotterdam
from tests.golden.agreement import agrees

WHAT = "Balance: difference of a whole category"
moderate = settings(max_examples=60, deadline=None)
TRT4_PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@pytest.mark.parametrize("name", NAMES)
def test_categories_agree_with_r(name: str) -> None:
    a, key = arms(name), f"categories_{name}"
    reference = golden("balance_measures", key)
    found = [categorical_difference(a.group, a.treated), categorical_difference(a.group, a.treated, weights=a.weights)]
    agrees(WHAT, "balance_measures", key, found, [reference["before"], reference["after"]])


def test_categories_and_columns_agree_with_tableone_under_weights() -> None:
    c, key = cohort("rott"), "tableone_weighted_rott"
    d, weights, theirs = rotterdam(), c.weights("ATE"), floats(golden("balance", key)["smd"]["values"])[:, 0]
    found = [
        categorical_difference(d[name], c.treated, weights=weights) for name in ("meno", "size", "grade3", "chemo")
    ]
    agrees(WHAT, "balance", key, found, theirs[[1, 2, 3, 5]].tolist())
    # tableone's yardstick is recomputed under the weights.
    x = np.column_stack([d["age"], d["lnodes"]])
    spread = [weighted_deviation(x[arm], weights[arm], divisor="design") for arm in (c.treated, ~c.treated)]
    scale = np.sqrt((spread[0] ** 2 + spread[1] ** 2) / 2)
    found = np.abs(imbalance(x, c.treated, weights=weights, scale=scale).smd)
    agrees("Balance: standardised difference", "balance", key, found, theirs[[0, 4]].tolist())


def test_pairs_of_four_arms_agree_with_tableone() -> None:
    d, reference = rotterdam(), golden("balance", "tableone_trt4")["smd"]
    values, rows = floats(reference["values"]), reference["rows"]

    def difference(name: str, first: int, second: int) -> float:
        inside: Bools = (d["trt4"] == first) | (d["trt4"] == second)
        treated = d["trt4"][inside] == second
        if name in ("size", "grade3"):
            return categorical_difference(d[name][inside], treated)
        return float(np.abs(imbalance(d[name][inside], treated).smd[0]))

    for name in ("age", "size", "lnodes", "grade3"):
        found = [difference(name, *pair) for pair in TRT4_PAIRS]
        theirs = values[rows.index(name)]
        what = WHAT if name in ("size", "grade3") else "Balance: standardised difference"
        agrees(what, "balance", "tableone_trt4", [float(np.mean(found)), *found], theirs.tolist())


@pytest.mark.parametrize("name", NAMES)
def test_squares_and_products_agree_with_r(name: str) -> None:
    a, key = arms(name), f"terms_{name}"
    reference = golden("balance_measures", key)
    x, _ = expanded_columns(a.x, ("a", "b", "c"), squares=True, interactions=True)
    scale = golden("balance_measures", f"denominators_{name}")["pooled"]
    assert np.allclose(imbalance(x, a.treated).smd[:3] * scale, imbalance(a.x, a.treated, scale=[1, 1, 1]).smd)
    before = imbalance(x, a.treated)
    what = "Balance: squares and products"
    agrees(what, "balance_measures", key, before.smd, reference["before"], relative_to="largest")
    after = imbalance(x, a.treated, weights=a.weights)
    agrees(what, "balance_measures", key, after.smd, reference["after"], relative_to="largest")


def test_levels_of_one_category_have_no_product_and_flags_no_square() -> None:
    levels, columns = level_columns(["I", "II", "III", "I"])
    assert levels.tolist() == ["I", "II", "III"]
    assert columns.sum(axis=1).tolist() == [1, 1, 1, 1]
    x = np.column_stack([[2.0, 3, 4, 5], columns])
    names = ("age", *levels.tolist())
    wide, labels = expanded_columns(x, names, squares=True, interactions=True, categories=[None, *["stage"] * 3])
    assert labels == (*names, "age²", "age * I", "age * II", "age * III")
    np.testing.assert_array_equal(wide[:, 4], [4, 9, 16, 25])
    np.testing.assert_array_equal(wide[:, 5], [2, 0, 0, 5])
    same, labels = expanded_columns(x, names)
    assert labels == names
    np.testing.assert_array_equal(same, x)


@pytest.mark.parametrize("seed", range(5))
def test_two_levels_are_a_flag_with_binomial_variances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    treated, flag, weights = rng.random(50) < 0.4, (rng.random(50) < 0.5).astype(float), rng.uniform(0.5, 2, 50)
    found = categorical_difference(flag, treated)
    np.testing.assert_allclose(found, np.abs(imbalance(flag, treated, shares="binomial").smd[0]), rtol=1e-10)
    assert categorical_difference(flag, ~treated, weights=weights) == pytest.approx(
        categorical_difference(1 - flag, treated, weights=weights * 3)
    )


@given(st.integers(0, 10_000))
@moderate
def test_no_level_is_special(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, treated = rng.integers(0, 4, 60), np.arange(60) % 2 == 0
    labels[:8] = [0, 0, 1, 1, 2, 2, 3, 3]
    found = categorical_difference(labels, treated)
    shuffled = np.array([2, 0, 3, 1])[labels]
    assert categorical_difference(shuffled, treated) == pytest.approx(found, rel=1e-8, abs=1e-12)


def test_levels_that_tell_the_arms_apart() -> None:
    assert categorical_difference(["a", "a", "b", "b"], [0, 0, 1, 1]) == np.inf
    assert categorical_difference(["a", "a", "a"], [0, 0, 1]) == 0
    assert categorical_difference(["a", "b", "a", "b"], [0, 0, 1, 1]) == 0


@pytest.mark.parametrize(
    ("labels", "treatment", "options", "message"),
    [
        ([1, np.nan], [0, 1], {}, "`labels` must be finite"),
        (["a", None], [0, 1], {}, "`labels` must be known"),
        (["a", "b"], [0, np.nan], {}, "`treatment` must be finite"),
        (["a", "b"], [1, 1], {}, "`treatment` must hold treated and control rows"),
        (["a", "b"], [0, 1], {"weights": [1, 0]}, "`weights` must be positive"),
    ],
)
def test_categories_that_cannot_be_compared_are_refused(
    labels: list[object], treatment: list[float], options: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        categorical_difference(np.array(labels), treatment, **options)


def test_names_and_categories_are_one_a_column() -> None:
    with pytest.raises(InputError, match="`names` must have one for each of the 1 columns of `x`; it has 2"):
        expanded_columns([1.0, 2], ["a", "b"])
    with pytest.raises(InputError, match="`categories` must have one for each of the 1 columns of `x`; it has 0"):
        expanded_columns([1.0, 2], ["a"], categories=[])
    with pytest.raises(InputError, match="`x` must be finite"):
        expanded_columns([1.0, np.nan], ["a"])
