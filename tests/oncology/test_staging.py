"""The engine: it applies files, and refuses those that cannot be applied, with every reason."""

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.cohort.derive import DeriveOptions, definitions, derive
from counterpoise.errors import PlanError
from counterpoise.oncology.definition import Derivation
from counterpoise.oncology.derivations import STAGING
from counterpoise.oncology.rule_sets import SHIPPED, load_rule_sets
from counterpoise.oncology.staging import StagingText, staging_rules
from counterpoise.read import table_from_frame
from counterpoise.read.codebook import Column

RULES = [rule for name in STAGING for editions in SHIPPED.sets[name].values() for rule in editions.values()]
SIZE = {"meaning": "size, cm", "kinds": ["number"]}
GROUPED = {
    "label": "Stage",
    "edition": "1st",
    "source": "example",
    "definition": "As recorded.",
    "arguments": {
        "t": {"meaning": "T", "kinds": ["text"], "codes": {"T1": ["t1"], "T2": ["t2"]}},
        "n": {"meaning": "N", "kinds": ["text"], "codes": {"N0": ["n0"], "N1": ["n1"], "unknown": ["nx"]}},
    },
    "groups": {"I": ["T1 N0"], "II": ["T2 *"]},
}
CATEGORISED = {
    "label": "T",
    "edition": "1st",
    "source": "example",
    "definition": "By size.",
    "arguments": {"size": SIZE},
    "categories": {"T2": "size > 2", "T1": "size > 0"},
}


def stage_of(tables: dict[str, Any], **columns: list[object]) -> list[str | None]:
    (rule,) = [rule for editions in staging_rules(tables).values() for rule in editions.values()]
    known = {name: Column(kind="text" if name in "tn" else "number") for name in columns}
    return pl.DataFrame(columns).select(new=rule.compile({n: n for n in columns}, known))["new"].to_list()


def test_a_new_site_is_a_file() -> None:
    assert stage_of({"stomach_t": CATEGORISED}, size=[1.0, 2.0, 2.1, 0.0, None]) == ["T1", "T1", "T2", None, None]
    stages = stage_of({"stomach_stage": GROUPED}, t=["T1", "T1", "t2", "T1", None], n=["N0", "N1", None, "NX", "N0"])
    assert stages == ["I", None, "II", None, None]


def test_an_edition_takes_the_shared_keys_and_its_own() -> None:
    shared = {key: value for key, value in CATEGORISED.items() if key not in ("edition", "categories")}
    second = {
        "categories": {"T2": "size > 3", "T1": "size > 0"},
        "source": "revised",
        "arguments": {"size": {"maximum": 9}},
    }
    table = shared | {"editions": {"1st": {"categories": CATEGORISED["categories"]}, "2nd": second}}
    first, revised = staging_rules({"stomach_t": table})["stomach_t"].values()
    assert [(r.edition, r.source, r.text.arguments["size"].maximum) for r in (first, revised)] == [
        ("1st", "example", None),
        ("2nd", "revised", 9),
    ]
    frame, known = pl.DataFrame({"size": [2.5]}), {"size": Column(kind="number")}
    assert [frame.select(r.compile({"size": "size"}, known)).item() for r in (first, revised)] == ["T2", "T1"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (CATEGORISED | {"groups": {"I": ["*"]}}, "exactly one of `categories` and `groups`"),
        (CATEGORISED | {"categories": {}}, "exactly one of `categories` and `groups`"),
        (
            CATEGORISED | {"categories": {"T1": "sise > 0"}},
            "there is no column `sise` (position 1); did you mean `size`?",
        ),
        (CATEGORISED | {"categories": {"T1": "size + 1"}}, "`size + 1`, of category T1, must be a condition"),
        (CATEGORISED | {"quantities": {"mm": "size * 10 +"}}, "rule `size * 10 +`"),
        (GROUPED | {"groups": {"I": ["T1"]}}, "row `T1` of group I must have one word for each of t, n"),
        (GROUPED | {"groups": {"I": ["T1 N2|N3"]}}, "row `T1 N2|N3` of group I names N2, which no argument knows"),
        (GROUPED | {"groups": {"I": ["T1 N0"], "II": ["* N0"]}}, "T1 N0 stands in two groups: I and II"),
        (CATEGORISED | {"levles": {}}, "levles"),
        (CATEGORISED | {"categories": 3}, "categories"),
        (CATEGORISED | {"undivided": {"T": "sise > 0"}}, "there is no column `sise`"),
        (CATEGORISED | {"undivided": 3}, "undivided"),
        (CATEGORISED | {"levels": {"T1": "T1"}}, "`levels` must list every outcome; they lack T2"),
        (CATEGORISED | {"arguments": {}}, "`arguments` must be given"),
        (CATEGORISED | {"arguments": {"size": {"meaning": "size"}}}, "each column with its `kinds`: size"),
        (CATEGORISED | {"arguments": {"size": {**SIZE, "suffix": "("}}}, "`suffix` that is no pattern"),
        (CATEGORISED | {"definition": "By {sise}."}, "`definition` has a placeholder that cannot be filled in"),
        (CATEGORISED | {"arguments_of": ["stomach_n"]}, "there is no rule `stomach_n` above it"),
    ],
)
def test_a_file_that_cannot_be_applied_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=re.escape(message)):
        staging_rules({"stomach": table})


