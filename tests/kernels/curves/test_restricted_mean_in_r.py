"""Restricted means, their regression, and pseudo-observations against R: survival, survRM2, prodlim and geepack."""

from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.pseudo_observations import PseudoQuantity, pseudo_observations
from counterpoise.kernels.curves.pseudo_regression import pseudo_regression
from counterpoise.kernels.curves.restricted_mean import Contrast, restricted_mean, restricted_mean_comparison
from counterpoise.kernels.curves.restricted_mean_regression import restricted_mean_regression
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees

NAME = "restricted_mean"
PLAIN = "Restricted mean"
COMPARED = "Restricted means compared"
REGRESSION = "Restricted mean regression"
PSEUDO = "Pseudo-observations"
GEE = "Pseudo-observation regression"
NORMAL = 1.959963984540054

Rows = tuple[Floats, Floats, Floats]


def arms(name: str) -> Rows:
    """Return times, events and groups of a data set as the script has them."""
    if name == "rott":
        d = rotterdam()
        return d["dmonths"], d["death"], d["hormon"]
    if name == "lung":
        d = dataset("lung")
        return d["time"], d["status"] - 1, d["sex"]
    if name == "veteran":
        d = dataset("veteran")
        return d["time"], d["status"], d["trt"]
    if name == "colon":
        d = dataset("colon")
        keep = d["etype"] == 2
        return d["time"][keep], d["status"][keep], np.unique(d["rx"][keep], return_inverse=True)[1].astype(float)
    d = dataset("pbc")
    keep = ~np.isnan(d["trt"])
    return d["time"][keep], (d["status"][keep] == 2).astype(float), d["trt"][keep]


def table(key: str) -> Floats:
    """Return (k, 2) restricted means and standard errors that R's survfit prints, a row for each curve."""
    r = golden(NAME, key)
    if "rmean" in r:
        return floats([[r["rmean"], r["se(rmean)"]]])
    return floats(r["values"])[:, [r["cols"].index("rmean"), r["cols"].index("se(rmean)")]]


@pytest.mark.parametrize(
    ("name", "key", "horizon"),
    [
        ("lung", "rmean_lung_sex_365", 365.0),
        ("rott", "rmean_rott_hormon_60", 60.0),
        ("rott", "rmean_rott_hormon_120", 120.0),
        ("veteran", "rmean_veteran_trt_200", 200.0),
        ("pbc", "rmean_pbc_trt_3000", 3000.0),
    ],
)
def test_value_and_standard_error(name: str, key: str, horizon: float) -> None:
    time, event, group = arms(name)
    levels = np.unique(group)
    means = [restricted_mean(time[group == level], event[group == level], horizon) for level in levels]
    agrees(f"{PLAIN}: value", NAME, key, [m.value for m in means], table(key)[:, 0])
    agrees(f"{PLAIN}: standard error (Greenwood)", NAME, key, [m.std_error for m in means], table(key)[:, 1])
    reach = NORMAL * table(key)[:, 1]
    value, lost = table(key)[:, 0], horizon - table(key)[:, 0]
    limits = [[m.lower, m.upper] for m in means]
    agrees(f"{PLAIN}: limits", NAME, key, limits, np.column_stack([value - reach, value + reach]))
    ours = [[m.time_lost, m.std_error, m.time_lost_lower, m.time_lost_upper] for m in means]
    theirs = np.column_stack([lost, table(key)[:, 1], lost - reach, lost + reach])
    agrees(f"{PLAIN}: time lost and its limits", NAME, key, ours, theirs)
    grouped = restricted_mean_comparison(time, event, group, horizon).groups
    assert [m.value for m in grouped] == [m.value for m in means]


def test_late_entry() -> None:
    d = dataset("veteran")
    entry = np.where(np.arange(1, 138) % 3 == 0, np.floor(d["time"] / 2), 0)
    mean, key = restricted_mean(d["time"], d["status"], 200, entry=entry), "rmean_veteran_entry_200"
    agrees(f"{PLAIN}: value", NAME, key, [mean.value], table(key)[:, 0])
    agrees(f"{PLAIN}: standard error (Greenwood)", NAME, key, [mean.std_error], table(key)[:, 1])


