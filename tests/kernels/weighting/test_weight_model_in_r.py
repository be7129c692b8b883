from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import WeightModel
from counterpoise.kernels.weighting.weight_model import truncated, weight_model
from tests.balance.designs import lalonde, rotterdam_design
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.weight_cohorts import ESTIMANDS, cohort, short

DERIVATIVES = 1e-8
"""R's system of estimating equations is differentiated by numDeriv, good to about 1e-9."""
PSWEIGHT = 1e-8
"""PSweight fits by glm's default convergence, and its means depend on the score smoothly."""
GLM = 1e-6
"""WeightIt fits by glm's default convergence; a probability good to 2e-8 is a weight good to 1e-6 in the tail."""
NAMES = ("lalonde", "veteran", "pbc")


@pytest.mark.parametrize("name", ["veteran", "Melanoma", "pbc"])
def test_weights_agree_with_r(name: str) -> None:
    d, key = cohort(name), f"weights_{name}"
    reference = golden("weights", key)
    score, sampled = (logistic_score(d.treated, d.x, case_weights=case) for case in (None, d.sampling))
    for estimand in ESTIMANDS:
        normal = weight_model(score, d.treated, estimand=estimand, normalised=True).weights
        theirs = reference[estimand]["normalised"]
        agrees(f"Weights: {estimand}, normalised", "weights", key, short(normal), theirs)
        weights = weight_model(sampled, d.treated, estimand=estimand, sampling_weights=d.sampling).weights
        np.testing.assert_allclose(short(weights), reference[estimand]["sampled"], rtol=1e-9)
    stable = weight_model(sampled, d.treated, stabilised=True, sampling_weights=d.sampling).weights
    quantity = "Weights: ATE, stabilised, with sampling weights"
    agrees(quantity, "weights", key, short(stable), reference["stabilised_sampled"])
    cut = truncated(weight_model(score, d.treated), 0.02, 0.95)
    agrees("Weights: bounds of truncation", "weights", key, [cut.lower, cut.upper], reference["bounds"])
    agrees("Weights: truncated", "weights", key, short(cut.model.weights), reference["truncated"])


def means_and_influence(model: WeightModel, treated: Bools, y: Floats) -> tuple[Floats, Floats]:
    """The weighted means of controls and treated, and the influence (n, 2) of each row, through its weight too."""
    arms = np.column_stack([~treated, treated]).astype(float)
    total = arms.T @ model.weights
    means = (arms * y[:, None]).T @ model.weights / total
    u = arms * (y[:, None] - means) / total
    return means, model.weights[:, None] * u + model.influence @ (model.derivative.T @ u)


def log_sums_and_influence(model: WeightModel, treated: Bools, y: Floats) -> tuple[Floats, Floats]:
    """The logarithms of the means over all n rows of w y in each arm, which feel the scale of the weights."""
    arms = np.column_stack([~treated, treated]).astype(float)
    sums = (arms * y[:, None]).T @ model.weights
    u = arms * y[:, None] / sums
    own = model.weights[:, None] * u - 1 / y.size
    return np.log(sums / y.size), own + model.influence @ (model.derivative.T @ u)


