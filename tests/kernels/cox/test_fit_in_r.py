"""Cox fits against R's survival: coefficients, both covariances, likelihoods and the three tests."""

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.cox_against_r import STOPS_EARLY, columns, held, indicators

FULL = "age meno size20 size50 grade3 lnodes lpgr ler hormon chemo"


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("endpoint", "time", "event"), [("os", "dmonths", "death"), ("rfs", "rfsmonths", "rfs")])
def test_ten_covariates(endpoint: str, time: str, event: str, ties: str) -> None:
    d = rotterdam()
    fit = cox(d[time], d[event], columns(d, FULL), ties=ties)  # pyright: ignore[reportArgumentType]
    held("tied times", fit, "cox", f"cox_rott_{endpoint}_{ties}", STOPS_EARLY)


def test_categories() -> None:
    d = rotterdam()
    x = np.column_stack(
        [
            d["hormon"],
            columns(d, "size20 size50"),
            indicators(d["nodegrp"], [1.0, 2.0, 3.0]),
            indicators(d["agegrp"], [1.0, 2.0, 3.0]),
            d["grade3"],
        ]
    )
    held("tied times", cox(d["dmonths"], d["death"], x), "cox", "cox_rott_factors", STOPS_EARLY)


def test_likelihood_ratio_of_nested_models() -> None:
    d = rotterdam()
    full = np.column_stack([columns(d, "hormon age size20 size50"), indicators(d["nodegrp"], [1.0, 2.0, 3.0])])
    fits = [cox(d["dmonths"], d["death"], full[:, :2]), cox(d["dmonths"], d["death"], full)]
    log_likelihoods, key = [f.log_likelihood for f in fits], "cox_nested_lrt"
    theirs = golden("cox", key)["loglik"]
    agrees("Cox regression, tied times (Efron): log-likelihood", "cox", key, log_likelihoods, theirs, tolerance=1e-12)


def test_late_entry() -> None:
    d = rotterdam()
    x = columns(d, "hormon age size20 size50 lnodes")
    fit = cox(d["dmonths"], d["death"], x, entry=d["entry_months"], ties="breslow")
    held("left truncation", fit, "cox", "cox_rott_ltrunc_breslow", STOPS_EARLY)


def test_hazard_ratio_by_period() -> None:
    d = rotterdam()
    cuts = np.array([0.0, 24.0, 60.0, np.inf])
    rows = [np.flatnonzero(d["dmonths"] > start) for start in cuts[:-1]]
    entry = np.concatenate([np.full(r.size, start) for r, start in zip(rows, cuts[:-1], strict=True)])
    stop = np.concatenate([np.minimum(d["dmonths"][r], end) for r, end in zip(rows, cuts[1:], strict=True)])
    period = np.repeat(np.arange(3), [r.size for r in rows])
    row = np.concatenate(rows)
    event = (d["death"][row] == 1) & (d["dmonths"][row] == stop)
    treated = d["hormon"][row]
    x = np.column_stack([treated * (period == k) for k in range(3)] + [d["age"][row], d["lnodes"][row]])
    held("(start, stop] rows", cox(stop, event, x, entry=entry), "cox", "cox_survsplit", STOPS_EARLY)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_three_strata(ties: str) -> None:
    d = rotterdam()
    x = columns(d, "hormon age lnodes")
    fit = cox(d["dmonths"], d["death"], x, stratum=d["size"], ties=ties)  # pyright: ignore[reportArgumentType]
    held("strata", fit, "cox", f"cox_rott_strata_{ties}", STOPS_EARLY)


def test_many_strata() -> None:
    d = rotterdam()
    six = d["size"] * 10 + d["grade"]
    many = d["year"] * 10 + d["size"]
    x = columns(d, "hormon age")
    held("strata", cox(d["dmonths"], d["death"], x, stratum=six), "cox", "tight_two_strata")
    fit = cox(d["dmonths"], d["death"], x, stratum=many, robust=True)
    held("strata", fit, "cox", "tight_year_strata")


