import numpy as np
import pytest

from counterpoise.cohort import boost_doses
from counterpoise.errors import PlanError
from counterpoise.oncology.records import RecordOptions
from tests.cohort.tables import table_of

TABLE = table_of(
    gy=("number", [50.0, 60.0, 40.0, None, 50.0]),
    n=("integer", [25, 30, 15, 25, None]),
    more=("number", [10.0, None, None, 10.0, 10.0]),
    m=("integer", [5, None, None, 5, 5]),
    words=("text", ["a", "b", "c", "d", "e"]),
)


def test_phases_are_summed_as_equivalent_doses() -> None:
    """40 Gy in 15 fractions: 40 × (2.667 + 4) / 6 = 44.4 Gy."""
    options = RecordOptions(dose="gy", fractions="n", boost_dose="more", boost_fractions="m")
    found = boost_doses(TABLE, options)
    assert found is not None
    assert found.equivalent
    np.testing.assert_allclose(found.base, [50, 60, 400 / 9, np.nan, np.nan])
    np.testing.assert_allclose(found.total, [60, 60, 400 / 9, np.nan, np.nan])


def test_without_fractions_doses_are_plain() -> None:
    found = boost_doses(TABLE, RecordOptions(dose="gy", boost_dose="more"))
    assert found is not None
    assert not found.equivalent
    np.testing.assert_allclose(found.total, [60, 60, 40, np.nan, 60])


def test_without_both_doses_there_is_nothing_to_say() -> None:
    assert boost_doses(TABLE, RecordOptions(dose="gy")) is None
    assert boost_doses(TABLE, RecordOptions(boost_dose="more")) is None


def test_columns_that_hold_no_doses_are_named() -> None:
    with pytest.raises(PlanError, match=r"records\.dose"):
        boost_doses(TABLE, RecordOptions(dose="words", boost_dose="more"))
