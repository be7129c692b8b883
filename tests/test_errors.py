import pytest

from counterpoise.errors import (
    CounterpoiseError,
    DataError,
    FitError,
    InputError,
    PlanError,
    Problem,
    ProblemsError,
    UnsupportedError,
)


@pytest.mark.parametrize(
    ("error", "also"),
    [(InputError, ValueError), (FitError, InputError), (UnsupportedError, NotImplementedError)],
)
def test_errors_are_of_the_project_and_of_python(error: type[Exception], also: type[Exception]) -> None:
    assert issubclass(error, CounterpoiseError)
    assert issubclass(error, also)


def test_the_exit_status_is_two() -> None:
    assert all(error.exit_status == 2 for error in (CounterpoiseError, InputError, PlanError, DataError))


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("row 3", "is empty", "remove it"), "row 3: is empty; remove it"),
        (Problem("row 3", "is empty"), "row 3: is empty"),
        (Problem("", "there are no rows"), "there are no rows"),
        (Problem("", "there are no rows", "choose another sheet"), "there are no rows; choose another sheet"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize("error", [PlanError, DataError])
def test_problems_are_reported_together_and_kept_apart(error: type[ProblemsError]) -> None:
    problems = [Problem("a", "is wrong"), Problem("b", "is wrong too", "mend it")]
    caught = error(problems)
    assert str(caught) == "a: is wrong\nb: is wrong too; mend it"
    assert caught.problems == tuple(problems)
