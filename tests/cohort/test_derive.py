import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from counterpoise.cohort.derive import DeriveOptions, definitions, derive
from counterpoise.errors import DataError, PlanError
from counterpoise.read.codebook import Column
from counterpoise.read.table import Table
from tests.cohort.tables import category, table_of

TABLE = table_of(
    birth=("date", ["1980-05-05", "1990-01-01", None]),
    dx=(Column(kind="date", label="Date of diagnosis"), ["2020-05-04", "2020-01-01", "2020-01-01"]),
    t=(category(T1="cT1", T3="cT3"), ["T1", "T3", None]),
    er=("number", [0.0, 50.0, 0.0]),
    pr=("number", [0.0, None, None]),
    dose=("number", [50.0, 60.0, None]),
)


def options(given: Mapping[str, Any]) -> dict[str, DeriveOptions]:
    return {name: DeriveOptions.model_validate(value) for name, value in given.items()}


def derived(given: Mapping[str, Any], table: Table = TABLE) -> Table:
    return derive(table, options(given))


def problems(given: Mapping[str, Any], table: Table = TABLE) -> list[str]:
    with pytest.raises((PlanError, DataError)) as caught:
        derived(given, table)
    return [str(problem) for problem in caught.value.problems]


def test_the_three_forms() -> None:
    table = derived(
        {
            "large": 't == "T3"',
            "double": {"value": "dose * 2", "label": "Twice the dose", "unit": "Gy"},
            "age": {"rule": "age", "birth": "birth", "at": "dx", "label": "Age at diagnosis"},
        }
    )
    assert table.frame["large"].to_list() == [0, 1, None]
    assert table.frame["double"].to_list() == [100.0, 120.0, None]
    assert table.frame["age"].to_list() == [39, 30, None]
    assert table.columns["large"] == Column(kind="flag", label="large")
    assert table.columns["double"] == Column(kind="number", label="Twice the dose", unit="Gy")
    assert (table.columns["age"].label, table.columns["age"].unit) == ("Age at diagnosis", "years")
    assert list(table.columns)[-3:] == table.frame.columns[-3:] == ["large", "double", "age"]
    assert "large" not in TABLE.columns, "the table that was given is left as it is"


def test_columns_are_made_after_those_that_they_need() -> None:
    table = derived(
        {
            "old_and_large": "old and large",
            "old": "age >= 35",
            "age": {"rule": "age", "birth": "birth", "at": "dx"},
            "large": 't == "T3"',
            "receptor": {"rule": "hormone_receptor_status", "er": "er", "pr": "half"},
            "half": "pr / 2",
        }
    )
    assert table.frame["old_and_large"].to_list() == [0, 0, None]
    assert table.frame["receptor"].to_list() == ["negative", "positive", None]


def test_an_if_of_texts_is_a_category_in_the_order_of_mention() -> None:
    rule = 'if dose > 55 then "high" else if dose > 45 then "middle" else "low"'
    table = derived({"band": rule, "shown": {"value": rule, "levels": {"low": "L", "middle": "M", "high": "H"}}})
    assert table.frame["band"].to_list() == ["middle", "high", None]
    assert list(table.columns["band"].levels) == ["high", "middle", "low"]
    assert table.columns["shown"].levels == {"low": "L", "middle": "M", "high": "H"}


def test_a_rule_may_be_constant() -> None:
    table = derived({"all": "true", "day": 'date("2020-01-31")', "five": {"value": "5", "kind": "integer"}})
    assert table.frame["all"].to_list() == [1, 1, 1]
    assert table.frame["day"].to_list() == [dt.date(2020, 1, 31)] * 3
    assert table.frame["five"].to_list() == [5, 5, 5]


def test_a_table_of_no_patients_has_the_columns() -> None:
    empty = Table(TABLE.frame.clear(), TABLE.columns, TABLE.id_column, TABLE.source)
    table = derived({"large": 't == "T3"', "age": {"rule": "age", "birth": "birth", "at": "dx"}}, empty)
    assert table.frame["large"].dtype == TABLE.frame["dose"].cast(int).dtype
    assert table.frame.height == 0


def test_all_problems_of_the_plan_are_reported_together() -> None:
    found = problems(
        {
            "dose": "er + 1",
            "a": "old > 3",
            "b": 't == "T9" or dosee > 3',
            "c": "dose >",
            "d": {"rule": "agee", "birth": "birth", "at": "dx"},
            "e": {"rule": "age", "birth": "brith", "when": "dx"},
            "f": {"value": "dose > 3", "kind": "date"},
            "g": "a",
            "h": {"rule": "age", "birth": "birth", "at": "dose"},
            "older": "er > 3",
        }
    )
    assert [text.split(": ", 1)[0] for text in found] == [
        f"derive.{name}" for name in ["dose", "c", "d", "f", "h", "a", "b", "b", "e", "e", "e"]
    ]
    assert found[0] == "derive.dose: the table already has a column of that name; choose another"
    assert found[2] == "derive.d: there is no rule `agee`; did you mean `age`?"
    assert found[4] == "derive.h: `at` must be a column of kind date; `dose` is of kind number"
    assert found[5] == "derive.a: rule `old > 3`: there is no column `old` (position 1); did you mean `older`?"
    assert found[8:] == [
        "derive.e: rule `age` takes no `when`; it is one of birth, at",
        "derive.e: `birth`: there is no column `brith`; did you mean `birth`?",
        "derive.e: rule `age` needs `at` (date at which age is wanted)",
    ]


