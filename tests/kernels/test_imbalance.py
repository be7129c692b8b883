from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.imbalance import Denominator, effective_sample_size, imbalance, standard_deviation
from counterpoise.kernels.logistic import logistic
from tests.balance.designs import (
    LALONDE_LEVELS,
    ROTTERDAM_LEVELS,
    lalonde,
    lalonde_levels,
    rotterdam_design,
    rotterdam_levels,
)
from tests.golden import dataset, floats, golden, rotterdam

CLOSED = 1e-10
WEIGHTED = 1e-6
"""cobalt's weights come from glm's default convergence, good to about 2e-8 of a probability."""

moderate = settings(max_examples=60, deadline=None)


def simulated(seed: int, n: int = 40) -> tuple[Floats, Bools, Floats]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.standard_normal(n), rng.integers(0, 2, n), rng.integers(0, 5, n)]).astype(float)
    treated = rng.random(n) < 0.5
    treated[:4] = True, False, True, False
    return x, treated, rng.uniform(0.2, 4, n)


def cobalt_scale(x: Floats, treated: Bools, denominator: Denominator) -> Floats:
    """cobalt's yardstick: for a 0/1 column the variance is p (1 - p), with n below instead of n - 1."""
    n = {True: treated.sum(), False: (~treated).sum()}
    variance = {arm: x[treated == arm].var(axis=0, ddof=1) for arm in (True, False)}
    binary = np.isin(x, (0.0, 1.0)).all(axis=0)
    variance = {arm: np.where(binary, v * (n[arm] - 1) / n[arm], v) for arm, v in variance.items()}
    mixed = {"pooled": (variance[True] + variance[False]) / 2, "treated": variance[True], "control": variance[False]}
    return np.sqrt(mixed[denominator])


def columns_of(reference: dict[str, Any], variables: tuple[str, ...], name: str) -> Floats:
    rows = [reference["balance"]["variables"].index(variable) for variable in variables]
    return floats(reference["balance"]["columns"][name])[rows]


def assert_agrees(reference: dict[str, Any], suffix: str, x: Floats, treated: Bools, weights: Floats | None,
                  denominator: Denominator, names: tuple[str, ...], tolerance: float) -> None:  # fmt: skip
    result = imbalance(x, treated, weights=weights, scale=cobalt_scale(x, treated, denominator))
    binary = np.isin(x, (0.0, 1.0)).all(axis=0)
    for field, column in [("mean_treated", "M.1"), ("mean_control", "M.0"), ("ks", "KS"), ("smd", "Diff")]:
        expected = columns_of(reference, names, f"{column}.{suffix}")
        np.testing.assert_allclose(getattr(result, field), expected, rtol=tolerance, atol=1e-9, err_msg=field)
    expected = columns_of(reference, names, f"V.Ratio.{suffix}")
    assert np.isnan(expected[binary]).all()
    np.testing.assert_allclose(result.variance_ratio[~binary], expected[~binary], rtol=tolerance)


def test_agrees_with_cobalt_before_adjustment() -> None:
    treated = dataset("lalonde")["treat"] == 1
    reference = golden("balance", "bal_unadj_lal_pooled_std")
    assert_agrees(reference, "Un", lalonde_levels(), treated, None, "pooled", LALONDE_LEVELS, CLOSED)


@pytest.mark.parametrize("denominator", ["pooled", "treated", "control"])
def test_agrees_with_cobalt_under_att_weights(denominator: Denominator) -> None:
    treated = dataset("lalonde")["treat"] == 1
    score = logistic(treated, lalonde()).probability
    weights = np.where(treated, 1.0, score / (1 - score))
    reference = golden("balance", f"bal_att_lal_{denominator}_std")
    assert_agrees(reference, "Adj", lalonde_levels(), treated, weights, denominator, LALONDE_LEVELS, WEIGHTED)


def test_agrees_with_cobalt_under_ate_weights_on_rotterdam() -> None:
    treated = rotterdam()["hormon"] == 1
    score = logistic(treated, rotterdam_design()).probability
    weights = np.where(treated, 1 / score, 1 / (1 - score))
    reference = golden("balance", "bal_ate_rott_control_std")
    assert_agrees(reference, "Un", rotterdam_levels(), treated, None, "control", ROTTERDAM_LEVELS, CLOSED)
    assert_agrees(reference, "Adj", rotterdam_levels(), treated, weights, "control", ROTTERDAM_LEVELS, WEIGHTED)


