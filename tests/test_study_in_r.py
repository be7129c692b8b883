"""The bundled study, estimated a second time by `golden/r/16_imn_study.R` from the raw table: number by number."""

import math
from collections.abc import Iterator
from typing import Any

import pytest

from counterpoise.report import Number, Numbers, collect_numbers
from counterpoise.study import Study
from tests.golden import golden

FIELDS = ("value", "lower", "upper", "std_error", "p_value", "n", "events")
TOPICS = (
    "flow",
    "follow_up",
    "baseline_arms",
    "baseline_groups",
    "overall",
    "groups",
    "cox_models",
    "balance",
    "unadjusted",
    "matched",
    "stability",
    "weighted",
    "subgroups",
    "alternatives",
    "weighted_groups",
    "toxicity",
    "findings",
)
FURTHER = {
    "definitions": "definitions",
    "first_sites": "endpoints",
    "grades": "toxicity",
    "incidence": "toxicity",
    "records": "toxicity",
    "imn_findings": "immortal_time",
}
"""Topics that a script of their own computes, with the file of its values."""
# A p-value doubles the error of its z, and a fit stops where the log-likelihood is flat to the last digit.
TOLERANCE = 1e-8
# Differences that are nothing but rounding: means that agree in both arms leave 1e-17, not 0.
ROUNDING = 1e-12
REPLICATES_OF_R = 2000
# What is no estimate: what the plan says, where the findings draw a line, and replicates that failed.
NOT_ESTIMATED = {
    "stability.runs",
    "groups_weighted.penalty",
    "findings.balance_after_matching.threshold",
    "findings.balance_after_weighting.threshold",
    "findings.follow_up_reach.horizon",
    "findings.subgroups_not_balanced.threshold",
    "findings.definitions_differ.level",
    *(f"{endpoint}.weighted.bootstrap_failed" for endpoint in ("os", "dfs", "lrrfs", "dmfs")),
    # Counts of checks and of queries about records: tests/quality holds them to errors planted by hand.
    *(f"quality.{name}" for name in ("run", "not_run", "errors", "queries", "open", "patients")),
    *(
        f"quality.{check}.{name}"
        for check in ("E29", "Q4", "Q21", "Q22", "Q23")
        for name in ("raised", "open", "closed", "patients")
    ),
    *(f"findings.open_queries.{name}" for name in ("queries", "patients", "errors")),
}
BOOTSTRAPPED = tuple(golden("imn_study", "bootstrap"))


@pytest.fixture(scope="module")
def numbers(bundled: Study) -> Numbers:
    return collect_numbers(bundled)


def of_r(key: str) -> dict[str, dict[str, Any]]:
    return golden(FURTHER.get(key, "imn_study"), key)


def is_simulated(number: Number) -> bool:
    return "Monte Carlo" in number.method


def agree(ours: float | None, theirs: float | None) -> bool:
    """Return whether two fields are equal; NaN is R's null, and a field that is absent equals nothing but itself."""
    if ours is None or theirs is None:
        return ours is not None and math.isnan(ours)
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=ROUNDING)


def differences(numbers: Numbers, topic: str) -> Iterator[str]:
    for key, theirs in of_r(topic).items():
        number = numbers[key]
        for field in FIELDS:
            ours = getattr(number, field)
            if is_simulated(number) or (field not in theirs and ours is None):
                continue
            if field not in theirs or not agree(ours, theirs[field]):
                yield f"{key} {field}: {ours} here, {theirs.get(field, 'nothing')} in R"


@pytest.mark.parametrize("topic", [*TOPICS, *FURTHER])
def test_every_number_is_that_of_r(numbers: Numbers, topic: str) -> None:
    assert list(differences(numbers, topic)) == []


def test_nothing_that_is_estimated_is_left_out(numbers: Numbers) -> None:
    in_r = {key for topic in (*TOPICS, *FURTHER) for key in of_r(topic)} | set(BOOTSTRAPPED)
    assert {key for key in numbers if not key.startswith("settings.")} == in_r | NOT_ESTIMATED


def test_simulated_p_values_are_near_the_exact_ones(numbers: Numbers) -> None:
    """Fisher's test on the larger tables: 100,000 tables drawn here, all of them enumerated by R."""
    simulated = [number for number in numbers.values() if is_simulated(number)]
    assert [number.id for number in simulated] == [f"baseline.groups.{row}.p" for row in ("cT", "subtype", "mp_grade")]
    for number in simulated:
        exact = of_r("baseline_groups")[number.id]["value"]
        assert "100,000 tables" in number.method
        assert abs(number.value - exact) < 4 * math.sqrt(exact * (1 - exact) / 1e5)


@pytest.mark.parametrize("key", BOOTSTRAPPED)
def test_the_bootstrap_is_near_one_with_other_weights(numbers: Numbers, key: str) -> None:
    """Hold what rests on random weights to R's own draw of them, within four Monte Carlo errors of both."""
    ours, theirs = numbers[key], of_r("bootstrap")[key]
    assert ours.lower is not None
    assert ours.upper is not None
    assert math.isclose(ours.value, theirs["value"], rel_tol=TOLERANCE)
    std_error = of_r("bootstrap")[key.replace("percentile", "bootstrap")]["std_error"]
    drawn = math.sqrt(1 / 1000 + 1 / REPLICATES_OF_R)
    if ours.std_error is not None:
        assert abs(ours.std_error / std_error - 1) < 0.1
        assert math.isclose(math.log(ours.upper / ours.lower), 2 * 1.959963984540054 * ours.std_error, rel_tol=1e-9)
        assert ours.p_value is not None
        assert math.isclose(ours.p_value, math.erfc(abs(math.log(ours.value)) / ours.std_error / math.sqrt(2)))
    else:
        # the error of a quantile is sqrt(.025 × .975 / replicates) over the density there, normal: .058 / SD
        limit = 4 * math.sqrt(0.025 * 0.975) * drawn / 0.0584 * std_error
        assert abs(math.log(ours.lower / theirs["lower"])) < limit
        assert abs(math.log(ours.upper / theirs["upper"])) < limit