def whole(name: str) -> tuple[Floats, Floats]:
    d = dataset(name)
    event = {"lung": d["status"] - 1, "veteran": d["status"], "pbc": d["status"] == 2, "Melanoma": d["status"] == 1}
    return d["time"], event[name].astype(float)


@pytest.mark.parametrize(("name", "horizon"), [("lung", 365.0), ("veteran", 200.0), ("pbc", 3000.0)])
def test_weights_and_clusters(name: str, horizon: float) -> None:
    time, event = whole(name)
    number = np.arange(1, time.size + 1)
    weights, centre, key = 0.5 + (number % 5) / 4, number % 7, f"rmean_weighted_{name}"
    r = golden(NAME, key)
    mean = restricted_mean(time, event, horizon, weights=weights)
    clustered = restricted_mean(time, event, horizon, weights=weights, cluster=centre)
    greenwood = restricted_mean(time, event, horizon, weights=weights, robust=False)
    agrees(f"{PLAIN}: value under weights", NAME, key, mean.value, r["value"])
    agrees(f"{PLAIN}: standard error under weights", NAME, key, mean.std_error, r["se"])
    agrees(f"{PLAIN}: standard error in clusters", NAME, key, clustered.std_error, r["clustered"])
    agrees(f"{PLAIN}: Greenwood's formula on weighted counts", NAME, key, greenwood.std_error, r["greenwood"])
    agrees(f"{PLAIN}: influence values", NAME, key, mean.influence, r["influence"], relative_to="largest")


@pytest.mark.parametrize(
    ("name", "key", "horizon"),
    [
        ("rott", "rmst2_rott_60", 60.0),
        ("lung", "rmst2_lung365", 365.0),
    ],
)
def test_comparison_of_survrm2(name: str, key: str, horizon: float) -> None:
    time, event, group = arms(name)
    r = golden("rmst2", key)
    assert r["tau"] == horizon
    result = restricted_mean_comparison(time, event, group, horizon)
    for mean, arm in zip(result.groups, ("arm0", "arm1"), strict=True):
        value, std_error, *limits = r[f"rmst_{arm}"].values()
        agrees(f"{PLAIN}: value", "rmst2", key, mean.value, value)
        agrees(f"{PLAIN}: standard error (Greenwood)", "rmst2", key, mean.std_error, std_error)
        agrees(f"{PLAIN}: limits", "rmst2", key, [mean.lower, mean.upper], limits)
        lost = [mean.time_lost, mean.std_error, mean.time_lost_lower, mean.time_lost_upper]
        agrees(f"{PLAIN}: time lost and its limits", "rmst2", key, lost, list(r[f"rmtl_{arm}"].values()))
    contrasts = {"difference": result.difference, "ratio": result.ratio, "ratio of time lost": result.time_lost_ratio}
    for (what, contrast), theirs in zip(contrasts.items(), r["unadjusted"]["values"], strict=True):
        ours = [contrast.estimate[0], contrast.lower[0], contrast.upper[0], contrast.p_value[0]]
        agrees(f"{COMPARED}: {what}", "rmst2", key, ours, theirs)


@pytest.mark.parametrize(("name", "horizon"), [("lung", 365.0), ("veteran", 200.0), ("pbc", 3000.0)])
def test_contrasts(name: str, horizon: float) -> None:
    result, key = restricted_mean_comparison(*arms(name), horizon), f"contrast_{name}_{horizon:.0f}"
    contrasts: dict[str, tuple[str, Contrast]] = {
        "difference": ("difference", result.difference),
        "ratio": ("ratio", result.ratio),
        "time_lost_ratio": ("ratio of time lost", result.time_lost_ratio),
    }
    for field, (what, contrast) in contrasts.items():
        ours = (contrast.estimate, contrast.std_error, contrast.lower, contrast.upper, contrast.z, contrast.p_value)
        agrees(f"{COMPARED}: {what}", NAME, key, np.concatenate(ours), list(golden(NAME, key)[field].values()))


