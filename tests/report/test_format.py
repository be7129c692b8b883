import math
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.report.format import (
    DASH,
    format_count,
    format_count_percent,
    format_estimate,
    format_interval,
    format_mean_sd,
    format_median_range,
    format_number,
    format_p,
    format_p_equation,
    format_percent,
    format_ratio,
)

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("p_value", "text"),
    [
        (0.04, "0.040"),
        (0.0495, "0.050"),
        (0.001, "0.001"),
        (0.00099999, "<0.001"),
        (0.0, "<0.001"),
        (-1e-12, "<0.001"),
        (1e-300, "<0.001"),
        (0.999, "0.999"),
        (0.9991, ">0.999"),
        (1.0, ">0.999"),
        (1 + 1e-12, ">0.999"),
        (NAN, DASH),
    ],
)
def test_p_values(p_value: float, text: str) -> None:
    assert format_p(p_value) == text


@pytest.mark.parametrize("p_value", [-0.1, 1.1, INFINITY])
def test_what_is_no_p_value_is_refused(p_value: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        format_p(p_value)


def test_p_in_running_text_does_not_break_over_lines() -> None:
    assert format_p_equation(0.04) == "P\u00a0=\u00a00.040"
    assert format_p_equation(0.9999) == "P\u00a0>\u00a00.999"
    assert format_p_equation(NAN) == "P: not estimable"


@given(st.floats(0, 1))
def test_p_is_never_zero_and_never_one(p_value: float) -> None:
    text = format_p(p_value)
    assert text not in {"0.000", "1.000"}
    if text[0].isdigit():
        assert abs(float(text) - p_value) <= 0.0005 + 1e-12


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.54, "0.54"),
        (0.0996, "0.10"),
        (0.0994, "0.099"),
        (0.0005, "<0.001"),
        (0.0, "0.00"),
        (1.005, "1.01"),
        (9.994, "9.99"),
        (9.995, "10.0"),
        (99.94, "99.9"),
        (99.95, "100"),
        (1000.0, "1000"),
        (1000.1, ">1000"),
        (INFINITY, "∞"),
        (NAN, DASH),
    ],
)
def test_ratios(ratio: float, text: str) -> None:
    assert format_ratio(ratio) == text


def test_a_negative_ratio_is_refused() -> None:
    with pytest.raises(InputError, match="logarithm"):
        format_ratio(-0.5)


@given(st.floats(0.001, 1000))
def test_a_ratio_is_printed_to_one_per_cent_or_a_thousandth(ratio: float) -> None:
    assert abs(float(format_ratio(ratio)) - ratio) <= max(0.0005, ratio * 0.05) + 1e-12


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.25, 1.02, "0.25–1.02"),
        (0.25, INFINITY, "0.25–∞"),
        (0.0001, 1.02, "<0.001 to 1.02"),
        (0.25, 5000.0, "0.25 to >1000"),
        (0.25, NAN, "0.25 to –"),
        (NAN, NAN, "–"),
    ],
)
def test_intervals_of_ratios(lower: float, upper: float, text: str) -> None:
    assert format_interval(lower, upper) == text


def test_intervals_that_may_be_negative_have_no_dash() -> None:
    assert format_interval(-0.12, 0.3, format_number) == "−0.12 to 0.30"
    assert format_interval(0.12, 0.3, format_number, signed=True) == "0.12 to 0.30"
    assert format_interval(NAN, 60.0, lambda value: format_number(value, 1), missing="not reached") == (
        "not reached to 60.0"
    )


def test_estimates_carry_their_interval() -> None:
    assert format_estimate(0.54, 0.25, 1.02) == "0.54 (0.25–1.02)"
    assert format_estimate(-1.5, -3.0, 0.2, format_number) == "−1.50 (−3.00 to 0.20)"
    assert format_estimate(NAN, NAN, NAN, missing="not estimable") == "not estimable"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (2.675, 2, "2.68"),
        (0.125, 2, "0.13"),
        (-0.125, 2, "−0.13"),
        (-0.001, 2, "0.00"),
        (-0.0, 1, "0.0"),
        (1e22, 1, "10000000000000000000000.0"),
        (5e-324, 3, "0.000"),
        (-INFINITY, 2, "−∞"),
        (NAN, 2, DASH),
    ],
)
def test_numbers(value: float, digits: int, text: str) -> None:
    assert format_number(value, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12), st.integers(0, 6))
def test_a_printed_number_is_the_nearest_one(value: float, digits: int) -> None:
    printed = Decimal(format_number(value, digits).replace("−", "-"))
    assert abs(printed - Decimal(repr(value))) <= Decimal(5).scaleb(-digits - 1)
    assert not printed.is_signed() or printed != 0


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_the_sign_does_not_change_the_digits(value: float, digits: int) -> None:
    assert format_number(-value, digits).lstrip("−") == format_number(value, digits).lstrip("−")


def test_counts() -> None:
    assert [format_count(count) for count in (0, 146, 9999, 10_000, 1_234_567, -12, NAN)] == [
        *("0", "146", "9999", "10,000", "1,234,567", "−12", DASH)
    ]
    with pytest.raises(InputError, match="whole number"):
        format_count(1.5)


def test_percentages() -> None:
    assert format_percent(0.145) == "14.5%"
    assert format_percent(0.14449999, sign=False) == "14.4"
    assert format_percent(-0.123) == "−12.3%"
    assert format_percent(1.0, 0) == "100%"
    assert format_percent(NAN) == DASH


def test_counts_with_percentages() -> None:
    assert format_count_percent(36, 146) == "36 (24.7)"
    assert format_count_percent(1, 8) == "1 (12.5)"
    assert format_count_percent(1, 8, 0) == "1 (13)"
    assert format_count_percent(0, 0) == "0 (–)"
    assert format_count_percent(NAN, 8) == DASH


def test_summaries() -> None:
    assert format_mean_sd(52.34, 10.06) == "52.3 (10.1)"
    assert format_mean_sd(52.34, NAN) == "52.3 (–)"
    assert format_mean_sd(NAN, NAN) == DASH
    assert format_median_range(47.5, 3.2, 120.06) == "47.5 (3.2–120.1)"
    assert format_median_range(NAN, 44.0, NAN, missing="not reached") == "not reached"
    assert format_median_range(0.0, -3.0, 3.0, 0) == "0 (−3 to 3)"


@pytest.mark.parametrize("function", [format_number, format_percent, format_count, format_p, format_ratio])
def test_what_is_missing_can_be_said_in_words(function: Callable[..., str]) -> None:
    assert function(math.nan, missing="not estimable") == "not estimable"
