"""The same columns as lists, arrays, pandas, polars and pyarrow give the same answer to the last bit."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import counterpoise as cp
from counterpoise.api.columns import table as as_table
from counterpoise.errors import FitError, InputError
from counterpoise.kernels.cox import fit as cox_kernel
from counterpoise.kernels.curves import product_limit

RNG = np.random.default_rng(3)
SIZE = 60
AGE = RNG.normal(50, 10, SIZE).round(1)
STAGE = RNG.integers(0, 3, SIZE)
TREATED = (RNG.random(SIZE) < 1 / (1 + np.exp(-(AGE - 50) / 20))).astype(int)
TIME = RNG.exponential(30, SIZE).round(1) + 0.1
EVENT = (RNG.random(SIZE) < 0.6).astype(int)
WEIGHT = RNG.uniform(0.5, 2, SIZE)
GROUP = np.array(["I", "II", "III"])[STAGE]
ENTRY = np.where(np.arange(SIZE) % 3 == 0, 0.05, 0.0)
FRAME = {"age": AGE.tolist(), "stage": STAGE.tolist()}
NUMBERS = {"time": TIME, "event": EVENT, "treated": TREATED, "weight": WEIGHT, "entry": ENTRY}

Column = Callable[[np.ndarray], Any]
COLUMNS: dict[str, Column] = {
    "list": lambda values: values.tolist(),
    "tuple": lambda values: tuple(values.tolist()),
    "array": lambda values: values,
    "pandas": pd.Series,
    "pandas with another index": lambda values: pd.Series(values, index=np.arange(values.size)[::-1]),
    "pandas nullable": lambda values: pd.Series(values).convert_dtypes(),
    "polars": pl.Series,
    "pyarrow": lambda values: pa.array(values.tolist()),
    "pyarrow in chunks": lambda values: pa.chunked_array([values[:20].tolist(), values[20:].tolist()]),
}
TABLES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "list": lambda frame: np.column_stack(list(frame.values())).tolist(),
    "array": lambda frame: np.column_stack(list(frame.values())),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars, lazy": pl.LazyFrame,
    "pyarrow": pa.table,
}


def assert_same(one: Any, other: Any, place: str = "") -> None:
    """Every field of two records is the same, to the last bit."""
    assert type(one) is type(other), place
    if is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{place}.{field.name}")
    elif isinstance(one, np.ndarray):
        assert one.shape == other.shape, place
        assert [str(value) for value in one.ravel()] == [str(value) for value in other.ravel()], place
    elif isinstance(one, tuple):
        for number, (part, its) in enumerate(zip(one, other, strict=True)):
            assert_same(part, its, f"{place}[{number}]")
    elif isinstance(one, float):
        assert str(one) == str(other), place
    else:
        assert one == other, place


def estimates(column: Column, table: Any) -> dict[str, Any]:
    """Everything that the interface offers, of the same patients."""
    given = {name: column(values) for name, values in NUMBERS.items()}
    time, event, treated = given["time"], given["event"], given["treated"]
    score = cp.propensity(treated, table, terms=["age", "stage"])
    weighting = cp.weigh(score, estimand="ATT", truncate=(0.01, 0.99))
    pairs = cp.match(score, caliper=1e6, identifiers=column(np.arange(SIZE)), seed=4)
    return {
        "kaplan_meier": cp.kaplan_meier(time, event, entry=given["entry"], interval="log-log"),
        "weighted": cp.kaplan_meier(time, event, weights=given["weight"], cluster=column(STAGE)),
        "log_rank": cp.log_rank(time, event, column(GROUP), stratum=column(TREATED)),
        "entry": cp.log_rank(time, event, treated, entry=given["entry"]),
        "cox": cp.cox(time, event, table, ties="breslow", stratum=column(GROUP), entry=given["entry"]),
        "robust": cp.cox(time, event, treated, weights=given["weight"], cluster=column(STAGE)),
        "score": score,
        "weights": weighting,
        "pairs": pairs,
        "balance": cp.check_balance(
            treated, table, names=["age", "stage"], weights=column(weighting.weights), pairs=pairs
        ),
    }


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return estimates(lambda values: values, np.column_stack([AGE, STAGE]))


@pytest.mark.parametrize("route", COLUMNS)
def test_columns_of_any_kind_give_the_same_answer(expected: dict[str, Any], route: str) -> None:
    assert_estimates_same(estimates(COLUMNS[route], np.column_stack([AGE, STAGE])), expected)


@pytest.mark.parametrize("route", TABLES)
def test_tables_of_any_kind_give_the_same_answer(expected: dict[str, Any], route: str) -> None:
    assert_estimates_same(estimates(COLUMNS["array"], TABLES[route](FRAME)), expected)


def assert_estimates_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, record in found.items():
        assert_same(record, expected[name], name)


def test_they_are_the_kernels_answers(expected: dict[str, Any]) -> None:
    assert_same(expected["kaplan_meier"], product_limit.kaplan_meier(TIME, EVENT, entry=ENTRY, interval="log-log"))
    fit = cox_kernel.cox(TIME, EVENT, TREATED, weights=WEIGHT, cluster=STAGE)
    assert_same(expected["robust"], fit)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(GROUP.tolist(), dtype="category"),
        pl.Series(GROUP.tolist(), dtype=pl.Categorical),
        pl.Series(GROUP.tolist(), dtype=pl.Enum(["III", "II", "I"])),
        pa.array(GROUP.tolist()).dictionary_encode(),
    ],
    ids=["pandas", "polars", "polars enum", "pyarrow"],
)
def test_categories_are_labels_like_any_others(column: Any) -> None:
    found, expected = cp.log_rank(TIME, EVENT, column), cp.log_rank(TIME, EVENT, GROUP)
    assert found.p_value == expected.p_value
    assert [str(level) for level in found.levels] == ["I", "II", "III"]


@pytest.mark.parametrize("route", ["list", "array", "pandas", "polars", "pyarrow"])
def test_true_and_false_are_one_and_zero(route: str) -> None:
    truth = EVENT.astype(bool)
    found = cp.kaplan_meier(COLUMNS[route](TIME), COLUMNS[route](truth))
    assert_same(found, cp.kaplan_meier(TIME, EVENT))


# Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["pandas", "polars", "polars, lazy", "pyarrow"])
def test_a_dataframe_names_its_columns(route: str) -> None:
    table = TABLES[route](FRAME)
    assert cp.propensity(TREATED, table).terms == ("age", "stage")
    assert cp.check_balance(TREATED, table).names == ("age", "stage")
    assert cp.propensity(TREATED, table, terms=["a", "b"]).terms == ("a", "b")
    assert cp.check_balance(TREATED, table, names=["a", "b"]).names == ("a", "b")


def test_an_array_has_columns_by_number() -> None:
    table = np.column_stack([AGE, STAGE])
    assert cp.propensity(TREATED, table).terms == ("x1", "x2")
    assert cp.check_balance(TREATED, table).names == ("x1", "x2")


@pytest.mark.parametrize("route", ["pandas", "polars", "pyarrow in chunks", "list"])
def test_one_column_is_a_matrix_of_one(route: str) -> None:
    np.testing.assert_array_equal(as_table("x", COLUMNS[route](AGE)), AGE[:, None])


def test_a_fit_that_fails_names_the_columns_of_the_dataframe() -> None:
    frame = pl.DataFrame({"age": AGE, "received": TREATED})
    with pytest.raises(FitError, match="`received`"):
        cp.propensity(TREATED, frame)


# Nulls and other things that are no numbers ------------------------------------------------------------------------

NULLS: dict[str, Callable[[list[Any]], Any]] = {
    "list": lambda values: values,
    "pandas": pd.Series,
    "pandas nullable": lambda values: pd.Series(values).convert_dtypes(),
    "polars": pl.Series,
    "pyarrow": pa.array,
    "pyarrow in chunks": lambda values: pa.chunked_array([values[:2], values[2:]]),
}


@pytest.mark.parametrize("route", NULLS)
@pytest.mark.parametrize(
    ("argument", "values"),
    [("time", [1.0, None, 3.0]), ("event", [1, None, 0]), ("event", [True, None, False]), ("weights", [1.0, None, 2])],
)
def test_a_null_is_refused_by_the_name_of_its_argument(route: str, argument: str, values: list[Any]) -> None:
    if argument == "weights" and route == "pyarrow in chunks":
        values = [1.0, None, 2.0]
    given: dict[str, Any] = {"time": [1.0, 2.0, 3.0], "event": [1, 1, 0], argument: NULLS[route](values)}
    with pytest.raises(InputError, match=rf"`{argument}` must be finite; 1 of 3 is not \(first at index 1\)"):
        cp.kaplan_meier(**given)


@pytest.mark.parametrize("route", NULLS)
@pytest.mark.parametrize("argument", ["group", "stratum"])
def test_a_null_label_is_refused_in_the_same_words_everywhere(route: str, argument: str) -> None:
    labels = NULLS[route](["a", None, "b", "b"])
    given: dict[str, Any] = {"group": ["a", "a", "b", "b"], argument: labels}
    with pytest.raises(InputError, match=rf"`{argument}` must be known; 1 of 4 is not \(first at index 1\)"):
        cp.log_rank([1, 2, 3, 4], [1, 1, 1, 1], **given)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_null_in_a_dataframe_is_refused_by_the_name_of_its_column(make: Any) -> None:
    table = make({"age": [40.0, 50.0, 60.0, 45.0], "grade": [1, None, 2, 3]})
    with pytest.raises(InputError, match=r"`grade` must be finite; 1 of 4 is not \(first at index 1\)"):
        cp.cox([1, 2, 3, 4], [1, 1, 1, 1], table)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_of_texts_is_refused_by_its_name(make: Any) -> None:
    with pytest.raises(InputError, match="`stage` must hold numbers only"):
        cp.cox([1, 2, 3, 4], [1, 1, 1, 1], make({"stage": ["I", "II", "I", "II"]}))


def test_texts_in_place_of_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="`x` must hold numbers only"):
        cp.cox([1, 2, 3, 4], [1, 1, 1, 1], [["a"], ["b"], ["a"], ["b"]])
    with pytest.raises(InputError, match="`time` must hold numbers only"):
        cp.kaplan_meier(["soon", "late"], [1, 0])


DAYS = ["2020-01-01", "2020-01-02", "2020-01-05"]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.to_datetime(DAYS)),
        pd.Series(pd.to_timedelta([1, 2, 3], unit="D")),
        pl.Series(DAYS).str.to_date(),
        pl.Series([1, 2, 3]).cast(pl.Duration),
        np.array(DAYS, dtype="datetime64[D]"),
    ],
    ids=["pandas dates", "pandas durations", "polars dates", "polars durations", "numpy dates"],
)
def test_dates_and_durations_are_no_times(values: Any) -> None:
    with pytest.raises(InputError, match="`time` must hold numbers, such as days or months; it holds dates"):
        cp.kaplan_meier(values, [1, 1, 0])


def test_a_table_without_columns_or_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="`x` must have 2 rows; it has 0"):
        cp.cox([1, 2], [1, 1], pl.DataFrame())
    with pytest.raises(InputError, match="`x` must have 2 rows; it has 3"):
        cp.cox([1, 2], [1, 1], pd.DataFrame({"age": [1, 2, 3]}))


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        cp.cox([1, 2], [1, 1], [0, 1], tie="efron")  # pyright: ignore[reportCallIssue]


# Matching ----------------------------------------------------------------------------------------------------------


def test_identifiers_make_pairs_that_forget_the_order_of_the_rows() -> None:
    table = np.column_stack([STAGE])  # many equal scores
    names = [f"P{row}" for row in range(SIZE)]
    order = np.random.default_rng(1).permutation(SIZE)
    one = cp.match(cp.propensity(TREATED, table), caliper=1e6, identifiers=names, seed=2)
    moved = [names[row] for row in order]
    other = cp.match(cp.propensity(TREATED[order], table[order]), caliper=1e6, identifiers=moved, seed=2)
    pairs = {(names[t], names[c]) for t, c in zip(one.treated, one.control, strict=True)}
    assert pairs == {(moved[t], moved[c]) for t, c in zip(other.treated, other.control, strict=True)}
    again = cp.match(cp.propensity(TREATED, table), caliper=1e6, identifiers=names, seed=3)
    assert pairs != {(names[t], names[c]) for t, c in zip(again.treated, again.control, strict=True)}


@pytest.mark.parametrize("route", NULLS)
def test_a_null_identifier_is_refused(route: str) -> None:
    score = cp.propensity([0, 1, 0, 1], [1, 1, 2, 2])
    with pytest.raises(InputError, match="`identifiers` must be known; 1 of 4 is not"):
        cp.match(score, caliper=None, identifiers=NULLS[route](["a", None, "c", "d"]))


# What follows a fit, and helpers that are no estimators -------------------------------------------------------------


@pytest.mark.parametrize("route", ["list", "pandas", "polars", "pyarrow in chunks"])
def test_what_follows_a_fit_takes_columns_too(route: str) -> None:
    column = COLUMNS[route]
    spline = cp.natural_spline(column(AGE), degrees_of_freedom=3)
    assert_same(spline, cp.natural_spline(AGE, degrees_of_freedom=3))
    stage = cp.indicators(column(GROUP))
    assert [str(name) for name in stage.names] == ["II", "III"]
    assert cp.interaction(stage, spline.basis).x.shape == (SIZE, 6)
    pseudo = cp.pseudo_observations(column(TIME), column(EVENT), [20.0]).values
    assert_same(cp.pseudo_regression(pseudo, column(AGE)), cp.pseudo_regression(pseudo, AGE))
    assert_same(
        cp.linearity_test(column(TIME), column(EVENT), column(AGE), degrees_of_freedom=3).p_value,
        cp.linearity_test(TIME, EVENT, AGE, degrees_of_freedom=3).p_value,
    )


@pytest.mark.parametrize("route", ["list", "pandas", "polars", "polars, lazy", "pyarrow"])
def test_predictions_take_tables(route: str) -> None:
    fit, plain = cp.cox(TIME, EVENT, TABLES[route](FRAME)), np.column_stack([AGE, STAGE])
    new = TABLES[route]({name: values[:3] for name, values in FRAME.items()})
    assert_same(cp.predict_survival(fit, new, times=[10.0]), cp.predict_survival(fit, plain[:3], times=[10.0]))
    assert_same(cp.linear_predictor(fit, new), cp.linear_predictor(fit, plain[:3]))
    older, younger = (np.column_stack([AGE + years, STAGE]) for years in (10, 0))
    curves = cp.standardised_survival(fit, pd.DataFrame(younger), pl.DataFrame(older), times=[10.0])
    assert_same(curves, cp.standardised_survival(fit, younger, older, times=[10.0]))
    assert cp.concordance_of(fit).value == cp.concordance(TIME, EVENT, cp.linear_predictor(fit, plain).value).value


def test_a_dataframe_whose_columns_are_numbered_is_read_by_columns() -> None:
    plain = np.column_stack([AGE, STAGE])
    assert_same(cp.cox(TIME, EVENT, pd.DataFrame(plain)).coefficients, cp.cox(TIME, EVENT, plain).coefficients)
    assert cp.propensity(TREATED, pd.DataFrame(plain)).terms == ("0", "1")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_matching_takes_covariates_by_name_from_any_dataframe(frame: Any) -> None:
    score = cp.propensity([0, 1, 0, 1, 1, 0, 0, 1], [1, 1, 2, 2, 3, 3, 4, 4])
    columns = {"stage": ["I", "I", "I", "II", "II", "II", "II", "I"], "age": [50, 51, 52, 60, 61, 62, 63, 53]}
    found = cp.match(score, columns=frame(columns), exact=["stage"], covariate_calipers={"age": 2}, caliper=None)
    stage, age = np.array(columns["stage"]), np.array(columns["age"])
    assert found.n_pairs == 3
    assert (stage[found.treated] == stage[found.control]).all()
    assert (np.abs(age[found.treated] - age[found.control]) <= 2).all()
    with pytest.raises(InputError, match="There is no column `sage`; did you mean `stage`"):
        cp.match(score, columns=frame(columns), exact=["sage"])
    with pytest.raises(InputError, match="`columns` must be a dataframe, or a mapping"):
        cp.match(score, columns=[1, 2], exact=["stage"])


# Scores, weights and their effects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["list", "pandas", "polars", "pyarrow in chunks"])
def test_weighted_effects_of_columns_are_those_of_arrays(route: str) -> None:
    column, table = COLUMNS[route], TABLES.get(route, TABLES["pyarrow"])(FRAME)

    def effects(time: Any, event: Any, treated: Any, x: Any, weights: Any, arm: Any) -> dict[str, Any]:
        score = cp.logistic_score(treated, x, case_weights=weights)
        model = cp.weight_model(score, treated, estimand="ATO", sampling_weights=weights)
        several = cp.multinomial_score(arm, x)
        return {
            "score": score,
            "overlap": cp.score_overlap(column(score.probability), treated),
            "trimmed": cp.trim_symmetric(score.probability, treated).kept,
            "truncated": cp.truncate_weights(cp.normalise_weights(model, treated), 0.05, 0.95),
            "hazard": cp.weighted_hazard_ratio(time, event, treated, model),
            "survival": cp.weighted_survival(time, event, treated, model, [10.0]),
            "arms": cp.arm_hazards(time, event, arm, cp.weight_several_arms(several, arm)),
            "known": cp.arm_hazards(time, event, arm, weights),
            "balance": cp.check_arm_balance(arm, x, names=["age", "stage"], weights=weights),
            "robust": cp.doubly_robust_survival(time, event, treated, score, x, at=[10.0]),
        }

    arm = np.arange(SIZE) % 3
    plain = effects(TIME, EVENT, TREATED, np.column_stack([AGE, STAGE]), WEIGHT, arm)
    given = effects(column(TIME), column(EVENT), column(TREATED), table, column(WEIGHT), column(arm))
    assert_estimates_same(given, plain)


@pytest.mark.parametrize("route", ["pandas", "polars", "polars, lazy", "pyarrow"])
def test_terms_of_a_score_and_chances_of_arms_come_from_dataframes(route: str) -> None:
    plain = cp.score_terms({"age": AGE, "stage": STAGE}, splines={"age": 3}, interactions=[["age", "stage"]])
    terms = cp.score_terms(TABLES[route](FRAME), splines={"age": 3}, interactions=[["age", "stage"]])
    assert_same(terms, plain)
    assert cp.score_terms({"age": AGE, "stage": cp.indicators(GROUP)}).names == ("age", "II", "III")
    chances = cp.multinomial_score(STAGE, AGE).probability
    columns = {f"p{arm}": chances[:, arm].tolist() for arm in range(3)}
    assert_same(cp.generalised_weights(TABLES[route](columns), STAGE), cp.generalised_weights(chances, STAGE))
    with pytest.raises(InputError, match="`covariates` must be a dataframe, or a mapping"):
        cp.score_terms([1, 2, 3])
