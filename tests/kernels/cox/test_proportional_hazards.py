from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.blocks import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.cox.proportional_hazards import (
    ProportionalHazardsTest,
    Transform,
    WeightedProportionalHazardsTest,
    proportional_hazards_test,
    time_transform,
    weighted_proportional_hazards_test,
)
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.after_cox import lung, rotterdam_all, veteran
from tests.kernels.cox.slow_cox import Cohort, cohort

TRANSFORMS: tuple[Transform, ...] = ("km", "rank", "identity", "log")
BOTH: tuple[Ties, Ties] = ("efron", "breslow")
SEEDS = st.integers(0, 2**32 - 1)
STOPS_EARLY = 2e-8  # R tests at the coefficients where coxph stopped, see 13_cox_kernels.R


def assert_equal_to_r(test: ProportionalHazardsTest, key: str, tolerance: float, name: str = "cox") -> None:
    expected = floats(golden(name, key)["values"])
    statistic = np.append(test.statistic, test.global_statistic)
    agrees("Proportional hazards: statistic", name, key, statistic, expected[:, 0].tolist(), tolerance=tolerance)
    np.testing.assert_array_equal(np.append(test.degrees_of_freedom, test.global_df), expected[:, 1])
    # the tail of chi-squared moves by up to half its logarithm's size more than the statistic
    p_value = np.append(test.p_value, test.global_p_value)
    agrees("Proportional hazards: p-value", name, key, p_value, expected[:, 2].tolist(), tolerance=20 * tolerance)


def columns(data: dict[str, np.ndarray], names: str) -> Floats:
    return np.column_stack([data[name] for name in names.split()])


@pytest.mark.parametrize("transform", ["km", "identity"])
def test_terms_in_r(transform: Transform) -> None:
    d = rotterdam()
    x, terms = columns(d, "hormon age size20 size50 lnodes grade3"), [[0], [1], [2, 3], [4], [5]]
    test = proportional_hazards_test(d["dmonths"], d["death"], x, terms=terms, transform=transform)
    assert_equal_to_r(test, f"zph_rott_{transform}", 1e-10)
    assert test.transform == transform


@pytest.mark.parametrize("transform", ["km", "rank", "identity"])
def test_columns_in_r(transform: Transform) -> None:
    d = rotterdam()
    x = columns(d, "hormon age size20 size50 lnodes grade3")
    test = proportional_hazards_test(d["dmonths"], d["death"], x, transform=transform)
    assert_equal_to_r(test, f"zph_rott_terms_false_{transform}", 1e-10)


def test_strata_and_late_entry_in_r() -> None:
    d = rotterdam()
    x, half_yearly = columns(d, "hormon age lnodes"), np.ceil(d["dmonths"] / 6) * 6 + 1
    strata = proportional_hazards_test(d["dmonths"], d["death"], x, stratum=d["size"])
    assert_equal_to_r(strata, "zph_strata", 1e-10)
    late = proportional_hazards_test(d["dmonths"], d["death"], x, entry=d["entry_months"])
    assert_equal_to_r(late, "tight_zph_ltrunc", 1e-10)
    both = proportional_hazards_test(half_yearly, d["death"], x, entry=d["entry_months"], stratum=d["size"])
    assert_equal_to_r(both, "tight_zph_ltrunc_strata", 1e-10)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_lung_in_r(transform: Transform) -> None:
    d = dataset("lung")
    known = ~np.isnan(d["ph.ecog"])
    x = columns(d, "age sex ph.ecog")[known]
    test = proportional_hazards_test(d["time"][known], d["status"][known] == 2, x, transform=transform)
    assert_equal_to_r(test, f"tight_zph_lung_{transform}", 1e-10)
    if transform in ("rank", "identity"):
        assert_equal_to_r(test, f"zph_lung_{transform}", STOPS_EARLY)


@pytest.mark.parametrize(
    ("key", "transform", "ties"),
    [
        ("zph_veteran_km", "km", "efron"),
        ("zph_veteran_identity", "identity", "efron"),
        ("zph_veteran_log", "log", "efron"),
        ("zph_veteran_breslow_km", "km", "breslow"),
    ],
)
def test_veteran_in_r(key: str, transform: Transform, ties: Ties) -> None:
    d = dataset("veteran")
    cells = [d["celltype"] == name for name in ("smallcell", "adeno", "large")]
    x = np.column_stack([d["trt"], *cells, d["karno"], d["age"]]).astype(float)
    terms = [[0], [1, 2, 3], [4], [5]]
    test = proportional_hazards_test(d["time"], d["status"], x, terms=terms, transform=transform, ties=ties)
    assert_equal_to_r(test, key, STOPS_EARLY)


