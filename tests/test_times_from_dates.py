"""Dates turned into months in two ways differ in the last digit, and are the same times."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

import counterpoise as cp

MONTH = 365.25 / 12
SIZE = 200
RNG = np.random.default_rng(8)
START = np.datetime64("2012-01-01") + RNG.integers(0, 2000, SIZE)
DAYS = 30 * RNG.integers(1, 40, SIZE)  # many patients share a time
END = START + DAYS
EVENT = (RNG.random(SIZE) < 0.6).astype(float)
CAUSE = EVENT * RNG.integers(1, 3, SIZE)
GROUP = RNG.integers(0, 2, SIZE)
X = np.column_stack([GROUP, RNG.normal(size=SIZE)])


def from_days() -> np.ndarray:
    return DAYS / MONTH


def from_calendar() -> np.ndarray:
    """Each date in months since 1970 first: their difference carries the rounding of large numbers."""
    since = np.datetime64("1970-01-01")
    return (END - since).astype(float) / MONTH - (START - since).astype(float) / MONTH


ESTIMATORS: dict[str, Callable[[np.ndarray], Any]] = {
    "kaplan_meier": lambda time: cp.kaplan_meier(time, EVENT),
    "nelson_aalen": lambda time: cp.nelson_aalen(time, EVENT),
    "log_rank": lambda time: cp.log_rank(time, EVENT, GROUP),
    "max_combo": lambda time: cp.max_combo(time, EVENT, GROUP),
    "cox, efron": lambda time: cp.cox(time, EVENT, X).coefficients,
    "cox, breslow": lambda time: cp.cox(time, EVENT, X, ties="breslow").coefficients,
    "cox, exact": lambda time: cp.cox(time, EVENT, X, ties="exact").coefficients,
    "firth_cox": lambda time: cp.firth_cox(time, EVENT, X).coefficients,
    "concordance": lambda time: cp.concordance(time, EVENT, X[:, 1]),
    "proportional_hazards_test": lambda time: cp.proportional_hazards_test(time, EVENT, X).statistic,
    "aalen_johansen": lambda time: cp.aalen_johansen(time, CAUSE).incidence,
    "gray_test": lambda time: cp.gray_test(time, CAUSE, GROUP).statistic,
    "fine_gray": lambda time: cp.fine_gray(time, CAUSE, X).coefficients,
    "restricted_mean": lambda time: cp.restricted_mean(time, EVENT, 24.0),
    "pseudo_observations": lambda time: cp.pseudo_observations(time, EVENT, [24.0]),
}


def numbers(found: Any) -> np.ndarray:
    if is_dataclass(found):
        values = [getattr(found, field.name) for field in fields(found)]
        kept = [
            np.ravel(v) for v in values if isinstance(v, float | int | np.ndarray) and np.asarray(v).dtype.kind in "fi"
        ]
        return np.concatenate(kept)
    return np.ravel(found)


def test_the_two_ways_differ_and_would_break_ties() -> None:
    one, other = from_days(), from_calendar()
    assert (one != other).any()
    assert np.unique(one).size < np.unique(other).size
    np.testing.assert_allclose(one, other, rtol=1e-11)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_answer_is_the_same(name: str) -> None:
    one, other = numbers(ESTIMATORS[name](from_days())), numbers(ESTIMATORS[name](from_calendar()))
    assert one.shape == other.shape
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
