"""A user's checks reach the list of queries, the report and `check`."""

import shutil
from pathlib import Path

import openpyxl
import pytest

from counterpoise.errors import PlanError
from counterpoise.report.queries import write_queries
from counterpoise.study import check, run
from tests.quality.test_dirty_copy import PLAN

OWN = """
[L1]
severity = "query"
title = "Older than our patients"
when = "years(birth, diagnosis) > 60"
what = "Born on {birth}, diagnosed on {diagnosis}."
ask = "Are both dates right?"
source = "ours"
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    for name in ("imn_screened.csv", "published.toml"):
        shutil.copy(PLAN.parent / name, tmp_path / name)
    text = PLAN.read_text(encoding="utf-8")
    (tmp_path / "study.toml").write_text(f"{text}\n[rules]\nquality = 'own.toml'\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    return tmp_path / "study.toml"


def change(plan: Path, *changes: tuple[str, str]) -> None:
    text = plan.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    plan.write_text(text, encoding="utf-8")


def test_the_list_of_queries_holds_them(plan: Path) -> None:
    found = write_queries(plan, plan.parent / "queries.xlsx")
    own = found.quality.of_check("L1")
    assert own
    book = openpyxl.load_workbook(plan.parent / "queries.xlsx")
    rows = [row for row in book["Checks"].iter_rows(values_only=True) if row[0] == "L1"]
    assert [row[:5] for row in rows] == [("L1", "query", "Older than our patients", "yes", len(own))]
    assert "Older than our patients" in {str(row[4]) for row in book["Queries"].iter_rows(values_only=True)}


def test_a_fault_of_the_file_is_one_of_the_plan(plan: Path) -> None:
    (plan.parent / "own.toml").write_text(OWN.replace("birth, diagnosis", "birh, diagnosis"), encoding="utf-8")
    (problem,) = check(plan)
    assert str(problem).startswith("own.toml: L1: when: ")
    with pytest.raises(PlanError):
        write_queries(plan, plan.parent / "queries.xlsx")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('scale = "RTOG/EORTC"', 'scale = "RTOG"', "toxicity.scale: there is no scale `RTOG`"),
        ('scale = "RTOG/EORTC"', 'scale = "RTOG/EORTC"\nedition = "1066"', "has no edition `1066`"),
        ("acute = { acute_skin", 'acute = { dx_date = "Eye", acute_skin', "column `dx_date` must hold grades"),
    ],
)
def test_wrong_toxicity_is_reported_as_run_reports_it(plan: Path, old: str, new: str, says: str) -> None:
    change(plan, (old, new))
    problems = check(plan)
    with pytest.raises(PlanError) as raised:
        run(plan)
    assert problems == raised.value.problems
    assert says in " ".join(map(str, problems))
