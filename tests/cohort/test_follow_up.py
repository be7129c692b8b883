import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from counterpoise.cohort.course import EndpointTimes
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.errors import DataError, PlanError
from counterpoise.read.codebook import Column
from counterpoise.read.table import Table
from tests.cohort.tables import table_of

FOLLOW_UP = FollowUpOptions(
    origin="dx", death="death", local="local", regional="regional", distant="distant", last_contact="last"
)
DX = Column(kind="date", label="Date of diagnosis")


def patients() -> Table:
    """Return five patients: event-free, recurred and died, died alone, recurred on the cut-off, and after it."""
    return table_of(
        dx=(DX, ["2020-01-01"] * 5),
        surgery=("date", ["2020-06-01"] * 5),
        local=("date", [None, "2020-12-31", None, "2022-01-01", "2022-03-01"]),
        regional=("date", [None, "2020-07-01", None, None, None]),
        distant=("date", [None, None, None, None, None]),
        second=("date", [None, None, "2020-09-01", None, None]),
        death=("date", [None, "2021-12-31", "2020-12-31", None, None]),
        last=("date", ["2021-01-01", "2021-12-31", "2020-12-31", "2022-02-01", "2022-04-01"]),
        months=("number", [12.0, 0.0, 3.5, 1.0, 2.0]),
        died=("flag", [0, 1, 1, 0, 0]),
        note=("text", ["a"] * 5),
    )


def one(options: EndpointOptions, follow_up: FollowUpOptions | None = FOLLOW_UP) -> EndpointTimes:
    return endpoint_times(patients(), follow_up, {"e": options})["e"]


def days(start: str, *ends: str) -> list[float]:
    return [float((dt.date.fromisoformat(end) - dt.date.fromisoformat(start)).days) for end in ends]


def test_five_patients_by_hand() -> None:
    cut = FOLLOW_UP.model_copy(update={"cutoff": dt.date(2022, 1, 1)})
    made = endpoint_times(
        patients(),
        cut,
        {
            "os": EndpointOptions(rule="overall_survival"),
            "dfs": EndpointOptions(rule="disease_free_survival"),
            "lrrfs": EndpointOptions(rule="locoregional_recurrence_free_survival"),
        },
    )
    ends = days("2020-01-01", "2021-01-01", "2021-12-31", "2020-12-31", "2022-01-01", "2022-01-01")
    assert made["os"].time.tolist() == ends
    assert made["os"].event.tolist() == [False, True, True, False, False]
    first = days("2020-01-01", "2021-01-01", "2020-07-01", "2020-12-31", "2022-01-01", "2022-01-01")
    assert made["dfs"].time.tolist() == first
    assert made["dfs"].event.tolist() == [False, True, True, True, False]
    assert made["lrrfs"].time.tolist() == first
    assert made["lrrfs"].event.tolist() == [False, True, False, True, False]
    assert made["lrrfs"].competing.tolist() == [False, False, True, False, False]
    assert not made["os"].competing.any()
    assert not made["dfs"].competing.any()
    assert [str(note) for note in made["lrrfs"].notes] == [
        "follow_up: 2 patients were followed beyond the cut-off date: observation ends there (rows 5, 6)",
        "endpoints.lrrfs: 1 event after the cut-off date is censored at it (row 6)",
    ]


def test_what_the_record_says_of_itself() -> None:
    cut = FOLLOW_UP.model_copy(update={"cutoff": dt.date(2022, 5, 31)})
    made = one(EndpointOptions(rule="distant_metastasis_free_survival"), cut)
    assert (made.name, made.label, made.short) == ("e", "Distant metastasis-free survival", "DMFS")
    assert (made.origin, made.events) == ("diagnosis", ("distant",))
    assert made.definition == (
        "Distant metastasis-free survival was the time from diagnosis to distant metastasis; "
        "patients without were censored at death, last contact or 31 May 2022."
    )
    renamed = one(EndpointOptions(rule="overall_survival", label="Survival", short="S", origin="surgery"))
    assert (renamed.label, renamed.short, renamed.origin) == ("Survival", "S", "surgery")
    assert renamed.time[0] == days("2020-06-01", "2021-01-01")[0]


def test_an_endpoint_of_columns() -> None:
    made = one(EndpointOptions(events=("regional", "death"), censor=("second",), label="Event-free survival"))
    assert made.time.tolist() == days(
        "2020-01-01", "2021-01-01", "2020-07-01", "2020-09-01", "2022-02-01", "2022-04-01"
    )
    assert made.event.tolist() == [False, True, False, False, False]
    assert made.definition == (
        "Event-free survival was the time from diagnosis to regional or death; "
        "other patients were censored at last contact or second."
    )
    alone = one(EndpointOptions.model_validate({"events": "local", "label": "Local control"}))
    assert alone.definition.endswith("to local; other patients were censored at death or last contact.")


@pytest.mark.parametrize(("unit", "length"), [("days", 1.0), ("months", 30.4375), ("years", 365.25)])
def test_times_that_the_table_holds(unit: Any, length: float) -> None:
    made = one(EndpointOptions(time="months", event="died", unit=unit), None)
    assert made.time.tolist() == [12 * length, 0.5, 3.5 * length, length, 2 * length]
    assert made.event.tolist() == [False, True, True, False, False]
    assert [str(note) for note in made.notes] == ["endpoints.e: 1 time of 0 days counts as half a day (row 3)"]
    assert made.definition == f"e was taken from `months` (months, in {unit}); its event was `died` (died)."


def test_an_event_on_the_day_of_origin_is_half_a_day() -> None:
    table = table_of(dx=(DX, ["2020-01-01"] * 2), last=("date", ["2020-01-01", "2020-01-02"]))
    options = EndpointOptions(events=("last",))
    made = endpoint_times(table, FollowUpOptions(origin="dx", last_contact="last"), {"seen": options})["seen"]
    assert made.time.tolist() == [0.5, 1.0]
    assert made.event.all()


