"""All groups of a study, weighted to one population: all pairs, two treatments' interaction, curves."""

from dataclasses import dataclass

import numpy as np

from counterpoise.balance import GroupCandidates, GroupWeighting, GroupWeightOptions, weigh_groups
from counterpoise.design import Design, Endpoint, level_indicators
from counterpoise.estimate.contrasts import RateDifference
from counterpoise.estimate.curves import ArmCurve, arm_curve
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.options import CurveOptions
from counterpoise.kernels.arrays import Bools, Counts
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.effects.weighted_log_rank import WeightedLogRank
from counterpoise.kernels.verdict import Verdict
from counterpoise.kernels.weighting.arm_contrasts import (
    ArmSurvival,
    WaldContrasts,
    arm_hazards,
    arm_survival,
    factorial_hazards,
)
from counterpoise.kernels.weighting.records import WeightModel


@dataclass(frozen=True, slots=True)
class WeightedRatio:
    """One hazard ratio with the stacked variance, and with that of weights taken as known; NaN where not estimable."""

    stacked: HazardRatio
    fixed: HazardRatio


@dataclass(frozen=True, slots=True)
class GroupPair:
    """Two groups: `first` and `second` are their places; the second is compared with the first.

    `adjusted` is Holm's p value of the stacked hazard ratio over all pairs, `difference` that of survival at the
    horizon, second less first.
    """

    first: int
    second: int
    ratio: WeightedRatio
    adjusted: float
    difference: RateDifference


@dataclass(frozen=True, slots=True)
class GroupRate:
    """Weighted survival of one group at the horizon; the limits know that the weights were estimated."""

    value: float
    std_error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class FactorialEffects:
    """The hazard ratios of two treatments with and without each other.

    `interaction` is the ratio of either treatment's hazard ratio with the other to that without it.
    """

    first_without: WeightedRatio
    first_with: WeightedRatio
    second_without: WeightedRatio
    second_with: WeightedRatio
    interaction: WeightedRatio


