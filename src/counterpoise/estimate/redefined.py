"""The effect of the treatment under other definitions of the endpoints, beside that of the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterpoise.balance import WeightOptions, propensity, weigh
from counterpoise.design import Design, Endpoint, RedefinedEndpoint, of_patients
from counterpoise.errors import InputError
from counterpoise.estimate.adjustments import Adjustments
from counterpoise.estimate.contrasts import Contrast, unadjusted_contrast, weighted_contrast
from counterpoise.estimate.options import CurveOptions
from counterpoise.estimate.refitted import left_out_effects
from counterpoise.kernels.cox.fit import Ties


@dataclass(frozen=True, slots=True, eq=False)
class DefinitionEffect:
    """The arms compared on one endpoint under one definition.

    `source` is the name of the endpoint in the plan; that of `endpoint` itself is `definition.source`. `size` patients
    came under observation, `dropped` did not. `person_years` counts the time at risk, `person_years_change` how much
    more that is than under the definition of the plan. `weighted` is None where there are no weights, with the `reason`
    where they were asked for; `refitted` says that they were made anew, since some patients dropped out.
    """

    definition: str
    label: str
    source: str
    endpoint: Endpoint
    size: int
    dropped: int
    person_years: float
    person_years_change: float
    unadjusted: Contrast
    weighted: Contrast | None
    refitted: bool
    reason: str

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The comparisons that could be made."""
        return (self.unadjusted,) if self.weighted is None else (self.unadjusted, self.weighted)


def person_years(endpoint: Endpoint) -> float:
    """Return the time for which the patients were at risk and under observation."""
    months = endpoint.time if endpoint.entry is None else endpoint.time - endpoint.entry
    return float(months.sum() / 12)


def redefined_effects(
    design: Design,
    adjustments: Adjustments | None,
    weights: WeightOptions | None,
    horizon: float,
    curves: CurveOptions,
    ties: Ties,
) -> tuple[DefinitionEffect, ...]:
    """Compare the arms on each endpoint that another definition changes.

    Where all patients stay, the weights are those of the study; where some drop out, the score is fitted to the others
    anew, so that the weights balance those who are compared. Curves, hazard ratios and variances are as in the study.
    """
    planned = {endpoint.name: person_years(endpoint) for endpoint in design.endpoints}
    groups: dict[bytes, list[RedefinedEndpoint]] = {}
    for item in design.redefined:
        groups.setdefault(item.rows.tobytes(), []).append(item)
    found: dict[str, DefinitionEffect] = {}
    for items in groups.values():
        part, kept, reason = _part(design, items, adjustments, weights)
        for item, effects in zip(items, _contrasts(part, kept, horizon, curves, ties), strict=True):
            crude, weighted = effects
            time = person_years(item.endpoint)
            found[item.endpoint.name] = DefinitionEffect(
                definition=item.definition,
                label=item.label,
                source=item.source,
                endpoint=item.endpoint,
                size=item.rows.size,
                dropped=design.size - item.rows.size,
                person_years=time,
                person_years_change=time - planned[item.source],
                unadjusted=crude,
                weighted=weighted,
                refitted=weighted is not None and item.rows.size < design.size,
                reason=reason,
            )
    return tuple(found[item.endpoint.name] for item in design.redefined)


def _part(
    design: Design,
    items: Sequence[RedefinedEndpoint],
    adjustments: Adjustments | None,
    weights: WeightOptions | None,
) -> tuple[Design, Adjustments | None, str]:
    """Return the patients of some endpoints with their weights, or why there are none."""
    rows, endpoints = items[0].rows, tuple(item.endpoint for item in items)
    if rows.size == design.size:
        return replace(design, endpoints=endpoints), adjustments, ""
    part = replace(of_patients(design, rows), endpoints=endpoints)
    if adjustments is None or weights is None:
        return part, None, ""
    known = np.flatnonzero(part.score.complete)
    try:
        score = propensity(part.treatment.received[known], part.score.x[known], terms=part.score.labels)
    except InputError as error:
        return part, None, str(error).rstrip(".")
    weighting = weigh(score, estimand=weights.estimand, stabilised=weights.stabilised, truncate=weights.truncate)
    return part, replace(adjustments, score=score, weighting=weighting, rows=known), ""


def _contrasts(
    part: Design, adjustments: Adjustments | None, horizon: float, curves: CurveOptions, ties: Ties
) -> list[tuple[Contrast, Contrast | None]]:
    found: list[tuple[Contrast, Contrast | None]] = []
    left_out = {} if adjustments is None else left_out_effects(part, adjustments, horizon, ties)
    for endpoint in part.endpoints:
        crude = unadjusted_contrast(part, endpoint, horizon, curves, ties)
        weighted = None
        if adjustments is not None:
            weighted = weighted_contrast(
                part, endpoint, adjustments, horizon, curves, ties, left_out.get(endpoint.name)
            )
        found.append((crude, weighted))
    return found
