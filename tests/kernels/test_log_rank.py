from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.log_rank import LogRankTest, log_rank
from tests.by_hand import survival as by_hand
from tests.golden import dataset, floats, golden, rotterdam

CLOSED = 1e-10
# entry, time at risk, event, group, stratum
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 6), st.integers(0, 1), st.integers(0, 2), st.integers(0, 1)),
    min_size=2,
    max_size=25,
).filter(lambda rows: len({row[3] for row in rows}) > 1)


def assert_test(test: LogRankTest, expected: dict[str, Any]) -> None:
    names = {
        "observed": "obs", "expected": "exp", "variance": "var",
        "statistic": "chisq", "degrees_of_freedom": "df", "p_value": "p",
    }  # fmt: skip
    for ours, theirs in names.items():
        if theirs in expected:
            np.testing.assert_allclose(
                getattr(test, ours), floats(expected[theirs]), rtol=CLOSED, atol=1e-12, err_msg=ours
            )


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
    assert_test(test, golden("logrank", key))
    np.testing.assert_array_equal(test.n, [(group == level).sum() for level in test.levels])


def test_four_cell_types_by_peto() -> None:
    d, expected = dataset("veteran"), golden("logrank", "lr_veteran_celltype_rho1")
    test = log_rank(d["time"], d["status"], d["celltype"], rho=1)
    place = [test.levels.tolist().index(name) for name in ("squamous", "smallcell", "adeno", "large")]
    np.testing.assert_allclose(test.observed[place], floats(expected["obs"]), rtol=CLOSED)
    np.testing.assert_allclose(test.expected[place], floats(expected["exp"]), rtol=CLOSED)
    np.testing.assert_allclose(test.variance[np.ix_(place, place)], floats(expected["var"]), rtol=CLOSED)
    np.testing.assert_allclose(test.statistic, expected["chisq"], rtol=CLOSED)


def test_strata_and_weights_together() -> None:
    d = dataset("veteran")
    test = log_rank(d["time"], d["status"], d["trt"], stratum=d["celltype"], rho=0.5)
    assert_test(test, golden("curves_and_tests", "lr_veteran_strat_rho05"))


@pytest.mark.parametrize("stratified", [False, True])
def test_late_entry_is_the_score_test_of_the_exact_cox_model(stratified: bool) -> None:
    d = dataset("aml")
    n = np.arange(1, d["time"].size + 1)
    entry = np.where(n % 3 == 0, np.floor(d["time"] / 2), 0)
    test = log_rank(d["time"], d["status"], d["x"], entry=entry, stratum=n % 4 if stratified else None)
    key = "lr_entry_strat_exact_score" if stratified else "lr_entry_exact_score"
    # 1e-8: R finds the score test of the exact model by iteration.
    np.testing.assert_allclose(test.statistic, golden("curves_and_tests", key)["chisq"], rtol=1e-8)


def test_by_hand() -> None:
    test = log_rank(by_hand.GROUPS_TIME, np.ones(4), by_hand.GROUPS_GROUP)
    assert test.levels.tolist() == ["a", "b"]
    np.testing.assert_allclose(test.expected[0], float(by_hand.GROUPS_EXPECTED), rtol=1e-14)
    np.testing.assert_allclose(test.variance[0, 0], float(by_hand.GROUPS_VARIANCE), rtol=1e-14)
    np.testing.assert_allclose(test.statistic, float(by_hand.GROUPS_STATISTIC), rtol=1e-13)


def slow(rows: np.ndarray, rho: float = 0.0, *, late: bool = True) -> tuple[Floats, Floats, Floats]:
    """Return observed, expected and variance by one loop over strata and one over event times."""
    k = int(rows[:, 3].max()) + 1
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for stratum in np.unique(rows[:, 4]):
        survival = 1.0
        inside = rows[rows[:, 4] == stratum]
        entry, time, event, group = inside[:, 0], inside[:, 0] + inside[:, 1], inside[:, 2], inside[:, 3]
        for t in np.unique(time[event == 1]):
            at_risk = (time >= t) & ((entry < t) | (not late))
            dies = (time == t) & (event == 1)
            n, d, weight = at_risk.sum(), dies.sum(), survival**rho
            share = np.array([(at_risk & (group == j)).sum() for j in range(k)]) / n
            observed += weight * np.array([(dies & (group == j)).sum() for j in range(k)])
            expected += weight * d * share
            if n > 1:
                variance += weight**2 * d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
            survival *= 1 - d / n
    used = np.unique(rows[:, 3]).astype(int)
    return observed[used], expected[used], variance[np.ix_(used, used)]


@given(ROWS, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
@settings(deadline=None, max_examples=80)
def test_agrees_with_loops_over_strata_and_times(rows: Any, rho: float) -> None:
    table = np.array(rows)
    time, event, group, stratum = table[:, 0] + table[:, 1], *table[:, 2:].T
    late = log_rank(time, event, group, entry=table[:, 0], stratum=stratum)
    weighted = log_rank(time, event, group, stratum=stratum, rho=rho)
    for test, expected in ((late, slow(table)), (weighted, slow(table, rho, late=False))):
        np.testing.assert_allclose(test.observed, expected[0], atol=1e-12)
        np.testing.assert_allclose(test.expected, expected[1], atol=1e-12)
        np.testing.assert_allclose(test.variance, expected[2], atol=1e-12)
    np.testing.assert_allclose(late.observed.sum(), late.expected.sum(), rtol=1e-12)


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
        ({"time": [1], "event": [1], "group": [1]}, "`group` must have at least two levels; it has 1."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1], "group": [0, 1, 1]} | changes
    with pytest.raises(InputError) as caught:
        log_rank(**arguments)
    assert str(caught.value).startswith(message)
