"""Delayed entry through every analysis: the bundled study with made-up entries, and any data."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.design import Design, Endpoint
from counterpoise.estimate import (
    AnalysisOptions,
    BootstrapOptions,
    CurveOptions,
    analyse,
    arm_curve,
    bootstrap_effects,
    compare_curves,
    follow_up,
    hazard_model,
    unadjusted_contrast,
)
from counterpoise.estimate.alternatives import NO_LATE_ENTRY
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.proportional_hazards import weighted_proportional_hazards_test
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_influence
from counterpoise.report import Numbers, collect_numbers
from counterpoise.study import Study
from tests.estimate.cohorts import flag, make_design
from tests.golden import golden

FIELDS = ("value", "lower", "upper", "std_error", "p_value", "n", "events")
TOPICS = (
    "follow_up",
    "overall",
    "groups",
    "cox_models",
    "balance",
    "unadjusted",
    "matched",
    "stability",
    "weighted",
    "subgroups",
    "alternatives",
    "weighted_groups",
)
TOLERANCE, ROUNDING = 1e-8, 1e-12
CURVES = CurveOptions()


def options(study: Study) -> AnalysisOptions:
    plan = study.plan
    assert plan.balance is not None
    return AnalysisOptions(
        horizon=plan.study.horizon_months,
        cox=plan.cox,
        curves=plan.curves,
        weights=plan.balance.weights,
        matching=plan.balance.matching,
        bootstrap=BootstrapOptions(replicates=0),
        subgroups=plan.subgroups,
        alternatives=plan.balance.alternatives,
        group_weights=plan.balance.groups,
    )


def late_entries(study: Study) -> tuple[Floats, ...]:
    """Return an entry for each endpoint, between the events: up to half of a patient's own time, by her age."""
    age = next(item.values for item in study.design.baseline if item.name == "age")
    return tuple(e.time * (age % 6) / 10 for e in study.design.endpoints)


def with_entry(design: Design, entries: Sequence[Floats]) -> Design:
    endpoints = (replace(e, entry=entry) for e, entry in zip(design.endpoints, entries, strict=True))
    return replace(design, endpoints=tuple(endpoints))


def run(study: Study, entries: Sequence[Floats]) -> Study:
    design = with_entry(study.design, entries)
    analyses = analyse(design, options(study), lambda step, share: None)
    return replace(study, design=design, analyses=analyses, findings=())


@pytest.fixture(scope="module")
def late(bundled: Study) -> Study:
    return run(bundled, late_entries(bundled))


@pytest.fixture(scope="module")
def numbers(late: Study) -> Numbers:
    return collect_numbers(late)


def agree(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is not None and math.isnan(ours)
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=ROUNDING)


@pytest.mark.parametrize("topic", TOPICS)
def test_every_number_is_that_of_r(numbers: Numbers, topic: str) -> None:
    theirs: dict[str, dict[str, Any]] = golden("definitions", f"late_entry_{topic}")
    wrong = [
        f"{key} {field}: {getattr(numbers[key], field)} here, {fields.get(field, 'nothing')} in R"
        for key, fields in theirs.items()
        for field in FIELDS
        if (field in fields or getattr(numbers[key], field) is not None)
        and (field not in fields or not agree(getattr(numbers[key], field), fields[field]))
    ]
    assert wrong == []


def test_entry_at_the_origin_is_no_entry(bundled: Study) -> None:
    nobody = run(bundled, [np.zeros(bundled.design.size)] * 4)
    ours, main = collect_numbers(nobody), collect_numbers(bundled)
    for key, number in ours.items():
        if ".aipw." in key and not key.endswith((".n", ".left_out", ".trimmed", ".effective", ".largest", ".heaviest")):
            continue
        for field in FIELDS:
            here, there = getattr(number, field), getattr(main[key], field)
            assert (here is None) == (there is None), key
            assert here is None or math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-12) or math.isnan(here), key


