"""Effects in given sets, against coxph and survfit with weights and clusters."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from counterpoise.balance import (
    Matching,
    check_balance,
    compare_unmatched,
    match,
    propensity,
    weigh,
)
from counterpoise.design import Design
from counterpoise.estimate import (
    SET_ROBUST,
    STRATA_ROBUST,
    STRATIFIED,
    TWO_WAY_ROBUST,
    Adjustments,
    Contrast,
    matched_contrast,
)
from counterpoise.kernels.matching.sets import MatchedSets, sets_from_links
from tests.estimate.cohorts import CURVES, endpoint, make_design, number
from tests.golden import dataset, floats, golden
from tests.golden.agreement import agrees as agrees_under

HORIZON = {"veteran": 100.0, "lung": 365.0, "colon": 1500.0}
ITERATED, CLOSED = 1e-8, 1e-10
DIFFERENCE = 1e-9  # influence values of two curves, each to 1e-13, cancel within clusters


def agrees(what: str, key: str, ours: ArrayLike, theirs: Any, tolerance: float = ITERATED) -> None:
    agrees_under(f"Matched effects: {what}", "matched_effects", key, ours, theirs, tolerance=tolerance)


def cohort(name: str) -> Design:
    d = dataset(name)
    if name == "veteran":
        time, event, arm = d["time"], d["status"], d["trt"] == 2
        kept = np.ones(time.size, dtype=bool)
    elif name == "lung":
        time, event, arm = d["time"], d["status"] == 2, d["sex"] == 2
        kept = ~np.isnan(d["ph.ecog"]) & ~np.isnan(d["age"])
    else:
        time, event, arm = d["time"], d["status"], d["rx"] == "Lev+5FU"
        kept = (d["etype"] == 2) & (d["rx"] != "Lev") & ~np.isnan(d["nodes"])
    age = number("age", d["age"][kept])
    return make_design(arm[kept], [endpoint(time[kept], event[kept])], score=[age])


def compared(name: str, sets: MatchedSets, **changed: Any) -> Contrast:
    """The comparison of one data set in given sets."""
    design = cohort(name)
    treated = design.treatment.received
    score = propensity(treated, design.score.x)
    weighting, made = weigh(score), match(score)
    matching: Matching = replace(made, sets=sets, estimand=sets.estimand, **changed)
    balance = check_balance(design.score.x, treated, ["age"], pairs=matching)
    left_out = compare_unmatched(design.score.x, ["age"], matching, balance.scale)
    adjustments = Adjustments(score, weighting, matching, balance, left_out, np.arange(treated.size), 0)
    return matched_contrast(design, design.endpoints[0], adjustments, HORIZON[name], CURVES, "efron")


def labelled(name: str, reference: dict[str, Any], estimand: Any, *, linked: bool) -> MatchedSets:
    """Sets with the numbers of R; a link to each control where they are to be sets of linked patients."""
    treated, number = cohort(name).treatment.received, np.array(reference["set"], dtype=int)
    first = np.full(number.max() + 1, -1)
    first[number[treated & (number >= 0)]] = np.flatnonzero(treated & (number >= 0))
    control = np.flatnonzero(~treated & (number >= 0)) if linked else np.zeros(0, dtype=int)
    return MatchedSets(
        treated=first[number[control]],
        control=control,
        distance=np.zeros(control.size),
        link_set=number[control],
        set=number,
        weights=floats(reference["weights"]),
        discarded=np.zeros(number.size, dtype=bool),
        treatment=treated,
        estimand=estimand,
    )


def assert_effect(what: str, key: str, contrast: Contrast, reference: dict[str, Any]) -> None:
    cox, ratio = reference["cox"], contrast.ratio
    found = [ratio.log_estimate, ratio.std_error]
    agrees(f"hazard ratio, {what}", key, found, [cox["coef"], cox["se"]])
    agrees(f"score test, {what}", key, contrast.curve_p, cox["score_p"])
    within, expected = contrast.others[STRATIFIED], reference["stratified"]
    found = [within.log_estimate, within.std_error]
    agrees("model stratified by set", key, found, [expected["coef"], expected["se"]])
    for arm, name in zip(contrast.arms, ("control", "treated"), strict=True):
        rate = arm.rate
        values = np.array([rate.survival, rate.std_error, rate.lower, rate.upper, rate.at_risk]).ravel()
        agrees(f"survival, {what}", key, values, floats(reference["curves"][name]), tolerance=CLOSED)
    std_error, theirs = contrast.difference.std_error, reference["difference_se"]
    agrees(f"difference of survival, {what}", key, std_error, theirs, tolerance=1e-9)


@pytest.mark.parametrize("name", HORIZON)
def test_weighted_sets_are_clusters(name: str) -> None:
    reference = golden("matched_effects", f"stars_{name}")
    contrast = compared(name, labelled(name, reference, "ATT", linked=True), method="full")
    assert contrast.variance == SET_ROBUST
    assert contrast.curve_test == "robust score test, clustered by set"
    assert_effect("weighted sets", f"stars_{name}", contrast, reference)


@pytest.mark.parametrize("name", HORIZON)
def test_strata_are_no_clusters(name: str) -> None:
    reference = golden("matched_effects", f"strata_{name}")
    contrast = compared(name, labelled(name, reference, "ATE", linked=False), method="subclass")
    assert (contrast.variance, contrast.estimand) == (STRATA_ROBUST, "ATE")
    assert contrast.curve_test == "robust score test"
    assert_effect("strata", f"strata_{name}", contrast, reference)


@pytest.mark.parametrize("name", HORIZON)
@pytest.mark.parametrize("ratio", [1, 2])
def test_controls_used_again_are_clustered_twice(name: str, ratio: int) -> None:
    key = f"again{ratio}_{name}"
    reference = golden("matched_effects", key)
    treated, control = (np.array(reference[arm], dtype=int) for arm in ("treated", "control"))
    arms = cohort(name).treatment.received
    sets = sets_from_links((treated, control, np.zeros(treated.size)), arms, replacement=True)
    contrast = compared(name, sets, replacement=True, ratio=ratio)
    assert contrast.variance == TWO_WAY_ROBUST
    found = [contrast.ratio.log_estimate, contrast.ratio.std_error]
    expected = [reference["coef"], reference["se"]]
    agrees("hazard ratio, controls used again", key, found, expected)
    p_value = contrast.curve_p
    agrees("score test, controls used again", key, p_value, reference["score_p"])
    within = contrast.others[STRATIFIED]
    expected = [reference["stratified"][part] for part in ("coef", "se")]
    found = [within.log_estimate, within.std_error]
    agrees("model stratified by set", key, found, expected)
    what, theirs = "difference of survival, controls used again", reference["difference_se"]
    agrees(what, key, contrast.difference.std_error, theirs, tolerance=DIFFERENCE)
