"""Baseline hazards of Cox fits against R's survival, by hand, by their definition, and their properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.cox import cox
from counterpoise.kernels.cox_baseline import baseline_hazard
from counterpoise.kernels.cox_residuals import residuals
from counterpoise.kernels.verdict import Verdict
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.after_cox import model
from tests.kernels.slow_cox import cohort
from tests.kernels.test_cox_residuals import EXACT, NAMES

SEEDS = st.integers(0, 2**32 - 1)
ITERATED = 1e-8


@pytest.mark.parametrize(
    ("key", "name", "ties"),
    [(f"after_{name}_{ties}", name, ties) for name in NAMES for ties in ("efron", "breslow")]
    + [(f"after_{name}" if "exact" in name else f"after_{name}_exact", name, "exact") for name in EXACT],
)
def test_in_r(key: str, name: str, ties: str) -> None:
    fit, r = model(name, ties), golden("cox_after", key)
    expected, few = r["baseline"], slice(60)
    zero = baseline_hazard(fit)
    shift = 1.0
    if name == "lung_offset":
        # R centres the hazard at the mean offset, even the one that it calls uncentred
        design = fit.design
        assert design is not None
        assert design.offset is not None
        shift = np.exp(model_offset())
    assert zero.time.size == expected["count"]
    np.testing.assert_allclose(zero.time[few], expected["time"], rtol=1e-12)
    np.testing.assert_array_equal(zero.stratum[few] + 1, expected["stratum"])
    agrees("Baseline hazard: events", "cox_after", key, zero.events[few], expected["n_event"])
    ours = zero.cumulative * shift
    agrees("Baseline hazard: cumulative at zero", "cox_after", key, ours[few], expected["cumulative"], tolerance=1e-8)
    np.testing.assert_allclose(ours.sum(), expected["total"], rtol=ITERATED)
    at = baseline_hazard(fit, covariates=floats(r["means"]))
    ours = at.cumulative * shift
    agrees("Baseline hazard: cumulative at the means", "cox_after", key, ours[few], expected["centred"], tolerance=1e-8)
    ours = at.std_error * shift
    agrees(
        "Baseline hazard: standard error", "cox_after", key, ours[few], expected["centred_std_error"], tolerance=1e-8
    )


def model_offset() -> float:
    from tests.kernels.after_cox import lung

    return float(np.mean(lung()["age"] / 50))
