from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.risk_set import (
    RiskSet,
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
