"""Residuals of Cox fits against R's survival, by hand, against their definitions, and their properties."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.residuals import ResidualKind, residuals, schoenfeld_residuals
from counterpoise.kernels.verdict import Verdict
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.cox.after_cox import cgd, columns, heart, lung, model, veteran
from tests.kernels.cox.slow_cox import Cohort, cohort

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


def test_collapsed_in_r() -> None:
    h, c, v = heart(), cgd(), veteran()
    fits = {
        "collapse_heart": (
            cox(h["stop"], h["event"], columns(h, "age year surgery transplanted"), entry=h["start"]),
            h["id"],
        ),
        "collapse_cgd": (cox(c["tstop"], c["status"], columns(c, "drug age"), entry=c["tstart"]), c["id"]),
    }
    for key, (fit, labels) in fits.items():
        for kind in KINDS[:4]:
            if (key, kind) == ("collapse_cgd", "deviance"):
                continue  # patients with several events, for whom R's formula does not hold
            few_agree(
                f"Residuals, collapsed: {kind}",
                key,
                residuals(fit, kind, collapse=labels),
                golden("cox_after", key)[kind],
            )
    fit = cox(v["months"], v["status"], columns(v, "trt karno"), weights=v["w"])
    kinds: tuple[ResidualKind, ...] = ("martingale", "score", "dfbeta")
    for kind in kinds:
        ours = residuals(fit, kind, weighted=True, collapse=v["group"])
        agrees(
            f"Residuals, collapsed: {kind}",
            "cox_after",
            "collapse_veteran",
            ours if ours.ndim == 2 else ours[:, None],
            golden("cox_after", "collapse_veteran")[kind]["values"],
            tolerance=ROUNDING,
            relative_to="largest",
        )


def test_of_split_rows_in_r() -> None:
    d, v = lung(), veteran()
    cases = {
        "lung": (d["time"], d["died"], columns(d, "age sex"), (0.0, 100.0, 300.0, np.inf)),
        "veteran": (v["time"], v["status"], columns(v, "trt karno"), (0.0, 20.0, 100.0, np.inf)),
    }
    for name, (time, event, x, cuts) in cases.items():
        parts = [(np.flatnonzero(time > start), start, stop) for start, stop in pairwise(cuts)]
        row = np.concatenate([rows for rows, _, _ in parts])
        entry = np.concatenate([np.full(rows.size, start) for rows, start, _ in parts])
        stop = np.concatenate([np.minimum(time[rows], stop) for rows, _, stop in parts])
        fit = cox(stop, (event[row] == 1) & (stop == time[row]), x[row], entry=entry)
        key = f"collapse_{name}_split"
        for kind in KINDS[:4]:
            theirs = golden("cox_after", key)[kind]
            few_agree(f"Residuals, collapsed: {kind}", key, residuals(fit, kind, collapse=row), theirs)
        whole = cox(time, event, x)
        np.testing.assert_allclose(residuals(fit, "deviance", collapse=row), residuals(whole, "deviance"), atol=1e-8)


# ---- by hand: six rows of Therneau's validation, Breslow's ties; r = exp(b), deaths at 1, 6 (two) and 9 -----------

SIX: dict[str, Any] = {"time": [1, 1, 6, 6, 8, 9], "event": [1, 0, 1, 1, 0, 1], "x": [1, 1, 1, 0, 0, 0]}


def test_by_hand() -> None:
    fit = cox(**SIX, ties="breslow")
    r = np.exp(fit.coefficients[0])
    first, second = 1 / (3 * r + 3), 2 / (r + 3)
    expected = np.array([r, r, r, 1, 1, 1]) * (first + second * np.array([0, 0, 1, 1, 1, 1]) + [0, 0, 0, 0, 0, 1])
    m = np.array([1, 0, 1, 1, 0, 1]) - expected
    np.testing.assert_allclose(residuals(fit), m, rtol=1e-12)
    deviance = np.sign(m) * np.sqrt(-2 * (m + np.array([1, 0, 1, 1, 0, 1]) * np.log(expected)))
    deviance[[1, 4]] = -np.sqrt(-2 * m[[1, 4]])
    np.testing.assert_allclose(residuals(fit, "deviance"), deviance, rtol=1e-12)
    schoenfeld = schoenfeld_residuals(fit)
    np.testing.assert_allclose(schoenfeld.residual[:, 0], [1 / (r + 1), 3 / (r + 3), -r / (r + 3), 0], atol=1e-14)
    assert schoenfeld.row.tolist() == [0, 2, 3, 5]
    assert schoenfeld.time.tolist() == [1, 6, 6, 9]


# ---- slow and obvious ------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["efron", "breslow"]))
def test_agrees_with_the_definitions(seed: int, ties: Any) -> None:
    c = cohort(seed, n=30)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    risk = c.weights * np.exp(c.x @ fit.coefficients)
    expected, means = np.zeros(30), np.zeros((30, 2))
    for i in np.flatnonzero(c.event == 1):
        at_risk = (c.stratum == c.stratum[i]) & (c.entry < c.time[i]) & (c.time[i] <= c.time)
        dead = at_risk & (c.time == c.time[i]) & (c.event == 1)
        d = int(dead.sum())
        for k in range(d):
            left = risk * np.where(dead, 1 - (k / d if ties == "efron" else 0), 1) * at_risk
            expected += c.weights[dead].mean() * left / left.sum() / d
            means[i] += left @ c.x / left.sum() / d
    np.testing.assert_allclose(residuals(fit), c.event - expected / c.weights, atol=1e-10)
    schoenfeld = schoenfeld_residuals(fit)
    rows = schoenfeld.row
    np.testing.assert_allclose(schoenfeld.residual, (c.x - means)[rows], atol=1e-10)
    weighted = schoenfeld_residuals(fit, weighted=True)
    np.testing.assert_allclose(weighted.residual, ((c.x - means) * c.weights[:, None])[rows], atol=1e-10)
    order = by_stratum_and_time(c)
    assert np.array_equal(rows, order[c.event[order] == 1])
    if seed % 3:
        return
    for row in range(0, 30, 7):
        h = 1e-5
        fits = [
            cox(c.time, c.event, c.x, ties=ties, **c.options(weights=c.weights * (1 + s * h * (np.arange(30) == row))))
            for s in (1, -1)
        ]
        slope = (fits[0].coefficients - fits[1].coefficients) / (2 * h)
        np.testing.assert_allclose(residuals(fit, "dfbeta")[row], slope, atol=1e-6 * max(1, np.abs(slope).max()))


def by_stratum_and_time(c: Cohort) -> np.ndarray:
    return np.lexsort((np.arange(c.time.size), c.time, c.stratum))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["efron", "breslow"]))
def test_residuals_sum_to_zero_and_follow_the_rows(seed: int, ties: Any) -> None:
    c = cohort(seed, n=30)
    fit = cox(c.time, c.event, c.x, ties=ties, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    assume(np.abs(fit.coefficients).max() < 5)
    np.testing.assert_allclose(residuals(fit, weighted=True).sum(), 0, atol=1e-9)
    np.testing.assert_allclose(residuals(fit, "score", weighted=True).sum(axis=0), 0, atol=1e-7)
    if ties == "breslow":
        np.testing.assert_allclose(schoenfeld_residuals(fit, weighted=True).residual.sum(axis=0), 0, atol=1e-7)
    order = np.random.default_rng(seed).permutation(30)
    options = {name: values[order] for name, values in c.options().items()}
    again = cox(c.time[order], c.event[order], 4 * c.x[order] + 1, ties=ties, **options)
    for kind in (KINDS[0], KINDS[1], KINDS[4]):
        np.testing.assert_allclose(residuals(again, kind), residuals(fit, kind)[order], atol=1e-7)
    assert fit.influence is not None
    np.testing.assert_allclose(residuals(fit, "dfbeta"), fit.influence, atol=1e-12)


# ---- edges -----------------------------------------------------------------------------------------------------


def test_of_several_events_of_one_patient() -> None:
    """The deviance of N events with expectation E is 2 (N log(N / E) - (N - E)), as for a Poisson count."""
    fit = cox(**SIX, ties="breslow")
    m = residuals(fit, collapse=[0, 0, 1, 1, 1, 1])
    count = np.array([1.0, 3.0])
    expected = count - m
    poisson = np.sign(m) * np.sqrt(2 * (count * np.log(count / expected) - m))
    np.testing.assert_allclose(residuals(fit, "deviance", collapse=[0, 0, 1, 1, 1, 1]), poisson, rtol=1e-12)


def test_rows_never_at_risk_have_none() -> None:
    fit = cox([1, *SIX["time"]], [0, *SIX["event"]], [0, *SIX["x"]], ties="breslow", entry=[0.5, *[0] * 6])
    assert residuals(fit).shape == (7,)
    late = cox([*SIX["time"], 20], [*SIX["event"], 0], [*SIX["x"], 1], ties="breslow", entry=[*[0] * 6, 15])
    for kind in KINDS:
        assert not residuals(late, kind)[-1].any()


def test_what_is_refused() -> None:
    fit = cox(**SIX)
    wrong: Any = "pearson"
    with pytest.raises(InputError, match="`kind` must be one of 'martingale'"):
        residuals(fit, wrong)
    with pytest.raises(InputError, match="`weighted` must not be true for deviance"):
        residuals(fit, "deviance", weighted=True)
    with pytest.raises(InputError, match="`collapse` must have 6 elements"):
        residuals(fit, collapse=[1, 2])
    with pytest.raises(InputError, match="`collapse` must not be missing"):
        residuals(fit, collapse=[1.0, np.nan, 1, 1, 1, 1])
    exact = model("lung", "exact")
    with pytest.raises(InputError, match="its ties are 'exact'"):
        residuals(exact, "score")
    with pytest.raises(InputError, match="its ties are 'exact'"):
        schoenfeld_residuals(exact)
    for bad in (
        cox([1.0, 2.0], [0, 0], [1.0, 2.0]),
        cox([1.0, 2.0, 3.0], [1, 1, 0], [3.0, 2.0, 1.0]),
        cox([1.0, 2.0, 3.0], [1, 1, 0], [[1.0, 2], [0, 0], [2, 4]]),
        cox([2.0], [1], [1.0]),
    ):
        with pytest.raises(FitError):
            residuals(bad)
        with pytest.raises(FitError):
            schoenfeld_residuals(bad)
