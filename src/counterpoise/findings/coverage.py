"""Intervals that are known to be too short where the cohort is of the kind in which they are."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import LEFT_OUT, Analyses
from counterpoise.findings.finding import Finding

STRONG = 0.7
"""C-statistic between the simulated .62, where all intervals hold, and .77, where these do not."""
FEW = 0.3
"""Share of patients with an event between the simulated .4 and .2."""
HELD = {"lowest": 0.92, "highest": 0.934}
"""Shares of nominal 95 % intervals of the difference of survival that held the truth, 4,000 cohorts a design."""
ONE_ARM = ("ATT", "ATC")


def short_intervals(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Warn where the interval of a weighted difference of survival is too short, by docs/methods/coverage.md."""
    adjustments = analyses.adjustments
    if adjustments is None or adjustments.weighting.estimand not in ONE_ARM or adjustments.score.c_statistic < STRONG:
        return
    concerned = [
        c.endpoint
        for c in analyses.contrasts
        if c.adjustment == "weighted" and c.endpoint.events < FEW * design.size and c.difference_variance == LEFT_OUT
    ]
    if not concerned:
        return
    names = ", ".join(endpoint.short for endpoint in concerned)
    yield Finding(
        name="short_intervals",
        severity="caution",
        title="Intervals of weighted differences of survival are a little too short",
        text=f"The score tells the arms well apart (c-statistic {{c_statistic:number2}}), the effect is that in one "
        f"arm ({adjustments.weighting.estimand}) and events are few ({names}). In simulated cohorts like this one, "
        "from {lowest:percent} to {highest:percent} of such intervals held the truth, not {nominal:percent}; no "
        "other variance did better. Intervals of the hazard ratio held it.",
        advice="Rest the conclusion on the hazard ratio, or estimate the effect in the overlap (ATO), whose intervals "
        "hold.",
        values={"c_statistic": adjustments.score.c_statistic, "nominal": 0.95, **HELD},
        importance=len(concerned),
    )
