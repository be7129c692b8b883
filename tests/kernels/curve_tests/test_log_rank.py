from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.curve_tests.log_rank import LogRankTest, log_rank
from tests.by_hand import survival as by_hand
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.curve_tests.slow_log_rank import KINDS, cohort, slow_log_rank

SECTION = "Log-rank test"
# entry, time at risk, event, group, stratum
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 6), st.integers(0, 1), st.integers(0, 2), st.integers(0, 1)),
    min_size=2,
    max_size=25,
).filter(lambda rows: len({row[3] for row in rows}) > 1)


def assert_test(test: LogRankTest, name: str, key: str, expected: dict[str, Any], section: str = SECTION) -> None:
    """Hold a test against R's; the covariance is made of cancelling terms, relative to the largest of them."""
    agrees(f"{section}: statistic", name, key, test.statistic, expected["chisq"])
    if "p" in expected:
        agrees(f"{section}: p-value", name, key, test.p_value, expected["p"])
    if "df" in expected:
        assert test.degrees_of_freedom == expected["df"]
    for what, theirs in (("observed", "obs"), ("expected", "exp")):
        if theirs in expected:
            agrees(f"{section}: {what} events", name, key, getattr(test, what), expected[theirs], relative_to="largest")
    if "var" in expected:
        agrees(f"{section}: covariance", name, key, test.variance, expected["var"], relative_to="largest")


LUNG = ("lung", "time", "status", "sex")
VETERAN = ("veteran", "time", "status", "celltype")


@pytest.mark.parametrize(
    ("key", "columns", "stratum", "rho"),
    [
        ("lr_aml", ("aml", "time", "status", "x"), None, 0),
        ("lr_aml_peto", ("aml", "time", "status", "x"), None, 1),
        ("lr_lung_sex", LUNG, None, 0),
        ("lr_lung_sex_rho1", LUNG, None, 1),
        ("lr_lung_sex_rho05", LUNG, None, 0.5),
        ("lr_lung_ecog", ("lung", "time", "status", "ph.ecog"), None, 0),
        ("lr_lung_strat_inst", LUNG, "inst", 0),
        ("lr_veteran_trt_strat_cell", ("veteran", "time", "status", "trt"), "celltype", 0),
        ("lr_rott_hormon_rho1", ("rotterdam", "dmonths", "death", "hormon"), None, 1),
        ("lr_rott_trt4_rfs", ("rotterdam", "rfsmonths", "rfs", "trt4"), None, 0),
        ("lr_rott_strat_size_nodegrp", ("rotterdam", "dmonths", "death", "hormon"), "size_nodegrp", 0),
    ],
)
def test_agrees_with_survdiff(key: str, columns: tuple[str, ...], stratum: str | None, rho: float) -> None:
    name, *used = columns
    d = dict(rotterdam() if name == "rotterdam" else dataset(name))
    if name == "lung":
        d["status"] = (d["status"] == 2).astype(float)
    if stratum == "size_nodegrp":
        d[stratum] = d["size"] * 10 + d["nodegrp"]
    names = [*used, *([stratum] if stratum else [])]
    numeric = [d[column] for column in names if d[column].dtype.kind == "f"]
    known = ~np.isnan(numeric).any(axis=0)
    time, event, group = (d[column][known] for column in used)
    test = log_rank(time, event, group, stratum=d[stratum][known] if stratum else None, rho=rho)
    assert_test(test, "logrank", key, golden("logrank", key))
    np.testing.assert_array_equal(test.n, [(group == level).sum() for level in test.levels])


def test_four_cell_types_by_peto() -> None:
    d, expected = dataset("veteran"), golden("logrank", "lr_veteran_celltype_rho1")
    test = log_rank(d["time"], d["status"], d["celltype"], rho=1)
    place = [test.levels.tolist().index(name) for name in ("squamous", "smallcell", "adeno", "large")]
    key = "lr_veteran_celltype_rho1"
    agrees(f"{SECTION}: observed events", "logrank", key, test.observed[place], expected["obs"])
    agrees(f"{SECTION}: expected events", "logrank", key, test.expected[place], expected["exp"])
    covariance = test.variance[np.ix_(place, place)]
    agrees(f"{SECTION}: covariance", "logrank", key, covariance, expected["var"], relative_to="largest")
    agrees(f"{SECTION}: statistic", "logrank", key, test.statistic, expected["chisq"])


