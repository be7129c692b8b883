import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.estimate import dose_summary, event_share
from tests.estimate.cohorts import category, endpoint, node_positive, number
from tests.golden import golden


def test_event_shares_have_the_wilson_interval_of_r() -> None:
    design, reference = node_positive(), golden("estimates", "event_share")
    treated = design.treatment.received
    members = {"all": np.ones(design.size, dtype=bool), "control": ~treated, "treated": treated}
    for key, chosen in members.items():
        found = event_share(design.endpoints[0], chosen, 0.95)
        np.testing.assert_allclose([found.lower, found.upper], reference[key], rtol=1e-10)
        assert found.share == pytest.approx(found.events / found.size)


def test_share_of_four_patients_by_hand() -> None:
    found = event_share(endpoint([1, 2, 3, 4], [1, 0, 1, 1]), np.array([True, True, True, False]), 0.95)
    assert (found.size, found.events, found.share) == (3, 2, 2 / 3)
    z2 = 1.959963984540054**2
    centre, reach = 2 / 3 + z2 / 6, np.sqrt(z2) * np.sqrt(2 / 27 + z2 / 36)
    assert found.lower == pytest.approx((centre - reach) / (1 + z2 / 3))
    assert found.upper == pytest.approx((centre + reach) / (1 + z2 / 3))


def test_nobody_has_no_share() -> None:
    found = event_share(endpoint([1, 2], [1, 0]), np.array([False, False]), 0.95)
    assert (found.size, found.events) == (0, 0)
    assert np.isnan([found.share, found.lower, found.upper]).all()


def test_dose_is_described_among_those_who_have_one() -> None:
    found = dose_summary(number("dose", [10, np.nan, 16, 12, np.nan], "Gy"))
    assert (found.known, found.median, found.minimum, found.maximum) == (3, 12.0, 10.0, 16.0)


def test_a_dose_that_nobody_has_is_no_number() -> None:
    found = dose_summary(number("dose", [np.nan, np.nan]))
    assert found.known == 0
    assert np.isnan([found.median, found.minimum, found.maximum]).all()


def test_a_category_is_no_dose() -> None:
    with pytest.raises(InputError, match="`scheme` must hold numbers to be summarised as a dose; it is a category"):
        dose_summary(category("scheme", [0, 1], ("A", "B")))