def test_the_doubly_robust_estimate_says_that_it_does_not_know_delayed_entry(late: Study) -> None:
    robust = next(a for a in late.analyses.alternatives if a.name == "aipw")
    assert all(effect.reasons == (NO_LATE_ENTRY,) and math.isnan(effect.difference.value) for effect in robust.effects)


def test_numbers_at_risk_count_those_under_observation(late: Study) -> None:
    os = late.design.endpoints[0]
    assert os.entry is not None
    curve = late.analyses.overall[0]
    for month in (0.0, 8.0, 9.5, 12.0, 36.0, 60.0):
        by_hand = int(((os.entry <= month) & (os.time >= month)).sum())
        assert curve.under_observation([month])[0] == by_hand


def test_person_years_begin_at_entry(late: Study) -> None:
    os = late.design.endpoints[0]
    assert os.entry is not None
    assert math.isclose(late.analyses.follow_up.person_years, (os.time - os.entry).sum() / 12)


def test_a_replicate_of_the_bootstrap_is_the_fit_with_its_weights(late: Study) -> None:
    """The spread over two replicates is that of two Cox models, each with weights of a score fitted anew."""
    from counterpoise.balance import balancing_weights
    from counterpoise.kernels.effects.batched_scores import batched_scores
    from counterpoise.kernels.fractional_weights import fractional_weights

    adjustments = late.analyses.adjustments
    assert adjustments is not None
    logs = [late.analyses.contrast(e.name, "weighted").ratio.log_estimate for e in late.design.endpoints]
    chosen = BootstrapOptions(replicates=2, seed=7)
    found = bootstrap_effects(late.design, adjustments, logs, 60.0, chosen)
    case = fractional_weights(2, adjustments.rows.size, 7)
    treated, os = adjustments.score.treatment, late.design.endpoints[0]
    by_hand: list[float] = []
    for row in case:
        score = batched_scores(treated, adjustments.score.x, row[None])
        weights = balancing_weights(
            score.probability, treated, estimand="ATE", stabilised=False, case_weights=row[None]
        )[0]
        fit = cox(os.time, os.event, treated.astype(float), entry=os.entry, weights=weights)
        by_hand.append(float(fit.coefficients[0]))
    assert math.isclose(found[0].ratio.std_error, np.std(by_hand, ddof=1), rel_tol=1e-6)


# ------------------------------------------------------------------------------------------------- any data

