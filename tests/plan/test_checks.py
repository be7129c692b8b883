from typing import Any

import pytest
from hypothesis import given, strategies as st

from counterpoise.plan import load_plan, name_problems, nearest, plan_from
from counterpoise.read import Column, read_table
from tests.plan.plans import BUNDLED, Change, changed, problems


@pytest.fixture(scope="module")
def columns() -> dict[str, Column]:
    plan = load_plan(BUNDLED)
    table = read_table(BUNDLED.parent / plan.data.file, id_column=plan.data.id, columns=plan.data.columns)
    return dict(table.columns)


def test_nearest_ignores_capitals_and_lists_what_there_is_when_nothing_is_near() -> None:
    assert nearest("AGE", ["age", "grade"]) == "did you mean `age`?"
    assert nearest("covariats", ["covariates", "weights"]) == "did you mean `covariates`?"
    assert nearest("xyz", ["grade", "age"]) == "valid: age, grade"
    assert nearest("xyz", []) == ""


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5))
def test_a_valid_name_is_its_own_nearest(names: list[str]) -> None:
    assert nearest(names[0], names).lower() == f"did you mean `{names[0]}`?".lower()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["subgroups"].update(of="oss"),
            ["study.toml: subgroups.of: names no endpoint `oss`; did you mean `os`?"],
        ),
        (
            lambda d: d.pop("balance"),
            ["study.toml: subgroups: need weights; add [balance] with its covariates"],
        ),
        (
            lambda d: (d.update(endpoints={}), d.pop("subgroups")),
            ["study.toml: endpoints: must name at least one endpoint; add [endpoints.os]"],
        ),
        (
            lambda d: d["balance"].update(covariates=[]),
            ["study.toml: balance.covariates: must name at least one covariate; or remove [balance]"],
        ),
        (
            lambda d: d["balance"]["weights"].update(truncate=[0.01, 0.99]),
            [
                "study.toml: balance.weights.truncate: is not known to the bootstrap; "
                "set bootstrap.replicates = 0, or remove `truncate`"
            ],
        ),
        (
            lambda d: d["balance"].update(alternatives=[{"name": "a"}, {"name": "a"}, {"name": "main"}]),
            [
                "study.toml: balance.alternatives: two adjustments are called `a`; name them apart",
                "study.toml: balance.alternatives: `main` is that of the weights; name them apart",
            ],
        ),
        (
            lambda d: d["balance"].update(alternatives=[{"name": "a", "splines": {"agee": 3}}]),
            ["study.toml: balance.alternatives 1 (a): `agee` is not among balance.covariates; did you mean `age`?"],
        ),
        (
            lambda d: d["treatment"].pop("groups"),
            [
                "study.toml: balance.groups: needs treatment.groups, which are to be weighted; "
                "name their column there, or remove [balance.groups]"
            ],
        ),
        (
            lambda d: d["balance"]["groups"].pop("covariates"),
            [
                "study.toml: balance.groups.covariates: `imnd` is part of what makes `group`; "
                "list covariates without it under [balance.groups]"
            ],
        ),
        (
            lambda d: (d["balance"]["groups"]["covariates"].append("imnd"), d["balance"]["groups"].pop("factorial")),
            ["study.toml: balance.groups.covariates: `imnd` is part of what makes `group`; remove it"],
        ),
        (
            lambda d: d["treatment"].update(treated="Boost", control="Boost"),
            ["study.toml: treatment.treated and treatment.control: are both called `Boost`; name the arms apart"],
        ),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(change: Change, expected: list[str]) -> None:
    assert problems(change) == expected


