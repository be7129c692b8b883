"""Where other programs are known to err: each with R's right value, and the wrong one shown to be another.

Of R itself, of Python's lifelines, statsmodels and tableone. A test that names a wrong value computes it as the
program in question does, so that it cannot be met by chance.
"""

import numpy as np
import pytest

import counterpoise as cp
from counterpoise.errors import UnsupportedError
from counterpoise.kernels.tables.anova import welch_anova
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees

NAME = "known_errors"


def cohort() -> dict[str, np.ndarray]:
    d = rotterdam()
    months = d["dmonths"]
    late = np.where(d["pid"] % 2 == 0, 0.8 * np.minimum(months, 60), 0.0)
    return {**d, "half_years": np.ceil(months / 6), "late": late, "cw": 0.5 + (d["pid"] % 5) / 4}


def node_positive() -> dict[str, np.ndarray]:
    d = cohort()
    return {name: values[d["nodes"] > 0] for name, values in d.items()}


def without_ties(time: np.ndarray, event: np.ndarray, x: np.ndarray, b: float) -> float:
    """Return the robust standard error as if each tied death had the whole risk set: what leaving ties out does."""
    risk = np.exp(b * x)
    score, information = np.zeros(time.size), 0.0
    for i in np.flatnonzero(event):
        at_risk = time >= time[i]
        total = risk[at_risk].sum()
        mean = (risk * x)[at_risk].sum() / total
        information += (risk * x * x)[at_risk].sum() / total - mean**2
        score[i] += x[i] - mean
        score -= np.where(at_risk, risk * (x - mean) / total, 0.0)
    return float(np.sqrt(np.square(score).sum()) / information)


def test_the_robust_error_knows_ties() -> None:
    d = node_positive()
    few = slice(0, 1460, 10)
    time, event, x = d["half_years"][few], d["death"][few], d["hormon"][few]
    fit = cp.cox(time, event, x, robust=True)
    right = golden(NAME, "robust_half_yearly_ties")
    agrees(
        "Known errors elsewhere: Cox, robust standard error, heavy ties",
        NAME,
        "robust_half_yearly_ties",
        fit.std_error[0],
        right["se"],
    )
    wrong = without_ties(time, event, x, float(fit.coefficients[0]))
    assert abs(wrong / right["se"] - 1) > 0.002


def test_the_test_of_proportional_hazards_is_the_exact_one() -> None:
    d = cohort()
    x = np.column_stack([d["chemo"], d["age"], d["nodes"], d["grade"]])
    test = cp.proportional_hazards_test(d["dtime"], d["death"], x)
    right = floats(golden(NAME, "zph_chemo")["values"])
    agrees(
        "Known errors elsewhere: Proportional hazards, score test",
        NAME,
        "zph_chemo",
        test.statistic,
        right[:4, 0].tolist(),
        tolerance=1e-8,
    )
    assert test.statistic[0] > 10 * 0.18  # what an approximation gives


def test_late_entry_reaches_the_predicted_curve() -> None:
    d = cohort()
    fit = cp.cox(d["dmonths"], d["death"], np.column_stack([d["hormon"], d["age"]]), entry=d["late"])
    found = cp.predict_survival(fit, [[1.0, 60.0]], times=[60.0])
    right = golden(NAME, "entry_in_prediction")
    agrees(
        "Known errors elsewhere: Predicted survival, late entry", NAME, "entry_in_prediction",
        [found.survival[0, 0], found.std_error[0, 0]], [right["with_entry"], right["se"]], tolerance=1e-8,
    )  # fmt: skip
    assert right["without_entry"] - right["with_entry"] > 0.1


def test_the_influence_of_a_weighted_fit_is_weighted_once() -> None:
    d = node_positive()
    fit = cp.cox(d["dmonths"], d["death"], d["hormon"], weights=d["cw"])
    right = golden(NAME, "dfbeta_of_a_weighted_fit")
    agrees(
        "Known errors elsewhere: Cox, robust standard error, weighted",
        NAME,
        "dfbeta_of_a_weighted_fit",
        fit.std_error[0],
        right["robust_se"],
    )
    dfbeta = cp.residuals(fit, "dfbeta")
    assert np.sqrt(np.square(dfbeta).sum()) == pytest.approx(right["weighted_once"], rel=1e-9)
    assert right["weighted_twice"] / right["weighted_once"] > 1.2


def test_weights_are_heard() -> None:
    d = node_positive()
    found = cp.cox(d["dmonths"], d["death"], d["hormon"], weights=d["cw"]).coefficients[0]
    right = golden(NAME, "weights_are_heard")
    agrees(
        "Known errors elsewhere: Cox, coefficient, weighted",
        NAME,
        "weights_are_heard",
        found,
        right["weighted"],
        tolerance=1e-8,
    )
    assert abs(right["weighted"] - right["unweighted"]) > 0.02
    with pytest.raises(TypeError):
        cp.cox(d["dmonths"], d["death"], d["hormon"], weight=d["cw"])  # pyright: ignore[reportCallIssue]


