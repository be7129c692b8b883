"""Score, weights and effects on every endpoint done anew: for the bootstrap, and without each patient in turn."""

from collections.abc import Iterable
from dataclasses import dataclass

from counterpoise.design import Design
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import Ties
from counterpoise.kernels.effects.batched_effects import EffectRows
from counterpoise.kernels.effects.resampling import Replicates, leave_one_out, logistic_weights, refit_each

MOST_LEFT_OUT = 2_000
"""Patients up to whom each is left out in turn; beyond, where it takes seconds, it changes the third digit."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """The weighted effects on one endpoint without each of n patients; NaN where there is none."""

    log_hazard_ratio: Floats
    """(n,) of treated to controls."""
    difference: Floats
    """(n,) survival at the horizon, treated less controls."""


def refit(
    design: Design, adjustments: Adjustments, horizon: float, case_weights: Iterable[Floats], ties: Ties
) -> list[Replicates]:
    """Return the replicates of every endpoint under case weights (b, n) at a time."""
    score, weighting, rows = adjustments.score, adjustments.weighting, adjustments.rows
    weights_of = logistic_weights(
        score.treatment, score.x, estimand=weighting.estimand, stabilised=weighting.stabilised
    )
    outcomes = [
        EffectRows(
            endpoint.time[rows],
            endpoint.event[rows],
            score.treatment,
            at=[horizon],
            entry=endpoint.entry_of(rows),
            ties=ties,
        )
        for endpoint in design.endpoints
    ]
    return refit_each(outcomes, weights_of, case_weights)


def left_out_effects(design: Design, adjustments: Adjustments, horizon: float, ties: Ties) -> dict[str, LeftOut]:
    """Return by endpoint the effects without each patient; nothing for truncated weights or a large cohort."""
    n = adjustments.rows.size
    if adjustments.weighting.truncation is not None or n > MOST_LEFT_OUT:
        return {}
    made = refit(design, adjustments, horizon, leave_one_out(n), ties)
    return {
        endpoint.name: LeftOut(found.effects.log_hazard_ratio, found.effects.survival_difference[:, 0])
        for endpoint, found in zip(design.endpoints, made, strict=True)
    }
