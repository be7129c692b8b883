"""Matched results that hang on the breaking of ties, or on the order in which patients choose."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses, Stability
from counterpoise.findings.finding import SIGNIFICANT, Finding

WIDE = 1.25
"""Hazard ratios that are so many times as large as others of the same endpoint are far apart."""


def unstable_matching(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Warn where another breaking of ties moves a P value across .05, or the hazard ratio by a quarter."""
    runs = analyses.stability
    if runs is None or runs.distinct == 1:
        return
    crossing = [e for e in range(len(runs.endpoints)) if _crosses(runs, e)]
    moving = [e for e in range(len(runs.endpoints)) if _width(runs, e) > WIDE]
    told = sorted({*crossing, *moving})
    if not told:
        return
    values: dict[str, float] = {"runs": runs.runs, "distinct": runs.distinct}
    phrases: list[str] = []
    for place in told:
        endpoint, ratio, p = runs.endpoints[place], runs.of_hazard_ratio(place), runs.of_p_value(place)
        name = endpoint.name
        values |= {f"{name}_low": ratio.minimum, f"{name}_high": ratio.maximum}
        values |= {f"{name}_p_low": p.minimum, f"{name}_p_high": p.maximum}
        phrases.append(
            f"{endpoint.short} from {{{name}_low:ratio}} to {{{name}_high:ratio}}, with P values from "
            f"{{{name}_p_low:p}} to {{{name}_p_high:p}}"
        )
    ordered = " and orders" if len(set(runs.order)) > 1 else ""
    yield Finding(
        name="unstable_matching",
        severity="serious" if crossing else "caution",
        title="The matched result hangs on how ties were broken"
        if crossing
        else "The matched hazard ratio moves with the breaking of ties",
        text=f"Matching was repeated under other seeds{ordered}: {{distinct:count}} of {{runs:count}} runs differ in "
        "who was matched. The hazard ratios run: " + "; ".join(phrases) + ".",
        advice="Do not rest a conclusion on one run; quote the range, or use full matching or weighting, in which "
        "nobody is left out by chance.",
        values=values,
        importance=max(_width(runs, place) for place in told),
    )


def _crosses(runs: Stability, endpoint: int) -> bool:
    p = runs.of_p_value(endpoint)
    return p.minimum < SIGNIFICANT <= p.maximum


def _width(runs: Stability, endpoint: int) -> float:
    ratio = runs.of_hazard_ratio(endpoint)
    return ratio.maximum / ratio.minimum if ratio.minimum > 0 else 0.0
