"""A starter plan can be checked as it stands, whatever the table looks like."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
import pytest

from counterpoise.cli.starter_plan import write_starter_plan
from counterpoise.errors import DataError, InputError
from counterpoise.estimate import BootstrapOptions
from counterpoise.kernels.verdict import Verdict
from counterpoise.plan import load_plan
from counterpoise.study import check, run

BUNDLED = Path(str(resources.files("counterpoise") / "examples" / "imn" / "imn_screened.csv"))


def a_table(folder: Path, text: str, name: str = "patients.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(*columns: str, count: int = 40) -> str:
    """Return rows of which each cell is a pattern over i, the number of the row."""
    return "".join(
        ",".join(column.format(i=i, flag=i % 2, third=i % 3, seventh=i % 7, day=1 + i % 28) for column in columns)
        + "\n"
        for i in range(count)
    )


def test_the_bundled_table_gets_a_plan_that_is_accepted(tmp_path: Path) -> None:
    said = write_starter_plan(BUNDLED, tmp_path / "study.toml")
    assert check(tmp_path / "study.toml") == ()
    assert said[:3] == ("patients: 208, identified by patient_id", "treatment: imn_boost", "origin: dx_date")
    plan = load_plan(tmp_path / "study.toml")
    assert list(plan.endpoints) == ["os", "dfs", "lrrfs", "dmfs"]
    assert plan.balance is not None
    assert plan.balance.covariates[0] == "age"
    assert "imn_boost_dose_gy" not in plan.table_one.rows
    assert plan.data.columns["imn_short_axis_mm"].unit == "mm"
    assert plan.data.columns["ki67_pct"].label == "Ki67"


def test_the_plan_of_the_bundled_table_can_be_run(tmp_path: Path) -> None:
    write_starter_plan(BUNDLED, tmp_path / "study.toml")
    plan = load_plan(tmp_path / "study.toml")
    quick = plan.model_copy(update={"bootstrap": BootstrapOptions(replicates=0)})
    study = run(quick, pl.read_csv(BUNDLED, infer_schema=False))
    assert (study.flow.screened, study.flow.included) == (208, 205)
    assert {contrast.verdict for contrast in study.analyses.contrasts} == {Verdict.CONVERGED}


def test_patients_who_were_never_seen_again_are_dropped_by_a_criterion(tmp_path: Path) -> None:
    write_starter_plan(BUNDLED, tmp_path / "study.toml")
    criteria = load_plan(tmp_path / "study.toml").eligibility
    assert [item.drop for item in criteria] == ["last_followup_date is missing and death_date is missing"]


def test_an_existing_plan_is_replaced_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "study.toml"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_starter_plan(BUNDLED, out)
    assert out.read_text() == "mine"
    write_starter_plan(BUNDLED, out, force=True)
    assert tomllib.loads(out.read_text())["data"]["id"] == "patient_id"


def test_a_table_of_times_instead_of_dates(tmp_path: Path) -> None:
    data = a_table(
        tmp_path, "pid,age,size,hormon,dtime,death\n" + rows("{i}", "5{seventh}", "{third}", "{flag}", "9{i}", "{flag}")
    )
    said = write_starter_plan(data, tmp_path / "study.toml")
    assert "time and event: dtime (days), death" in said
    plan = load_plan(tmp_path / "study.toml")
    assert (plan.endpoints["os"].time, plan.endpoints["os"].event) == ("dtime", "death")
    assert plan.treatment.column == "hormon"
    assert check(tmp_path / "study.toml") == ()


def test_a_treatment_in_words_becomes_a_flag(tmp_path: Path) -> None:
    text = "id,age,arm,time_days,died\n" + "".join(
        f"P{i},{50 + i % 9},{'Surgery' if i % 2 else 'Control'},{100 + i},{i % 3 == 0:d}\n" for i in range(40)
    )
    write_starter_plan(a_table(tmp_path, text), tmp_path / "study.toml")
    plan = load_plan(tmp_path / "study.toml")
    assert plan.treatment.column == "treated"
    assert (plan.treatment.treated, plan.treatment.control) == ("Surgery", "Control")
    assert check(tmp_path / "study.toml") == ()


def test_dates_with_the_day_first_are_declared_and_doubt_is_said(tmp_path: Path) -> None:
    text = "id;dx_date;last_contact;death_date;boost\n" + "".join(
        f"P{i};{1 + i % 28:02}/03/2019;0{1 + i % 9}/0{1 + i % 8}/2021;;{i % 2}\n" for i in range(40)
    )
    text = text.replace("P3;04/03/2019;04/04/2021;;", "P3;04/03/2019;04/04/2021;04/04/2021;")
    write_starter_plan(a_table(tmp_path, text), tmp_path / "study.toml")
    plan = load_plan(tmp_path / "study.toml")
    assert plan.data.columns["dx_date"].date_order == "dmy"
    lines = (tmp_path / "study.toml").read_text().splitlines()
    doubted = [line.split(" ")[0] for line in lines if "day or month first?" in line]
    assert doubted == ["last_contact", "death_date"]
    assert plan.follow_up is not None
    assert plan.follow_up.death == "death_date"


def test_day_numbers_of_excel_are_taken_for_dates_and_doubt_is_said(tmp_path: Path) -> None:
    text = "id,cd4,dx_date,last_contact_date,death_date,boost\n" + "".join(
        f"P{i},{20000 + i},{43000 + i},{44000 + i},{44000 + i if i % 3 == 0 else ''},{i % 2}\n" for i in range(40)
    )
    write_starter_plan(a_table(tmp_path, text), tmp_path / "study.toml")
    plan = load_plan(tmp_path / "study.toml")
    assert [plan.data.columns[name].date_order for name in ("dx_date", "death_date")] == ["excel", "excel"]
    assert plan.data.columns["cd4"].kind == "integer"
    assert list(plan.endpoints) == ["os"]
    assert check(tmp_path / "study.toml") == ()
    assert (tmp_path / "study.toml").read_text().count("day numbers of Excel, counted from 1900; check") == 3


def test_a_number_of_the_row_is_no_covariate(tmp_path: Path) -> None:
    text = "rownames,pid,age,hormon,dtime,death\n" + rows("{i}", "P{i}", "5{seventh}", "{flag}", "9{i}", "{flag}")
    write_starter_plan(a_table(tmp_path, text), tmp_path / "study.toml")
    assert load_plan(tmp_path / "study.toml").table_one.rows == ("age",)


def test_a_label_that_only_repeats_the_name_is_made_readable(tmp_path: Path) -> None:
    frame: Any = pd.DataFrame({"id": [f"P{i}" for i in range(40)], "tumour_size": [i % 7 + 0.5 for i in range(40)]})
    pyreadstat.write_sav(frame, str(tmp_path / "t.sav"), column_labels={"id": "id", "tumour_size": "tumour_size"})
    write_starter_plan(tmp_path / "t.sav", tmp_path / "study.toml")
    written = tomllib.loads((tmp_path / "study.toml").read_text())
    assert written["data"]["columns"]["tumour_size"]["label"] == "Tumour size"


def test_names_that_need_quotation_marks_survive(tmp_path: Path) -> None:
    header = (
        '"Patient ""ID""","age, ""years""","Größe\\x",treated,"Datum #1 (last contact)","diagnosis\ndate",death date'
    )
    text = (
        header
        + "\n"
        + rows("P{i}", "5{third}", "{third}.5", "{flag}", "2021-02-{day:02}", "2019-02-{day:02}", "2021-02-{day:02}")
    )
    data = a_table(tmp_path, text)
    write_starter_plan(data, tmp_path / "study.toml")
    plan = load_plan(tmp_path / "study.toml")
    assert 'age, "years"' in plan.data.columns
    assert plan.data.file == "patients.csv"
    assert plan.treatment.column == "treated"
    assert list(plan.endpoints) == ["os"]


def test_a_table_without_a_treatment_or_an_endpoint_says_so(tmp_path: Path) -> None:
    data = a_table(tmp_path, "id,age\n" + rows("P{i}", "5{third}"))
    said = write_starter_plan(data, tmp_path / "study.toml")
    assert "treatment: not recognised" in said
    assert "time and event: not recognised" in said
    text = (tmp_path / "study.toml").read_text()
    assert tomllib.loads(text)["treatment"]["column"] == "?"
    assert [problem.where for problem in check(tmp_path / "study.toml")] == ["study.toml: endpoints"]


def test_a_table_in_another_folder_is_named_from_the_plan(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "plans").mkdir()
    data = a_table(tmp_path / "data", "id,age,boost\n" + rows("P{i}", "5{third}", "{flag}"))
    write_starter_plan(data, tmp_path / "plans" / "study.toml")
    assert tomllib.loads((tmp_path / "plans" / "study.toml").read_text())["data"]["file"] == "../data/patients.csv"


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        write_starter_plan(tmp_path / "nowhere.csv", tmp_path / "study.toml")
    with pytest.raises(DataError, match="the file is empty"):
        write_starter_plan(a_table(tmp_path, ""), tmp_path / "study.toml")
    assert not (tmp_path / "study.toml").exists()
