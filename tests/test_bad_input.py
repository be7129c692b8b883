"""What a user does wrong, through the command line: a sentence that says what and where, status 2, nothing written."""

import csv
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from counterpoise.cli import main

EXAMPLE = Path(str(files("counterpoise"))) / "examples" / "imn"
Rows = list[list[str]]
Edit = Callable[[str, Rows], tuple[str, Rows]]


def replaced(old: str, new: str) -> Edit:
    def edit(plan: str, rows: Rows) -> tuple[str, Rows]:
        assert old in plan
        return plan.replace(old, new), rows

    return edit


def cells(column: str, values: Mapping[str, str] | str) -> Edit:
    """Set a column: for the patients named, or for all of them."""

    def edit(plan: str, rows: Rows) -> tuple[str, Rows]:
        place = rows[0].index(column)
        for row in rows[1:]:
            if isinstance(values, str):
                row[place] = values
            elif row[0] in values:
                row[place] = values[row[0]]
        return plan, rows

    return edit


def without_events(plan: str, rows: Rows) -> tuple[str, Rows]:
    for column in ("death_date", "cause_of_death"):
        cells(column, "")(plan, rows)
    plan = re.sub(r"\[\[definitions\]\]\n(?:[^\[\n].*\n|\n)*", "", plan)
    return plan.replace("dfs = {", "# dfs = {").replace("lrrfs = {", "# lrrfs = {").replace(
        "dmfs = {", "# dmfs = {"
    ), rows


def separated(plan: str, rows: Rows) -> tuple[str, Rows]:
    """Add a covariate that is the treatment under another name."""
    boost = rows[0].index("imn_boost")
    rows[0].append("machine")
    for row in rows[1:]:
        row.append("A" if row[boost] == "1" else "B")
    return plan.replace('"imrt"]', '"imrt", "machine"]'), rows


def doubled(plan: str, rows: Rows) -> tuple[str, Rows]:
    return plan, [*rows, list(rows[1]), list(rows[2])]


def with_times(plan: str, rows: Rows) -> tuple[str, Rows]:
    rows[0] += ["months", "died"]
    for number, row in enumerate(rows[1:]):
        row += ["-3" if number == 4 else "12", "1"]
    old = 'os = { rule = "overall_survival" }'
    return plan.replace(old, 'os = { time = "months", event = "died", unit = "months" }'), rows


CASES: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "missing column": (
        replaced('column = "imn_boost"', 'column = "imn_bost"'),
        ("imn_bost", "did you mean `imn_boost`"),
    ),
    "missing declared column": (replaced("birth_date = {", "birth_dat = {"), ("birth_dat", "`birth_date`")),
    "unknown plan key": (
        replaced("stabilised = false", "stabilized = false"),
        ("stabilized", "did you mean `stabilised`"),
    ),
    "unknown section": (replaced("[bootstrap]", "[bootstap]"), ("bootstap", "did you mean `bootstrap`")),
    "event before origin": (cells("death_date", {"SYN0001": "2010-01-01"}), ("SYN0001", "death_date", "2010-01-01")),
    "unreadable date": (cells("dx_date", {"SYN0002": "31/12/2018"}), ("row 3", "dx_date", "31/12/2018")),
    "unreadable number": (cells("er_pct", {"SYN0004": "high"}), ("row 5", "er_pct", "high")),
    "unknown level": (cells("cT", {"SYN0004": "T9"}), ("row 5", "cT", "T9")),
    "negative time": (with_times, ("months", "-3")),
    "one arm empty": (cells("imn_boost", "0"), ("'Boost' empty",)),
    "no events": (without_events, ("endpoints.os", "no event")),
    "constant covariate": (replaced('"imrt"]', '"imrt", "alnd"]'), ("balance.covariates", "`alnd`", "one value")),
    "separated score": (separated, ("machine", "separated")),
    "duplicated ids": (doubled, ("patient_id", "SYN0001", "SYN0002")),
    "treatment that is no flag": (replaced('column = "imn_boost"', 'column = "cT"'), ("treatment.column", "category")),
    "rule with an unknown column": (replaced("bilateral == 1", "bilaterl == 1"), ("bilaterl", "bilateral")),
    "rule that cannot be read": (replaced("bilateral == 1", "bilateral === 1"), ("Bilateral breast cancer",)),
}


def write_study(folder: Path, edit: Edit) -> Path:
    with (EXAMPLE / "imn_screened.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    plan = (EXAMPLE / "study.toml").read_text().replace("replicates = 1000", "replicates = 20")
    plan, rows = edit(plan, rows)
    with (folder / "imn_screened.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "published.toml").write_text((EXAMPLE / "published.toml").read_text())
    (folder / "study.toml").write_text(plan)
    return folder / "study.toml"


def fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(said.split())


@pytest.mark.parametrize("case", CASES)
def test_run_says_what_and_where_and_writes_nothing(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, words = CASES[case]
    plan = write_study(tmp_path, edit)
    before = sorted(path.name for path in tmp_path.iterdir())
    said = fails(["run", str(plan), "--out", str(tmp_path / "report")], capsys)
    for word in words:
        assert word in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("case", CASES)
def test_check_finds_the_same(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit, words = CASES[case]
    said = fails(["check", str(write_study(tmp_path, edit))], capsys)
    assert all(word in said for word in words)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + bytes(range(256)) * 8, "not"),
        (b"patient_id,age\n", "no"),
    ],
    ids=["empty file", "binary file named .csv", "header only"],
)
def test_file_that_is_no_table(content: bytes, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = write_study(tmp_path, lambda text, rows: (text, rows))
    (tmp_path / "imn_screened.csv").write_bytes(content)
    said = fails(["run", str(plan), "--out", str(tmp_path / "report")], capsys)
    assert "imn_screened.csv" in said
    assert word in said
    assert not (tmp_path / "report").exists()


def test_all_problems_of_a_table_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def edit(plan: str, rows: Rows) -> tuple[str, Rows]:
        for column, values in (
            ("er_pct", {"SYN0004": "high"}),
            ("dx_date", {"SYN0009": "soon"}),
            ("cT", {"SYN0007": "T7"}),
        ):
            cells(column, values)(plan, rows)
        return plan, rows

    said = fails(["check", str(write_study(tmp_path, edit))], capsys)
    assert all(word in said for word in ("high", "soon", "T7"))


def test_missing_plan_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(["run", str(tmp_path / "nothing.toml")], capsys)
    assert "nothing.toml" in said
    assert "does not exist" in said
