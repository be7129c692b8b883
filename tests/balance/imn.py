"""The cohort of the study that ships with the package, made into arrays without the stages before the border."""

import csv
import functools
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

import counterpoise
from counterpoise.kernels.arrays import Bools, Floats

FILE = Path(counterpoise.__file__).parent / "examples" / "imn" / "imn_screened.csv"
DROPPED = ("supraclavicular_met", "bilateral", "distant_met_at_dx", "excisional_biopsy_before_nac", "prior_malignancy")
REQUIRED = ("curative_surgery", "nac_completed", "rt_completed")
TERMS = (
    "age", "postmenopausal", "ct34", "cn3b", "grade3", "hr_pos_her2_pos", "hr_neg_her2_pos", "triple_negative",
    "ki67_high", "lvi", "imn_short_axis_mm", "mastectomy", "pcr", "imnd", "imrt",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """146 patients: identifiers, treatment, the 15 columns of the score, overall survival in days."""

    identifiers: tuple[str, ...]
    treatment: Bools
    x: Floats
    time: Floats
    event: Bools


@functools.cache
def cohort() -> Cohort:
    with FILE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if _is_eligible(row)]
    died = np.array([row["death_date"] != "" for row in rows])
    time = [_days(row["dx_date"], row["death_date"] or row["last_followup_date"]) for row in rows]
    return Cohort(
        identifiers=tuple(row["patient_id"] for row in rows),
        treatment=np.array([row["imn_boost"] == "1" for row in rows]),
        x=np.array([_covariates(row) for row in rows], dtype=float),
        time=np.array(time, dtype=float),
        event=died,
    )


def _is_eligible(row: dict[str, str]) -> bool:
    excluded = any(row[column] == "1" for column in DROPPED) or row["cM"] == "M1"
    return not excluded and all(row[column] == "1" for column in REQUIRED) and row["last_followup_date"] != ""


def _covariates(row: dict[str, str]) -> list[float]:
    hormone = float(row["er_pct"]) >= 1 or float(row["pr_pct"]) >= 1
    her2 = row["her2_ihc"] == "3" or (row["her2_ihc"] == "2" and row["her2_ish"] == "positive")
    return [
        float(_age(row["birth_date"], row["dx_date"])),
        float(row["menopausal"] == "post"),
        float(row["cT"] in ("T3", "T4")),
        float(row["cN"] == "N3b"),
        float(row["grade"] == "3"),
        float(hormone and her2),
        float(not hormone and her2),
        float(not hormone and not her2),
        float(float(row["ki67_pct"]) >= 30),
        float(row["lvi"]),
        float(row["imn_short_axis_mm"]),
        float(row["surgery_type"] == "MRM"),
        float(row["ypT"] in ("ypT0", "ypTis") and row["ypN"] == "ypN0"),
        float(row["imnd"]),
        float(row["rt_technique"] == "IMRT"),
    ]


def _age(birth: str, at: str) -> int:
    born, then = date.fromisoformat(birth), date.fromisoformat(at)
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))


def _days(start: str, end: str) -> int:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days