def test_case_weights() -> None:
    d = rotterdam()
    weights, x = 0.5 + (d["pid"] % 5) / 4, columns(d, "hormon age size20 size50")
    naive = cox(d["dmonths"], d["death"], x, weights=weights, ties="breslow", robust=False)
    held("case weights", naive, "cox", "cox_rott_weights_breslow", STOPS_EARLY)
    robust = cox(d["dmonths"], d["death"], x, weights=weights, ties="breslow")
    held("case weights", robust, "cox", "cox_rott_weights_robust_breslow", STOPS_EARLY)
    efron = cox(d["dmonths"], d["death"], x, weights=weights)
    held("case weights", efron, "cox", "tight_weights_efron")


def test_clusters() -> None:
    d = rotterdam()
    x = columns(d, "hormon age lnodes")
    breslow = cox(d["dmonths"], d["death"], x, cluster=d["year"], ties="breslow")
    held("clusters", breslow, "cox", "cox_rott_cluster_year_breslow", STOPS_EARLY)
    efron = cox(d["dmonths"], d["death"], x, cluster=d["year"])
    held("clusters", efron, "cox", "tight_cluster_year_efron")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_ties_entry_strata_weights_and_clusters_at_once(ties: str) -> None:
    d = rotterdam()
    weights, x = 0.5 + (d["pid"] % 5) / 4, columns(d, "hormon age lnodes")
    months = cox(d["dmonths"], d["death"], x, stratum=d["size"], weights=weights, cluster=d["year"])
    held("all at once", months, "cox", "cox_strata_cluster_weights", STOPS_EARLY)
    fit = cox(
        np.ceil(d["dmonths"] / 6) * 6 + 1,
        d["death"],
        x,
        entry=d["entry_months"],
        stratum=d["size"],
        weights=weights,
        cluster=d["year"],
        ties=ties,  # pyright: ignore[reportArgumentType]
    )
    held("all at once", fit, "cox", f"tight_all_{ties}")