def test_strata_and_weights_together() -> None:
    d, key = dataset("veteran"), "lr_veteran_strat_rho05"
    test = log_rank(d["time"], d["status"], d["trt"], stratum=d["celltype"], rho=0.5)
    assert_test(test, "curves_and_tests", key, golden("curves_and_tests", key))


@pytest.mark.parametrize("name", ["lung", "veteran", "pbc", "colon", "rotterdam"])
def test_groups_and_strata_agree_with_survdiff(name: str) -> None:
    d, expected = cohort(name), golden("tests_of_curves", f"survdiff_{name}")
    for rho in (0, 1):
        test = log_rank(d.t, d.s, d.k, stratum=d.c, rho=rho)
        assert_test(test, "tests_of_curves", f"survdiff_{name}", expected[f"rho{rho}"])


FAMILY = {"fh_0_0": (0, 0), "fh_1_0": (1, 0), "fh_0_1": (0, 1), "fh_05_2": (0.5, 2)}


@pytest.mark.parametrize("late", [None, "entry", "entry_strata"])
@pytest.mark.parametrize("name", ["lung", "veteran", "pbc", "colon"])
def test_every_weighting_agrees_with_its_definition_in_r(name: str, late: str | None) -> None:
    d, key = cohort(name), f"family_{late}_{name}" if late else f"family_{name}"
    expected = golden("tests_of_curves", key)
    group, entry, stratum = (d.g if late == "entry_strata" else d.k), (d.e if late else None), None
    if late == "entry_strata":
        stratum = d.c
    section = f"{SECTION}, late entry" if late else SECTION
    for kind in KINDS:
        test = log_rank(d.t, d.s, group, entry=entry, stratum=stratum, weighting=kind)  # pyright: ignore[reportArgumentType]
        assert test.weighting == kind
        assert_test(test, "tests_of_curves", key, expected[kind], f"{section}, {kind}")
    for kind, (rho, gamma) in FAMILY.items():
        test = log_rank(d.t, d.s, group, entry=entry, stratum=stratum, rho=rho, gamma=gamma)
        assert_test(test, "tests_of_curves", key, expected[kind], f"{section}, fleming-harrington")


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("lr_weighted_hand_lung", ("lung", "time", "status", "sex")),
        ("lr_weighted_hand_veteran", ("veteran", "time", "status", "celltype")),
        ("lr_weighted_hand_rott_trt4", ("rotterdam", "rfsmonths", "rfs", "trt4")),
    ],
)
def test_every_weighting_agrees_with_another_definition_in_r(key: str, columns: tuple[str, ...]) -> None:
    name, *used = columns
    d = rotterdam() if name == "rotterdam" else dataset(name)
    time, event, group = (d[column] for column in used)
    if name == "lung":
        event = event == 2
    if name == "veteran":
        group = cohort("veteran").k
    names = {"gehan": "gehan", "tarone_ware": "tarone-ware", "fh_1_0": "peto-peto", "logrank": "log-rank"}
    names |= {"peto_peto": "peto-peto-plus-one", "modified_peto": "andersen"}
    expected = golden("logrank", key)
    tests = {
        theirs: log_rank(time, event, group, weighting=ours)  # pyright: ignore[reportArgumentType]
        for theirs, ours in names.items()
    }
    tests["fh_0_1"] = log_rank(time, event, group, gamma=1)
    tests["fh_1_1"] = log_rank(time, event, group, rho=1, gamma=1)
    tests["fh_05_05"] = log_rank(time, event, group, rho=0.5, gamma=0.5)
    for theirs, test in tests.items():
        r, difference = expected[theirs], test.observed - test.expected
        agrees(f"{SECTION}, {test.weighting}: statistic", "logrank", key, test.statistic, r["chisq"])
        agrees(f"{SECTION}, {test.weighting}: p-value", "logrank", key, test.p_value, r["p"])
        what = f"{SECTION}, {test.weighting}: observed less expected"
        agrees(what, "logrank", key, difference, r["U"], relative_to="largest")
        what = f"{SECTION}, {test.weighting}: covariance"
        agrees(what, "logrank", key, test.variance, r["V"], relative_to="largest")


