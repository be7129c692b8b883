"""Standardised survival against R's mean of predicted curves, and its variance by slow refitting."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox import cox
from counterpoise.kernels.cox_prediction import predict_survival
from counterpoise.kernels.standardisation import StandardisedSurvival, counterfactuals, standardised_survival
from counterpoise.kernels.verdict import Verdict
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.after_cox import columns, lung, rotterdam_all, veteran
from tests.kernels.slow_cox import Cohort, cohort

SEEDS = st.integers(0, 2**32 - 1)


def agree_with_r(key: str, ours: StandardisedSurvival) -> None:
    r = golden("cox_after", key)
    agrees("Standardised survival", "cox_after", key, ours.survival, [r["s0"], r["s1"]])


def test_lung_in_r() -> None:
    d = lung()
    x = columns(d, "sex age ph.ecog")
    fit = cox(d["time"], d["died"], x)
    arms = counterfactuals(x, 0, values=(1, 2))
    agree_with_r("standard_lung", standardised_survival(fit, *arms, times=[100, 365, 700]))


def test_veteran_in_r() -> None:
    d = veteran()
    x = columns(d, "trt karno age")
    fit = cox(d["time"], d["status"], x, ties="breslow")
    arms = counterfactuals(x, 0, values=(1, 2))
    agree_with_r("standard_veteran", standardised_survival(fit, *arms, times=[30, 90, 365]))
    x = columns(d, "trt karno")
    fit = cox(d["time"], d["status"], x, stratum=d["cell"])
    standard = standardised_survival(
        fit, *counterfactuals(x, 0, values=(1, 2)), times=[30, 90, 365], stratum=d["cell"], follow_up=999
    )
    agree_with_r("standard_veteran_strata", standard)


def test_rotterdam_in_r() -> None:
    d = rotterdam_all()
    d = {name: values[d["nodes"] > 0] for name, values in d.items()}
    x = np.column_stack([columns(d, "hormon lnodes age"), d["hormon"] * d["lnodes"]])
    fit = cox(d["dmonths"], d["death"], x)
    arms = counterfactuals(x, 0, interactions={3: 1})
    agree_with_r("standard_np_interaction", standardised_survival(fit, *arms, times=[12, 60, 120]))
    x = x[:, :3]
    fit = cox(d["dmonths"], d["death"], x, entry=d["entry"], weights=d["w"])
    standard = standardised_survival(fit, *counterfactuals(x, 0), times=[12, 60, 120], weights=d["w"])
    agree_with_r("standard_np_entry_weights", standard)


# ---- slow and obvious ------------------------------------------------------------------------------------------


def chain(c: Cohort, ties: Any, perturbed: Floats, times: Floats) -> Floats:
    """Fit and average from the start, with case weights that both the fit and the average take."""
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options(weights=c.weights * perturbed))
    assert fit.verdict is Verdict.CONVERGED
    share = perturbed / perturbed.sum()
    means: list[Floats] = []
    for x in counterfactuals(c.x, 1):
        curves = predict_survival(fit, x, stratum=c.stratum, times=times, follow_up=20).survival
        means.append(share @ curves)
    return np.stack(means)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(["efron", "breslow"]))
def test_influence_is_the_derivative_by_each_case_weight(seed: int, ties: Any) -> None:
    c, times = cohort(seed, n=40), np.array([1.0, 4.0, 8.0, 11.0])
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    assume(np.abs(fit.coefficients).max() < 3)
    standard = standardised_survival(fit, *counterfactuals(c.x, 1), times=times, stratum=c.stratum, follow_up=20)
    np.testing.assert_allclose(standard.survival, chain(c, ties, np.ones(40), times), rtol=1e-12)
    h = 1e-5
    for row in range(0, 40, 3):
        step = h * (np.arange(40) == row)
        numeric = (chain(c, ties, 1 + step, times) - chain(c, ties, 1 - step, times)) / (2 * h)
        np.testing.assert_allclose(standard.influence[:, row], numeric, atol=2e-7)
