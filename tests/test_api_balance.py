"""The balance table of dataframes is that of arrays."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import counterpoise as cp
from counterpoise import balance


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_the_options_of_the_balance_table_are_those_of_its_stage(library: Any) -> None:
    rng = np.random.default_rng(3)
    columns = {"age": rng.normal(size=40), "stage": rng.integers(0, 2, 40).astype(float)}
    treated, weights, centre = rng.integers(0, 2, 40), rng.uniform(1, 2, 40), np.repeat(["a", "b"], 20)
    frame = library({**columns, "treated": treated, "weights": weights, "centre": centre.tolist()})
    found = cp.check_balance(
        frame["treated"],
        frame[["age", "stage"]],
        estimand="ATT",
        sampling_weights=frame["weights"],
        squares=True,
        interactions=True,
        overlap=True,
        within=frame["centre"],
    )
    expected = balance.check_balance(
        np.column_stack(list(columns.values())),
        treated,
        ["age", "stage"],
        estimand="ATT",
        sampling_weights=weights,
        squares=True,
        interactions=True,
        overlap=True,
        within=centre,
    )
    assert found.names == expected.names == ("age", "stage", "age²", "age * stage")
    assert found.denominator == "treated"
    np.testing.assert_array_equal(found.unadjusted.smd, expected.unadjusted.smd)
    assert found.overlap is not None
    assert expected.overlap is not None
    np.testing.assert_array_equal(found.overlap.unadjusted, expected.overlap.unadjusted)
    for one, other in zip(found.subgroups, expected.subgroups, strict=True):
        assert one.unadjusted is not None
        assert other.unadjusted is not None
        np.testing.assert_array_equal(one.unadjusted.smd, other.unadjusted.smd)
