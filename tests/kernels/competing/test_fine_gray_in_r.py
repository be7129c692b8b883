"""Fine-Gray fits against cmprsk's crr, and against coxph on the weighted rows of R's finegray."""

from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.competing.fine_gray import FineGrayFit, fine_gray, predict_incidence
from counterpoise.kernels.verdict import Verdict
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.competing.competing_cohorts import NAMES, Cohort, cohort, covariates

FILE = "competing"
FITTED = 1e-8


def followed(name: str) -> Cohort:
    """Return the rows with a positive time: at time 0 crr takes G(0) for G(t-), and finegray has no interval."""
    d = cohort(name)
    return {column: values[d["time"] > 0] for column, values in d.items()}


def assert_equal_to_crr(key: str, fit: FineGrayFit) -> None:
    r = golden(FILE, key)
    assert fit.verdict is Verdict.CONVERGED
    information = np.linalg.inv(fit.naive_covariance)
    largest: dict[str, Any] = {"tolerance": FITTED, "relative_to": "largest"}
    agrees("Fine-Gray: coefficients", FILE, key, fit.coefficients, r["coef"], tolerance=FITTED)
    agrees("Fine-Gray: covariance", FILE, key, fit.covariance, r["var"], **largest)
    agrees("Fine-Gray: information", FILE, key, information, r["inf"], **largest)
    likelihoods = [fit.log_likelihood_null, fit.log_likelihood]
    agrees("Fine-Gray: log-likelihood", FILE, key, likelihoods, [r["loglik_null"], r["loglik"]])
    assert fit.event_time.size == r["n_jumps"]
    baseline = fit.hazard.sum() * np.exp(-fit.centre @ fit.coefficients)
    agrees("Fine-Gray: baseline hazard", FILE, key, baseline, r["cumulative"], tolerance=FITTED)
    predicted = predict_incidence(fit, r["profiles"], r["times"])
    agrees("Fine-Gray: predicted incidence", FILE, key, predicted, r["predicted"], tolerance=FITTED)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("rotterdam", 1), ("rotterdam", 2), ("mgus2", 1), ("mgus2", 2), ("Melanoma", 1), ("pbc", 1), ("pbc", 2),
        ("transplant", 2),
    ],
)  # fmt: skip
def test_crr(name: str, of: int) -> None:
    d = followed(name)
    fit = fine_gray(d["time"], d["cause"], covariates(name, d), of=of)
    assert_equal_to_crr(f"crr_{name}_{of}", fit)


@pytest.mark.parametrize("name", ["mgus2", "Melanoma", "pbc", "transplant"])
def test_crr_with_a_censoring_curve_for_each_group(name: str) -> None:
    d = followed(name)
    fit = fine_gray(d["time"], d["cause"], covariates(name, d), censoring_group=d["grp"], variance="crr")
    assert_equal_to_crr(f"crr_{name}_cengroup", fit)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_coxph_on_weighted_rows(name: str, weighted: bool) -> None:
    d = followed(name)
    key = f"finegray_{name}_weights" if weighted else f"finegray_{name}"
    r = golden(FILE, key)
    options: dict[str, Any] = {"variance": "known-censoring", "censoring": "survival"}
    if weighted:
        options["weights"] = d["w"]
    fit = fine_gray(d["time"], d["cause"], covariates(name, d), **options)
    within = fine_gray(d["time"], d["cause"], covariates(name, d), cluster=d["site"], **options)
    largest: dict[str, Any] = {"tolerance": FITTED, "relative_to": "largest"}
    kind = "Fine-Gray, weighted" if weighted else "Fine-Gray, known censoring"
    agrees(f"{kind}: coefficients", FILE, key, fit.coefficients, r["coef"], tolerance=FITTED)
    agrees(f"{kind}: covariance", FILE, key, fit.covariance, r["var"], **largest)
    agrees(f"{kind}: covariance by clusters", FILE, key, within.covariance, r["clustered"], **largest)
    agrees(f"{kind}: naive covariance", FILE, key, fit.naive_covariance, r["naive"], **largest)
    agrees(f"{kind}: log-likelihood", FILE, key, [fit.log_likelihood_null, fit.log_likelihood], r["loglik"])
    agrees(f"{kind}: score test", FILE, key, fit.score, r["score"])
    agrees(f"{kind}: robust score test", FILE, key, fit.robust_score, r["rscore"])
    agrees(f"{kind}: robust score test", FILE, key, within.robust_score, r["clustered_rscore"])
    agrees(f"{kind}: Wald test", FILE, key, fit.wald, r["wald"], tolerance=FITTED)


def test_the_two_conventions_differ_at_ties_of_event_and_censoring_only() -> None:
    d = cohort("rotterdam")
    x = covariates("rotterdam", d)
    tied = fine_gray(d["time"], d["cause"], x), fine_gray(d["time"], d["cause"], x, censoring="survival")
    assert 1e-8 < np.abs(tied[0].coefficients - tied[1].coefficients).max() < 1e-5
    untied = d["time"] + 1e-4 * np.argsort(np.argsort(np.lexsort((d["cause"] == 0, d["time"])))) / d["time"].size
    fits = fine_gray(untied, d["cause"], x), fine_gray(untied, d["cause"], x, censoring="survival")
    np.testing.assert_allclose(fits[0].coefficients, fits[1].coefficients, rtol=1e-12)
