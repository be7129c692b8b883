from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.special import chdtrc

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import CoxFit, cox
from counterpoise.kernels.cox.terms import Columns, indicators, interaction, likelihood_ratio_test, term_test
from counterpoise.kernels.verdict import Verdict
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.cox.slow_cox import cohort

SEEDS = st.integers(0, 2**32 - 1)
NAME = "cox_special"
CELLS = "squamous"


def lung() -> dict[str, np.ndarray]:
    d = dataset("lung")
    return {name: values[~np.isnan(d["ph.ecog"])] for name, values in d.items()}


def joined(*parts: Floats | Columns) -> Floats:
    return np.column_stack([part.x if isinstance(part, Columns) else part for part in parts])


def cells() -> Columns:
    """The levels in R's order: squamous, smallcell, adeno, large."""
    by_name = indicators(dataset("veteran")["celltype"], reference=CELLS)
    order = [by_name.names.index(name) for name in ("smallcell", "adeno", "large")]
    return Columns(by_name.x[:, order], tuple(by_name.names[k] for k in order))


@cache
def nested() -> dict[str, tuple[CoxFit, CoxFit, list[int]]]:
    """By key of the reference: smaller fit, larger fit, and the columns that the larger has more."""
    d, v, r, o = lung(), dataset("veteran"), rotterdam(), dataset("ovarian")
    p = {name: values[:312] for name, values in dataset("pbc").items()}
    found: dict[str, tuple[CoxFit, CoxFit, list[int]]] = {}
    treated = (v["trt"] == 2).astype(float)
    small, large = joined(treated, cells()), joined(treated, cells(), interaction(treated, cells()))
    found["term_veteran_trt_celltype"] = (
        cox(v["time"], v["status"], small),
        cox(v["time"], v["status"], large),
        [4, 5, 6],
    )
    sex, ecog, died = d["sex"], d["ph.ecog"], d["status"] == 2
    small, large = joined(sex, ecog), joined(sex, ecog, interaction(sex, ecog))
    found["term_lung_sex_ecog"] = cox(d["time"], died, small), cox(d["time"], died, large), [2]
    size = indicators(r["size"])
    small = joined(r["hormon"], size, r["age"])
    large = joined(small, interaction(r["hormon"], size))
    found["term_rotterdam_hormon_size"] = (
        cox(r["dmonths"], r["death"], small),
        cox(r["dmonths"], r["death"], large),
        [4, 5],
    )
    large = joined(p["age"], indicators(p["stage"]))
    died = p["status"] == 2
    found["term_pbc_stage"] = cox(p["time"], died, p["age"]), cox(p["time"], died, large), [1, 2, 3]
    quarters, large = np.ceil(o["futime"] / 90), joined(o["age"], o["rx"], o["resid.ds"])
    found["term_ovarian_exact"] = (
        cox(quarters, o["fustat"], o["age"], ties="exact"),
        cox(quarters, o["fustat"], large, ties="exact"),
        [1, 2],
    )
    return found


@pytest.mark.parametrize("key", nested())
def test_nested_models_in_r(key: str) -> None:
    smaller, larger, columns = nested()[key]
    r, test, wald = golden(NAME, key), likelihood_ratio_test(smaller, larger), term_test(larger, columns)
    assert (test.degrees_of_freedom, wald.degrees_of_freedom) == (r["df"], r["df"])
    agrees("Term of several columns: coefficients", NAME, key, larger.coefficients, r["coef"], tolerance=1e-8)
    # a difference of log-likelihoods, which leaves their rounding in it
    agrees("Term of several columns: likelihood ratio", NAME, key, test.statistic, r["lr"], tolerance=1e-8)
    agrees("Term of several columns: p-value", NAME, key, test.p_value, r["p"], tolerance=1e-8)
    agrees("Term of several columns: Wald", NAME, key, wald.statistic, r["wald"], tolerance=1e-8)
    np.testing.assert_allclose(wald.p_value, chdtrc(r["df"], r["wald"]), rtol=1e-8)
    assert (test.robust, wald.robust) == (False, False)


