"""Each treatment of ties, weights, strata, entry, clusters and offset against R, on at least three data sets each."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import CoxFit, cox
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.cox_against_r import columns, held, indicators

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
both = pytest.mark.parametrize("ties", BOTH)
NAME = "cox_core"


@dataclass
class Model:
    """What R's formula of the same name says."""

    time: Floats
    event: Floats | Bools
    x: Floats
    entry: Floats | None = None

    def fit(
        self,
        ties: Ties,
        *,
        weights: Floats | None = None,
        stratum: np.ndarray | None = None,
        cluster: np.ndarray | None = None,
        offset: Floats | None = None,
        robust: bool | None = None,
        max_steps: int = 50,
    ) -> CoxFit:
        return cox(
            self.time,
            self.event,
            self.x,
            ties=ties,
            entry=self.entry,
            weights=weights,
            stratum=stratum,
            cluster=cluster,
            offset=offset,
            robust=robust,
            max_steps=max_steps,
        )

    def without(self, column: int) -> "Model":
        return replace(self, x=np.delete(self.x, column, axis=1))

    @property
    def fractions(self) -> Floats:
        return 0.5 + (np.arange(1, self.time.size + 1) % 5) / 4

    @property
    def wholes(self) -> Floats:
        return 1.0 + np.arange(1, self.time.size + 1) % 3


def known(name: str, *names: str) -> dict[str, np.ndarray]:
    d = dataset(name)
    keep = ~np.isnan([d[column] for column in names]).any(axis=0)
    return {column: values[keep] for column, values in d.items()}


def lung() -> dict[str, np.ndarray]:
    return known("lung", "ph.ecog")


PLAIN = {
    "veteran": ("veteran", "time", "status", "trt karno age"),
    "ovarian": ("ovarian", "futime", "fustat", "age rx"),
    "breast": ("breast_coxphf", "TIME", "CENS", "T N"),
    "kidney": ("kidney", "time", "status", "age sex"),
    "heart": ("heart", "stop", "event", "age year surgery transplant"),
    "bladder2": ("bladder2", "stop", "event", "rx number size"),
    "retinopathy": ("retinopathy", "futime", "status", "trt age risk"),
}


def model(name: str) -> Model:
    if name in PLAIN:
        source, time, event, x = PLAIN[name]
        d = dataset(source)
        return Model(d[time], d[event], columns(d, x), d.get("start"))
    match name:
        case "lung":
            d = lung()
            return Model(d["time"], d["status"] == 2, columns(d, "age sex ph.ecog"))
        case "melanoma":
            d = dataset("Melanoma")
            return Model(d["time"], d["status"] == 1, columns(d, "sex age thickness ulcer"))
        case "cgd":
            d = dataset(name)
            x = np.column_stack([d["treat"] == "rIFN-g", d["age"], d["inherit"] == "autosomal"])
            return Model(d["tstop"], d["status"], x, d["tstart"])
        case "colon":
            d = known(name, "nodes")
            return Model(d["time"], d["status"], np.column_stack([indicators(d["rx"], ["Lev", "Lev+5FU"]), d["nodes"]]))
        case "rotterdam_half_years":
            d = rotterdam()
            return Model(np.ceil(d["dtime"] / 182.625) * 6 + 1, d["death"], columns(d, "hormon age lnodes"))
        case "lung_by_age":
            d, days = lung(), lung()["age"] * 365.25
            return Model(days + d["time"], d["status"] == 2, columns(d, "sex ph.ecog"), days)
        case "mgus2_by_age":
            d = known("mgus2", "hgb", "creat")
            x = np.column_stack([d["sex"] == "M", columns(d, "hgb creat")])
            return Model(d["age"] + d["futime"] / 12, d["death"], x, d["age"])
        case _:
            d = dataset("Melanoma")
            x = columns(d, "sex thickness ulcer")
            return Model(d["age"] + d["time"] / 365.25, d["status"] == 1, x, d["age"])


