"""Hold a Cox fit against R's, and read the columns of a model."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.verdict import Verdict
from tests.golden import floats, golden
from tests.golden.agreement import agrees

STOPS_EARLY = 1e-8  # R ends at a relative change of the log-likelihood of 1e-9, which leaves this in a coefficient
TIGHT = 1e-10


def held(line: str, fit: CoxFit, name: str, key: str, tolerance: float = TIGHT) -> None:
    """Hold everything that a fit says against R's, on the page of agreement under the line and its ties."""
    section, r = f"Cox regression, {line} ({fit.ties.capitalize()})", golden(name, key)
    assert fit.verdict is Verdict.CONVERGED
    assert (fit.n, fit.n_events) == (r["n"], r["nevent"])
    square = fit.naive_covariance.shape

    def same(quantity: str, ours: ArrayLike, theirs: object, tolerance: float = tolerance) -> None:
        agrees(f"{section}: {quantity}", name, key, ours, theirs, tolerance=tolerance, relative_to="largest")

    same("log hazard ratio", fit.coefficients, r["coef"])
    same("naive covariance", fit.naive_covariance, floats(r["vcov"]).reshape(square))
    same("Wald test", fit.wald, r["wald_chisq"])
    same("log-likelihood at the start", fit.log_likelihood_null, r["loglik_null"], 1e-12)
    same("log-likelihood", fit.log_likelihood, r["loglik"], 1e-12)
    same("score test", fit.score, r["score_chisq"], TIGHT)
    if fit.likelihood_ratio is not None:
        # the difference of two log-likelihoods, each of them right to rounding
        same("likelihood-ratio test", fit.likelihood_ratio, r["lr_test"]["test"], 1e-9)
    if fit.robust:
        robust = floats(r["robust_vcov"]).reshape(square)
        same("robust covariance", fit.covariance, robust)
        same("robust standard error", fit.std_error, np.sqrt(np.diag(robust)))
    if fit.robust_score is not None:
        same("robust score test", fit.robust_score, r["robust_score_chisq"], TIGHT)


def columns(data: dict[str, np.ndarray], names: str) -> Floats:
    return np.column_stack([data[name] for name in names.split()])


def indicators(values: np.ndarray, levels: list[float] | list[str]) -> Floats:
    return np.column_stack([(values == level).astype(float) for level in levels])
