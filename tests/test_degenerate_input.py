"""Every public estimator of time to event, given what it cannot use: a clear sentence, never a silent number."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
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
}
SCALARS: dict[str, Any] = {"horizon": 12.0, "times": [5.0, 12.0], "penalty": 1.0}
LABELS = {"group", "stratum", "cluster", "censoring_group"}


def estimators() -> dict[str, Callable[..., Any]]:
    """Return the public functions that begin with the times of patients."""
    found = {name: getattr(cp, name) for name in cp.__all__ if not name[0].isupper()}
    return {
        name: function
        for name, function in found.items()
        if next(iter(inspect.signature(function).parameters), "") == "time"
    }


ESTIMATORS = estimators()


def arguments(name: str) -> dict[str, Any]:
    """Return what the function must be given."""
    parameters = inspect.signature(ESTIMATORS[name]).parameters.values()
    needed = {p.name for p in parameters if p.default is p.empty}
    return {key: {**ARRAYS, **SCALARS}[key] for key in needed}


def array_arguments(kinds: set[str] | None = None) -> Iterator[tuple[str, str]]:
    for name, function in ESTIMATORS.items():
        for key in inspect.signature(function).parameters:
            if key in ARRAYS and (kinds is None or key in kinds):
                yield name, key


def refused(name: str, **given: Any) -> None:
    with pytest.raises((InputError, UnsupportedError)) as error:
        ESTIMATORS[name](**{**arguments(name), **given})
    assert len(str(error.value)) > 20


def test_there_is_something_to_try() -> None:
    assert {"kaplan_meier", "log_rank", "cox", "fine_gray", "restricted_mean"} <= set(ESTIMATORS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_arguments_as_they_are_give_an_answer(name: str) -> None:
    assert ESTIMATORS[name](**arguments(name)) is not None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "key"), [pair for pair in array_arguments() if pair[1] not in LABELS])
def test_a_number_that_is_not_finite_is_refused(name: str, key: str, bad: float) -> None:
    spoiled = ARRAYS[key].copy()
    spoiled[3] = bad
    refused(name, **{key: spoiled})


@pytest.mark.parametrize(("name", "key"), list(array_arguments(LABELS)))
def test_a_label_that_is_missing_is_refused(name: str, key: str) -> None:
    spoiled = ARRAYS[key].astype(float)
    spoiled[3] = np.nan
    refused(name, **{key: spoiled})


@pytest.mark.parametrize(("name", "key"), list(array_arguments()))
def test_an_array_of_another_length_is_refused(name: str, key: str) -> None:
    refused(name, **{key: ARRAYS[key][:-1]})


@pytest.mark.parametrize(("name", "key"), [pair for pair in array_arguments() if pair[1] not in LABELS])
def test_texts_in_place_of_numbers_are_refused(name: str, key: str) -> None:
    refused(name, **{key: np.full(ARRAYS[key].shape, "many")})


@pytest.mark.parametrize("bad", [0.0, -1.0])
@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"weights"})])
def test_a_weight_that_is_not_positive_is_refused(name: str, bad: float) -> None:
    spoiled = ARRAYS["weights"].copy()
    spoiled[3] = bad
    refused(name, weights=spoiled)


@pytest.mark.parametrize("name", ESTIMATORS)
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
    rows = {key: value[:0] for key, value in arguments(name).items() if key in ARRAYS}
    refused(name, **rows)


@pytest.mark.parametrize("name", [name for name, _ in array_arguments({"group"})])
def test_one_group_is_refused_where_groups_are_compared(name: str) -> None:
    refused(name, group=np.zeros(SIZE, dtype=int))


# What has no answer is an error or NaN, never a number --------------------------------------------------------------

EVENTLESS = {"event": np.zeros(SIZE), "cause": np.zeros(SIZE)}
POOR: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no event": lambda given: {**given, **{key: EVENTLESS[key] for key in ("event", "cause") if key in given}},
    "all at one time": lambda given: {**given, "time": np.full(SIZE, 20.0)},
    "all events at one time": lambda given: {
        **given,
        "time": np.where(given["event" if "event" in given else "cause"] > 0, 10.0, 20.0),
    },
    "one row": lambda given: {key: value[:1] if key in ARRAYS else value for key, value in given.items()},
    "two rows": lambda given: {key: value[:2] if key in ARRAYS else value for key, value in given.items()},
    "one event": lambda given: {
        **given,
        **{key: (np.arange(SIZE) == 7).astype(float) for key in ("event", "cause") if key in given},
    },
    "a constant covariate": lambda given: {**given, **({"x": np.ones((SIZE, 2))} if "x" in given else {})},
    "collinear covariates": lambda given: {
        **given,
        **({"x": np.column_stack([given["x"], given["x"].sum(axis=1)])} if "x" in given else {}),
    },
    "more covariates than events": lambda given: {
        **given,
        **({"x": np.random.default_rng(1).normal(size=(SIZE, 35))} if "x" in given else {}),
    },
}


@pytest.mark.parametrize("poor", POOR)
@pytest.mark.parametrize("name", ESTIMATORS)
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
