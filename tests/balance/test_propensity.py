import numpy as np
import pytest

from counterpoise.balance import propensity
from counterpoise.errors import FitError, InputError, UnsupportedError
from tests.balance.designs import lalonde
from tests.balance.imn import TERMS, cohort
from tests.golden import dataset, golden


def test_agrees_with_r_glm_on_lalonde() -> None:
    reference = golden("ps_weights", "glm_lalonde")
    score = propensity(dataset("lalonde")["treat"], lalonde(), terms=reference["terms"][1:])
    assert score.terms == tuple(reference["terms"][1:])
    np.testing.assert_allclose(score.coefficients, reference["coef"][1:], rtol=1e-8)
    # R's standard errors are those of the step before the last.
    np.testing.assert_allclose(score.std_error, reference["se"][1:], rtol=1e-6)
    np.testing.assert_allclose(score.probability, reference["fitted"], rtol=1e-8)
    np.testing.assert_allclose(np.log(score.probability / (1 - score.probability)), score.logit, rtol=1e-9, atol=1e-12)


def test_the_study_that_ships_with_the_package_has_146_patients_and_15_terms() -> None:
    patients = cohort()
    score = propensity(patients.treatment, patients.x, terms=TERMS)
    assert patients.treatment.size == 146
    assert patients.treatment.sum() == 79
    assert score.x.shape == (146, 15)
    assert score.c_statistic == pytest.approx(0.689, abs=5e-4)


def test_separation_names_the_term_at_fault() -> None:
    d = dataset("sex2")
    terms = ["age", "oc", "vic", "vicl", "vis", "dia"]
    with pytest.raises(FitError, match=r"propensity score: separated \(`dia`\): the covariates predict"):
        propensity(d["case"], np.column_stack([d[name] for name in terms]), terms=terms)


def test_the_33_patients_with_complete_response_are_separated_by_15_terms() -> None:
    patients = cohort()
    response = patients.x[:, TERMS.index("pcr")] == 1
    kept = [j for j, name in enumerate(TERMS) if name != "pcr"]
    assert response.sum() == 33
    with pytest.raises(FitError, match="separated"):
        propensity(patients.treatment[response], patients.x[response][:, kept])


def test_constant_and_repeated_terms_are_named() -> None:
    x = np.column_stack([[1.0, 2, 3, 4, 2, 3], np.ones(6), [2.0, 4, 6, 8, 4, 6]])
    with pytest.raises(FitError, match=r"collinear covariates \(`alnd`, `twice`\): a covariate is constant"):
        propensity([0, 1, 0, 1, 1, 0], x, terms=["age", "alnd", "twice"])


def test_names_are_made_up_where_none_are_given() -> None:
    assert propensity([0, 1, 0, 1, 1, 0], [1, 1, 2, 2, 3, 3]).terms == ("x1",)


def test_too_few_names_and_unknown_methods_are_refused() -> None:
    with pytest.raises(InputError, match="`terms` must name the 1 columns of `x`; it has 2 names"):
        propensity([0, 1], [1, 2], terms=["a", "b"])
    with pytest.raises(UnsupportedError, match="`method` must be logistic; 'forest'"):
        propensity([0, 1], [1, 2], method="forest")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("treatment", "x"), [([0, np.nan], [1, 2]), ([0, 1], [1, np.nan]), ([1, 1], [1, 2]), ([1], [1])]
)
def test_what_cannot_be_fitted_is_refused(treatment: list[float], x: list[float]) -> None:
    with pytest.raises(InputError, match="must"):
        propensity(treatment, x)
