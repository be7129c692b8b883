"""Balance inside a subgroup, with the weights of the whole cohort and with weights made inside it."""

from dataclasses import dataclass

import numpy as np

from counterpoise.balance import largest_difference, propensity, weigh
from counterpoise.errors import FitError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import Ties, cox
from counterpoise.kernels.imbalance import imbalance
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Balancing:
    """What weighting needs to be done again inside a subgroup: (n, k) columns judged, (k,) their yardstick."""

    adjustments: Adjustments
    columns: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WithinSubgroup:
    """How like the arms are inside one subgroup, and the effect where the score is fitted again inside it.

    The largest absolute standardised differences are over the standard deviations of the whole cohort: `crude`, with
    the weights of the `whole` cohort, and with the `refitted` ones; NaN where there is none. `reason` says why nothing
    could be refitted, and is empty where it could.
    """

    crude: float
    whole: float
    refitted: float
    ratio: HazardRatio
    reason: str


def balance_within(
    label: str,
    members: Bools,
    balancing: Balancing,
    outcome: tuple[Floats, Bools, Floats | None],
    *,
    ties: Ties,
    confidence: float,
) -> WithinSubgroup:
    """Judge the balance inside a subgroup, and fit score, weights and Cox model to its `members` (n,) alone.

    A score of the whole cohort balances the whole cohort, and need not balance a part of it (Dong, Zhang, Zeng and Li
    2020, Stat Methods Med Res 29:659). `outcome` holds the times, the events and the entries. Covariates that do not
    vary inside are left out.
    """
    adjustments = balancing.adjustments
    treated = adjustments.score.treatment[members]
    blank = hazard_ratio(label, np.nan, np.nan, confidence)
    if min(np.count_nonzero(treated), np.count_nonzero(~treated)) < 2:
        return WithinSubgroup(np.nan, np.nan, np.nan, blank, "an arm has fewer than two patients")
    columns = balancing.columns[members]

    def largest(weights: Floats | None) -> float:
        return largest_difference(imbalance(columns, treated, weights=weights, scale=balancing.scale))

    crude, whole = largest(None), largest(adjustments.weighting.weights[members])
    weights, reason = _refitted(adjustments, members)
    if weights is None:
        return WithinSubgroup(crude, whole, np.nan, blank, reason)
    time, event = outcome[0][members], outcome[1][members]
    entry = None if outcome[2] is None else outcome[2][members]
    ratio = blank
    if min(np.count_nonzero(event & treated), np.count_nonzero(event & ~treated)):
        fit = cox(time, event, treated.astype(float), ties=ties, entry=entry, weights=weights)
        if fit.verdict is Verdict.CONVERGED:
            ratio = hazard_ratio(label, fit.coefficients[0], fit.std_error[0], confidence)
    return WithinSubgroup(crude, whole, largest(weights), ratio, "")


def _refitted(adjustments: Adjustments, members: Bools) -> tuple[Floats | None, str]:
    """Return the weights of a score that was fitted to the members alone, or why there are none."""
    weighting = adjustments.weighting
    if weighting.truncation is not None:
        return None, "truncated weights are not made again"
    x = adjustments.score.x[members]
    varying = np.flatnonzero(np.ptp(x, axis=0) > 0)
    terms = [adjustments.score.terms[column] for column in varying]
    try:
        score = propensity(adjustments.score.treatment[members], x[:, varying], terms=terms)
    except FitError as error:
        return None, str(error).removeprefix("propensity score: ").partition(":")[0]
    weights = weigh(score, estimand=weighting.estimand, stabilised=weighting.stabilised).weights
    if not (weights > 0).all():
        return None, "the score all but separates the arms"
    return weights, ""