@pytest.mark.parametrize("ties", BOTH)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_and_tie_in_r(transform: Transform, ties: Ties) -> None:
    d, v, r = lung(), veteran(), rotterdam_all()
    cells = [v["celltype"] == name for name in ("smallcell", "adeno", "large")]
    options: dict[str, Any] = {"transform": transform, "ties": ties}
    tests = {
        "lung": proportional_hazards_test(d["time"], d["died"], columns(d, "age sex ph.ecog"), **options),
        "lung_entry": proportional_hazards_test(
            d["time"], d["died"], columns(d, "age sex ph.ecog"), entry=d["entry"], **options
        ),
        "veteran": proportional_hazards_test(
            v["time"],
            v["status"],
            np.column_stack([v["trt"], *cells, v["karno"], v["age"]]).astype(float),
            terms=[[0], [1, 2, 3], [4], [5]],
            **options,
        ),
        "veteran_months_strata": proportional_hazards_test(
            v["months"], v["status"], columns(v, "trt karno"), stratum=v["cell"], **options
        ),
        "rotterdam_entry_strata": proportional_hazards_test(
            r["stop"], r["death"], columns(r, "hormon age lnodes"), entry=r["entry"], stratum=r["stage"], **options
        ),
    }
    for name, test in tests.items():
        assert_equal_to_r(test, f"zph_{name}_{ties}_{transform}", 1e-10, "cox_after")


def node_positive() -> tuple[dict[str, np.ndarray], Floats]:
    d = rotterdam(node_positive=True)
    a, x = d["hormon"], columns(d, "age meno size20 size50 grade3 lnodes lpgr ler chemo")
    p = logistic(a, x).probability
    return d, a / p + (1 - a) / (1 - p)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_weighted_in_r(transform: Transform) -> None:
    d, weights = node_positive()
    r = golden("cox_weighted", f"tight_np_varying_{transform}")
    for cluster, expected in ((None, r["by_patient"]), (d["year"], r["by_year"])):
        test = weighted_proportional_hazards_test(
            d["dmonths"], d["death"], d["hormon"], weights, cluster=cluster, transform=transform
        )
        weighted_agrees(test, expected, f"tight_np_varying_{transform}", "cox_weighted")


def weighted_agrees(test: WeightedProportionalHazardsTest, r: Any, key: str, name: str) -> None:
    for what, ours, theirs in (
        ("coefficient", test.coefficient, r["coef"]),
        ("standard error", test.std_error, r["se"]),
        ("statistic", test.statistic, r["chisq"]),
    ):
        agrees(f"Proportional hazards with weights: {what}", name, key, ours, theirs, tolerance=1e-8)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_weighted_lung_and_veteran_in_r(transform: Transform) -> None:
    d, v = lung(), veteran()
    for name, test in {
        "lung": weighted_proportional_hazards_test(d["time"], d["died"], d["sex"] - 1, d["w"], transform=transform),
        "veteran": weighted_proportional_hazards_test(
            v["time"], v["status"], v["trt"] - 1, v["w"], transform=transform
        ),
    }.items():
        key = f"zph_weighted_{name}_{transform}"
        weighted_agrees(test, golden("cox_after", key), key, "cox_after")


def test_weighted_with_heavy_ties_in_r() -> None:
    d, weights = node_positive()
    r = golden("cox_weighted", "tight_np_varying_half_yearly")
    for cluster, expected in ((None, r["by_patient"]), (d["year"], r["by_year"])):
        test = weighted_proportional_hazards_test(
            np.ceil(d["dmonths"] / 6), d["death"], d["hormon"], weights, cluster=cluster
        )
        weighted_agrees(test, expected, "tight_np_varying_half_yearly", "cox_weighted")


