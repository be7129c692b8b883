"""Dated adverse events against a slow definition, patient by patient, and by hand."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.cohort import FollowUpOptions, dated_events
from counterpoise.errors import DataError, PlanError
from counterpoise.oncology.toxicity import ToxicityOptions
from counterpoise.read import Table
from counterpoise.read.codebook import Column, Kind
from tests.cohort.tables import table_of

START = dt.date(2020, 1, 1)
FOLLOW_UP = FollowUpOptions(origin="rt", last_contact="last", death="death", local="local", distant="distant")


def day(number: int | None) -> dt.date | None:
    return None if number is None else START + dt.timedelta(days=number)


def options(*, recurrence: bool = False) -> ToxicityOptions:
    return ToxicityOptions.model_validate(
        {
            "scale": "RTOG/EORTC",
            "acute": {"skin": "Skin", "cough": "Lung"},
            "late": {"scar": "Lung", "lung": "Lung"},
            "dated": {"ill": {"label": "Pneumonitis", "organ": "Lung", "kind": "pneumonitis"}},
            "origin": "rt",
            "recurrence_competes": recurrence,
        }
    )


def table(rows: list[dict[str, int | None]]) -> Table:
    columns: dict[str, tuple[Kind | Column, Sequence[object]]] = {"rt": ("date", [START for _ in rows])}
    for name in ("last", "ill", "local", "distant", "death"):
        columns[name] = ("date", [day(row.get(name)) for row in rows])
    for name in ("skin", "cough", "scar", "lung"):
        columns[name] = ("integer", [row.get(name) for row in rows])
    return table_of(**columns)


def slow(row: dict[str, int | None], *, recurrence: bool) -> tuple[float, int]:
    """Return time and cause as a reader of the chart would."""
    last = row["last"] if row["death"] is None else row["death"]
    assert last is not None
    happenings = [(last, 2, 2) if row["death"] is not None else (last, 3, 0)]
    if row["ill"] is not None:
        happenings.append((row["ill"], 0, 1))
    if recurrence:
        happenings += [(at, 1, 2) for at in (row["local"], row["distant"]) if at is not None]
    at, _, cause = min(happenings)
    return (at or 0.5), cause


days = st.integers(0, 6)


@given(st.data(), st.booleans())
def test_every_order_of_the_dates(data: st.DataObject, recurrence: bool) -> None:
    rows: list[dict[str, int | None]] = []
    for _ in range(4):
        last = data.draw(st.integers(1, 6))
        earlier = st.none() | st.integers(0, last)
        row = {name: data.draw(earlier) for name in ("ill", "local", "distant")}
        rows.append({**row, "last": last, "death": data.draw(st.sampled_from([None, last]))})
    (found,) = dated_events(table(rows), options(recurrence=recurrence), FOLLOW_UP)
    expected = [slow(row, recurrence=recurrence) for row in rows]
    assert list(zip(found.time.tolist(), found.cause.tolist(), strict=True)) == expected


def test_grades_of_the_organ_are_joined_by_phase() -> None:
    rows: list[dict[str, int | None]] = [
        {"last": 9, "ill": 3, "death": None, "skin": 3, "cough": 1, "scar": 0, "lung": 2},
        {"last": 9, "ill": None, "death": 9, "skin": 0, "cough": None, "scar": None, "lung": None},
    ]
    (found,) = dated_events(table(rows), options(), FOLLOW_UP)
    assert (found.label, found.kind, found.origin) == ("Pneumonitis", "pneumonitis", "rt")
    np.testing.assert_array_equal(found.acute, [1, np.nan])
    np.testing.assert_array_equal(found.late, [2, np.nan])
    assert found.happened.tolist() == [True, False]


def test_a_late_entry_of_the_study_leaves_toxicity_alone() -> None:
    later = FOLLOW_UP.model_copy(update={"entry": "local"})
    (found,) = dated_events(table([{"last": 9, "ill": 3, "death": None, "local": 5}]), options(), later)
    assert (found.time.tolist(), found.cause.tolist()) == ([3.0], [1])


def test_dates_need_follow_up() -> None:
    with pytest.raises(PlanError, match="needs the dates of death and last contact"):
        dated_events(table([{"last": 9, "death": None}]), options(), None)


def test_recurrence_needs_its_dates() -> None:
    bare = FollowUpOptions(origin="rt", last_contact="last")
    with pytest.raises(PlanError, match="needs `local`, `regional` or `distant`"):
        dated_events(table([{"last": 9, "death": None}]), options(recurrence=True), bare)


def test_columns_that_are_no_dates_are_named_by_their_key() -> None:
    wrong = ToxicityOptions.model_validate({"scale": "RTOG/EORTC", "dated": {"skin": "Skin"}, "origin": "cough"})
    with pytest.raises(PlanError) as caught:
        dated_events(table([{"last": 9, "death": None}]), wrong, FOLLOW_UP)
    assert [problem.where for problem in caught.value.problems] == ["toxicity.dated.skin", "toxicity.origin"]


def test_an_event_before_the_origin_is_refused() -> None:
    with pytest.raises(DataError, match="is before `rt`"):
        dated_events(table([{"last": 9, "ill": -3, "death": None}]), options(), FOLLOW_UP)


@pytest.mark.parametrize(
    ("given_options", "message"),
    [
        ({"dated": {"ill": "Pneumonitis"}}, "`dated` needs `origin`"),
        ({"acute": {"skin": "Skin"}, "origin": "rt"}, "belong to `dated`"),
        ({"acute": {"skin": "Skin"}, "recurrence_competes": True}, "belong to `dated`"),
        (
            {"dated": {"ill": {"label": "P", "organ": "Lung"}}, "origin": "rt"},
            "names the organ `Lung`, which no column",
        ),
    ],
)
def test_options_that_make_no_sense(given_options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToxicityOptions.model_validate({"scale": "RTOG/EORTC", **given_options})
