"""Residuals of Cox fits against R's survival, by hand, against their definitions, and their properties."""

from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox_residuals import ResidualKind, residuals, schoenfeld_residuals
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.after_cox import model

NAMES = (
    "lung",
    "lung_weights",
    "lung_entry_strata",
    "lung_offset",
    "veteran_months",
    "veteran_strata_weights",
    "heart",
    "cgd",
    "rotterdam_entry",
    "rotterdam_all",
)
EXACT = ("veteran_months", "lung", "lung_exact_strata")
KINDS: tuple[ResidualKind, ...] = ("martingale", "deviance", "score", "dfbeta", "dfbetas")
ROUNDING = 1e-8  # residuals move with the coefficients, which are iterated


def few_agree(quantity: str, key: str, ours: Floats, r: dict[str, Any]) -> None:
    ours = ours if ours.ndim == 2 else ours[:, None]
    for part, values in {"head": ours[:30], "sumsq": (ours**2).sum(axis=0)}.items():
        agrees(quantity, "cox_after", key, values, r[part], tolerance=ROUNDING, relative_to="largest")
    # sums of residuals cancel: what is left is rounding of that many terms
    np.testing.assert_allclose(ours.sum(axis=0), r["sum"], atol=1e-9 * np.abs(ours).sum())


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", NAMES)
def test_in_r(name: str, ties: str) -> None:
    fit, key = model(name, ties), f"after_{name}_{ties}"
    r = golden("cox_after", key)
    for kind in KINDS:
        few_agree(f"Residuals: {kind}", key, residuals(fit, kind), r["residuals"][kind])
    few_agree("Residuals: martingale", key, residuals(fit, weighted=True), r["martingale_weighted"])
    events = schoenfeld_residuals(fit)
    few_agree("Residuals: Schoenfeld", key, events.residual, r["schoenfeld"])
    np.testing.assert_allclose(events.time[:30], r["schoenfeld_time"], rtol=1e-12)
    few_agree("Residuals: scaled Schoenfeld", key, schoenfeld_residuals(fit, scaled=True).residual, r["scaled"])


@pytest.mark.parametrize("name", EXACT)
def test_exact_ties_in_r(name: str) -> None:
    key = f"after_{name}_exact" if "exact" not in name else f"after_{name}"
    fit, r = model(name, "exact"), golden("cox_after", key)
    for kind in KINDS[:2]:
        few_agree(f"Residuals: {kind}", key, residuals(fit, kind), r["residuals"][kind])
