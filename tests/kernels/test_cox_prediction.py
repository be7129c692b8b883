"""Predictions of Cox fits against R's survival, by their definition, and their properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.cox import cox
from counterpoise.kernels.cox_prediction import linear_predictor, predict_survival
from counterpoise.kernels.intervals import IntervalType
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.after_cox import columns, model, rotterdam_all
from tests.kernels.test_cox_residuals import EXACT, NAMES

NEW: dict[str, tuple[Any, Any, list[float]]] = {
    "lung": ([[50, 2, 0], [70, 1, 2]], None, [100, 365, 700]),
    "lung_weights": ([[50, 2, 0], [70, 1, 2]], None, [100, 365, 700]),
    "lung_entry_strata": ([[50, 0], [70, 2]], [2, 1], [100, 365, 700]),
    "lung_exact_strata": ([[50, 0], [70, 2]], [2, 1], [100, 365, 700]),
    "lung_offset": ([[2, 0], [1, 2]], None, [100, 365, 700]),
    "veteran_months": ([[1, 80, 50], [2, 40, 65]], None, [1, 3, 12]),
    "veteran_strata_weights": ([[1, 80], [2, 40]], [1, 3], [1, 3, 5]),
    "heart": ([[-10, 2, 0, 0], [5, 4, 1, 1]], None, [30, 180, 900]),
    "cgd": ([[0, 10], [1, 20]], None, [60, 180, 300]),
    "rotterdam_entry": ([[0, 45, np.log1p(1)], [1, 65, np.log1p(6)]], None, [12, 60, 120]),
    "rotterdam_all": ([[0, 45, np.log1p(1)], [1, 65, np.log1p(6)]], [0, 2], [12, 60, 120]),
}
INTERVALS: tuple[IntervalType, ...] = ("log", "log-log", "plain", "logit", "arcsine")
ITERATED = 1e-8


@pytest.mark.parametrize(
    ("key", "name", "ties"),
    [(f"after_{name}_{ties}", name, ties) for name in NAMES for ties in ("efron", "breslow")]
    + [(f"after_{name}" if "exact" in name else f"after_{name}_exact", name, "exact") for name in EXACT],
)
def test_in_r(key: str, name: str, ties: str) -> None:
    fit, r = model(name, ties), golden("cox_after", key)
    x, stratum, times = NEW[name]
    offset = [1.0, 1.4] if name == "lung_offset" else None
    for interval in INTERVALS:
        curve = predict_survival(fit, x, stratum=stratum, times=times, offset=offset, follow_up=1e5, interval=interval)
        parts = {"surv": curve.survival, "std_err": curve.std_error, "cumhaz": curve.cumulative_hazard}
        parts |= {"lower": curve.lower, "upper": curve.upper}
        names = {"surv": "survival", "std_err": "standard error", "cumhaz": "cumulative hazard"}
        for part, ours in parts.items():
            theirs = [row[part] for row in r["predicted"][interval]]
            what = names.get(part, f"{interval} limits")
            agrees(f"Predicted survival: {what}", "cox_after", key, ours, theirs, tolerance=ITERATED)
