"""What the dates and causes of a table may not say, and what the plan must say of what was never recorded."""

import datetime as dt
import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.cohort.marks import causes_of_death
from counterpoise.errors import DataError, PlanError, Problem
from counterpoise.read.codebook import Column, Kind
from counterpoise.read.table import Table
from tests.cohort.tables import table_of

FOLLOW_UP = FollowUpOptions(
    origin="origin", last_contact="last", death="death", local="local", regional="regional", distant="distant"
)
DFS = EndpointOptions(rule="disease_free_survival")
KEYS = ("local", "regional", "distant", "death", "last")


def dated(rows: list[tuple[str | None, ...]]) -> Table:
    columns: dict[str, tuple[Kind, list[str | None]]] = {
        key: ("date", [row[i] for row in rows]) for i, key in enumerate(KEYS)
    }
    return table_of(origin=("date", ["2020-01-01"] * len(rows)), **columns)


def problems(table: Table, follow_up: FollowUpOptions = FOLLOW_UP, options: EndpointOptions = DFS) -> list[str]:
    try:
        endpoint_times(table, follow_up, {"e": options})
    except (DataError, PlanError) as error:
        found: tuple[Problem, ...] = error.problems
        return [str(problem) for problem in found]
    return []


def test_every_contradiction_is_found_and_no_other() -> None:
    days = (None, "2020-01-01", "2020-01-02", "2020-01-03")
    rows = list(itertools.product(days, repeat=5))

    def holds(row: tuple[str | None, ...]) -> bool:
        *recurrences, death, last = row
        end = death or last
        return end is not None and all(day is None or day <= end for day in recurrences)

    assert problems(dated([row for row in rows if holds(row)])) == []
    assert all(problems(dated([row])) for row in rows if not holds(row))


def test_contradictions_name_file_row_column_value_and_patient() -> None:
    table = table_of(
        origin=("date", ["2020-01-10", None, "2020-01-01", "2023-06-01", "2020-01-01"]),
        last=("date", ["2020-01-09", "2020-05-01", None, "2023-06-02", "2021-01-01"]),
        death=("date", [None, None, None, None, "2020-12-01"]),
        local=("date", ["2020-01-01", None, None, None, "2020-12-02"]),
        regional=("date", [None] * 5),
        distant=("date", [None] * 5),
    )
    cut = FOLLOW_UP.model_copy(update={"cutoff": dt.date(2023, 5, 31)})
    assert problems(table, cut) == [
        "row 3, column `origin`: missing (patient p2) is the origin of time and must be known",
        "row 5, column `origin`: `2023-06-01` (patient p4) is after the cut-off date",
        "row 4, column `last`: missing (patient p3) must be known of a patient who is alive; "
        "exclude who was never seen again",
        "row 2, column `last`: `2020-01-09` (patient p1) is before `origin`",
        "row 2, column `local`: `2020-01-01` (patient p1) is before `origin`",
        "row 6, column `local`: `2020-12-02` (patient p5) is after death (`death`)",
    ]


def test_a_patient_may_enter_on_the_day_of_the_cutoff() -> None:
    table = dated([(None, None, None, None, "2020-01-09")])
    assert problems(table, FOLLOW_UP.model_copy(update={"cutoff": dt.date(2020, 1, 1)})) == []
    assert len(problems(table, FOLLOW_UP.model_copy(update={"cutoff": dt.date(2019, 12, 31)}))) == 1


CAUSED = FollowUpOptions(origin="origin", last_contact="last", death="death", cause_of_death="cause")
BCSS = EndpointOptions(rule="breast_cancer_specific_survival")


def died_of(cause: Column, *values: object) -> Table:
    size = len(values)
    return table_of(
        origin=("date", ["2020-01-01"] * size),
        death=("date", ["2021-01-01"] * size),
        last=("date", ["2021-01-01"] * size),
        cause=(cause, list(values)),
    )


def test_causes_are_read_by_code_label_and_the_plan() -> None:
    column = Column(kind="category", levels={"1": "Breast cancer", "2": "Stroke", "3": "other cancer"})
    follow_up = CAUSED.model_copy(update={"causes": {"stroke": "non_cancer"}})
    table = died_of(column, "1", "2", "3", None)
    assert causes_of_death(table, follow_up) == ["breast_cancer", "non_cancer", "other_cancer", None]
    made = endpoint_times(table, follow_up, {"e": BCSS})["e"]
    assert made.event.tolist() == [True, False, False, False]
    assert made.competing.tolist() == [False, True, True, True], "a missing cause is an unknown one"