def test_robust_terms_in_r() -> None:
    d, v, r = lung(), dataset("veteran"), rotterdam()
    treated = (v["trt"] == 2).astype(float)
    sixes = 0.5 + np.arange(1, v["time"].size + 1) % 3
    x = joined(treated, cells(), interaction(treated, cells()))
    fits = {"term_veteran_robust": (cox(v["time"], v["status"], x, weights=sixes), [4, 5, 6])}
    size = indicators(r["size"])
    x = joined(r["hormon"], size, interaction(r["hormon"], size))
    fits["term_rotterdam_cluster"] = cox(r["dmonths"], r["death"], x, cluster=r["year"]), [3, 4]
    weights = 0.5 + np.arange(1, d["time"].size + 1) % 5 / 4
    x = joined(d["age"], d["sex"], d["ph.ecog"], interaction(d["sex"], d["ph.ecog"]))
    fits["term_lung_robust"] = cox(d["time"], d["status"] == 2, x, weights=weights), [1, 3]
    for key, (fit, columns) in fits.items():
        theirs, test = golden(NAME, key), term_test(fit, columns)
        agrees("Term of several columns: robust Wald", NAME, key, test.statistic, theirs["wald"], tolerance=1e-8)
        assert test.robust


# ---- columns ---------------------------------------------------------------------------------------------------


def test_categories() -> None:
    columns = indicators([3.0, 1.0, 2.0, 1.0], reference=2.0)
    assert columns.names == ("1.0", "3.0")
    assert columns.x.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    assert indicators([True, False, True]).x.tolist() == [[1.0], [0.0], [1.0]]
    assert indicators(["b", "a"], name="arm").names == ("arm=b",)


def test_products() -> None:
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]])
    both = interaction(a, b)
    assert both.names == ("a1:b1", "a2:b1", "a1:b2", "a2:b2", "a1:b3", "a2:b3")
    expected = np.column_stack([a[:, i] * b[:, j] for j in range(3) for i in range(2)])
    np.testing.assert_array_equal(both.x, expected)
    threefold = interaction(both, [1.0, -1.0])
    assert threefold.names[0] == "a1:b1:b"
    np.testing.assert_array_equal(threefold.x[1], -expected[1])


@settings(max_examples=20)
@given(SEEDS)
def test_the_reference_does_not_matter_for_the_test_of_a_term(seed: int) -> None:
    g = np.random.default_rng(seed)
    group, x = g.integers(0, 4, 80), g.normal(size=80)
    time, event = np.ceil(20 * g.exponential(size=80)), g.uniform(size=80) < 0.8
    fits = [cox(time, event, joined(x, indicators(group, reference=k))) for k in (0, 3)]
    assume(all(fit.verdict is Verdict.CONVERGED for fit in fits))
    tests = [term_test(fit, [1, 2, 3]).statistic for fit in fits]
    np.testing.assert_allclose(tests[0], tests[1], rtol=1e-8)
    smaller = cox(time, event, x)
    ratios = [likelihood_ratio_test(smaller, fit).statistic for fit in fits]
    np.testing.assert_allclose(ratios[0], ratios[1], rtol=1e-8, atol=1e-10)


# ---- tests -----------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(SEEDS)
def test_of_one_column_and_of_all(seed: int) -> None:
    c = cohort(seed, n=40, p=3)
    fit = cox(c.time, c.event, c.x, **c.options())
    assume(fit.verdict is Verdict.CONVERGED)
    one = term_test(fit, [1])
    np.testing.assert_allclose(one.statistic, (fit.coefficients[1] / fit.std_error[1]) ** 2, rtol=1e-10)
    np.testing.assert_allclose(term_test(fit, [2, 0, 1]).statistic, fit.wald, rtol=1e-9)
    assert one.robust


def test_an_infinite_estimate_has_a_likelihood_ratio_and_no_wald_test() -> None:
    g = np.random.default_rng(3)
    time, x = g.permutation(30) + 1.0, g.normal(size=30)
    group = (time <= 20).astype(float)
    event = (time <= 12).astype(float)
    smaller, larger = cox(time, event, x), cox(time, event, np.column_stack([x, group]))
    assert larger.verdict is Verdict.MONOTONE
    assert np.isnan([term_test(larger, [1]).statistic, term_test(larger, [1]).p_value]).all()
    # At the limit the others have no part in the risk sets.
    inside = group == 1
    limit = cox(time[inside], event[inside], x[inside]).log_likelihood
    test = likelihood_ratio_test(smaller, larger)
    np.testing.assert_allclose(test.statistic, 2 * (limit - smaller.log_likelihood), rtol=1e-5)


