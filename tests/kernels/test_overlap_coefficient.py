import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.overlap_coefficient import overlap_coefficient
from tests.balance.arms import NAMES, arms
from tests.balance.cobalt import cohort, column, table
from tests.golden import golden
from tests.golden.agreement import agrees

WHAT = "Balance: overlap coefficient"
moderate = settings(max_examples=40, deadline=None)


def simulated(seed: int, n: int = 60) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 3 == 0
    x = np.column_stack([rng.standard_normal(n) + treated * rng.uniform(0, 2), rng.integers(0, 2, n)])
    return x.astype(float), treated.astype(float), rng.uniform(0.3, 3, n)


def slow(values: Floats, treated: Floats, weights: Floats) -> float:
    """Kernel densities summed patient by patient, and the area under the lower one."""
    arms = [(values[treated == arm], weights[treated == arm]) for arm in (1.0, 0.0)]
    smaller = min(arms, key=lambda arm: arm[0].size)[0]
    quartiles = np.subtract(*np.quantile(smaller, [0.75, 0.25])) / 1.34
    width = 1.06 * min(smaller.std(ddof=1), quartiles) * smaller.size**-0.2
    grid = np.linspace(values.min() - 5 * width, values.max() + 5 * width, 4001)
    densities = [(norm.pdf(grid[:, None], v, width) * w).sum(axis=1) / w.sum() for v, w in arms]
    return float(np.trapezoid(np.minimum(*densities), grid))


def test_agrees_with_cobalt_on_rotterdam() -> None:
    c = cohort("rott")
    for suffix, weights in (("Un", None), ("Adj", c.weights("ATE"))):
        # cobalt prints what is not common.
        theirs = (1 - column(table("bal_ovl_rott"), c.names, f"OVL.{suffix}")).tolist()
        agrees(WHAT, "balance", "bal_ovl_rott", overlap_coefficient(c.x, c.treated, weights=weights), theirs)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_densities_of_r(name: str) -> None:
    a, key = arms(name), f"distances_{name}"
    reference = golden("balance_measures", key)
    found = overlap_coefficient(a.x, a.treated)
    agrees(WHAT, "balance_measures", key, found, reference["overlap"])
    found = overlap_coefficient(a.x, a.treated, weights=a.weights)
    agrees(WHAT, "balance_measures", key, found, reference["overlap_weighted"])
    found = overlap_coefficient(a.x, a.treated, weights=a.weights, bandwidth="nrd0")
    agrees(WHAT, "balance_measures", key, found, reference["overlap_nrd0"])


@given(st.integers(0, 10_000))
@moderate
def test_agrees_with_the_definition(seed: int) -> None:
    x, treated, weights = simulated(seed)
    # A grid of 512 points, linear in between, and cut at three widths.
    assert overlap_coefficient(x, treated, weights=weights)[0] == pytest.approx(
        slow(x[:, 0], treated, weights), abs=5e-3
    )


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-100, 100))
@moderate
def test_units_row_order_and_the_size_of_weights_are_irrelevant(seed: int, scale: float, shift: float) -> None:
    x, treated, weights = simulated(seed)
    found = overlap_coefficient(x, treated, weights=weights)
    order = np.random.default_rng(seed).permutation(treated.size)
    changed = overlap_coefficient(x[order] * scale + shift, treated[order], weights=7 * weights[order])
    # 0 and 1 in other units are no longer a flag.
    np.testing.assert_allclose(changed[0], found[0], rtol=1e-6)
    assert ((found >= 0) & (found <= 1)).all()


def test_by_hand() -> None:
    # A flag of 2 in 3 and 1 in 4; a column of equal arms; arms that do not meet; a constant.
    x = [[1, 1.0, 1, 5], [1, 2, 2, 5], [0, 3, 3, 5], [1, 1, 7, 5], [0, 2, 8, 5], [0, 3, 9, 5], [0, 2, 9, 5]]
    found = overlap_coefficient(x, [1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(found[[0, 2, 3]], [1 - (2 / 3 - 1 / 4), 0, 1], rtol=1e-12)
    alike = overlap_coefficient(np.tile([1.0, 2, 3], 2), [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_quartiles_that_coincide_leave_the_standard_deviation() -> None:
    x = [0.0, 0, 0, 0, 3, 0, 0, 1, 2, 4, 0]
    assert 0 < overlap_coefficient(x, [1] * 5 + [0] * 6)[0] < 1


@pytest.mark.parametrize("treated", [[1, 0, 0, 0], [1, 1, 0, 0]])
def test_a_smaller_arm_without_spread_has_no_answer(treated: list[int]) -> None:
    assert np.isnan(overlap_coefficient([2.0, 2, 1, 3], treated)[0])


@pytest.mark.parametrize(
    ("x", "treatment", "options", "message"),
    [
        ([1, np.nan], [0, 1], {}, "`x` must be finite"),
        ([1, 2], [0, np.nan], {}, "`treatment` must be finite"),
        ([1, 2], [1, 1], {}, "`treatment` must hold treated and control rows"),
        ([1, 2], [0, 1], {"weights": [0, 1]}, "`weights` must be positive"),
        ([1, 2], [0, 1], {"weights": [np.inf, 1]}, "`weights` must be finite"),
        ([1, 2], [0, 1], {"bandwidth": "ucv"}, "`bandwidth` must be nrd or nrd0; it is 'ucv'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    x: list[float], treatment: list[float], options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        overlap_coefficient(x, treatment, **options)  # pyright: ignore[reportArgumentType]
