"""Every public estimator, given what it cannot use: a clear sentence, never a silent number."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import counterpoise as cp
from counterpoise.errors import CounterpoiseError, InputError, UnsupportedError

SIZE = 40
RNG = np.random.default_rng(11)
TIME = RNG.exponential(30, SIZE).round() + 2
ARRAYS: dict[str, np.ndarray] = {
    "time": TIME,
    "event": (RNG.random(SIZE) < 0.6).astype(float),
    "cause": RNG.integers(0, 3, SIZE).astype(float),
    "entry": np.where(np.arange(SIZE) % 3 == 0, 1.0, 0.0),
    "group": np.arange(SIZE) % 2,
    "x": np.column_stack([RNG.normal(size=SIZE), np.arange(SIZE) % 2]),
    "weights": RNG.uniform(0.5, 2, SIZE),
    "stratum": np.arange(SIZE) // 20,
    "cluster": np.arange(SIZE) // 2,
    "predictor": RNG.normal(size=SIZE),
    "value": RNG.normal(50, 10, SIZE),
    "offset": RNG.normal(0, 0.1, SIZE),
    "censoring_group": np.arange(SIZE) % 2,
    "treatment": (np.arange(SIZE) % 2).astype(float),
    "arm": (np.arange(SIZE) % 3).astype(float),
    "probability": RNG.uniform(0.3, 0.7, SIZE),
    "rows": (np.arange(SIZE) % 2).astype(float),
}
ARRAYS.update({key: ARRAYS["weights"] for key in ("case_weights", "sampling_weights")})
LABELS = {"group", "stratum", "cluster", "censoring_group"}

# Covariates of scores: the x above tells apart who is treated.
COVARIATES = RNG.normal(size=(SIZE, 2)) + np.column_stack([np.arange(SIZE) % 2, np.arange(SIZE) % 3])
CHANCES = RNG.dirichlet([4.0, 4.0, 4.0], SIZE)
SCORE = cp.logistic_score(ARRAYS["treatment"], COVARIATES)
SCALARS: dict[str, Any] = {
    "horizon": 12.0,
    "times": [5.0, 12.0],
    "at": [5.0, 12.0],
    "penalty": 1.0,
    "names": ("a", "b"),
    "estimate": 1.0,
    "score": SCORE,
    "model": cp.weight_model(SCORE, ARRAYS["treatment"], stabilised=True),
    "influence": RNG.normal(size=SIZE),
    "x_outcome": COVARIATES,
    "x_censoring": COVARIATES,
    "weights_of": lambda case_weights: case_weights,
    "replicates": 5,
    "rule": cp.trim_symmetric,
    "start": np.where(np.arange(SIZE) % 3 == 0, np.inf, (TIME / 3).round() + 1),
    "grace": 8.0,
    "fit": lambda kept: cp.outside_score(np.full(np.count_nonzero(kept), 0.5)),
}
OWN: dict[str, dict[str, Any]] = {
    "generalised_weights": {"probability": CHANCES},
    "weight_several_arms": {"fit": cp.multinomial_score(ARRAYS["arm"], COVARIATES)},
    "arm_survival": {"at": 12.0},
    "censoring_weights": {"at": 12.0},
    "factorial_arms": {"first": ARRAYS["treatment"], "second": ARRAYS["rows"][::-1]},
    "landmark_rows": {"at": 10.0},
    "refitted_effects": {"case_weights": RNG.uniform(0.5, 2, (3, SIZE))},
}
STAGES = {"match", "match_arms", "propensity", "weigh"}  # stages of a study, tried with it
WITHOUT_PATIENTS = {"bca_interval", "incidence_difference"}
LABELLED = {("censoring_weights", "arm"), ("censoring_weight_rows", "arm")}
ALONE = {"known_weights", "outside_score"}  # of one column, which may be of any length
FIRST = {"time", "treatment", "arm", "first", "probability", "weights", "score", "model", "influence", "estimate"}


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(cp, name)).parameters)


def estimators() -> dict[str, Callable[..., Any]]:
    """Return the public functions that begin with a column of patients, or with a score or weights of them."""
    names = [name for name in cp.__all__ if not name[0].isupper() and name not in STAGES | WITHOUT_PATIENTS]
    return {name: getattr(cp, name) for name in names if next(iter(parameters(name)), "") in FIRST}


def needed(name: str) -> list[str]:
    return [key for key, parameter in parameters(name).items() if parameter.default is parameter.empty]


def value_of(name: str, key: str) -> Any:
    if key in OWN.get(name, {}):
        return OWN[name][key]
    if key == "x" and "time" not in parameters(name):
        return COVARIATES
    return {**ARRAYS, **SCALARS}[key]


ESTIMATORS = estimators()
TIMED = [name for name in ESTIMATORS if "time" in parameters(name)]


def arguments(name: str) -> dict[str, Any]:
    """Return what the function must be given."""
    return {key: value_of(name, key) for key in needed(name)} | (
        {"replicates": 5} if "replicates" in parameters(name) else {}
    )


def some_rows(value: Any, rows: slice) -> Any:
    """Return rows of an array, or of every array of a record, that has one row a patient."""
    if isinstance(value, np.ndarray):
        return value[rows] if value.shape[:1] == (SIZE,) else value[:, rows]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        arrays = {key: part for key, part in parts.items() if np.shape(part)[:1] == (SIZE,)}
        return replace(value, **{key: part[rows] for key, part in arrays.items()})
    return value


def array_arguments(kinds: set[str] | None = None) -> Iterator[tuple[str, str]]:
    for name in ESTIMATORS:
        for key in parameters(name):
            if (key in ARRAYS or key in ("first", "second", "x_outcome", "x_censoring")) and (
                kinds is None or key in kinds
            ):
                yield name, key


def number_arguments() -> list[tuple[str, str]]:
    return [pair for pair in array_arguments() if pair[1] not in LABELS]


def refused(name: str, **given: Any) -> None:
    with pytest.raises((InputError, UnsupportedError)) as error:
        ESTIMATORS[name](**{**arguments(name), **given})
    assert len(str(error.value)) > 20


def test_there_is_something_to_try() -> None:
    assert {"kaplan_meier", "log_rank", "cox", "fine_gray", "restricted_mean"} <= set(ESTIMATORS)
    assert {"logistic_score", "weight_model", "weighted_cox", "arm_hazards", "truncate_weights"} <= set(ESTIMATORS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_arguments_as_they_are_give_an_answer(name: str) -> None:
    assert ESTIMATORS[name](**arguments(name)) is not None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "key"), number_arguments())
def test_a_number_that_is_not_finite_is_refused(name: str, key: str, bad: float) -> None:
    spoiled = value_of(name, key).copy()
    spoiled.ravel()[3] = bad
    refused(name, **{key: spoiled})


@pytest.mark.parametrize(("name", "key"), list(array_arguments(LABELS)))
def test_a_label_that_is_missing_is_refused(name: str, key: str) -> None:
    spoiled = ARRAYS[key].astype(float)
    spoiled[3] = np.nan
    refused(name, **{key: spoiled})


@pytest.mark.parametrize(("name", "key"), [pair for pair in array_arguments() if pair[0] not in ALONE])
def test_an_array_of_another_length_is_refused(name: str, key: str) -> None:
    refused(name, **{key: some_rows(value_of(name, key), slice(0, -1))})


@pytest.mark.parametrize(("name", "key"), [pair for pair in number_arguments() if pair not in LABELLED])
def test_texts_in_place_of_numbers_are_refused(name: str, key: str) -> None:
    refused(name, **{key: np.full(value_of(name, key).shape, "many")})


@pytest.mark.parametrize("bad", [0.0, -1.0])
@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"weights"})])
def test_a_weight_that_is_not_positive_is_refused(name: str, bad: float) -> None:
    spoiled = ARRAYS["weights"].copy()
    spoiled[3] = bad
    refused(name, weights=spoiled)


@pytest.mark.parametrize("name", TIMED)
def test_a_negative_time_is_refused(name: str) -> None:
    refused(name, time=np.where(np.arange(SIZE) == 3, -1.0, TIME))


@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"entry"})])
@pytest.mark.parametrize("late", [0.0, 1.0])
def test_entry_at_or_after_the_exit_is_refused(name: str, late: float) -> None:
    refused(name, entry=np.where(np.arange(SIZE) == 3, TIME + late, 0.0))


@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"event"})])
def test_an_event_that_is_neither_zero_nor_one_is_refused(name: str) -> None:
    refused(name, event=np.where(np.arange(SIZE) == 3, 2.0, ARRAYS["event"]))


@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"cause"})])
@pytest.mark.parametrize("bad", [-1.0, 0.5])
def test_a_cause_that_is_no_number_of_a_cause_is_refused(name: str, bad: float) -> None:
    refused(name, cause=np.where(np.arange(SIZE) == 3, bad, ARRAYS["cause"]))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_rows_are_refused(name: str) -> None:
    refused(name, **{key: some_rows(value, slice(0, 0)) for key, value in arguments(name).items()})


@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"group"})])
def test_one_group_is_refused_where_groups_are_compared(name: str) -> None:
    refused(name, group=np.zeros(SIZE, dtype=int))


# What has no answer is an error or NaN, never a number --------------------------------------------------------------

EVENTLESS = {"event": np.zeros(SIZE), "cause": np.zeros(SIZE)}
ONE_EVENT = {key: (np.arange(SIZE) == 7).astype(float) for key in ("event", "cause")}
TABLES = ("x", "x_outcome")


def changed(given: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return the arguments with others in place of those that are among them."""
    return {key: others.get(key, value) for key, value in given.items()}


