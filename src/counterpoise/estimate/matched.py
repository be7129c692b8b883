"""The patients of a matched comparison as rows of a Cox model, and its variances.

A control that was used again is a row of each of its sets, with the share of its weight there; the variance is then
clustered by set and by patient (Austin and Cafri 2020).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc

from counterpoise.balance import Matching
from counterpoise.errors import FitError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.refitted import LeftOut
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import CoxFit, Ties, cox
from counterpoise.kernels.cox.proportional_hazards import (
    proportional_hazards_test,
    weighted_proportional_hazards_test,
)
from counterpoise.kernels.curves.intervals import limits
from counterpoise.kernels.curves.product_limit import SurvivalCurve, kaplan_meier, survival_influence
from counterpoise.kernels.sandwich import sum_by_cluster
from counterpoise.kernels.two_way import two_way_covariance
from counterpoise.kernels.verdict import Verdict

PAIR_ROBUST = "robust, clustered by matched pair"
SET_ROBUST = "robust, clustered by matched set"
TWO_WAY_ROBUST = "robust, clustered by matched set and by patient"
STRATA_ROBUST = "robust, strata taken as fixed"
STRATIFIED = "stratified by set"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The m rows of one comparison; `rows` index into the cohort.

    `cluster` are the matched sets if their patients are linked, `patient` tells apart rows of the same patient where
    controls were used again, `stratum` are the sets or strata for a stratified model. `adjustments` belong to a
    weighted comparison, `robust` names the variance of a matched one. `own_rows` has each patient once, with
    `own_weights` and `own_cluster`, for the curves.
    """

    rows: Counts
    weights: Floats | None = None
    cluster: Counts | None = None
    patient: Counts | None = None
    stratum: Counts | None = None
    adjustments: Adjustments | None = None
    robust: str = ""
    own_rows: Counts | None = None
    own_weights: Floats | None = None
    left_out: LeftOut | None = None
    """The weighted effects without each patient, where they were made."""


def matched_sample(matching: Matching, rows: Counts) -> Sample:
    """Return the matched among the patients of the score, whose rows in the cohort are `rows` (n,)."""
    own = np.flatnonzero(matching.pair >= 0)
    weights = matching.weights[own] if matching.is_weighted else None
    if matching.sets.reuses:
        return _memberships(matching, rows, own)
    stratum = matching.pair[own]
    if not matching.has_links:
        several = matching.n_sets > 1
        return Sample(rows[own], weights, stratum=stratum if several else None, robust=STRATA_ROBUST)
    name = PAIR_ROBUST if matching.is_paired else SET_ROBUST
    return Sample(rows[own], weights, cluster=stratum, stratum=stratum, robust=name)


def _memberships(matching: Matching, rows: Counts, own: Counts) -> Sample:
    """Return one row for each place in a set, of weight one over the controls of the set for a control."""
    member, sets = matching.sets.memberships()
    treated = matching.sets.treatment[member]
    controls = np.bincount(sets[~treated], minlength=matching.n_sets)[sets]
    share = np.where(treated, 1.0, 1.0 / controls)
    return Sample(
        rows[member],
        None if (share == 1.0).all() else share,
        cluster=sets,
        patient=member,
        stratum=sets,
        robust=TWO_WAY_ROBUST,
        own_rows=rows[own],
        own_weights=matching.weights[own],
    )


def rows_of(sample: Sample, chosen: Bools) -> Sample:
    """Return the `chosen` (m,) rows of a sample, with what belongs to them."""
    weights = None if sample.weights is None else sample.weights[chosen]
    cluster = None if sample.cluster is None else sample.cluster[chosen]
    patient = None if sample.patient is None else sample.patient[chosen]
    return Sample(sample.rows[chosen], weights, cluster, patient, robust=sample.robust)


def fit_sample(
    time: Floats, event: Bools, treated: Bools, sample: Sample, ties: Ties, *, entry: Floats | None = None
) -> CoxFit:
    """Fit Cox's model of treatment alone to the rows of a sample."""
    robust = True if sample.robust else None
    return cox(
        time,
        event,
        treated.astype(float),
        ties=ties,
        entry=entry,
        weights=sample.weights,
        cluster=sample.cluster,
        robust=robust,
    )


def robust_std_error(fit: CoxFit, sample: Sample) -> float:
    """Return the standard error of the log hazard ratio under the variance that the sample names; NaN if it has none.

    The two-way variance is a difference; where it is not positive there is no standard error.
    """
    if sample.patient is None or sample.cluster is None or fit.influence is None:
        return float(fit.std_error[0])
    if not np.isfinite(fit.influence).all():
        return float("nan")
    variance = float(two_way_covariance(fit.influence, sample.cluster, sample.patient)[0, 0])
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def robust_score_p(
    time: Floats,
    event: Bools,
    treated: Bools,
    fit: CoxFit,
    sample: Sample,
    ties: Ties,
    *,
    entry: Floats | None = None,
) -> float:
    """Return the P value of the robust score test of no effect, clustered as the sample is."""
    if fit.robust_score is None or sample.patient is None or sample.cluster is None:
        return float(chdtrc(1, np.nan if fit.robust_score is None else fit.robust_score))
    if fit.verdict is Verdict.NO_EVENTS:
        return float("nan")
    start = cox(
        time, event, treated.astype(float), ties=ties, entry=entry, weights=sample.weights, robust=True, max_steps=0
    )
    assert start.influence is not None
    variance = float(two_way_covariance(start.influence, sample.cluster, sample.patient)[0, 0])
    return float(chdtrc(1, start.influence.sum() ** 2 / variance)) if variance > 0 else float("nan")


