import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.weighted_summary import (
    Divisor,
    QuantileType,
    weighted_deviation,
    weighted_mean,
    weighted_prevalence,
    weighted_quantile,
)
from tests.balance.arms import NAMES, arms
from tests.balance.cobalt import cohort
from tests.golden import floats, golden
from tests.golden.agreement import agrees

moderate = settings(max_examples=60, deadline=None)
KINDS: tuple[QuantileType, ...] = (1, 2, 4, 7)


def simulated(seed: int, n: int = 25) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 12, n).astype(float), rng.integers(1, 5, n).astype(float)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_survey(name: str) -> None:
    a, key = arms(name), f"summaries_{name}"
    reference = golden("balance_measures", key)
    for what, found, field in [
        ("mean", weighted_mean(a.x, a.weights), "mean"),
        ("standard deviation", weighted_deviation(a.x, a.weights, divisor="design"), "sd"),
        ("standard deviation", weighted_deviation(a.x, a.weights), "sd_reliability"),
    ]:
        agrees(f"Weighted summaries: {what}", "balance_measures", key, found, reference[field])
    found = weighted_prevalence(a.group, a.weights)
    assert [str(level).removesuffix(".0") for level in found.levels] == reference["levels"]
    agrees("Weighted summaries: prevalence", "balance_measures", key, found.share, reference["share"])
    agrees("Weighted summaries: its standard error", "balance_measures", key, found.std_error, reference["se"])


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_agree_with_survey_and_base_r(name: str) -> None:
    a, key = arms(name), f"summaries_{name}"
    reference, x = golden("balance_measures", key), a.x[:, 0]
    for kind, field in zip(KINDS, ("math", "school", "linear", "hf7"), strict=True):
        for weights, theirs in ((a.weights, reference[field]), (None, reference[f"type{kind}"])):
            found = weighted_quantile(x, reference["p"], weights, kind=kind)
            agrees("Weighted summaries: quantile", "balance_measures", key, found, theirs)


def test_agrees_with_tableone_under_weights_on_rotterdam() -> None:
    c, reference = cohort("rott"), golden("balance", "tableone_weighted_rott")["cont"]
    for arm, label in ((c.treated, "1"), (~c.treated, "0")):
        weights = c.weights("ATE")[arm]
        for row, name in enumerate(("age", "lnodes")):
            x = c.x[arm, c.names.index(name)]
            # tableone leaves patients of one age in the order of the data: a little apart they stay so.
            apart = x + np.arange(x.size) * 1e-13
            theirs = dict(zip(reference[label]["cols"], floats(reference[label]["values"])[row], strict=True))
            found = [*weighted_mean(x, weights), *weighted_deviation(x, weights, divisor="design"),
                     *weighted_quantile(apart, [0, 0.25, 0.5, 0.75, 1], weights, kind=4)]  # fmt: skip
            expected = [theirs[field] for field in ("mean", "sd", "min", "p25", "median", "p75", "max")]
            what, key = "Weighted summaries: tableone", "tableone_weighted_rott"
            agrees(what, "balance", key, found, expected, tolerance=1e-9)  # of `apart`: 3e-10 of a year


@given(st.integers(0, 10_000))
@moderate
def test_a_weight_of_two_is_a_repeated_row_in_what_counts_rows_by_weight(seed: int) -> None:
    x, weights = simulated(seed)
    repeated, at = np.repeat(x, weights.astype(int)), np.linspace(1, 220, 101) / (70.5 * np.pi)  # never just at a row
    np.testing.assert_allclose(weighted_mean(x, weights), repeated.mean(), rtol=1e-12)
    expected = np.quantile(repeated, at, method="inverted_cdf")
    np.testing.assert_array_equal(weighted_quantile(x, at, weights, kind=1), expected)
    np.testing.assert_array_equal(weighted_quantile(x, at, weights, kind=2), expected)
    found = weighted_prevalence(x, weights)
    np.testing.assert_allclose(found.share, [(repeated == level).mean() for level in found.levels], rtol=1e-12)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@moderate
