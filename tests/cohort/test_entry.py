import datetime as dt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from counterpoise.cohort.course import EndpointTimes
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.errors import DataError, PlanError
from counterpoise.read.codebook import Column
from counterpoise.read.table import Table
from tests.cohort.tables import table_of

FOLLOW_UP = FollowUpOptions(origin="dx", death="death", last_contact="last", entry="rt")
OS = EndpointOptions(rule="overall_survival")


def patients(**changed: list[str | None]) -> Table:
    columns: dict[str, list[str | None]] = {
        "dx": ["2020-01-01"] * 4,
        "rt": ["2020-04-01", "2020-01-01", "2019-12-01", "2020-02-01"],
        "death": [None, None, "2020-01-01", None],
        "last": ["2021-01-01"] * 4,
        **changed,
    }
    label = {"rt": "Date of the end of radiotherapy"}
    return table_of(**{name: (Column(kind="date", label=label.get(name, "")), v) for name, v in columns.items()})


def one(table: Table, options: EndpointOptions = OS, follow_up: FollowUpOptions = FOLLOW_UP) -> EndpointTimes:
    return endpoint_times(table, follow_up, {"os": options})["os"]


def test_entry_is_counted_from_the_origin_and_never_before_it() -> None:
    made = one(patients())
    assert made.entry is not None
    assert made.entry.tolist() == [91.0, 0.0, 0.0, 31.0]
    assert made.time.tolist() == [366.0, 366.0, 0.5, 366.0], "entry changes no time"
    assert made.definition.endswith("; patients entered observation at the end of radiotherapy.")


def test_without_entry_everyone_is_observed_from_the_origin() -> None:
    assert one(patients(), follow_up=FOLLOW_UP.model_copy(update={"entry": None})).entry is None


def test_the_entry_of_an_endpoint_takes_the_place_of_that_of_follow_up() -> None:
    made = one(patients(), EndpointOptions(rule="overall_survival", entry="dx"))
    assert made.entry is not None
    assert made.entry.tolist() == [0.0] * 4


def test_nobody_enters_before_the_landmark() -> None:
    made = one(patients(death=[None] * 4), EndpointOptions(rule="overall_survival", landmark_months=2))
    assert made.entry is not None
    assert made.entry.tolist() == [91.0, 60.875, 60.875, 60.875]
    assert "entered observation at the later of the end of radiotherapy and 2 months after the origin." in (
        made.definition
    )


def test_a_landmark_of_times_that_the_table_holds() -> None:
    table = table_of(t=("number", [6.0, 7.0]), e=("flag", [1, 0]))
    options = EndpointOptions(time="t", event="e", unit="months", landmark_months=3)
    made = endpoint_times(table, None, {"os": options})["os"]
    np.testing.assert_allclose(np.asarray(made.entry), 3 * 30.4375)
    with pytest.raises(DataError, match="patient p1 left observation at or before the entry into it"):
        endpoint_times(table, None, {"os": options.model_copy(update={"landmark_months": 6.0})})


def test_who_left_at_or_before_entry_is_named_once_with_the_remedy() -> None:
    table = patients(death=["2020-04-01", None, None, "2020-01-20"])
    with pytest.raises(DataError) as caught:
        one(table)
    assert [str(problem) for problem in caught.value.problems] == [
        "endpoints.os: patients p1, p4 left observation at or before the entry into it (`rt`); "
        "exclude them by an eligibility rule"
    ]


def test_twenty_of_many_are_named() -> None:
    table = table_of(
        dx=("date", ["2020-01-01"] * 25), rt=("date", ["2020-06-01"] * 25), last=("date", ["2020-02-01"] * 25)
    )
    follow_up = FollowUpOptions(origin="dx", last_contact="last", entry="rt")
    with pytest.raises(DataError, match=r"patients p1, p2, .*, p20 and 5 more left observation"):
        endpoint_times(table, follow_up, {"seen": EndpointOptions(events=("last",))})


def test_an_entry_that_is_not_known_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        one(patients(rt=[None, "2020-02-01", "2020-01-01", "2020-02-01"]))
    assert [str(problem) for problem in caught.value.problems] == [
        "row 2, column `rt`: missing (patient p1) is the entry into observation and must be known; exclude who has none"
    ]


def test_a_column_of_entry_that_is_not_there() -> None:
    with pytest.raises(PlanError, match=r"follow_up\.entry: there is no column `rtt`; did you mean `rt`\?"):
        one(patients(), follow_up=FOLLOW_UP.model_copy(update={"entry": "rtt"}))
    with pytest.raises(PlanError, match=r"endpoints\.os\.entry: there is no column `lst`"):
        one(patients(), EndpointOptions(rule="overall_survival", entry="lst"))


@pytest.mark.parametrize(
    "options",
    [
        {"time": "t", "event": "e", "unit": "days", "entry": "rt"},
        {"rule": "overall_survival", "landmark_months": 0},
        {"rule": "overall_survival", "landmark_months": -1},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndpointOptions.model_validate(options)


def test_the_cutoff_may_leave_a_patient_unobserved() -> None:
    with pytest.raises(DataError, match="patient p1 left observation"):
        one(patients(), follow_up=FOLLOW_UP.model_copy(update={"cutoff": dt.date(2020, 4, 1)}))
