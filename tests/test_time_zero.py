"""A study whose treatment begins after time zero, as a user would run it: the Stanford heart transplants."""

import math
import re
from pathlib import Path

import polars as pl
import pytest

from counterpoise.errors import PlanError, ProblemsError
from counterpoise.findings import Finding
from counterpoise.report import Numbers, assemble, collect_numbers
from counterpoise.report.document import Table
from counterpoise.report.html import render_html
from counterpoise.study import Study, check, run
from tests.golden import HERE, golden
from tests.test_unusual_plans import words_of

PLAN = """
study.title = "Heart transplants at Stanford"
study.horizon_months = 12
data.file = "jasa.csv"
data.id = "id"
treatment = { column = "transplant", label = "Heart transplant", treated = "Transplant", control = "No transplant" }
bootstrap.replicates = 200
data.columns."accept.dt" = { kind = "date", label = "Date of acceptance" }
data.columns."tx.date" = { kind = "date", label = "Date of transplantation" }
[follow_up]
origin = "accept.dt"
last_contact = "fu.date"
death = "death"
[endpoints]
os = { rule = "overall_survival" }
"""
REMEDIES = """
[time_zero]
treatment_start = "tx.date"
remedies = ["landmark", "time_varying", "clone_censor_weight"]
landmark_months = 2
grace_months = 2
covariates = ["age", "surgery"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("stanford")
    table = pl.read_csv(HERE / "data" / "jasa.csv", null_values="NA")
    table.with_columns(
        transplant=pl.col("tx.date").is_not_null().cast(pl.Int8),
        death=pl.when(pl.col("fustat") == 1).then(pl.col("fu.date")),
    ).write_csv(made / "jasa.csv")
    return made


def written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return run(written(folder, PLAN + REMEDIES))


@pytest.fixture(scope="module")
def numbers(study: Study) -> Numbers:
    return collect_numbers(study)


def only(study: Study, name: str) -> Finding:
    (found,) = (item for item in study.findings if item.name == name)
    return found


def test_the_finding_comes_from_the_dates_alone_and_names_the_section(folder: Path) -> None:
    found = only(run(written(folder, PLAN)), "immortal_time")
    assert found.severity == "serious"
    assert "`tx.date`" in found.text
    assert "[time_zero]" in found.advice
    assert (found.values["began"], found.values["controls"]) == (69, 34)
    assert found.values["left"] >= found.values["died"] > 0
    assert "guarantee_time" not in {item.name for item in run(written(folder, PLAN)).findings}


def test_with_remedies_the_finding_points_to_them(study: Study) -> None:
    found = only(study, "immortal_time")
    assert found.severity == "caution"
    assert "named in the plan" in found.text
    assert found.advice.startswith("Quote the analyses of the section on time zero")


def test_the_treatment_varying_in_time_is_that_of_r(numbers: Numbers) -> None:
    theirs = golden("immortal_time", "start_stop_jasa_covariates")
    found = numbers["time_zero.os.time_varying.hazard_ratio"]
    assert math.log(found.value) == pytest.approx(theirs["coef"][0], rel=1e-8)
    assert found.std_error == pytest.approx(theirs["robust_se"][0], rel=1e-8)


def test_the_naive_analysis_says_what_no_remedy_says(numbers: Numbers) -> None:
    naive = numbers["time_zero.os.naive.hazard_ratio"]
    assert naive.upper is not None
    assert naive.upper < 0.5
    for remedy in ("landmark", "time_varying", "clone_censor_weight"):
        found = numbers[f"time_zero.os.{remedy}.hazard_ratio"]
        assert found.lower is not None
        assert found.upper is not None
        assert found.lower < 1 < found.upper


def test_the_report_sets_them_side_by_side(study: Study, numbers: Numbers) -> None:
    document = assemble(study, numbers)
    (table,) = (block for block in document.blocks if isinstance(block, Table) and block.name == "time_zero")
    assert [row.cells[0].parts[0] for row in table.rows if row.kind == "body"] == [
        "As it stands", "Landmark", "Treatment varying in time", "Clone, censor, weight",
    ]  # fmt: skip
    drawings = {name: {"svg": b"<svg/>"} for name in {getattr(b, "name", "") for b in document.blocks}}
    words = words_of(render_html(document, drawings))
    assert "adjusted for age, surgery" in words
    assert "Immortal time was dealt with" in words
    assert "{" not in words
    assert not re.search(r"\bnan\b", words)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('treatment_start = "tx.date"\n', "", "`time_varying` needs `treatment_start`"),
        ("landmark_months = 2\n", "", "`landmark` needs `landmark_months`"),
        ("grace_months = 2\n", "", "`clone_censor_weight` needs `grace_months`"),
        ('"landmark", ', '"landmark", "landmark", ', "each analysis once"),
        ('"landmark", ', '"delayed_entry", ', "looks into the future"),
        ("[time_zero]", '[time_zero]\nentry = "tx.date"', "needs everyone from time zero on"),
        ("bootstrap.replicates = 200", "bootstrap.replicates = 0", "has its intervals from the bootstrap"),
    ],
)
def test_what_is_not_valid_is_refused_in_a_sentence(folder: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        run(written(folder, (PLAN + REMEDIES).replace(old, new, 1)))
    assert says in " ".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'treatment_start = "tx.date"',
            'treatment_start = "tx_date"',
            "no column or derived variable `tx_date`",
        ),
        ('treatment_start = "tx.date"', 'treatment_start = "age"', "must be of kind date"),
        ('"surgery"]', '"surgeri"]', "there is no column or derived variable `surgeri`"),
    ],
)
def test_columns_that_cannot_serve_are_problems_of_the_plan(folder: Path, old: str, new: str, says: str) -> None:
    assert says in " ".join(map(str, check(written(folder, (PLAN + REMEDIES).replace(old, new, 1)))))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tx.date": None}, "is the start of a treatment that was given"),
        ({"transplant": 0}, "is the start of a treatment of a control"),
        ({"tx.date": "1999-01-01"}, "is after death or last contact"),
    ],
)
def test_starts_that_contradict_the_arm_are_named_by_row(folder: Path, change: dict[str, object], says: str) -> None:
    table = pl.read_csv(folder / "jasa.csv")
    name, value = next(iter(change.items()))
    table = table.with_columns(pl.when(pl.col("id") == 4).then(pl.lit(value)).otherwise(pl.col(name)).alias(name))
    with pytest.raises(ProblemsError) as caught:
        run(written(folder, PLAN + REMEDIES), table)
    assert any(says in str(problem) and "patient 4" in str(problem) for problem in caught.value.problems)


def test_a_model_that_has_no_answer_leaves_the_others_standing(folder: Path) -> None:
    plan = (PLAN + REMEDIES).replace('"surgery"]', '"never"]')
    table = pl.read_csv(folder / "jasa.csv").with_columns(never=1 - pl.col("transplant"))
    made = collect_numbers(run(written(folder, plan), table))
    assert math.isnan(made["time_zero.os.clone_censor_weight.hazard_ratio"].value)
    assert "landmark" in " ".join(made)