def test_an_unknown_spelling_is_refused() -> None:
    assert problems(died_of(Column(kind="text"), "breast cancer", "stroke"), CAUSED, BCSS) == [
        "row 3, column `cause`: `stroke` (patient p2) is no known cause of death; say which it is in [follow_up]: "
        'causes = { "..." = "non_cancer" }; the causes are breast_cancer, other_cancer, non_cancer, treatment, unknown'
    ]


def test_a_rule_that_tells_deaths_apart_needs_their_cause() -> None:
    table = died_of(Column(kind="text"), "breast cancer")
    plain = FollowUpOptions(origin="origin", last_contact="last", death="death")
    assert problems(table, plain, BCSS) == [
        "endpoints.e: rule `breast_cancer_specific_survival` needs `cause_of_death` in [follow_up]; name its column, "
        'or, if the table never held it, say so: not_recorded = ["cause_of_death"]'
    ]
    silent = FollowUpOptions(origin="origin", last_contact="last", death="death", not_recorded=("cause_of_death",))
    assert problems(table, silent, BCSS) == [
        "endpoints.e: rule `breast_cancer_specific_survival` counts deaths by cause, and no cause was recorded"
    ]
    rfi = EndpointOptions(rule="recurrence_free_interval")
    table = dated([("2020-01-02", None, None, "2020-01-05", None), (None, None, None, "2020-01-05", None)])
    made = endpoint_times(table, FOLLOW_UP.model_copy(update={"not_recorded": ("cause_of_death",)}), {"e": rfi})["e"]
    assert made.event.tolist() == [True, False]
    assert made.competing.tolist() == [False, True], "no cause was recorded, so every cause is unknown"


def test_what_was_never_recorded_must_be_said_and_is_repeated() -> None:
    table = dated([("2020-01-02", None, None, None, "2020-01-05")])
    idfs = EndpointOptions(rule="invasive_disease_free_survival")
    said = ("contralateral", "second_primary")
    assert problems(table, FOLLOW_UP, idfs) == [
        f"endpoints.e: rule `invasive_disease_free_survival` needs `{name}` ({words}) in [follow_up]; name its "
        f'column, or, if the table never held it, say so: not_recorded = ["{name}"]'
        for name, words in zip(said, ("contralateral invasive breast cancer", "second primary cancer"), strict=True)
    ]
    made = endpoint_times(table, FOLLOW_UP.model_copy(update={"not_recorded": said}), {"e": idfs})["e"]
    assert made.event.tolist() == [True]
    assert made.definition.endswith(
        "Contralateral invasive breast cancer and second primary cancer are part of this definition and were not "
        "recorded."
    )


def test_an_endpoint_of_nothing_recorded_is_refused() -> None:
    nothing = FollowUpOptions(origin="origin", last_contact="last", not_recorded=("distant",))
    dmfs = EndpointOptions(rule="distant_metastasis_free_survival")
    assert problems(dated([(None, None, None, None, "2020-01-05")]), nothing, dmfs) == [
        "endpoints.e: rule `distant_metastasis_free_survival` counts nothing that was recorded"
    ]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"local": "local", "not_recorded": ["local"]}, "`local` names a column"),
        ({"causes": {"x": "non_cancer"}}, "`causes` belongs to `cause_of_death`"),
        ({"cause_of_death": "c", "causes": {"x": "cancer"}}, "causes"),
        ({"not_recorded": ["death"]}, "not_recorded"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        FollowUpOptions.model_validate({"origin": "origin", "last_contact": "last", **options})


def test_who_died_without_a_column_of_death_is_a_fault_of_the_plan() -> None:
    alive = FollowUpOptions(origin="origin", last_contact="last")
    table = dated([(None, None, None, None, "2020-01-05")])
    assert problems(table, alive, EndpointOptions(rule="overall_survival")) == [
        "endpoints.e: rule `overall_survival` needs `death` in [follow_up]; or list the columns in `events`"
    ]
