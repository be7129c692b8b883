from dataclasses import replace

import pytest

from counterpoise.findings.subgroups import subgroup_interactions, subgroups_with_few_events
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
