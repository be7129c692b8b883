import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.competing.cause_specific import cause_specific
from counterpoise.kernels.cox.fit import cox
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.competing.competing_cohorts import NAMES, cohort, covariates

FITTED = 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_coxph_of_each_cause(name: str) -> None:
    d = cohort(name)
    models = cause_specific(d["time"], d["cause"], covariates(name, d))
    weighted = cause_specific(d["time"], d["cause"], covariates(name, d), weights=d["w"])
    key = f"csh_{name}"
    r, by_weights = golden("competing", key), golden("competing", f"{key}_weights")
    assert models.causes.tolist() == [int(cause) for cause in r]
    for code in models.causes:
        fit, robust = models.of(code), weighted.of(code)
        what, theirs, theirs_robust = "Cause-specific hazards", r[str(code)], by_weights[str(code)]
        agrees(f"{what}: coefficients", "competing", key, fit.coefficients, theirs["coef"], tolerance=FITTED)
        agrees(
            f"{what}: covariance", "competing", key, fit.covariance, theirs["var"],
            tolerance=FITTED, relative_to="largest",
        )  # fmt: skip
        likelihoods = [fit.log_likelihood_null, fit.log_likelihood]
        agrees(f"{what}: log-likelihood", "competing", key, likelihoods, theirs["loglik"])
        agrees(
            f"{what}: robust covariance under weights", "competing", f"{key}_weights", robust.covariance,
            theirs_robust["var"], tolerance=FITTED, relative_to="largest",
        )  # fmt: skip


def test_other_causes_are_censored() -> None:
    time, cause, x = [1, 2, 3, 4, 5, 6], [1, 7, 1, 7, 1, 0], [1, 0, 0, 1, 0, 1]
    models = cause_specific(time, cause, x, ties="breslow")
    assert models.causes.tolist() == [1, 7]
    alone = cox(time, np.array(cause) == 7, x, ties="breslow")
    np.testing.assert_array_equal(models.of(7).coefficients, alone.coefficients)
    assert models.of(7).ties == "breslow"


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(InputError, match="`cause` must hold an event; all rows are censored"):
        cause_specific([1, 2], [0, 0], [1, 0])
    with pytest.raises(InputError, match="`cause` must be one of 1, 2; it is 3"):
        cause_specific([1, 2, 3], [1, 2, 0], [1, 0, 1]).of(3)
    with pytest.raises(InputError, match="`cause` must be whole numbers"):
        cause_specific([1, 2, 3], [1, np.nan, 0], [1, 0, 1])
