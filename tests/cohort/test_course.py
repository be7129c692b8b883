import itertools
from collections.abc import Iterator, Mapping
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.cohort.course import Course, EndpointTimes, Mark, competing_codes, observe
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.oncology.occurrences import Action, Cause, Place
from counterpoise.read.codebook import Column, Kind
from tests.cohort.tables import table_of
from tests.oncology.test_endpoints import BY_HAND, by_hand

CAUSES: tuple[Cause, ...] = get_args(Cause)
PLACES: tuple[Place, ...] = get_args(Place)
CAUSE = Column(kind="category", levels={cause: cause.replace("_", " ") for cause in CAUSES})
Day = int | None
Patient = dict[str, Day | str]
FOLLOW_UP: Mapping[str, object] = {
    **{place: place for place in PLACES},
    **{"origin": "origin", "last_contact": "last", "death": "death", "cause_of_death": "cause"},
}


def slow(does: Mapping[str, Action], patient: Patient, cutoff: Day) -> tuple[int, str]:
    """Return the day and what ended observation as it is told by hand: walk on until something ends it."""
    for day in itertools.count():
        happened = {does[place] for place in PLACES if patient.get(place) == day}
        if patient["death"] == day:
            happened.add(does[f"death_{patient['cause'] or 'unknown'}"])
        for ending in ("event", "competing", "censor"):
            if ending in happened:
                return day, ending
        if day == cutoff or (patient["death"] is None and patient["last"] == day):
            return day, "censor"
    raise AssertionError


def possible(does: Mapping[str, Action], patient: Patient) -> bool:
    """Return whether nothing that plays a part comes after the end of observation."""
    end = patient["death"] if patient["death"] is not None else patient["last"]
    days = [patient.get(place) for place in PLACES if does[place] != "ignored"]
    return all(day is None or (isinstance(day, int) and isinstance(end, int) and day <= end) for day in days)


def every_patient(does: Mapping[str, Action]) -> Iterator[Patient]:
    """Yield every order of two events, one occurrence of each other action, death by each cause and last contact."""
    acting = {action: [place for place in PLACES if does[place] == action] for action in get_args(Action)}
    chosen = acting["event"][:1] + acting["event"][-1:] + acting["competing"][:1] + acting["ignored"][:1]
    chosen = list(dict.fromkeys(chosen))
    died: list[tuple[Day, str]] = [(None, ""), *itertools.product((2, 3), (*CAUSES, ""))]
    for days in itertools.product((None, 1, 2, 3), repeat=len(chosen)):
        for (death, cause), last in itertools.product(died, (2, 3)):
            patient: Patient = dict(zip(chosen, days, strict=True))
            yield {**patient, "death": death, "cause": cause, "last": last}


def every_single(does: Mapping[str, Action]) -> Iterator[Patient]:
    """Yield one occurrence at each place, alone, with each death after it or none."""
    for place, day in itertools.product(PLACES, (0, 1, 2)):
        for death, cause in [(None, ""), *itertools.product((1, 2), CAUSES)]:
            yield {place: day, "death": death, "cause": cause, "last": 3}


def seen(name: str, patients: list[Patient], cutoff: Day = None) -> EndpointTimes:
    def dates(key: str) -> tuple[Kind, list[object]]:
        return "date", [None if patient.get(key) is None else f"2020-01-{patient[key]:02d}" for patient in shifted]

    shifted = [{key: d + 1 if isinstance(d, int) else d for key, d in patient.items()} for patient in patients]
    table = table_of(
        origin=("date", ["2020-01-01"] * len(patients)),
        cause=(CAUSE, [patient["cause"] or None for patient in patients]),
        **{key: dates(key) for key in (*PLACES, "death", "last")},
    )
    closed = {} if cutoff is None else {"cutoff": f"2020-01-{cutoff + 1:02d}"}
    follow_up = FollowUpOptions.model_validate({**FOLLOW_UP, **closed})
    return endpoint_times(table, follow_up, {"e": EndpointOptions(rule=name)})["e"]


@pytest.mark.parametrize("cutoff", [None, 1, 2])
@pytest.mark.parametrize("name", BY_HAND)
def test_every_order_of_dates_for_every_endpoint(name: str, cutoff: Day) -> None:
    does = by_hand(name)
    patients = [p for p in (*every_patient(does), *every_single(does)) if possible(does, p)]
    made = seen(name, patients, cutoff)
    for patient, time, event, competing in zip(patients, made.time, made.event, made.competing, strict=True):
        day, ending = slow(does, patient, cutoff)
        assert time == (day or 0.5), patient
        assert (event, competing) == (ending == "event", ending == "competing"), patient


