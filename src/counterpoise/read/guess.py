"""What the columns of an unknown table may be for: a proposal for the starter plan, to be read by a person."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import polars as pl

from counterpoise.read.cells import number
from counterpoise.read.codebook import Column
from counterpoise.read.infer import all_read
from counterpoise.read.raw import RawTable
from counterpoise.read.table import Table

_ID = (
    (r"^(patient|subject|participant|person|case|record|study|hospital)?[_ ]?(id|identifier|no|nr|number|code)$", 4),
    (r"^(id|pid|mrn|usubjid|subjid|编号|病历号|住院号|患者编号)$", 4),
    (r"id$|^id|patient|subject|编号|号$", 2),
)
_BIRTH = ((r"birth|\bdob\b|born|naissance|geburt|出生", 4),)
_ORIGIN = (
    (r"\b(dx|diag|diagnosis|diagnosed)\b|diagnos|确诊|诊断", 4),
    (r"random|inclusion|enrol|baseline|index|origin|time ?zero|入组", 3),
    (r"biopsy|surgery|operation|start|手术", 1),
)
_DEATH = ((r"death|died|dead|decease|\bdod\b|死亡", 4),)
_LAST = (
    (r"last.*(follow|contact|seen|visit|alive|known)|\b(lfu|dlc|ldfu)\b|末次|最后", 4),
    (r"follow ?up|followup|\bfu\b|censor|随访", 3),
)
_RECURRENCE = r"recur|relapse|progress|failure|复发|进展"
_EVENTS = {
    "local": ((rf"\blocal\b.*({_RECURRENCE})|\b(lr|ibtr)\b|局部.*复发", 4), (r"\blocal\b", 2)),
    "regional": ((rf"\b(regional|nodal)\b.*({_RECURRENCE})|\brr\b|区域.*复发", 4), (r"\bregional\b", 2)),
    "distant": ((r"distant|metasta|\bmets?\b|远处|转移", 4),),
    "recurrence": ((rf"^(?!.*(local|regional|distant)).*({_RECURRENCE})", 3),),
}
_TREATMENT = (
    (r"\b(trt|treat|treated|treatment|arm|allocation|randomi[sz]ed|exposed|exposure|intervention|治疗|分组)\b", 4),
    (r"boost|加量|推量", 3),
    (r"therap|chemo|\b(rt|ct|pmrt|drug|surgery|hormone|anti|group)\b|radi|resect|dissect|化疗|放疗|手术", 2),
    (r"complet|prior|previous|before|curative|bilateral|history|既往", -6),
    (r"death|dead|died|status|event|recur|relapse|metasta|\bmets?\b|censor|死亡|复发", -6),
    (r"acute|late|tox|grade|pneumon|invasion|\blvi\b|margin|excis|dose|fraction", -6),
)
_FEWEST = 0.05


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a table seem to be for; None or empty where nothing fits.

    `events` maps local, regional, distant (or recurrence, where no site is said) to the column with the date.
    `treatments` are columns that tell two groups apart, the likeliest first.
    """

    id_column: str
    birth: str | None
    origin: str | None
    death: str | None
    last_contact: str | None
    events: Mapping[str, str]
    treatments: tuple[str, ...]


def guess_id_column(raw: RawTable) -> str:
    """Return the column that seems to identify the patients: by its name, and with a value of its own in each row.

    >>> from counterpoise.read.frames import raw_from_frame
    >>> guess_id_column(raw_from_frame(pl.DataFrame({"age": [61, 62], "case_no": ["a", "b"]}), "x"))
    'case_no'
    """
    cells = raw.frame.select(raw.names)
    filled = {name: sum(cell.strip() != "" for cell in cells[name]) for name in raw.names}
    distinct = {name: cells[name].n_unique() for name in raw.names}

    def fitness(name: str) -> tuple[bool, int, bool]:
        own = filled[name] == distinct[name] == cells.height
        return own, _score(name, "", _ID), own and not all_read(number, cells[name])

    return max(raw.names, key=fitness)


