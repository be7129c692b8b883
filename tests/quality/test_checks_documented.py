"""The guide lists every check as it is."""

from pathlib import Path

from counterpoise.oncology.quality_check import CHECKS, Check

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "data-quality.md"


def row(name: str, check: Check) -> str:
    where = f"`{check.when}`" if check.when else check.detector.replace("_", " ")
    return f"| {name} | {check.severity} | {check.title} | {where} | {check.source} |"


def test_the_guide_lists_every_check_and_no_other() -> None:
    lines = GUIDE.read_text(encoding="utf-8").partition("## The checks")[2].splitlines()
    assert [line for line in lines if line.startswith("| ")][1:] == [row(*item) for item in CHECKS.items()]
