"""Checks of the records from a user's own file."""

from pathlib import Path

import polars as pl
import pytest

from counterpoise.errors import PlanError
from counterpoise.oncology.quality import check_records
from counterpoise.oncology.quality_faults import faults
from counterpoise.oncology.records import records
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets, load_rule_sets
from counterpoise.read import table_from_frame

NEW = """
severity = "{severity}"
title = "Mine"
when = '{when}'
what = "{what}"
ask = "Right?"
source = "ours"
"""


def new(when: str, what: str = "So.", severity: str = "query") -> str:
    return NEW.format(when=when, what=what, severity=severity)


def with_file(folder: Path, text: str) -> RuleSets:
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return load_rule_sets({"quality": "own.toml"}, folder)


def said(folder: Path, text: str) -> list[str]:
    with pytest.raises(PlanError) as raised:
        with_file(folder, text)
    return [str(problem) for problem in raised.value.problems]


def raised_by(rules: RuleSets) -> list[tuple[str, str, str, str]]:
    seen = {"id": ["a", "b", "c"], "gy": [42.0, 50.0, 72.0], "boosted": [0, 1, 0]}
    made = records(table_from_frame(pl.DataFrame(seen), id_column="id"), {"dose": "gy", "boost": "boosted"})
    found = check_records(made, checks=rules.checks).queries
    return [(query.check, query.severity, query.patient, query.what) for query in found if query.check in ("Q8", "L1")]


def test_a_table_replaces_limits_and_severity_and_a_new_one_adds_a_check(tmp_path: Path) -> None:
    text = '[Q8]\nlike = "Q8"\nseverity = "error"\nwhen = "dose < 45"\nwhat = "Low: {dose} Gy."\n[L1]'
    rules = with_file(tmp_path, text + new("boost == 1 and dose <= 50", "Boost at {dose} Gy."))
    assert [query[:3] for query in raised_by(SHIPPED)] == [("Q8", "query", "c")]
    assert raised_by(rules) == [
        ("Q8", "error", "a", "Low: 42 Gy."),
        ("L1", "query", "b", "Boost at 50 Gy."),
    ]
    (file,) = rules.files
    assert (file.rule_set, file.replaced, file.added) == ("quality", ("Q8",), ("L1",))
    assert rules.checks["Q8"].verified == ""
    assert rules.checks["Q9"] == SHIPPED.checks["Q9"]


def test_numbers_of_a_detector_can_be_changed(tmp_path: Path) -> None:
    rules = with_file(tmp_path, '[Q35]\nlike = "Q35"\nnumbers = { limit = 4 }\n')
    assert rules.checks["Q35"].numbers == {"limit": 4, "least": 20}


def test_no_shipped_check_has_a_fault() -> None:
    assert [fault for name, check in SHIPPED.checks.items() for fault in faults(name, check)] == []


def test_all_faults_of_the_file_are_said_at_once(tmp_path: Path) -> None:
    text = f"""
[L1]{new("dos > 3")}
[L2]{new('her2_ihc == "2+"')}
[L3]{new("dose >", "Dose {doze}.")}
[L4]{new("dose > 3", "Dose {dose:.1f} {{.", severity="warning")}
[L5]{new("dose > 3", "Dose {dose:.1f}.")}
[l6]{new("dose > 3", "Dose {dose.")}
[Q8]
like = "Q8"
detector = "outliers"
[Q35]
like = "Q35"
numbers = {{ limt = 4 }}
[Q10c]
like = "Q10c"
rule = "breast_nn"
"""
    problems = said(tmp_path, text)
    assert all(problem.startswith("own.toml: ") and "\n" not in problem for problem in problems)
    starts = [
        "own.toml: Q8: must have either `when` or `detector`; see",
        "own.toml: Q10c: rule: there is no shipped staging rule `breast_nn`; did you mean `breast_",
        "own.toml: Q35: numbers: `outliers` has no number `limt`; did you mean `limit`?",
        "own.toml: L1: when: rule `dos > 3`: there is no role `dos` (position 1); did you mean `dose`?",
        "own.toml: L2: when: `her2_ihc` is never `2+`: conditions see its meaning, not its spelling; valid: equivocal",
        "own.toml: L3: when: rule `dose >`: ",
        "own.toml: L3: what: `{doze}` cannot be filled in; did you mean `dose`?",
        "own.toml: L4: severity: must be 'error', 'query' or 'note'; found 'warning'",
        "own.toml: L5: what: `{dose}` must stand alone in its braces; remove its format",
        "own.toml: l6: is no name of a check; write one like `L1`",
        "own.toml: l6: what: has a brace without its partner; write {{ or }} for one in the text",
    ]
    assert [problem[: len(start)] for problem, start in zip(problems, starts, strict=True)] == starts
