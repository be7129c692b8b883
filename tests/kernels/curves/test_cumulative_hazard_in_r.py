from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.curves.cumulative_hazard import CumulativeHazard, fleming_harrington, nelson_aalen
from counterpoise.kernels.curves.product_limit import survival_at
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.curves.curve_data import INTERVALS, SMALL, START, chosen

TIES: Any = ("breslow", "efron")


def assert_hazard(found: CumulativeHazard, key: str) -> None:
    expected = golden("curves", key)
    variance = "robust" if found.robust else "Aalen's"
    quantities = {
        "time": ("times", "time"),
        "at_risk": ("numbers at risk", "n_risk"),
        "events": ("events", "n_event"),
        "censored": ("censored", "n_censor"),
        "hazard": (f"hazard, {found.ties} ties", "cumhaz"),
        "std_error": (f"{variance} standard error, {found.ties} ties", "std_chaz"),
    }
    for ours, (quantity, theirs) in quantities.items():
        agrees(f"Nelson-Aalen: {quantity}", "curves", key, getattr(found, ours), expected[theirs])


OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "hazard": ((), {}),
    "hazard_weights": (("weights",), {}),
    "hazard_counts": (("weights",), {"robust": False}),
    "hazard_entry_cluster": (("entry", "weights", "cluster"), {}),
}


@pytest.mark.parametrize("data", SMALL)
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("key", OPTIONS)
def test_each_choice_of_variance(key: str, ties: Any, data: str) -> None:
    columns, options = OPTIONS[key]
    assert_hazard(nelson_aalen(**chosen(data, *columns), ties=ties, **options), f"{key}_{ties}_{data}")


@pytest.mark.parametrize("ties", TIES)
def test_lung(ties: Any) -> None:
    assert_hazard(nelson_aalen(**chosen("lung"), ties=ties), f"hazard_{ties}_lung")


@pytest.mark.parametrize("data", SMALL)
@pytest.mark.parametrize("ties", TIES)
def test_hazards_from_a_start(ties: Any, data: str) -> None:
    assert_hazard(nelson_aalen(**chosen(data), ties=ties, start_time=START[data]), f"hazard_start_{ties}_{data}")


@pytest.mark.parametrize("data", SMALL)
@pytest.mark.parametrize("interval", ["plain", "log"])
def test_limits_of_hazards(interval: Any, data: str) -> None:
    found, key = nelson_aalen(**chosen(data), interval=interval), f"hazard_limits_{data}"
    expected = golden("curves", key)
    for side in ("lower", "upper"):
        agrees(f"Nelson-Aalen: {interval} limits", "curves", key, getattr(found, side), expected[f"{interval}_{side}"])


@pytest.mark.parametrize("data", ["aml", "lung", "ovarian"])
@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("ties", TIES)
def test_survival_from_hazards(ties: Any, interval: str, data: str) -> None:
    key = f"exp_{ties}_{interval}_{data}"
    expected = golden("curves", key)
    curve = fleming_harrington(**chosen(data), ties=ties, interval=INTERVALS[interval])
    read = survival_at(curve, expected["time"], extend=True)
    names = {"survival": "surv", "std_error": "std_err", "lower": "lower", "upper": "upper"}
    for ours, theirs in names.items():
        quantity = f"{curve.interval} limits" if ours in ("lower", "upper") else ours.replace("_", " ")
        agrees(f"exp(-H): {quantity}", "curves", key, getattr(read, ours), expected[theirs])


@pytest.mark.parametrize("data", SMALL)
def test_survival_from_hazards_under_weights(data: str) -> None:
    key = f"exp_weights_efron_{data}"
    expected = golden("curves", key)
    curve = fleming_harrington(**chosen(data, "weights"))
    agrees("exp(-H): survival", "curves", key, curve.survival, expected["surv"])
    relative = curve.std_error / curve.survival
    agrees("exp(-H): robust standard error", "curves", key, relative, expected["std_err_cumhaz_scale"])
    inside = curve.survival < 1
    for side in ("lower", "upper"):
        theirs = floats(expected[side])[inside].tolist()
        agrees("exp(-H): log limits", "curves", key, getattr(curve, side)[inside], theirs)
    np.testing.assert_array_equal(curve.lower[~inside], 1.0)
