"""Baseline hazards of Cox fits against R's survival, by hand, by their definition, and their properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.cox.baseline import baseline_hazard
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.residuals import residuals
from counterpoise.kernels.verdict import Verdict
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.cox.after_cox import lung, model
from tests.kernels.cox.slow_cox import cohort
from tests.kernels.cox.test_residuals import EXACT, NAMES

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
        shift = np.exp(np.mean(lung()["age"] / 50))
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


# ---- by hand: six rows of Therneau's validation; deaths at 1, 6 (two) and 9 -----------------------------------------

SIX: dict[str, Any] = {"time": [1, 1, 6, 6, 8, 9], "event": [1, 0, 1, 1, 0, 1], "x": [1, 1, 1, 0, 0, 0]}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_by_hand(ties: Any) -> None:
    fit = cox(**SIX, ties=ties)
    r = np.exp(fit.coefficients[0])
    second = 1 / (r + 3) + 1 / ((r + 1) / 2 + 2) if ties == "efron" else 2 / (r + 3)
    base = baseline_hazard(fit)
    np.testing.assert_allclose(base.hazard, [1 / (3 * r + 3), second, 1], rtol=1e-12)
    np.testing.assert_allclose(base.cumulative, np.cumsum(base.hazard), rtol=1e-12)
    assert base.time.tolist() == [1, 6, 9]
    assert base.events.tolist() == [1, 2, 1]
    one = baseline_hazard(fit, covariates=[1.0])
    np.testing.assert_allclose(one.hazard, r * base.hazard, rtol=1e-12)
    if ties == "breslow":
        # variance 1 / S0^2 an event, and (sum of (0 - mean) / S0)^2 times that of the coefficient
        s0, mean, d = np.array([3 * r + 3, r + 3, 1]), np.array([3 * r / (3 * r + 3), r / (r + 3), 0]), [1, 2, 1]
        own, drift = np.cumsum(d / s0**2), np.cumsum(d * mean / s0)
        np.testing.assert_allclose(base.std_error**2, own + drift**2 * fit.covariance[0, 0], rtol=1e-12)


# ---- slow and obvious, and properties ----------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(["efron", "breslow"]))
def test_agrees_with_the_definition(seed: int, ties: Any) -> None:
    c = cohort(seed, n=30)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    base, risk = baseline_hazard(fit), c.weights * np.exp(c.x @ fit.coefficients)
    for t, s, hazard in zip(base.time, base.stratum, base.hazard, strict=True):
        at_risk = (c.stratum == np.unique(c.stratum)[s]) & (c.entry < t) & (t <= c.time)
        dead = at_risk & (c.time == t) & (c.event == 1)
        d = int(dead.sum())
        slow = sum(
            c.weights[dead].mean() / (risk[at_risk].sum() - (k / d if ties == "efron" else 0) * risk[dead].sum())
            for k in range(d)
        )
        np.testing.assert_allclose(hazard, slow, rtol=1e-9)
    # each row's cumulative hazard while at risk is what its martingale residual takes from its event (Breslow)
    if ties == "breslow":
        own = np.zeros(30)
        for i in range(30):
            label = np.searchsorted(np.unique(c.stratum), c.stratum[i])
            seen = (base.stratum == label) & (c.entry[i] < base.time) & (base.time <= c.time[i])
            own[i] = base.hazard[seen].sum() * np.exp(c.x[i] @ fit.coefficients)
        np.testing.assert_allclose(c.event - own, residuals(fit), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.1, 20.0))
def test_units_of_covariates_do_not_matter(seed: int, factor: float) -> None:
    c = cohort(seed, n=30)
    fit = cox(c.time, c.event, c.x, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    assume(np.abs(fit.coefficients).max() < 5)
    moved = cox(c.time, c.event, factor * c.x + 3, **c.options())
    base = baseline_hazard(fit, covariates=[0.3, 1.0])
    again = baseline_hazard(moved, covariates=[0.3 * factor + 3, factor + 3])
    np.testing.assert_allclose(again.cumulative, base.cumulative, rtol=1e-7)
    np.testing.assert_allclose(again.std_error, base.std_error, rtol=1e-6)


def test_without_effect_it_is_nelson_and_aalen() -> None:
    fit = cox([1, 2, 3, 1, 2, 3], [1, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1], ties="breslow")
    np.testing.assert_allclose(baseline_hazard(fit).cumulative, [2 / 6, 2 / 6 + 2 / 4], rtol=1e-12)


def test_far_covariates_do_not_overflow() -> None:
    x = 1e6 + 50 * np.array(SIX["x"], dtype=float)
    fit = cox(SIX["time"], SIX["event"], x)
    near = baseline_hazard(fit, covariates=[1e6]).cumulative
    np.testing.assert_allclose(near, baseline_hazard(cox(**SIX)).cumulative, rtol=1e-8)


def test_what_is_refused() -> None:
    fit = cox(**SIX)
    for bad in ([np.nan], [np.inf]):
        with pytest.raises(InputError, match="`covariates` must be finite"):
            baseline_hazard(fit, covariates=bad)
    with pytest.raises(InputError, match="`covariates` must have 1 element"):
        baseline_hazard(fit, covariates=[1.0, 2.0])
    for model_without in (
        cox([1.0, 2.0], [0, 0], [1.0, 2.0]),
        cox([2.0], [1], [1.0]),
        cox([1.0, 2.0, 3.0], [1, 1, 0], [3.0, 2.0, 1.0]),
        cox([1.0, 2.0, 3.0], [1, 1, 0], [[1.0, 2], [0, 0], [2, 4]]),
    ):
        with pytest.raises(FitError, match="baseline hazard"):
            baseline_hazard(model_without)
