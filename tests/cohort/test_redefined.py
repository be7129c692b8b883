"""Endpoints under other definitions: who drops out, what is counted, and what is refused."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from counterpoise.cohort import DefinitionOptions, EndpointOptions, FollowUpOptions, redefined_times
from counterpoise.errors import PlanError
from counterpoise.read import Table, table_from_frame

DAY = dt.date(2020, 1, 1)
FOLLOW_UP = FollowUpOptions(origin="diagnosis", death="died", last_contact="seen")
OS = {"os": EndpointOptions(rule="overall_survival")}


def patients() -> Table:
    """Three patients: one dies before the second date, one on it, one is seen long after it."""
    after = lambda days: DAY + dt.timedelta(days=days)  # noqa: E731 - one word for a date
    frame = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "diagnosis": [DAY] * 3,
            "start": [after(100)] * 3,
            "died": [after(50), after(100), None],
            "seen": [after(50), after(100), after(400)],
        }
    )
    return table_from_frame(frame, id_column="id")


def test_who_left_before_the_new_origin_drops_out() -> None:
    (made,) = redefined_times(patients(), FOLLOW_UP, OS, [DefinitionOptions(name="later", origin="start")])
    assert (made.rows.tolist(), made.times.time.tolist(), made.times.entry) == ([1, 2], [0.5, 300.0], None)
    assert (made.times.name, made.source) == ("later.os", "os")


def test_delayed_entry_keeps_the_clock_and_drops_who_left_by_then() -> None:
    (made,) = redefined_times(patients(), FOLLOW_UP, OS, [DefinitionOptions(name="late", entry="start")])
    assert made.times.entry is not None
    assert (made.rows.tolist(), made.times.time.tolist(), made.times.entry.tolist()) == ([2], [400.0], [100.0])


def test_a_landmark_counts_from_the_new_origin() -> None:
    chosen = DefinitionOptions(name="mark", origin="start", landmark_months=2)
    (made,) = redefined_times(patients(), FOLLOW_UP, OS, [chosen])
    assert made.times.entry is not None
    assert (made.rows.tolist(), made.times.time.tolist()) == ([2], [300.0])
    assert np.allclose(made.times.entry, 2 * 30.4375)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (DefinitionOptions(name="none"), "changes no endpoint"),
        (DefinitionOptions(name="main", origin="start"), "`main` is taken"),
        (DefinitionOptions(name="two words", origin="start"), "is no name"),
        (DefinitionOptions(name="x", endpoints={"od": OS["os"]}), "there is no endpoint `od` in the plan"),
        (DefinitionOptions(name="x", origin="strat"), "there is no column `strat`"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(chosen: DefinitionOptions, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        redefined_times(patients(), FOLLOW_UP, OS, [chosen])
