"""Landmarks and pieces by hand, by a slow definition, and by what must hold for any data."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.time_zero.rows import landmark_rows, start_stop_rows

NEVER = np.inf


def patients() -> st.SearchStrategy[list[tuple[float, bool, float, float]]]:
    """Draw time, event, start and entry of patients, in whole days so that many of them are equal."""

    def one(time: int, event: bool, start: int | None, entry: int) -> tuple[float, bool, float, float]:
        return time, event, NEVER if start is None else start, min(entry, time - 1)

    days = st.integers(1, 12)
    return st.lists(
        st.builds(one, days, st.booleans(), st.none() | st.integers(0, 14), st.integers(0, 5)), min_size=1, max_size=8
    )


@given(patients())
def test_the_pieces_hold_every_day_once_and_no_day_looks_ahead(drawn: list[tuple[float, bool, float, float]]) -> None:
    time, event, start, entry = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    made = start_stop_rows(time, event, start, entry=entry)
    seen = [
        (row, day, bool(treated), bool(happened and day == stop))
        for row, begin, stop, happened, treated in zip(
            made.rows, made.entry, made.time, made.event, made.treated, strict=True
        )
        for day in np.arange(begin + 1, stop + 1)
    ]
    # Day d, from d - 1 to d, is treated if the treatment had begun by d - 1, and was seen to begin at all.
    expected = [
        (row, day, bool(start[row] <= day - 1 and start[row] < time[row]), bool(event[row] and day == time[row]))
        for row in range(time.size)
        for day in np.arange(entry[row] + 1, time[row] + 1)
    ]
    assert seen == expected


@given(patients(), st.integers(1, 12))
def test_the_landmark_counts_everyone_once(drawn: list[tuple[float, bool, float, float]], at: int) -> None:
    time, event, start, entry = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    stays = [row for row in range(time.size) if time[row] > at and entry[row] <= at]
    if not stays:
        with pytest.raises(InputError, match="nobody is"):
            landmark_rows(time, event, start, at=at, entry=entry)
        return
    made = landmark_rows(time, event, start, at=at, entry=entry)
    assert made.rows.tolist() == stays
    assert made.treated.tolist() == [start[row] <= at for row in stays]
    assert made.treated_later == sum(at < start[row] < time[row] for row in stays)
    assert made.rows.size + made.left_before + made.not_yet_entered == time.size
    assert (made.time == time[stays] - at).all()


def test_a_start_at_the_end_of_observation_was_not_seen() -> None:
    made = start_stop_rows([5, 5], [1, 1], [5, 4])
    assert (made.rows.tolist(), made.treated.tolist()) == ([0, 1, 1], [False, False, True])


def test_a_treatment_that_begins_at_time_zero_makes_no_pieces() -> None:
    rng = np.random.default_rng(2)
    time, event, treated = rng.exponential(10, 60) + 0.1, rng.random(60) < 0.7, rng.random(60) < 0.5
    made = start_stop_rows(time, event, np.where(treated, 0.0, NEVER))
    assert made.rows.tolist() == list(range(60))
    ours = cox(made.time, made.event, made.treated, entry=made.entry)
    assert ours.coefficients == pytest.approx(cox(time, event, treated).coefficients, rel=1e-12)


@pytest.mark.parametrize("start", [[np.nan, 1.0], [-1.0, 1.0], [1.0], ["a", "b"], [[1.0, 2.0]]])
def test_a_start_that_is_no_time_is_refused(start: Floats) -> None:
    for make in (
        lambda: start_stop_rows([2, 3], [1, 1], start),
        lambda: landmark_rows([2, 3], [1, 1], start, at=1),
    ):
        with pytest.raises(InputError, match="`start` must"):
            make()


@pytest.mark.parametrize("at", [0.0, -1.0, np.nan, np.inf])
def test_a_landmark_that_is_no_later_time_is_refused(at: float) -> None:
    with pytest.raises(InputError, match="`at` must be"):
        landmark_rows([2, 3], [1, 1], [1, NEVER], at=at)