def test_no_answer_is_not_a_number() -> None:
    none = cox(np.arange(5.0), np.zeros(5), np.arange(5.0)), cox(np.arange(5.0), np.zeros(5), np.eye(5)[:, :2])
    assert np.isnan([likelihood_ratio_test(*none).statistic, likelihood_ratio_test(*none).p_value]).all()
    assert np.isnan(term_test(none[0], [0]).statistic)
    g = np.random.default_rng(1)
    x = g.normal(size=20)
    same = cox(np.arange(20.0), np.ones(20), np.column_stack([x, x]))
    assert np.isnan(likelihood_ratio_test(cox(np.arange(20.0), np.ones(20), x), same).statistic)
    few = cox(np.arange(20.0), np.ones(20), g.normal(size=(20, 3)), cluster=np.arange(20) % 2)
    assert np.isnan(term_test(few, [0, 1, 2]).statistic)
    one = cox([1.0], [1], [2.0])
    assert np.isnan(term_test(one, [0]).p_value)


def test_what_a_likelihood_ratio_refuses() -> None:
    c = cohort(7, n=40, p=3)
    rows = c.time, c.event
    larger = cox(*rows, c.x)
    options: list[dict[str, Any]] = [
        {"weights": c.weights},
        {"weights": c.weights, "robust": False},
        {"cluster": np.arange(40) // 2},
        {"cluster": np.arange(40) // 2, "robust": False},
        {"robust": True},
    ]
    for option in options:
        with pytest.raises(UnsupportedError, match="has no known law; test the term's columns"):
            likelihood_ratio_test(cox(*rows, c.x[:, :1], **option), larger)
        with pytest.raises(UnsupportedError, match="`term_test`, which is robust"):
            likelihood_ratio_test(cox(*rows, c.x[:, :1]), cox(*rows, c.x, **option))
    other = np.where(np.arange(40) == np.flatnonzero(c.event == 1)[0], 0.0, c.event)
    wrong = [
        (cox(c.time[1:], c.event[1:], c.x[1:, 0]), "must have the same `n`; they have 39 and 40"),
        (cox(c.time, other, c.x[:, 0]), "must have the same `n_events`"),
        (cox(*rows, c.x[:, 0], ties="breslow"), "must have the same `ties`; they have 'breslow' and 'efron'"),
        (cox(*rows, c.x[:, 0], stratum=c.stratum), "must have the same rows and strata"),
        (cox(c.time + 1, c.event, c.x[:, 0]), "must have the same rows and strata"),
        (cox(*rows, c.x[:, ::-1]), "`larger` must have more coefficients than `smaller`; they have 3 and 3"),
        (
            cox(*rows, np.log(2 + c.time) + 0.1 * c.x[:, 0]),
            "`larger` must contain `smaller`; its log-likelihood is lower",
        ),
    ]
    for smaller, message in wrong:
        with pytest.raises(InputError, match=message):
            likelihood_ratio_test(smaller, larger)


def test_what_else_is_refused() -> None:
    c = cohort(7, n=40, p=3)
    fit = cox(c.time, c.event, c.x)
    for columns in ([], [3], [-1], [0, 0], [0.5], [[0, 1]]):
        with pytest.raises(InputError, match="`columns` must be"):
            term_test(fit, columns)  # pyright: ignore[reportArgumentType]
    labels: list[tuple[Any, str]] = [
        ([np.nan, 1.0], "`values` must be finite"),
        ([np.inf, 1.0], "`values` must be finite"),
        ([None, "a"], "`values` must be known"),
        (["a", "a"], "`values` must have at least two categories; it has 1"),
        ([["a"]], "`values` must be one-dimensional"),
    ]
    for values, message in labels:
        with pytest.raises(InputError, match=message):
            indicators(values)
    with pytest.raises(InputError, match="`reference` must be one of the categories 'a', 'b'; it is 'c'"):
        indicators(["a", "b"], reference="c")
    pairs: list[tuple[Any, Any, str]] = [
        ([1.0, np.nan], [1.0, 2.0], "`a` must be finite"),
        ([1.0, 2.0], [1.0, np.inf], "`b` must be finite"),
        ([1.0, 2.0], [1.0], "`b` must have 2 rows; it has 1"),
        (np.empty((2, 0)), [1.0, 2.0], "`a` must have at least one column"),
    ]
    for a, b, message in pairs:
        with pytest.raises(InputError, match=message):
            interaction(a, b)