times = st.integers(1, 40)


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Floats, Floats, Bools, Bools]:
    size = draw(st.integers(12, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    entry = random.integers(0, 12, size).astype(float)
    time = entry + random.integers(1, 40, size).astype(float)
    event: Bools = np.asarray(random.random(size) < 0.7)
    treated: Bools = np.asarray(np.arange(size) % 2 == 0)
    event[:4] = True
    return entry, time, event, treated


@settings(max_examples=40)
@given(cohorts(), st.integers(1, 30))
def test_shifting_the_origin_moves_nothing_but_the_clock(cohort: Any, shift: int) -> None:
    """With entry at the old origin, a clock that began earlier gives the same hazards and later medians."""
    entry, time, event, treated = cohort
    before = Endpoint("os", "OS", "OS", "", time, event, entry)
    after = Endpoint("os", "OS", "OS", "", time + shift, event, entry + shift)
    covariates = flag("treated", treated)
    one, two = (make_design(treated, [e], cox=[covariates]) for e in (before, after))
    models = [hazard_model(d.endpoints[0], d.cox) for d in (one, two)]
    assert models[0].verdict is models[1].verdict
    for field in ("estimate", "std_error", "p_value"):
        values = [getattr(model.ratios[0], field) for model in models]
        assert math.isclose(*values, rel_tol=1e-9) or all(map(math.isnan, values))
    crude = [unadjusted_contrast(d, d.endpoints[0], h, CURVES, "efron") for d, h in ((one, 20.0), (two, 20.0 + shift))]
    assert np.allclose(
        [arm.rate.survival[0] for arm in crude[0].arms], [arm.rate.survival[0] for arm in crude[1].arms], equal_nan=True
    )
    assert math.isclose(crude[0].curve_p, crude[1].curve_p, rel_tol=1e-9, abs_tol=1e-12) or math.isnan(crude[0].curve_p)
    medians = [[arm.median.value for arm in c.arms] for c in crude]
    assert np.allclose(np.array(medians[0]) + shift, medians[1], equal_nan=True)


@settings(max_examples=40)
@given(cohorts())
def test_entry_at_zero_is_no_entry_in_any_data(cohort: Any) -> None:
    _, time, event, treated = cohort
    codes = treated.astype(int)
    plain, zero = (Endpoint("os", "OS", "OS", "", time, event, e) for e in (None, np.zeros(time.size)))
    one, two = (compare_curves(e, codes, ("A", "B"), 20.0, CURVES) for e in (plain, zero))
    assert math.isclose(one.test.statistic, two.test.statistic, rel_tol=1e-9, abs_tol=1e-12) or math.isnan(
        one.test.statistic
    )
    for here, there in zip(one.arms, two.arms, strict=True):
        assert np.allclose(here.curve.survival, there.curve.survival, equal_nan=True)
        assert np.array_equal(here.under_observation([0, 5, 20]), there.under_observation([0, 5, 20]))
    assert follow_up(plain, CURVES).person_years == follow_up(zero, CURVES).person_years


@settings(max_examples=40)
@given(cohorts(), st.sampled_from([5.0, 12.5, 25.0]))
def test_influence_on_survival_gives_the_variance_of_the_curve(cohort: Any, at: float) -> None:
    entry, time, event, _ = cohort
    weights = np.linspace(0.5, 2.0, time.size)
    curve = kaplan_meier(time, event, entry=entry, weights=weights)
    place = np.searchsorted(curve.time, at, side="right") - 1
    influence = survival_influence(time, event, at, entry=entry, weights=weights)
    expected = curve.std_error[place] if place >= 0 else 0.0
    assert math.isclose(np.sqrt(np.square(influence).sum()), expected, rel_tol=1e-9, abs_tol=1e-12)


def test_the_weighted_test_of_proportional_hazards_counts_from_entry() -> None:
    """A row that entered late is the same as one split where it entered, its first part never under observation."""
    random = np.random.default_rng(3)
    entry = random.integers(0, 10, 60).astype(float)
    time, event = entry + random.integers(1, 40, 60), random.random(60) < 0.7
    treated, weights = np.arange(60) % 2, random.uniform(0.5, 2, 60)
    late = weighted_proportional_hazards_test(time, event, treated, weights, entry=entry, transform="identity")
    # by hand: every row at every event time, under observation only after its entry
    moments = np.unique(time[event])
    rows = [
        (max(entry[i], before), now, bool(event[i] and time[i] == now), i, now)
        for i in range(60)
        for before, now in zip(np.append(0.0, moments[:-1]), moments, strict=True)
        if max(entry[i], before) < now <= time[i]
    ]
    start, stop, died, who, g = (np.array(column) for column in zip(*rows, strict=True))
    x = np.column_stack([treated[who], treated[who] * g])
    fit = cox(stop, died, x, entry=start, weights=weights[who], cluster=who)
    statistic = fit.coefficients[1] ** 2 / fit.covariance[1, 1]
    assert math.isclose(late.statistic, statistic, rel_tol=1e-6)


def test_the_curve_of_an_arm_reads_its_number_at_risk_at_the_horizon() -> None:
    drawn = arm_curve(
        "A", np.array([5.0, 6.0, 9.0]), np.array([True, False, True]), 4.0, CURVES, entry=np.array([0.0, 1, 4.5])
    )
    assert drawn.rate.at_risk[0] == 2
    assert drawn.under_observation([0, 1, 4.5, 5, 5.5, 9, 10]).tolist() == [1, 2, 3, 3, 2, 1, 0]