# ---- by hand ---------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Deaths at 1, 2, 3 of x = 1, 0, 1 beside a censored 0 at 4; g = log(time).

    With r = exp(b) the sums at risk are 2r + 2, r + 2, r + 1, the means of x 2r / (2r + 2), r / (r + 2), r / (r + 1).
    U = 2 - r / (r + 1) - r / (r + 2) - r / (r + 1) = 0 gives r^2 - r - 4 = 0, that is r = (1 + sqrt(17)) / 2.
    """
    r = (1 + np.sqrt(17)) / 2
    mean = np.array([r / (r + 1), r / (r + 2), r / (r + 1)])
    variance, g = mean * (1 - mean), np.log([1.0, 2.0, 3.0])
    score = g @ (np.array([1.0, 0.0, 1.0]) - mean)
    information = g**2 @ variance - (g @ variance) ** 2 / variance.sum()
    test = proportional_hazards_test([1, 2, 3, 4], [1, 1, 1, 0], [1, 0, 1, 0], transform="log")
    np.testing.assert_allclose(test.statistic, [score**2 / information], rtol=1e-12)
    assert test.statistic[0] == test.global_statistic


def test_transforms_by_hand() -> None:
    sets = risk_set([2, 2, 3, 5, 5, 8], [1, 0, 1, 1, 1, 0])
    np.testing.assert_allclose(time_transform(sets, "identity"), [2, 3, 5, 8])
    np.testing.assert_allclose(time_transform(sets, "log"), np.log([2, 3, 5, 8]))
    np.testing.assert_allclose(time_transform(sets, "rank"), [1.5, 3, 4.5, 6])
    # survival 5/6, 5/6 * 3/4 = 5/8, 5/8 * 1/3 = 5/24: each time takes what was lost before it
    np.testing.assert_allclose(time_transform(sets, "km"), [0, 1 / 6, 3 / 8, 19 / 24])


# ---- slow and obvious: every row split at every event time, x g(t) a covariate of its own ------------------------


def split(c: Cohort, g: Callable[[Floats], Floats]) -> tuple[np.ndarray, Floats, Floats, Floats, Floats]:
    """Return row, entry, time, event and g(time) of every piece of every row."""
    cuts = np.unique(c.time[c.event == 1])
    pieces: list[tuple[int, float, float, float]] = []
    for i in range(c.time.size):
        for start, stop in pairwise([c.entry[i], *cuts[(cuts > c.entry[i]) & (cuts < c.time[i])], c.time[i]]):
            pieces.append((i, float(start), float(stop), c.event[i] * (stop == c.time[i])))
    row, entry, time, event = (np.array(values) for values in zip(*pieces, strict=True))
    return row, entry, time, event, g(time)


def transform_of(c: Cohort, transform: Transform) -> Callable[[Floats], Floats]:
    sets = risk_set(c.time, c.event, c.entry)
    values = time_transform(sets, transform)
    return lambda time: values[np.searchsorted(sets.time, time)]


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(TRANSFORMS), st.sampled_from(BOTH))
def test_agrees_with_the_score_test_of_the_split_rows(seed: int, transform: Transform, ties: Ties) -> None:
    c = cohort(seed, n=40)
    fit = cox(c.time, c.event, c.x, ties=ties, entry=c.entry, stratum=c.stratum)
    assume(fit.verdict is Verdict.CONVERGED)
    test = proportional_hazards_test(
        c.time, c.event, c.x, transform=transform, ties=ties, entry=c.entry, stratum=c.stratum
    )
    row, entry, time, event, g = split(c, transform_of(c, transform))
    varying = c.x[row] * (g - g.mean())[:, None]
    for statistic, columns_tested in ((test.statistic[0], [0]), (test.global_statistic, [0, 1])):
        x = np.column_stack([c.x[row], varying[:, columns_tested]])
        initial = np.concatenate([fit.coefficients, np.zeros(len(columns_tested))])
        options: dict[str, Any] = {"ties": ties, "entry": entry, "stratum": c.stratum[row]}
        slow = cox(time, event, x, initial=initial, max_steps=0, **options)
        assume(slow.verdict is not Verdict.COLLINEAR)
        np.testing.assert_allclose(statistic, slow.score, rtol=1e-6, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(TRANSFORMS), st.booleans())
def test_weighted_agrees_with_the_split_rows(seed: int, transform: Transform, clustered: bool) -> None:
    c = cohort(seed, n=40, p=1)
    c.entry[:] = 0.0
    row, entry, time, event, g = split(c, transform_of(c, transform))
    x = np.column_stack([c.x[row], c.x[row, 0] * g])
    cluster = np.arange(40) // 2 if clustered else np.arange(40)
    slow = cox(time, event, x, entry=entry, weights=c.weights[row], cluster=cluster[row])
    assume(slow.verdict is Verdict.CONVERGED)
    test = weighted_proportional_hazards_test(
        c.time, c.event, c.x[:, 0], c.weights, cluster=cluster if clustered else None, transform=transform
    )
    np.testing.assert_allclose(test.coefficient, slow.coefficients[1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(test.std_error, slow.std_error[1], rtol=1e-6)
    np.testing.assert_allclose(test.statistic, (slow.coefficients[1] / slow.std_error[1]) ** 2, rtol=1e-5, atol=1e-9)


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.1, 10.0))
def test_units_row_order_and_the_sum_of_the_weights_do_not_matter(seed: int, factor: float) -> None:
    c = cohort(seed)
    assume(cox(c.time, c.event, c.x).verdict is Verdict.CONVERGED)
    order = np.random.default_rng(seed).permutation(c.time.size)
    test = proportional_hazards_test(c.time, c.event, c.x)
    other = proportional_hazards_test(factor * c.time[order], c.event[order], c.x[order] / factor + 5)
    np.testing.assert_allclose(other.statistic, test.statistic, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.global_statistic, test.global_statistic, rtol=1e-6)
    swapped = proportional_hazards_test(c.time, c.event, c.x[:, ::-1], terms=[[0, 1], [1]])
    np.testing.assert_allclose(swapped.statistic, [test.global_statistic, test.statistic[0]], rtol=1e-6, atol=1e-9)
    try:
        weighted = weighted_proportional_hazards_test(c.time, c.event, c.x[:, 1], c.weights)
    except FitError:
        return
    again = weighted_proportional_hazards_test(c.time, c.event, 1 - c.x[:, 1], factor * c.weights)
    np.testing.assert_allclose(again.statistic, weighted.statistic, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(again.coefficient, -weighted.coefficient, rtol=1e-6, atol=1e-9)


# ---- refusals --------------------------------------------------------------------------------------------------

ROWS: dict[str, Any] = {"time": [1.0, 2.0, 3.0, 4.0], "event": [1, 1, 1, 0]}


def test_a_model_without_estimate_has_no_test() -> None:
    with pytest.raises(FitError, match="no events"):
        proportional_hazards_test([1.0, 2.0], [0, 0], [0.0, 1.0])
    with pytest.raises(FitError, match="no events"):
        weighted_proportional_hazards_test([1.0, 2.0], [0, 0], [0, 1], None)
    with pytest.raises(FitError, match="collinear"):
        proportional_hazards_test(**ROWS, x=[2.0, 2.0, 2.0, 2.0])
    with pytest.raises(FitError, match="collinear"):
        weighted_proportional_hazards_test(**ROWS, treatment=[1, 1, 1, 1], weights=None)
    with pytest.raises(FitError, match="monotone"):
        proportional_hazards_test(**ROWS, x=[4.0, 3.0, 2.0, 1.0])
    with pytest.raises(FitError, match="collinear"):
        proportional_hazards_test([1.0], [1], [1.0])
    with pytest.raises(FitError, match="collinear"):
        weighted_proportional_hazards_test([2.0, 2.0, 3.0], [1, 1, 0], [1, 0, 1], [1.0, 2.0, 1.0])


def test_one_event_time_cannot_show_a_change() -> None:
    test = proportional_hazards_test([2.0, 2.0, 2.0, 3.0], [1, 1, 0, 0], [1.0, 0.0, 0.0, 1.0])
    assert np.isnan([test.statistic[0], test.p_value[0], test.global_statistic, test.global_p_value]).all()


@pytest.mark.parametrize("name", ["time", "event", "x", "entry", "stratum"])
def test_nothing_may_be_missing(name: str) -> None:
    values: dict[str, Any] = ROWS | {"x": [1.0, 0.0, 1.0, 0.0], "entry": [0.0] * 4, "stratum": [1.0] * 4}
    values[name] = [np.nan, *values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        proportional_hazards_test(**values)


@pytest.mark.parametrize("name", ["time", "event", "treatment", "weights", "cluster"])
def test_nothing_may_be_missing_with_weights(name: str) -> None:
    values: dict[str, Any] = ROWS | {"treatment": [1.0, 0.0, 1.0, 0.0], "weights": [1.0] * 4, "cluster": [0.0] * 4}
    values[name] = [np.nan, *values[name][1:]]
    with pytest.raises(InputError, match=f"`{name}` must"):
        weighted_proportional_hazards_test(**values)


def test_what_else_is_refused() -> None:
    x = [1.0, 0.0, 1.0, 0.0]
    for terms in ([[1]], [[]], [[-1]], [[0, 0]]):
        with pytest.raises(InputError, match="`terms` must name columns from 0 to 0"):
            proportional_hazards_test(**ROWS, x=x, terms=terms)
    wrong: dict[str, str] = {"transform": "sqrt", "ties": "exact"}
    for name, value in wrong.items():
        with pytest.raises(InputError, match=f"`{name}` must"):
            proportional_hazards_test(**ROWS, x=x, **{name: value})  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="an event is at 0"):
        proportional_hazards_test([0.0, 1.0, 2.0], [1, 1, 0], [1.0, 0.0, 1.0], transform="log")
    with pytest.raises(InputError, match="`treatment` must be 0 or 1"):
        weighted_proportional_hazards_test(**ROWS, treatment=[1, 2, 1, 2], weights=None)
