import numpy as np
import pytest
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.effects.hazard import weighted_hazard_ratio
from counterpoise.kernels.effects.mean_difference import weighted_mean_difference
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.weighting.estimands import Estimand
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.effects.chain import known, logistic_model

NAME = "weighted_effects"
SCHEMES: tuple[tuple[str, Estimand, bool], ...] = (
    ("ATE stabilised", "ATE", True), ("ATE", "ATE", False), ("ATT", "ATT", False), ("ATC", "ATC", False),
    ("ATO", "ATO", False),
)  # fmt: skip
AT = {"veteran": (50.0, 150.0), "lung": (180.0, 365.0), "colon": (700.0, 1500.0)}
HORIZON = {"veteran": 150.0, "lung": 365.0, "colon": 1500.0}
EVERY_TIES: tuple[Ties, ...] = ("efron", "breslow")
# R's Cox model of these references ended at a relative change of the log-likelihood of 1e-9.
STOPS_EARLY = 1e-8


def rows(name: str) -> tuple[Floats, Bools, Bools, Floats]:
    """Return time, event, treatment and covariates of the rows that 31_weighted_effects.R takes."""
    d = dataset(name)
    if name == "veteran":
        return d["time"], d["status"] == 1, d["trt"] == 2, np.column_stack([d["age"], d["karno"], d["diagtime"]])
    if name == "lung":
        kept = ~np.isnan(d["ph.ecog"] + d["age"] + d["wt.loss"])
        x = np.column_stack([d["age"], d["ph.ecog"], d["wt.loss"]])
        return d["time"][kept], d["status"][kept] == 2, d["sex"][kept] == 2, x[kept]
    kept = (d["etype"] == 2) & (d["rx"] != "Lev") & ~np.isnan(d["nodes"]) & (d["id"] % 2 == 0)
    x = np.column_stack([d["age"], d["nodes"], d["extent"]])
    return d["time"][kept], d["status"][kept] == 1, d["rx"][kept] == "Lev+5FU", x[kept]


def effects(name: str, estimand: Estimand, *, stabilised: bool) -> tuple[Floats, Floats]:
    """Return the 14 estimates of the R chain and their stacked errors."""
    time, event, treated, x = rows(name)
    model = logistic_model(treated, x, estimand, stabilised=stabilised)
    ratios = [weighted_hazard_ratio(time, event, treated, model, ties=ties) for ties in EVERY_TIES]
    curves = weighted_survival(time, event, treated, model, AT[name])
    area = weighted_mean_difference(time, event, treated, model, HORIZON[name])
    parts = [curves.survival, curves.difference, curves.log_ratio, area.mean, area.difference, area.log_ratio]
    estimate = [ratio.log_hazard_ratio for ratio in ratios]
    std_error = [ratio.stacked_std_error for ratio in ratios]
    for part in parts:
        estimate += np.ravel(part.estimate).tolist()
        std_error += np.ravel(part.stacked_std_error).tolist()
    return np.array(estimate), np.array(std_error)


NAMES = {
    "log hazard ratio, Efron": slice(0, 1),
    "log hazard ratio, Breslow": slice(1, 2),
    "survival at t": slice(2, 6),
    "difference of survival": slice(6, 8),
    "log ratio of survival": slice(8, 10),
    "restricted mean": slice(10, 12),
    "difference of restricted means": slice(12, 13),
    "log ratio of restricted means": slice(13, 14),
}


@pytest.mark.parametrize("name", ["veteran", "lung", "colon"])
@pytest.mark.parametrize("place", range(5))
def test_stacked_variance_is_that_of_the_chain_differentiated_in_r(name: str, place: int) -> None:
    scheme, estimand, stabilised = SCHEMES[place]
    assert golden(NAME, f"chain_{name}")["schemes"][place] == scheme
    estimate, std_error = effects(name, estimand, stabilised=stabilised)
    r_estimate = floats(golden(NAME, f"chain_{name}")["estimate"])[:, place]
    r_std_error = floats(golden(NAME, f"stacked_{name}")["std_error"])[:, place]
    assert estimate.size == r_estimate.size
    for what, part in NAMES.items():
        agrees(
            f"Weighted effects: {what}", NAME, f"chain_{name}", estimate[part], r_estimate[part], relative_to="largest",
        )  # fmt: skip
        agrees(
            f"Weighted effects: stacked standard error of {what}", NAME, f"stacked_{name}", std_error[part],
            r_std_error[part],
        )  # fmt: skip


@pytest.mark.parametrize("name", ["veteran", "lung", "colon"])
@pytest.mark.parametrize("place", range(5))
def test_fixed_and_naive_variance(name: str, place: int) -> None:
    scheme, estimand, stabilised = SCHEMES[place]
    time, event, treated, x = rows(name)
    model = logistic_model(treated, x, estimand, stabilised=stabilised)
    key, r = f"fixed_{name}", golden(NAME, f"fixed_{name}")[scheme]

    def same(what: str, ours: ArrayLike, theirs: object) -> None:
        agrees(f"Weighted effects: {what}", NAME, key, ours, theirs, relative_to="largest")

    for ties in EVERY_TIES:
        found = weighted_hazard_ratio(time, event, treated, model, ties=ties)
        same(
            f"fixed-weight standard error of log hazard ratio, {ties.capitalize()}",
            found.fixed_std_error,
            r[ties]["se"],
        )
        same(
            f"naive standard error of log hazard ratio, {ties.capitalize()}", found.naive_std_error, r[ties]["naive_se"]
        )
        same(f"fixed-weight log-rank, {ties.capitalize()}", found.log_rank.fixed_statistic, r[ties]["rscore"])
    curves = weighted_survival(time, event, treated, model, AT[name]).survival
    same("fixed-weight standard error of survival at t", curves.fixed_std_error.ravel(), r["std_err"])


