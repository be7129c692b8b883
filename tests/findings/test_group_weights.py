from dataclasses import replace

import pytest

from counterpoise.balance import GroupWeightOptions
from counterpoise.estimate import WeightedGroups
from counterpoise.findings.group_weights import group_interaction, group_weights, groups_not_weighted
from tests.estimate.cohorts import analysed, flag, terms
from tests.estimate.test_group_weighting import crossed
from tests.findings.cases import Case, apply, only


@pytest.fixture(scope="module")
def weighted() -> Case:
    design = crossed(1)
    return design, analysed(design, group_weights=GroupWeightOptions(estimand="ATO"))


def groups_of(case: Case) -> WeightedGroups:
    assert case[1].weighted_groups is not None
    return case[1].weighted_groups


def changed(case: Case, groups: WeightedGroups) -> Case:
    return case[0], replace(case[1], weighted_groups=groups)


def with_weighting(case: Case, **parts: object) -> Case:
    groups = groups_of(case)
    return changed(case, replace(groups, weighting=replace(groups.weighting, **parts)))  # pyright: ignore[reportArgumentType]


def with_interaction(case: Case, p_value: float) -> Case:
    groups = groups_of(case)
    (first, *rest) = groups.comparisons
    assert first.factorial is not None
    ratio = replace(first.factorial.interaction, stacked=replace(first.factorial.interaction.stacked, p_value=p_value))
    first = replace(first, factorial=replace(first.factorial, interaction=ratio))
    return changed(case, replace(groups, comparisons=(first, *rest)))


def test_nothing_is_said_where_groups_were_not_to_be_weighted(case: Case) -> None:
    for rule in (groups_not_weighted, group_weights, group_interaction):
        assert apply(rule, case) == []


def test_separated_groups_are_a_caution_with_the_reason() -> None:
    design = crossed(2)
    assert design.groups is not None
    telling = flag("telling", design.groups.codes == 0)
    parted = replace(design, group_score=terms([telling], design.size))
    case = parted, analysed(design=parted, group_weights=GroupWeightOptions())
    found = only(groups_not_weighted, case)
    assert found.severity == "caution"
    assert "telling tells groups apart" in found.text
    assert apply(group_weights, case) == apply(group_interaction, case) == []


def test_a_group_that_few_stand_for_is_a_caution(weighted: Case) -> None:
    sizes = groups_of(weighted).weighting.sizes
    balance = groups_of(weighted).weighting.balance
    assert balance is not None
    assert balance.weighted is not None
    near = replace(balance, weighted=replace(balance.weighted, largest=balance.weighted.largest * 0))
    full = {"balance": near, "heaviest": (1.0,) * 4, "effective_sizes": tuple(float(size) for size in sizes)}
    assert only(group_weights, with_weighting(weighted, **full)).severity == "note"
    low = (float(sizes[0]), 0.4 * sizes[1], *(float(size) for size in sizes[2:]))
    found = only(group_weights, with_weighting(weighted, **{**full, "effective_sizes": low}))
    assert (found.severity, found.values["effective"], found.values["patients"]) == ("caution", low[1], sizes[1])
    heavy = only(group_weights, with_weighting(weighted, **{**full, "heaviest": (1.0, 1.0, 11.0, 1.0)}))
    assert (heavy.severity, heavy.values["heaviest"]) == ("caution", 11.0)


def test_groups_that_stay_unlike_each_other_are_serious(weighted: Case) -> None:
    balance = groups_of(weighted).weighting.balance
    assert balance is not None
    assert balance.weighted is not None
    far = replace(balance, weighted=replace(balance.weighted, largest=balance.weighted.largest * 0 + 0.26))
    found = only(group_weights, with_weighting(weighted, balance=far))
    assert (found.severity, found.values["after"]) == ("serious", 0.26)


def test_an_interaction_is_a_caution_and_none_is_a_note(weighted: Case) -> None:
    found = only(group_interaction, with_interaction(weighted, 0.04))
    assert (found.severity, found.title) == ("caution", "The effects of one and other do not multiply")
    assert (found.values["tested"], found.values["p_value"]) == (1, 0.04)
    none = only(group_interaction, with_interaction(weighted, 0.05))
    assert (none.severity, none.title) == ("note", "The effects of one and other may multiply")
    assert apply(group_interaction, with_interaction(weighted, float("nan"))) == []
