from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import ScoreFit
from counterpoise.kernels.weighting.trimming import Trimming, crump, sturmer, symmetric, trim_and_refit, walker
from counterpoise.kernels.weighting.weight_model import outside_score
from tests.golden import dataset, golden
from tests.golden.agreement import agrees
from tests.kernels.weighting.weight_cohorts import cohort, scores, short

NAMES = ("lalonde", "Melanoma", "pbc", "rotterdam_np")
RULES = (symmetric, crump, sturmer, walker)
few = settings(max_examples=50, deadline=None)


def left_out(trimming: Trimming) -> Counts:
    """Rows counted from 1, as R counts them."""
    return np.flatnonzero(~trimming.kept) + 1


@pytest.mark.parametrize("name", NAMES)
def test_trimming_agrees_with_the_rules_written_in_r(name: str) -> None:
    d, key = cohort(name), f"trimming_{name}"
    reference = golden("weights", key)
    score = logistic_score(d.treated, d.x)
    e, treated = score.probability, d.treated
    by_rule = {
        "crump": crump(e, treated),
        "symmetric_10": symmetric(e, treated),
        "symmetric_20": symmetric(e, treated, threshold=0.2),
        "sturmer": sturmer(e, treated),
        "walker": walker(e, treated),
    }
    for form, trimming in by_rule.items():
        agrees(f"Trimming: who is left out ({form})", "weights", key, left_out(trimming), reference[form]["rows"])
        agrees(f"Trimming: who stays, by arm ({form})", "weights", key, trimming.after, reference[form]["after"])
        np.testing.assert_array_equal(trimming.before, [np.count_nonzero(~treated), np.count_nonzero(treated)])
    optimal, limit = by_rule["crump"], reference["crump"]["limit"]
    agrees("Trimming: Crump's largest 1 / (e (1 - e))", "weights", key, optimal.sum_limit, limit)
    agrees("Trimming: Crump's bound", "weights", key, optimal.bounds, [reference["crump"]["alpha"]] * 2)
    control, own = by_rule["sturmer"].bounds
    agrees("Trimming: Sturmer's bounds", "weights", key, [own, 1 - control], reference["sturmer"]["bounds"])
    for form, rule in {"crump": crump, "sturmer": sturmer}.items():
        again = trim_and_refit(score, treated, rule, lambda kept: logistic_score(treated[kept], d.x[kept]))
        ours, theirs = short(again.score.probability), reference[form]["refitted"]
        agrees("Trimming: score fitted anew", "weights", key, ours, theirs)
        np.testing.assert_array_equal(again.kept, by_rule[form].kept)


def several(name: str) -> tuple[Floats, Counts]:
    """The chances of several arms, made from one covariate, that the R script has."""
    d: dict[str, Any] = dataset(name)
    if name == "veteran":
        order = ["squamous", "smallcell", "adeno", "large"]
        arm, x = np.array([order.index(cell) for cell in d["celltype"]]), d["karno"]
    elif name == "colon":
        rows = d["etype"] == 2
        arm = np.array([["Obs", "Lev", "Lev+5FU"].index(label) for label in d["rx"][rows]])
        x = d["age"][rows]
    else:
        rows = np.isfinite(d["creat"]) & np.isfinite(d["hgb"])
        arm, x = np.digitize(d["hgb"][rows], [11, 13, 15]), d["creat"][rows]
    k = arm.max() + 1
    x = (x - x.mean()) / x.std(ddof=1) * (2 if name == "colon" else 1)
    odds = np.bincount(arm) / arm.size * np.exp(x[:, None] * np.arange(k) / k)
    return odds / odds.sum(axis=1, keepdims=True), arm


@pytest.mark.parametrize("name", ["veteran", "colon", "mgus2"])
def test_trimming_of_several_arms_agrees_with_the_rules_written_in_r(name: str) -> None:
    (chances, arm), key = several(name), f"several_{name}"
    reference = golden("weights", key)
    for form, rule in {"crump": crump, "symmetric": symmetric, "sturmer": sturmer, "walker": walker}.items():
        trimming = rule(chances, arm)
        quantity = f"Trimming: who is left out ({form}, several arms)"
        agrees(quantity, "weights", key, left_out(trimming), reference[form])
    agrees(
        "Trimming: bounds (Sturmer, several arms)", "weights", key, sturmer(chances, arm).bounds, reference["bounds"]
    )
    optimal = crump(chances, arm)
    agrees("Trimming: largest sum of inverse chances", "weights", key, optimal.sum_limit, reference["limit"])
    assert np.isnan(optimal.bounds).all()


