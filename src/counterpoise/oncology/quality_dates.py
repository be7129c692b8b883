"""Dates that no order allows, and that one slip of the pen would explain."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import TypeAdapter

from counterpoise.oncology.quality_check import Check, Hit
from counterpoise.oncology.records import CUTOFF, ROLES, Records
from counterpoise.oncology.rule_tables import read_rules

_Order = tuple[str, str, int, int]
ORDERS: Sequence[_Order] = TypeAdapter(tuple[_Order, ...]).validate_python(read_rules("date_order")["orders"])
"""The earlier role, the later one, and the fewest and most days between them."""

_PARTS = ((0, 4), (4, 6), (6, 8))
_YEARS = range(1900, 2101)
_AGAINST = 2
_Dates = Mapping[str, dt.date]


@dataclass(frozen=True, slots=True)
class Repair:
    """A date that does not fit, the roles that it does not fit, and the date that would fit all of them."""

    role: str
    against: tuple[str, ...]
    date: dt.date


def swapped_day_and_month(records: Records, check: Check) -> list[Hit]:
    """Find dates that fit once day and month are swapped."""
    del check
    return _hits(records, _swaps)


def transposed_digits(records: Records, check: Check) -> list[Hit]:
    """Find dates that fit once two neighbouring digits of year, month or day are swapped."""
    del check
    return _hits(records, _transpositions)


def mistyped_year(records: Records, check: Check) -> list[Hit]:
    """Find dates that fit a year or a century before or after, or in a year that differs in one digit."""
    del check
    return _hits(records, _years)


def repairs(dates: _Dates, variants: Callable[[dt.date], Iterator[dt.date]]) -> list[Repair]:
    """Return the repair of each date that is to blame and that a variant makes fit all others.

    To blame are the dates that contradict the most others. The first variant that fits is taken.

    >>> day = dt.date.fromisoformat
    >>> dates = {"surgery": day("2019-04-03"), "radiotherapy_start": day("2019-04-01")}
    >>> [(one.role, str(one.date)) for one in repairs(dates, _swaps)]
    [('surgery', '2019-03-04')]
    """
    against = {role: _misfits(dates, role) for role in dates if role in ROLES}
    most = max(map(len, against.values()), default=0)
    if not most:
        return []
    found: list[Repair] = []
    for role, others in against.items():
        if len(others) == most:
            fitting = (day for day in variants(dates[role]) if not _misfits({**dates, role: day}, role))
            first = next(fitting, None)
            found += [Repair(role, others, first)] if first else []
    return found


def _misfits(dates: _Dates, role: str) -> tuple[str, ...]:
    """Return the other dates that one date does not fit."""
    return tuple(
        second if role == first else first
        for first, second, least, most in ORDERS
        if role in (first, second)
        and first in dates
        and second in dates
        and not least <= (dates[second] - dates[first]).days <= most
    )


def _swaps(day: dt.date) -> Iterator[dt.date]:
    if day.day <= 12 and day.day != day.month:
        yield dt.date(day.year, day.day, day.month)


def _transpositions(day: dt.date) -> Iterator[dt.date]:
    digits = day.strftime("%Y%m%d")
    for start, end in _PARTS:
        for at in range(start, end - 1):
            swapped = f"{digits[:at]}{digits[at + 1]}{digits[at]}{digits[at + 2 :]}"
            yield from _valid(swapped) if swapped != digits else ()


def _years(day: dt.date) -> Iterator[dt.date]:
    text = f"{day.year:04d}"
    changed = {int(f"{text[:at]}{digit}{text[at + 1 :]}") for at in range(4) for digit in "0123456789"}
    for year in sorted(
        {day.year - 1, day.year + 1, day.year - 100, day.year + 100, *changed} - {day.year},
        key=lambda year: (abs(year - day.year), year),
    ):
        if year in _YEARS:
            yield from _valid(f"{year:04d}{day:%m%d}")


def _valid(digits: str) -> Iterator[dt.date]:
    try:
        yield dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return


def _hits(records: Records, variants: Callable[[dt.date], Iterator[dt.date]]) -> list[Hit]:
    named = [role for role in records.known if role == CUTOFF or (role in ROLES and records.known[role].kind == "date")]
    days = {role: records.facts[role].to_list() for role in named}
    hits: list[Hit] = []
    for row in _contradictory(records, named):
        dates = {role: series[row] for role, series in days.items() if series[row] is not None}
        hits += [_hit(records, row, repair) for repair in repairs(dates, variants)]
    return hits


def _contradictory(records: Records, named: Sequence[str]) -> list[int]:
    """Return the rows in which at least two dates do not fit each other."""
    outside = [
        ~(pl.col(second) - pl.col(first)).dt.total_days().is_between(least, most)
        for first, second, least, most in ORDERS
        if first in named and second in named
    ]
    if not outside:
        return []
    found = records.facts.select(pl.any_horizontal(outside).fill_null(value=False).alias("found"))["found"]
    return [int(row) for row in found.arg_true()]


def _hit(records: Records, row: int, repair: Repair) -> Hit:
    others = list(dict.fromkeys(repair.against))
    named = [f"the {ROLES[role].meaning if role in ROLES else role} ({records.shown(role, row)})" for role in others]
    shown = " and ".join(named[:_AGAINST]) if len(named) <= _AGAINST else f"{', '.join(named[:_AGAINST])} and others"
    words = {
        "each": records.shown(repair.role, row),
        "each_name": ROLES[repair.role].meaning,
        "against": shown,
        "repaired": repair.date.isoformat(),
    }
    columns = [records.columns[role] for role in (repair.role, *others) if role in records.columns]
    return Hit(row, tuple(columns), words)
