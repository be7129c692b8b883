from dataclasses import replace

import numpy as np
import pytest

from counterpoise.estimate import SubgroupOptions
from counterpoise.findings.positivity import positivity
from tests.estimate.cohorts import analysed, category, everyone, node_positive, random_cohort
from tests.findings.cases import Case, apply, only, without_adjustments


def test_node_negative_women_were_never_treated() -> None:
    """Rotterdam: none of the 1,436 women without an affected node was given hormonal therapy."""
    design = everyone()
    found = only(positivity, (design, analysed(design, subgroups=SubgroupOptions(of="os"))))
    assert found.severity == "serious"
    assert found.values == {"gap1": 1436, "gap2": 1436, "all": 2982}
    assert "lnodes below 0.6931" in found.text
    assert "nodegrp: 0, all in the arm" in found.text


def test_node_positive_women_have_counterparts() -> None:
    design = node_positive()
    assert apply(positivity, (design, analysed(design))) == []


def with_subgroup(values: list[float]) -> Case:
    design = replace(random_cohort(1, 120), subgroups=(category("kind", values, ("usual", "other")),))
    return design, analysed(design)


@pytest.mark.parametrize(("n", "found"), [(4, False), (40, True)])
def test_a_level_that_chance_would_leave_empty_is_no_gap(n: int, found: bool) -> None:
    received = random_cohort(1, 120).treatment.received
    treated = np.flatnonzero(received)
    values = np.zeros(120)
    values[treated[:n]] = 1
    case = with_subgroup(values.tolist())
    expected = (treated.size / 120) ** n < 0.001
    assert bool(apply(positivity, case)) is found is expected


def test_nothing_is_said_without_adjustment() -> None:
    design = random_cohort(1, 120)
    assert apply(positivity, without_adjustments((design, analysed(design)))) == []