def test_competing_events_have_codes_of_their_own() -> None:
    died = [("breast_cancer", 3), ("non_cancer", 4), ("", 5), ("treatment", 6)]
    patients: list[Patient] = [{"death": day, "cause": cause, "last": day} for cause, day in died]
    patients += [{"local": 2, "death": None, "cause": "", "last": 9}, {"death": None, "cause": "", "last": 9}]
    codes, words = competing_codes(seen("recurrence_free_interval", patients))
    assert words == (
        "censored",
        "event",
        "death from a cause other than cancer",
        "death from treatment",
        "death from an unknown cause",
    )
    assert codes.tolist() == [1, 2, 4, 3, 1, 0]


def test_two_competing_events_on_one_day_are_one() -> None:
    patients: list[Patient] = [{"distant": 2, "death": 2, "cause": "breast_cancer", "last": 2}]
    codes, words = competing_codes(seen("locoregional_recurrence_free_interval", patients))
    assert (codes.tolist(), words) == ([2], ("censored", "event", "distant metastasis"))


@pytest.mark.parametrize("day", [2, 3])
def test_an_event_on_the_day_of_censoring_precedes_it(day: int) -> None:
    marks = tuple(Mark(action, action, action, action, np.array([2.0])) for action in get_args(Action))
    made = observe(Course(np.zeros(1), np.array([float(day)]), np.array([np.nan]), marks, 2.0))
    assert (made.time.tolist(), made.event.tolist(), made.competing.tolist()) == ([2.0], [True], [False])
    rivals = observe(Course(np.zeros(1), np.array([float(day)]), np.array([np.nan]), marks[1:], 2.0))
    assert (rivals.time.tolist(), rivals.event.tolist(), rivals.competing.tolist()) == ([2.0], [False], [True])


def test_a_censoring_date_stops_observation() -> None:
    first, second = np.array([5.0, 5.0, np.nan]), np.array([7.0, np.nan, np.nan])
    events = Mark("e", "e", "event", "e", np.array([9.0, 3.0, np.nan]))
    marks = (events, Mark("c", "c", "censor", "c", first), Mark("d", "d", "censor", "d", second))
    made = observe(Course(np.zeros(3), np.full(3, 10.0), np.full(3, np.nan), marks))
    assert made.time.tolist() == [5.0, 3.0, 10.0]
    assert made.event.tolist() == [False, True, False]
    assert not made.competing.any()
    late = [
        observe(Course(np.zeros(3), np.full(3, 10.0), np.full(3, np.nan), marks, cutoff)).too_late.tolist()
        for cutoff in (6.0, 4.0)
    ]
    assert late == [[False, False, False], [True, False, False]], "censored before the cut-off, and after it"


days = st.integers(0, 50)


def history(rows: list[tuple[int, int, int, bool]], shift: float, cutoff: float) -> Course:
    end = np.array([float(max(row[:3])) for row in rows]) + shift
    death = np.where([died for *_, died in rows], end, np.nan)
    event, rival = (np.array([float(row[i]) for row in rows]) + shift for i in (0, 1))
    marks = (
        Mark("e", "e", "event", "e", event),
        Mark("r", "r", "competing", "r", np.where(rival > event, rival, np.nan)),
        Mark("death", "death", "competing", "death", death),
    )
    return Course(np.full(len(rows), shift), end, death, marks, cutoff + shift)


@given(st.lists(st.tuples(days, days, days, st.booleans()), min_size=1, max_size=30), st.integers(-500, 500))
def test_only_the_distance_from_the_origin_matters_and_a_later_cutoff_only_adds(
    rows: list[tuple[int, int, int, bool]], shift: int
) -> None:
    first, second, earlier = (
        observe(course) for course in (history(rows, 0, 40), history(rows, shift, 40), history(rows, 0, 20))
    )
    np.testing.assert_array_equal(first.time, second.time)
    np.testing.assert_array_equal(first.event, second.event)
    assert (earlier.time <= first.time).all()
    assert not (earlier.event & ~first.event).any()
    assert not (first.event & first.competing).any()


@given(st.lists(st.tuples(days, days, days, st.booleans()), min_size=1, max_size=30), st.permutations(range(3)))
def test_a_later_occurrence_and_the_order_of_marks_change_no_earlier_event(
    rows: list[tuple[int, int, int, bool]], order: list[int]
) -> None:
    plain = history(rows, 0, np.inf)
    before = observe(plain)
    later = np.where(before.event, before.time + 1, np.nan)
    marks = (*(plain.marks[i] for i in order), Mark("later", "later", "event", "later", later))
    after = observe(Course(plain.origin, plain.last_contact, plain.death, marks, plain.cutoff))
    np.testing.assert_array_equal(before.time, after.time)
    np.testing.assert_array_equal(before.event, after.event)
    np.testing.assert_array_equal(before.competing, after.competing)
