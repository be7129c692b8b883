"""Raw facts by role: which column is which, and how coded facts are read."""

import datetime as dt

import polars as pl

from counterpoise.oncology.records import ROLES, RecordOptions, records, role_problems
from counterpoise.read import Column, Table, table_from_frame


def table(**columns: list[object]) -> Table:
    size = len(next(iter(columns.values())))
    return table_from_frame(pl.DataFrame({"id": [f"P{row}" for row in range(size)], **columns}), id_column="id")


def test_every_role_is_a_key_of_the_plan_and_no_other() -> None:
    assert set(RecordOptions.model_fields) == set(ROLES)
    assert all(role.meaning and role.kinds for role in ROLES.values())


def test_dates_default_to_those_of_the_follow_up() -> None:
    options = RecordOptions(death="died", birth="born")
    follow_up = {"death": "exitus", "local": "relapse", "cutoff": dt.date(2020, 1, 1), "origin": "dx"}
    assert options.columns(follow_up) == {"birth": "born", "local": "relapse", "death": "died"}


def test_coded_facts_are_read_by_their_meaning_and_shown_as_they_stand() -> None:
    made = records(table(n=["cN3b", "n2b", "NX", "odd", None]), {"clinical_n": "n"})
    assert made.facts["clinical_n"].to_list() == ["N3b", "N2b", None, None, None]
    assert [made.shown("clinical_n", row) for row in range(5)] == ["cN3b", "n2b", "NX", "odd", "missing"]


def test_labels_explain_codes() -> None:
    coded = {"status": Column(kind="category", levels={"7": "Alive", "8": "Dead"})}
    frame = pl.DataFrame({"id": ["a", "b"], "status": ["7", "8"]})
    made = records(table_from_frame(frame, id_column="id", columns=coded), {"vital_status": "status"})
    assert made.facts["vital_status"].to_list() == ["alive", "dead"]


def test_columns_that_cannot_be_their_role_are_told_and_left_out() -> None:
    known = table(op=["spring", "autumn"], dose=[50.0, 60.5])
    columns = {"surgery": "op", "dose": "dose", "birth": "born"}
    assert [str(problem) for problem in role_problems(known.columns, columns)] == [
        "plan: records.surgery: `op` must be of kind date; it is category; declare its kind under [data.columns], "
        "or mend its values",
        "plan: records.birth: there is no column `born`",
    ]
    assert set(records(known, columns).columns) == {"dose"}
