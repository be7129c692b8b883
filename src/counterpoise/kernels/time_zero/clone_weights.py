"""Weights that let the clones who stay in their arm speak for those who left it, for many weightings at once."""

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.effects.batched_scores import batched_scores
from counterpoise.kernels.time_zero.beginning import beginning
from counterpoise.kernels.time_zero.clones import Clones, time_to_begin
from counterpoise.kernels.verdict import Verdict

REMEDY = "use fewer covariates, or a longer grace period"


@dataclass(frozen=True, slots=True, eq=False)
class CloneWeights:
    """Weights of n patients' clones in b replicates; 1 / the chance of still agreeing with the arm.

    The clone that should begin weighs 1 up to the end of the grace period and `after` beyond it. The clone that should
    not weighs exp(`hazard`[:, j] `ratio`) once j of the J moments at which somebody began have passed.
    """

    after: Floats
    """(b, n)"""
    moments: Floats
    """(J,) when somebody began within the grace period."""
    hazard: Floats
    """(b, J + 1) the cumulative hazard of beginning, 0 first."""
    ratio: Floats
    """(b, n) the hazard ratio of beginning of each patient."""
    known: Bools
    """(b,) which replicates have both models."""


def clone_weights(clones: Clones, x: Floats, weights: Floats) -> CloneWeights:
    """Fit both models to (n, p) `x` under each row of (b, n) positive `weights`, of which the first is the sample's.

    Who was still observed at the end of the grace period had begun with the chance of a logistic regression; when
    within it the treatment was begun has a Cox model with Breslow's ties. Without covariates (p = 0) these are the
    share of those who had begun, and Nelson and Aalen's hazard.

    Raises `InputError` where nobody or everybody begins within the period, and `FitError` where a model has no finite
    estimate in the sample.
    """
    if not clones.began.any():
        raise InputError("`start` must be within the grace period in some rows; it is in none.")
    if clones.began.all():
        raise InputError("`start` must be beyond the grace period, or never, in some rows; it is in none.")
    after, known = _after_grace(clones, x, weights)
    found = beginning(time_to_begin(clones), clones.began, x, weights)
    if found.verdict is not Verdict.CONVERGED:
        raise FitError(f"the model of when the treatment begins: {found.verdict.value}; {REMEDY}.")
    if not known[0]:
        raise FitError(f"the model of who had begun by the end of the grace period separates them; {REMEDY}.")
    return CloneWeights(after, found.moments, found.hazard, found.ratio, known & found.known)


def _after_grace(clones: Clones, x: Floats, weights: Floats) -> tuple[Floats, Bools]:
    """Return (b, n) 1 / the chance of having begun of who was observed at the end of the grace period."""
    seen = clones.own_time > clones.grace
    began = clones.began[seen]
    after, known = np.ones_like(weights), np.ones(weights.shape[0], dtype=bool)
    if not seen.any() or began.all() or not began.any():
        return after, known
    if x.shape[1] == 0:
        own = weights[:, seen]
        after[:, seen] = (own.sum(axis=1) / own[:, began].sum(axis=1))[:, None]
        return after, known
    try:
        fit = batched_scores(began, x[seen], weights[:, seen])
    except InputError as error:
        what = "the model of who had begun by the end of the grace period cannot tell its covariates apart"
        raise FitError(f"{what}; {REMEDY}.") from error
    after[:, seen] = 1.0 / np.where(fit.converged[:, None], fit.probability, 1.0)
    return after, fit.converged
