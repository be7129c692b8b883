import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from counterpoise.errors import PlanError
from counterpoise.plan import Plan, load_plan, plan_from, plan_schema, read_plan
from tests.plan.plans import BUNDLED, SMALLEST, Change, changed, problems


def test_the_smallest_plan_has_every_default() -> None:
    plan = read_plan(SMALLEST)
    assert plan.treatment.treated == "Treated"
    assert (plan.study.horizon_months, plan.curves.interval, plan.curves.confidence) == (60, "log-log", 0.95)
    assert (plan.cox.ties, plan.cox.group_covariates) == ("efron", None)
    assert (plan.balance, plan.subgroups, plan.toxicity, plan.published) == (None, None, None, None)
    assert plan.bootstrap.replicates == 1000


def test_the_bundled_plan_is_read_whole() -> None:
    plan = load_plan(BUNDLED)
    assert list(plan.endpoints) == ["os", "dfs", "lrrfs", "dmfs"]
    assert plan.balance is not None
    assert plan.balance.weights.stabilised is False
    assert len(plan.eligibility) == 9


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.update(balence={}), "study.toml: unknown key `balence`; did you mean `balance`?"),
        (
            lambda d: d["balance"].update(covariats=[]),
            "study.toml: balance: unknown key `covariats`; did you mean `covariates`?",
        ),
        (
            lambda d: d["balance"]["weights"].update(Estimand="ATE"),
            "study.toml: balance.weights: unknown key `Estimand`; did you mean `estimand`?",
        ),
        (
            lambda d: d["data"]["columns"]["cT"].update(lable="T"),
            "study.toml: data.columns.cT: unknown key `lable`; did you mean `label`?",
        ),
        (
            lambda d: d["eligibility"][2].update(dropp="x"),
            "study.toml: eligibility 3: unknown key `dropp`; did you mean `drop`?",
        ),
        (
            lambda d: d["endpoints"]["os"].update(rul="x"),
            "study.toml: endpoints.os: unknown key `rul`; did you mean `rule`?",
        ),
        (
            lambda d: d["response"].update(xyzzy=1),
            "study.toml: response: unknown key `xyzzy`; valid: column, examined_by",
        ),
    ],
)  # fmt: skip
def test_an_unknown_key_is_met_with_the_nearest_valid_one(change: Change, expected: str) -> None:
    assert problems(change) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["treatment"].pop("column"), "study.toml: treatment: `column` is missing; add it"),
        (lambda d: d.pop("endpoints"), "study.toml: `endpoints` is missing; add it"),
        (lambda d: d["eligibility"][0].pop("name"), "study.toml: eligibility 1: `name` is missing; add it"),
        (
            lambda d: d["balance"]["weights"].update(truncate=[0.9]),
            "study.toml: balance.weights.truncate: has too few values; found [0.9]",
        ),
    ],
)
def test_a_missing_key_is_named_with_its_place(change: Change, expected: str) -> None:
    assert problems(change) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["bootstrap"].update(replicates="many"), "bootstrap.replicates: must be a whole number; found"),
        (lambda d: d["bootstrap"].update(replicates=1.5), "bootstrap.replicates: must be a whole number; found 1.5"),
        (lambda d: d["study"].update(horizon_months="five"), "study.horizon_months: must be a number; found 'five'"),
        (lambda d: d["study"].update(title=1), "study.title: must be text in quotation marks; found 1"),
        (
            lambda d: d["balance"].update(covariates="age"),
            "balance.covariates: must be a list in square brackets; found 'age'",
        ),
        (lambda d: d.update(balance="age"), "balance: must be a table of keys; found 'age'"),
        (lambda d: d.update(derive=["age"]), "derive: must be a table of keys; found ['age']"),
        (
            lambda d: d["balance"]["weights"].update(stabilised="perhaps"),
            "balance.weights.stabilised: must be true or false; found 'perhaps'",
        ),
        (lambda d: d["study"].update(horizon_months=0), "study.horizon_months: must be greater than 0; found 0"),
        (lambda d: d["cox"].update(ties="exact"), "cox.ties: must be 'efron' or 'breslow'; found 'exact'"),
        (
            lambda d: d["data"]["columns"]["cT"].update(kind="categry"),
            "'date' or 'text'; found 'categry'; did you mean `category`?",
        ),
        (
            lambda d: d["balance"]["weights"].update(truncate=[0.9, 0.1]),
            "balance.weights.truncate: the first quantile must be below the second; found [0.9, 0.1]",
        ),
    ],
)
def test_a_wrong_value_is_met_in_the_words_of_toml(change: Change, expected: str) -> None:
    (found,) = problems(change)
    assert expected in found
    assert found.startswith("study.toml: ")
    assert not re.search(r"tuple|dictionary|instance|parse", found)


