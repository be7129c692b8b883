from pathlib import Path

import pytest

from counterpoise.errors import PlanError
from counterpoise.plan import load_published
from tests.plan.plans import BUNDLED

ROW = '[[sections]]\ntitle = "Events"\n[[sections.rows]]\nlabel = "Deaths"\npublished = "30"\ncohort = "{os.n:count}"\n'


def problems(path: Path) -> list[str]:
    with pytest.raises(PlanError) as caught:
        load_published(path)
    return [str(problem) for problem in caught.value.problems]


def test_the_bundled_file_is_read_in_its_order() -> None:
    sections = load_published(BUNDLED.parent / "published.toml")
    assert sections[0].title == "Patients and events"
    assert sections[0].rows[0].published == "146 / 36 / 79"
    assert sections[-1].title == "Toxicity"


def test_a_remark_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text(ROW)
    assert load_published(path)[0].rows[0].note == ""


def test_a_missing_file_is_a_problem_of_the_plan(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.toml") == ["plan: published.file: there is no file `none.toml`; check the path"]


@pytest.mark.parametrize("content", [b"[[sections", b"\xff\xfe"])
def test_a_file_that_is_no_toml_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "published.toml"
    path.write_bytes(content)
    (found,) = problems(path)
    assert found.startswith("published.toml: is not valid TOML: ")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("label", "lable", ["sections 1.rows 1: `label` is missing; add it", "sections 1.rows 1: unknown key `lable`"]),
        ('"30"', "30", ["sections 1.rows 1.published: must be text in quotation marks; found 30"]),
        ('title = "Events"', "", ["sections 1: `title` is missing; add it"]),
    ],
)
def test_every_problem_is_told_with_its_place(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    path = tmp_path / "published.toml"
    path.write_text(ROW.replace(old, new))
    found = problems(path)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(f"published.toml: {start}")


def test_a_section_has_rows(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text('[[sections]]\ntitle = "Events"\nrows = []\n')
    (found,) = problems(path)
    assert found.startswith("published.toml: sections 1.rows: must have at least 1 of them; found []")
    path.write_text("")
    assert problems(path) == ["published.toml: `sections` is missing; add it"]
