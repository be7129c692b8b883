"""What the report says of all groups weighted to one population."""

import copy
from functools import cache
from typing import Any

import pytest

from counterpoise.plan import plan_from
from counterpoise.report.document import Document, Figure, Heading, Table, check_document, plain
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study, check
from tests.report.test_content import _frame, _tree, cells, document_of, notes, table, texts, without

PLANS: dict[str, dict[str, Any]] = {
    "overlap": {"estimand": "ATO", "penalty": 2, "factorial": ["imnd", "imn_boost"]},
    "focal": {"estimand": "ATT", "focal": "IMND+/IMNB+"},
    "separated": {"covariates": ["age", "known"]},
}


def tree(name: str) -> dict[str, Any]:
    plan = copy.deepcopy(_tree())
    without("subgroups", "toxicity", "published", "response", "doses")(plan)
    plan["bootstrap"]["replicates"] = 0
    plan["balance"].pop("alternatives", None)
    plan["balance"]["groups"] = {"covariates": ["age", "imn_short_axis_mm", "ct34"], **PLANS[name]}
    plan["derive"]["known"] = {"value": "imnd == 1", "label": "Nodes known"}
    return plan


@cache
def made(name: str) -> tuple[Study, Numbers, Document]:
    return document_of(tree(name), _frame())


@pytest.mark.parametrize("name", PLANS)
def test_the_section_holds_together(name: str) -> None:
    document = made(name)[2]
    check_document(document)
    assert any(isinstance(block, Heading) and block.text == "All groups, weighted" for block in document.blocks)


def test_weights_balance_rates_pairs_interaction_and_curves_are_shown() -> None:
    study, numbers, document = made("overlap")
    names = {block.name for block in document.blocks if isinstance(block, Figure | Table)}
    assert {"groups_weighted_weights", "groups_weighted_balance", "groups_weighted_rates"} <= names
    assert {"groups_weighted_pairs", "groups_weighted_interaction", "curves_groups_weighted"} <= names
    found = cells(table(document, "groups_weighted_interaction"))
    assert list(found) == ["OS", "DFS", "LRRFS", "DMFS"]
    assert found["OS"][-1] == plain(numbers.parts("{groups_weighted.os.factorial.interaction:p_value}"), {})
    assert "IMND+/IMNB+ vs IMND−/IMNB−" in cells(table(document, "groups_weighted_pairs"))
    assert "the root of the mean of the variances" in notes(table(document, "groups_weighted_balance"))
    words = " ".join(texts(document))
    assert "weighted to resemble patients who might have been in any of the groups (ATO, overlap weights)" in words
    assert "with a ridge on the slopes" in words
    assert study.analyses.weighted_groups is not None
    assert sum(numbers[f"groups_weighted.g{place}.n"].value for place in range(1, 5)) == 146


def test_a_focal_group_is_named_and_without_two_treatments_there_is_no_interaction() -> None:
    _, numbers, document = made("focal")
    words = " ".join(texts(document))
    assert "weighted to resemble the patients of IMND+/IMNB+ (ATT)" in words
    assert "the standard deviation of IMND+/IMNB+" in notes(table(document, "groups_weighted_balance"))
    assert "groups_weighted_interaction" not in {b.name for b in document.blocks if isinstance(b, Table)}
    assert "groups_weighted.os.factorial.interaction" not in numbers
    assert numbers["groups_weighted.os.g4.rate"].estimand == "ATT of IMND+/IMNB+"


def test_groups_that_are_separated_have_a_reason_a_finding_and_no_table() -> None:
    study, numbers, document = made("separated")
    words = " ".join(texts(document))
    assert "could not be weighted to one population: Nodes known tells groups apart without exception" in words
    assert "groups_weighted_weights" not in {b.name for b in document.blocks if isinstance(b, Table)}
    assert any(finding.name == "groups_not_weighted" for finding in study.findings)
    assert numbers["groups_weighted.n"].value == 146
    (problem,) = check(plan_from(tree("separated")), _frame())
    assert problem.where == "plan: balance.groups"
    assert "Nodes known" in problem.what