def covariates(given: dict[str, Any], make: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return changed(given, **{key: make(given[key]) for key in TABLES if key in given})


POOR: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no event": lambda given: changed(given, **EVENTLESS),
    "all at one time": lambda given: changed(given, time=np.full(SIZE, 20.0)),
    "all events at one time": lambda given: changed(
        given, time=np.where(given.get("event", given.get("cause", np.zeros(SIZE))) > 0, 10.0, 20.0)
    ),
    "one event": lambda given: changed(given, **ONE_EVENT),
    "an arm without events": lambda given: changed(
        given, **{key: np.where(np.arange(SIZE) % 2, ARRAYS[key], 0.0) for key in ("event", "cause")}
    ),
    "one row": lambda given: {key: some_rows(value, slice(0, 1)) for key, value in given.items()},
    "two rows": lambda given: {key: some_rows(value, slice(0, 2)) for key, value in given.items()},
    "one arm": lambda given: changed(given, treatment=np.ones(SIZE), arm=np.zeros(SIZE), group=np.zeros(SIZE)),
    "a constant covariate": lambda given: covariates(given, np.ones_like),
    "collinear covariates": lambda given: covariates(given, lambda x: np.column_stack([x, x.sum(axis=1)])),
    "covariates that say the arm": lambda given: covariates(
        given, lambda x: np.column_stack([x[:, 0], np.arange(SIZE) % 2])
    ),
    "more covariates than events": lambda given: covariates(
        given, lambda _: np.random.default_rng(1).normal(size=(SIZE, 35))
    ),
    "more covariates than rows": lambda given: covariates(
        given, lambda _: np.random.default_rng(1).normal(size=(SIZE, SIZE + 2))
    ),
}


