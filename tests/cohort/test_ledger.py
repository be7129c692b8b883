"""Entries written by hand from the dates, as a clinician would tell them."""

import datetime as dt

import pytest

from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.cohort.ledger import LedgerEntry, ledger
from counterpoise.errors import InputError
from counterpoise.read.codebook import Column
from tests.cohort.tables import table_of

FOLLOW_UP = FollowUpOptions(
    origin="dx",
    last_contact="last",
    death="death",
    cause_of_death="cause",
    local="local",
    regional="regional",
    distant="distant",
    cutoff=dt.date(2023, 5, 31),
)


def entries(rule: str, *rows: dict[str, str], follow_up: FollowUpOptions = FOLLOW_UP) -> list[LedgerEntry]:
    def column(name: str) -> tuple[Column, list[object]]:
        label = {"dx": "Date of diagnosis"}.get(name, "")
        return Column(kind="text" if name == "cause" else "date", label=label), [row.get(name) for row in rows]

    names = ("dx", "local", "regional", "distant", "death", "last", "cause", "rt")
    table = table_of(**{name: column(name) for name in names})
    made = endpoint_times(table, follow_up, {"e": EndpointOptions(rule=rule)})["e"]
    return list(ledger(table.frame["id"].to_list(), [made]))


DX = "2014-05-17"


def test_an_event_with_death_later() -> None:
    row = {"dx": DX, "distant": "2017-09-16", "death": "2023-03-10", "cause": "breast cancer", "last": "2023-03-10"}
    (made,) = entries("disease_free_survival", row)
    assert made.words == (
        "p1, DFS: from diagnosis 17 May 2014 to distant metastasis 16 September 2017, 1,218 days (40.0 months), event. "
        "Death from breast cancer on 10 March 2023 came later."
    )
    assert (made.patient, made.endpoint, made.days, made.outcome) == ("p1", "DFS", 1218.0, "event")
    assert made.ended == "distant metastasis"


@pytest.mark.parametrize(
    ("rule", "row", "words"),
    [
        (
            "overall_survival",
            {"last": "2014-06-16"},
            "p1, OS: from diagnosis 17 May 2014 to last contact 16 June 2014, 30 days (1.0 months), censored.",
        ),
        (
            "disease_free_survival",
            {"local": "2023-07-01", "last": "2023-09-01"},
            "p1, DFS: from diagnosis 17 May 2014 to the cut-off 31 May 2023, 3,301 days (108.5 months), censored. "
            "Local recurrence on 1 July 2023 came later. Last contact was on 1 September 2023.",
        ),
        (
            "distant_metastasis_free_survival",
            {"local": "2014-05-20", "death": "2014-05-27", "last": "2014-05-27"},
            "p1, DMFS: from diagnosis 17 May 2014 to death from an unknown cause 27 May 2014, 10 days (0.3 months), "
            "competing event. Local recurrence on 20 May 2014 came before and does not count.",
        ),
        (
            "locoregional_recurrence_free_survival",
            {"local": "2014-05-18", "regional": "2014-05-18", "distant": "2014-05-18", "last": "2014-05-19"},
            "p1, LRRFS: from diagnosis 17 May 2014 to local recurrence and regional recurrence 18 May 2014, 1 day (0.0 "
            "months), event. Distant metastasis was on the same day. Last contact was on 19 May 2014.",
        ),
        (
            "disease_free_survival",
            {"local": DX, "last": DX},
            "p1, DFS: from diagnosis 17 May 2014 to local recurrence 17 May 2014, 0 days, counted as half a day (0.0 "
            "months), event.",
        ),
        (
            "overall_survival",
            {"death": "2023-05-31", "cause": "accident", "last": "2023-05-31"},
            "p1, OS: from diagnosis 17 May 2014 to death from a cause other than cancer 31 May 2023, 3,301 days (108.5 "
            "months), event.",
        ),
        (
            "overall_survival",
            {"death": "2023-06-01", "cause": "accident", "last": "2023-06-01"},
            "p1, OS: from diagnosis 17 May 2014 to the cut-off 31 May 2023, 3,301 days (108.5 months), censored. Death "
            "from a cause other than cancer on 1 June 2023 came later.",
        ),
    ],
)
def test_reasons_in_words(rule: str, row: dict[str, str], words: str) -> None:
    (made,) = entries(rule, {"dx": DX, **row})
    assert made.words == words


def test_entry_is_told() -> None:
    late = FOLLOW_UP.model_copy(update={"entry": "rt"})
    first, second = entries(
        "overall_survival",
        {"dx": DX, "rt": "2014-05-27", "last": "2014-06-16"},
        {"dx": DX, "rt": DX, "last": "2014-06-16"},
        follow_up=late,
    )
    assert first.entered == 10
    assert first.words.endswith("censored. Under observation from day 10 on.")
    assert second.words.endswith("censored.")


def test_times_that_the_table_holds_and_every_patient_in_turn() -> None:
    table = table_of(months=("number", [12.0, 1.0]), died=("flag", [0, 1]))
    options = EndpointOptions(time="months", event="died", unit="months", short="OS")
    made = endpoint_times(table, None, {"a": options, "b": options})
    told = ledger(["x", "y"], list(made.values()))
    assert [entry.patient for entry in told] == ["x", "x", "y", "y"]
    assert told[0].words == "x, OS: 365.2 days (12.0 months) as the table holds it, censored."
    assert (told[0].ended, told[2].ended, told[2].outcome) == ("end of follow-up", "died", "event")
    with pytest.raises(InputError, match=r"`patients` must name the 2 patients of `a`; it names 1\."):
        ledger(["x"], list(made.values()))
