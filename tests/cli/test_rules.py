import re
import tomllib
from pathlib import Path

import polars as pl
import pytest

from counterpoise.cli import main
from counterpoise.oncology.rule_sets import RULE_SETS, SHIPPED, load_rule_sets
from counterpoise.oncology.rule_tables import rules_text
from counterpoise.read.codebook import Column

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "rules.md"
KNOWN = {"er": Column(kind="number"), "pr": Column(kind="number")}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_every_rule_is_listed_with_its_edition(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "rules")
    lines = out.splitlines()
    assert status == 0
    assert [line for line in lines if not line.startswith(" ")] == list(RULE_SETS)
    for editions in SHIPPED.sets.values():
        for rule, texts in editions.items():
            for edition, text in texts.items():
                (line,) = [line for line in lines if line.startswith(f"  {rule}: {edition or text.title} (")]
                assert ("(not verified)" in line) == (not text.verified)


@pytest.mark.parametrize("name", RULE_SETS)
def test_a_rule_set_is_printed_as_it_is_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "rules", name) == (0, rules_text(name), "")


def test_a_saved_rule_set_can_be_used_and_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    assert said(capsys, "rules", "receptors", "--save", str(own))[0] == 0
    made = load_rule_sets({"receptors": "own.toml"}, tmp_path)
    assert set(made.sets["receptors"]) == set(SHIPPED.sets["receptors"])
    status, _, err = said(capsys, "rules", "receptors", "--save", str(own))
    assert status == 2
    assert "exists" in err


def test_what_is_no_rule_set_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "rules", "receptor")
    assert (status, out) == (2, "")
    assert " ".join(err.split()) == "Error: There is no rule set `receptor`; did you mean `receptors`?"
    assert said(capsys, "rules", "--save", "x.toml")[0] == 2


def test_the_example_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    file, section, *_ = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_receptors.toml").write_text(file, encoding="utf-8")
    rule = load_rule_sets(tomllib.loads(section)["rules"], tmp_path).derivation("hormone_receptor_status")
    frame = pl.DataFrame({"er": [9.0, 10.0], "pr": [0.0, 0.0]})
    found = frame.select(x=rule.compile({"er": "er", "pr": "pr"}, KNOWN))["x"].to_list()
    assert found == ["negative", "positive"]


def test_the_example_of_a_check_does_what_it_says(tmp_path: Path) -> None:
    *_, file, section = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_checks.toml").write_text(file, encoding="utf-8")
    checks = load_rule_sets(tomllib.loads(section)["rules"], tmp_path).checks
    assert checks["Q8"].when == "dose < 45 or dose > 66"
    assert checks["Q8"].what == SHIPPED.checks["Q8"].what
    assert list(checks) == [*SHIPPED.checks, "L1"]