@pytest.mark.parametrize("stratified", [False, True])
def test_late_entry_is_the_score_test_of_the_exact_cox_model(stratified: bool) -> None:
    d = dataset("aml")
    n = np.arange(1, d["time"].size + 1)
    entry = np.where(n % 3 == 0, np.floor(d["time"] / 2), 0)
    test = log_rank(d["time"], d["status"], d["x"], entry=entry, stratum=n % 4 if stratified else None)
    key = "lr_entry_strat_exact_score" if stratified else "lr_entry_exact_score"
    what = f"{SECTION}, late entry: score test of the exact Cox model"
    agrees(what, "curves_and_tests", key, test.statistic, golden("curves_and_tests", key)["chisq"], tolerance=1e-8)


@pytest.mark.parametrize("name", ["aml", "lung", "veteran", "pbc"])
def test_groups_under_late_entry_are_the_score_test_of_the_exact_cox_model(name: str) -> None:
    d, key = cohort(name), f"exact_{name}"
    test, expected = log_rank(d.t, d.s, d.k, entry=d.e), golden("tests_of_curves", key)
    what = f"{SECTION}, late entry: score test of the exact Cox model"
    agrees(what, "tests_of_curves", key, test.statistic, expected["chisq"], tolerance=1e-8)
    agrees(f"{what}, p-value", "tests_of_curves", key, test.p_value, expected["p"], tolerance=1e-8)
    assert test.degrees_of_freedom == expected["df"]


def test_by_hand() -> None:
    test = log_rank(by_hand.GROUPS_TIME, np.ones(4), by_hand.GROUPS_GROUP)
    assert test.levels.tolist() == ["a", "b"]
    np.testing.assert_allclose(test.expected[0], float(by_hand.GROUPS_EXPECTED), rtol=1e-14)
    np.testing.assert_allclose(test.variance[0, 0], float(by_hand.GROUPS_VARIANCE), rtol=1e-14)
    np.testing.assert_allclose(test.statistic, float(by_hand.GROUPS_STATISTIC), rtol=1e-13)


@given(ROWS, st.sampled_from([*KINDS, (0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 1.0), (2.0, 1.5)]), st.booleans())
@settings(deadline=None, max_examples=150)
def test_agrees_with_loops_over_strata_and_times(rows: Any, weighting: Any, late: bool) -> None:
    table = np.array(rows, dtype=float)
    time, event, group, stratum = table[:, 0] + table[:, 1], *table[:, 2:].T
    kind = (
        {"weighting": weighting} if isinstance(weighting, str) else dict(zip(("rho", "gamma"), weighting, strict=True))
    )
    entry = table[:, 0] if late else None
    test = log_rank(time, event, group, entry=entry, stratum=stratum, **kind)
    slow_kind = {"kind": weighting} if isinstance(weighting, str) else kind
    expected = slow_log_rank(time, event, group, entry=entry, stratum=stratum, **slow_kind)
    for ours, theirs in (
        (test.observed, expected.observed),
        (test.expected, expected.expected),
        (test.variance, expected.variance),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(test.observed.sum(), test.expected.sum(), rtol=1e-12, atol=1e-12)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_one_stratum_and_entry_at_zero_change_nothing(rows: Any) -> None:
    """And so the counts of sorted numbers are those of sorted rows."""
    table = np.array(rows)
    time, event, group = table[:, 1] / 7, table[:, 2], table[:, 3]
    first, zeros = log_rank(time, event, group, rho=1), np.zeros(len(rows))
    for second in (
        log_rank(time, event, group, rho=1, stratum=zeros),
        log_rank(time, event, group, rho=1, entry=zeros),
        log_rank(time * 1e250, event, group, rho=1),
    ):
        np.testing.assert_array_equal(first.n, second.n)
        for what in ("statistic", "observed", "expected", "variance"):
            np.testing.assert_allclose(getattr(first, what), getattr(second, what), rtol=1e-12, atol=1e-14)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_all_rows_twice(rows: Any) -> None:
    """Events and expectations double; the variance of the ties does not quite."""
    table = np.array(rows)
    once = log_rank(table[:, 1], table[:, 2], table[:, 3])
    twice = log_rank(*np.repeat(table[:, 1:4], 2, axis=0).T)
    np.testing.assert_allclose(twice.observed, 2 * once.observed)
    np.testing.assert_allclose(twice.expected, 2 * once.expected)


def test_more_groups_than_fit_beside_a_time() -> None:
    rng = np.random.default_rng(3)
    time, event, group = rng.integers(1, 30, 400), rng.integers(0, 2, 400), rng.integers(0, 40, 400)
    test = log_rank(time, event, group, rho=0.5)
    expected = slow_log_rank(time.astype(float), event, group, rho=0.5)
    np.testing.assert_allclose(test.variance, expected.variance, rtol=1e-12, atol=1e-12)
    few = log_rank(time, event, group % 32)
    np.testing.assert_allclose(few.expected, slow_log_rank(time.astype(float), event, group % 32).expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 1e9, 1e300])