def test_by_hand() -> None:
    score, treatment = [0.05, 0.1, 0.3, 0.6, 0.2, 0.5, 0.7, 0.95], [0, 0, 0, 0, 1, 1, 1, 1]
    fixed = symmetric(score, treatment)
    assert fixed.kept.tolist() == [False, True, True, True, True, True, True, False]
    assert (fixed.bounds.tolist(), fixed.before.tolist(), fixed.after.tolist()) == ([0.1, 0.1], [4, 4], [3, 3])
    # half of each arm: from the median of the treated, .6, to that of the controls, .2, nobody is left
    with pytest.raises(InputError, match="by the rule 'sturmer' none of the 4 rows of arm 0 stays"):
        sturmer(score, treatment, quantile=0.49)
    # from the lowest of the treated to the highest of the controls
    extreme = sturmer(score, treatment, quantile=0.0)
    assert np.flatnonzero(extreme.kept).tolist() == [2, 3, 4, 5]
    assert extreme.bounds.tolist() == [0.4, 0.2]
    # equal arms: the preference is the score
    assert np.flatnonzero(walker(score, treatment).kept).tolist() == [2, 3, 5, 6]
    # a quarter treated: the odds of F are three times those of e
    assert walker([0.17, 0.1, 0.5, 0.2], [0, 0, 0, 1]).kept.tolist() == [True, False, False, True]


def test_a_chance_at_the_bound_stays_though_rounding_moves_it() -> None:
    assert symmetric([0.1, 1 - 0.9, 0.9, 0.3 - 0.2], [0, 1, 0, 1]).kept.all()
    # the 21st of 61 lies at the quantile 1/3, in floating point a little beyond it
    e = np.linspace(0.2, 0.8, 61)
    trimming = sturmer(np.concatenate([e, e]), [0] * 61 + [1] * 61, quantile=20 / 60)
    assert np.count_nonzero(trimming.kept) == 2 * 21


def slow_crump(sums: Floats) -> float:
    """The largest limit that is twice the mean of what lies below it."""
    limits = [2 * sums[sums <= value].mean() for value in sums if value <= 2 * sums[sums <= value].mean()]
    return np.inf if sums.max() <= 2 * sums.mean() else max(limits)


@given(scores())
@few
def test_rules_hold_their_definitions(data: tuple[Floats, Bools]) -> None:
    score, treated = data
    expected = {
        symmetric: (score >= 0.1 - 1e-12) & (score <= 0.9 + 1e-12),
        crump: 1 / (score * (1 - score)) <= slow_crump(1 / score + 1 / (1 - score)) * (1 + 1e-12),
        sturmer: (score >= np.quantile(score[treated], 0.05) - 1e-12)
        & (score <= np.quantile(score[~treated], 0.95) + 1e-12),
        walker: np.abs(np.log(score / (1 - score)) - np.log(treated.mean() / (1 - treated.mean())))
        <= np.log(0.7 / 0.3) + 1e-10,
    }
    for rule, kept in expected.items():
        if not kept[treated].any() or not kept[~treated].any():
            with pytest.raises(InputError, match="must leave rows in every arm"):
                rule(score, treated)
            continue
        trimming = rule(score, treated)
        np.testing.assert_array_equal(trimming.kept, kept)
        # two columns are one score, however they are labelled
        named = rule(np.column_stack([1 - score, score]), np.where(treated, "treated", "control"))
        np.testing.assert_array_equal(named.kept, kept)
        assert named.arms.tolist() == ["control", "treated"]


@given(scores(), st.integers(0, 1000))
@few
def test_trimming_does_not_depend_on_the_order_of_rows_and_crump_leaves_the_least_variance(
    data: tuple[Floats, Bools], seed: int
) -> None:
    score, treated = data
    order = np.random.default_rng(seed).permutation(score.size)
    try:
        trimming = crump(score, treated)
    except InputError:
        return
    np.testing.assert_array_equal(crump(score[order], treated[order]).kept, trimming.kept[order])
    sums = np.sort(1 / (score * (1 - score)))
    variance = np.cumsum(sums) / np.arange(1, sums.size + 1) ** 2
    stays = np.count_nonzero(trimming.kept)
    # in a sample the rule's bound and the least variance differ by one row at most
    assert variance[stays - 1] <= variance.min() * (1 + 2 / stays)


