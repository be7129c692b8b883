"""Cox models of the event and of censoring, read as hazard steps that any patient can be sent along."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.baseline import increments
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.risk_set import suffix_sum, sum_by
from counterpoise.kernels.verdict import Verdict

OutcomeModel = Literal["arms", "common"]
CensoringModel = Literal["arms", "common", "pooled"]
Steps = Literal["exponential", "product"]


@dataclass(frozen=True, slots=True, eq=False)
class StepHazard:
    """The cumulative hazard of n patients: `ratio` (n,) times steps of `hazard` (g,) at g places."""

    place: Counts
    """(g,) where the steps are: indices of the distinct observed times, ascending."""
    hazard: Floats
    """(g,)"""
    ratio: Floats
    """(n,)"""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What happened to n patients, by the place of their time among the m distinct times observed."""

    place: Counts
    """(n,)"""
    event: Bools
    """(n,) whether it is an event of the model; for censoring, whether it is a censoring."""
    weights: Floats
    """(n,)"""


def step_hazard(
    counted: Counted, rows: Bools, x: Floats, x_all: Floats, *, ties: Ties, steps: Steps, what: str
) -> StepHazard:
    """Fit a Cox model to the marked `rows`, with covariates `x` (n, p), and send all rows along it with `x_all`.

    Without covariates (p = 0) the hazard is Nelson and Aalen's, or under Efron's ties Fleming and Harrington's. For
    `steps` "product" the increments are Breslow's whatever the ties, so that without covariates the product limit is
    Kaplan and Meier's. Raises `FitError` naming `what` where the model has no finite estimate.

    >>> counted = Counted(np.array([0, 1, 2]), np.array([True, False, True]), np.ones(3))
    >>> nothing = np.zeros((3, 0))
    >>> step_hazard(counted, np.full(3, True), nothing, nothing, ties="efron", steps="exponential", what="").hazard
    array([0.33333333, 1.        ])
    """
    place, event, weights = counted.place[rows], counted.event[rows], counted.weights[rows]
    if not event.any():
        raise FitError(f"{what}: {Verdict.NO_EVENTS.value}: {Verdict.NO_EVENTS.advice}")
    if x.shape[1] == 0:
        where, hazard = _without_covariates(place, event, weights, "breslow" if steps == "product" else ties)
        return StepHazard(where, hazard, np.ones(len(x_all)))
    fit = cox(place.astype(float), event, x[rows], ties=ties, weights=weights, robust=False)
    if fit.verdict is not Verdict.CONVERGED:
        columns = ", ".join(str(column) for column in fit.at_fault)
        named = f" (column {columns})" if columns else ""
        raise FitError(f"{what}: {fit.verdict.value}{named}: {fit.verdict.advice}")
    found = increments(fit, what)
    design = found.design
    hazard = found.hazard if steps == "exponential" else design.death_weight / found.sums.s[0]
    with np.errstate(over="ignore"):  # a patient unlike all those fitted: survival is then zero
        ratio = np.exp((x_all - design.centre) / design.scale @ found.beta - found.log_scale)
    return StepHazard(np.rint(design.event_time).astype(np.intp), hazard, ratio)


def no_hazard(n: int) -> StepHazard:
    """Return the model of what never happens."""
    return StepHazard(np.zeros(0, dtype=np.intp), np.zeros(0), np.ones(n))


def check_options(outcome_model: str, censoring_model: str, steps: str) -> None:
    """Raise `InputError` unless each is one of the names that it may have."""
    for name, value, known in (
        ("outcome_model", outcome_model, get_args(OutcomeModel)),
        ("censoring_model", censoring_model, get_args(CensoringModel)),
        ("steps", steps, get_args(Steps)),
    ):
        if value not in known:
            names = ", ".join(repr(one) for one in known[:-1])
            raise InputError(f"`{name}` must be {names} or {known[-1]!r}; it is {value!r}.")


def _without_covariates(place: Counts, event: Bools, weights: Floats, ties: Ties) -> tuple[Counts, Floats]:
    size = int(place.max()) + 1
    at_risk = suffix_sum(sum_by(place, weights, size))
    count = np.bincount(place[event], minlength=size)
    total = sum_by(place[event], weights[event], size)
    where = np.flatnonzero(count)
    if ties == "breslow":
        return where, total[where] / at_risk[where]
    of = np.repeat(where, count[where])
    drawn = np.arange(of.size) - np.repeat(np.cumsum(count[where]) - count[where], count[where])
    each = total[of] / count[of]
    return where, sum_by(np.searchsorted(where, of), each / (at_risk[of] - drawn * each), where.size)