def test_who_enters_at_a_time_of_death_is_not_at_risk_there() -> None:
    entry, time, event, x = [0, 0, 0, 2, 2], [1, 2, 4, 3, 5], [1, 1, 0, 1, 1], [1, 0, 1, 0, 1]
    right = golden(NAME, "entry_at_a_time_of_death")
    fit = cp.cox(time, event, x, entry=entry)
    agrees(
        "Known errors elsewhere: Cox, entry at a time of death",
        NAME,
        "entry_at_a_time_of_death",
        fit.coefficients[0],
        right["coef"],
    )
    curve = cp.kaplan_meier(time, event, entry=entry)
    agrees(
        "Known errors elsewhere: Kaplan-Meier, late entry",
        NAME,
        "entry_at_a_time_of_death",
        curve.at_risk,
        right["at_risk"],
    )
    agrees(
        "Known errors elsewhere: Kaplan-Meier, late entry",
        NAME,
        "entry_at_a_time_of_death",
        curve.survival,
        right["survival"],
    )


def test_the_test_under_a_weighted_curve_is_weighted() -> None:
    d = node_positive()
    right = golden(NAME, "log_rank_under_weights")
    time, event, group, weights = d["dmonths"], d["death"], d["hormon"], floats(right["weights"])
    found = cp.cox(time, event, group, weights=weights, ties="breslow").robust_score
    assert found is not None
    agrees(
        "Known errors elsewhere: Log-rank, robust, weighted",
        NAME,
        "log_rank_under_weights",
        found,
        right["robust_score"][0][0],
        tolerance=1e-8,
    )
    test = cp.robust_log_rank(time, event, group, weights)
    assert test.statistic == pytest.approx(found, rel=1e-8)
    unweighted = cp.log_rank(time, event, group)
    agrees(
        "Known errors elsewhere: Log-rank, statistic",
        NAME,
        "log_rank_under_weights",
        unweighted.statistic,
        right["unweighted"],
    )
    assert test.p_value < 1e-3 < 0.3 < unweighted.p_value


def test_a_likelihood_ratio_under_weights_is_refused() -> None:
    d = node_positive()
    weights = floats(golden(NAME, "log_rank_under_weights")["weights"])
    old = (d["age"] > 60).astype(float)
    main = np.column_stack([d["hormon"], old])
    smaller = cp.cox(d["dmonths"], d["death"], main, weights=weights)
    larger = cp.cox(d["dmonths"], d["death"], np.column_stack([main, d["hormon"] * old]), weights=weights)
    with pytest.raises(UnsupportedError, match="term_test"):
        cp.likelihood_ratio_test(smaller, larger)
    right = golden(NAME, "interaction_under_weights")
    wald = cp.term_test(larger, [2]).statistic
    agrees(
        "Known errors elsewhere: Cox terms, robust Wald test",
        NAME,
        "interaction_under_weights",
        wald,
        right["robust_wald"],
        tolerance=1e-8,
    )
    assert right["naive_likelihood_ratio"] > 5 * right["robust_wald"]


def test_a_weighted_test_of_proportional_hazards_does_not_grow_with_the_weights() -> None:
    d = node_positive()
    one = cp.weighted_proportional_hazards_test(d["dmonths"], d["death"], d["hormon"], d["cw"])
    two = cp.weighted_proportional_hazards_test(d["dmonths"], d["death"], d["hormon"], 2 * d["cw"])
    assert two.statistic == pytest.approx(one.statistic, rel=1e-9)


def test_the_error_of_a_restricted_mean() -> None:
    d = dataset("lung")
    found = cp.restricted_mean(d["time"], d["status"] == 2, horizon=365)
    right = golden(NAME, "restricted_mean_error")
    agrees(
        "Known errors elsewhere: Restricted mean, standard error", NAME, "restricted_mean_error",
        [found.value, found.std_error], [right["rmean"], right["se"]],
    )  # fmt: skip


def test_tied_causes_need_no_jitter() -> None:
    time, cause = np.array([1, 1, 1, 2, 2, 3.0]), np.array([1, 2, 0, 1, 2, 0.0])
    found = cp.aalen_johansen(time, cause)
    assert found.incidence[:, -1].tolist() == pytest.approx([1 / 6 + 4 / 6 / 3, 1 / 6 + 4 / 6 / 3])
    shuffled = np.random.default_rng(2).permutation(6)
    assert cp.aalen_johansen(time[shuffled], cause[shuffled]).incidence.tolist() == found.incidence.tolist()


def test_weighted_schoenfeld_residuals_follow_the_rows() -> None:
    d = node_positive()
    order = np.random.default_rng(5).permutation(d["pid"].size)
    months = np.ceil(d["dmonths"])  # with ties

    def residuals(rows: np.ndarray) -> dict[tuple[float, ...], float]:
        fit = cp.cox(months[rows], d["death"][rows], d["age"][rows], weights=d["cw"][rows])
        found = cp.schoenfeld_residuals(fit, weighted=True)
        return dict(zip(zip(d["pid"][rows][found.row], strict=True), found.residual[:, 0], strict=True))

    one, other = residuals(np.arange(order.size)), residuals(order)
    assert one.keys() == other.keys()
    assert max(abs(one[key] - other[key]) for key in one) < 1e-9


def test_unequal_variances_of_three_groups_are_welchs() -> None:
    values, group = [1.0, 2, 3, 10, 20, 30, 5, 5.5, 6], [0, 0, 0, 1, 1, 1, 2, 2, 2]
    test = welch_anova(values, group)
    assert test.numerator_df == 2
    assert test.denominator_df < 6 - 1
