"""Inverse probability of censoring weights: those who stay under observation speak for those who were lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_levels, as_matrix, as_weights, require
from counterpoise.kernels.cox.baseline import baseline_hazard
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curves.product_limit import kaplan_meier
from counterpoise.kernels.risk_set import TIE_TOLERANCE, RiskSet, risk_set
from counterpoise.kernels.verdict import raise_unless_converged


@dataclass(frozen=True, slots=True, eq=False)
class CensoringWeights:
    """Weights under which the n patients whose outcome at one time is known speak for all."""

    weights: Floats
    """(n,) 1 / `uncensored` where the outcome is known, times the arm's share of known where stabilised; else 0."""
    known: Bools
    """(n,) whether the outcome is known: an event before `at` or then, or observed up to `at`."""
    uncensored: Floats
    """(n,) G(min(T, at)-), the chance of not having been censored before the earlier of the two."""
    at: float
    stabilised: bool


@dataclass(frozen=True, slots=True, eq=False)
class CensoringRows:
    """The follow-up of patients cut at every event time, each of the m pieces with its own censoring weight."""

    patient: Counts
    """(m,) which of the n patients a piece belongs to."""
    start: Floats
    """(m,) where it begins; the piece is open on the left."""
    stop: Floats
    """(m,) where it ends."""
    event: Bools
    """(m,) whether it ends with the patient's event."""
    weights: Floats
    """(m,) 1 / G(stop-), or that of the arm alone over that of arm and covariates where stabilised."""
    stabilised: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Censoring:
    """The cumulative hazard of censoring in each of k arms, of a patient with ratio 1."""

    times: tuple[Floats, ...]
    """(c,) for each arm: the moments at which somebody is censored."""
    hazard: tuple[Floats, ...]
    """(c,) for each arm: the cumulative hazard from that moment on."""
    ratio: Floats
    """(n,) the hazard ratio of each patient."""

    def before(self, moments: Floats) -> Floats:
        """Return (k, j) cumulative hazards of the arms just before (j,) moments."""
        return np.array(
            [
                np.concatenate(([0.0], hazard))[np.searchsorted(times, moments, side="left")]
                for times, hazard in zip(self.times, self.hazard, strict=True)
            ]
        )


def censoring_weights(
    time: ArrayLike,
    event: ArrayLike,
    at: float,
    *,
    arm: ArrayLike | None = None,
    x: ArrayLike | None = None,
    stabilised: bool = False,
    weights: ArrayLike | None = None,
    ties: Ties = "efron",
) -> CensoringWeights:
    """Weigh (n,) patients by the inverse chance that their outcome at time `at` is known.

    G is the Kaplan-Meier curve of the censoring within each `arm` (n,) (all patients together without it) or, with
    covariates `x` (n, p), Cox's model of the censoring, stratified by arm. Censorings come after the events of the same
    moment: those who have the event then are not at risk of being censored, so that in each arm the weighted share with
    an event by `at` is exactly 1 less the Kaplan-Meier estimate. R's curve with events and censorings exchanged
    keeps them at risk: it differs where an event and a censoring share a time. The weight takes G just
    before the event, or just before `at` for those observed up to then, the limit from the left.
    `weights` (n,) weigh the estimate of G and are not multiplied into the result. Stabilised weights are multiplied by
    the (weighted) share of the arm whose outcome is known. `ties` are those of Cox's model. The variance of what is
    estimated with these weights, taken as known, is as a rule too large.

    >>> found = censoring_weights(time=[1, 2, 2, 3, 4], event=[1, 1, 0, 1, 0], at=3)
    >>> found.uncensored.round(4), found.weights
    (array([1.    , 1.    , 1.    , 0.6667, 0.6667]), array([1. , 1. , 0. , 1.5, 1.5]))

    Raises `FitError` where Cox's model has no finite estimate, `InputError` where nobody in an arm is observed up to
    `at`, so that nothing is known of it then.

    Source: Robins and Finkelstein, Biometrics 2000;56:779-788; Satten and Datta, Am Stat 2001;55:207-210, for the
    equality with Kaplan and Meier's estimate.
    """
    if not (np.isfinite(at) and at > 0):
        raise InputError(f"`at` must be finite and positive; it is {at}.")
    sets = risk_set(time, event)
    labels, codes = _arms(arm, sets.n)
    case = as_weights("weights", weights, sets.n)
    limit = int(np.searchsorted(sets.time, at - TIE_TOLERANCE * float(sets.time[-1]), side="left"))
    observed = sets.group >= limit
    known = sets.event | observed
    _require_known(known, observed, codes, labels, sets, at)
    censoring = _fitted(sets, codes, labels.size, x, case, ties)
    hazard = censoring.before(2.0 * np.arange(sets.time.size + 1))
    uncensored = np.exp(-hazard[codes, np.minimum(sets.group, limit)] * censoring.ratio)
    found = np.where(known, 1.0 / uncensored, 0.0)
    if stabilised:
        total = np.bincount(codes, case)
        found = found * (np.bincount(codes, case * known) / total)[codes]
    return CensoringWeights(found, known, uncensored, float(at), stabilised)