def fitting(treated: Bools, x: Floats) -> Callable[[Bools], ScoreFit]:
    return lambda kept: logistic_score(treated[kept], x[kept])


def test_rounds_trim_by_the_score_that_was_fitted_anew_until_nobody_leaves() -> None:
    d = cohort("lalonde")
    score, fit = logistic_score(d.treated, d.x), fitting(d.treated, d.x)
    once = trim_and_refit(score, d.treated, symmetric, fit)
    assert len(once.rounds) == 1
    assert once.score.probability.size == np.count_nonzero(once.kept)
    outside = (once.score.probability < 0.1) | (once.score.probability > 0.9)
    twice = trim_and_refit(score, d.treated, symmetric, fit, rounds=2)
    assert np.count_nonzero(twice.kept) == np.count_nonzero(once.kept) - np.count_nonzero(outside)
    settled = trim_and_refit(score, d.treated, symmetric, fit, rounds=50)
    assert len(settled.rounds) < 50
    assert settled.rounds[-1].kept.all()
    assert (settled.score.probability >= 0.1).all()
    assert settled.score.probability.size == np.count_nonzero(settled.kept)


def test_a_score_that_separates_after_trimming_says_so() -> None:
    e, treated, x = np.array([0.4, 0.45, 0.5, 0.55, 0.02]), np.array([0, 0, 1, 1, 1]), np.array([1.0, 2, 3, 4, 0])
    fit = fitting(treated == 1, x[:, None])
    once = trim_and_refit(outside_score(e), treated, symmetric, fit)
    assert once.score.verdict.value == "separated"
    with pytest.raises(FitError, match="the logistic regression by which to trim: separated"):
        trim_and_refit(outside_score(e), treated, symmetric, fit, rounds=2)


def test_a_fit_of_other_rows_is_refused() -> None:
    e = np.array([0.02, 0.4, 0.6, 0.5])
    with pytest.raises(InputError, match="`fit` must return a score of the 3 rows that it is given"):
        trim_and_refit(outside_score(e), [0, 0, 1, 1], symmetric, lambda _: outside_score(e))
    with pytest.raises(InputError, match="`rounds` must be at least 1"):
        trim_and_refit(outside_score(e), [0, 0, 1, 1], symmetric, lambda _: outside_score(e), rounds=0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("score", "treatment", "message"),
    [
        ([0.5, np.nan], [0, 1], "`probability` must be strictly between 0 and 1; 1 of 2 is not"),
        ([0.5, 1.0], [0, 1], "`probability` must be strictly between 0 and 1"),
        ([0.5, np.inf], [0, 1], "`probability` must be strictly between 0 and 1"),
        ([0.5, 0.4], [0, np.nan], "`treatment` must be finite"),
        ([0.5, 0.4], [1, 1], "`treatment` must hold two arms for one chance a row; it holds 1"),
        ([0.5, 0.4], [1, 2], "`treatment` must be 0 or 1"),
        ([0.5], [1], "`treatment` must hold two arms"),
        ([0.5, 0.4], [0, 1, 1], "`treatment` must have 2 elements"),
        ([[0.5, 0.5], [0.5, 0.4]], [0, 1], "`probability` must sum to 1 in each row; 1 of 2 is not"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, 0], "`probability` must have a column for each arm; it has 2 for 1 arms"),
        ([[[0.5]]], [0], "`probability` must be"),
    ],
)
def test_bad_input_is_refused(rule: Any, score: Any, treatment: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rule(score, treatment)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: symmetric([0.4, 0.6], [0, 1], threshold=0.5), "`threshold` must be from 0 to below 1/2"),
        (lambda: symmetric([0.4, 0.6], [0, 1], threshold=np.nan), "`threshold` must be from 0 to below 1/2"),
        (lambda: sturmer([0.4, 0.6], [0, 1], quantile=-0.1), "`quantile` must be from 0 to below 1/2"),
        (lambda: walker([0.4, 0.6], [0, 1], threshold=0.6), "`threshold` must be from 0 to below 1/2"),
        (lambda: symmetric([0.05, 0.6], [0, 1]), "by the rule 'symmetric' none of the 1 rows of arm 0 stays"),
    ],
)
def test_thresholds_that_leave_nobody_are_refused(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()
