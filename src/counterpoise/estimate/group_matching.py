"""All groups of a study compared in the same patients: sets by common referent, one Cox model, one curve a group."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc

from counterpoise.balance import ArmBalance, ArmMatching, MatchOptions, arm_balance, match_arms, tie_ranks
from counterpoise.design import Design, Endpoint, level_indicators
from counterpoise.errors import InputError
from counterpoise.estimate.adjustments import match_columns
from counterpoise.estimate.curves import ArmCurve, arm_curve
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.matched import SET_ROBUST, TWO_WAY_ROBUST, Sample, two_way_limits
from counterpoise.estimate.options import CurveOptions
from counterpoise.kernels.arrays import Bools, Counts, Floats
from counterpoise.kernels.cox.fit import CoxFit, Ties, cox, quadratic_form
from counterpoise.kernels.curves.product_limit import quantile, survival_at
from counterpoise.kernels.two_way import two_way_covariance
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class GroupComparison:
    """The a groups of one endpoint in matched sets.

    `arms` has one curve a group, `ratios` the hazard ratio of each group against the referent, None for the referent
    itself; `joint_p` is Wald's test that all are one, under the robust variance.
    """

    endpoint: Endpoint
    arms: tuple[ArmCurve, ...]
    ratios: tuple[HazardRatio | None, ...]
    joint_p: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class MatchedGroups:
    """The groups matched by common referent, and compared on every endpoint.

    `labels` are the groups of the patients who have a score, in the order of the study, `referent` is the place of
    the referent among them, `matched` and `unmatched` count patients by group. `matching` and `balance` are None, and
    `reason` says why, where no set could be made.
    """

    labels: tuple[str, ...]
    referent: int
    matched: tuple[int, ...]
    unmatched: tuple[int, ...]
    matching: ArmMatching | None
    balance: ArmBalance | None
    variance: str
    comparisons: tuple[GroupComparison, ...]
    reason: str = ""


def matched_groups(
    design: Design, rows: Counts, options: MatchOptions, seed: int, horizon: float, curves: CurveOptions, ties: Ties
) -> MatchedGroups | None:
    """Match the groups of the patients `rows` (who have every covariate of the score) and compare them.

    The groups are compared in the referent patients of complete sets and their partners, by a Cox model of one
    indicator a group, its variance clustered by set; by set and by patient where partners were used again (Austin and
    Cafri 2020). None where the plan names no referent.

    Source: Lopez and Gutman, Stat Sci 2017;32:432-454.
    """
    if design.groups is None or options.referent is None:
        return None
    labels, arm = _arms(design, rows)
    place = labels.index(options.referent) if options.referent in labels else -1
    try:
        matching = _match(design, rows, options, seed)
    except InputError as error:
        none, sizes = (0,) * len(labels), tuple(np.bincount(arm).tolist())
        return MatchedGroups(labels, place, none, sizes, None, None, SET_ROBUST, (), str(error))
    parts, names = zip(*(level_indicators(item) for item in design.score.covariates), strict=True)
    balance = arm_balance(np.hstack(parts)[rows], matching.sets, [name for part in names for name in part])
    return MatchedGroups(
        labels=labels,
        referent=place,
        matched=tuple(matching.matched.tolist()),
        unmatched=tuple(matching.unmatched.tolist()),
        matching=matching,
        balance=balance,
        variance=TWO_WAY_ROBUST if matching.reuses else SET_ROBUST,
        comparisons=tuple(
            compare_groups(endpoint, rows, matching, labels, horizon, curves, ties) for endpoint in design.endpoints
        ),
    )


def compare_groups(
    endpoint: Endpoint,
    rows: Counts,
    matching: ArmMatching,
    labels: tuple[str, ...],
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> GroupComparison:
    """Compare the arms of a matching, whose patients are the `rows` (n,) of the endpoint, on that endpoint."""
    time, event, arm = endpoint.time[rows], endpoint.event[rows], matching.sets.arm
    entry = endpoint.entry_of(rows)
    fit, covariance = fit_groups(time, event, matching, ties, entry=entry)
    usable = fit.verdict is Verdict.CONVERGED
    others = [code for code in range(len(labels)) if code != matching.sets.referent]
    ratios: list[HazardRatio | None] = [None] * len(labels)
    for column, code in enumerate(others):
        variance = covariance[column, column]
        error = float(np.sqrt(variance)) if variance > 0 else float("nan")
        estimate = float(fit.coefficients[column]) if usable else float("nan")
        ratios[code] = hazard_ratio(labels[code], estimate, error, curves.confidence)
    return GroupComparison(
        endpoint=endpoint,
        arms=tuple(
            _curve(labels[code], endpoint, rows, arm == code, matching, horizon, curves) for code in range(len(labels))
        ),
        ratios=tuple(ratios),
        joint_p=float(chdtrc(len(others), quadratic_form(covariance, fit.coefficients))) if usable else float("nan"),
        verdict=fit.verdict,
    )


def fit_groups(
    time: Floats, event: Bools, matching: ArmMatching, ties: Ties, *, entry: Floats | None = None
) -> tuple[CoxFit, Floats]:
    """Fit Cox's model of the arms but the referent to the matched of n patients, and return it with its covariance.

    A partner who was used again is a row of each of the sets, with the share of the weight there.
    """
    sets = matching.sets
    if matching.reuses:
        member, cluster, weights = matching.memberships()
    else:
        member = np.flatnonzero(sets.set >= 0)
        cluster, weights = sets.set[member], sets.weights[member]
    others = [code for code in range(len(sets.labels)) if code != sets.referent]
    x = (sets.arm[member][:, None] == others).astype(float)
    even = bool((np.abs(weights - 1.0) <= 1e-12).all())
    fit = cox(
        time[member],
        event[member],
        x,
        ties=ties,
        entry=None if entry is None else entry[member],
        weights=None if even else weights,
        cluster=cluster,
        robust=True,
    )
    if not matching.reuses or fit.influence is None or not np.isfinite(fit.influence).all():
        return fit, fit.covariance
    return fit, two_way_covariance(fit.influence, cluster, member)


def groups_problem(design: Design, rows: Counts, options: MatchOptions, seed: int) -> str:
    """Say why the groups cannot be matched by common referent; nothing where they can, or are not to be."""
    if design.groups is None or options.referent is None:
        return ""
    try:
        _match(design, rows, options, seed)
    except InputError as error:
        return str(error)
    return ""


def _arms(design: Design, rows: Counts) -> tuple[tuple[str, ...], Counts]:
    """Return the labels of the groups that have patients among the rows, and each patient's place among them."""
    assert design.groups is not None
    present, arm = np.unique(design.groups.codes[rows], return_inverse=True)
    return tuple(design.groups.labels[code] for code in present), arm


