"""The data of the score tests, and the proof that an influence is the derivative by a row's case weight."""

from collections.abc import Callable

import numpy as np

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.logistic import expit
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel
from tests.balance.designs import lalonde
from tests.golden import dataset, rotterdam

STEP = 1e-4
"""Relative change of a case weight: central differences then err by about 1e-8 of a derivative."""


def score_set(name: str) -> tuple[Floats, Floats]:
    """Return treatment and covariates as `tests/golden/r/28_scores.R` has them."""
    if name == "lalonde":
        return dataset("lalonde")["treat"], lalonde()
    if name == "rotterdam_np":
        d = rotterdam(node_positive=True)
        columns = ("age", "meno", "size20", "size50", "grade3", "lnodes", "lpgr", "ler", "chemo")
        return d["hormon"], np.column_stack([d[column] for column in columns])
    treatment, columns = {
        "veteran": ("trt", ("karno", "diagtime", "age", "prior")),
        "Melanoma": ("ulcer", ("sex", "age", "year", "thickness")),
        "pbc": ("hepato", ("age", "bili", "albumin", "protime", "edema")),
        "sex2": ("case", ("age", "oc", "vic", "vicl", "vis", "dia")),
    }[name]
    d = dataset(name)
    known = np.isfinite(d[treatment]) & np.isfinite([d[column] for column in columns]).all(axis=0)
    treated = d[treatment] == np.nanmax(d[treatment])
    return treated[known].astype(float), np.column_stack([d[column][known] for column in columns])


def third_weights(n: int) -> Floats:
    """Return w = 1 + (i %% 3) / 2 for i from 1 to n."""
    return 1 + (np.arange(1, n + 1) % 3) / 2


def simulated(seed: int, n: int = 60, width: int = 2) -> tuple[Floats, Floats, Floats]:
    """Return treatment, covariates and case weights of a cohort with good overlap."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, width))
    treated = (rng.random(n) < expit(x @ np.full(width, 0.4))).astype(float)
    treated[:2] = 1.0, 0.0
    return treated, x, rng.uniform(0.3, 2.0, n)


def assert_influence_is_derivative(
    fit: Callable[[Floats], ScoreFit], case_weights: Floats, tolerance: float = 1e-6
) -> None:
    """Perturb the case weight of some rows, fit again, and compare with the influence of those rows."""
    influence = fit(case_weights).influence
    size = np.abs(influence).max(axis=0)
    for row in range(0, case_weights.size, max(1, case_weights.size // 8)):
        up, down = (fit(_changed(case_weights, row, by)).coefficients for by in (STEP, -STEP))
        np.testing.assert_allclose((up - down) / (2 * STEP) / size, influence[row] / size, atol=tolerance)


def assert_weights_follow(fit: Callable[[Floats], WeightModel], case_weights: Floats, tolerance: float = 1e-6) -> None:
    """Perturb the case weight of some rows, fit again, and compare the other weights with derivative and influence."""
    model = fit(case_weights)
    assert model.derivative.shape == model.influence.shape
    for row in range(0, case_weights.size, max(1, case_weights.size // 8)):
        changed = (_changed(case_weights, row, by) for by in (STEP, -STEP))
        up, down = (fit(case).weights / case for case in changed)
        through = (model.derivative @ model.influence[row]) / case_weights
        np.testing.assert_allclose((up - down) / (2 * STEP), through, atol=tolerance * np.abs(through).max())


def _changed(case_weights: Floats, row: int, by: float) -> Floats:
    changed = case_weights.copy()
    changed[row] *= 1 + by
    return changed