def test_a_long_value_is_cut() -> None:
    (found,) = problems(lambda d: d.update(balance="x" * 1000))
    assert len(found) < 200


def test_several_problems_are_told_at_once() -> None:
    def spoil(tree: dict[str, Any]) -> None:
        tree["balence"] = {}
        tree["bootstrap"]["replicates"] = -1
        del tree["treatment"]["column"]

    assert problems(spoil) == [
        "study.toml: treatment: `column` is missing; add it",
        "study.toml: bootstrap.replicates: must be greater than or equal to 0; found -1",
        "study.toml: unknown key `balence`; did you mean `balance`?",
    ]


def test_text_that_is_no_toml_says_where() -> None:
    with pytest.raises(PlanError, match=r"plan: is not valid TOML: .*line 1.*; mend that line"):
        read_plan("[study\ntitle = 1")


def test_a_file_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="does not exist; check the path"):
        load_plan(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="cannot be read as UTF-8 text; a plan is a TOML file"):
        load_plan(tmp_path / "binary.toml")
    with pytest.raises(PlanError, match="a plan is a TOML file"):
        load_plan(tmp_path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(SMALLEST, encoding="utf-8-sig")
    assert load_plan(str(path)).study.title == "A study"


def test_a_plan_written_and_read_again_is_the_same() -> None:
    plan = load_plan(BUNDLED)
    assert plan_from(plan.model_dump()) == plan
    assert plan_from(json.loads(plan.model_dump_json())) == plan
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_plan_cannot_be_changed_in_place() -> None:
    plan = read_plan(SMALLEST)
    with pytest.raises(ValueError, match="frozen"):
        plan.study.title = "Another"  # pyright: ignore[reportAttributeAccessIssue]


# The schema --------------------------------------------------------------------------------------------------------

KEYWORDS = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum",
    "pattern", "prefixItems", "properties", "required", "title", "type",
}  # fmt: skip
TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every schema inside a schema, itself included."""
    if not isinstance(schema, dict):
        return []
    inner: list[Any] = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [*schema.get("anyOf", ()), *schema.get("prefixItems", ()), schema.get("items")]
    inner.append(schema.get("additionalProperties"))
    return [schema, *(node for part in inner for node in nodes(part))]


def test_the_schema_uses_known_keywords_and_its_references_lead_somewhere() -> None:
    schema = plan_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Counterpoise study plan"
    for node in nodes(schema):
        assert set(node) <= KEYWORDS, node
        assert node.get("type", "object") in TYPES
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"]
    json.dumps(schema, allow_nan=False)


def test_the_schema_asks_for_what_the_plan_asks_for() -> None:
    schema = plan_schema()
    assert sorted(schema["required"]) == ["data", "endpoints", "study", "treatment"]
    assert set(schema["properties"]) == set(Plan.model_fields)
    assert schema["additionalProperties"] is False


def options_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The options classes that a plan is made of."""
    found = {model}
    for field in model.model_fields.values():
        for part in _classes(field.annotation):
            found |= options_of(part)
    return found


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _classes(part)]


OWNED = ("counterpoise.plan", "counterpoise.design", "counterpoise.estimate", "counterpoise.balance")
MODELS = sorted((m for m in options_of(Plan) if m.__module__.startswith(OWNED)), key=lambda model: model.__name__)


@pytest.mark.parametrize("model", MODELS, ids=[model.__name__ for model in MODELS])
def test_every_key_says_what_it_means(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"
        assert field.description.endswith((".", "?")), f"{model.__name__}.{name}"
    assert (model.__doc__ or "").splitlines()[0].endswith(".")


def test_the_schema_carries_the_descriptions() -> None:
    schema = plan_schema()
    for model in MODELS:
        node = schema if model is Plan else schema["$defs"][model.__name__]
        for name, field in model.model_fields.items():
            assert node["properties"][name]["description"] == field.description


def test_the_bundled_plan_names_only_what_the_schema_knows() -> None:
    schema = plan_schema()
    tree = changed(lambda d: None)
    assert set(tree) <= set(schema["properties"])
    assert set(schema["required"]) <= set(tree)