def _match(design: Design, rows: Counts, options: MatchOptions, seed: int) -> ArmMatching:
    labels, arm = _arms(design, rows)
    if options.referent not in labels:
        raise InputError(
            f"`referent` must be one of {', '.join(labels)}, the groups of the patients who have a score; it is "
            f"{options.referent!r}."
        )
    # Numbered in the order of the study, the arms keep that order; their names are put back into what is refused.
    named = np.array([f"{code:03d} {labels[code]}" for code in range(len(labels))])
    try:
        return match_arms(
            named[arm],
            design.score.x[rows],
            referent=str(named[labels.index(options.referent)]),
            terms=design.score.labels,
            options=options,
            columns=match_columns(design, rows, options),
            tie_rank=tie_ranks([design.ids[row] for row in rows], seed),
        )
    except InputError as error:
        text = str(error)
        for name, label in zip(named.tolist(), labels, strict=True):
            text = text.replace(name, label)
        raise InputError(text) from error


def _curve(
    label: str,
    endpoint: Endpoint,
    rows: Counts,
    arm: Bools,
    matching: ArmMatching,
    horizon: float,
    curves: CurveOptions,
) -> ArmCurve:
    time, event, entry = endpoint.time[rows], endpoint.event[rows], endpoint.entry_of(rows)
    own = np.flatnonzero(arm & (matching.sets.set >= 0))
    weights = matching.weights[own] if matching.is_weighted else None
    cluster = None if matching.reuses else matching.sets.set[own]
    shared = None if cluster is None or np.unique(cluster).size == cluster.size else cluster
    came = None if entry is None else entry[own]
    found = arm_curve(label, time[own], event[own], horizon, curves, weights, shared, entry=came)
    if not matching.reuses:
        return found
    member, place, share = matching.memberships()
    there = arm[member]
    sample = Sample(member[there], share[there], place[there], member[there])
    came = None if entry is None else entry[sample.rows]
    curve = two_way_limits(found.curve, time[sample.rows], event[sample.rows], sample, entry=came)
    return replace(found, curve=curve, rate=survival_at(curve, [horizon]), median=quantile(curve, 0.5))