@both
@pytest.mark.parametrize("name", ["lung", "veteran", "melanoma", "ovarian", "breast"])
def test_tied_times(name: str, ties: Ties) -> None:
    held("tied times", model(name).fit(ties), NAME, f"ties_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["lung", "veteran", "melanoma"])
def test_weights_that_are_no_whole_numbers(name: str, ties: Ties) -> None:
    m = model(name)
    held("case weights", m.fit(ties, weights=m.fractions), NAME, f"fraction_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["heart", "cgd"])
def test_weights_of_start_stop_rows(name: str, ties: Ties) -> None:
    m, who = model(name), dataset(name)["id"]
    held("case weights", m.fit(ties, weights=m.fractions, cluster=who), NAME, f"fraction_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["lung", "veteran", "kidney"])
def test_weights_that_are_whole_numbers(name: str, ties: Ties) -> None:
    m = model(name)
    held("whole weights", m.fit(ties, weights=m.wholes, robust=False), NAME, f"whole_{name}_{ties}")


@both
@pytest.mark.parametrize(
    ("name", "by"), [("veteran", "celltype"), ("kidney", "disease"), ("lung", "sex"), ("cgd", "hos.cat")]
)
def test_strata(name: str, by: str, ties: Ties) -> None:
    m, d = model(name), lung() if name == "lung" else dataset(name)
    fit = (m.without(1) if name == "lung" else m).fit(ties, stratum=d[by])
    held("strata", fit, NAME, f"strata_{name}_{ties}")
    if name != "cgd":
        cluster = d["id"] if name == "kidney" else None
        robust = (m.without(1) if name == "lung" else m).fit(ties, stratum=d[by], cluster=cluster, robust=True)
        held("strata", robust, NAME, f"strata_robust_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["heart", "cgd", "bladder2"])
def test_covariates_that_change_with_time(name: str, ties: Ties) -> None:
    held("(start, stop] rows", model(name).fit(ties), NAME, f"stop_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["lung_by_age", "mgus2_by_age", "melanoma_by_age"])
def test_left_truncation(name: str, ties: Ties) -> None:
    held("left truncation", model(name).fit(ties), NAME, f"entry_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["lung", "veteran", "melanoma"])
def test_robust(name: str, ties: Ties) -> None:
    held("robust variance", model(name).fit(ties, robust=True), NAME, f"robust_{name}_{ties}")


@both
@pytest.mark.parametrize("name", ["kidney", "retinopathy", "cgd", "bladder2", "colon", "rotterdam_half_years"])
def test_clusters(name: str, ties: Ties) -> None:
    if name == "rotterdam_half_years":
        cluster = rotterdam()["year"]
    else:
        cluster = (known(name, "nodes") if name == "colon" else dataset(name))["id"]
    held("clusters", model(name).fit(ties, cluster=cluster), NAME, f"cluster_{name}_{ties}")


@both
def test_all_at_once(ties: Ties) -> None:
    heart, cgd, melanoma = model("heart"), model("cgd"), model("melanoma_by_age")
    d, e, f = dataset("heart"), dataset("cgd"), dataset("Melanoma")
    fits = {
        "heart": heart.without(2).fit(ties, weights=heart.fractions, stratum=d["surgery"], cluster=d["id"]),
        "cgd": cgd.fit(ties, weights=cgd.fractions, stratum=e["hos.cat"], cluster=e["id"]),
        "melanoma_by_age": melanoma.without(0).fit(
            ties, weights=melanoma.fractions, stratum=f["sex"], cluster=f["year"]
        ),
    }
    for name, fit in fits.items():
        held("all at once", fit, NAME, f"all_{name}_{ties}")


@both
def test_offset(ties: Ties) -> None:
    cgd = model("cgd")
    fits = {
        "lung": model("lung").without(0).fit(ties, offset=lung()["age"] / 50),
        "veteran": model("veteran").fit(ties, offset=0.1 * dataset("veteran")["diagtime"]),
        "melanoma": model("melanoma").without(1).fit(ties, offset=dataset("Melanoma")["age"] / 50 - 1),
        "cgd": cgd.fit(ties, offset=dataset("cgd")["weight"] / 40, weights=cgd.fractions, cluster=dataset("cgd")["id"]),
    }
    for name, fit in fits.items():
        held("offset", replace(fit, robust_score=None), NAME, f"offset_{name}_{ties}")
    # coxph leaves the offset out of the null model of its robust score test: R's score residuals with the offset in it
    section, key = f"Cox regression, offset ({ties.capitalize()})", f"offset_score_{{}}_{ties}"
    robust = {
        "lung": model("lung").without(0).fit(ties, offset=lung()["age"] / 50, robust=True),
        "veteran": model("veteran").fit(ties, offset=0.1 * dataset("veteran")["diagtime"], robust=True),
        "cgd": fits["cgd"],
    }
    for name, fit in robust.items():
        if name != "cgd":
            held("offset", replace(fit, robust_score=None), NAME, f"offset_robust_{name}_{ties}")
        assert fit.robust_score is not None
        at = key.format(name)
        agrees(f"{section}: robust score test", NAME, at, fit.robust_score, golden(NAME, at))


@pytest.mark.parametrize("name", ["lung", "veteran", "melanoma"])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_steps(name: str, steps: int) -> None:
    fit, key = model(name).fit("efron", max_steps=steps), f"steps_{name}_{steps}"
    r, section = golden(NAME, key), "Cox regression, step by step (Efron)"
    start_and_end = [fit.log_likelihood_null, fit.log_likelihood]
    assert fit.iterations == steps
    agrees(f"{section}: log hazard ratio", NAME, key, fit.coefficients, r["coef"])
    agrees(f"{section}: log-likelihood", NAME, key, start_and_end, [r["loglik"][0], r["loglik"][-1]], tolerance=1e-12)
    if steps < 2:  # where R runs out of its iterations, what it gives as the variance is half computed
        agrees(f"{section}: naive covariance", NAME, key, fit.covariance, r["vcov"], relative_to="largest")
