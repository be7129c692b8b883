"""Concordance of a predictor with survival times: Harrell's C, its relatives by time weight, and its variance."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_levels, as_vector, as_weights
from counterpoise.kernels.cox.concordant_pairs import count_pairs
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.curves.intervals import check_confidence
from counterpoise.kernels.risk_set import (
    TIE_TOLERANCE,
    RiskSet,
    risk_set,
    split_by_stratum,
    sum_at_risk,
    sum_by,
    sum_by_time,
)
from counterpoise.kernels.sandwich import group_codes, sum_by_cluster
from counterpoise.kernels.verdict import raise_unless_converged

TimeWeight = Literal["n", "S", "S/G", "n/G2", "I"]
Larger = Literal["worse", "better"]


@dataclass(frozen=True, slots=True, eq=False)
class Concordance:
    """The share of comparable pairs that a predictor puts in the right order; NaN if no pair is comparable.

    Pairs are counted with the product of their weights, times the weight of the earlier event's time.
    """

    value: float
    """(concordant + tied_predictor / 2) / (concordant + discordant + tied_predictor)."""
    std_error: float
    """Infinitesimal jackknife, summed within clusters."""
    lower: float
    """`value` - 1.96 `std_error`, not below 0."""
    upper: float
    concordant: float
    discordant: float
    tied_predictor: float
    """Comparable pairs with one value of the predictor."""
    tied_time: float
    """Pairs of events at one time, not comparable, whose predictors differ."""
    tied_both: float
    """Pairs of events at one time with one value of the predictor."""
    by_stratum: Floats
    """(k, 5) the five counts, in that order, of each stratum in the order of the labels."""
    influence: Floats
    """(n,) what each row, with its weight, moves `value` by."""
    n: int
    n_events: int
    time_weight: TimeWeight
    confidence: float


def concordance(  # noqa: PLR0913 - the terms of a concordance, each with the default that leaves it out
    time: ArrayLike,
    event: ArrayLike,
    predictor: ArrayLike,
    *,
    larger: Larger = "worse",
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    time_weight: TimeWeight = "n",
    until: float | None = None,
    confidence: float = 0.95,
) -> Concordance:
    """Count how often of two rows the one with the event first has the larger predictor (`larger` = "worse").

    A pair is comparable if one row has its event while the other is at risk and does not have its own at that
    time; of two tied predictors it counts one half. A row censored at an event's time outlives it. Pairs are made
    within a `stratum`. `time_weight` multiplies the pairs of an event at t: by 1 ("n": Harrell's C; the name says
    that an event with n at risk counts n), by n S(t-) / n(t) ("S", Peto's weights), by n S(t-) / (G(t-) n(t))
    ("S/G", Schemper's), by 1 / G(t-)^2 ("n/G2", Uno's C), or by 1 / n(t) ("I"); S and G are the Kaplan-Meier
    estimates of survival and of censoring in the stratum, n(t) who is at risk. "S/G" and "n/G2" are refused with
    `entry`. With `until`, events after that time count nothing: with "n/G2" Uno's C at that horizon. `predictor` is
    (n,); `larger` = "better" is for predicted survival times.

    The variance is the infinitesimal jackknife with time weights taken as fixed, that of R's `concordance`.

    >>> c = concordance(time=[1, 2, 3, 4, 5], event=[1, 1, 0, 1, 1], predictor=[5, 3, 4, 1, 2])
    >>> c.value, c.concordant, c.discordant
    (0.75, 6.0, 2.0)

    Source: Harrell, Califf, Pryor, Lee and Rosati (1982), JAMA 247:2543; Therneau and Watson (2017), The concordance
    statistic and the Cox model, Mayo Clinic; Uno et al. (2011), Statistics in Medicine 30:1105.
    """
    sets = risk_set(time, event, entry)
    x = as_vector("predictor", predictor, sets.n)
    w = as_weights("weights", weights, sets.n)
    _check(larger, time_weight, late=entry is not None, until=until)
    check_confidence(confidence)
    k, codes = 1, np.zeros(sets.n, dtype=np.intp)
    if stratum is not None:
        labels, codes = as_levels("stratum", stratum, sets.n)
        k = labels.size
        sets, _ = split_by_stratum(sets, codes)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    factor = _time_factor(sets, codes, w, time_weight)
    if until is not None:
        factor = np.where(sets.time > until * (1 + TIE_TOLERANCE), 0.0, factor)
    whole = weights is None and time_weight == "n"
    counted = count_pairs(sets, codes, k, x if larger == "worse" else -x, w, factor, whole=whole)
    n_events = int(sets.event.sum())
    return _record(counted, w, clusters, n_events, time_weight, confidence)


def concordance_of(fit: CoxFit, *, cluster: ArrayLike | None = None, confidence: float = 0.95) -> Concordance:
    """Return the concordance of the linear predictor of a Cox model with the times that it was fitted to.

    Rows, strata and weights are those of the fit; give `cluster`, (n,) labels, again if the fit had it. Rows never
    at risk at an event are in no comparable pair.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 2, 3, 4, 5, 6], event=[1, 1, 0, 1, 1, 0], x=[2.0, 5.0, 1.0, 3.0, 0.5, 1.0])
    >>> concordance_of(fit).value
    0.75

    Source: as for `concordance`.
    """
    raise_unless_converged(fit.verdict, "the Cox model whose concordance is asked for")
    check_confidence(confidence)
    clusters = None if cluster is None else group_codes("cluster", cluster, fit.n)
    design = fit.design
    assert design is not None, "a converged model has events"
    # only the order of the times counts: events at 2, 4, ... and what lies between them at odd numbers
    size = design.rows.size
    event = np.zeros(size, dtype=bool)
    event[design.deaths] = True
    entry = None
    if design.late is not None:
        entry = np.zeros(size)
        entry[design.late.rows] = 2.0 * design.late.before + 3
    sets = risk_set(2.0 * design.exit + np.where(event, 2.0, 3.0), event, entry)
    codes, k = design.event_stratum[design.exit], 1 if fit.strata is None else len(fit.strata)
    if k > 1:
        sets, _ = split_by_stratum(sets, codes)
    eta = np.zeros(size) if design.offset is None else design.offset.copy()
    for coefficient, z in zip(fit.coefficients * design.scale, design.z[1:], strict=True):
        eta += coefficient * z  # one column at a time: equal rows get equal predictors, to the last bit
    whole = bool((design.weights == 1).all())
    counts, *partners = count_pairs(sets, codes, k, eta, design.weights, np.ones(sets.time.size), whole=whole)
    w, *sums = (sum_by(design.rows, values, fit.n) for values in (design.weights, *partners))
    return _record((counts, *sums), w, clusters, fit.n_events, "n", confidence)


def _record(
    counted: tuple[Floats, ...],
    w: Floats,
    clusters: Counts | None,
    n_events: int,
    time_weight: TimeWeight,
    confidence: float,
) -> Concordance:
    by_stratum, gained, lost, tied = counted
    concordant, discordant, level, tied_time, tied_both = (float(count) for count in by_stratum.sum(axis=0))
    pairs = concordant + discordant + level or np.nan
    excess = (concordant - discordant) / pairs
    influence = w * ((gained - lost) - excess * (gained + lost + tied)) / pairs / 2
    summed = influence if clusters is None else sum_by_cluster(influence[:, None], clusters)
    std_error, value = float(np.sqrt((summed**2).sum())), (excess + 1) / 2
    width = float(ndtri(0.5 + confidence / 2)) * std_error
    return Concordance(
        value=value,
        std_error=std_error,
        lower=float(np.maximum(value - width, 0.0)),
        upper=float(np.minimum(value + width, 1.0)),
        concordant=concordant,
        discordant=discordant,
        tied_predictor=level,
        tied_time=tied_time,
        tied_both=tied_both,
        by_stratum=by_stratum,
        influence=influence,
        n=w.size,
        n_events=n_events,
        time_weight=time_weight,
        confidence=confidence,
    )


def _check(larger: str, time_weight: str, *, late: bool, until: float | None) -> None:
    if larger not in get_args(Larger):
        raise InputError(f"`larger` must be 'worse' or 'better'; it is {larger!r}.")
    if time_weight not in get_args(TimeWeight):
        raise InputError(f"`time_weight` must be one of 'n', 'S', 'S/G', 'n/G2', 'I'; it is {time_weight!r}.")
    if late and time_weight in ("S/G", "n/G2"):
        raise InputError(f"`time_weight` can't be {time_weight!r} with `entry`; use 'n', 'S' or 'I'.")
    if until is not None and not until > 0:
        raise InputError(f"`until` must be positive; it is {until}.")


def _time_factor(sets: RiskSet, stratum: Counts, w: Floats, time_weight: TimeWeight) -> Floats:
    """Return the (m,) weight of each distinct time of each stratum."""
    if time_weight == "n":
        return np.ones(sets.time.size)
    at_risk, events = sum_at_risk(sets, w), sum_by_time(sets, w * sets.event)
    if time_weight == "I":
        return 1 / at_risk
    of = np.empty(sets.time.size, dtype=np.intp)
    of[sets.group] = stratum
    # a stratum with one event has no curve worth the name: R too leaves its pairs as they are
    single = np.bincount(stratum, weights=sets.event)[of] < 2
    survival = _just_before(1 - events / at_risk, of)
    total = np.bincount(stratum, weights=w)[of]
    if time_weight == "S":
        return np.where(single, 1.0, total * survival / at_risk)
    left = at_risk - events
    censored = sum_by_time(sets, w * ~sets.event)
    staying = 1 - np.divide(censored, left, out=np.zeros_like(left), where=left > 0)
    g = _just_before(staying, of)
    with np.errstate(divide="ignore"):  # once all of a stratum are gone no event of it follows
        factor = 1 / g**2 if time_weight == "n/G2" else total * survival / (g * at_risk)
    return np.where(single, 1.0, factor)


def _just_before(factors: Floats, stratum: Counts) -> Floats:
    """Return the products of the (m,) factors of earlier times of each stratum."""
    result = np.ones_like(factors)
    begin = np.flatnonzero(np.diff(stratum, prepend=-1))
    for first, last in zip(begin.tolist(), [*begin[1:].tolist(), factors.size], strict=True):
        result[first + 1 : last] = np.cumprod(factors[first : last - 1])
    return result
