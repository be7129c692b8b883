from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.risk_set import (
    RiskSet,
    event_table,
    risk_set,
    split_by_stratum,
    suffix_sum,
    sum_at_risk,
    sum_by,
    sum_by_time,
)

Rows = list[tuple[int, int, int, int]]
ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6), st.integers(0, 1), st.integers(0, 2)), min_size=1)


def columns(rows: Rows) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """Return entry, time, event and stratum; the second integer is the time spent at risk."""
    table = np.array(rows)
    entry = table[:, 0].astype(float)
    return entry, entry + table[:, 1], table[:, 2].astype(float), table[:, 3]


def slow_sums(time: Floats, entry: Floats, values: Floats) -> Floats:
    return np.array([values[(entry < t) & (t <= time)].sum() for t in np.unique(time)])


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_sums_at_risk_are_those_over_entry_before_t_and_t_up_to_time(rows: Rows) -> None:
    entry, time, event, _ = columns(rows)
    values = np.stack([np.ones(time.size), np.arange(time.size, dtype=float)])
    sets = risk_set(time, event, entry)
    expected = np.stack([slow_sums(time, entry, row) for row in values])
    np.testing.assert_array_equal(sum_at_risk(sets, values), expected)
    np.testing.assert_array_equal(sum_at_risk(sets), expected[0])
    open_ended = risk_set(time, event)
    without = np.stack([slow_sums(time, np.full(time.size, -1.0), row) for row in values])
    np.testing.assert_array_equal(sum_at_risk(open_ended, values), without)
    np.testing.assert_array_equal(sum_at_risk(open_ended), without[0])


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_the_record_describes_the_rows(rows: Rows) -> None:
    _, time, event, _ = columns(rows)
    sets = risk_set(time, event)
    assert sets.n == time.size
    np.testing.assert_array_equal(sets.time, np.unique(time))
    np.testing.assert_array_equal(sets.time[sets.group], time)
    np.testing.assert_array_equal(time[sets.order], np.sort(time))
    np.testing.assert_array_equal(time[sets.order][sets.start], sets.time)
    np.testing.assert_array_equal(sets.time[sets.event_groups], np.unique(time[event == 1]))
    by_time = [event[time == t].sum() for t in sets.time]
    np.testing.assert_array_equal(sum_by_time(sets, event), by_time)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_strata_never_mix(rows: Rows) -> None:
    entry, time, event, stratum = columns(rows)
    codes = np.unique(stratum, return_inverse=True)[1]
    for late in (None, entry):
        sets, begins = split_by_stratum(risk_set(time, event, late), codes)
        parts = np.split(np.arange(sets.time.size), begins[1:])
        assert len(parts) == codes.max() + 1
        for code, part in enumerate(parts):
            inside = codes == code
            start = np.full(time.size, -1.0) if late is None else late
            np.testing.assert_array_equal(sets.time[part], np.unique(time[inside]))
            np.testing.assert_array_equal(
                sum_at_risk(sets)[part], slow_sums(time[inside], start[inside], np.ones(int(inside.sum())))
            )
        np.testing.assert_array_equal(sets.time[sets.group], time)
        np.testing.assert_array_equal(sets.group[sets.order], np.sort(sets.group))
        np.testing.assert_array_equal(sets.group[sets.order][sets.start], np.arange(sets.time.size))
        np.testing.assert_array_equal(sets.event_groups, np.unique(sets.group[event == 1]))


def test_times_equal_up_to_rounding_are_ties() -> None:
    sets = risk_set([0.1 + 0.2, 0.3, 1.0, 1.0 + 1e-12, 2.0], np.ones(5))
    np.testing.assert_array_equal(sets.time, [0.3, 1.0, 2.0])
    np.testing.assert_array_equal(sets.group, [0, 0, 1, 1, 2])


def test_the_tolerance_knows_no_unit() -> None:
    time = np.array([1.0, 1.0 + 1e-6, 2.0]) * 1e-9
    assert risk_set(time, np.ones(3)).time.size == 3


