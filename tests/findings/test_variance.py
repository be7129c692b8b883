from dataclasses import replace

import pytest

from counterpoise.findings import variance
from counterpoise.findings.variance import bootstrap_failures, weighted_against_naive
from tests.findings.cases import (
    Case,
    apply,
    only,
    p_values,
    with_contrasts,
)

NAN = float("nan")
either_side = variance.tests_on_either_side


@pytest.mark.parametrize(
    ("naive", "robust", "severity", "title"),
    [
        (0.01, 0.10, "serious", "would have turned the weighted result significant"),
        (0.04999, 0.05, "serious", "would have turned the weighted result significant"),
        (0.06, 0.04, "note", "would have hidden a weighted result"),
        (0.01, 0.04, "note", "do not hang on the naive variance"),
        (0.40, 0.60, "note", "do not hang on the naive variance"),
    ],
)
def test_naive_variance(case: Case, naive: float, robust: float, severity: str, title: str) -> None:
    found = only(weighted_against_naive, with_contrasts(case, lambda c: p_values(c, naive=naive, wald=robust)))
    assert found.severity == severity
    assert title in found.title
    assert found.values == {"os_naive": naive, "os_leading": robust}


def test_naive_variance_is_not_spoken_of_where_there_is_no_answer_or_no_visible_difference(case: Case) -> None:
    for naive, robust in ((NAN, NAN), (0.0001, 0.0009)):
        silent = with_contrasts(case, lambda c, n=naive, r=robust: p_values(c, naive=n, wald=r))
        assert apply(weighted_against_naive, silent) == []


@pytest.mark.parametrize(("wald", "curve"), [(0.052, 0.047), (0.049, 0.05)])
def test_two_tests_on_either_side(case: Case, wald: float, curve: float) -> None:
    found = only(either_side, with_contrasts(case, lambda c: p_values(c, wald=wald, curve=curve)))
    assert found.severity == "caution"
    assert found.values["os_weighted_wald"] == wald
    assert found.values["os_weighted_curve"] == curve
    assert "log-rank test {os_unadjusted_curve:p}" in found.text


@pytest.mark.parametrize(
    ("wald", "curve"), [(0.01, 0.02), (0.2, 0.3), (0.05, 0.05), (NAN, 0.01), (0.01, NAN), (NAN, NAN)]
)
def test_tests_that_agree_or_are_not_there_are_on_one_side(case: Case, wald: float, curve: float) -> None:
    assert apply(either_side, with_contrasts(case, lambda c: p_values(c, wald=wald, curve=curve))) == []


@pytest.mark.parametrize(("failed", "severity"), [(1, "caution"), (2, "serious"), (20, "serious")])
def test_failed_replicates(case: Case, failed: int, severity: str) -> None:
    design, analyses = case
    effects = tuple(replace(effect, failed=failed) for effect in analyses.bootstrap)
    found = only(bootstrap_failures, (design, replace(analyses, bootstrap=effects)))
    assert found.severity == severity  # of 20 replicates, one in twenty is the limit
    assert found.values == {"replicates": 20, "os": failed}


def test_replicates_that_all_converged_are_not_spoken_of(case: Case) -> None:
    assert apply(bootstrap_failures, case) == []
