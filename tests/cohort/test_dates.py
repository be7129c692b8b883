import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.cohort.dates import DateColumns, Dates, contradictions, observe, read_dates
from counterpoise.errors import Problem
from counterpoise.oncology.endpoints import ENDPOINT_RULES
from counterpoise.read.codebook import Kind
from tests.cohort.tables import table_of

PLACES = ("local", "regional", "distant", "death")
Day = int | None
Patient = dict[str, Day]


def slow(events: tuple[str, ...], patient: Patient, cutoff: Day) -> tuple[int, bool]:
    """Return time from day 0 and event as they are told by hand: walk through the days until something ends it."""
    end = patient["death"] if patient["death"] is not None else patient["last"]
    assert end is not None
    for day in itertools.count():
        if any(patient[event] == day for event in events):
            return day, True
        if day in (end, cutoff):
            return day, False
    raise AssertionError


def possible(patient: Patient) -> bool:
    """Return whether no recurrence comes after the end of observation."""
    end = patient["death"] if patient["death"] is not None else patient["last"]
    recurrences = [patient[place] for place in PLACES[:3]]
    return end is not None and all(day is None or day <= end for day in recurrences)


def every_patient() -> Iterator[Patient]:
    for days in itertools.product((None, 1, 2, 3), repeat=5):
        yield dict(zip((*PLACES, "last"), days, strict=True))


def arrays(patients: list[Patient], events: tuple[str, ...]) -> Dates:
    def column(name: str) -> np.ndarray:
        return np.array([np.nan if patient[name] is None else patient[name] for patient in patients], dtype=float)

    beside = np.column_stack([column(event) for event in events])
    return Dates(np.zeros(len(patients)), column("last"), column("death"), beside, np.zeros((len(patients), 0)))


@pytest.mark.parametrize("cutoff", [None, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("rule", ENDPOINT_RULES.values(), ids=[rule.short for rule in ENDPOINT_RULES.values()])
def test_every_order_of_dates_for_every_endpoint(rule: object, cutoff: Day) -> None:
    events: tuple[str, ...] = rule.events  # pyright: ignore[reportAttributeAccessIssue]
    patients = [patient for patient in every_patient() if possible(patient)]
    seen = observe(arrays(patients, events), np.inf if cutoff is None else cutoff)
    expected = [slow(events, patient, cutoff) for patient in patients]
    assert list(zip(seen.time, seen.event, strict=True)) == expected
    for patient, time, event, competing, late in zip(
        patients, seen.time, seen.event, seen.competing, seen.too_late, strict=True
    ):
        assert competing == (not event and patient["death"] == time)
        days = [day for name in events if (day := patient[name]) is not None]
        assert late == (not event and bool(days))


@pytest.mark.parametrize("day", [2, 3])
def test_an_event_on_the_day_of_censoring_precedes_it(day: int) -> None:
    event = np.array([[2.0]])
    dates = Dates(np.zeros(1), np.array([float(day)]), np.array([np.nan]), event, event)
    seen = observe(dates, cutoff=2.0)
    assert (seen.time.tolist(), seen.event.tolist(), seen.too_late.tolist()) == ([2.0], [True], [False])


def test_a_censoring_date_stops_observation() -> None:
    events, censor = np.array([[9.0], [3.0], [np.nan]]), np.array([[5.0, 7.0], [5.0, np.nan], [np.nan, np.nan]])
    dates = Dates(np.zeros(3), np.full(3, 10.0), np.full(3, np.nan), events, censor)
    seen = observe(dates)
    assert seen.time.tolist() == [5.0, 3.0, 10.0]
    assert seen.event.tolist() == [False, True, False]
    assert not seen.competing.any()
    assert observe(dates, 6.0).too_late.tolist() == [False, False, False], "censored before the cut-off"
    assert observe(dates, 4.0).too_late.tolist() == [True, False, False]


def test_a_patient_may_enter_on_the_day_of_the_cutoff() -> None:
    table = table_of(
        origin=("date", ["1970-01-03"]), last=("date", ["1970-01-09"]), death=("date", [None]), local=("date", [None])
    )
    columns = DateColumns("origin", "last", "death", ("local",), ())
    dates = read_dates(table, columns)
    assert contradictions(table, columns, dates, 2.0) == []
    assert observe(dates, 2.0).time.tolist() == [0.0]
    assert len(contradictions(table, columns, dates, 1.0)) == 1


days = st.integers(0, 50)


@given(st.lists(st.tuples(days, days, days, st.booleans()), min_size=1, max_size=30), st.integers(-500, 500))
def test_only_the_distance_from_the_origin_matters(rows: list[tuple[int, int, int, bool]], shift: int) -> None:
    origin = np.zeros(len(rows))
    end = np.array([float(max(a, b)) for a, b, _, _ in rows])
    death = np.where([died for *_, died in rows], end, np.nan)
    events = np.array([[float(min(a, b))] for a, b, _, _ in rows])
    none = np.zeros((len(rows), 0))
    first = observe(Dates(origin, end, death, events, none), 40.0)
    second = observe(Dates(origin + shift, end + shift, death + shift, events + shift, none), 40.0 + shift)
    np.testing.assert_array_equal(first.time, second.time)
    np.testing.assert_array_equal(first.event, second.event)
    earlier = observe(Dates(origin, end, death, events, none), 20.0)
    assert (earlier.time <= first.time).all()
    assert not (earlier.event & ~first.event).any()
    assert not (first.event & first.competing).any()


COLUMNS = DateColumns("origin", "last", "death", ("local", "regional", "distant"), ())


def test_every_contradiction_is_found_and_no_other() -> None:
    patients = list(every_patient())
    dates: dict[str, tuple[Kind, list[str | None]]] = {
        name: ("date", [None if patient[name] is None else f"2020-01-0{patient[name]}" for patient in patients])
        for name in (*PLACES, "last")
    }
    table = table_of(origin=("date", ["2020-01-01"] * len(patients)), **dates)

    def found(rows: np.ndarray) -> list[Problem]:
        part = replace(table, frame=table.frame[rows])
        return contradictions(part, COLUMNS, read_dates(part, COLUMNS), np.inf)

    wrong = np.array([not possible(patient) for patient in patients])
    assert found(np.flatnonzero(~wrong)) == []
    assert all(found(np.array([row])) for row in np.flatnonzero(wrong))


def test_contradictions_name_file_row_column_value_and_patient() -> None:
    table = table_of(
        origin=("date", ["2020-01-10", None, "2020-01-01", "2023-06-01", "2020-01-01"]),
        last=("date", ["2020-01-09", "2020-05-01", None, "2023-06-02", "2021-01-01"]),
        death=("date", [None, None, None, None, "2020-12-01"]),
        local=("date", ["2020-01-01", None, None, None, "2020-12-02"]),
        regional=("date", [None] * 5),
        distant=("date", [None] * 5),
    )
    cutoff = float((np.datetime64("2023-05-31") - np.datetime64("1970-01-01")).astype(int))
    found = contradictions(table, COLUMNS, read_dates(table, COLUMNS), cutoff)
    assert [str(problem) for problem in found] == [
        "row 3, column `origin`: missing (patient p2) is the origin of time and must be known",
        "row 5, column `origin`: `2023-06-01` (patient p4) is after the cut-off date",
        "row 4, column `last`: missing (patient p3) must be known of a patient who is alive; "
        "exclude who was never seen again",
        "row 2, column `last`: `2020-01-09` (patient p1) is before `origin`",
        "row 2, column `local`: `2020-01-01` (patient p1) is before `origin`",
        "row 6, column `local`: `2020-12-02` (patient p5) is after death (`death`)",
    ]