CHOICES: dict[str, tuple[Estimand, dict[str, Any]]] = {
    **{estimand: (estimand, {}) for estimand in ESTIMANDS},
    "stabilised": ("ATE", {"stabilised": True}),
    "normalised": ("ATE", {"normalised": True}),
    "normalised_ATM": ("ATM", {"normalised": True}),
    "sampled": ("ATE", {"stabilised": True, "normalised": True, "sampling_weights": True}),
    "sampled_ATT": ("ATT", {"sampling_weights": True}),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("choice", CHOICES)
def test_stacked_variances_agree_with_estimating_equations_in_r(name: str, choice: str) -> None:
    d, key = cohort(name), f"stacked_{name}"
    reference, (estimand, options) = golden("weights", key)[choice], CHOICES[choice]
    case = d.sampling if options.get("sampling_weights") else None
    y = d.y / d.y.std(ddof=1)
    score = logistic_score(d.treated, d.x, case_weights=case)
    chosen: dict[str, Any] = {**options, "sampling_weights": case}
    model = weight_model(score, d.treated, estimand=estimand, **chosen)
    means, influence = means_and_influence(model, d.treated, y)
    agrees("Stacked variance: weighted means", "weights", key, means, reference["means"])
    agrees(
        "Stacked variance: covariance of weighted means", "weights", key, influence.T @ influence,
        reference["covariance"], tolerance=DERIVATIVES, relative_to="largest",
    )  # fmt: skip
    agrees(
        "Stacked variance: influence on a difference of weighted means", "weights", key,
        short(influence[:, 1] - influence[:, 0])[:-2], reference["influence"][:-2],
        tolerance=DERIVATIVES, relative_to="largest",
    )  # fmt: skip
    sums, influence = log_sums_and_influence(model, d.treated, y)
    agrees("Stacked variance: weighted sums", "weights", key, sums, reference["log_sums"])
    agrees(
        "Stacked variance: covariance of weighted sums", "weights", key, influence.T @ influence,
        reference["log_sums_covariance"], tolerance=DERIVATIVES, relative_to="largest",
    )  # fmt: skip


def test_stacked_variances_of_weighted_means_agree_with_psweight() -> None:
    r, key = rotterdam(), "psweight_ipw_rott"
    reference, treated = golden("ps_weights", key), r["hormon"] == 1
    model = weight_model(logistic_score(treated, rotterdam_design()), treated)
    means, influence = means_and_influence(model, treated, (r["dmonths"] > 60).astype(float))
    agrees("Stacked variance: weighted means", "ps_weights", key, means, reference["muhat"], tolerance=PSWEIGHT)
    covariance = influence.T @ influence
    quantity = "Stacked variance: covariance of weighted means"
    agrees(quantity, "ps_weights", key, covariance, reference["covmu"], tolerance=PSWEIGHT, relative_to="largest")
    contrast = influence[:, 1] - influence[:, 0]
    ours = [means[1] - means[0], np.sqrt(contrast @ contrast)]
    quantity = "Stacked variance: difference of weighted means"
    agrees(quantity, "ps_weights", key, ours, reference["estimates"]["values"][0][:2], tolerance=PSWEIGHT)


def test_truncated_weights_agree_with_weightit_at_the_order_statistics_it_takes() -> None:
    # WeightIt's quantiles are of type 3: the observation whose rank is nearest to n times the probability.
    treated = rotterdam()["hormon"] == 1
    model = weight_model(logistic_score(treated, rotterdam_design()), treated)
    reference, n = golden("ps_weights", "weightit_trim_99"), treated.size
    low, high = (round(n * probability) - 1 for probability in (0.01, 0.99))
    for form, lower in (("upper99", 0.0), ("both99", low / (n - 1))):
        weights = truncated(model, lower, high / (n - 1)).model.weights
        check_summary("weightit_trim_99", weights, reference[form]["weights_summary"])
    d = dataset("lalonde")
    controls = d["treat"] == 0
    model = weight_model(logistic_score(d["treat"], lalonde()), d["treat"], estimand="ATT")
    place = (round(controls.sum() * 0.95) - 1) / (controls.sum() - 1)
    weights = truncated(model, 0.0, place, rows=controls).model.weights
    check_summary("weightit_trim_att", weights, golden("ps_weights", "weightit_trim_att")["weights_summary"])


def check_summary(key: str, weights: Floats, summary: dict[str, Any]) -> None:
    ours = [*weights[:20], *weights[-5:], weights.sum(), np.square(weights).sum(), weights.max(), weights.min()]
    theirs = [*summary["head"], *summary["tail"], *(summary[name] for name in ("sum", "sumsq", "max", "min"))]
    agrees("Weights: truncated", "ps_weights", key, ours, theirs, tolerance=GLM)