@pytest.mark.parametrize(("name", "key"), [("colon", "rx_2000"), ("veteran", "celltype_100"), ("pbc", "stage_2000")])
def test_equality_of_several_groups(name: str, key: str) -> None:
    time, event, group = arms(name)
    if name == "veteran":
        group = dataset("veteran")["celltype"]
    if name == "pbc":
        time, event, group = *whole("pbc"), dataset("pbc")["stage"]
        time, event, group = (v[~np.isnan(dataset("pbc")["stage"])] for v in (time, event, group))
    result = restricted_mean_comparison(time, event, group, float(key.split("_")[1]))
    r = golden(NAME, f"equality_{name}_{key}")
    assert result.degrees_of_freedom == r["df"]
    agrees(f"{COMPARED}: chi-squared of equality", NAME, f"equality_{name}_{key}", result.chi_squared, r["chisq"])
    agrees(f"{COMPARED}: p of equality", NAME, f"equality_{name}_{key}", result.p_value, r["p"])


MODELS: dict[str, dict[str, Any]] = {
    "difference": {"link": "identity"},
    "ratio": {"link": "log"},
    "time_lost_ratio": {"link": "log", "quantity": "time lost"},
}


def adjusted(name: str) -> tuple[Floats, Floats, Floats, Floats]:
    """Return times, events, covariates and censoring groups of the adjusted analyses."""
    if name == "rott":
        d = rotterdam()
        x = np.column_stack([d[column] for column in ("hormon", "age", "lnodes", "grade3")])
        return d["dmonths"], d["death"], x, d["hormon"]
    d = dataset(name)
    if name == "lung":
        x, keep = np.column_stack([d["sex"], d["age"], d["ph.ecog"]]), ~np.isnan(d["ph.ecog"])
    elif name == "veteran":
        x, keep = np.column_stack([d["trt"], d["karno"], d["age"]]), np.full(137, True)
    else:
        x, keep = np.column_stack([d["trt"], d["age"], np.log(d["bili"])]), ~np.isnan(d["trt"])
    time, event = whole(name)
    return time[keep], event[keep], x[keep], x[keep, 0]


@pytest.mark.parametrize("horizon", [60.0, 120.0])
def test_adjusted_analysis_of_survrm2(horizon: float) -> None:
    time, event, x, arm = adjusted("rott")
    key = f"rmst2_adj_rott_{horizon:.0f}"
    for model, r_name in zip(MODELS, ("difference", "ratio", "rmtl_ratio"), strict=True):
        fit = restricted_mean_regression(time, event, x, horizon, censoring_group=arm, **MODELS[model])
        r = floats(golden("rmst2", key)[r_name]["values"])
        # survRM2 fits ratios by glm(), which ends at a relative change of the deviance of 1e-8: 3e-9 of a coefficient.
        tolerance = 1e-10 if model == "difference" else 1e-8
        ratio = model != "difference"
        limits = [np.exp(v) if ratio else v for v in (fit.lower, fit.upper)]
        where = f"{REGRESSION}: {model.replace('_', ' ')}"
        agrees(f"{where}, coefficients", "rmst2", key, fit.coefficients, r[:, 0], tolerance=tolerance)
        agrees(f"{where}, standard errors", "rmst2", key, fit.std_error, r[:, 1], tolerance=tolerance)
        agrees(f"{where}, limits", "rmst2", key, np.column_stack(limits), r[:, -2:], tolerance=tolerance)
        # R's p is 1 - pchisq(), which keeps 16 digits after the point, not 16 digits.
        np.testing.assert_allclose(fit.p_value, r[:, 3], atol=1e-8)


@pytest.mark.parametrize("key", ["ipcw_lung_365", "ipcw_veteran_200", "ipcw_pbc_3000"])
@pytest.mark.parametrize("model", list(MODELS))
def test_adjusted_analysis(key: str, model: str) -> None:
    _, name, horizon = key.split("_")
    time, event, x, arm = adjusted(name)
    fit = restricted_mean_regression(time, event, x, float(horizon), censoring_group=arm, **MODELS[model])
    r, where = golden(NAME, key)[model], f"{REGRESSION}: {model.replace('_', ' ')}"
    assert fit.verdict is Verdict.CONVERGED
    agrees(f"{where}, coefficients", NAME, key, fit.coefficients, r["coef"])
    agrees(f"{where}, standard errors", NAME, key, fit.std_error, r["se"])
    agrees(f"{where}, covariance", NAME, key, fit.covariance, r["vcov"], relative_to="largest")
    limits = np.array(r["coef"])[:, None] + NORMAL * np.outer(r["se"], [-1, 1])
    ours = np.column_stack([fit.lower, fit.upper])
    if model != "difference":
        limits, ours = np.exp(limits), np.exp(ours)
    agrees(f"{where}, limits", NAME, key, ours, limits)


