"""Cohorts made of plain arrays: the node-positive patients of survival::rotterdam, and small or random ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.balance import Matching, MatchOptions, WeightOptions
from counterpoise.design import (
    Covariate,
    Design,
    Endpoint,
    Groups,
    Response,
    Terms,
    Treatment,
    design_terms,
)
from counterpoise.estimate import (
    Analyses,
    AnalysisOptions,
    BootstrapOptions,
    CoxOptions,
    CurveOptions,
    analyse,
)
from counterpoise.kernels.arrays import Bools, Counts
from counterpoise.kernels.matching.sets import sets_from_links
from tests.golden import rotterdam

SCORE = ("age", "meno", "size", "grade3", "lnodes", "lpgr", "ler", "chemo")
SIZES = ("<=20", "20-50", ">50")
CURVES = CurveOptions()


def number(name: str, values: ArrayLike, unit: str = "") -> Covariate:
    return Covariate(name, name, unit, "number", np.asarray(values, dtype=float))


def flag(name: str, values: ArrayLike) -> Covariate:
    return Covariate(name, name, "", "flag", np.asarray(values, dtype=float), ("No", "Yes"))


def category(name: str, values: ArrayLike, levels: Sequence[str]) -> Covariate:
    return Covariate(name, name, "", "category", np.asarray(values, dtype=float), tuple(levels))


def endpoint(time: ArrayLike, event: ArrayLike, name: str = "os") -> Endpoint:
    return Endpoint(name, f"Endpoint {name}", name.upper(), "", np.asarray(time, dtype=float), np.asarray(event) == 1)


def terms(covariates: Sequence[Covariate], size: int) -> Terms:
    return design_terms(covariates) if covariates else Terms((), np.zeros((size, 0)), (), ())


def make_design(
    treated: ArrayLike,
    endpoints: Sequence[Endpoint],
    *,
    score: Sequence[Covariate] = (),
    cox: Sequence[Covariate] = (),
    subgroups: Sequence[Covariate] = (),
    baseline: Sequence[Covariate] = (),
    groups: Groups | None = None,
    response: Response | None = None,
    ids: Sequence[str] | None = None,
) -> Design:
    received = np.asarray(treated) == 1
    return Design(
        ids=tuple(ids) if ids else tuple(f"P{row:05d}" for row in range(received.size)),
        treatment=Treatment("boost", "Boost", ("Control", "Treated"), received),
        groups=groups,
        endpoints=tuple(endpoints),
        baseline=tuple(baseline),
        score=terms(score, received.size),
        cox=terms(cox, received.size),
        cox_groups=terms(cox, received.size),
        subgroups=tuple(subgroups),
        response=response,
    )


def options(**changed: Any) -> AnalysisOptions:
    """The default options with a short bootstrap; `weights=None` means no adjustment."""
    given: dict[str, Any] = {
        "horizon": 60.0,
        "cox": CoxOptions(),
        "curves": CURVES,
        "weights": WeightOptions(),
        "matching": MatchOptions(),
        "bootstrap": BootstrapOptions(replicates=20, seed=1),
        "subgroups": None,
    }
    return AnalysisOptions(**{**given, **changed})


def analysed(design: Design, **changed: Any) -> Analyses:
    return analyse(design, options(**changed), lambda step, share: None)


def node_positive() -> Design:
    """1,546 patients: hormonal therapy against none, death, and recurrence or death."""
    return _rotterdam(node_positive=True)


def everyone() -> Design:
    """The 2,982 patients with and without affected nodes: for arithmetic only, as the latter were never treated."""
    return _rotterdam(node_positive=False)


@cache
def _rotterdam(*, node_positive: bool) -> Design:
    d = rotterdam(node_positive=node_positive)
    found = {name: number(name, d[name]) for name in ("age", "lnodes", "lpgr", "ler", "pgr")}
    found |= {name: flag(name, d[name]) for name in ("meno", "grade3", "chemo")}
    found["size"] = category("size", d["size"], SIZES)
    groups = ("1-3", "4-9", "10+") if node_positive else ("0", "1-3", "4-9", "10+")
    ages = ("<45", "45-54", "55-64", "65+")
    return make_design(
        d["hormon"],
        [endpoint(d["dmonths"], d["death"]), endpoint(d["rfsmonths"], d["rfs"], "rfs")],
        score=[found[name] for name in SCORE],
        cox=[found[name] for name in SCORE],
        subgroups=[
            found["grade3"],
            found["size"],
            category("nodegrp", d["nodegrp"] - d["nodegrp"].min(), groups),
            category("agegrp", d["agegrp"], ages),
        ],
        baseline=[found[name] for name in ("age", "pgr", "meno", "size", "grade3", "chemo")],
        groups=Groups("trt4", ("none", "chemo", "hormon", "both"), d["trt4"].astype(int)),
        ids=[f"{pid:.0f}" for pid in d["pid"]],
    )


def random_cohort(seed: int, n: int = 60, *, effect: float = -0.5) -> Design:
    """Patients whose treatment and hazard depend on age, a flag and a category; a third are censored."""
    rng = np.random.default_rng(seed)
    age, high, stage = rng.normal(50, 10, n), rng.integers(0, 2, n), rng.integers(0, 3, n)
    treated = rng.random(n) < 1 / (1 + np.exp(-(age - 50) / 15 - high + 0.5))
    treated[:2] = [False, True]
    hazard = np.exp(effect * treated + 0.02 * (age - 50) + 0.4 * high) / 40
    failure, censoring = rng.exponential(1 / hazard), rng.uniform(10, 120, n)
    event = failure <= censoring
    event[:2] = True
    covariates = [number("age", age, "years"), flag("high", high), category("stage", stage, ("I", "II", "III"))]
    return make_design(
        treated,
        [endpoint(np.minimum(failure, censoring).round(2) + 0.01, event)],
        score=covariates,
        cox=covariates,
        subgroups=covariates[1:],
        baseline=covariates,
    )


def reorder(design: Design, order: Counts) -> Design:
    """The same patients in another order of rows."""

    def move(item: Covariate) -> Covariate:
        return Covariate(item.name, item.label, item.unit, item.kind, item.values[order], item.levels)

    treatment, groups = design.treatment, design.groups
    return Design(
        ids=tuple(design.ids[row] for row in order),
        treatment=Treatment(treatment.name, treatment.label, treatment.labels, treatment.received[order]),
        groups=Groups(groups.label, groups.labels, groups.codes[order]) if groups else None,
        endpoints=tuple(endpoint(e.time[order], e.event[order], e.name) for e in design.endpoints),
        baseline=tuple(move(item) for item in design.baseline),
        score=terms([move(item) for item in design.score.covariates], design.size),
        cox=terms([move(item) for item in design.cox.covariates], design.size),
        cox_groups=terms([move(item) for item in design.cox_groups.covariates], design.size),
        subgroups=tuple(move(item) for item in design.subgroups),
        response=None,
    )


def swap_arms(design: Design) -> Design:
    """The same patients, with the names of the arms exchanged."""
    treatment = design.treatment
    swapped = make_design(
        ~treatment.received,
        design.endpoints,
        score=design.score.covariates,
        cox=design.cox.covariates,
        subgroups=design.subgroups,
        baseline=design.baseline,
    )
    return swapped


def with_pairs(matching: Matching, pair: Counts) -> Matching:
    """The same matching with other pairs: `pair` (n,) numbers each patient's, -1 is none."""
    treated = matching.sets.treatment
    first, second = (_by_pair(arm, pair) for arm in (treated, ~treated))
    rank = np.where(pair >= 0, pair, pair.size).astype(float)
    apart = np.zeros(first.size)
    if not first.size:
        empty = replace(
            matching.sets, treated=first, control=first, distance=apart, link_set=first, set=pair, weights=0.0 * rank
        )
        return replace(matching, sets=empty)
    return replace(matching, sets=sets_from_links((first, second, apart), treated, tie_rank=rank))


def _by_pair(arm: Bools, pair: Counts) -> Counts:
    found = np.flatnonzero(arm & (pair >= 0))
    return found[np.argsort(pair[found], kind="stable")]
