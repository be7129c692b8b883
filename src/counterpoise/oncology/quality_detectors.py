"""Checks that compare patients with one another, or look at whole columns."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

import polars as pl

from counterpoise.oncology.quality_check import Check, Hit
from counterpoise.oncology.records import ROLES, Records

Detector = Callable[[Records, Check], list[Hit]]

_NORMAL = 1.4826
"""The median absolute deviation of a normal distribution, turned into its standard deviation."""
_MEAN_NORMAL = 1.2533
"""The same for the mean absolute deviation, which serves where more than half of the values agree."""
_LARGEST_GROUP = 20
_DISTINCT = 10
_LOOKALIKES = str.maketrans({"o": "0", "i": "1", "l": "1"})


def placeholder_dates(records: Records, check: Check) -> list[Hit]:
    """Find dates that programs write where there is none."""
    return [
        Hit(row, (column,), {"each_name": _label(records, column), "each": str(day)})
        for column in _of_kind(records, "date")
        for row, day in enumerate(records.table.frame[column])
        if day in check.days
    ]


def identical_rows(records: Records, check: Check) -> list[Hit]:
    """Find records that agree in every column but the identifier."""
    del check
    frame = records.table.frame.select(_measured(records))
    rows = [row for row, cells in enumerate(frame.iter_rows()) if any(cell is not None for cell in cells)]
    return _group_hits(records, {row: frame.row(row) for row in rows}, (records.table.id_column,))


def same_facts(records: Records, check: Check) -> list[Hit]:
    """Find records that agree in all the facts listed."""
    columns = [records.columns[role] for role in check.roles]
    rows = enumerate(records.table.frame.select(columns).iter_rows())
    hits = _group_hits(records, {row: cells for row, cells in rows if None not in cells}, tuple(columns))
    return [
        Hit(hit.row, hit.columns, {**hit.words, **{role: records.shown(role, hit.row or 0) for role in check.roles}})
        for hit in hits
    ]


def alike_rows(records: Records, check: Check) -> list[Hit]:
    """Find pairs of records that agree in most columns of many values, and differ somewhere."""
    frame = records.table.frame.select(_measured(records))
    telling = [name for name in frame.columns if frame[name].n_unique() > max(_DISTINCT, frame[name].count() / 4)]
    agreeing = Counter(pair for name in telling for pair in _agreeing_pairs(frame[name]))
    hits: list[Hit] = []
    for (first, second), count in agreeing.items():
        if count < check.numbers["least"] or frame.row(first) == frame.row(second):
            continue
        one, other = frame.select(telling).row(first), frame.select(telling).row(second)
        compared = sum(a is not None and b is not None for a, b in zip(one, other, strict=True))
        if count >= check.numbers["share"] * compared:
            words = {"agreeing": str(count), "compared": str(compared)}
            for row, twin in ((first, second), (second, first)):
                hits.append(Hit(row, (records.table.id_column,), {**words, "other": records.patient(twin)}))
    return hits


def alike_identifiers(records: Records, check: Check) -> list[Hit]:
    """Find identifiers that differ in nothing but what is easily mistyped."""
    del check
    column = records.table.id_column
    names = {row: name for row, name in enumerate(records.table.frame[column]) if name is not None}
    return _group_hits(records, {row: _simplified(str(name)) for row, name in names.items()}, (column,))


def mixed_units(records: Records, check: Check) -> list[Hit]:
    """Find values beyond the plausible range that a usual change of unit brings into it."""
    hits: list[Hit] = []
    for role, (least, most) in check.ranges.items():
        values = records.facts[role] if role in records.columns else ()
        for row, value in enumerate(values):
            if value is None or least <= value <= most:
                continue
            for unit, factor in check.factors[role].items():
                if least <= value * factor <= most:
                    words = {"converted": f"{value * factor:.4g}", "unit": unit}
                    words |= {"each": records.shown(role, row), "each_name": ROLES[role].meaning}
                    hits.append(Hit(row, (records.columns[role],), words))
    return hits


def outliers(records: Records, check: Check) -> list[Hit]:
    """Find values far from the median, in robust standard deviations; of positive values the logarithm is judged.

    Columns of few different values are left alone. Where more than half of the values agree, the mean absolute
    deviation takes the place of the median one.
    """
    hits: list[Hit] = []
    for column in _of_kind(records, "number", "integer"):
        values = records.table.frame[column].cast(pl.Float64)
        if values.count() < check.numbers["least"] or values.drop_nulls().n_unique() <= _DISTINCT:
            continue
        for row, distance in _robust_distances(values, check.numbers["limit"]):
            words = {"column": _label(records, column), "value": f"{values[row]:.10g}"}
            words |= {"distance": f"{distance:.0f}", "median": f"{values.median():.4g}"}
            hits.append(Hit(row, (column,), words))
    return hits


def placeholder_numbers(records: Records, check: Check) -> list[Hit]:
    """Find the usual codes of missing values that lie well outside all other values of their column."""
    hits: list[Hit] = []
    for column in _of_kind(records, "number", "integer"):
        values = records.table.frame[column].cast(pl.Float64)
        others = values.filter(~values.is_in(list(check.values))).drop_nulls()
        if others.len() < _DISTINCT:
            continue
        low, high = float(str(others.min())), float(str(others.max()))
        margin = max(0.25 * (high - low), 1e-9)
        for row, value in enumerate(values):
            if value in check.values and not low - margin <= value <= high + margin:
                hits.append(Hit(row, (column,), {"column": _label(records, column), "value": f"{value:g}"}))
    return hits


def spellings(records: Records, check: Check) -> list[Hit]:
    """Find codes that differ from a more frequent code of their column in case, blanks or signs only."""
    del check
    hits: list[Hit] = []
    for column in _of_kind(records, "category", "text"):
        texts = records.table.frame[column]
        known = texts.drop_nulls()
        if not known.len() or known.n_unique() > max(_DISTINCT, known.len() / 2):
            continue
        counts = Counter(known.to_list())
        declared = records.table.columns[column].levels
        usual: dict[str, str] = {}
        for text in sorted(counts, key=lambda text: (text not in declared, -counts[text], text)):
            usual.setdefault(_plain(text), text)
        unusual = {text: usual[_plain(text)] for text in counts if usual[_plain(text)] != text}
        for row in _rows_of(texts, unusual):
            words = {"column": _label(records, column), "value": texts[row], "other": unusual[texts[row]]}
            hits.append(Hit(row, (column,), words))
    return hits


def unknown_codes(records: Records, check: Check) -> list[Hit]:
    """Find codes of roles that no spelling explains."""
    del check
    hits: list[Hit] = []
    for role, column in records.columns.items():
        if not ROLES[role].codes:
            continue
        levels = records.table.columns[column].levels
        texts = records.table.frame[column].cast(pl.String)
        known = texts.drop_nulls().unique()
        strange = [text for text in known if ROLES[role].meaning_of(text, levels.get(text, "")) is None]
        for row in _rows_of(texts, strange):
            hits.append(Hit(row, (column,), {"each": texts[row], "each_name": ROLES[role].meaning}))
    return hits


def constant_columns(records: Records, check: Check) -> list[Hit]:
    """Find columns with one value in all patients of whom it is known."""
    frame = records.table.frame
    return [
        Hit(None, (column,), {"column": column, "value": str(frame[column].drop_nulls()[0])})
        for column in _measured(records)
        if frame[column].count() >= check.numbers["least"] and frame[column].drop_nulls().n_unique() == 1
    ]


def empty_columns(records: Records, check: Check) -> list[Hit]:
    """Find columns in which hardly a row has a value."""
    frame = records.table.frame
    counts = {column: frame[column].count() for column in _measured(records)}
    return [
        Hit(None, (column,), {"column": column, "filled": str(count), "rows": str(frame.height)})
        for column, count in counts.items()
        if count <= check.numbers["share"] * frame.height
    ]


def heaped_days(records: Records, check: Check) -> list[Hit]:
    """Find columns of dates of which many fall on one day of the month."""
    hits: list[Hit] = []
    for column in _of_kind(records, "date"):
        days = records.table.frame[column].drop_nulls().dt.day().to_list()
        if len(days) >= check.numbers["least"]:
            day, count = max(Counter(days).items(), key=lambda item: (item[1], -item[0]))
            if count > check.numbers["share"] * len(days):
                words = {"column": column, "day": str(day), "count": str(count), "rows": str(len(days))}
                hits.append(Hit(None, (column,), words))
    return hits


def _of_kind(records: Records, *kinds: str) -> list[str]:
    return [name for name in _measured(records) if records.table.columns[name].kind in kinds]


def _measured(records: Records) -> list[str]:
    return [name for name in records.table.columns if name != records.table.id_column]


def _rows_of(texts: pl.Series, wanted: Iterable[str]) -> list[int]:
    return [int(row) for row in texts.is_in(list(wanted)).fill_null(value=False).arg_true()]


def _label(records: Records, column: str) -> str:
    label = records.table.columns[column].label
    return next((ROLES[role].meaning for role, used in records.columns.items() if used == column), label or column)


def _group_hits(records: Records, keys: "dict[int, object]", columns: Sequence[str]) -> list[Hit]:
    """Return a hit for each row whose key another row has too, naming the others."""
    groups: dict[object, list[int]] = {}
    for row, key in keys.items():
        groups.setdefault(key, []).append(row)
    return [
        Hit(row, tuple(columns), {"other": _named(records, (other for other in rows if other != row))})
        for rows in groups.values()
        if len(rows) > 1
        for row in rows
    ]


def _named(records: Records, rows: Iterable[int]) -> str:
    names = sorted(records.patient(row) for row in rows)
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _agreeing_pairs(series: pl.Series) -> Iterator[tuple[int, int]]:
    """Yield each pair of rows of one value; values that many rows have tell nothing."""
    groups: dict[object, list[int]] = {}
    for row, value in enumerate(series):
        if value is not None:
            groups.setdefault(value, []).append(row)
    for rows in groups.values():
        if len(rows) <= _LARGEST_GROUP:
            yield from combinations(rows, 2)


def _robust_distances(values: pl.Series, limit: float) -> Iterator[tuple[int, float]]:
    least = float(str(values.min()))
    scaled = values.log() if least > 0 else values
    deviations = (scaled - scaled.median()).abs()
    median, mean = float(str(deviations.median())), float(str(deviations.mean()))
    spread = _NORMAL * median if median > 0 else _MEAN_NORMAL * mean
    for row, deviation in enumerate(deviations):
        if deviation is not None and spread > 0 and deviation > limit * spread:
            yield row, deviation / spread


def _simplified(name: str) -> str:
    letters = re.sub(r"[^0-9a-z]", "", name.casefold()).translate(_LOOKALIKES)
    return re.sub(r"0*([0-9]+)", r"\1", letters)


def _plain(text: str) -> str:
    """Return a code without what is easily typed otherwise; signs at the ends of words stay: HR+ is not HR-."""
    kept = re.sub(r"[^\w+-]|_", "", text.casefold())
    return re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", "", kept)
