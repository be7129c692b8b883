"""The sections of the report, from plans that ask for more or for less, and from tables in which things are missing."""

import copy
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.plan import plan_from
from counterpoise.report.assemble import SECTIONS, assemble
from counterpoise.report.document import (
    Bullets,
    Document,
    Figure,
    Findings,
    Heading,
    Paragraph,
    Table,
    check_document,
    labels,
    plain,
    values,
)
from counterpoise.report.numbers import Numbers, collect_numbers
from counterpoise.study import Study, run

EXAMPLE = Path(str(files("counterpoise"))) / "examples" / "imn"
Change = Callable[[dict[str, Any]], object]
GRADED = (
    "acute_skin", "acute_esophagus", "acute_lung", "acute_heart",
    "late_skin", "late_subcutaneous", "late_lung", "late_heart", "late_esophagus",
)  # fmt: skip


def without(*keys: str) -> Change:
    def change(tree: dict[str, Any]) -> None:
        for key in keys:
            del tree[key]

    return change


def braces(tree: dict[str, Any]) -> None:
    """Names and labels that look like fields."""
    tree["treatment"] |= {"treated": "{x} [1]", "control": "{os.n:count} 100%"}
    tree["derive"]["a:b {c}"] = {"value": "age > 50", "label": "{weird} label"}
    for table, key in (("balance", "covariates"), ("cox", "covariates"), ("table_one", "rows"), ("subgroups", "by")):
        tree[table][key].append("a:b {c}")


def ungraded(tree: dict[str, Any]) -> None:
    columns = tree["data"]["columns"]
    columns |= {name: {"kind": "integer"} for name in GRADED} | {"pneumonitis": {"kind": "flag"}}


def no_pairs(tree: dict[str, Any]) -> None:
    tree["balance"]["matching"]["caliper"] = 1e-9
    tree["bootstrap"]["replicates"] = 0


def as_little_as_possible(tree: dict[str, Any]) -> None:
    tree["eligibility"] = tree["eligibility"][-1:]
    del tree["definitions"]
    tree["cox"] |= {"covariates": [], "group_covariates": []}
    del tree["treatment"]["groups"]
    without("balance", "subgroups", "toxicity", "doses", "table_one", "response", "published")(tree)


def truncated(tree: dict[str, Any]) -> None:
    tree["balance"]["weights"]["truncate"] = [0.01, 0.99]
    tree["bootstrap"]["replicates"] = 0
    tree["study"]["horizon_months"] = 120
    tree["derive"]["rare"] = {"value": "age < 32", "label": "Below 32 years"}
    tree["subgroups"] |= {"minimum_events": 1, "minimum_events_per_arm": 0, "by": ["rare"]}


def in_the_treated(tree: dict[str, Any]) -> None:
    tree["balance"]["weights"]["estimand"] = "ATT"
    tree["study"]["horizon_months"] = 30
    tree["curves"] = {"confidence": 0.975}
    tree["endpoints"] = {"dmfs": tree["endpoints"]["dmfs"]}
    del tree["definitions"]
    tree["subgroups"]["of"] = "dmfs"
    without("published", "toxicity", "doses")(tree)


PLANS: dict[str, Change] = {
    "as it is": lambda d: None,
    "no pairs, no bootstrap": no_pairs,
    "as little as possible": as_little_as_possible,
    "truncated weights, every subgroup, a horizon of 120 months": truncated,
    "one endpoint, effect in the treated, a level of 97.5 %, a horizon of 30 months": in_the_treated,
    "braces in names and labels": braces,
    "no grade known": ungraded,
}
EMPTIED: dict[str, tuple[str, ...]] = {"no grade known": (*GRADED, "pneumonitis")}
FULL, PAIRLESS, LEAST, TRUNCATED, TREATED, BRACES, UNGRADED = PLANS
FEW_ROWS = ["age", "menopausal", "hr_status", "imnd", "pcr", "rt_dose_gy"]


@cache
def _tree() -> dict[str, Any]:
    return tomllib.loads((EXAMPLE / "study.toml").read_text(encoding="utf-8"))


@cache
def _frame() -> pl.DataFrame:
    return pl.read_csv(EXAMPLE / "imn_screened.csv", infer_schema=False)


@cache
def made(name: str) -> tuple[Study, Numbers, Document]:
    """The study, numbers and document of one of the plans, with a short bootstrap."""
    tree = copy.deepcopy(_tree())
    tree["bootstrap"]["replicates"] = 10
    tree["published"]["file"] = str(EXAMPLE / "published.toml")
    if name != FULL:
        tree["table_one"]["rows"] = list(FEW_ROWS)
    PLANS[name](tree)
    return document_of(tree, _frame().with_columns(pl.lit("").alias(column) for column in EMPTIED.get(name, ())))


def document_of(tree: dict[str, Any], frame: pl.DataFrame) -> tuple[Study, Numbers, Document]:
    study = run(plan_from(tree), frame)
    numbers = collect_numbers(study)
    return study, numbers, assemble(study, numbers)


