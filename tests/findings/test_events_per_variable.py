from dataclasses import replace

import numpy as np
import pytest

from counterpoise.findings.events_per_variable import events_per_variable, score_size
from tests.findings.cases import (
    Case,
    apply,
    only,
    study,
)


@pytest.mark.parametrize(("events", "severity"), [(0, "serious"), (24, "serious"), (25, "caution"), (49, "caution")])
def test_few_events_for_the_coefficients(case: Case, events: int, severity: str) -> None:
    found = only(events_per_variable, with_events(case, events))
    assert found.severity == severity
    assert found.values == {"os_events": events, "os_terms": 5, "os_ratio": events / 5}
    assert np.isfinite(found.importance)


def test_ten_events_a_coefficient_are_enough(case: Case) -> None:
    assert apply(events_per_variable, with_events(case, 50)) == []


def with_events(case: Case, events: int) -> Case:
    design, analyses = case
    (table,) = analyses.hazards
    scarce = replace(table, multivariable=replace(table.multivariable, events=events))
    return design, replace(analyses, hazards=(scarce,))


def test_a_score_of_many_coefficients_for_the_smaller_arm() -> None:
    small = study(2, n=60)
    found = only(score_size, small)
    treated = int(small[0].treatment.received.sum())
    smaller = min(treated, 60 - treated)
    assert found.severity == "caution"
    assert found.values == {"columns": 4, "smaller": smaller, "ratio": smaller / 4, "safe": smaller // 10}
    assert apply(score_size, study(2, n=300)) == []