def poor_cases() -> Iterator[tuple[str, str]]:
    """Return what can be poor of each function: nothing is tried that leaves its arguments as they are."""
    for name in ESTIMATORS:
        given = arguments(name)
        for poor, make in POOR.items():
            if any(value is not given[key] for key, value in make(given).items()):
                yield name, poor


@pytest.mark.parametrize(("name", "poor"), list(poor_cases()))
def test_poor_data_give_a_sentence_or_a_record(name: str, poor: str) -> None:
    with contextlib.suppress(CounterpoiseError):  # anything else, a warning of numpy too, is a failure
        assert ESTIMATORS[name](**POOR[poor](arguments(name))) is not None


REGRESSIONS = ("cox", "firth_cox", "ridge_cox", "fine_gray")


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_regression_without_events_has_no_coefficient(name: str) -> None:
    try:
        fit = ESTIMATORS[name](**POOR["no event"](arguments(name)))
    except CounterpoiseError:
        return
    assert np.isnan(fit.coefficients).all()
    assert fit.verdict.value == "no events"


@pytest.mark.parametrize("name", ["cox", "fine_gray"])
@pytest.mark.parametrize("poor", ["a constant covariate", "collinear covariates"])
def test_what_the_data_cannot_tell_apart_has_no_coefficient(name: str, poor: str) -> None:
    fit = ESTIMATORS[name](**POOR[poor](arguments(name)))
    assert fit.verdict.value == "collinear covariates"
    assert fit.at_fault
    assert np.isnan(fit.coefficients).all()


