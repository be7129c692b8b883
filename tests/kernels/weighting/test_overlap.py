from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import c_statistic
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.overlap import (
    PositivityGap,
    positivity_gaps,
    preference_score,
    score_overlap,
)
from tests.golden import golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.weighting.test_trimming import several
from tests.kernels.weighting.weight_cohorts import cohort, scores, short

DENSITY = 2e-3
"""How far R's `density`, on 512 points and linear in between, is from the exact sums of Gaussian curves."""
few = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("name", ["lalonde", "Melanoma", "pbc", "rotterdam_np"])
def test_overlap_agrees_with_its_definitions_in_r(name: str) -> None:
    d, key = cohort(name), f"trimming_{name}"
    reference = golden("weights", key)
    score = logistic_score(d.treated, d.x).probability
    overlap = score_overlap(score, d.treated)
    agrees("Overlap: common range", "weights", key, [overlap.lower[1], overlap.upper[1]], reference["support"])
    outside = np.flatnonzero(~overlap.inside) + 1
    agrees("Overlap: rows outside the common range", "weights", key, outside, reference["outside"])
    agrees("Overlap: preference score", "weights", key, short(overlap.preference[:, 1]), reference["preference"])
    agrees("Overlap: share with a preference of .3 to .7", "weights", key, overlap.equipoise, reference["equipoise"])
    agrees("Overlap: c-statistic", "weights", key, overlap.c_statistic, reference["c_statistic"])
    ours = overlap.coefficient
    agrees("Overlap: coefficient of the score", "weights", key, ours, reference["overlap"])
    assert ours == pytest.approx(reference["overlap_exact"], abs=DENSITY)
    assert overlap.in_equipoise == (min(reference["equipoise"]) >= 0.5)


@pytest.mark.parametrize("name", ["veteran", "colon", "mgus2"])
def test_preferences_of_several_arms_agree_with_r(name: str) -> None:
    (chances, arm), key = several(name), f"several_{name}"
    ours = preference_score(chances, arm).T.ravel()
    agrees(
        "Overlap: preference score (several arms)", "weights", key, short(ours), golden("weights", key)["preference"]
    )
    overlap = score_overlap(chances, arm)
    assert np.isnan([overlap.coefficient, overlap.c_statistic]).all()
    assert (overlap.equipoise >= 0).all()
    assert overlap.outside.sum() == np.count_nonzero(~overlap.inside)


def test_by_hand() -> None:
    overlap = score_overlap([0.1, 0.3, 0.6, 0.2, 0.5, 0.9], [0, 0, 0, 1, 1, 1])
    assert overlap.arms.tolist() == [0, 1]
    assert overlap.n.tolist() == [3, 3]
    np.testing.assert_allclose([overlap.lower, overlap.upper], [[0.4, 0.2], [0.8, 0.6]], rtol=1e-15)
    assert overlap.outside.tolist() == [1, 1]
    # of nine pairs the treated row scores higher in six
    assert overlap.c_statistic == pytest.approx(6 / 9)
    assert overlap.equipoise.tolist() == [2 / 3, 1 / 3]
    assert not overlap.in_equipoise
    assert "not to be made large" in overlap.caution
    # arms of one size: the preference is the score
    np.testing.assert_allclose(overlap.preference[:, 1], [0.1, 0.3, 0.6, 0.2, 0.5, 0.9], rtol=1e-14)


@given(scores(), st.integers(0, 1000))
@few
def test_holds_its_definitions(data: tuple[Floats, Bools], seed: int) -> None:
    score, treated = data
    overlap = score_overlap(score, treated)
    low = max(score[treated].min(), score[~treated].min())
    high = min(score[treated].max(), score[~treated].max())
    np.testing.assert_array_equal(overlap.inside, (score >= low - 1e-12) & (score <= high + 1e-12))
    share = treated.mean()
    logit = np.log(score / (1 - score)) - np.log(share / (1 - share))
    preference = preference_score(score, treated)
    np.testing.assert_allclose(preference, 1 / (1 + np.exp(-logit)), rtol=1e-10)
    np.testing.assert_allclose(overlap.preference.sum(axis=1), 1, rtol=1e-14)
    assert overlap.c_statistic == c_statistic(treated, score)
    # the labels of the arms may be exchanged with the columns
    two = np.column_stack([1 - score, score])
    exchanged = score_overlap(two[:, ::-1], np.where(treated, 0, 1))
    np.testing.assert_array_equal(exchanged.inside, overlap.inside)
    np.testing.assert_allclose(exchanged.equipoise[::-1], overlap.equipoise, rtol=1e-15)
    order = np.random.default_rng(seed).permutation(score.size)
    again = score_overlap(score[order], treated[order])
    np.testing.assert_array_equal(again.inside, overlap.inside[order])
    np.testing.assert_array_equal(again.outside, overlap.outside)


