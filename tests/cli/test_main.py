"""The command line, with the stages below it replaced by records of what they were asked."""

import io
import json
import os
import re
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from counterpoise.cli import main, screen
from counterpoise.errors import DataError, InputError, PlanError, Problem
from counterpoise.report import write

Said = tuple[int, str, str]
Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return call


def a_finding(severity: str, title: str) -> SimpleNamespace:
    return SimpleNamespace(severity=severity, title=title, text="")


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the study and the report, and keep what they were given."""
    asked = SimpleNamespace(plan=None, folder=None, formats=None, findings=(), problems=(), fault=None, unprintable="")

    def run(plan: Path, *, progress: Callable[[str, float], None]) -> SimpleNamespace:
        asked.plan = plan
        progress("Reading the table", 0.0)
        progress("Estimating", 0.5)
        progress("Estimating", 1.0)
        if asked.fault is not None:
            raise asked.fault
        return SimpleNamespace(findings=asked.findings)

    def write_report(study: Any, folder: Path, *, formats: Any, progress: Any) -> Path:
        asked.folder, asked.formats = folder, formats
        progress("Drawing", 1.0)
        return folder

    study, report = ModuleType("counterpoise.study"), ModuleType("counterpoise.report")
    study.__dict__.update(run=run, check=lambda plan: asked.problems)
    report.__dict__.update(write_report=write_report, characters_without_font=lambda study: asked.unprintable)
    monkeypatch.setitem(sys.modules, "counterpoise.study", study)
    monkeypatch.setitem(sys.modules, "counterpoise.report.write", write)
    monkeypatch.setitem(sys.modules, "counterpoise.report", report)
    return asked


def test_help_names_every_command(call: Call) -> None:
    status, out, _ = call("--help")
    assert status == 0
    for command in ("demo", "init", "check", "run", "schema"):
        assert re.search(rf"│ {command} ", out), command


@pytest.mark.parametrize("command", ["demo", "init", "check", "run", "schema"])
def test_help_of_a_command_ends_with_an_example_and_fits_80_columns(call: Call, command: str) -> None:
    status, out, _ = call(command, "--help")
    assert status == 0
    assert f"counterpoise {command}" in out.split("╯")[-1]
    assert max(len(line) for line in out.splitlines()) <= 80


def test_version_is_that_of_the_package(call: Call) -> None:
    status, out, _ = call("--version")
    assert (status, bool(re.fullmatch(r"counterpoise \d+\.\d+\.\d+\n", out))) == (0, True)


def test_run_writes_beside_the_plan_name_and_says_where(call: Call, stages: SimpleNamespace) -> None:
    status, out, err = call("run", "study.toml")
    assert status == 0
    assert (stages.plan, stages.folder) == (Path("study.toml"), Path("study-report"))
    assert stages.formats == ("html", "docx", "pdf", "xlsx")
    assert out == "Report: study-report/report.html\n"
    assert err == "Reading the table\nEstimating\nDrawing\n"


def test_demo_runs_the_plan_that_ships_with_the_package(call: Call, stages: SimpleNamespace) -> None:
    assert call("demo", "--out", "there", "--quiet") == (0, "", "")
    assert stages.plan.parts[-3:] == ("examples", "imn", "study.toml")
    assert stages.plan.is_file()
    assert stages.folder == Path("there")


def test_the_help_of_demo_counts_its_patients(call: Call) -> None:
    table = Path(str(resources.files("counterpoise") / "examples" / "imn" / "imn_screened.csv"))
    patients = len(table.read_text().splitlines()) - 1
    assert f"{patients} synthetic patients" in call("demo", "--help")[1]


def test_formats_are_passed_on_and_without_a_page_the_folder_is_named(call: Call, stages: SimpleNamespace) -> None:
    _, out, _ = call("run", "study.toml", "--formats", "docx, PDF", "--out", "there")
    assert stages.formats == ("docx", "pdf")
    assert out == "Report: there\n"


@pytest.mark.parametrize("formats", ["html,doc", ""])
def test_an_unknown_format_is_refused_before_anything_runs(call: Call, stages: SimpleNamespace, formats: str) -> None:
    status, _, err = call("run", "study.toml", "--formats", formats)
    assert status == 2
    assert "choose from html, docx" in err
    assert stages.plan is None


def test_the_five_gravest_findings_close_a_run(call: Call, stages: SimpleNamespace) -> None:
    stages.findings = (
        a_finding("serious", "Two variances of the weighted hazard ratio lead to different conclusions " * 2),
        *(a_finding("caution", f"Caution {number}") for number in range(3)),
        *(a_finding("note", f"Note {number}") for number in range(4)),
    )
    _, out, _ = call("run", "study.toml")
    lines = out.splitlines()
    assert lines[2] == "8 findings: 1 serious, 3 caution, 4 note. Read these first:"
    assert lines[3].startswith("  serious  Two variances")
    assert lines[4].startswith(" " * 11)
    assert [line for line in lines if line.startswith("  note")] == ["  note     Note 0"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("no_colour", "said"), [("", "\x1b[31mError: \x1b[0mno"), ("1", "Error: no")])
def test_an_error_is_red_unless_colours_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch, no_colour: str, said: str
) -> None:
    written: list[str] = []
    monkeypatch.setattr(screen.typer, "echo", lambda text, err: written.append(text))
    monkeypatch.setenv("NO_COLOR", no_colour)
    screen.show_error(InputError("no"))
    assert written == [said]


def test_the_environment_does_not_choose_the_threads(
    call: Call, stages: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    call("run", "study.toml", "--quiet")
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_characters_without_a_font_are_named(call: Call, stages: SimpleNamespace) -> None:
    stages.unprintable = "内乳"
    _, _, err = call("run", "study.toml", "--quiet")
    assert " ".join(err.split()).startswith("Note: no font on this machine has 内乳; they are boxes in the PDF")


def test_one_problem_is_one_sentence(call: Call, stages: SimpleNamespace) -> None:
    stages.fault = InputError("`time` must be finite; 1 of 9 is not (first at index 3).")
    status, out, err = call("run", "study.toml", "--quiet")
    assert (status, out) == (2, "")
    assert err == "Error: `time` must be finite; 1 of 9 is not (first at index 3).\n"


@pytest.mark.parametrize(
    ("error", "lead"),
    [(PlanError, "Error: the plan has 12 problems:"), (DataError, "Error: the patient table has 12 problems:")],
)
def test_several_problems_are_counted_and_numbered(
    call: Call, stages: SimpleNamespace, error: type[PlanError], lead: str
) -> None:
    stages.fault = error([Problem("study.toml: cox.covariates", f"names no `x{i}`", "mend it") for i in range(12)])
    status, _, err = call("run", "study.toml", "--quiet")
    assert status == 2
    lines = err.splitlines()
    assert lines[0] == lead
    assert lines[1] == "   1. study.toml: cox.covariates: names no `x0`; mend it"
    assert lines[12] == "  12. study.toml: cox.covariates: names no `x11`; mend it"


def test_a_long_problem_hangs_below_its_number(call: Call, stages: SimpleNamespace) -> None:
    stages.fault = PlanError([Problem("plan", "word " * 40), Problem("plan", "short")])
    _, _, err = call("run", "study.toml", "--quiet")
    assert err.splitlines()[2].startswith("     word")
    assert max(map(len, err.splitlines())) <= 80


def test_check_leaves_with_2_and_every_problem(call: Call, stages: SimpleNamespace) -> None:
    stages.problems = (Problem("study.toml: a", "is wrong"), Problem("patients.csv: row 3", "is wrong"))
    status, out, err = call("check", "study.toml")
    assert (status, out) == (2, "")
    assert "has 2 problems" in err
    assert "2. patients.csv: row 3: is wrong" in err


def test_check_says_so_when_there_is_none(call: Call, stages: SimpleNamespace) -> None:
    assert call("check", "study.toml") == (0, "No problem found in study.toml and its data.\n", "")


def test_a_fault_of_the_program_is_one_sentence_and_a_hint(
    call: Call, stages: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERPOISE_DEBUG", raising=False)
    stages.fault = ZeroDivisionError("division by zero")
    status, _, err = call("run", "study.toml", "--quiet")
    assert status == 1
    assert "ZeroDivisionError: division by zero" in " ".join(err.split())
    assert "COUNTERPOISE_DEBUG=1" in err
    assert "Traceback" not in err


def test_with_debugging_a_fault_keeps_its_traceback(stages: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOISE_DEBUG", "1")
    stages.fault = ZeroDivisionError("division by zero")
    with pytest.raises(ZeroDivisionError):
        main(["run", "study.toml", "--quiet"])


def test_a_file_that_the_system_refuses_is_no_fault_of_the_program(call: Call, stages: SimpleNamespace) -> None:
    stages.fault = PermissionError(13, "Permission denied", "patients.csv")
    status, _, err = call("run", "study.toml", "--quiet")
    assert (status, err) == (2, "Error: `patients.csv`: Permission denied.\n")


def test_control_c_leaves_with_130(call: Call, stages: SimpleNamespace) -> None:
    stages.fault = KeyboardInterrupt()
    status, _, err = call("run", "study.toml", "--quiet")
    assert (status, err) == (130, "Stopped; no report was written.\n")


def test_a_screen_without_the_letters_shows_question_marks(
    stages: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    stages.findings = (a_finding("note", "病历 – Übersicht"),)
    with pytest.raises(SystemExit) as left:
        main(["run", "study.toml"])
    sys.stdout.flush()
    assert left.value.code == 0
    assert "note     ?? – Übersicht" in written.getvalue().decode("cp1252")


def test_schema_prints_json(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ModuleType("counterpoise.plan")
    plan.__dict__.update(plan_schema=lambda: {"title": "Plän"})
    monkeypatch.setitem(sys.modules, "counterpoise.plan", plan)
    status, out, _ = call("schema")
    assert (status, json.loads(out)) == (0, {"title": "Plän"})


def test_a_watched_run_shows_a_bar(call: Call, stages: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, out, err = call("run", "study.toml")
    assert status == 0
    assert "Report: study-report/report.html" in out
    assert not err.startswith("Reading the table\nEstimating\n")