def test_circles_are_reported_for_each_of_their_members_alone() -> None:
    found = problems({"a": "b + 1", "b": "c + 1", "c": "a + 1", "d": "a + 1", "e": "e > 1", "f": "dose + 1"})
    assert found == [
        "derive.a: depends on itself: a needs b needs c needs a",
        "derive.b: depends on itself: b needs c needs a needs b",
        "derive.c: depends on itself: c needs a needs b needs c",
        "derive.e: depends on itself: e needs e",
    ]


def test_what_a_rule_must_not_meet_is_told_by_cell_and_not_repeated_downstream() -> None:
    table = table_of(
        birth=("date", ["2021-01-01", "1890-01-01", "1980-01-01"]),
        dx=("date", ["2020-05-04"] * 3),
        er=("number", [101.0, -1.0, 50.0]),
        pr=("number", [0.0, 0.0, 0.0]),
        ypt=("text", ["ypT0", "cT2", "?"]),
        dose=("number", [50.0, 50.0, 0.0]),
        n=("integer", [25, 0, 0]),
    )
    found = problems(
        {
            "age": {"rule": "age", "birth": "birth", "at": "dx"},
            "old": "age > 50",
            "hr": {"rule": "hormone_receptor_status", "er": "er", "pr": "pr"},
            "low": 'hr == "negative"',
            "lower": "low and old",
            "pcr": {"rule": "pathological_complete_response", "ypt": "ypt", "definition": "breast only"},
            "bed": {"rule": "bed", "dose": "dose", "fractions": "n"},
        },
        table,
    )
    assert [text.split(" must be")[0] for text in found] == [
        "row 2, column `age`: `-1` (patient p1)",
        "row 3, column `age`: `130` (patient p2)",
        "row 2, column `er`: `101.0` (patient p1)",
        "row 3, column `er`: `-1.0` (patient p2)",
        "row 3, column `ypt`: `cT2` (patient p2)",
        "row 4, column `ypt`: `?` (patient p3)",
        "row 3, column `bed`: `inf` (patient p2)",
    ]


def test_a_cell_that_two_rules_refuse_is_told_once() -> None:
    table = table_of(er=("number", [101.0]), pr=("number", [0.0]), ihc=("integer", [3]))
    common = {"er": "er", "pr": "pr"}
    found = problems(
        {
            "hr": {"rule": "hormone_receptor_status", **common},
            "subtype": {"rule": "clinical_subtype", "ihc": "ihc", **common},
        },
        table,
    )
    assert found == ["row 2, column `er`: `101.0` (patient p1) must be 0 to 100"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of `value` and `rule`"),
        ({"value": "a", "rule": "age"}, "exactly one of `value` and `rule`"),
        ({"value": "a", "lable": "A"}, "`value` takes no `lable`"),
        ({"rule": "age", "unit": "years"}, "belong to `value`"),
        ({"value": "a", "kind": "flag", "levels": {"0": "No"}}, "`levels` belong to a category"),
        ({"value": "a", "kind": "colour"}, "kind"),
        (3, "valid dictionary"),
    ],
)
def test_options_have_one_form(given: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DeriveOptions.model_validate(given)


def test_the_schema_allows_a_text_or_a_table() -> None:
    class Plan(BaseModel):
        derive: dict[str, DeriveOptions]

    text, written_out = Plan.model_json_schema()["$defs"]["DeriveOptions"]["anyOf"]
    assert text == {"type": "string"}
    assert {"value", "rule", "edition", "label", "unit", "levels", "kind"} == set(written_out["properties"])


def test_definitions_for_the_methods_section_in_the_order_of_the_plan() -> None:
    given = {
        "old": {"value": "age >= 50", "label": "Age 50 or more"},
        "age": {"rule": "age", "birth": "birth", "at": "dx", "label": "Age at diagnosis"},
    }
    old, age = definitions(TABLE, options(given))
    assert old.sentence == "Age 50 or more was derived as `age >= 50`."
    assert (old.edition, old.source) == ("", "")
    assert (age.label, age.sentence) == ("Age at diagnosis", "Age was counted in completed years at diagnosis.")
    assert age.source
    with pytest.raises(PlanError):
        definitions(TABLE, options({"old": "agee > 3"}))
