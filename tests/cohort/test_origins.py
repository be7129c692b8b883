"""Every origin of time, and rules of the user's own, through times, words and contradictions."""

from pathlib import Path

import pytest

from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.cohort.ledger import ledger
from counterpoise.errors import DataError, PlanError
from counterpoise.oncology.rule_sets import SHIPPED, load_rule_sets
from counterpoise.read.codebook import Column
from counterpoise.read.table import Table
from tests.cohort.tables import table_of

LABELS = {
    "dx": "Date of diagnosis",
    "surgery": "Date of surgery",
    "start": "Start of radiotherapy",
    "end": "End of radiotherapy",
}
DATES = {"dx": "2020-01-01", "surgery": "2020-03-01", "start": "2020-04-01", "end": "2020-05-01"}
FOLLOW_UP = FollowUpOptions(
    origin="dx",
    last_contact="last",
    death="death",
    local="local",
    regional="regional",
    distant="distant",
    cause_of_death="cause",
)


def patient(local: str | None, death: str | None = None, cause: str | None = None) -> Table:
    labelled = {name: (Column(kind="date", label=LABELS[name]), [day]) for name, day in DATES.items()}
    return table_of(
        **labelled,
        local=("date", [local]),
        regional=("date", [None]),
        distant=("date", [None]),
        death=("date", [death]),
        cause=("text", [cause]),
        last=("date", ["2021-01-01"]),
    )


@pytest.mark.parametrize(
    ("origin", "words", "days"),
    [
        ("dx", "diagnosis 1 January 2020", 182),
        ("surgery", "surgery 1 March 2020", 122),
        ("start", "start of radiotherapy 1 April 2020", 91),
        ("end", "end of radiotherapy 1 May 2020", 61),
    ],
)
def test_time_from_every_origin(origin: str, words: str, days: int) -> None:
    options = EndpointOptions(rule="disease_free_survival", origin=origin)
    made = endpoint_times(patient("2020-07-01"), FOLLOW_UP, {"dfs": options})["dfs"]
    assert made.time.tolist() == [days]
    assert made.definition.startswith(f"Disease-free survival was the time from {made.origin} to the first of")
    assert f"from {words} to local recurrence 1 July 2020, {days} days" in ledger(["P1"], [made])[0].words


def test_an_event_before_the_origin_is_a_contradiction() -> None:
    options = EndpointOptions(rule="disease_free_survival", origin="end")
    with pytest.raises(DataError, match=r"row 2, column `local`: `2020-04-15` \(patient p1\) is before `end`"):
        endpoint_times(patient("2020-04-15"), FOLLOW_UP, {"dfs": options})


def test_a_matrix_of_the_users_own(tmp_path: Path) -> None:
    own = '[recurrence_free_interval]\nlike = "recurrence_free_interval"\nedition = "ours"\n'
    own += '[recurrence_free_interval.matrix]\ndeath_unknown = "event"\n'
    (tmp_path / "own.toml").write_text(own)
    rules = load_rule_sets({"endpoints": "own.toml"}, tmp_path)
    table, options = patient(None, "2020-09-01"), {"rfi": EndpointOptions(rule="recurrence_free_interval")}
    shipped = endpoint_times(table, FOLLOW_UP, options, SHIPPED)["rfi"]
    changed = endpoint_times(table, FOLLOW_UP, options, rules)["rfi"]
    assert (shipped.event.tolist(), shipped.competing.tolist()) == ([False], [True])
    assert (changed.event.tolist(), changed.competing.tolist()) == ([True], [False])
    assert "death from an unknown cause; other patients were censored at another death" in changed.definition
    assert not rules.endpoint("recurrence_free_interval").verified, "what was changed was not checked"


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ('death_unknown = "ignored"', "`death_unknown` ends observation"),
        ('lokal = "event"', "unknown key `lokal`; did you mean `local`?"),
        ('local = "counts"', "local"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused_by_place(tmp_path: Path, cell: str, fault: str) -> None:
    own = f'[overall_survival]\nlike = "overall_survival"\n[overall_survival.matrix]\n{cell}\n'
    (tmp_path / "own.toml").write_text(own)
    with pytest.raises(PlanError) as caught:
        load_rule_sets({"endpoints": "own.toml"}, tmp_path)
    assert str(caught.value).startswith("own.toml: overall_survival: matrix")
    assert fault in str(caught.value)
