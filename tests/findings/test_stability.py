from dataclasses import replace

import numpy as np
import pytest

from counterpoise.balance import MatchOptions
from counterpoise.findings.models import no_pairs
from counterpoise.findings.stability import unstable_matching
from tests.findings.cases import Case, apply, only, study


def with_runs(case: Case, ratios: list[float], p_values: list[float], distinct: int = 3) -> Case:
    design, analyses = case
    runs = analyses.stability
    assert runs is not None
    size = len(ratios)
    changed = replace(
        runs,
        seed=np.arange(size),
        order=("descending",) * size,
        sets=np.full(size, 20),
        matched_treated=np.full(size, 20),
        hazard_ratio=np.array(ratios)[:, None],
        p_value=np.array(p_values)[:, None],
        distinct=distinct,
    )
    return design, replace(analyses, stability=changed)


@pytest.mark.parametrize(
    ("ratios", "p_values", "severity"),
    [
        ([0.60, 0.62, 0.61], [0.04, 0.06, 0.05], "serious"),
        ([0.50, 0.70, 0.60], [0.20, 0.40, 0.30], "caution"),
        ([0.60, 0.62, np.nan], [0.30, 0.32, np.nan], None),
    ],
)
def test_reruns_that_disagree(case: Case, ratios: list[float], p_values: list[float], severity: str | None) -> None:
    changed = with_runs(case, ratios, p_values)
    if severity is None:
        assert apply(unstable_matching, changed) == []
        return
    found = only(unstable_matching, changed)
    assert found.severity == severity
    assert "OS from {os_low:ratio} to {os_high:ratio}" in found.text
    assert (found.values["os_low"], found.values["os_high"]) == (min(ratios), max(ratios))
    assert (found.values["runs"], found.values["distinct"]) == (3, 3)


def test_nothing_is_said_where_no_tie_was_broken_or_nothing_rerun(case: Case) -> None:
    assert apply(unstable_matching, with_runs(case, [0.5, 0.9], [0.01, 0.8], distinct=1)) == []
    design, analyses = case
    assert apply(unstable_matching, (design, replace(analyses, stability=None))) == []


def test_a_request_that_cannot_be_had_is_told_with_its_reason() -> None:
    found = only(no_pairs, study(3, n=60, matching=MatchOptions(method="optimal", caliper=1e-9)))
    assert found.severity == "serious"
    assert "`caliper` leaves no pair" in found.text
