from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curve_tests.log_rank import log_rank
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.curve_tests.slow_log_rank import KINDS, cohort, slow_log_rank

SECTION = "Robust log-rank test"
NAMES = ["lung", "veteran", "pbc", "colon", "rotterdam"]
SCALABLE = [kind for kind in KINDS if kind not in ("peto-peto-plus-one", "andersen")]
# entry, time at risk, event, group, stratum, weight in quarters, cluster
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(1, 6),
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, 1),
        st.integers(1, 9),
        st.integers(0, 5),
    ),
    min_size=4,
    max_size=20,
).filter(lambda rows: 1 < len({row[3] for row in rows}) <= len({row[6] for row in rows}))


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_robust_score_of_the_weighted_cox_model(name: str) -> None:
    d = cohort(name)
    groups = robust_log_rank(d.t, d.s, d.k, d.w)
    both = robust_log_rank(d.t, d.s, d.g, d.w, entry=d.e, stratum=d.c, cluster=d.m)
    for key, test, what in (
        (f"robust_{name}", groups, SECTION),
        (f"robust_all_{name}", both, f"{SECTION}, late entry, strata and clusters"),
    ):
        expected = golden("tests_of_curves", key)
        agrees(f"{what}: statistic", "tests_of_curves", key, test.statistic, expected["chisq"])
        agrees(f"{what}: p-value", "tests_of_curves", key, test.p_value, expected["p"])
        assert test.degrees_of_freedom == expected["df"]
    assert (groups.n_units, both.n_units) == (d.t.size, min(40, d.t.size))


@pytest.mark.parametrize("name", NAMES)
def test_centred_agrees_with_survey(name: str) -> None:
    d, key = cohort(name), f"svylogrank_{name}"
    options = [(0, 0), (1, 0), (0, 1), (0.5, 2)]
    for (rho, gamma), expected in zip(options, golden("tests_of_curves", key), strict=True):
        test = robust_log_rank(d.u, d.s, d.g, d.w, rho=rho, gamma=gamma, centred=True)
        score, se = test.observed[1] - test.expected[1], test.variance[1, 1] ** 0.5
        what = f"{SECTION}, centred"
        agrees(f"{what}: observed less expected", "tests_of_curves", key, score, expected["score"])
        agrees(f"{what}: standard error", "tests_of_curves", key, se, expected["se"])
        agrees(f"{what}: statistic", "tests_of_curves", key, test.statistic, expected["chisq"])
        agrees(f"{what}: p-value", "tests_of_curves", key, test.p_value, expected["p"])


@pytest.mark.parametrize("name", NAMES)
def test_centred_clusters_of_groups_agree_with_survey(name: str) -> None:
    d, key = cohort(name), f"svylogrank_cluster_{name}"
    for (rho, gamma), expected in zip([(0, 0), (1, 1)], golden("tests_of_curves", key), strict=True):
        test = robust_log_rank(d.u, d.s, d.k, d.w, cluster=d.m, rho=rho, gamma=gamma, centred=True)
        score, se = (test.observed - test.expected)[1:], np.sqrt(np.diag(test.variance))[1:]
        what = f"{SECTION}, centred, clusters"
        agrees(f"{what}: observed less expected", "tests_of_curves", key, score, expected["score"])
        agrees(f"{what}: standard error", "tests_of_curves", key, se, expected["se"])
        agrees(f"{what}: statistic", "tests_of_curves", key, test.statistic, expected["chisq"])
        agrees(f"{what}: p-value", "tests_of_curves", key, test.p_value, expected["p"])


def by_hand_rows() -> dict[str, Any]:
    """Times 1 2 3, all events, weights 2 1 1, groups a b a.

    time  weight at risk a, all  b's share p  hazard h  (x - p) h of a row of a, of b
    1     3, 4                   1/4          1/2       -1/8, 3/8
    2     1, 2                   1/2          1/2       -1/4, 1/4
    3     1, 1                   0            1         0
    expected in b: 2/4 + 1/2 = 1. Residuals, weight (x - p at the event, less the sum of (x - p) h until then):
    row 1: 2 (-1/4 + 1/8) = -2/8; row 2: 1/2 - 3/8 - 1/4 = -1/8; row 3: 0 + 1/8 + 1/4 = 3/8.
    """
    return {"time": [1, 2, 3], "event": [1, 1, 1], "group": ["a", "b", "a"], "weights": [2, 1, 1]}


def test_by_hand() -> None:
    test = robust_log_rank(**by_hand_rows())
    np.testing.assert_allclose(test.observed, [3, 1], rtol=1e-14)
    np.testing.assert_allclose(test.expected, [3, 1], rtol=1e-14)
    np.testing.assert_allclose(test.variance[1, 1], (4 + 1 + 9) / 64, rtol=1e-14)
    assert test.statistic == pytest.approx(0, abs=1e-28)
    centred = robust_log_rank(**by_hand_rows(), centred=True)
    np.testing.assert_allclose(centred.variance[1, 1], 14 / 64 * 3 / 2, rtol=1e-14)
    pairs = robust_log_rank(**by_hand_rows(), cluster=["x", "y", "x"])
    np.testing.assert_allclose(pairs.variance[1, 1], 2 / 64, rtol=1e-14)
    assert pairs.n_units == 2