def texts(document: Document) -> Iterator[str]:
    """Every text of the document but the words of figures."""
    label = labels(document)
    for block in document.blocks:
        match block:
            case Heading():
                yield block.text
            case Paragraph():
                yield plain(block.parts, label)
            case Bullets():
                yield from (plain(item, label) for item in block.items)
            case Table():
                yield block.caption
                for row in (*block.header, *block.rows):
                    yield from (plain(cell.parts, label) for cell in row.cells)
                yield from (plain(note, label) for note in block.notes)
            case Figure():
                yield from (block.caption, block.alt)
            case Findings():
                for item in block.items:
                    yield from (item.title, plain(item.parts, label), item.advice)


def table(document: Document, name: str) -> Table:
    return next(block for block in document.blocks if isinstance(block, Table) and block.name == name)


def cells(found: Table) -> dict[str, list[str]]:
    """The texts of each body row by its label; of rows of one label, the first."""
    rows: dict[str, list[str]] = {}
    for row in found.rows:
        first, *rest = (plain(cell.parts, {}) for cell in row.cells)
        rows.setdefault(first, rest)
    return rows


def notes(found: Table) -> str:
    return " ".join(plain(note, {}) for note in found.notes)


every_plan = pytest.mark.parametrize("name", PLANS)


@every_plan
def test_the_document_holds_together(name: str) -> None:
    check_document(made(name)[2])


@every_plan
def test_no_field_is_left_unfilled_and_no_python_shows(name: str) -> None:
    for text in texts(made(name)[2]):
        assert not re.search(r"\{[\w.]+:\w+\}", text.replace("{os.n:count}", "")), text
        assert not re.search(r"\b(nan|None|inf|True|False)\b", text), text
        assert "– (–" not in text, text
        assert not text.startswith(("; ", ", ")), text


@every_plan
def test_every_printed_number_is_one_of_the_results(name: str) -> None:
    _, numbers, document = made(name)
    printed = list(values(document))
    assert len(printed) > 100
    for value in printed:
        assert value.ids
        assert all(key in numbers for key in value.ids)


@every_plan
def test_headings_captions_and_notes_are_sentences(name: str) -> None:
    _, _, document = made(name)
    for block in document.blocks:
        if isinstance(block, Table):
            assert block.caption
            assert all(plain(note, {}).endswith(".") for note in block.notes), block.name
        if isinstance(block, Figure):
            assert block.caption
            assert block.alt.endswith(".")
        if isinstance(block, Paragraph) and block.kind == "body":
            words = plain(block.parts, labels(document)).rstrip()
            assert words.endswith((".", "?")), words


@every_plan
def test_sections_stand_in_their_order(name: str) -> None:
    order = ["summary", "findings", "patients", "quality", "events", "survival", "cox", "balance", "adjusted"]
    order += [
        "alternatives",
        "time_zero",
        "matched_groups",
        "groups_weighted",
        "definitions-compared",
        "subgroups",
        "toxicity",
        "published",
        "methods",
    ]
    found = [b.anchor for b in made(name)[2].blocks if isinstance(b, Heading) and b.level == 1]
    assert found == [anchor for anchor in order if anchor in found]
    assert len(SECTIONS) == len(order)


# What a plan leaves out --------------------------------------------------------------------------------------------


def test_without_balance_nothing_adjusted_is_spoken_of() -> None:
    _, _, document = made(LEAST)
    anchors = {block.anchor for block in document.blocks if isinstance(block, Heading)}
    assert anchors.isdisjoint({"balance", "adjusted", "subgroups", "published"})
    methods = " ".join(texts(document)).lower()
    assert "propensity score is" not in methods
    assert "bootstrap" not in methods


def test_without_pairs_there_is_no_matched_row_figure_or_sentence() -> None:
    _, _, document = made(PAIRLESS)
    names = {block.name for block in document.blocks if isinstance(block, Figure | Table)}
    assert "curves_matched" not in names
    assert "curves_weighted" in names
    assert "Matched" not in cells(table(document, "outcomes"))
    assert "In matched pairs" not in " ".join(texts(document))
    assert "No patients could be matched" in list(texts(document))
    assert "matched patients an SMD" not in notes(table(document, "balance"))


def test_a_published_number_that_this_cohort_lacks_is_said_to_be_missing() -> None:
    _, _, document = made(PAIRLESS)
    rows = cells(table(document, "published"))
    assert rows["OS: HR; model-based P; P clustered on pair"][1] == "not estimated; not estimated; not estimated"
    assert rows["Patients / IMN dissection / IMN boost"][1] == "146 / 36 / 79"


def test_without_a_bootstrap_its_column_and_its_note_are_gone() -> None:
    found = table(made(PAIRLESS)[2], "variances")
    assert "Bootstrap" not in notes(found)
    assert "four variances" in found.caption
    assert "five variances" in table(made(FULL)[2], "variances").caption


def test_without_groups_there_are_no_tables_of_groups() -> None:
    names = {block.name for block in made(LEAST)[2].blocks if isinstance(block, Figure | Table)}
    assert names.isdisjoint({"groups", "baseline_groups", "curves_groups"})


