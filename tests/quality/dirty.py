"""A dirty copy of the bundled table: errors of many kinds, each planted in one patient by a seeded draw.

`python -m tests.quality.dirty FILE` writes the copy. The patients are those of the bundled table, and as synthetic.
"""

import csv
import datetime as dt
import io
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

SEED = 20250531
Record = dict[str, str]
Plant = Callable[[Record, random.Random], None]
Fits = Callable[[Record], bool]


@dataclass(frozen=True)
class Planted:
    """One planted error: its kind, the patient, and the check that must find it."""

    kind: str
    patient: str
    check: str


def clean_records() -> list[Record]:
    text = (resources.files("counterpoise") / "examples" / "imn" / "imn_screened.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def as_csv(records: list[Record]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def moved(day: str, days: int) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()


def put(**cells: str) -> Plant:
    """Plant fixed texts."""

    def plant(record: Record, draw: random.Random) -> None:
        del draw
        record.update(cells)

    return plant


def shift(column: str, of: str, least: int, most: int) -> Plant:
    """Plant a date some days from another."""

    def plant(record: Record, draw: random.Random) -> None:
        record[column] = moved(record[of], draw.randint(least, most))

    return plant


def recur(column: str, of: str, least: int, most: int, site: Mapping[str, str]) -> Plant:
    """Plant a recurrence some days from another date, with its site, so that only the date is wrong."""

    def plant(record: Record, draw: random.Random) -> None:
        shift(column, of, least, most)(record, draw)
        record.update(site)

    return plant


def swap_day_and_month(column: str) -> Plant:
    def plant(record: Record, draw: random.Random) -> None:
        del draw
        year, month, day = record[column].split("-")
        record[column] = f"{year}-{day}-{month}"

    return plant


def transpose(column: str, at: int) -> Plant:
    """Plant a date with the digit at a place and its neighbour swapped."""

    def plant(record: Record, draw: random.Random) -> None:
        del draw
        text = record[column]
        record[column] = f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"

    return plant


def delayed(record: Record, draw: random.Random) -> None:
    """Plant radiotherapy months after surgery."""
    days = draw.randint(110, 140)
    record["rt_start"], record["rt_end"] = moved(record["rt_start"], days), moved(record["rt_end"], days)


def another_year(column: str, years: int) -> Plant:
    def plant(record: Record, draw: random.Random) -> None:
        del draw
        record[column] = f"{int(record[column][:4]) + years}{record[column][4:]}"

    return plant


def times(column: str, factor: float) -> Plant:
    def plant(record: Record, draw: random.Random) -> None:
        del draw
        record[column] = f"{float(record[column]) * factor:g}"

    return plant


def dies(record: Record) -> bool:
    return bool(record["death_date"])


def lives(record: Record) -> bool:
    """Alive, without any event, and seen long after treatment: nothing but the planted error is odd."""
    events = ("local_recurrence_date", "regional_recurrence_date", "distant_met_date", "death_date")
    return not any(record[name] for name in events) and record["last_followup_date"] > moved(record["rt_end"], 365)


def swappable(column: str, before: str) -> Fits:
    """A date that, swapped, is another real date and lies before one that it should follow."""

    def fits(record: Record) -> bool:
        year, month, day = record[column].split("-")
        return int(day) <= 12 and f"{year}-{day}-{month}" < record[before] and day != month

    return fits


def transposed_too_early(column: str, at: int, before: str) -> Fits:
    def fits(record: Record) -> bool:
        text = record[column]
        changed = f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"
        try:
            return dt.date.fromisoformat(changed) < dt.date.fromisoformat(record[before])
        except ValueError:
            return False

    return fits


def has(**cells: str) -> Fits:
    return lambda record: all(record[name] == value for name, value in cells.items())


CHEST = {"lr_site": "chest wall/breast"}
BONE = {"distant_site": "bone"}
PLANTS: tuple[tuple[str, str, int, Fits, Plant], ...] = (
    ("contact after the cut-off", "E1", 2, lives, put(last_followup_date="2023-07-14")),
    (
        "local recurrence before surgery",
        "E2",
        2,
        lives,
        recur("local_recurrence_date", "surgery_date", -40, -10, CHEST),
    ),
    ("metastasis before surgery", "E2", 1, lives, recur("distant_met_date", "surgery_date", -30, -5, BONE)),
    ("recurrence after death", "E3", 2, dies, recur("local_recurrence_date", "death_date", 5, 90, CHEST)),
    ("last contact is not the death", "E4", 2, dies, shift("last_followup_date", "death_date", 10, 60)),
    ("recurrence after last contact", "E6", 2, lives, recur("distant_met_date", "last_followup_date", 1, 1, BONE)),
    ("chemotherapy before diagnosis", "E9", 2, lives, shift("nac_start", "dx_date", -21, -3)),
    ("last cycle before the first", "E10", 1, lives, shift("nac_end", "nac_start", -30, -8)),
    ("surgery before the end of chemotherapy", "E11", 2, lives, shift("surgery_date", "nac_end", -9, -2)),
    ("radiotherapy before surgery", "E12", 2, lives, shift("rt_start", "surgery_date", -12, -3)),
    ("radiotherapy ends before it begins", "E13", 1, lives, shift("rt_end", "rt_start", -20, -5)),
    ("contact before diagnosis", "E14", 1, lives, shift("last_followup_date", "dx_date", -90, -20)),
    ("operated on after last contact", "E15", 1, lives, shift("last_followup_date", "surgery_date", -20, -2)),
    ("date in the future", "E16", 1, lives, put(last_followup_date="2032-05-12")),
    ("cause of death of the living", "E17", 2, lives, put(cause_of_death="breast cancer")),
    ("zero of the calendar", "E18", 2, lives, put(rt_start="1900-01-01")),
    ("percentage beyond 100", "E19", 1, lives, put(er_pct="900")),
    ("impossible grade", "E20", 1, lives, put(grade="4")),
    ("impossible Miller-Payne grade", "E21", 1, lives, put(mp_grade="6")),
    ("negative number", "E22", 1, lives, put(nac_cycles="-6")),
    ("boost dose without a boost", "E24", 2, has(imn_boost="0", rt_dose_gy="50.0"), put(imn_boost_dose_gy="10")),
    ("nodes without a dissection", "E25", 1, has(imnd="0"), put(imn_removed="3")),
    ("M0 with a metastasis at diagnosis", "E26", 1, lives, put(distant_met_at_dx="1")),
    ("operated on without surgery", "E27", 1, has(imnd="0", curative_surgery="1"), put(surgery_date="")),
    ("radiotherapy not completed, yet ended", "E28", 1, has(imn_boost="0"), put(rt_completed="0")),
    ("man with a menopause", "E32", 1, lives, put(sex="M")),
    ("unreadable number", "E34", 1, lives, put(ki67_pct="3O")),
    ("impossible day", "E34", 1, lives, put(rt_end="2019-02-30")),
    ("recurrence during radiotherapy", "Q1", 1, lives, recur("distant_met_date", "rt_end", -9, -2, BONE)),
    (
        "recurrence on the day of death",
        "Q2",
        1,
        dies,
        recur("regional_recurrence_date", "death_date", 0, 0, {"lr_site": "axilla"}),
    ),
    (
        "death from the cancer without a recurrence",
        "Q3",
        1,
        dies,
        put(
            cause_of_death="breast cancer",
            local_recurrence_date="",
            regional_recurrence_date="",
            lr_site="",
            distant_met_date="",
            distant_site="",
        ),
    ),
    ("never seen after treatment", "Q4", 1, lives, shift("last_followup_date", "rt_end", -1, -1)),
    ("HER2 positive and untreated", "Q6", 2, has(her2_ihc="3"), put(anti_her2="0")),
    ("treated against HER2 that is negative", "Q6b", 1, has(her2_ihc="0"), put(anti_her2="1")),
    ("boost without a dose", "Q7", 2, has(imn_boost="1"), put(imn_boost_dose_gy="", imn_boost_fractions="")),
    ("dose too small", "Q8", 1, lives, put(rt_dose_gy="30", rt_fractions="15")),
    ("Miller-Payne against ypT", "Q9", 2, has(ypT="ypT2"), put(mp_grade="5")),
    ("N category against the nodes", "Q10", 2, has(cN="N3b", supraclavicular_met="0"), put(cN="N3c")),
    ("too young", "Q11", 1, lives, shift("birth_date", "dx_date", -6000, -5000)),
    ("late chemotherapy", "Q12", 1, lives, shift("dx_date", "nac_start", -160, -100)),
    ("cycles against weeks", "Q13", 1, has(nac_cycles="8"), put(nac_cycles="4")),
    ("twelve cycles", "Q14", 1, lives, put(nac_cycles="12")),
    ("late radiotherapy", "Q16", 1, lives, delayed),
    ("long radiotherapy", "Q17", 1, lives, shift("rt_end", "rt_start", 80, 88)),
    (
        "postmenopausal at a young age",
        "Q18",
        1,
        lambda r: r["menopausal"] == "pre" and r["birth_date"] > "1985",
        put(menopausal="post"),
    ),
    ("HER2 2+ without hybridisation", "Q19", 2, has(her2_ihc="2"), put(her2_ish="")),
    ("hybridisation against 3+", "Q19b", 1, has(her2_ihc="3"), put(her2_ish="negative")),
    ("fractions mistyped", "Q20", 1, has(rt_fractions="25"), put(rt_fractions="52")),
    ("dead without a cause", "Q25", 1, dies, put(cause_of_death="")),
    ("site without a date", "Q26", 1, lives, put(lr_site="axilla")),
    ("metastasis without a site", "Q26d", 1, lambda r: bool(r["distant_met_date"]), put(distant_site="")),
    ("dissection without nodes", "Q27", 1, has(imnd="1"), put(imn_removed="")),
    ("no pathology after surgery", "Q29", 1, has(curative_surgery="1"), put(ypT="", mp_grade="")),
    ("pneumonitis without a date", "Q31", 1, has(pneumonitis="0"), put(pneumonitis="1")),
    (
        "lost for years",
        "Q32",
        1,
        lambda r: lives(r) and r["dx_date"] < "2016",
        shift("last_followup_date", "rt_end", 400, 500),
    ),
    ("fraction for a percentage", "Q33", 1, has(er_pct="80"), put(er_pct="0.8")),
    ("size in cm", "Q34", 2, lambda r: float(r["imn_short_axis_mm"]) < 25, times("imn_short_axis_mm", 0.1)),
    ("dose in cGy", "Q34", 2, has(rt_dose_gy="50.0"), times("rt_dose_gy", 100)),
    ("decimal point lost", "Q35", 1, lambda r: float(r["imn_short_axis_mm"]) > 9, times("imn_short_axis_mm", 10)),
    ("999 for not known", "Q36", 1, lives, put(imn_short_axis_mm="999")),
    ("code in another case", "Q37", 2, has(menopausal="post"), put(menopausal="Post")),
    ("code that nobody knows", "Q38", 1, lives, put(cT="T5")),
    ("day and month swapped", "Q39", 2, swappable("rt_start", "surgery_date"), swap_day_and_month("rt_start")),
    ("digits transposed", "Q40", 2, transposed_too_early("surgery_date", 5, "nac_end"), transpose("surgery_date", 5)),
    ("year mistyped", "Q41", 2, lives, another_year("surgery_date", -1)),
    ("year of the century mistyped", "Q41", 1, lives, another_year("birth_date", 100)),
)


def dirty_copy(seed: int = SEED) -> tuple[list[Record], tuple[Planted, ...]]:
    """Return the records with the errors in them, one error a patient, and what was planted where."""
    draw = random.Random(seed)
    records = clean_records()
    free = [record for record in records if is_plain(record)]
    planted: list[Planted] = []
    for kind, check, count, fits, plant in sorted(PLANTS, key=lambda item: sum(map(item[3], free))):
        for _ in range(count):
            record = draw.choice([candidate for candidate in free if fits(candidate)])
            free.remove(record)
            plant(record, draw)
            planted.append(Planted(kind, record["patient_id"], check))
    for kind, check, copy in (
        ("record twice", "E33", duplicate),
        ("patient under two names", "Q5", retyped),
        ("nearly the same record", "Q5b", nearly),
        ("identifier mistyped", "Q5c", misnamed),
    ):
        record = draw.choice(free)
        free.remove(record)
        copied = copy(record)
        records.append(copied)
        planted += [Planted(kind, one["patient_id"], check) for one in (record, copied)]
    record, other = draw.sample(free, 2)
    other["patient_id"] = record["patient_id"]
    planted.append(Planted("identifier twice", record["patient_id"], "E34"))
    return records, tuple(planted)


def is_plain(record: Record) -> bool:
    """Whether a record is complete and raises no query of its own."""
    complete = all(record[name] for name in ("surgery_date", "rt_start", "rt_end", "last_followup_date", "ypT"))
    return complete and record["cM"] == "M0" and not (record["imn_boost"] == "0" and float(record["rt_dose_gy"]) >= 60)


def duplicate(record: Record) -> Record:
    return {**record, "patient_id": "SYN0901"}


def retyped(record: Record) -> Record:
    """Another course of treatment under another name: only birth and diagnosis agree."""
    shifted = {name: moved(record[name], 9) for name in ("nac_start", "nac_end", "surgery_date", "rt_start", "rt_end")}
    return {
        **record,
        **shifted,
        "patient_id": "SYN0902",
        "last_followup_date": moved(record["last_followup_date"], -11),
    }


def nearly(record: Record) -> Record:
    return {**record, "patient_id": "SYN0903", "birth_date": moved(record["birth_date"], 1), "ki67_pct": "45"}


def misnamed(record: Record) -> Record:
    name = f"{record['patient_id'].lower()[:3]}-{record['patient_id'][3:].lstrip('0')}"
    return {**retyped(record), "patient_id": name, "birth_date": moved(record["birth_date"], 40)}


if __name__ == "__main__":
    made, errors = dirty_copy()
    Path(sys.argv[1]).write_text(as_csv(made), encoding="utf-8")
    print("\n".join(f"{error.patient}  {error.check:5} {error.kind}" for error in errors))  # noqa: T201 - its output