TIMES = {"lung": [100, 365, 600], "veteran": [50, 100, 300], "Melanoma": [1000, 2000, 3000]}


@pytest.mark.parametrize("name", list(TIMES))
@pytest.mark.parametrize(("quantity", "short"), [("survival", "survival"), ("restricted mean", "rmst")])
def test_pseudo_observations(name: str, quantity: PseudoQuantity, short: str) -> None:
    time, event = whole(name)
    exact = pseudo_observations(time, event, TIMES[name], quantity=quantity)
    key = f"jackknife_{short}_{name}"
    what, program = f"{PSEUDO}: {quantity}", "prodlim" if short == "survival" else "refits"
    agrees(f"{what}, jackknife ({program})", NAME, key, exact.values, golden(NAME, key), relative_to="largest")
    limit = pseudo_observations(time, event, TIMES[name], quantity=quantity, kind="infinitesimal")
    key = f"infinitesimal_{short}_{name}"
    agrees(f"{what}, infinitesimal (survival)", NAME, key, limit.values, golden(NAME, key), relative_to="largest")


@pytest.mark.parametrize(
    ("name", "times"), [("Melanoma", [1000, 2000, 3000]), ("pbc", [1000, 3000]), ("transplant", [50, 400])]
)
def test_pseudo_observations_of_incidence(name: str, times: list[float]) -> None:
    d = dataset(name)
    if name == "transplant":
        codes = {"censored": 0.0, "death": 1.0, "ltx": 2.0, "withdraw": 3.0}
        time, event = d["futime"], np.array([codes[str(value)] for value in d["event"]])
        time, event = time[d["futime"] > 0], event[d["futime"] > 0]
    else:
        time, event = d["time"], d["status"]
        event = np.select([event == 1, event == 3], [1.0, 2.0], 0.0) if name == "Melanoma" else event
    for kind, program in (("jackknife", "prodlim"), ("infinitesimal", "survival")):
        key = f"{kind}_incidence_{name}"
        ours = pseudo_observations(time, event, times, quantity="cumulative incidence", kind=kind)  # pyright: ignore[reportArgumentType]
        what = f"{PSEUDO}: cumulative incidence, {kind} ({program})"
        agrees(what, NAME, key, ours.values, golden(NAME, key), relative_to="largest")


@pytest.mark.parametrize("name", list(TIMES))
def test_regression_of_pseudo_observations(name: str) -> None:
    d, (time, event) = dataset(name), whole(name)
    covariates = {"lung": ("sex", "age"), "veteran": ("trt", "karno"), "Melanoma": ("sex", "thickness")}
    x = np.column_stack([d[column] for column in covariates[name]])
    x[:, 0] -= name == "veteran"
    survival = pseudo_observations(time, event, TIMES[name]).values
    mean = pseudo_observations(time, event, TIMES[name][1:2], quantity="restricted mean").values
    number = np.arange(1, time.size + 1)
    fits = {
        "identity_rmst": pseudo_regression(mean, x),
        "log_rmst": pseudo_regression(mean[:, 0], x, link="log"),
        "logit_survival": pseudo_regression(survival, x, link="logit"),
        "cloglog_death": pseudo_regression(1 - survival, x, link="cloglog"),
        "cluster": pseudo_regression(survival, x, link="cloglog", cluster=number % 30),
        "weights": pseudo_regression(survival, x, weights=0.5 + (number % 5) / 4),
    }
    for what, fit in fits.items():
        key = f"gee_{what}_{name}"
        r, where = golden(NAME, key), f"{GEE}: {what.replace('_', ', ')}"
        assert fit.verdict is Verdict.CONVERGED
        agrees(f"{where}, coefficients", NAME, key, fit.coefficients, r["coef"], tolerance=1e-8)
        agrees(f"{where}, standard errors", NAME, key, fit.std_error, r["se"], tolerance=1e-8)
        agrees(f"{where}, covariance", NAME, key, fit.covariance, r["vcov"], tolerance=1e-8, relative_to="largest")