@pytest.mark.parametrize("denominator", ["pooled", "treated"])
def test_continuous_columns_have_cobalts_difference_and_binary_ones_its_raw_difference(
    denominator: Denominator,
) -> None:
    treated = rotterdam()["hormon"] == 1
    x = rotterdam_levels()
    score = logistic(treated, rotterdam_design()).probability
    result = imbalance(x, treated, weights=np.where(treated, 1 / score, 1 / (1 - score)), denominator=denominator)
    expected = columns_of(golden("balance", f"bal_ate_rott_{denominator}_raw"), ROTTERDAM_LEVELS, "Diff.Adj")
    binary = np.isin(x, (0.0, 1.0)).all(axis=0)
    np.testing.assert_allclose(result.smd[~binary], expected[~binary], rtol=WEIGHTED)
    raw = result.mean_treated - result.mean_control
    np.testing.assert_allclose(raw[binary], expected[binary], rtol=WEIGHTED)


def test_agrees_with_cobalts_column_functions() -> None:
    reference = golden("balance", "col_w_smd")
    treated = dataset("lalonde")["treat"] == 1
    x = lalonde_levels()
    score = logistic(treated, lalonde()).probability
    scale = cobalt_scale(x, treated, "pooled")
    before = imbalance(x, treated, scale=scale)
    after = imbalance(x, treated, weights=np.where(treated, 1 / score, 1 / (1 - score)), scale=scale)
    np.testing.assert_allclose(before.smd, reference["smd_unw_pooled"], rtol=CLOSED)
    np.testing.assert_allclose(after.smd, reference["smd_w_pooled"], rtol=WEIGHTED)
    np.testing.assert_allclose(after.ks, reference["ks_w"], rtol=WEIGHTED)
    np.testing.assert_allclose(after.mean_treated, reference["mean_w1"], rtol=WEIGHTED)


def test_by_hand() -> None:
    # Controls 1, 2, 3 and treated 2, 4, 6: variances 1 and 4, means 2 and 4.
    result = imbalance([1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1])
    smd = 2 / np.sqrt(2.5)
    np.testing.assert_allclose(result.smd, smd)
    np.testing.assert_allclose(result.variance_ratio, 4)
    np.testing.assert_allclose(result.ks, 2 / 3)
    np.testing.assert_allclose(result.std_error, np.sqrt(2 / 3 + smd**2 / 12))
    treated = imbalance([1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1], denominator="treated")
    control = imbalance([1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 1, 1], denominator="control")
    assert (treated.smd[0], control.smd[0]) == (1.0, 2.0)


def test_weights_change_the_means_and_not_the_yardstick() -> None:
    # Controls 0, 2 with weights 3, 1: mean .5; treated 1, 3: mean 2. Both variances 2.
    result = imbalance([0, 2, 1, 3], [0, 0, 1, 1], weights=[3, 1, 1, 1])
    np.testing.assert_allclose(result.smd, 1.5 / np.sqrt(2))
    np.testing.assert_allclose(result.ks, 0.75)
    # Unbiased under reliability weights: sum w (x - m)^2 / (W - sum w^2 / W) = 3 / (4 - 10 / 4) = 2.
    np.testing.assert_allclose(result.variance_ratio, 1)
    np.testing.assert_allclose(result.std_error, np.sqrt(1 / 2 + 1 / 1.6 + result.smd**2 / 7.2))


def test_52_pairs_in_balance_leave_a_standard_error_of_a_fifth() -> None:
    x = np.tile([0.0, 1.0], 52)
    result = imbalance(x, np.repeat([0, 1], 52))
    np.testing.assert_allclose(result.std_error, np.sqrt(2 / 52), rtol=1e-12)


def slow(x: Floats, treated: Bools, weights: Floats) -> dict[str, float]:
    """One column, straight from the definitions."""
    arms = {arm: (x[treated == arm], weights[treated == arm]) for arm in (True, False)}
    mean = {arm: (w * v).sum() / w.sum() for arm, (v, w) in arms.items()}
    variance = {
        arm: w.sum() / (w.sum() ** 2 - (w**2).sum()) * (w * (v - mean[arm]) ** 2).sum() for arm, (v, w) in arms.items()
    }
    yardstick = np.sqrt((x[treated].var(ddof=1) + x[~treated].var(ddof=1)) / 2)
    below = {arm: [(w[v <= value]).sum() / w.sum() for value in x] for arm, (v, w) in arms.items()}
    return {
        "smd": (mean[True] - mean[False]) / yardstick,
        "variance_ratio": variance[True] / variance[False],
        "ks": float(np.abs(np.array(below[True]) - below[False]).max()),
    }