def censoring_weight_rows(
    time: ArrayLike,
    event: ArrayLike,
    *,
    arm: ArrayLike | None = None,
    x: ArrayLike | None = None,
    stabilised: bool = False,
    weights: ArrayLike | None = None,
    ties: Ties = "efron",
) -> CensoringRows:
    """Cut the follow-up of (n,) patients at every event time, and weigh each piece by 1 / G(its end-).

    For models that look at those at risk at each event time: a weighted Cox model or Kaplan-Meier curve of the pieces,
    `start` as entry and the patient as cluster, estimates what would be seen had nobody been censored. After a
    patient's last event time a piece without event goes on to the end of the follow-up. Stabilised weights are the
    arm's own G, without covariates, over that of arm and covariates; they need `x`, without which they would all be 1.
    There may be n pieces for every event time. Conventions and other arguments are those of `censoring_weights`.

    >>> rows = censoring_weight_rows(time=[1, 2, 3], event=[1, 0, 1])
    >>> np.column_stack([rows.patient, rows.start, rows.stop, rows.event, rows.weights])
    array([[0., 0., 1., 1., 1.],
           [1., 0., 1., 0., 1.],
           [1., 1., 2., 0., 1.],
           [2., 0., 1., 0., 1.],
           [2., 1., 3., 1., 2.]])

    Raises `FitError` where Cox's model has no finite estimate, `InputError` where a time is zero.

    Source: Robins and Finkelstein, Biometrics 2000;56:779-788.
    """
    sets = risk_set(time, event)
    require(sets.time[sets.group] > 0, "`time` must be positive")
    if stabilised and x is None:
        raise InputError("`stabilised` needs `x`: without covariates stabilised censoring weights are all 1.")
    labels, codes = _arms(arm, sets.n)
    case = as_weights("weights", weights, sets.n)
    censoring = _fitted(sets, codes, labels.size, x, case, ties)
    patient, begin, end = _pieces(sets)
    moments = 2.0 * np.arange(sets.time.size)
    exponent = censoring.before(moments)[codes[patient], end] * censoring.ratio[patient]
    if stabilised:
        alone = _fitted(sets, codes, labels.size, None, case, ties)
        exponent = exponent - alone.before(moments)[codes[patient], end]
    start = np.where(begin >= 0, sets.time[begin], 0.0)
    happens = sets.event[patient] & (end == sets.group[patient])
    return CensoringRows(patient, start, sets.time[end], happens, np.exp(exponent), stabilised)


def _pieces(sets: RiskSet) -> tuple[Counts, Counts, Counts]:
    """Return patient, and indices among the distinct times of begin (-1: time zero) and end of every piece."""
    passed = np.searchsorted(sets.event_groups, sets.group, side="right")
    cuts = np.concatenate(([-1], sets.event_groups))
    count = passed + (cuts[passed] < sets.group)
    patient = np.repeat(np.arange(sets.n), count)
    place = np.arange(patient.size) - np.repeat(np.cumsum(count) - count, count)
    whole = place < passed[patient]
    end = np.where(whole, cuts[np.where(whole, place + 1, 0)], sets.group[patient])
    return patient, cuts[place], end


def _arms(arm: ArrayLike | None, n: int) -> tuple[np.ndarray, Counts]:
    return as_levels("arm", np.zeros(n, dtype=int) if arm is None else arm, n)


def _fitted(sets: RiskSet, codes: Counts, arms: int, x: ArrayLike | None, weights: Floats, ties: Ties) -> _Censoring:
    """Estimate the hazard of censoring on moments 2 j (events at distinct time j) and 2 j + 1 (censorings then)."""
    censored = ~sets.event
    moment = 2.0 * sets.group + censored
    covariates = None if x is None else as_matrix("x", x, rows=sets.n)
    if not censored.any():
        none = (np.zeros(0),) * arms
        return _Censoring(none, none, np.ones(sets.n))
    if covariates is None:
        curves = [
            kaplan_meier(moment[codes == k], censored[codes == k], weights=weights[codes == k]) for k in range(arms)
        ]
        with np.errstate(divide="ignore"):
            hazard = tuple(-np.log(curve.survival) for curve in curves)
        return _Censoring(tuple(curve.time for curve in curves), hazard, np.ones(sets.n))
    fit = cox(moment, censored, covariates, ties=ties, stratum=codes, weights=weights, robust=False)
    raise_unless_converged(fit.verdict, "Cox model of the censoring")
    assert fit.design is not None, "a converged model has events"
    base = baseline_hazard(fit, covariates=fit.design.centre)
    mine = [base.stratum == k for k in range(arms)]
    ratio = np.exp((covariates - fit.design.centre) @ fit.coefficients)
    return _Censoring(tuple(base.time[k] for k in mine), tuple(base.cumulative[k] for k in mine), ratio)


def _require_known(known: Bools, observed: Bools, codes: Counts, labels: np.ndarray, sets: RiskSet, at: float) -> None:
    """Raise unless in every arm somebody is observed up to `at`, or everybody has had the event by the last time."""
    for code, label in enumerate(labels.tolist()):
        mine = codes == code
        if observed[mine].any():
            continue
        last = float(sets.time[sets.group[mine].max()])
        if not known[mine & (sets.time[sets.group] == last)].all():
            raise InputError(
                f"`at` must be within the follow-up of every arm; it is {at}, and arm {label} is observed up to "
                f"{last:g}."
            )
