"""The list of queries goes to Excel, is worked through there, and comes back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from counterpoise.cli.commands import app
from counterpoise.errors import DataError, InputError
from counterpoise.oncology.answers import COLUMNS, STATUSES, QueryList, read_answers
from counterpoise.report.queries import render_queries, write_queries
from tests.quality.test_dirty_copy import PLAN

HEADINGS = list(COLUMNS.values())


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    for name in ("study.toml", "imn_screened.csv", "published.toml"):
        shutil.copy(PLAN.parent / name, tmp_path / name)
    return tmp_path / "study.toml"


def answer(path: Path, row: int, **cells: str) -> None:
    """Work like a study nurse: fill cells of one row in Excel."""
    book = openpyxl.load_workbook(path)
    for name, text in cells.items():
        book["Queries"].cell(row, HEADINGS.index(COLUMNS[name]) + 1, text)
    book.save(path)


def cell(path: Path, row: int, name: str) -> str:
    return str(openpyxl.load_workbook(path)["Queries"].cell(row, HEADINGS.index(COLUMNS[name]) + 1).value)


def mend(plan: Path, change: Callable[[str], str]) -> None:
    table = plan.parent / "imn_screened.csv"
    table.write_text(change(table.read_text()))


def test_the_workbook_is_one_to_work_with(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    found = write_queries(plan, path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Queries", "How to answer", "Checks"]
    sheet = book["Queries"]
    assert [entry.value for entry in sheet[1]] == HEADINGS
    assert sheet.max_row == 1 + len(found.asked)
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == f"A1:M{sheet.max_row}"
    assert sheet.protection.sheet
    assert sheet.data_validations.dataValidation[0].formula1 == f'"{",".join(STATUSES)}"'
    locked = [sheet.cell(2, column + 1).protection.locked for column in range(len(HEADINGS))]
    assert locked == [name not in ("status", "reason", "by", "day") for name in COLUMNS]
    assert cell(path, 2, "patient") == "SYN0150"
    assert cell(path, 2, "row") == "151"
    assert cell(path, 2, "shown") == "surgery_date = (empty); curative_surgery = 0; imnd = 1"
    assert {str(row[3].value) for row in book["Checks"].iter_rows(min_row=2, max_row=len(found.quality.run))} == {
        "yes",
        "no",
    }
    assert render_queries(found) == path.read_bytes()


def test_answers_close_queries_and_are_kept(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    write_queries(plan, path)
    answer(path, 2, status="Confirmed", reason="planned, not done", by="AB", day="2023-07-01")
    again = write_queries(plan, path)
    assert len(again.open) == len(again.asked) - 1
    assert [(cell(path, 2, name)) for name in ("status", "reason", "by", "day")] == [
        *("confirmed", "planned, not done", "AB", "2023-07-01")
    ]
    assert again.remarks == ()


def test_answers_are_named_in_the_plan(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    write_queries(plan, path)
    answer(path, 3, status="resolved", reason="seen 2023-05-02")
    path.rename(plan.parent / "done.xlsx")
    plan.write_text(plan.read_text().replace("[records]\n", '[quality]\nanswers = "done.xlsx"\n\n[records]\n', 1))
    assert len(write_queries(plan, path).open) == 12
    assert cell(path, 3, "status") == "resolved"


def remarks(found: QueryList) -> list[str]:
    return [str(remark) for remark in found.remarks]


def test_an_answer_without_a_reason_leaves_the_query_open(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    first = write_queries(plan, path)
    answer(path, 2, status="resolved")
    found = write_queries(plan, path)
    assert len(found.open) == len(first.open)
    query = found.asked[0].query.id
    assert remarks(found) == [
        f"queries.xlsx, row 2: query {query} of patient SYN0150 is resolved without a reason, and stays open; "
        "give the reason"
    ]


def test_an_unknown_query_and_an_unknown_status_are_told(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    write_queries(plan, path)
    answer(path, 2, id="E29-0000000000", status="resolved", reason="done")
    answer(path, 3, status="closd", reason="done")
    found = write_queries(plan, path)
    assert len(found.open) == len(found.asked)
    assert remarks(found) == [
        "queries.xlsx, row 3: `closd` is no status, and the query stays open; write open, resolved, confirmed",
        "queries.xlsx, row 2: `E29-0000000000` is no query about these values of patient SYN0150; leave the columns "
        "before the status as they are, or write the list again",
    ]


def test_a_changed_value_opens_the_query_again(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    first = write_queries(plan, path)
    row = 2 + [item.query.patient for item in first.asked].index("SYN0001")
    answer(path, row, status="confirmed", reason="60 Gy to the chest wall")
    mend(plan, lambda text: text.replace(",60.0,30,0,", ",61.0,30,0,", 1))
    found = write_queries(plan, path)
    assert len(found.open) == len(first.open)
    assert len(found.remarks) == 1
    assert (
        "have changed since it was answered (rt_dose_gy = 60.0; imn_boost = 0; now rt_dose_gy = 61.0"
        in remarks(found)[0]
    )


def test_a_mended_entry_keeps_its_answer(plan: Path) -> None:
    path = plan.parent / "queries.xlsx"
    first = write_queries(plan, path)
    row = 2 + [item.query.patient for item in first.asked].index("SYN0001")
    answer(path, row, status="resolved", reason="50 Gy, mended")
    mend(plan, lambda text: text.replace(",60.0,30,0,", ",50.0,25,0,", 1))
    found = write_queries(plan, path)
    assert len(found.asked) == len(first.asked) - 1
    assert [(past.patient, past.reason) for past in found.past] == [("SYN0001", "50 Gy, mended")]
    assert remarks(found) == []
    assert [past.reason for past in write_queries(plan, path).past] == ["50 Gy, mended"]


def test_errors_that_stop_the_study_do_not_stop_the_list(plan: Path) -> None:
    mend(
        plan,
        lambda text: text.replace("1988-02-17", "1988-02-30", 1).replace(
            "PET-CT,3,0,0,1,,80", "PET-CT,3,0,0,1,,800", 1
        ),
    )
    # One cell cannot be read; the other is beyond its maximum, and no percentage either.
    result = CliRunner().invoke(app, ["queries", str(plan), "--output", str(plan.parent / "list.xlsx")])
    assert result.exit_code == 0
    assert "16 open (4 errors) about 11 patients" in result.output
    found = {answer.texts["what"] for answer in read_answers(plan.parent / "list.xlsx").answers}
    assert "`800` in column ki67_pct is above the maximum 100." in found


def test_what_is_no_list_is_refused(plan: Path) -> None:
    path = plan.parent / "other.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(DataError, match="it has no sheet `Queries`"):
        write_queries(plan, path)
    with pytest.raises(InputError, match=r"must end in \.xlsx"):
        write_queries(plan, plan.parent / "queries.csv")
    with pytest.raises(DataError, match="no column `Query`, so it is no list of queries"):
        read_answers(plan.parent / "imn_screened.csv")
