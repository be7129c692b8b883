from dataclasses import replace

import numpy as np

from counterpoise.findings.weights import extreme_weights
from tests.findings.cases import (
    Case,
    only,
    with_adjustments,
)


def test_moderate_weights(case: Case) -> None:
    assert case[1].adjustments is not None
    weighting = replace(
        case[1].adjustments.weighting, weights=np.ones(120), effective_sample_size=case_sizes(case), minimum=1.0
    )
    found = only(extreme_weights, with_adjustments(case, weighting=weighting))
    assert (found.severity, found.values["largest"]) == ("note", 1.0)


def case_sizes(case: Case) -> tuple[float, float]:
    treated = case[0].treatment.received
    return float((~treated).sum()), float(treated.sum())


def test_a_low_effective_sample_size_or_one_large_weight(case: Case) -> None:
    assert case[1].adjustments is not None
    weighting = case[1].adjustments.weighting
    control, treated = case_sizes(case)
    low = replace(weighting, weights=np.ones(120), effective_sample_size=(0.49 * control, treated))
    assert only(extreme_weights, with_adjustments(case, weighting=low)).severity == "caution"
    weights = np.ones(120)
    weights[3] = 12.0
    large = replace(weighting, weights=weights, effective_sample_size=(control, treated))
    found = only(extreme_weights, with_adjustments(case, weighting=large))
    assert (found.severity, found.title) == ("caution", "A few patients carry much of the weight")