@pytest.mark.parametrize(("table", "key"), [("balance", "covariates"), ("cox", "covariates"), ("subgroups", "by")])
def test_the_treatment_is_no_covariate_and_no_subgroup_of_itself(table: str, key: str) -> None:
    found = problems(lambda d: d[table][key].append("imn_boost"))
    assert found == [f"study.toml: {table}.{key}: lists the treatment `imn_boost`; remove it"]


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("balance", "covariates", "age"),
        ("cox", "covariates", "age"),
        ("cox", "group_covariates", "age"),
        ("subgroups", "by", "pcr"),
        ("table_one", "rows", "age"),
        ("doses", "columns", "rt_dose_gy"),
    ],
)
def test_no_list_names_a_column_twice(table: str, key: str, name: str) -> None:
    found = problems(lambda d: d[table][key].append(name))
    assert found == [f"study.toml: {table}.{key}: lists `{name}` twice; remove one"]


def test_contradictions_are_told_at_once() -> None:
    def spoil(tree: dict[str, Any]) -> None:
        tree["subgroups"]["of"] = "oss"
        tree["cox"]["covariates"] += ["age", "imn_boost"]

    assert len(problems(spoil)) == 3


def test_the_bundled_plan_names_nothing_unknown(columns: dict[str, Column]) -> None:
    assert name_problems(load_plan(BUNDLED), columns) == []


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("treatment.column", lambda d: d["treatment"].update(column="imn_bost")),
        ("treatment.groups", lambda d: d["treatment"].update(groups="grup")),
        ("response.column", lambda d: d["response"].update(column="pcrr")),
        ("response.examined_by", lambda d: d["response"].update(examined_by="imndd")),
        ("table_one.rows", lambda d: d["table_one"]["rows"].append("menopausl")),
        ("cox.covariates", lambda d: d["cox"]["covariates"].append("grade33")),
        ("cox.group_covariates", lambda d: d["cox"]["group_covariates"].append("grade33")),
        ("balance.covariates", lambda d: d["balance"]["covariates"].append("mastectmy")),
        ("balance.groups.covariates", lambda d: d["balance"]["groups"]["covariates"].append("mastectmy")),
        ("balance.groups.factorial", lambda d: d["balance"]["groups"].update(factorial=["imndd", "imn_boost"])),
        ("subgroups.by", lambda d: d["subgroups"]["by"].append("subtyp")),
        ("doses.columns", lambda d: d["doses"]["columns"].append("rt_dose")),
        ("toxicity.acute", lambda d: d["toxicity"]["acute"].update(acute_skn="Skin")),
        ("toxicity.late", lambda d: d["toxicity"]["late"].update(late_skn="Skin")),
        ("toxicity.events", lambda d: d["toxicity"]["events"].update(pneumonitiss="Pneumonitis")),
    ],
)
def test_an_unknown_column_is_named_with_its_key_and_the_nearest(
    columns: dict[str, Column], key: str, change: Change
) -> None:
    (found,) = name_problems(plan_from(changed(change)), columns, "study.toml")
    assert found.where == f"study.toml: {key}"
    assert found.what.startswith("there is no column or derived variable `")
    assert found.remedy.startswith("did you mean `")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["doses"]["columns"].append("cT"),
            "plan: doses.columns: `cT` must be of kind integer or number; it is category; "
            "declare its kind under [data.columns]",
        ),
        (
            lambda d: d["toxicity"]["events"].update(acute_skin="Skin"),
            "plan: toxicity.events: `acute_skin` must be of kind flag; it is integer; "
            "declare its kind under [data.columns]",
        ),
    ],
)
def test_doses_are_numbers_and_events_are_flags(columns: dict[str, Column], change: Change, expected: str) -> None:
    assert [str(problem) for problem in name_problems(plan_from(changed(change)), columns)] == [expected]


def test_a_derived_dose_is_left_to_its_derivation(columns: dict[str, Column]) -> None:
    def derive(tree: dict[str, Any]) -> None:
        tree["derive"]["total"] = "rt_dose_gy + imn_boost_dose_gy"
        tree["doses"]["columns"].append("total")

    assert name_problems(plan_from(changed(derive)), columns) == []
