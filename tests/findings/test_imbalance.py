from dataclasses import replace

import numpy as np
import pytest

from counterpoise.findings.imbalance import imbalance_left
from tests.findings.cases import (
    Case,
    apply,
    only,
    with_adjustments,
)


def with_differences(case: Case, smd: list[float]) -> Case:
    assert case[1].adjustments is not None
    balance = case[1].adjustments.balance
    assert balance.weighted is not None
    weighted = replace(balance.weighted, smd=np.array(smd))
    return with_adjustments(case, balance=replace(balance, weighted=weighted, matched=None))


@pytest.mark.parametrize(
    ("smd", "severity", "words"),
    [
        ([0.1, -0.1, 0, 0, 0], "note", "is {largest:number3} (age, years), below"),
        ([0.05, -0.11, 0, 0, 0], "caution", "{over:count} covariate has an absolute standardised difference"),
        ([0.12, -0.25, 0, 0, 0], "caution", "{over:count} covariates have"),
        ([0.12, 0, -0.26, 0, 0], "serious", "stage: I and age, years; the largest is"),
        ([0, 0, 0, 0, np.inf], "serious", "stage: III; the largest is"),
    ],
)
def test_imbalance_left(case: Case, smd: list[float], severity: str, words: str) -> None:
    found = only(imbalance_left, with_differences(case, smd))
    assert (found.severity, found.name) == (severity, "balance_after_weighting")
    assert words in found.text
    assert found.values["largest"] == np.abs(smd).max()


def test_balance_is_judged_after_matching_and_after_weighting(case: Case) -> None:
    assert [found.name for found in apply(imbalance_left, case)] == [
        "balance_after_matching",
        "balance_after_weighting",
    ]
