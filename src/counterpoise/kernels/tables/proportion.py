"""Confidence limits of a proportion, and of the difference of two."""

import math

from scipy.special import ndtri

from counterpoise.errors import InputError


def wilson(count: float, total: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score limits of the proportion count / total, without continuity correction.

    They are the proportions that a score test would not reject; unlike Wald's they stay between 0 and 1 and are
    not empty at 0 or `total`. R: `prop.test(count, total, correct = FALSE)`. No rows (`total` 0) is an error.

    >>> [round(limit, 4) for limit in wilson(3, 10)]
    [0.1078, 0.6032]

    Source: Wilson (1927), JASA 22:209; Newcombe (1998), Statistics in Medicine 17:857, method 3.
    """
    if not (math.isfinite(total) and total > 0):
        raise InputError(f"`total` must be positive; it is {total}.")
    if not 0 <= count <= total:
        raise InputError(f"`count` must lie between 0 and `total`; it is {count} of {total}.")
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie between 0 and 1; it is {confidence}.")
    z = float(ndtri(0.5 + confidence / 2))
    proportion = count / total
    centre = proportion + z**2 / (2 * total)
    spread = z * math.sqrt(proportion * (1 - proportion) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    lower = 0.0 if count == 0 else (centre - spread) / scale
    upper = 1.0 if count == total else (centre + spread) / scale
    return lower, upper


def newcombe(first: tuple[float, float], second: tuple[float, float], confidence: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's score limits of the difference of two independent proportions, first less second.

    Each argument is (count, total). The limits are made of the two Wilson intervals, without continuity correction;
    they stay between -1 and 1 and are not empty where both counts are 0. No rows (a total of 0) is an error.

    >>> [round(limit, 4) for limit in newcombe((56, 70), (48, 80))]
    [0.0524, 0.3339]

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10; the example is his Table II (a).
    """
    (low_one, high_one), (low_other, high_other) = wilson(*first, confidence), wilson(*second, confidence)
    one, other = first[0] / first[1], second[0] / second[1]
    difference = one - other
    lower = difference - math.hypot(one - low_one, high_other - other)
    upper = difference + math.hypot(high_one - one, other - low_other)
    return lower, upper