def test_dfbeta() -> None:
    d = rotterdam()
    weights, x = 0.5 + (d["pid"] % 5) / 4, columns(d, "hormon age lnodes")
    fit, r = cox(d["dmonths"], d["death"], x, weights=weights), golden("cox", "tight_dfbeta")
    assert fit.influence is not None
    scale = np.abs(floats(r["head"])).max()
    np.testing.assert_allclose(fit.influence[:20], floats(r["head"]), rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose((fit.influence**2).sum(axis=0), r["sumsq"], rtol=1e-12)


def test_veteran() -> None:
    d = dataset("veteran")
    cells = indicators(d["celltype"], ["smallcell", "adeno", "large"])
    x = np.column_stack([d["trt"], cells, columns(d, "karno diagtime age prior")])
    held("tied times", cox(d["time"], d["status"], x, ties="breslow"), "cox", "cox_veteran_breslow", STOPS_EARLY)
    few = columns(d, "trt karno age")
    heavy = cox(np.ceil(d["time"] / 30), d["status"], few, ties="breslow")
    held("tied times", heavy, "cox", "cox_heavyties_breslow", STOPS_EARLY)


def test_lung() -> None:
    d = dataset("lung")
    known = ~np.isnan(d["ph.ecog"])
    time, event, x = d["time"][known], d["status"][known] == 2, columns(d, "age sex ph.ecog")[known]
    held("tied times", cox(time, event, x), "cox", "tight_lung_efron")
    fit = cox(time, event, x, initial=[0.02, -0.3, 0.2], robust=True)
    held("robust variance", fit, "cox", "tight_lung_initial")


def test_covariates_that_change_with_time() -> None:
    d = dataset("heart")
    x = columns(d, "age year surgery transplant")
    efron = cox(d["stop"], d["event"], x, entry=d["start"])
    held("(start, stop] rows", efron, "cox", "cox_heart_tvc_efron", STOPS_EARLY)
    breslow = cox(d["stop"], d["event"], x, entry=d["start"], ties="breslow", cluster=d["id"])
    held("clusters", breslow, "cox", "tight_heart_breslow")


def test_recurrent_events() -> None:
    d = dataset("cgd")
    x = np.column_stack([d["treat"] == "rIFN-g", d["age"], d["inherit"] == "autosomal"])
    fit = cox(d["tstop"], d["status"], x, entry=d["tstart"], cluster=d["id"])
    held("clusters", fit, "cox", "tight_cgd_ag")
    held("clusters", fit, "cox", "cox_cgd_ag", STOPS_EARLY)


def test_infinite_and_collinear_as_r_warns() -> None:
    infinite = cox(np.arange(1, 11), [1] * 4 + [0] * 6, [1] * 5 + [0] * 5)
    assert infinite.verdict is Verdict.MONOTONE
    np.testing.assert_allclose(infinite.log_likelihood, golden("cox", "cox_monotone_warning")["loglik"][1], atol=1e-6)
    d = rotterdam()
    twice = cox(d["dmonths"], d["death"], np.column_stack([d["hormon"], 2 * d["hormon"], d["age"]]))
    assert twice.verdict is Verdict.COLLINEAR
    aliased = np.isnan(floats(golden("cox", "cox_singular")["coef"]))
    assert twice.at_fault == tuple(np.flatnonzero(aliased))
    np.testing.assert_allclose(
        cox(d["dmonths"], d["death"], columns(d, "hormon age")).coefficients,
        floats(golden("cox", "cox_singular")["coef"])[~aliased],
        rtol=STOPS_EARLY,
    )


def balancing_weights(d: dict[str, np.ndarray], name: str) -> Floats:
    """Return weights by their textbook formulas, so that only the Cox fit is under test."""
    a = d["hormon"]
    p = logistic(a, columns(d, "age meno size20 size50 grade3 lnodes lpgr ler chemo")).probability
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
    return formulas[name]


@pytest.mark.parametrize("name", ["ate", "att", "ato", "atm", "norm"])
def test_weighted_by_the_score_efron(name: str) -> None:
    d = rotterdam()
    fit = cox(d["dmonths"], d["death"], d["hormon"], weights=balancing_weights(d, name))
    held("case weights", fit, "cox_weighted", f"cox_iptw_w_{name}", STOPS_EARLY)


@pytest.mark.parametrize("name", ["att", "ato", "atm", "stab", "trim", "norm"])
def test_weighted_by_the_score_breslow(name: str) -> None:
    d = rotterdam()
    fit = cox(d["dmonths"], d["death"], d["hormon"], weights=balancing_weights(d, name), ties="breslow")
    held("case weights", fit, "cox_weighted", f"cox_iptw_breslow_w_{name}", STOPS_EARLY)


def test_weighted_with_strata_clusters_entry_and_covariates() -> None:
    d = rotterdam()
    time, event, treated, weights = d["dmonths"], d["death"], d["hormon"], balancing_weights(d, "ate")
    x = columns(d, "hormon age meno size20 size50 grade3 lnodes lpgr ler chemo")
    fits = {
        "cox_iptw_strata": cox(time, event, treated, weights=weights, stratum=d["size"]),
        "cox_iptw_cluster_year": cox(time, event, treated, weights=weights, cluster=d["year"]),
        "cox_iptw_ltrunc": cox(time, event, treated, weights=weights, cluster=d["pid"], entry=d["entry_months"]),
        "cox_iptw_dr": cox(time, event, x, weights=weights),
    }
    for key, fit in fits.items():
        held("case weights", fit, "cox_weighted", key, STOPS_EARLY)


def test_node_positive_cohort() -> None:
    d = rotterdam(node_positive=True)
    x = columns(d, "hormon age meno size20 size50 grade3 lnodes lpgr ler chemo")
    weights = balancing_weights(d, "ate")
    fits = {
        "np_unadjusted_cox": cox(d["dmonths"], d["death"], d["hormon"]),
        "np_multivariable_cox": cox(d["dmonths"], d["death"], x),
        "np_cox_iptw_w_ate": cox(d["dmonths"], d["death"], d["hormon"], weights=weights),
        "np_cox_iptw_rfs_w_att": cox(d["rfsmonths"], d["rfs"], d["hormon"], weights=balancing_weights(d, "att")),
    }
    for key, fit in fits.items():
        held("case weights" if fit.robust else "tied times", fit, "cox_weighted", key, STOPS_EARLY)
    tight = cox(d["dmonths"], d["death"], x, weights=weights)
    held("case weights", tight, "cox_weighted", "tight_np_iptw_dr")