def test_a_category_is_given_whole_where_only_its_part_is_open() -> None:
    deep = {"deep": {"meaning": "deep invasion", "kinds": ["number"]}, "size": SIZE}
    categories = {"T3": "size > 5", "T2b": "size > 2 and deep > 0", "T2a": "size > 2", "T1": "size > 0"}
    table = CATEGORISED | {"arguments": deep, "categories": categories, "undivided": {"T2": "size > 2"}}
    assert list(staging_rules({"t": table})["t"]["1st"].output.levels) == ["T1", "T2a", "T2b", "T3", "T2"]
    found = stage_of({"t": table}, size=[3.0, 3.0, 6.0, 1.0, None], deep=[None, 1.0, None, None, 1.0])
    assert found == ["T2", "T2b", "T3", "T1", None]


def test_a_quantity_is_a_number_a_flag_or_a_text() -> None:
    quantities = {"mm": "size * 10", "large": "mm > 50", "word": 'if large then "far" else "near"'}
    categories = {"T2": 'large and word == "far" and mm > 0', "T1": 'word == "near"'}
    assert stage_of(
        {"t": CATEGORISED | {"quantities": quantities, "categories": categories}}, size=[5.1, 5.0, None]
    ) == [
        "T2",
        "T1",
        None,
    ]


def test_all_faults_of_a_rule_are_found_at_once() -> None:
    wrong = CATEGORISED | {"categories": {"T2": "sise > 2", "T1": "size"}}
    with pytest.raises(PlanError, match=r"(?s)sise.*must be a condition"):
        staging_rules({"stomach_t": wrong})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}, {rule.edition}")
def test_every_category_is_shown_in_order_and_says_its_source(rule: Derivation) -> None:
    text = rule.text
    assert isinstance(text, StagingText)
    assert set(text.levels) == {*text.categories, *text.undivided, *text.groups}
    assert text.source
    assert text.edition.startswith("AJCC")
    assert rule.definition.endswith(".")


STOMACH = """
[stomach_n]
label = "N"
edition = "AJCC 8th edition"
source = "example"
definition = "N was derived from the number of nodes with metastasis."
categories = { N1 = "nodes >= 1", N0 = "nodes == 0" }
arguments = { nodes = { meaning = "nodes with metastasis", kinds = ["integer"], minimum = 0 } }
"""


def test_a_site_of_the_user_is_a_file_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "stomach.toml").write_text(STOMACH)
    rules = load_rule_sets({"staging/stomach": "stomach.toml"}, tmp_path)
    table = table_from_frame(pl.DataFrame({"id": ["a", "b"], "positive": [0, 3]}), id_column="id")
    wanted = {"n": DeriveOptions.model_validate({"rule": "stomach_n", "nodes": "positive"})}
    assert derive(table, wanted, rules).frame["n"].to_list() == ["N0", "N1"]
    (definition,) = definitions(table, wanted, rules)
    assert (definition.edition, definition.source) == ("AJCC 8th edition", "example")
    assert rules.file_of("staging/stomach", "stomach_n") == "stomach.toml"
    assert rules.set_of("stomach_n") == "staging/stomach"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("stomach", STOMACH, "there is no rule set `stomach`"),
        ("staging/", STOMACH, "there is no rule set `staging/`"),
        ("staging/stomach", STOMACH.replace("nodes == 0", "node == 0"), "there is no column `node` (position 1)"),
        ("staging/stomach", STOMACH.replace("stomach_n", "lung_n"), "has a rule of that name already"),
    ],
)
def test_a_site_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(content)
    with pytest.raises(PlanError, match=re.escape(message)):
        load_rule_sets({name: "own.toml"}, tmp_path)


def test_a_rule_of_a_shipped_site_is_changed_by_the_user(tmp_path: Path) -> None:
    """A clinic that does not round: 20.4 mm is T2."""
    exact = 'like = { rule = "breast_clinical_t", edition = "AJCC 8th edition" }'
    own = f'[breast_clinical_t]\n{exact}\nedition = "AJCC 8th edition, sizes as measured"\n'
    (tmp_path / "own.toml").write_text(f'{own}quantities = {{ millimetres = "size" }}\n')
    rules = load_rule_sets({"staging/breast": "own.toml"}, tmp_path)
    rule = rules.derivation("breast_clinical_t")
    frame, known = pl.DataFrame({"size": [20.0, 20.4]}), {"size": Column(kind="number")}
    assert frame.select(rule.compile({"size": "size"}, known)).to_series().to_list() == ["T1c", "T2"]


def test_the_guide_shows_a_file_that_can_be_used() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "staging.md").read_text()
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)]
    (stomach,) = [block for block in blocks if "stomach_n" in block]
    (rule,) = staging_rules(stomach)["stomach_n"].values()
    frame, known = pl.DataFrame({"nodes": [0, 2, 3, 7, 15, 16, None]}), {"nodes": Column(kind="integer")}
    found = frame.select(rule.compile({"nodes": "nodes"}, known)).to_series().to_list()
    assert found == ["N0", "N1", "N2", "N3a", "N3a", "N3b", None]
    derived = [one for block in blocks for one in block.get("derive", {}).values()]
    for options in derived:
        arguments = {k: v for k, v in options.items() if k not in ("rule", "edition")}
        kinds = SHIPPED.derivation(options["rule"], options["edition"]).arguments
        columns = {column: Column(kind=kinds[name].kinds[0]) for name, column in arguments.items()}
        assert SHIPPED.derivation(options["rule"], options["edition"]).faults(arguments, columns) == []
