import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from counterpoise.errors import PlanError
from counterpoise.plan import read_plan
from counterpoise.report import assemble, collect_numbers
from counterpoise.report.build import report_files
from counterpoise.report.content.definitions import defined
from counterpoise.report.document import Paragraph, Table, labels, plain
from counterpoise.study import Study, check, run

PLAN = """
[study]
title = "Boost"
[data]
file = "patients.csv"
id = "id"
[rules]
receptors = "receptors.toml"
endpoints = "endpoints.toml"
[derive]
old = { value = "age >= 50", label = "Old" }
her2 = { rule = "her2_status", edition = "Own 2026", ihc = "ihc" }
hormones = { rule = "hormone_receptor_status", er = "er", pr = "er", label = "Hormones" }
[treatment]
column = "boost"
[follow_up]
origin = "dx"
death = "death"
last_contact = "last"
[endpoints]
os = { rule = "overall_survival" }
seen = { time = "days", event = "dead", unit = "days", label = "Seen" }
alive = { rule = "alive" }
[toxicity]
scale = "RTOG/EORTC"
edition = "1995"
acute = { skin = "Skin" }
"""
RECEPTORS = '[her2_status]\nlike = "her2_status"\nedition = "Own 2026"\nverified = "by the laboratory"\n'
ENDPOINTS = """
[alive]
like = "overall_survival"
label = "Alive"
short = "A"
edition = "1st"
source = "the clinic"
"""


def patients() -> pl.DataFrame:
    rows = range(40)
    return pl.DataFrame(
        {
            "id": [f"p{i}" for i in rows],
            "age": [40 + i % 20 for i in rows],
            "ihc": [("0", "1+", "3+")[i % 3] for i in rows],
            "er": [(i * 7) % 100 for i in rows],
            "boost": [i % 2 for i in rows],
            "dx": ["2015-01-01" for _ in rows],
            "death": [f"2016-{1 + i % 12:02}-15" if i % 3 == 0 else None for i in rows],
            "last": [f"2018-{1 + i % 12:02}-15" for i in rows],
            "days": [100 + i for i in rows],
            "dead": [int(i % 3 == 0) for i in rows],
            "skin": [i % 3 for i in rows],
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "receptors.toml").write_text(RECEPTORS, encoding="utf-8")
    (folder / "endpoints.toml").write_text(ENDPOINTS, encoding="utf-8")
    (folder / "study.toml").write_text(PLAN, encoding="utf-8")
    patients().write_csv(folder / "patients.csv")
    return folder


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return run(folder / "study.toml")


def table_of(study: Study) -> tuple[list[list[str]], list[str]]:
    document = assemble(study, collect_numbers(study))
    (table,) = [block for block in document.blocks if isinstance(block, Table) and block.name == "definitions"]
    rows = [[plain(cell.parts, {}) for cell in row.cells] for row in table.rows]
    return rows, [plain(note, {}) for note in table.notes]


def test_each_definition_stands_with_its_rule_edition_and_source(study: Study) -> None:
    rows, notes = table_of(study)
    by_label = {row[0]: row[1:] for row in rows if len(row) > 1}
    assert [row[0] for row in rows if len(row) == 1] == ["Variables", "Endpoints", "Toxicity"]
    assert by_label["Old"] == ["Old was derived as `age >= 50`.", "–", "–"]
    assert by_label["HER2 status"][1:] == ["her2 status, Own 2026b", "Wolff AC et al., J Clin Oncol 2018;36:2105-2122"]
    assert by_label["Alive"][1:] == ["alive, 1sta,c", "the clinic"]
    assert by_label["Alive"][0].startswith("Alive was the time from dx to death")
    assert by_label["Overall survival"][1].startswith("overall survival, ")
    assert by_label["Seen"][1:] == ["–", "–"]
    assert by_label["Grades"][0] == "Toxicity was graded by RTOG/EORTC."
    assert notes == [
        "A dash: defined by the plan of this study alone.",
        "aThe rule, or a part of it, was not checked against its source.",
        "bAs changed by, or taken from, receptors.toml, a file of this study.",
        "cAs changed by, or taken from, endpoints.toml, a file of this study.",
    ]


def test_a_mark_stands_only_where_a_rule_was_not_checked(study: Study) -> None:
    for lines in defined(study).values():
        for line in lines:
            (row,) = [row for row in table_of(study)[0] if row[0] == line.label]
            marks = row[2].removeprefix(f"{line.rule.replace('_', ' ')}, {line.edition}") if line.rule else ""
            assert ("a" in marks.split(",")) == bool(line.rule and not line.verified), line


def test_the_methods_say_which_rules_are_the_studys_own(study: Study) -> None:
    document = assemble(study, collect_numbers(study))
    label = labels(document)
    words = " ".join(plain(block.parts, label) for block in document.blocks if isinstance(block, Paragraph))
    assert "in the set “receptors”, the study's own file receptors.toml replaced her2 status." in words
    assert "in the set “endpoints”, the study's own file endpoints.toml added alive." in words


def test_the_manifest_holds_the_checksum_of_each_rule_file(study: Study) -> None:
    manifest = json.loads(report_files(study, formats=())["manifest.json"])
    assert manifest["rules"] == [
        {
            "rule_set": "receptors",
            "file": "receptors.toml",
            "sha256": hashlib.sha256(RECEPTORS.encode()).hexdigest(),
            "replaced": ["her2_status"],
            "added": [],
        },
        {
            "rule_set": "endpoints",
            "file": "endpoints.toml",
            "sha256": hashlib.sha256(ENDPOINTS.encode()).hexdigest(),
            "replaced": [],
            "added": ["alive"],
        },
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('edition = "Own 2026"', 'edition = "ASCO/CAP 2018"'), "derive.her2: rule `her2_status` has no edition"),
        (('edition = "1995"', 'edition = "2001"'), "toxicity.scale: scale `RTOG/EORTC` has no edition `2001`; "),
        (('rule = "alive"', 'rule = "alife"'), "endpoints.alive.rule: there is no rule `alife`; did you mean `alive`?"),
        (('"endpoints.toml"', '"none.toml"'), "plan: rules.endpoints: there is no file `none.toml`; its path starts"),
    ],
)
def test_a_rule_or_edition_that_is_not_there_is_one_sentence(
    folder: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in PLAN
    (folder / "other.toml").write_text(PLAN.replace(*change), encoding="utf-8")
    found = [str(problem) for problem in check(folder / "other.toml")] or _run_fault(folder / "other.toml")
    assert [problem for problem in found if problem.startswith(message)], found


def _run_fault(plan: Path) -> list[str]:
    with pytest.raises(PlanError) as raised:
        run(plan)
    return str(raised.value).splitlines()


def test_an_edition_belongs_to_a_rule() -> None:
    for change in (
        ('{ value = "age >= 50",', '{ value = "age >= 50", edition = "x",'),
        ('unit = "days"', 'edition = "x"'),
    ):
        with pytest.raises(PlanError, match="edition"):
            read_plan(PLAN.replace(*change))