def guess_roles(table: Table) -> Roles:
    """Propose identifier, dates and treatments of a table from the names, labels and contents of its columns.

    Dates must be of the kind date: the origin is never after the last contact in most rows, a death or an event is
    missing for some patients. Each column has one role. The names of English and Chinese registries are known.
    """
    dates = {name: column for name, column in table.columns.items() if column.kind == "date"}
    death = _best(dates, _DEATH)
    last = _best(_without(dates, death), _LAST) or _latest(table, _without(dates, death))
    birth = _best(_without(dates, death, last), _BIRTH)
    events: dict[str, str] = {}
    for site, patterns in _EVENTS.items():
        found = _best(_without(dates, death, last, birth, *events.values()), patterns)
        if found is not None and (site != "recurrence" or not events):
            events[site] = found
    others = _without(dates, death, last, birth, *events.values())
    before = {name: column for name, column in others.items() if last is None or _precedes(table, name, last)}
    origin = _best(before, _ORIGIN) or _earliest(table, before)
    return Roles(table.id_column, birth, origin, death, last, events, _treatments(table))


def _score(name: str, label: str, patterns: Iterable[tuple[str, int]]) -> int:
    """Add the weights of the patterns that a name or its label holds; capitals and underscores part words."""
    words = " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[_.\-]+", " ", text) for text in (name, label)).strip().lower()
    spelled = (name.lower(), words)
    return sum(weight for pattern, weight in patterns if any(re.search(pattern, text) for text in spelled))


def _best(columns: Mapping[str, Column], patterns: Iterable[tuple[str, int]]) -> str | None:
    """Return the first column with the highest positive score."""
    scores = {name: _score(name, column.label, patterns) for name, column in columns.items()}
    best = max(scores, key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] > 0 else None


def _without(columns: Mapping[str, Column], *taken: str | None) -> dict[str, Column]:
    return {name: column for name, column in columns.items() if name not in taken}


def _precedes(table: Table, first: str, second: str) -> bool:
    """Say whether `first` is complete, and on or before `second` in nearly all rows that have both."""
    pairs = table.frame.select(first, second).drop_nulls()
    missing = table.frame[first].null_count()
    return missing <= 0.2 * table.frame.height and (pairs[first] <= pairs[second]).sum() >= 0.95 * pairs.height


def _complete(table: Table, names: Iterable[str]) -> list[str]:
    return [name for name in names if table.frame[name].null_count() <= 0.2 * table.frame.height]


def _middle(table: Table, name: str) -> float:
    days: list[int] = table.frame[name].drop_nulls().to_physical().to_list()
    return median(days) if days else 0.0


def _latest(table: Table, columns: Mapping[str, Column]) -> str | None:
    """Return the column of nearly complete dates that follows the others, which is what last contact does."""
    complete = _complete(table, columns)
    latest = max(complete, key=lambda name: _middle(table, name), default=None)
    return latest if len(complete) > 1 else None


def _earliest(table: Table, columns: Mapping[str, Column]) -> str | None:
    return min(_complete(table, columns), key=lambda name: _middle(table, name), default=None)


def _treatments(table: Table) -> tuple[str, ...]:
    """Rank the columns that tell two groups of at least 5 % apart by name, and then by how even the groups are."""
    scores: dict[str, float] = {}
    for name, column in table.columns.items():
        share = _smaller_share(table.frame[name]) if column.kind in ("flag", "category", "integer") else 0.0
        worth = _score(name, column.label, _TREATMENT)
        if share >= _FEWEST and (worth > 0 or (worth == 0 and column.kind == "flag")):
            scores[name] = worth + share
    return tuple(sorted(scores, key=lambda name: (-scores[name], list(scores).index(name))))


def _smaller_share(series: pl.Series) -> float:
    """Return the share of the rarer of two values, and 0 for a column that has not exactly two."""
    counts: list[int] = series.drop_nulls().value_counts()["count"].to_list()
    return min(counts) / sum(counts) if len(counts) == 2 else 0.0
