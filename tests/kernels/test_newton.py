import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.newton import Point, aliased_columns, ascend
from counterpoise.kernels.verdict import Verdict


def spread(beta: Floats) -> float:
    return float(np.ptp(beta) if beta.size > 1 else abs(beta[0]))


def logistic_of(x: Floats, y: Floats) -> Point:
    p = 1 / (1 + np.exp(-x))
    return Point(float(y @ np.log(p) + (1 - y) @ np.log1p(-p)), y - p, np.diag(p * (1 - p)))


def test_a_parabola_takes_one_step() -> None:
    matrix, top = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([4.0, -7.0])

    def parabola(b: Floats) -> Point:
        return Point(float(-(b - top) @ matrix @ (b - top) / 2), -matrix @ (b - top), matrix)

    ascent = ascend(parabola, np.zeros(2), spread=spread)
    assert (ascent.verdict, ascent.steps, ascent.at_fault) == (Verdict.CONVERGED, 1, ())
    np.testing.assert_allclose(ascent.coefficients, top, rtol=1e-15)
    assert ascent.first.log_likelihood == parabola(np.zeros(2)).log_likelihood


def test_a_step_that_would_descend_is_halved() -> None:
    evaluated: list[float] = []

    def steep(b: Floats) -> Point:
        evaluated.append(float(b[0]))
        root = np.sqrt(1 + b**2)
        return Point(-float(root[0]), -b / root, (1 / root**3)[:, None])

    # Newton's map for -sqrt(1 + b^2) is b -> -b^3, which runs away from every start beyond 1
    ascent = ascend(steep, np.array([2.0]), spread=spread)
    assert ascent.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(ascent.coefficients, [0.0], atol=1e-12)
    assert len(evaluated) > ascent.steps + 1


def test_a_step_where_nothing_is_finite_is_halved() -> None:
    def logarithm(b: Floats) -> Point:
        with np.errstate(invalid="ignore"):
            value = np.log(b) - b
        return Point(float(value[0]), 1 / b - 1, (b**-2)[:, None])

    # from 2.5 the whole step leads to a negative number
    ascent = ascend(logarithm, np.array([2.5]), spread=spread)
    assert ascent.verdict is Verdict.CONVERGED
    np.testing.assert_allclose(ascent.coefficients, [1.0], rtol=1e-14)


@pytest.mark.parametrize("start", [0.0, -3.0, 10.0, 30.0])
def test_a_maximum_at_infinity_is_no_maximum(start: float) -> None:
    y = np.array([1.0])
    ascent = ascend(lambda b: logistic_of(b, y), np.array([start]), spread=spread, drifting=Verdict.SEPARATED)
    assert (ascent.verdict, ascent.at_fault) == (Verdict.SEPARATED, (0,))


def test_only_what_is_infinite_is_at_fault() -> None:
    count = np.array([10.0, 5.0])
    hits = np.array([10.0, 2.0])

    def two_groups(b: Floats) -> Point:
        p = 1 / (1 + np.exp(-b))
        value = hits @ np.log(p) + (count - hits) @ np.log1p(-p) if p.max() < 1 else 2 * np.log(0.4) + 3 * np.log(0.6)
        return Point(float(value), hits - count * p, np.diag(count * p * (1 - p)))

    ascent = ascend(two_groups, np.zeros(2), spread=spread)
    assert (ascent.verdict, ascent.at_fault) == (Verdict.MONOTONE, (0,))
    np.testing.assert_allclose(ascent.coefficients[1], np.log(2 / 3), rtol=1e-9)


def test_the_number_of_steps_is_limited() -> None:
    hits = np.array([0.25])
    for steps in (0, 1, 2):
        ascent = ascend(lambda b: logistic_of(b, hits), np.array([1.0]), spread=spread, max_steps=steps)
        assert (ascent.verdict, ascent.steps) == (Verdict.MAX_STEPS, steps)
        np.testing.assert_allclose(ascent.last.score, logistic_of(ascent.coefficients, hits).score, rtol=1e-15)


def test_a_function_that_does_not_rise_where_its_slope_says_so_is_not_converged() -> None:
    ascent = ascend(lambda b: Point(-abs(float(b[0])), np.ones(1), np.eye(1)), np.zeros(1), spread=spread)
    assert ascent.verdict is Verdict.MAX_STEPS


def test_aliased_columns_are_those_that_come_later() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3))
    x = np.column_stack([x[:, 0], np.zeros(40), x[:, 1], x[:, 0] - 2 * x[:, 1], x[:, 2]])
    assert aliased_columns(x.T @ x).tolist() == [False, True, False, True, False]
    assert aliased_columns(x[:, [0, 2, 4]].T @ x[:, [0, 2, 4]] * np.outer([1e-4, 1, 1e4], [1e-4, 1, 1e4])).sum() == 0
    assert aliased_columns(np.full((2, 2), np.nan)).all()
    assert aliased_columns(np.zeros((1, 1))).all()
    unit = np.diag([1.0, 1.0])
    assert aliased_columns(np.diag([1.0, 1e-12]), unit).tolist() == [False, True]


def test_rounding_is_not_information() -> None:
    def noise(_: Floats) -> Point:
        return Point(-1.0, np.zeros(1), np.array([[1e-14]]))

    assert ascend(noise, np.zeros(1), spread=spread).verdict is Verdict.CONVERGED
    ascent = ascend(noise, np.zeros(1), spread=spread, usual_information=50.0)
    assert (ascent.verdict, ascent.at_fault) == (Verdict.COLLINEAR, (0,))


def test_a_decrement_that_fell_far_may_end_the_ascent_a_pass_early() -> None:
    def poisson(b: Floats) -> Point:
        mean = 1000 * np.exp(b)
        return Point(float(1200 * b[0] - mean[0]), 1200 - mean, np.diag(mean))

    fully, early = (ascend(poisson, np.zeros(1), spread=spread, settled_fall=fall) for fall in (0.0, 1e-6))
    assert fully.verdict is early.verdict is Verdict.CONVERGED
    assert early.steps == fully.steps - 1
    np.testing.assert_allclose(early.coefficients, [np.log(1.2)], rtol=1e-12)
    np.testing.assert_allclose(early.last.information, [[1200.0]], rtol=2e-6)
    assert early.last.information[0, 0] != fully.last.information[0, 0]
