from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.cox.spline import natural_spline
from counterpoise.kernels.cox.terms import indicators
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.weighting.terms import score_terms

AGE = np.array([30.0, 35, 41, 48, 52, 58, 63, 71])
SEX = np.array([0.0, 1, 1, 0, 0, 1, 0, 1])
GRADE = indicators(["I", "II", "III", "I", "II", "III", "II", "I"], name="grade")


def test_without_more_the_columns_are_the_covariates() -> None:
    terms = score_terms({"age": AGE, "grade": GRADE, "sex": SEX})
    assert terms.names == ("age", "grade=II", "grade=III", "sex")
    np.testing.assert_array_equal(terms.x, np.column_stack([AGE, GRADE.x, SEX]))


def test_a_spline_takes_the_place_of_its_covariate() -> None:
    terms = score_terms({"sex": SEX, "age": AGE}, splines={"age": 3})
    assert terms.names == ("sex", "age spline 1", "age spline 2", "age spline 3")
    np.testing.assert_array_equal(terms.x[:, 1:], natural_spline(AGE, degrees_of_freedom=3).basis)


def test_products_of_categories_and_of_three() -> None:
    terms = score_terms(
        {"age": AGE, "sex": SEX, "grade": GRADE}, interactions=[["sex", "grade"], ["age", "sex", "grade"]]
    )
    assert terms.names[4:] == ("sex:grade=II", "sex:grade=III", "age:sex:grade=II", "age:sex:grade=III")
    np.testing.assert_array_equal(terms.x[:, 6:], (AGE * SEX)[:, None] * GRADE.x)


def test_a_product_with_a_splined_covariate_is_of_its_straight_line() -> None:
    terms = score_terms({"age": AGE, "sex": SEX}, splines={"age": 2}, interactions=[["age", "sex"]])
    assert terms.names == ("age spline 1", "age spline 2", "sex", "age:sex")
    np.testing.assert_array_equal(terms.x[:, 3], AGE * SEX)
    design = np.column_stack([np.ones(8), terms.x[:, :2]])
    fitted = design @ np.linalg.lstsq(design, AGE, rcond=None)[0]
    np.testing.assert_allclose(fitted, AGE, rtol=1e-10)  # the line is among the spline's functions


@given(st.integers(0, 10_000), st.floats(-1e3, 1e3))
@settings(max_examples=25, deadline=None)
def test_where_a_covariate_has_its_zero_does_not_matter(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    age, sex, treatment = rng.normal(50, 10, 80), rng.integers(0, 2, 80), rng.integers(0, 2, 80)
    one, other = (
        score_terms({"age": age + by, "sex": sex}, squares=["age"], interactions=[["age", "sex"]])
        for by in (0.0, shift)
    )
    np.testing.assert_allclose(
        logistic(treatment, other.x).probability, logistic(treatment, one.x).probability, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"covariates": {}}, "`covariates` must hold at least one covariate"),
        ({"covariates": {"age": AGE, "sex": SEX[1:]}}, "`sex` must have 8 rows; it has 7"),
        ({"covariates": {"age": np.where(AGE > 60, np.nan, AGE)}}, "`age` must be finite; 2 of 8 are not"),
        ({"covariates": {"age": np.column_stack([AGE, SEX])}}, "`age` must be one column; it has 2"),
        ({"squares": ["height"]}, "`height` must be one of the covariates age, sex, grade"),
        ({"splines": {"sex": 2}}, "`sex` must be a number of at least three different values"),
        ({"squares": ["grade"]}, "`grade` must be a number of at least three different values"),
        ({"splines": {"age": 2}, "squares": ["age"]}, "`age` must have a spline or a square, not both"),
        ({"squares": ["age", "age"]}, "`squares` must all be different"),
        ({"splines": {"age": 0}}, "`degrees_of_freedom` must be a whole number of at least 1"),
        ({"interactions": [["age"]]}, "`interactions` must each name two or more different covariates"),
        ({"interactions": [["age", "age"]]}, "`interactions` must each name two or more different covariates"),
        ({"interactions": [["age", "sex"], ["sex", "age"]]}, "`interactions` must all be different"),
    ],
)
def test_bad_input_is_said(change: dict[str, Any], match: str) -> None:
    arguments: dict[str, Any] = {"covariates": {"age": AGE, "sex": SEX, "grade": GRADE}}
    with pytest.raises(InputError, match=match):
        score_terms(**(arguments | change))
