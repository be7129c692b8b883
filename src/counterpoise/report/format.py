"""Numbers as a journal prints them: one pure function a kind of number, for every table, figure and sentence.

Rounding is half away from zero on the shortest decimal that reads back as the same float, which is the
decimal that `results.json` shows: 0.125 prints as 0.13 and 2.675 as 2.68, as a reader with the file in hand
would round. A minus is the true minus sign (U+2212), a range has an en dash (U+2013), zero never carries a
sign. A number that is missing or cannot be estimated (NaN) prints as an en dash, or as the words given by
`missing`.

Conventions follow the AMA Manual of Style, 11th edition, chapters 18 and 19 (P values, digits, ranges), and
Lang and Altman's SAMPL guidelines, 2013 (mean (SD), never mean ± SD), save that P keeps the zero before its
point.
"""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

from counterpoise.errors import InputError

DASH = "–"
MINUS = "−"
INFINITY = "∞"
NO_BREAK = "\u00a0"


def format_number(value: float, digits: int = 2, *, missing: str = DASH) -> str:
    """Return `value` with a fixed number of decimals.

    >>> format_number(2.675), format_number(-0.004), format_number(-1.5, 0), format_number(float("nan"))
    ('2.68', '0.00', '−2', '–')
    """
    value = float(value)
    if math.isnan(value):
        return missing
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    return _signed(_rounded(Decimal(repr(value)), digits))


def format_count(value: float, *, missing: str = DASH) -> str:
    """Return a whole number, with commas from 10 000 upward; `value` must be whole or NaN.

    >>> format_count(146), format_count(9999), format_count(1234567)
    ('146', '9999', '1,234,567')
    """
    value = float(value)
    if math.isnan(value):
        return missing
    if not value.is_integer():
        raise InputError(f"A count must be a whole number; {value!r} is not. Print a weighted count as a number.")
    grouped = f"{abs(int(value)):,d}" if abs(value) >= 10_000 else str(abs(int(value)))
    return MINUS + grouped if value < 0 else grouped


def format_percent(share: float, digits: int = 1, *, sign: bool = True, missing: str = DASH) -> str:
    """Return a share (0.756) as a percentage ('75.6%'); `sign=False` leaves out the per cent sign.

    >>> format_percent(0.756), format_percent(0.1445, sign=False), format_percent(-0.0004)
    ('75.6%', '14.5', '0.0%')
    """
    share = float(share)
    if not math.isfinite(share):
        return format_number(share, digits, missing=missing)
    return _signed(_rounded(Decimal(repr(share)) * 100, digits)) + ("%" if sign else "")


def format_count_percent(count: float, total: float, digits: int = 1, *, missing: str = DASH) -> str:
    """Return 'count (per cent)' without the per cent sign, for columns headed 'No. (%)'.

    >>> format_count_percent(36, 146), format_count_percent(0, 0)
    ('36 (24.7)', '0 (–)')
    """
    count, total = float(count), float(total)
    if math.isnan(count):
        return missing
    if not total > 0:
        return f"{format_count(count)} ({missing})"
    percent = _signed(_rounded(Decimal(repr(count)) * 100 / Decimal(repr(total)), digits))
    return f"{format_count(count)} ({percent})"


def format_p(p_value: float, *, missing: str = DASH) -> str:
    """Return a P value with three decimals: never 0.000, never 1.000.

    >>> format_p(0.04), format_p(0.00099999), format_p(0.0), format_p(1.0), format_p(0.9990)
    ('0.040', '<0.001', '<0.001', '>0.999', '0.999')
    """
    p_value = float(p_value)
    if math.isnan(p_value):
        return missing
    if not -1e-9 <= p_value <= 1 + 1e-9:
        raise InputError(f"A P value must lie between 0 and 1; {p_value!r} does not.")
    if p_value < 0.001:
        return "<0.001"
    if p_value > 0.999:
        return ">0.999"
    return format_number(p_value, 3)


def format_p_equation(p_value: float, *, missing: str = "not estimable") -> str:
    """Return a P value for running text, its parts held together by no-break spaces.

    >>> format_p_equation(0.04).replace(NO_BREAK, " "), format_p_equation(0.0).replace(NO_BREAK, " ")
    ('P = 0.040', 'P < 0.001')
    """
    text = format_p(p_value, missing=missing)
    if text[0] in "<>":
        return NO_BREAK.join(("P", text[0], text[1:]))
    return f"P: {text}" if math.isnan(p_value) else NO_BREAK.join(("P", "=", text))