def stratified_fit(
    time: Floats, event: Bools, treated: Bools, sample: Sample, ties: Ties, *, entry: Floats | None = None
) -> tuple[float, float]:
    """Return the log hazard ratio within sets, each with a baseline hazard of its own, and its standard error.

    Weights play no part, since patients are compared within their set only. The variance is model-based; clustered by
    patient where controls were used again. NaN and NaN where there is no answer, as without events in mixed sets.
    """
    fit = cox(
        time, event, treated.astype(float), ties=ties, entry=entry, stratum=sample.stratum, cluster=sample.patient
    )
    if fit.verdict is not Verdict.CONVERGED:
        return float("nan"), float("nan")
    return float(fit.coefficients[0]), float(fit.std_error[0])


def difference_std_error(
    time: Floats, event: Bools, treated: Bools, sample: Sample, horizon: float, *, entry: Floats | None = None
) -> float | None:
    """Return the standard error of the difference at the horizon, from influence values summed as the sample is.

    None where rows are independent, so that those of the two curves do.
    """
    if sample.cluster is None:
        return None
    influence = np.zeros(time.size)
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        weights = None if sample.weights is None else sample.weights[arm]
        came = None if entry is None else entry[arm]
        influence[arm] = sign * survival_influence(time[arm], event[arm], horizon, entry=came, weights=weights)
    if sample.patient is None:
        return float(np.sqrt(np.square(sum_by_cluster(influence[:, None], sample.cluster)).sum()))
    variance = float(two_way_covariance(influence, sample.cluster, sample.patient)[0, 0])
    return float(np.sqrt(variance)) if variance >= 0 else float("nan")


def two_way_limits(
    curve: SurvivalCurve, time: Floats, event: Bools, sample: Sample, *, entry: Floats | None = None
) -> SurvivalCurve:
    """Return the curve of one arm with the standard errors and limits of the rows of a sample of that arm.

    `curve` has each patient once with all of the weight; the rows `time`, `event` and those of `sample` are places in
    sets. Its variance at each time is V(set) + V(patient) - V(both), as that of the hazard ratio. Where each set has
    one patient of the arm V(set) is V(both), which leaves V(patient): clustering by patient alone is exact for pairs.
    With several controls in a set it is not: controls of one treated patient were chosen alike. Where the difference
    is negative there are no limits.
    """
    assert sample.cluster is not None
    assert sample.patient is not None
    both = np.unique(np.column_stack([sample.cluster, sample.patient]), axis=0, return_inverse=True)[1].ravel()
    by_set, by_patient, by_both = (
        np.square(kaplan_meier(time, event, entry=entry, weights=sample.weights, cluster=labels, robust=True).std_error)
        for labels in (sample.cluster, sample.patient, both)
    )
    variance = by_set + by_patient - by_both
    # A difference of equal variances is zero to rounding.
    variance = np.where(np.abs(variance) <= 1e-14, 0.0, variance)
    std_error = np.sqrt(np.where(variance >= 0, variance, np.nan))
    relative = np.divide(std_error, curve.survival, out=np.zeros_like(std_error), where=curve.survival > 0)
    lower, upper = limits(curve.survival, relative, curve.interval, curve.confidence)
    return replace(curve, std_error=std_error, lower=lower, upper=upper)


def proportional_p(
    time: Floats, event: Bools, treated: Bools, sample: Sample, ties: Ties, *, entry: Floats | None = None
) -> float:
    """Return the P value of proportional hazards in the rows of a sample, clustered as its hazard ratio is.

    Without weights and with nobody twice it is the score test; else Wald's with a robust variance. NaN where that
    model has no finite answer.
    """
    if sample.weights is None and sample.patient is None:
        return float(proportional_hazards_test(time, event, treated.astype(float), ties=ties, entry=entry).p_value[0])
    if sample.patient is None or sample.cluster is None:
        clusters = [sample.cluster]
    else:
        both = np.unique(np.column_stack([sample.cluster, sample.patient]), axis=0, return_inverse=True)[1].ravel()
        clusters = [sample.cluster, sample.patient, both]
    try:
        tests = [
            weighted_proportional_hazards_test(time, event, treated, sample.weights, entry=entry, cluster=c)
            for c in clusters
        ]
    except FitError:
        return float("nan")
    if len(tests) == 1:
        return tests[0].p_value
    variance = tests[0].std_error ** 2 + tests[1].std_error ** 2 - tests[2].std_error ** 2
    return float(chdtrc(1, tests[0].coefficient ** 2 / variance)) if variance > 0 else float("nan")