def test_an_entry_at_a_time_up_to_rounding_is_late_for_it() -> None:
    sets = risk_set([0.3, 1.0], [1, 1], entry=[0.0, 0.1 + 0.2])
    assert sets.first is not None
    np.testing.assert_array_equal(sets.first, [0, 1])
    np.testing.assert_array_equal(sum_at_risk(sets), [1.0, 1.0])


def test_one_row() -> None:
    sets = risk_set([0.0], [0])
    assert isinstance(sets, RiskSet)
    assert (sets.n, sets.time.tolist(), sets.event_groups.size) == (1, [0.0], 0)


def test_helpers_sum_along_the_last_axis() -> None:
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(suffix_sum(values), [[3, 3, 2], [12, 9, 5]])
    np.testing.assert_array_equal(sum_by(np.array([1, 1, 0]), values, 3), [[2, 1, 0], [5, 7, 0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": []}, "`time` must hold at least one row; it has none."),
        ({"time": [1, np.nan, 3]}, "`time` must be finite; 1 of 3 is not (first at index 1)."),
        ({"time": [1, 2, -3]}, "`time` must be finite and non-negative; 1 of 3 is not (first at index 2)."),
        ({"event": [1, np.nan, 0]}, "`event` must be finite; 1 of 3 is not (first at index 1)."),
        ({"event": [1, 2, 0]}, "`event` must be 0 or 1; 1 of 3 is not (first at index 1)."),
        ({"event": [1, 0]}, "`event` must have 3 elements, one a row; it has 2."),
        ({"entry": [0, np.nan, 0]}, "`entry` must be finite; 1 of 3 is not (first at index 1)."),
        ({"entry": [0, -1, 0]}, "`entry` must be finite and non-negative; 1 of 3 is not (first at index 1)."),
        ({"entry": [0, 2, 3]}, "`entry` must be before `time`; 2 of 3 are not (first at index 1)."),
    ],
)
def test_what_is_not_accepted(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"time": [1, 2, 3], "event": [1, 0, 1]} | changes
    with pytest.raises(InputError) as caught:
        risk_set(**arguments)
    assert str(caught.value) == message


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=1), st.sampled_from([1.0, 0.1, 1 / 30.4375]))
@settings(deadline=None, max_examples=60)
def test_the_table_of_events_is_that_of_the_risk_set_to_the_byte(rows: Any, unit: float) -> None:
    time, event = np.array([row[0] for row in rows]) * unit, np.array([row[1] for row in rows])
    time[::3] *= 1 + 1e-12  # equal up to rounding
    sets = risk_set(time, event)
    distinct, at_risk, events = event_table(time, event)
    np.testing.assert_array_equal(distinct, sets.time)
    np.testing.assert_array_equal(at_risk, sum_at_risk(sets))
    np.testing.assert_array_equal(events, sum_by_time(sets, sets.event.astype(float)))
    for one, other in zip(event_table(time[::-1], event[::-1]), (distinct, at_risk, events), strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_table_of_events_at_the_ends_of_the_numbers() -> None:
    time = [0.0, -0.0, 5e-324, 1e308, 1e-300]
    distinct, at_risk, events = event_table(time, [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(distinct, [0, 1e308])
    np.testing.assert_array_equal(at_risk, [5, 1])
    np.testing.assert_array_equal(events, [3, 1])
    assert event_table(np.array([1.0, 2, 3, 4])[::2], [True, False])[0].tolist() == [1, 3]
    for bad in ([np.nan, 1], [-1, 1], [np.inf, 1]):
        with pytest.raises(InputError, match="`time` must be finite"):
            event_table(bad, [1, 1])
    with pytest.raises(InputError, match="`event` must be 0 or 1"):
        event_table([1, 2], [1, 2])
    with pytest.raises(InputError, match="`time` must hold at least one row"):
        event_table([], [])