def test_a_single_patient_of_an_arm_is_described_as_far_as_can_be() -> None:
    overlap = score_overlap([0.3, 0.5, 0.7], [0, 1, 0])
    assert overlap.inside.tolist() == [False, True, False]
    assert np.isnan(overlap.coefficient)
    apart = score_overlap([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert not apart.inside.any()
    assert apart.coefficient == 0
    assert apart.c_statistic == 1


def test_nobody_without_positive_nodes_was_given_hormonal_treatment() -> None:
    r = rotterdam()
    names = ["nodegrp", "grade3", "meno", "size", "chemo", "age"]
    x = np.column_stack([r[name] for name in names])
    gaps = positivity_gaps(r["hormon"], x, names)
    table = golden("outcomes", "positivity_check")
    assert gaps == (PositivityGap("nodegrp", 0.0, 1.0, int(sum(table["values"][0])), 0),)
    key, count = "positivity_check", [gap.n for gap in gaps]
    agrees("Overlap: positivity gaps", "outcomes", key, count, [table["values"][0][0]])
    # those with positive nodes have no gap, and R's table none
    keep = r["nodes"] > 0
    assert positivity_gaps(r["hormon"][keep], x[keep], names) == ()
    assert np.min(golden("weights", "positivity_np")) > 0


def slow_gaps(treatment: Any, x: Any, fewest: int) -> list[tuple[int, Any, Any, int, int]]:
    found: list[tuple[int, Any, Any, int, int]] = []
    for j in range(len(x[0])):
        for level in sorted({row[j] for row in x}):
            mine = [treatment[i] for i in range(len(x)) if x[i][j] == level]
            found += [
                (j, level, arm, len(mine), mine.count(arm))
                for arm in sorted(set(treatment))
                if mine.count(arm) < fewest
            ]
    return found


@given(st.integers(0, 100_000), st.integers(1, 3))
@few
def test_gaps_are_those_of_every_cell_counted(seed: int, fewest: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 25))
    arms = rng.integers(0, 3, n)
    arms[:2] = 0, 1
    x = rng.integers(0, 4, (n, 2))
    found = positivity_gaps(arms, x, ["a", "b"], fewest=fewest)
    expected = slow_gaps(arms.tolist(), x.tolist(), fewest)
    assert [("ab".index(gap.covariate), gap.level, gap.arm, gap.n, gap.in_arm) for gap in found] == expected


def test_texts_and_columns_of_several_kinds_are_levels_too_and_measurements_are_passed_over() -> None:
    treatment = ["none", "hormon", "none", "hormon"]
    x = np.array([["I", 1.5, True], ["II", 1.5, True], ["I", 2.5, False], ["II", 2.5, True]], dtype=object)
    assert positivity_gaps(treatment, x, ["stage", "dose", "old"]) == (
        PositivityGap("stage", "I", "hormon", 2, 0),
        PositivityGap("stage", "II", "none", 2, 0),
        PositivityGap("old", False, "hormon", 1, 0),
    )
    assert positivity_gaps([0, 1] * 10, np.arange(20), ["age"]) == ()
    assert len(positivity_gaps([0, 1] * 10, np.arange(20), ["age"], most_levels=20)) == 20


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: score_overlap([0.5, np.nan], [0, 1]), "`probability` must be strictly between 0 and 1"),
        (lambda: score_overlap([0.5, 0.4], [0, np.nan]), "`treatment` must be finite"),
        (lambda: score_overlap([0.5, 0.4], [0, 0]), "`treatment` must hold two arms"),
        (lambda: preference_score([0.5, 0.0], [0, 1]), "`probability` must be strictly between 0 and 1"),
        (lambda: preference_score([0.5, 0.4], [0, np.inf]), "`treatment` must be finite"),
        (lambda: positivity_gaps([0, np.nan], [[1], [0]], ["a"]), "`treatment` must be finite"),
        (lambda: positivity_gaps([0, 1], [[1], [np.nan]], ["a"]), "`a` must be finite"),
        (lambda: positivity_gaps([0, 1], np.array([["b"], [None]]), ["a"]), "`a` must be known"),
        (lambda: positivity_gaps([0, 0], [[1], [0]], ["a"]), "`treatment` must hold two arms or more; it holds 1"),
        (lambda: positivity_gaps([0, 1], [[1], [0]], ["a", "b"]), "`x` must have 2 rows and a column for each of 2"),
        (lambda: positivity_gaps([0, 1], [[1], [0], [1]], ["a"]), "`x` must have 2 rows"),
        (lambda: positivity_gaps([0, 1], [[1], [0]], ["a"], fewest=0), "`fewest` must be at least 1"),
    ],
)
def test_bad_input_is_refused(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()
