"""The bundled study: the counts that its synthetic cohort was made to give."""

import functools
import tomllib
from importlib import resources
from typing import Any

import numpy as np
import polars as pl
import pytest

from counterpoise.cohort import (
    CriterionOptions,
    DeriveOptions,
    EndpointOptions,
    EndpointTimes,
    Flow,
    FollowUpOptions,
    apply_eligibility,
    definitions,
    derive,
    endpoint_times,
    tabulate_toxicity,
)
from counterpoise.oncology import ToxicityOptions
from counterpoise.read.codebook import Column
from counterpoise.read.table import Table
from counterpoise.read.typed import read_table

FOLDER = resources.files("counterpoise") / "examples" / "imn"
EXCLUDED = [19, 6, 14, 5, 4, 3, 4, 4, 3]


@functools.cache
def plan() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "study.toml").read_text(encoding="utf-8"))


@functools.cache
def screened() -> Table:
    declared = {name: Column.model_validate(text) for name, text in plan()["data"]["columns"].items()}
    with resources.as_file(FOLDER / plan()["data"]["file"]) as path:
        return read_table(path, id_column=plan()["data"]["id"], columns=declared)


def derivations() -> dict[str, DeriveOptions]:
    return {name: DeriveOptions.model_validate(text) for name, text in plan()["derive"].items()}


@functools.cache
def cohort() -> tuple[Table, Flow]:
    criteria = [CriterionOptions.model_validate(text) for text in plan()["eligibility"]]
    return apply_eligibility(derive(screened(), derivations()), criteria)


@functools.cache
def endpoints() -> dict[str, EndpointTimes]:
    options = {name: EndpointOptions.model_validate(text) for name, text in plan()["endpoints"].items()}
    return endpoint_times(cohort()[0], FollowUpOptions.model_validate(plan()["follow_up"]), options)


def test_the_flow_from_208_screened_to_146_included() -> None:
    flow = cohort()[1]
    assert (flow.screened, flow.included) == (208, 146)
    assert [step.excluded for step in flow.steps] == EXCLUDED
    assert flow.steps[-1].remaining == 146
    assert flow.failing.sum() - sum(EXCLUDED) == 6, "six patients fail two criteria"
    np.testing.assert_array_equal(np.diag(flow.overlap), flow.failing)
    assert (flow.overlap[0, 2], flow.overlap[5, 7]) == (3, 3)
    assert not flow.notes


def test_the_flow_does_not_hang_on_the_order_of_rows() -> None:
    table = derive(screened(), derivations())
    shuffled = Table(table.frame.sample(fraction=1, shuffle=True, seed=3), table.columns, table.id_column, table.source)
    criteria = [CriterionOptions.model_validate(text) for text in plan()["eligibility"]]
    _, flow = apply_eligibility(shuffled, criteria)
    assert flow.steps == cohort()[1].steps


@pytest.mark.parametrize(("name", "events"), [("os", 30), ("dfs", 54), ("lrrfs", 32), ("dmfs", 49)])
def test_events_of_each_endpoint(name: str, events: int) -> None:
    made = endpoints()[name]
    assert made.short == name.upper()
    assert int(made.event.sum()) == events
    assert made.time.shape == made.event.shape == (146,)
    assert (made.time > 0).all()
    assert made.notes == ()


def test_recurrences_and_the_one_death_without() -> None:
    table = cohort()[0]
    follow_up = FollowUpOptions.model_validate(plan()["follow_up"])
    columns = tuple(str(plan()["follow_up"][place]) for place in ("local", "regional", "distant"))
    made = endpoint_times(table, follow_up, {"recurrence": EndpointOptions(events=columns)})["recurrence"]
    assert int(made.event.sum()) == 53
    alone = endpoints()["dfs"].event & ~made.event
    assert table.frame.filter(pl.Series(values=alone))["cause_of_death"].to_list() == ["non-cancer"]
    assert int((made.competing & alone).sum()) == 1


def test_the_same_endpoint_by_rule_by_columns_and_by_times_of_the_table() -> None:
    table = cohort()[0]
    os = endpoints()["os"]
    follow_up = FollowUpOptions.model_validate(plan()["follow_up"])
    by_hand = {
        "days": "days(dx_date, min(last_followup_date, date('2023-05-31')))",
        "died": "death_date is not missing",
    }
    timed = derive(table, {name: DeriveOptions(value=text) for name, text in by_hand.items()})
    routes = {
        "columns": EndpointOptions(events=("death_date",)),
        "times": EndpointOptions(time="days", event="died", unit="days"),
    }
    for made in endpoint_times(timed, follow_up, routes).values():
        np.testing.assert_array_equal(made.time, os.time)
        np.testing.assert_array_equal(made.event, os.event)


def test_the_median_of_follow_up_is_the_published_one() -> None:
    assert round(float(np.median(endpoints()["os"].time)) / 30.4375, 2) == 47.51


def test_deaths_by_arm() -> None:
    treated = cohort()[0].frame["imn_boost"].to_numpy() == 1
    died = endpoints()["os"].event
    assert (int(died[treated].sum()), int(treated.sum())) == (11, 79)
    assert (int(died[~treated].sum()), int((~treated).sum())) == (19, 67)


def test_groups_and_subtypes() -> None:
    table = cohort()[0]
    counts = {column: dict(table.frame[column].value_counts().iter_rows()) for column in ("group", "subtype", "pcr")}
    assert counts["group"] == {"IMND-/IMNB-": 43, "IMND+/IMNB-": 24, "IMND-/IMNB+": 67, "IMND+/IMNB+": 12}
    assert next(iter(table.columns["group"].levels.values())) == "IMND−/IMNB−"
    assert table.frame["imnd"].sum() == 36
    assert sum(counts["subtype"].values()) == 146
    assert set(counts["subtype"]) == set(table.columns["subtype"].levels)
    assert counts["pcr"] == {0: 113, 1: 33}
    assert table.frame.select(pl.col(*derivations()).null_count()).sum_horizontal().item() == 0


def test_subtypes_and_ages_by_another_way() -> None:
    frame = cohort()[0].frame
    for er, pr, ihc, ish, subtype in frame.select("er_pct", "pr_pct", "her2_ihc", "her2_ish", "subtype").iter_rows():
        hormone = er >= 1 or pr >= 1
        her2 = ihc == 3 or (ihc == 2 and ish == "positive")
        name = f"HR{'+' if hormone else '-'}/HER2{'+' if her2 else '-'}"
        assert subtype == ("Triple-negative" if name == "HR-/HER2-" else name)
    for birth, dx, age in frame.select("birth_date", "dx_date", "age").iter_rows():
        assert age == dx.year - birth.year - ((dx.month, dx.day) < (birth.month, birth.day))


def test_every_derived_column_has_its_sentence() -> None:
    sentences = definitions(screened(), derivations())
    assert [one.name for one in sentences] == list(derivations())
    assert all(one.sentence.endswith(".") and "{" not in one.sentence for one in sentences)


def test_toxicity_of_both_arms() -> None:
    table = cohort()[0]
    options = ToxicityOptions.model_validate(plan()["toxicity"])
    rows = tabulate_toxicity(table, options, table.frame["imn_boost"].to_numpy(), ("No boost", "Boost"))
    assert len(rows) == 9
    assert all(row.assessed.tolist() == [67, 79] for row in rows)
    assert max(grade for row in rows for grade in range(6) if row.at_least(grade).any()) == 2
