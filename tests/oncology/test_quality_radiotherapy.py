"""Checks of the course of radiotherapy: every length against every number of fractions."""

import datetime as dt
import itertools

import polars as pl

from counterpoise.oncology.quality import check_records
from counterpoise.oncology.records import records
from counterpoise.read import table_from_frame

START = dt.date(2020, 3, 2)


def test_days_against_fractions() -> None:
    cases = list(itertools.product([0, 1, 18, 24, 25, 33, None], [1, 2, 19, 25, 26, None]))
    frame = pl.DataFrame(
        {
            "id": [f"p{row}" for row in range(len(cases))],
            "start": [START] * len(cases),
            "end": [None if days is None else START + dt.timedelta(days=days) for days, _ in cases],
            "n": [n for _, n in cases],
        }
    )
    roles = {"radiotherapy_start": "start", "radiotherapy_end": "end", "fractions": "n"}
    found = check_records(records(table_from_frame(frame, id_column="id"), roles))
    asked = {query.patient for query in found.queries if query.check == "Q60"}
    expected = {f"p{row}" for row, (days, n) in enumerate(cases) if days is not None and n is not None and n > days + 1}
    assert asked == expected