def rotterdam_weights(d: dict[str, np.ndarray], scheme: str) -> Floats:
    """Return weights by their textbook formulas."""
    a = d["hormon"]
    x = np.column_stack([d[c] for c in ("age", "meno", "size20", "size50", "grade3", "lnodes", "lpgr", "ler", "chemo")])
    p = logistic(a, x).probability
    ate = a / p + (1 - a) / (1 - p)
    formulas = {
        "ate": ate,
        "att": a + (1 - a) * p / (1 - p),
        "ato": a * (1 - p) + (1 - a) * p,
        "atm": np.minimum(p, 1 - p) * ate,
        "stab": ate * np.where(a == 1, a.mean(), 1 - a.mean()),
        "trim": np.minimum(ate, np.quantile(ate, 0.99)),
        "norm": ate / np.where(a == 1, ate[a == 1].mean(), ate[a == 0].mean()),
    }
    return formulas[scheme]


def held(key: str, d: dict[str, np.ndarray], weights: Floats, **structure: object) -> None:
    """Hold the hazard ratio with fixed weights against R's robust Cox model."""
    name, r = "cox_weighted", golden("cox_weighted", key)
    time, event = (d["rfsmonths"], d["rfs"]) if "rfs" in key else (d["dmonths"], d["death"])
    found = weighted_hazard_ratio(time, event, d["hormon"], known(weights), **structure)  # pyright: ignore[reportArgumentType]
    section = f"Weighted effects, rotterdam ({found.ties.capitalize()})"
    robust = np.sqrt(floats(r["robust_vcov"]).ravel()[0])
    for what, ours, theirs in (
        ("log hazard ratio", found.log_hazard_ratio, r["coef"][0]),
        ("fixed-weight standard error", found.fixed_std_error, robust),
        ("naive standard error", found.naive_std_error, np.sqrt(floats(r["vcov"]).ravel()[0])),
        ("fixed-weight log-rank", found.log_rank.fixed_statistic, r["robust_score_chisq"]),
    ):
        agrees(f"{section}: {what}", name, key, ours, theirs, tolerance=STOPS_EARLY)
    assert found.stacked_std_error == found.fixed_std_error


@pytest.mark.parametrize("scheme", ["ate", "att", "ato", "atm", "norm"])
def test_rotterdam_efron(scheme: str) -> None:
    d = rotterdam()
    held(f"cox_iptw_w_{scheme}", d, rotterdam_weights(d, scheme))


@pytest.mark.parametrize("scheme", ["att", "ato", "atm", "stab", "trim", "norm"])
def test_rotterdam_breslow(scheme: str) -> None:
    d = rotterdam()
    held(f"cox_iptw_breslow_w_{scheme}", d, rotterdam_weights(d, scheme), ties="breslow")


def test_rotterdam_with_strata_clusters_and_entry() -> None:
    d = rotterdam()
    weights = rotterdam_weights(d, "ate")
    held("cox_iptw_strata", d, weights, stratum=d["size"])
    held("cox_iptw_cluster_year", d, weights, cluster=d["year"])
    held("cox_iptw_ltrunc", d, weights, cluster=d["pid"], entry=d["entry_months"])


def test_node_positive_patients() -> None:
    d = rotterdam(node_positive=True)
    held("np_cox_iptw_w_ate", d, rotterdam_weights(d, "ate"))
    held("np_cox_iptw_rfs_w_att", d, rotterdam_weights(d, "att"))


@pytest.mark.parametrize("scheme", ["ate", "ato", "norm"])
def test_the_survey_variance_is_the_fixed_one_with_its_factor(scheme: str) -> None:
    d, key = rotterdam(), f"svycoxph_w_{scheme}"
    found = weighted_hazard_ratio(d["dmonths"], d["death"], d["hormon"], known(rotterdam_weights(d, scheme)))
    r, n = golden("weighted_outcomes", key), d["death"].size
    section = "Weighted effects, rotterdam"
    agrees(
        f"{section}: log hazard ratio of svycoxph",
        "weighted_outcomes",
        key,
        found.log_hazard_ratio,
        r["coef"][0],
        tolerance=STOPS_EARLY,
    )
    error = found.fixed_std_error * np.sqrt(n / (n - 1))
    agrees(f"{section}: standard error of svycoxph", "weighted_outcomes", key, error, r["se"][0], tolerance=STOPS_EARLY)


@pytest.mark.parametrize(
    "key",
    [f"km_iptw_w_{s}" for s in ("ate", "att", "atm", "stab", "trim", "norm")]
    + [f"np_km_iptw_w_{s}" for s in ("ate", "att", "ato")],
)
def test_weighted_curves(key: str) -> None:
    name = "outcomes" if key.startswith("np_") else "weighted_outcomes"
    d = rotterdam(node_positive=key.startswith("np_"))
    r = golden(name, key)
    r = r.get("at", r)
    weights = rotterdam_weights(d, key.rsplit("_", 1)[1])
    found = weighted_survival(d["dmonths"], d["death"], d["hormon"], known(weights), [12, 36, 60, 120], interval="log")
    section = "Weighted effects, rotterdam"
    for what, ours, theirs in (
        ("survival at t", found.survival.estimate, r["surv"]),
        ("fixed-weight standard error of survival at t", found.survival.fixed_std_error, r["std_err"]),
        ("lower limit of survival at t", found.survival.lower, r["lower"]),
        ("upper limit of survival at t", found.survival.upper, r["upper"]),
        ("weights at risk", found.at_risk, r["n_risk"]),
    ):
        agrees(f"{section}: {what}", name, key, ours.ravel(), theirs)