@pytest.mark.parametrize("name", ["log_rank", "max_combo", "log_rank_trend"])
def test_a_test_without_events_has_no_p_value(name: str) -> None:
    try:
        found = ESTIMATORS[name](**POOR["no event"](arguments(name)))
    except CounterpoiseError:
        return
    assert np.isnan(found.p_value)


# Scores and weights -------------------------------------------------------------------------------------------------

COMPARED = [name for name in ESTIMATORS if {"treatment"} & {*needed(name)} and name not in ("balancing_weights",)]
SCORES = ("logistic_score", "firth_score", "ridge_score", "covariate_balancing_score", "multinomial_score")
WEIGHTED = [name for name in ESTIMATORS if "model" in needed(name)]
SCORED = [name for name in ESTIMATORS if "score" in needed(name)]


@pytest.mark.parametrize("name", COMPARED)
def test_one_arm_is_refused_where_arms_are_compared(name: str) -> None:
    for treatment in (np.zeros(SIZE), np.ones(SIZE)):
        refused(name, treatment=treatment)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("poor", ["collinear covariates", "covariates that say the arm"])
def test_a_score_that_has_no_estimate_says_so(name: str, poor: str) -> None:
    given = changed(POOR[poor](arguments(name)), arm=ARRAYS["treatment"])
    fit = ESTIMATORS[name](**given)
    if fit.verdict.value == "converged":  # a penalty has an answer
        assert name in ("firth_score", "ridge_score")
        assert np.isfinite(fit.probability).all()
        return
    assert fit.at_fault
    assert np.isnan(fit.probability).all()


@pytest.mark.parametrize("name", SCORED)
def test_a_score_without_an_estimate_is_refused(name: str) -> None:
    failed = cp.logistic_score(ARRAYS["treatment"], np.column_stack([COVARIATES, ARRAYS["treatment"]]))
    with pytest.raises(CounterpoiseError):
        ESTIMATORS[name](**{**arguments(name), "score": failed})


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("bad", [np.nan, 0.0, 1.0, -0.5, 1.5])
def test_a_score_that_is_no_chance_is_refused(name: str, bad: float) -> None:
    chances = SCORE.probability.copy()
    chances[2:4] = bad  # a control and a treated
    refused(name, score=replace(SCORE, probability=chances))


@pytest.mark.parametrize("name", SCORED)
def test_a_score_of_other_patients_is_refused(name: str) -> None:
    refused(name, score=some_rows(SCORE, slice(0, -1)))


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("part", ["weights", "derivative", "influence"])
def test_weights_that_are_none_are_refused(name: str, part: str, bad: float) -> None:
    model = SCALARS["model"]
    values = getattr(model, part).copy()
    values[3] = bad
    if bad == -1.0 and part != "weights":
        return
    refused(name, model=replace(model, **{part: values}))


@pytest.mark.parametrize("name", [name for name in WEIGHTED if name not in ("truncate_weights", "small_sample_factor")])
def test_weights_of_other_patients_are_refused(name: str) -> None:
    refused(name, model=some_rows(SCALARS["model"], slice(0, -1)))


@pytest.mark.parametrize("name", [name for name in WEIGHTED if "treatment" in needed(name)])
def test_an_arm_that_weighs_nothing_is_refused(name: str) -> None:
    model, left = SCALARS["model"], ARRAYS["treatment"]
    refused(name, model=replace(model, weights=model.weights * left, derivative=model.derivative * left[:, None]))