@given(ROWS, st.sampled_from([*SCALABLE, (0.0, 0.0), (1.0, 0.0), (0.5, 1.5)]), st.booleans())
@settings(deadline=None, max_examples=70)
def test_agrees_with_loops_over_rows(rows: Any, weighting: Any, late: bool) -> None:
    table = np.array(rows, dtype=float)
    time, event, group, stratum, weights, cluster = table[:, 0] + table[:, 1], *table[:, 2:].T
    kind: dict[str, Any] = {"weighting": weighting}
    if not isinstance(weighting, str):
        kind = {"rho": weighting[0], "gamma": weighting[1]}
    slow_kind: dict[str, Any] = {"kind": weighting} if isinstance(weighting, str) else kind
    entry = table[:, 0] if late else None
    slow = slow_log_rank(time, event, group, entry=entry, stratum=stratum, weights=weights / 4, **slow_kind)
    test = robust_log_rank(time, event, group, weights / 4, entry=entry, stratum=stratum, **kind)
    np.testing.assert_allclose(test.observed, slow.observed, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(test.expected, slow.expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(test.variance, slow.residuals.T @ slow.residuals, rtol=1e-11, atol=1e-11)
    clustered = robust_log_rank(time, event, group, weights / 4, cluster=cluster, entry=entry, stratum=stratum, **kind)
    sums = np.stack([slow.residuals[cluster == label].sum(axis=0) for label in np.unique(cluster)])
    np.testing.assert_allclose(clustered.variance, sums.T @ sums, rtol=1e-11, atol=1e-11)


@given(ROWS, st.sampled_from(SCALABLE), st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_scale_order_clock_and_names_do_not_matter(rows: Any, kind: Any, scale: float, random: Any) -> None:
    table, shuffled = np.array(rows), np.array(random.sample(rows, len(rows)))
    first = robust_log_rank(table[:, 1], table[:, 2], table[:, 3], table[:, 5], weighting=kind)
    second = robust_log_rank(
        np.exp(shuffled[:, 1]),
        shuffled[:, 2],
        np.array(["c", "b", "a"])[shuffled[:, 3]],
        shuffled[:, 5] * scale,
        weighting=kind,
        stratum=np.zeros(len(rows)),
        cluster=np.arange(len(rows)),
    )
    assert first.degrees_of_freedom == second.degrees_of_freedom
    np.testing.assert_allclose(first.statistic, second.statistic, rtol=1e-7, atol=1e-9)


def test_a_row_of_weight_two_is_two_rows_of_one_cluster() -> None:
    rng = np.random.default_rng(1)
    choices: list[dict[str, Any]] = [{}, {"weighting": "gehan"}, {"rho": 1, "gamma": 1}]
    time, event, group = rng.integers(1, 9, 40), rng.integers(0, 2, 40), rng.integers(0, 3, 40)
    weights = rng.integers(1, 4, 40)
    row = np.repeat(np.arange(40), weights)
    for options in choices:
        once = robust_log_rank(time, event, group, weights, **options)
        rows = robust_log_rank(time[row], event[row], group[row], cluster=row, **options)
        np.testing.assert_allclose(once.observed, rows.observed, rtol=1e-12)
        np.testing.assert_allclose(once.variance, rows.variance, rtol=1e-11)


def test_without_weights_observed_and_expected_are_those_of_the_log_rank_test() -> None:
    d = cohort("veteran")
    for kind in KINDS:
        robust = robust_log_rank(d.t, d.s, d.k, entry=d.e, stratum=d.c, weighting=kind)  # pyright: ignore[reportArgumentType]
        plain = log_rank(d.t, d.s, d.k, entry=d.e, stratum=d.c, weighting=kind)  # pyright: ignore[reportArgumentType]
        np.testing.assert_allclose(robust.observed, plain.observed, rtol=1e-12)
        np.testing.assert_allclose(robust.expected, plain.expected, rtol=1e-12)
        assert 0.5 < robust.statistic / plain.statistic < 2


def test_without_ties_efrons_robust_score_is_the_same() -> None:
    d = cohort("lung")
    fit = cox(d.u, d.s, d.g, weights=d.w)
    assert fit.robust_score is not None
    np.testing.assert_allclose(robust_log_rank(d.u, d.s, d.g, d.w).statistic, fit.robust_score, rtol=1e-11)


@pytest.mark.parametrize(
    "arguments",
    [
        {"time": [1, 2, 3], "event": [0, 0, 0], "group": [0, 1, 1]},
        {"time": [1, 2, 3, 4], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "stratum": [0, 0, 1, 1]},
        {"time": [1, 2, 4, 5], "event": [1, 1, 1, 1], "group": [0, 0, 1, 1], "entry": [0, 0, 3, 3]},
        {"time": [1, 1], "event": [1, 1], "group": [0, 1]},
    ],
)
def test_nothing_to_compare_is_not_a_number(arguments: dict[str, Any]) -> None:
    n = len(arguments["time"])
    for weights in (None, np.array([0.1, 1 / 3, 7.7, 1e3])[:n], np.array([1e6, 0.3, 1e-6, 0.1])[:n]):
        test = robust_log_rank(**arguments, weights=weights)
        assert test.degrees_of_freedom == 0
        assert np.isnan([test.statistic, test.p_value]).all()


def test_a_group_that_is_never_at_risk_at_an_event_takes_no_degree_of_freedom() -> None:
    time, event, group = [1, 5, 6, 7, 8, 9], [0, 1, 1, 1, 1, 0], ["early", "a", "b", "a", "b", "a"]
    weights = [0.3, 0.1, 1.7, 2.2, 1 / 3, 4]
    test = robust_log_rank(time, event, group, weights)
    assert test.degrees_of_freedom == 1
    without = robust_log_rank(time[1:], event[1:], group[1:], weights[1:])
    np.testing.assert_allclose(test.statistic, without.statistic, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3, 4]}, "`time` must be finite"),
        ({"event": [1, np.inf, 0, 1]}, "`event` must be finite"),
        ({"group": [1, np.nan, 0, 0]}, "`group` must be finite"),
        ({"group": [1, 1, 1, 1]}, "`group` must have at least two levels; it has 1."),
        ({"weights": [1, np.nan, 1, 1]}, "`weights` must be finite; 1 of 4 is not (first at index 1)."),
        ({"weights": [1, 0, 1, 1]}, "`weights` must be positive; 1 of 4 is not (first at index 1)."),
        ({"weights": [1, -1, 1, 1]}, "`weights` must be positive"),
        ({"weights": [1, 1]}, "`weights` must have 4 elements, one a row; it has 2."),
        ({"entry": [0, np.nan, 0, 0]}, "`entry` must be finite"),
        ({"entry": [2, 0, 0, 0]}, "`entry` must be before `time`"),
        ({"stratum": [0, np.nan, 0, 0]}, "`stratum` must be finite"),
        ({"cluster": [0, np.nan, 0, 0]}, "`cluster` must not be missing"),
        ({"cluster": [0, 0, 0, 0]}, "`cluster` must name at least as many clusters as there are groups; it names 1"),
        ({"rho": -1}, "`rho` must be finite and non-negative; it is -1."),
        ({"gamma": np.nan}, "`gamma` must be finite and non-negative; it is nan."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    rows: dict[str, Any] = {"time": [1, 2, 3, 4], "event": [1, 0, 1, 0], "group": [0, 1, 1, 0], "weights": [1, 2, 1, 1]}
    with pytest.raises(InputError) as caught:
        robust_log_rank(**rows | changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("kind", ["peto-peto-plus-one", "andersen"])
def test_a_number_of_rows_and_one_more_has_no_weighted_form(kind: Any) -> None:
    with pytest.raises(UnsupportedError, match="adds 1 to a number of rows"):
        robust_log_rank([1, 2], [1, 1], [0, 1], [1, 1], weighting=kind)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["log-rank", "late differences", "gehan", "clusters"])
def test_holds_its_level(name: str) -> None:
    """Weights by a covariate that bears on time, but not on group: 5 % of 2,000 tests, whose error is .5 %.

    With 1,500 rows: of 100 rows such tests reject 6 to 8 %, as robust variances do.
    """
    options: dict[str, Any] = {"late differences": {"gamma": 1}, "gehan": {"weighting": "gehan"}}.get(name, {})
    rng, p = np.random.default_rng(8), []
    for _ in range(2000):
        x, group = rng.normal(size=1500), rng.integers(0, 2, 1500)
        time = np.ceil(rng.exponential(8 * np.exp(0.5 * x)))
        if name == "clusters":
            x, group, time = np.repeat(x, 2), np.repeat(group, 2), np.repeat(time, 2)
            options = {"cluster": np.arange(3000) // 2}
        end = rng.uniform(0, 20, x.size)
        test = robust_log_rank(np.minimum(time, end), time <= end, group, np.exp(0.4 * x), **options)
        p.append(test.p_value)
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * 0.0049


def test_the_log_rank_test_of_weighted_or_clustered_rows_is_this_one() -> None:
    d = cohort("veteran")
    chosen: list[dict[str, Any]] = [{"weights": d.w}, {"cluster": d.m}]
    for options in chosen:
        one, other = log_rank(d.t, d.s, d.g, **options), robust_log_rank(d.t, d.s, d.g, **options)
        assert one.robust
        assert (one.statistic, one.p_value, one.n_units) == (other.statistic, other.p_value, other.n_units)
    assert not log_rank(d.t, d.s, d.g).robust
