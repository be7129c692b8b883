from dataclasses import replace

import pytest

from counterpoise.balance import MatchOptions, WeightOptions
from counterpoise.findings.estimands import estimands_differ
from tests.findings.cases import (
    Case,
    apply,
    only,
    study,
    with_contrasts,
)


@pytest.mark.parametrize(
    ("caliper", "severity", "words"), [(None, "note", "in the treated."), (0.2, "caution", "could be")]
)
def test_estimands_that_differ(caliper: float | None, severity: str, words: str) -> None:
    case = study(20, n=80, matching=MatchOptions(caliper=caliper))
    assert case[1].adjustments is not None
    assert case[1].adjustments.matching.whole == (severity == "note")
    found = only(estimands_differ, case)
    assert found.severity == severity
    assert words in found.text
    assert "pairs and leaves out" in found.text


def test_estimands_that_are_the_same_are_not_spoken_of(case: Case) -> None:
    same = with_contrasts(case, lambda c: replace(c, estimand="ATE"))
    assert apply(estimands_differ, same) == []
    assert apply(estimands_differ, study(3, n=60, matching=MatchOptions(caliper=1e-9))) == []
    att = study(4, n=60, weights=WeightOptions(estimand="ATT"), matching=MatchOptions(caliper=None))
    matched = att[1].contrast("os", "matched").estimand
    assert [found.name for found in apply(estimands_differ, att)] == ([] if matched == "ATT" else ["estimands_differ"])
