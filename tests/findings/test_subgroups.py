from dataclasses import replace

import pytest

from counterpoise.estimate import SubgroupEffect
from counterpoise.findings.subgroups import subgroup_interactions, subgroups_not_balanced, subgroups_with_few_events
from tests.findings.cases import (
    Case,
    apply,
    only,
)

NAN = float("nan")


def with_too_few(case: Case, flags: list[bool]) -> Case:
    design, analyses = case
    assert analyses.subgroups is not None
    given = iter(flags)
    variables = tuple(
        replace(v, levels=tuple(replace(level, too_few=next(given)) for level in v.levels))
        for v in analyses.subgroups.variables
    )
    return design, replace(analyses, subgroups=replace(analyses.subgroups, variables=variables))


def test_subgroups_with_too_few_events_are_named(case: Case) -> None:
    found = only(subgroups_with_few_events, with_too_few(case, [False, True, False, True, False]))
    assert (found.severity, found.values) == ("caution", {"few": 2, "total": 5})
    assert "{few:count} of {total:count} subgroups have too few events" in found.text
    assert "high: Yes and stage: II." in found.text
    one = only(subgroups_with_few_events, with_too_few(case, [True, False, False, False, False]))
    assert "{total:count} subgroups has too few events" in one.text
    assert apply(subgroups_with_few_events, with_too_few(case, [False] * 5)) == []


@pytest.mark.parametrize(
    ("tests", "severity", "label"),
    [((0.04, 0.5), "caution", "high"), ((0.5, 0.05), "note", "stage"), ((NAN, 0.3), "note", "stage")],
)
def test_interactions(case: Case, tests: tuple[float, float], severity: str, label: str) -> None:
    found = only(subgroup_interactions, with_interactions(case, tests))
    assert found.severity == severity
    assert f"({label})" in found.text
    known = [p for p in tests if p == p]
    assert found.values == {"tested": len(known), "lowest": min(known)}


def test_interactions_that_could_not_be_tested_are_not_spoken_of(case: Case) -> None:
    assert apply(subgroup_interactions, with_interactions(case, (NAN, NAN))) == []


def with_interactions(case: Case, tests: tuple[float, float]) -> Case:
    design, analyses = case
    assert analyses.subgroups is not None
    variables = tuple(replace(v, interaction_p=p) for v, p in zip(analyses.subgroups.variables, tests, strict=True))
    return design, replace(analyses, subgroups=replace(analyses.subgroups, variables=variables))


def with_balance(case: Case, whole: list[float], reasons: list[str]) -> Case:
    """The same study with these largest differences inside its five subgroups."""
    design, analyses = case
    assert analyses.subgroups is not None
    given = iter(zip(whole, reasons, strict=True))

    def changed(level: SubgroupEffect) -> SubgroupEffect:
        value, reason = next(given)
        return replace(level, within=replace(level.within, whole=value, reason=reason))

    variables = tuple(replace(v, levels=tuple(changed(x) for x in v.levels)) for v in analyses.subgroups.variables)
    return design, replace(analyses, subgroups=replace(analyses.subgroups, variables=variables))


def test_subgroups_that_the_weights_do_not_balance_are_counted(case: Case) -> None:
    found = only(subgroups_not_balanced, with_balance(case, [0.1, 0.3, NAN, 0.8, 0.25], ["", "", "x", "x", ""]))
    assert found.values == {"threshold": 0.25, "off": 2, "judged": 4, "worst": 0.8, "fitted": 3}
    assert apply(subgroups_not_balanced, with_balance(case, [0.1] * 5, [""] * 5)) == []
    assert apply(subgroups_not_balanced, (case[0], replace(case[1], subgroups=None))) == []