def test_death_and_last_contact_that_differ_are_noted() -> None:
    table = table_of(
        dx=(DX, ["2020-01-01"] * 3),
        death=("date", ["2021-01-01", "2021-01-01", "2021-01-01"]),
        last=("date", ["2020-06-01", "2021-06-01", None]),
    )
    follow_up = FollowUpOptions(origin="dx", death="death", last_contact="last")
    made = endpoint_times(table, follow_up, {"os": EndpointOptions(rule="overall_survival")})["os"]
    assert made.time.tolist() == [366.0] * 3
    assert made.event.all()
    assert [str(note) for note in made.notes] == [
        "follow_up: 1 patient who died has no last contact: observation ends at death (row 4)",
        "follow_up: 2 patients died on another day than their last contact: observation ends at death (rows 2, 3)",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rule": "overall_survival", "events": ["death"]},
        {"rule": "overall_survival", "time": "t", "event": "e", "unit": "days"},
        {"time": "t", "event": "e"},
        {"time": "t", "unit": "days"},
        {"rule": "overall_survival", "unit": "days"},
        {"time": "t", "event": "e", "unit": "days", "origin": "dx"},
        {"time": "t", "event": "e", "unit": "weeks"},
        {"rule": "overall_survival", "unknown": 1},
    ],
)
def test_an_endpoint_has_one_form(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndpointOptions.model_validate(options)


def test_all_faults_of_the_plan_are_reported_together() -> None:
    follow_up = FollowUpOptions(origin="dxx", death="death", local="note", last_contact="last")
    with pytest.raises(PlanError) as caught:
        endpoint_times(
            patients(),
            follow_up,
            {
                "os": EndpointOptions(rule="overal_survival"),
                "dfs": EndpointOptions(rule="disease_free_survival"),
                "a": EndpointOptions(events=("note", "locals"), censor=("months",)),
                "b": EndpointOptions(time="note", event="dead", unit="days"),
            },
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "follow_up.origin: there is no column `dxx`; did you mean `dx`?",
        "follow_up.local: column `note` must be of kind date; it is of kind text",
        "endpoints.os.rule: there is no rule `overal_survival`; did you mean `overall_survival`?",
        "endpoints.dfs: rule `disease_free_survival` needs `regional` (regional recurrence) in [follow_up]; name "
        'its column, or, if the table never held it, say so: not_recorded = ["regional"]',
        "endpoints.dfs: rule `disease_free_survival` needs `distant` (distant metastasis) in [follow_up]; name "
        'its column, or, if the table never held it, say so: not_recorded = ["distant"]',
        "endpoints.a.events: column `note` must be of kind date; it is of kind text",
        "endpoints.a.events: there is no column `locals`; did you mean `local`?",
        "endpoints.a.censor: column `months` must be of kind date; it is of kind number",
        "endpoints.b.time: column `note` must be of kind number or integer; it is of kind text",
        "endpoints.b.event: there is no column `dead`; did you mean `died`?",
    ]


def test_an_endpoint_of_dates_needs_follow_up() -> None:
    with pytest.raises(PlanError, match=r"endpoints\.e: is made of dates, and the plan has no \[follow_up\]"):
        one(EndpointOptions(rule="overall_survival"), None)


def test_all_problems_of_the_data_are_reported_together_and_once() -> None:
    table = table_of(
        dx=("date", ["2020-01-01", None, "2020-01-01"]),
        death=("date", ["2019-01-01", None, None]),
        last=("date", ["2020-01-01", "2020-02-01", "2020-02-01"]),
        time=("number", [-1.0, None, float("inf")]),
        event=("integer", [2, None, 0]),
    )
    endpoints = {
        "os": EndpointOptions(rule="overall_survival"),
        "again": EndpointOptions(events=("death",)),
        "times": EndpointOptions(time="time", event="event", unit="months"),
    }
    with pytest.raises(DataError) as caught:
        endpoint_times(table, FollowUpOptions(origin="dx", death="death", last_contact="last"), endpoints)
    assert [str(problem) for problem in caught.value.problems] == [
        "row 3, column `dx`: missing (patient p2) is the origin of time and must be known",
        "row 2, column `death`: `2019-01-01` (patient p1) is before `dx`",
        "row 2, column `time`: `-1.0` (patient p1) must be a time of 0 or more",
        "row 3, column `time`: missing (patient p2) must be a time of 0 or more",
        "row 4, column `time`: `inf` (patient p3) must be a time of 0 or more",
        "row 2, column `event`: `2` (patient p1) must be 0 or 1",
        "row 3, column `event`: missing (patient p2) must be 0 or 1",
    ]


@given(st.permutations(range(5)))
def test_rows_keep_their_times_in_any_order(order: list[int]) -> None:
    table = patients()
    shuffled = Table(table.frame[order], table.columns, table.id_column, table.source)
    options = {"dfs": EndpointOptions(rule="disease_free_survival")}
    plain, mixed = (endpoint_times(t, FOLLOW_UP, options)["dfs"] for t in (table, shuffled))
    np.testing.assert_array_equal(plain.time[order], mixed.time)
    np.testing.assert_array_equal(plain.event[order], mixed.event)


def test_a_table_without_patients_has_no_times() -> None:
    table = patients()
    empty = Table(table.frame.filter(pl.lit(value=False)), table.columns, table.id_column, table.source)
    made = endpoint_times(empty, FOLLOW_UP, {"os": EndpointOptions(rule="overall_survival")})["os"]
    assert made.time.size == made.event.size == 0
