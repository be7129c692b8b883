from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.curves.comparison import compare_at, crossings, survival_difference, survival_ratio
from counterpoise.kernels.curves.product_limit import SurvivalCurve, kaplan_meier
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.curves.curve_data import EVERY, levels, rows

AT = {"aml": 20, "lung": 180, "veteran": 30, "ovarian": 400, "rotterdam": 36, "Melanoma": 1000}


def curves(data: str, *columns: str) -> list[SurvivalCurve]:
    d = rows(data)
    names = ("time", "event", *columns)
    return [kaplan_meier(**{name: d[name][level] for name in names}) for level in levels(data)]


def assert_contrasts(data: str, key: str, *columns: str) -> None:
    expected, (a, b) = golden("curves", key), curves(data, *columns)
    found: dict[str, Any] = {
        "difference": survival_difference(a, b, expected["times"]),
        "ratio": survival_ratio(a, b, expected["times"]),
    }
    for measure, contrast in found.items():
        assert contrast.measure == measure
        for name, theirs in expected[measure].items():
            agrees(f"Survival {measure}: {name.replace('_', ' ')}", "curves", key, getattr(contrast, name), theirs)


@pytest.mark.parametrize("data", ["aml", "lung", "ovarian", "rotterdam", "Melanoma"])
def test_difference_and_ratio(data: str) -> None:
    assert_contrasts(data, f"two_{data}")


@pytest.mark.parametrize("data", ["aml", "lung", "ovarian"])
def test_difference_and_ratio_under_weights(data: str) -> None:
    assert_contrasts(data, f"two_weights_{data}", "weights")


@pytest.mark.parametrize("data", EVERY)
@pytest.mark.parametrize("transform", ["plain", "log", "log-log", "arcsine", "logit"])
def test_survival_at_a_time(transform: Any, data: str) -> None:
    key = f"klein_{data}"
    expected = golden("curves", key)[transform]
    found = compare_at(curves(data), AT[data], transform=transform)
    agrees(f"Survival at a time: {transform} statistic", "curves", key, [found.statistic], [expected["statistic"]])
    agrees(f"Survival at a time: {transform} p-value", "curves", key, [found.p_value], [expected["p"]])


@pytest.mark.parametrize("data", ["aml", "lung", "ovarian", "rotterdam", "Melanoma"])
def test_crossings(data: str) -> None:
    expected = golden("curves", f"cross_{data}")
    a, b = curves(data)
    found = crossings(a, b)
    agrees("Crossings: times", "curves", f"cross_{data}", found.time, expected["times"])
    agrees("Crossings: largest differences", "curves", f"cross_{data}", found.largest, expected["largest"])
    assert found.crossed == (np.size(expected["times"]) > 0)
