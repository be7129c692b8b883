import datetime as dt
import itertools

import pytest

from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.first_sites import FIRST_SITES, first_sites
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.read.codebook import Kind
from tests.cohort.tables import table_of

SITES = ("local", "regional", "distant")
DAYS = (None, 0, 1, 30, 31, 60)


def by_hand(days: tuple[int | None, ...], window: int, cutoff: int) -> str:
    """Return the words of the sites within the window of the first, told site by site."""
    known = {site: day for site, day in zip(SITES, days, strict=True) if day is not None and day <= cutoff}
    if not known:
        return "No recurrence"
    sites = [site for site in SITES if site in known and known[site] - min(known.values()) <= window]
    if len(sites) == 1:
        return f"{sites[0].capitalize()} only"
    return f"{', '.join(sites[:-1])} and {sites[-1]}".capitalize()


@pytest.mark.parametrize(("window", "cutoff"), [(30, 900), (0, 900), (30, 30)])
def test_every_order_of_the_three_sites(window: int, cutoff: int) -> None:
    rows = list(itertools.product(DAYS, repeat=3))
    start = dt.date(2020, 1, 1)
    columns: dict[str, tuple[Kind, list[object]]] = {
        site: ("date", [None if (day := row[i]) is None else start + dt.timedelta(days=day) for row in rows])
        for i, site in enumerate(SITES)
    }
    table = table_of(
        dx=("date", ["2020-01-01"] * len(rows)),
        last=("date", ["2023-01-01"] * len(rows)),
        **columns,
    )
    follow_up = FollowUpOptions.model_validate(
        {"origin": "dx", "last_contact": "last", **{s: s for s in SITES}, "cutoff": start + dt.timedelta(days=cutoff)}
    )
    rule = EndpointOptions(rule="distant_metastasis_free_survival")
    made = endpoint_times(table, follow_up, {"e": rule})["e"]
    found = first_sites([made], window)
    assert found is not None
    assert [FIRST_SITES[code] for code in found.codes] == [by_hand(row, window, cutoff) for row in rows]


def test_without_three_sites_there_is_no_first_one() -> None:
    table = table_of(dx=("date", ["2020-01-01"]), last=("date", ["2020-02-01"]), local=("date", [None]))
    follow_up = FollowUpOptions(origin="dx", last_contact="last", local="local")
    made = endpoint_times(table, follow_up, {"e": EndpointOptions(events=("local",))})["e"]
    times = table_of(t=("number", [1.0]), e=("flag", [1]))
    held = endpoint_times(times, None, {"h": EndpointOptions(time="t", event="e", unit="days")})["h"]
    assert first_sites([held, made], 30) is None