def test_ties_are_told_apart_at_every_scale(scale: float) -> None:
    time = np.array([0.0, 0.1 + 0.2, 0.3, 1.0, 1.0 + 1e-12, 1.0 + 1e-7, 2.0]) * scale
    test = log_rank(time, np.ones(7), [0, 1, 0, 1, 0, 1, 0], rho=1)
    expected = slow_log_rank(np.array([0.0, 1, 1, 2, 2, 3, 4]), np.ones(7), np.array([0, 1, 0, 1, 0, 1, 0]), rho=1)
    np.testing.assert_allclose(test.variance, expected.variance, rtol=1e-12)
    np.testing.assert_allclose(test.expected, expected.expected, rtol=1e-12)


def test_gehan_and_tarone_ware_by_hand() -> None:
    """At risk 4, 3, 2, 1: the terms of Mantel's test, times those numbers or their roots."""
    gehan = log_rank(by_hand.GROUPS_TIME, np.ones(4), by_hand.GROUPS_GROUP, weighting="gehan")
    np.testing.assert_allclose([gehan.observed[0], gehan.expected[0]], [4 + 3, 4 / 2 + 3 / 3], rtol=1e-14)
    np.testing.assert_allclose(gehan.variance[0, 0], 16 / 4 + 9 * 2 / 9, rtol=1e-14)
    ware = log_rank(by_hand.GROUPS_TIME, np.ones(4), by_hand.GROUPS_GROUP, weighting="tarone-ware")
    np.testing.assert_allclose(ware.expected[0], 2 / 2 + 3**0.5 / 3, rtol=1e-14)
    np.testing.assert_allclose(ware.variance[0, 0], 4 / 4 + 3 * 2 / 9, rtol=1e-14)


def test_weights_made_of_the_curve_by_hand() -> None:
    """S(t-) is 1, 3/4, 1/2, 1/4; S~ is 4/5, 3/5, 2/5, 1/5. Only the first two times compare the groups."""
    arguments = (by_hand.GROUPS_TIME, np.ones(4), by_hand.GROUPS_GROUP)
    for options, first, second in (
        ({"weighting": "peto-peto"}, 1, 3 / 4),
        ({"weighting": "peto-peto-plus-one"}, 4 / 5, 3 / 5),
        ({"weighting": "andersen"}, 4 / 5 * 4 / 5, 3 / 5 * 3 / 4),
        ({"rho": 1, "gamma": 1}, 0, 3 / 4 * 1 / 4),
        ({"gamma": 0.5}, 0, (1 / 4) ** 0.5),
    ):
        test = log_rank(*arguments, **options)  # pyright: ignore[reportArgumentType]
        np.testing.assert_allclose(test.expected[0], first / 2 + second / 3, rtol=1e-14)
        np.testing.assert_allclose(test.variance[0, 0], first**2 / 4 + second**2 * 2 / 9, rtol=1e-14)