@given(st.integers(0, 10_000))
@moderate
def test_agrees_with_the_definitions(seed: int) -> None:
    x, treated, weights = simulated(seed)
    x[:4] = [[0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1]]
    result = imbalance(x, treated, weights=weights)
    for j in range(3):
        for field, expected in slow(x[:, j], treated, weights).items():
            np.testing.assert_allclose(getattr(result, field)[j], expected, rtol=1e-9, atol=1e-12, err_msg=field)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-100, 100))
@moderate
def test_units_are_irrelevant_and_swapped_arms_change_the_sign(seed: int, scale: float, shift: float) -> None:
    x, treated, weights = simulated(seed)
    result = imbalance(x, treated, weights=weights)
    changed = imbalance(x * scale + shift, treated, weights=weights * 7)
    swapped = imbalance(x, ~treated, weights=weights)
    np.testing.assert_allclose(changed.smd, result.smd, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(changed.ks, result.ks, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(changed.std_error, result.std_error, rtol=1e-7)
    np.testing.assert_allclose(swapped.smd, -result.smd, rtol=1e-12)
    np.testing.assert_allclose(swapped.variance_ratio, 1 / result.variance_ratio, rtol=1e-9)
    assert ((result.ks >= 0) & (result.ks <= 1 + 1e-12)).all()


@given(st.integers(0, 10_000))
@moderate
def test_row_order_is_irrelevant(seed: int) -> None:
    x, treated, weights = simulated(seed)
    order = np.random.default_rng(seed).permutation(treated.size)
    result, shuffled = (
        imbalance(x, treated, weights=weights),
        imbalance(x[order], treated[order], weights=weights[order]),
    )
    for field in ("smd", "variance_ratio", "ks"):
        np.testing.assert_allclose(getattr(shuffled, field), getattr(result, field), rtol=1e-9, atol=1e-12)


def test_a_constant_column_is_balanced_and_one_that_is_the_treatment_infinitely_far() -> None:
    x = [[0.1, 0], [0.1, 0], [0.1, 1], [0.1, 1]]
    result = imbalance(x, [0, 0, 1, 1], weights=[1, 2, 3, 4])
    assert result.smd.tolist() == [0.0, np.inf]
    assert np.isnan(result.variance_ratio).all()
    assert result.ks.tolist() == [0.0, 1.0]


def test_an_arm_of_one_row_has_no_variance() -> None:
    result = imbalance([1.0, 2.0, 4.0], [1, 0, 0])
    assert np.isnan(result.variance_ratio[0])
    np.testing.assert_allclose(result.smd, -2 / np.sqrt(1))


def test_effective_sample_size_by_hand() -> None:
    assert effective_sample_size([1, 1, 2]) == pytest.approx(16 / 6)
    assert effective_sample_size([3, 3, 3, 3]) == pytest.approx(4)
    assert effective_sample_size([1, 0]) == 1


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=30), st.floats(0.01, 100))
@moderate
def test_effective_sample_size_is_at_most_n_and_free_of_scale(weights: list[float], scale: float) -> None:
    size = effective_sample_size(weights)
    assert 1 - 1e-9 <= size <= len(weights) * (1 + 1e-12)
    assert effective_sample_size(np.array(weights) * scale) == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize(
    ("x", "treatment", "options", "message"),
    [
        ([1, np.nan], [0, 1], {}, "`x` must be finite"),
        ([1, 2], [0, np.nan], {}, "`treatment` must be finite"),
        ([1, 2], [0, 1], {"weights": [1, np.nan]}, "`weights` must be finite"),
        ([1, 2], [0, 1], {"weights": [1, 0]}, "`weights` must be positive"),
        ([1, 2], [0, 1], {"scale": [np.nan]}, "`scale` must be finite"),
        ([1, 2], [0, 1], {"scale": [-1]}, "`scale` must not be negative"),
        ([1, 2], [1, 1], {}, "`treatment` must hold treated and control rows"),
        ([1], [1], {}, "`treatment` must hold treated and control rows"),
        ([1, 2], [0, 1], {"denominator": "both"}, "`denominator` must be pooled, .*, all or weighted; it is 'both'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    x: list[float], treatment: list[float], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        imbalance(x, treatment, **options)


@pytest.mark.parametrize("weights", [[np.nan, 1], [-1, 1], [0, 0]])
def test_effective_sample_size_refuses_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(InputError, match="`weights`"):
        effective_sample_size(weights)


def test_standard_deviation_has_n_less_one_below() -> None:
    np.testing.assert_allclose(standard_deviation([0, 1, 1, 1], [0, 0, 1, 1]), np.sqrt((0.5 + 0) / 2))