def test_row_order_and_the_size_of_weights_are_irrelevant(seed: int, scale: float) -> None:
    x, weights = simulated(seed)
    order, at = np.random.default_rng(seed).permutation(x.size), np.linspace(0, 1, 9)
    for kind in KINDS:
        found = weighted_quantile(x, at, weights, kind=kind)
        assert np.all(np.diff(found) >= 0)
        changed = weighted_quantile(x[order], at, weights[order] * scale, kind=kind)
        np.testing.assert_allclose(changed, found, rtol=1e-10, atol=1e-12)
    divisors: tuple[Divisor, ...] = ("reliability", "design")
    for divisor in divisors:
        found = weighted_deviation(x, weights, divisor=divisor)
        np.testing.assert_allclose(weighted_deviation(x[order], weights[order] * scale, divisor=divisor), found)
    np.testing.assert_allclose(
        weighted_prevalence(x[order], weights[order] * scale).std_error, weighted_prevalence(x, weights).std_error
    )


def test_by_hand() -> None:
    # Weights 1, 2, 1 in four: the running share is 1/4, 3/4, 1.
    at = [0, 0.25, 0.5, 0.75, 1]
    assert weighted_quantile([1, 2, 6], at, [1, 2, 1], kind=1).tolist() == [1, 1, 2, 2, 6]
    assert weighted_quantile([1, 2, 6], at, [1, 2, 1], kind=2).tolist() == [1, 1.5, 2, 4, 6]
    np.testing.assert_allclose(weighted_quantile([1, 2, 6], at, [1, 2, 1], kind=4), [1, 1, 1.5, 2, 6])
    # Before the rows lie 0, 1 and 3 of the 3 before the last.
    np.testing.assert_allclose(weighted_quantile([1, 2, 6], [0, 1 / 6, 1 / 3, 2 / 3, 1], [1, 2, 1], kind=7), [
        1, 1.5, 2, 4, 6])  # fmt: skip
    np.testing.assert_allclose(weighted_deviation([1, 2, 6], [1, 2, 1]), np.sqrt(14.75 / 2.5))
    np.testing.assert_allclose(weighted_deviation([1, 2, 6], [1, 2, 1], divisor="design"), np.sqrt(14.75 / (8 / 3)))
    found = weighted_prevalence([0, 1, 1], [2, 1, 1])
    np.testing.assert_allclose(found.std_error, np.sqrt(3 / 2 * (4 / 4 + 1 / 4 + 1 / 4)) / 4)
    assert found.weight.tolist() == [2, 2]


def test_a_single_row_has_no_spread() -> None:
    assert np.isnan(weighted_deviation([3.0])).all()
    assert np.isnan(weighted_prevalence(["a"]).std_error).all()
    assert [weighted_quantile([3.0], [0.2, 0.8], kind=kind).tolist() for kind in KINDS] == [[3.0, 3.0]] * 4


@pytest.mark.parametrize("function", [weighted_mean, weighted_deviation, weighted_prevalence])
@pytest.mark.parametrize(
    ("x", "weights", "message"),
    [
        ([1, np.nan], [1, 1], "must be finite"),
        ([1, 2], [1, 0], "`weights` must be positive"),
        ([1, 2], [1, np.inf], "`weights` must be finite"),
        ([1, 2], [1], "`weights` must have 2 elements"),
        ([], None, "must hold a row; it has none"),
    ],
)
def test_what_has_no_summary_is_refused(function: object, x: list[float], weights: list[float], message: str) -> None:
    assert callable(function)
    with pytest.raises(InputError, match=message):
        function(x, weights)


@pytest.mark.parametrize(
    ("x", "probability", "options", "message"),
    [
        ([1, np.nan], [0.5], {}, "`x` must be finite"),
        ([], [0.5], {}, "`x` must hold a row; it has none"),
        ([1, 2], [1.5], {}, "`probability` must be between 0 and 1"),
        ([1, 2], [np.nan], {}, "`probability` must be finite"),
        ([1, 2], [0.5], {"weights": [-1, 1]}, "`weights` must be positive"),
        ([1, 2], [0.5], {"kind": 3}, "`kind` must be 1, 2, 4 or 7; it is 3"),
    ],
)
def test_what_has_no_quantile_is_refused(
    x: list[float], probability: list[float], options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        weighted_quantile(x, probability, **options)  # pyright: ignore[reportArgumentType]


def test_an_unknown_divisor_is_refused() -> None:
    with pytest.raises(InputError, match="`divisor` must be reliability or design; it is 'n'"):
        weighted_deviation([1, 2], divisor="n")  # pyright: ignore[reportArgumentType]
