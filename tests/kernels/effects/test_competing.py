import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.kernels.competing.aalen_johansen import aalen_johansen, incidence_at
from counterpoise.kernels.competing.fine_gray import fine_gray
from counterpoise.kernels.effects.competing import weighted_fine_gray, weighted_incidence
from counterpoise.kernels.effects.survival_at import weighted_survival
from counterpoise.kernels.verdict import Verdict
from tests.kernels.effects.chain import cohort, known, stacked_model


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("clustered", [False, True])
def test_known_weights_give_the_curves_own_error(entry: bool, clustered: bool) -> None:
    data = cohort(10, 60)
    weights = np.random.default_rng(1).exponential(size=60) + 0.1
    entered, cluster = data.entry if entry else None, np.arange(60) // 4 if clustered else None
    found = weighted_incidence(
        data.time,
        data.cause,
        data.treated,
        known(weights),
        [0.0, 6.0, 14.0, 90.0],
        of=2,
        entry=entered,
        cluster=cluster,
    )
    for arm, m in enumerate((~data.treated, data.treated)):
        curve = aalen_johansen(
            data.time[m], data.cause[m], weights=weights[m], entry=None if entered is None else entered[m],
            cluster=None if cluster is None else cluster[m],
        )  # fmt: skip
        expected = incidence_at(curve, [0.0, 6.0, 14.0, 90.0])
        np.testing.assert_allclose(found.incidence.estimate[arm], expected.incidence[1], rtol=1e-12)
        np.testing.assert_allclose(found.incidence.fixed_std_error[arm], expected.std_error[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.difference.stacked_std_error, found.difference.fixed_std_error)


def test_with_one_cause_incidence_is_what_survival_lacks() -> None:
    data = cohort(12)
    model = stacked_model(data, "ATE", stabilised=False)
    incidence = weighted_incidence(data.time, data.event.astype(int), data.treated, model, [6.0, 14.0])
    survival = weighted_survival(data.time, data.event, data.treated, model, [6.0, 14.0])
    np.testing.assert_allclose(incidence.difference.estimate, -survival.difference.estimate, atol=1e-13)
    np.testing.assert_allclose(
        incidence.difference.stacked_influence, -survival.difference.stacked_influence, rtol=0, atol=1e-13
    )


def test_a_cause_that_does_not_occur_has_no_incidence() -> None:
    found = weighted_incidence([1, 2, 3, 4], [1, 0, 1, 0], [0, 0, 1, 1], known(np.ones(4)), [2.0], of=3)
    np.testing.assert_array_equal(found.incidence.estimate, [[0.0], [0.0]])
    assert np.isnan(found.log_ratio.estimate[0])


def test_fine_gray_with_known_weights_is_the_jackknife_variance() -> None:
    data = cohort(10, 60)
    weights = np.random.default_rng(1).exponential(size=60) + 0.1
    x = np.column_stack([data.treated, data.x[:, 0]])
    found = weighted_fine_gray(data.time, data.cause, x, known(weights))
    fit = fine_gray(data.time, data.cause, x, weights=weights, variance="jackknife")
    np.testing.assert_allclose(found.log_hazard_ratio.estimate, fit.coefficients, rtol=1e-12)
    np.testing.assert_allclose(found.log_hazard_ratio.stacked_std_error, fit.std_error, rtol=1e-10)
    np.testing.assert_array_equal(found.causes, [fit.n_events, fit.n_competing, fit.n_censored])


def test_fine_gray_without_an_answer() -> None:
    found = weighted_fine_gray([1, 2, 3, 4], [2, 2, 0, 0], [0, 1, 1, 0], known(np.ones(4)))
    assert found.verdict is Verdict.NO_EVENTS
    assert np.isnan(found.log_hazard_ratio.estimate).all()
    assert np.isnan(found.log_hazard_ratio.stacked_std_error).all()


def test_bad_input() -> None:
    good = {"time": [1, 2, 3], "cause": [1, 2, 0], "treatment": [0, 1, 1], "at": [1.0]}
    for change, message in (
        ({"cause": [1, 0.5, 0]}, "`cause` must be"),
        ({"of": 0}, "`of` must be"),
        ({"at": [-1.0]}, "`at` must be finite and non-negative"),
        ({"time": [1, 2, -3]}, "`time` must be"),
        ({"treatment": [1, 1, 1]}, "treated and control rows"),
        ({"cluster": [1]}, "`cluster` must have 3 elements"),
        ({"model": known(np.ones(2))}, "`model` must be of 3 rows"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_incidence(**({"model": known(np.ones(3))} | good | change))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="`x` must have 3 rows"):
        weighted_fine_gray([1, 2, 3], [1, 2, 0], [0, 1], known(np.ones(3)))
