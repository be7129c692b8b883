"""The documents of the project say what is true of the code."""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.version import Version

import counterpoise
from counterpoise.cli.commands import app
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.oncology.endpoints import ENDPOINT_RULES
from counterpoise.plan import plan_schema, read_plan
from counterpoise.read.rule_syntax import FUNCTIONS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDE = (ROOT / "docs" / "guide" / "plan.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()

EVERYDAY = """
acute banner by censor column columns data date_order decimal_comma distant doses drop endpoints
events examined_by file id keep kind label late local maximum method minimum minimum_events
minimum_events_per_arm name of order question ratio regional response rows scale setting short
source study table_one title toxicity unit value cox curves
"""
"""Keys whose word says all, and headings; every other key has its word in the glossary."""


ELSEWHERE = {"definitions.endpoints"}
"""Tables whose keys are those of another, under whose heading they are explained."""


def schema_keys() -> Iterator[tuple[str, str, Any]]:
    """Yield the heading, key and default of every key of the plan; a required key's default is Ellipsis."""
    schema = plan_schema()
    definitions = schema["$defs"]

    def visit(node: dict[str, Any], path: str) -> Iterator[tuple[str, str, Any]]:
        for key, value in node["properties"].items():
            if path:
                yield path, key, ... if key in node.get("required", ()) else value.get("default")
            inner = table_within(value)
            if inner and f"{path}.{key}" not in ELSEWHERE:
                yield from visit(inner, f"{path}.{key}" if path else key)

    def table_within(node: dict[str, Any]) -> dict[str, Any] | None:
        """Return the definition of the table that a key holds, be it one, a list or a mapping of them."""
        found = re.search(r'"#/\$defs/(\w+)"', json.dumps(node))
        if found is None:
            return None
        definition = definitions[found[1]]
        return next((form for form in (definition, *definition.get("anyOf", ())) if "properties" in form), None)

    return visit(schema, "")


def tables(text: str) -> dict[str, list[list[str]]]:
    """Return the cells of the tables of a document, by the heading above them."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip("`[]")
        elif line.startswith("| `"):
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_guide_explains_every_key_of_the_plan_and_no_other() -> None:
    documented = {(head, code(row[0])[0]) for head, rows in tables(GUIDE).items() for row in rows if len(row) == 3}
    keys = {(head, key) for head, key, _ in schema_keys()}
    assert {(head, key) for head, key in documented if "by name" not in head} == keys


def test_the_guide_gives_every_default() -> None:
    stated = {(head, code(row[0])[0]): row[2] for head, rows in tables(GUIDE).items() for row in rows}
    for head, key, default in schema_keys():
        said = stated[head, key]
        if default is ...:
            assert said == "required", (head, key)
        elif isinstance(default, bool | int | float) or default:
            assert isinstance(default, dict) or code(said)[:1] == [json.dumps(default)], (head, key)
        else:
            assert "required" not in said or "then" in said, (head, key)


def test_every_plan_in_the_documents_is_toml_and_the_whole_one_is_a_plan() -> None:
    blocks = [block for path in DOCUMENTS for block in re.findall(r"```toml\n(.*?)```", path.read_text(), re.DOTALL)]
    assert len(blocks) >= 5
    for block in blocks:
        tomllib.loads(block)
    assert read_plan(re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]).data.id == "patient_id"


def test_the_guide_lists_every_derivation_with_its_arguments() -> None:
    stated = {code(row[0])[0]: row[2] for row in tables(GUIDE)["Derived variables by name"]}
    assert set(stated) == set(DERIVATIONS)
    for name, derivation in DERIVATIONS.items():
        required, _, optional = stated[name].partition(";")
        arguments = derivation.arguments
        assert set(code(required)) == {key for key, argument in arguments.items() if argument.required}, name
        assert set(code(optional)) == {key for key, argument in arguments.items() if not argument.required}, name


def test_the_guide_lists_every_endpoint_with_its_events() -> None:
    stated = {code(row[0])[0]: row[1] for row in tables(GUIDE)["Endpoints by name"]}
    assert stated == {name: ", ".join(rule.events) for name, rule in ENDPOINT_RULES.items()}


def test_the_guide_lists_every_function_of_rules() -> None:
    row = next(line for line in GUIDE.splitlines() if line.startswith("| functions |"))
    dates = next(line for line in GUIDE.splitlines() if line.startswith("| dates |"))
    assert set(re.findall(r"`(\w+)\(", row + dates)) == set(FUNCTIONS)


def test_every_key_of_the_plan_is_in_the_glossary_or_an_everyday_word() -> None:
    words = {word for line in GLOSSARY.splitlines() for word in line.split("|")[1:2]}
    known = {re.sub("[ -]", "_", part.strip()) for word in words for part in word.split(",")}
    keys = {key for _, key, _ in schema_keys()} | {head.split(".")[-1] for head, _, _ in schema_keys()}
    assert sorted(key for key in keys - set(EVERYDAY.split()) if not known & {key, key.removesuffix("s")}) == []


def test_the_readme_names_every_command_and_option() -> None:
    text = (ROOT / "README.md").read_text()
    group = typer.main.get_command(app)
    commands: dict[str, Any] = getattr(group, "commands")  # noqa: B009 - typer's classes are private
    for name, command in commands.items():
        assert f"`counterpoise {name}" in text, name
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option == "--help" or f"`{option}" in text, option


def test_the_changelog_speaks_of_this_version() -> None:
    version = PROJECT["project"]["version"]
    assert re.search(rf"^## .*\b{re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert importlib.metadata.version("counterpoise") == version


def test_contributing_draws_the_layers_that_are_enforced() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawn = re.findall(r"^    (\w+(?: \| \w+)*) {2,}", text, re.MULTILINE)
    contract = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    assert drawn == contract["layers"]


def test_the_documents_name_public_functions_only() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"\b(?:counterpoise|cp)\.(\w+)\(", path.read_text())}
    assert named <= set(counterpoise.__all__)
    assert {"run", "kaplan_meier", "cox"} <= named


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        place, _, anchor = target.partition("#")
        if not target.startswith("https://"):
            assert not place or (path.parent / place).exists(), target
            assert not anchor or place or anchor in anchors(path), target


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_requirement_is_pinned_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9a-z.]+", line) for line in lines)
    pinned = {name: version for name, _, version in (line.partition("==") for line in lines)}
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    groups.append(PROJECT["build-system"]["requires"])
    for requirement in (Requirement(text) for group in groups for text in group):
        assert requirement.specifier.contains(Version(pinned[requirement.name])), requirement


def test_the_readme_and_the_makefile_agree_on_the_commands() -> None:
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"demo", "check"} <= set(re.findall(r"make ([a-z-]+)", text)) <= targets
    assert "make check" in (ROOT / ".ci" / "run").read_text()
