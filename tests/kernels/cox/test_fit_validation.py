"""Therneau and Grambsch's three hand-worked data sets, exactly and against R, at the start, after one step, at the end.

With r = exp(beta) a fraction, so are the score, the information, and the residuals: each event time is written down as
its draws (one under Breslow for all deaths, one a death under Efron), a draw being its weight, the sum of w r over
those left, the sum of w x r, the sum of w x^2 r, and the part of a tied death that is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.blocks import martingale, risk_sums
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import CoxFit, cox
from counterpoise.kernels.verdict import Verdict
from tests.by_hand import cox_unweighted as unweighted, cox_weighted as weighted
from tests.golden import floats, golden
from tests.golden.agreement import agrees

BOTH: tuple[Ties, Ties] = ("efron", "breslow")
NAME = "cox_core"
F = Fraction
WHOLE = F(1)


@dataclass
class Draw:
    """One term of the partial likelihood."""

    time: int
    weight: Fraction
    s0: Fraction
    s1: Fraction
    s2: Fraction
    left: Fraction = WHOLE


def six(r: Fraction, ties: Ties) -> list[Draw]:
    first, last = Draw(1, F(1), 3 * r + 3, 3 * r, 3 * r), Draw(9, F(1), F(1), F(0), F(0))
    if ties == "breslow":
        return [first, Draw(6, F(2), r + 3, r, r), last]
    return [first, Draw(6, F(1), r + 3, r, r), Draw(6, F(1), (r + 5) / 2, r / 2, r / 2, F(1, 2)), last]


def ten(r: Fraction, ties: Ties) -> list[Draw]:
    sets = [(2, 1, 1), (3, 1, 2), (6, 3, 2), (7, 3, 1), (8, 3, 1), (9, 3, 2)]
    draws = [Draw(time, F(1), a * r + b, a * r, a * r) for time, a, b in sets]
    if ties == "breslow":
        draws[-1].weight = F(2)
        return draws
    return [*draws, Draw(9, F(1), 2 * r + 2, 2 * r, 2 * r, F(1, 2))]


def nine(r: Fraction, ties: Ties) -> list[Draw]:
    first = Draw(1, F(1), r**2 + 11 * r + 7, 2 * r**2 + 11 * r, 4 * r**2 + 11 * r)
    last = Draw(4, F(2), 2 * r + 1, 2 * r, 2 * r)
    if ties == "breslow":
        return [first, Draw(2, F(10), 11 * r + 5, 11 * r, 11 * r), last]
    tied = [(F(1), 11, 5), (F(2, 3), F(26, 3), 4), (F(1, 3), F(19, 3), 3)]
    return [first, *(Draw(2, F(10, 3), a * r + b, a * r, a * r, left) for left, a, b in tied), last]


@dataclass
class Worked:
    """A data set, its draws, and the sum of w x over its deaths."""

    data: dict[str, Any]
    draws: Callable[[Fraction, Ties], list[Draw]]
    observed: int

    @property
    def weights(self) -> list[float]:
        return self.data.get("weights", [1.0] * len(self.data["time"]))

    def score(self, r: Fraction, ties: Ties) -> Fraction:
        return self.observed - sum((d.weight * d.s1 / d.s0 for d in self.draws(r, ties)), F(0))

    def information(self, r: Fraction, ties: Ties) -> Fraction:
        return sum((d.weight * (d.s2 / d.s0 - (d.s1 / d.s0) ** 2) for d in self.draws(r, ties)), F(0))

    def log_likelihood(self, r: Fraction, ties: Ties) -> float:
        return self.observed * log(r) - sum(float(d.weight) * log(d.s0) for d in self.draws(r, ties))

    def martingale(self, r: Fraction, ties: Ties) -> list[Fraction]:
        entry = self.data.get("entry", [0] * len(self.data["time"]))
        rows = zip(entry, self.data["time"], self.data["event"], self.data["x"], strict=True)
        draws = self.draws(r, ties)
        return [
            event
            - sum(
                (
                    r ** int(x) * d.weight / d.s0 * (d.left if event and d.time == time else 1)
                    for d in draws
                    if start < d.time <= time
                ),
                F(0),
            )
            for start, time, event, x in rows
        ]


WORKED = {
    "first": Worked(
        {"time": unweighted.SIX_TIME, "event": unweighted.SIX_EVENT, "x": unweighted.SIX_X},
        six,
        2,
    ),
    "second": Worked(
        {
            "entry": unweighted.TEN_ENTRY,
            "time": unweighted.TEN_TIME,
            "event": unweighted.TEN_EVENT,
            "x": unweighted.TEN_X,
        },
        ten,
        4,
    ),
    "third": Worked(
        {"time": weighted.TIME, "event": weighted.EVENT, "x": weighted.X, "weights": weighted.WEIGHTS},
        nine,
        11,
    ),
}
every = pytest.mark.parametrize("name", WORKED)
both = pytest.mark.parametrize("ties", BOTH)


def residuals(fit: CoxFit) -> Floats:
    """Return (n,) martingale residuals in the order of the rows, without their weights."""
    assert fit.design is not None
    sums = risk_sums(fit.design, fit.coefficients * fit.design.scale)
    values = np.zeros(fit.n)
    values[fit.design.rows] = martingale(fit.design, sums)[0] / fit.design.weights
    return values


def score_residuals(worked: Worked, fit: CoxFit) -> Floats:
    """Return (n,) derivatives of the score at the coefficients of a fit by each weight."""
    at = cox(**worked.data, ties=fit.ties, initial=fit.coefficients, max_steps=0, robust=True)
    assert at.influence is not None
    return at.influence[:, 0] / at.naive_covariance[0, 0] / worked.weights


@both
@every
@pytest.mark.parametrize("r", [F(1), F(2), F(1, 3), F(7, 2)])
def test_fractions(name: str, ties: Ties, r: Fraction) -> None:
    worked = WORKED[name]
    fit = cox(**worked.data, ties=ties, initial=[log(r)], max_steps=0, robust=False)
    score, information = worked.score(r, ties), worked.information(r, ties)
    np.testing.assert_allclose(fit.log_likelihood, worked.log_likelihood(r, ties), rtol=1e-14)
    np.testing.assert_allclose(fit.score, float(score**2 / information), rtol=1e-12)
    np.testing.assert_allclose(1 / fit.covariance, [[float(information)]], rtol=1e-13)
    by_hand = worked.martingale(r, ties)
    np.testing.assert_allclose(residuals(fit), [float(value) for value in by_hand], atol=1e-14)
    assert sum(F(w) * value for w, value in zip(worked.weights, by_hand, strict=True)) == 0
    step = cox(**worked.data, ties=ties, initial=[log(r)], max_steps=1, robust=False)
    np.testing.assert_allclose(step.coefficients, [log(r) + float(score / information)], rtol=1e-13)


def test_values_printed_in_the_book() -> None:
    first, second = WORKED["first"].data, WORKED["second"].data
    start = cox(**first, ties="breslow", max_steps=0)
    np.testing.assert_allclose(start.log_likelihood, -log(6 * 4**2), rtol=1e-14)
    assert WORKED["first"].score(F(1), "breslow") == 1
    assert WORKED["first"].information(F(1), "breslow") == F(5, 8)
    assert WORKED["first"].score(F(1), "efron") == F(52, 48)
    assert WORKED["first"].information(F(1), "efron") == F(83, 144)
    end = cox(**first, ties="breslow")
    np.testing.assert_allclose(np.exp(end.coefficients), [(3 + sqrt(33)) / 2], rtol=1e-14)
    efron = cox(**first)
    printed = [efron.coefficients[0], efron.log_likelihood_null, 1 / efron.covariance[0, 0]]
    np.testing.assert_allclose(printed, [1.676857, -4.276666, 0.612632], atol=5e-7)
    # printed as -3.358979, where the book's own formula gives this
    np.testing.assert_allclose(efron.log_likelihood, -3.358975, atol=5e-7)
    np.testing.assert_allclose(cox(**second, ties="breslow").coefficients, [-0.084526], atol=5e-7)
    third = cox(**WORKED["third"].data, ties="breslow")
    printed = [0.85531, -0.02593, 0.17636, 0.17636, 0.65131, -0.82364, -0.34869, -0.64894, -0.69808]
    np.testing.assert_allclose(residuals(third), printed, atol=5e-6)


@both
@every
@pytest.mark.parametrize("steps", [0, 1, "end"])
def test_as_in_r(name: str, ties: Ties, steps: int | str) -> None:
    key, worked = f"worked_{name}_{ties}_{steps}", WORKED[name]
    fit = cox(**worked.data, ties=ties, max_steps=50 if steps == "end" else int(steps), robust=False)
    r, section = golden(NAME, key), f"Cox regression, worked by hand ({ties.capitalize()})"
    assert fit.verdict is (Verdict.CONVERGED if steps == "end" else Verdict.MAX_STEPS)

    def same(quantity: str, ours: Any, theirs: Any, tolerance: float = 1e-10) -> None:
        agrees(f"{section}: {quantity}", NAME, key, ours, theirs, tolerance=tolerance, relative_to="largest")

    same("log hazard ratio", fit.coefficients[0], r["coef"])
    same("log-likelihood", [fit.log_likelihood_null, fit.log_likelihood], [r["loglik"][0], r["loglik"][-1]])
    same("information", 1 / fit.covariance[0, 0], r["information"])
    same("score test", fit.score, r["score_test"])
    same("martingale residual", residuals(fit), r["martingale"])
    ours, scores = score_residuals(worked, fit), floats(r["score_residual"])
    same("score residual", ours, scores)
    # both sums are zero at the end, of residuals of order one
    np.testing.assert_allclose(np.array(worked.weights) @ ours, r["score"], atol=1e-13)
    if name != "third":  # R's Schoenfeld residuals know no weights
        np.testing.assert_allclose(np.sum(floats(r["schoenfeld"])), ours.sum(), atol=1e-13)
    r_hat = exp(fit.coefficients[0])
    np.testing.assert_allclose(float(worked.score(F(r_hat), ties)), np.array(worked.weights) @ ours, atol=1e-13)