@dataclass(frozen=True, slots=True, eq=False)
class WeightedGroupComparison:
    """The k weighted groups on one endpoint.

    `arms` are the weighted curves, whose bands take the weights as known; `rates` survival at the horizon with stacked
    limits; `test` the robust score test that all groups have one hazard. `factorial` is None where the groups are no
    combinations of two treatments, or one of these has no patient.
    """

    endpoint: Endpoint
    arms: tuple[ArmCurve, ...]
    rates: tuple[GroupRate, ...]
    pairs: tuple[GroupPair, ...]
    test: WeightedLogRank
    factorial: FactorialEffects | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class WeightedGroups:
    """All groups weighted to one population, and compared on every endpoint; no comparisons without weights.

    `rows` (m,) index the patients who have every covariate of the score, `left_out` counts the others.
    """

    rows: Counts
    left_out: int
    weighting: GroupWeighting
    comparisons: tuple[WeightedGroupComparison, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the groups that have patients, in the order of the study."""
        return self.weighting.labels


def weighted_groups(
    design: Design, options: GroupWeightOptions | None, horizon: float, curves: CurveOptions, ties: Ties
) -> WeightedGroups | None:
    """Weight all groups of the study by one multinomial score and compare them; None where that is not asked for.

    Source: Li and Li, Ann Appl Stat 2019;13:2389-2415; McCaffrey et al., Stat Med 2013;32:3388-3414, for the balance.
    """
    if options is None or design.groups is None:
        return None
    rows, patients = _candidates(design)
    weighting = weigh_groups(patients, options)
    model = weighting.model
    comparisons = () if model is None else tuple(
        _compare(design, endpoint, rows, patients, model, horizon, curves, ties) for endpoint in design.endpoints
    )  # fmt: skip
    return WeightedGroups(rows, design.size - rows.size, weighting, comparisons)


def weighted_groups_problem(design: Design, options: GroupWeightOptions | None) -> str:
    """Say why the groups cannot be weighted; nothing where they can, or are not to be."""
    if options is None or design.groups is None:
        return ""
    return weigh_groups(_candidates(design)[1], options).reason


def _candidates(design: Design) -> tuple[Counts, GroupCandidates]:
    assert design.groups is not None
    terms = design.group_score or design.score
    rows = np.flatnonzero(terms.complete)
    present, arm = np.unique(design.groups.codes[rows], return_inverse=True)
    parts, names = zip(*(level_indicators(item) for item in terms.covariates), strict=True)
    return rows, GroupCandidates(
        labels=tuple(design.groups.labels[code] for code in present),
        arm=arm,
        x=terms.x[rows],
        names=terms.labels,
        judged=np.hstack(parts)[rows],
        judged_names=tuple(name for part in names for name in part),
    )


def _compare(
    design: Design,
    endpoint: Endpoint,
    rows: Counts,
    patients: GroupCandidates,
    model: WeightModel,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> WeightedGroupComparison:
    time, event, arm, labels = endpoint.time[rows], endpoint.event[rows], patients.arm, patients.labels
    entry = endpoint.entry_of(rows)
    confidence = curves.confidence
    hazards = arm_hazards(time, event, arm, model, entry=entry, ties=ties, confidence=confidence)
    survival = arm_survival(
        time, event, arm, model, horizon, entry=entry, interval=curves.interval, confidence=confidence
    )

    def curve(place: int) -> ArmCurve:
        own: Bools = arm == place
        came = None if entry is None else entry[own]
        return arm_curve(labels[place], time[own], event[own], horizon, curves, model.weights[own], entry=came)

    pairs = tuple(
        GroupPair(
            first=int(first),
            second=int(second),
            ratio=_ratio(hazards.stacked, hazards.fixed, index, f"{labels[second]} to {labels[first]}"),
            adjusted=float(hazards.stacked.p_adjusted[index]),
            difference=_difference(survival.stacked, index),
        )
        for index, (first, second) in enumerate(zip(hazards.first, hazards.second, strict=True))
    )
    return WeightedGroupComparison(
        endpoint=endpoint,
        arms=tuple(curve(place) for place in range(len(labels))),
        rates=tuple(_rate(survival, place) for place in range(len(labels))),
        pairs=pairs,
        test=hazards.log_rank,
        factorial=_factorial(design, endpoint, rows, model, ties, confidence),
        verdict=hazards.fit.verdict,
    )


def _ratio(stacked: WaldContrasts, fixed: WaldContrasts, index: int, label: str) -> WeightedRatio:
    both = (
        hazard_ratio(label, float(found.value[index]), float(found.std_error[index]), found.confidence)
        for found in (stacked, fixed)
    )
    return WeightedRatio(*both)


def _difference(found: WaldContrasts, index: int) -> RateDifference:
    fields = found.value, found.std_error, found.lower, found.upper, found.p_value
    return RateDifference(*(float(values[index]) for values in fields))


def _rate(found: ArmSurvival, place: int) -> GroupRate:
    fields = found.survival, found.stacked_std_error, found.lower, found.upper
    return GroupRate(*(float(values[place]) for values in fields))


def _factorial(
    design: Design, endpoint: Endpoint, rows: Counts, model: WeightModel, ties: Ties, confidence: float
) -> FactorialEffects | None:
    if design.factorial is None:
        return None
    codes = design.factorial.codes[rows]
    if np.unique(codes).size < 4:
        return None
    time, event, entry = endpoint.time[rows], endpoint.event[rows], endpoint.entry_of(rows)
    found = factorial_hazards(arm_hazards(time, event, codes, model, entry=entry, ties=ties, confidence=confidence))
    first, second = design.factorial.first.label, design.factorial.second.label
    names = f"{first} alone", f"{first} with {second}", f"{second} alone", f"{second} with {first}"
    one, one_more, other, other_more = (
        _ratio(found.effects_stacked, found.effects_fixed, index, name) for index, name in enumerate(names)
    )
    interaction = _ratio(found.interaction_stacked, found.interaction_fixed, 0, f"{first} and {second}")
    return FactorialEffects(one, one_more, other, other_more, interaction)
