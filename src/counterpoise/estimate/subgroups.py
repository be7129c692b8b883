"""The treatment effect in subgroups of the weighted cohort, and whether it differs between them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from counterpoise.design import Covariate, Design, Endpoint, level_indicators
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.hazards import HazardRatio, hazard_ratio
from counterpoise.estimate.options import SubgroupOptions
from counterpoise.estimate.subgroup_weights import Balancing, WithinSubgroup, balance_within
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import Ties, cox
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SubgroupEffect:
    """One level of one variable; `sizes` and `events` are of the control and the treated arm.

    `ratio` uses the weights of the whole cohort and the robust variance; `too_few` says that it rests on too
    few events to be shown. `within` tells what those weights balance inside, and what weights made inside give.
    """

    level: str
    sizes: tuple[int, int]
    events: tuple[int, int]
    ratio: HazardRatio
    too_few: bool
    verdict: Verdict
    within: WithinSubgroup


@dataclass(frozen=True, slots=True, eq=False)
class SubgroupVariable:
    """All levels of one variable, with the robust Wald test that the effect is the same in each."""

    covariate: Covariate
    levels: tuple[SubgroupEffect, ...]
    interaction_p: float


@dataclass(frozen=True, slots=True, eq=False)
class SubgroupAnalysis:
    """Every subgroup of one endpoint, and the effect in the whole weighted cohort."""

    endpoint: Endpoint
    overall: HazardRatio
    variables: tuple[SubgroupVariable, ...]


def subgroup_analysis(
    design: Design,
    adjustments: Adjustments,
    options: SubgroupOptions,
    *,
    ties: Ties = "efron",
    confidence: float = 0.95,
) -> SubgroupAnalysis:
    """Fit the weighted Cox model within each level, the complement always shown.

    The interaction is tested in one model with treatment, level and their products; under weights a
    likelihood-ratio test would be wrong, so the test is Wald's with the robust variance.
    """
    rows, weights = adjustments.rows, adjustments.weighting.weights
    endpoint = next(e for e in design.endpoints if e.name == options.of)
    data = _Weighted(
        endpoint.time[rows],
        endpoint.event[rows],
        design.treatment.received[rows],
        weights,
        ties,
        confidence,
        _balancing(design, adjustments),
        endpoint.entry_of(rows),
    )
    overall, _ = _ratio("All patients", data, np.ones(rows.size, dtype=bool))
    variables = tuple(_variable(item, item.values[rows], data, options) for item in design.subgroups)
    return SubgroupAnalysis(endpoint, overall, variables)


@dataclass(frozen=True, slots=True, eq=False)
class _Weighted:
    time: Floats
    event: Bools
    treated: Bools
    weights: Floats
    ties: Ties
    confidence: float
    balancing: Balancing
    entry: Floats | None

    def entry_of(self, members: Bools) -> Floats | None:
        return None if self.entry is None else self.entry[members]


def _balancing(design: Design, adjustments: Adjustments) -> Balancing:
    columns = np.hstack([level_indicators(item)[0] for item in design.score.covariates])[adjustments.rows]
    return Balancing(adjustments, columns, adjustments.balance.scale)


def _variable(item: Covariate, values: Floats, data: _Weighted, options: SubgroupOptions) -> SubgroupVariable:
    levels = tuple(_level(label, data, values == code, options) for code, label in enumerate(item.levels))
    return SubgroupVariable(item, levels, _interaction_p(values, len(item.levels), data))


def _level(label: str, data: _Weighted, members: Bools, options: SubgroupOptions) -> SubgroupEffect:
    sizes = _by_arm(members, data.treated)
    events = _by_arm(members & data.event, data.treated)
    too_few = sum(events) < options.minimum_events or min(events) < options.minimum_events_per_arm
    ratio, verdict = _ratio(label, data, members)
    outcome = data.time, data.event, data.entry
    within = balance_within(label, members, data.balancing, outcome, ties=data.ties, confidence=data.confidence)
    return SubgroupEffect(label, sizes, events, ratio, too_few, verdict, within)


def _by_arm(members: Bools, treated: Bools) -> tuple[int, int]:
    return int((members & ~treated).sum()), int((members & treated).sum())


def _ratio(label: str, data: _Weighted, members: Bools) -> tuple[HazardRatio, Verdict]:
    blank = hazard_ratio(label, float("nan"), float("nan"), data.confidence)
    if min(_by_arm(members & data.event, data.treated)) == 0:
        none_at_all = not (members & data.event).any()
        return blank, Verdict.NO_EVENTS if none_at_all else Verdict.MONOTONE
    fit = cox(
        data.time[members],
        data.event[members],
        data.treated[members].astype(float),
        ties=data.ties,
        entry=data.entry_of(members),
        weights=data.weights[members],
    )
    if fit.verdict is not Verdict.CONVERGED:
        return blank, fit.verdict
    return hazard_ratio(label, fit.coefficients[0], fit.std_error[0], data.confidence), fit.verdict


def _interaction_p(values: Floats, levels: int, data: _Weighted) -> float:
    """Robust Wald test of all products of treatment and level; NaN where the model cannot be fitted."""
    known = ~np.isnan(values)
    level = np.column_stack([(values[known] == code).astype(float) for code in range(1, levels)])
    treated = data.treated[known].astype(float)[:, None]
    x = np.hstack([treated, level, treated * level])
    fit = cox(
        data.time[known],
        data.event[known],
        x,
        ties=data.ties,
        entry=data.entry_of(known),
        weights=data.weights[known],
    )
    if fit.verdict is not Verdict.CONVERGED:
        return float("nan")
    products = slice(levels, 2 * levels - 1)
    b = fit.coefficients[products]
    statistic = float(b @ np.linalg.solve(fit.covariance[products, products], b))
    return float(chdtrc(levels - 1, statistic))