def format_ratio(ratio: float, *, missing: str = DASH) -> str:
    """Return a ratio of hazards, odds or risks to about two significant decimals.

    Two decimals from 0.10, three below it, one from 10, none from 100; outside 0.001 to 1000 only the side.

    >>> [format_ratio(ratio) for ratio in (0.54, 0.0504, 9.996, 123.4, 0.0001, 2345.0, float("inf"))]
    ['0.54', '0.050', '10.0', '123', '<0.001', '>1000', '∞']
    """
    ratio = float(ratio)
    if math.isnan(ratio):
        return missing
    if ratio < 0:
        raise InputError(f"A ratio must not be negative; {ratio!r} is. Was its logarithm meant?")
    if math.isinf(ratio):
        return INFINITY
    if ratio > 1000:
        return ">1000"
    if 0 < ratio < 0.001:
        return "<0.001"
    exact = Decimal(repr(ratio))
    for digits, below in ((3, Decimal("0.1")), (2, Decimal(10)), (1, Decimal(100))):
        rounded = _rounded(exact, digits)
        if rounded < below:
            return _signed(rounded) if ratio > 0 else "0.00"
    return _signed(_rounded(exact, 0))


def format_interval(
    lower: float,
    upper: float,
    number: Callable[[float], str] = format_ratio,
    *,
    signed: bool = False,
    missing: str = DASH,
) -> str:
    """Return 'lower–upper', each bound printed by `number`.

    Where a dash could be read as a minus (`signed`, or a bound that is no plain number) the bounds are joined
    by ' to '. `missing` stands for a bound that is NaN, and for both at once.

    >>> format_interval(0.25, 1.02), format_interval(0.25, float("inf"))
    ('0.25–1.02', '0.25–∞')
    >>> format_interval(-0.12, 0.3, format_number), format_interval(34.1, float("nan"), missing="not reached")
    ('−0.12 to 0.30', '34.1 to not reached')
    """
    bounds = [missing if math.isnan(float(bound)) else number(bound) for bound in (lower, upper)]
    if bounds == [missing, missing]:
        return missing
    plain = all(bound[0].isdigit() or bound == INFINITY for bound in bounds)
    return (DASH if plain and not signed else " to ").join(bounds)


def format_estimate(
    estimate: float,
    lower: float,
    upper: float,
    number: Callable[[float], str] = format_ratio,
    *,
    signed: bool = False,
    missing: str = DASH,
) -> str:
    """Return 'estimate (lower–upper)'; only `missing` if there is no estimate.

    >>> format_estimate(0.54, 0.25, 1.02), format_estimate(float("nan"), float("nan"), float("nan"))
    ('0.54 (0.25–1.02)', '–')
    """
    if math.isnan(float(estimate)):
        return missing
    return f"{number(estimate)} ({format_interval(lower, upper, number, signed=signed, missing=missing)})"


def format_mean_sd(mean: float, std_deviation: float, digits: int = 1, *, missing: str = DASH) -> str:
    """Return 'mean (SD)'; the sign ± is not used, because it does not say of what.

    >>> format_mean_sd(52.34, 10.06)
    '52.3 (10.1)'
    """
    if math.isnan(float(mean)):
        return missing
    return f"{format_number(mean, digits)} ({format_number(std_deviation, digits)})"


def format_median_range(median: float, lower: float, upper: float, digits: int = 1, *, missing: str = DASH) -> str:
    """Return 'median (lowest–highest)'; serves quartiles and confidence limits too.

    >>> format_median_range(47.5, 3.21, 120.06), format_median_range(60, 5, float("nan"), missing="NR")
    ('47.5 (3.2–120.1)', '60.0 (5.0 to NR)')
    """
    return format_estimate(median, lower, upper, lambda value: format_number(value, digits), missing=missing)


def _rounded(value: Decimal, digits: int) -> Decimal:
    """Round half away from zero to `digits` decimals, whatever the size of `value`."""
    with_room = max(28, value.adjusted() + digits + 3)
    context = Context(prec=with_room, rounding=ROUND_HALF_UP)
    return value.quantize(Decimal(1).scaleb(-digits), context=context)


def _signed(value: Decimal) -> str:
    """Return plain decimals with a true minus sign, and none before a zero."""
    text = f"{abs(value):f}"
    return MINUS + text if value < 0 else text
