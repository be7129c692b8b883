"""Whatever a column is called, the text of a plan stays TOML."""

import tomllib

from hypothesis import given, settings, strategies as st

from counterpoise.cli.draft import Draft, Times, Treatment
from counterpoise.cli.plan_text import plan_text, toml_key, toml_list, toml_string
from counterpoise.read import Column, Roles

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(TEXTS, TEXTS)
def test_keys_and_strings_come_back_as_they_were(key: str, value: str) -> None:
    assert tomllib.loads(f"{toml_key(key)} = {toml_string(value)}") == {key: value}


def test_a_long_list_has_a_line_for_each_item() -> None:
    names = [f"covariate_{number}" for number in range(20)]
    assert tomllib.loads(f"a = {toml_list(names)}") == {"a": names}
    assert len(toml_list(names).splitlines()) == 22
    assert toml_list(["age"]) == '["age"]'


@settings(max_examples=50)
@given(st.lists(TEXTS, min_size=4, max_size=4, unique=True), TEXTS)
def test_a_plan_of_strange_names_is_toml(names: list[str], file: str) -> None:
    number, treated, date, code = names
    roles = Roles("id", None, date, None, date, {"recurrence": date}, (treated, number))
    columns = {
        number: Column(kind="number", label=code, unit=code),
        treated: Column(kind="flag"),
        date: Column(kind="date", date_order="dmy"),
        code: Column(kind="category", levels={code: number}, missing=(number,)),
    }
    draft = Draft(
        file=file,
        roles=roles,
        columns=columns,
        unsure=[date],
        treatment=Treatment("treated", code, number, treated, code),
        times=Times(number, treated, "days"),
        criteria=[(code, number)],
        baseline=[number, code],
        score=[number],
    )
    tree = tomllib.loads(plan_text(draft))
    assert tree["data"]["file"] == file
    assert tree["data"]["columns"][code]["levels"] == {code: number}
    assert tree["endpoints"]["efs"]["events"] == [date]
    assert tree["balance"]["covariates"] == [number]