def test_a_curve_that_ends_before_others_enter_gives_no_weight_to_what_follows() -> None:
    """All who are at risk die at 2, so S is 0 when the others come: only the first times count."""
    rows = ([1, 2, 2, 6, 7, 8], [1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 1, 1])
    late = log_rank(*rows, entry=[0, 0, 0, 4, 4, 4], rho=1)
    early = log_rank(*(column[:3] for column in rows), rho=1)
    np.testing.assert_allclose(late.statistic, early.statistic, rtol=1e-12)
    last = log_rank(*rows, entry=[0, 0, 0, 4, 4, 4], gamma=1)
    np.testing.assert_allclose(last.observed[0], 2 / 3 * 0 + 1 / 3 * 1 + 1, rtol=1e-12)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_row_order_names_and_clocks_do_not_matter(rows: Any, random: Any) -> None:
    table, shuffled = np.array(rows), np.array(random.sample(rows, len(rows)))
    first = log_rank(table[:, 1], table[:, 2], table[:, 3])
    second = log_rank(np.exp(shuffled[:, 1]), shuffled[:, 2], np.array(["c", "b", "a"])[shuffled[:, 3]])
    np.testing.assert_allclose(first.observed, second.observed[::-1])
    assert first.degrees_of_freedom == second.degrees_of_freedom
    np.testing.assert_allclose(first.statistic, second.statistic, rtol=1e-8, atol=1e-9)
    alone = log_rank(table[:, 1], table[:, 2], table[:, 3], stratum=np.zeros(len(rows)))
    np.testing.assert_allclose(first.variance, alone.variance, rtol=1e-12)


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
    test = log_rank(**arguments)
    assert test.degrees_of_freedom == 0
    assert np.isnan([test.statistic, test.p_value]).all()


def test_a_group_that_is_never_at_risk_at_an_event_takes_no_degree_of_freedom() -> None:
    test = log_rank([1, 5, 6, 7, 8, 9], [0, 1, 1, 1, 1, 0], ["early", "a", "b", "a", "b", "a"])
    assert test.degrees_of_freedom == 1
    without = log_rank([5, 6, 7, 8, 9], [1, 1, 1, 1, 0], ["a", "b", "a", "b", "a"])
    np.testing.assert_allclose(test.statistic, without.statistic, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [1, np.nan, 3]}, "`time` must be finite"),
        ({"event": [1, np.nan, 0]}, "`event` must be finite"),
        ({"group": [1, np.nan, 0]}, "`group` must be finite"),
        ({"group": ["a", None, "b"]}, "`group` must be known; 1 of 3 is not (first at index 1)."),
        ({"group": [1, 1, 1]}, "`group` must have at least two levels; it has 1."),
        ({"group": [0, 1]}, "`group` must have 3 elements, one a row; it has 2."),
        ({"entry": [0, np.nan, 0]}, "`entry` must be finite"),
        ({"stratum": [0, np.nan, 0]}, "`stratum` must be finite"),
        ({"rho": np.nan}, "`rho` must be finite and non-negative; it is nan."),
        ({"rho": -1}, "`rho` must be finite and non-negative; it is -1."),
        ({"gamma": np.inf}, "`gamma` must be finite and non-negative; it is inf."),
        ({"weighting": "breslow"}, '`weighting` must be one of "log-rank", "gehan", "tarone-ware"'),
        ({"weighting": "gehan", "rho": 1}, "`rho` and `gamma` belong to Fleming-Harrington weights"),
        ({"time": [1, -2, 3]}, "`time` must be finite and non-negative; 1 of 3 is not (first at index 1)."),
        ({"event": [1, 2, 0]}, "`event` must be 0 or 1; 1 of 3 is not (first at index 1)."),
        ({"entry": [0, 2, 0]}, "`entry` must be before `time`; 1 of 3 is not (first at index 1)."),
        ({"time": []}, "`time` must hold at least one row; it has none."),
        ({"time": [1], "event": [1], "group": [1]}, "`group` must have at least two levels; it has 1."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "group": [0, 1, 1]} | changes
    with pytest.raises(InputError) as caught:
        log_rank(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["log-rank", *KINDS])
def test_holds_its_level(weighting: Any) -> None:
    """5 % of 4,000 tests of three groups, with ties and late entry, whose error is .34 %."""
    rng, p = np.random.default_rng(7), []
    for _ in range(4000):
        time, end, entry = np.ceil(rng.exponential(8, 200)), rng.uniform(3, 20, 200), rng.uniform(0, 3, 200)
        seen = np.minimum(time, end) > entry
        group = rng.integers(0, 3, 200)
        rows = (column[seen] for column in (np.minimum(time, end), time <= end, group))
        p.append(log_rank(*rows, entry=entry[seen], weighting=weighting).p_value)
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * 0.0034