def test_what_is_not_asked_for_is_not_shown() -> None:
    _, _, document = made(LEAST)
    names = {block.name for block in document.blocks if isinstance(block, Figure | Table)}
    assert names.isdisjoint({"toxicity_grades", "toxicity", "doses", "baseline_arms", "baseline_groups", "published"})


def test_subgroups_below_the_minimum_show_counts_only() -> None:
    rows = cells(table(made(FULL)[2], "subgroups"))
    assert rows["Triple-negative"][2:4] == ["too few events", ""]
    assert re.fullmatch(r"\d+/\d+", rows["Triple-negative"][0])
    assert re.fullmatch(r"\d\.\d\d \(\d\.\d\d–\d\.\d\d\)", rows["HR+/HER2−"][2])


def test_a_subgroup_with_events_in_one_arm_only_has_no_hazard_ratio() -> None:
    rows = cells(table(made(TRUNCATED)[2], "subgroups"))
    assert rows["Yes"] == ["0/5", "2/7", "–", "–", ""]
    assert rows["Below 32 years"][-1] == "–"
    assert re.fullmatch(r"0\.\d\d \(0\.\d\d–1\.\d\d\)", rows["No"][2])


def test_names_and_labels_with_braces_are_printed_as_they_are() -> None:
    found = list(texts(made(BRACES)[2]))
    assert "{weird} label" in found
    assert any("“{os.n:count} 100%”" in text for text in found)


# The words of tables -----------------------------------------------------------------------------------------------


def test_the_baseline_table_of_the_bundled_study() -> None:
    _, _, document = made(FULL)
    found = table(document, "baseline_arms")
    rows = cells(found)
    assert [plain(cell.parts, {}).replace("\u00a0", " ") for cell in found.header[0].cells] == [
        "Characteristic",
        "No boost (n = 67)",
        "Boost (n = 79)",
        "All (n = 146)",
        "P",
    ]
    assert rows["IMN dissection"][2] == "36 (24.7)"
    assert re.fullmatch(r"\d\d \(\d\d–\d\d\)", rows["Median (range)"][2])
    assert notes(found).startswith("P values by Pearson's chi-squared test and Welch's t test. Missing values")


def with_rows(rows: list[str], frame: pl.DataFrame) -> Document:
    tree = copy.deepcopy(_tree())
    without("balance", "subgroups", "published", "toxicity", "cox", "response")(tree)
    tree["derive"]["relative"] = "imn_short_axis_mm - 20"
    tree["table_one"]["rows"] = rows
    return document_of(tree, frame)[2]


def test_the_note_names_the_tests_that_were_made_and_no_others() -> None:
    exact = with_rows(["cT"], _frame())
    assert notes(table(exact, "baseline_groups")).startswith("† by Fisher's exact test")
    numbers = with_rows(["age"], _frame())
    assert notes(table(numbers, "baseline_groups")).startswith("P values by Welch's ANOVA. Missing")


@cache
def sparse() -> Document:
    """Columns that are missing throughout, and one below zero."""
    frame = _frame().with_columns(pl.lit("").alias(name) for name in ("mp_grade", "rt_dose_gy", "lvi"))
    return with_rows(["mp_grade", "rt_dose_gy", "lvi", "relative"], frame)


def test_a_column_that_is_missing_throughout_is_dashes_and_a_count() -> None:
    found = table(sparse(), "baseline_arms")
    rows = cells(found)
    assert rows["Mean (SD)"] == rows["Median (range)"] == ["–", "–", "–", ""]
    assert rows["Lymphovascular invasion"] == ["–", "–", "–", "–"]
    assert rows["Missing"][:3] == ["67", "79", "146"]
    assert notes(found).startswith("P values by Welch's t test. Missing values")
    assert cells(table(sparse(), "doses"))["Radiotherapy dose, Gy"] == ["0", "–", "–"]


def test_a_range_below_zero_has_no_dash_that_reads_as_a_minus() -> None:
    found = [plain(row.cells[3].parts, {}) for row in table(sparse(), "baseline_arms").rows]
    assert "−10.8 (−16.0 to 8.0)" in found


def test_toxicity_of_which_nothing_is_known_has_no_highest_grade() -> None:
    _, numbers, _ = made(UNGRADED)
    assert numbers["toxicity.highest"].as_json()["value"] is None
    assert numbers["toxicity.r1.control.assessed"].value == 0


def test_a_horizon_beyond_follow_up_is_explained() -> None:
    _, _, document = made(TRUNCATED)
    assert "observation ended before 10 years" in notes(table(document, "events"))
    assert "observation ended before" not in notes(table(made(FULL)[2], "events"))


def test_a_level_that_is_no_whole_percentage_keeps_its_decimal() -> None:
    assert any("97.5% CI" in text for text in texts(made(TREATED)[2]))


def test_methods_name_what_was_chosen() -> None:
    words = " ".join(texts(made(FULL)[2]))
    for choice in (
        "log-log intervals",
        "Efron's approximation",
        "the average effect in all patients (ATE)",
        "not stabilised",
        "over all patients",
        "seed 20250531",
        "30.4375",
    ):
        assert choice in words
    assert "the average effect in the treated (ATT)" in " ".join(texts(made(TREATED)[2]))
