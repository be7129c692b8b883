"""Where a single hazard ratio does not describe the whole follow-up."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import SIGNIFICANT, Finding

HOW = {"unadjusted": "unadjusted", "matched": "in the matched pairs", "weighted": "weighted"}


def proportional_hazards(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Test each treatment effect and each multivariable model (Grambsch and Therneau 1994, Biometrika 81:515)."""
    values: dict[str, float] = {}
    phrases: list[str] = []
    for contrast in analyses.contrasts:
        if contrast.proportional_p < SIGNIFICANT:
            key = f"{contrast.endpoint.name}_{contrast.adjustment}"
            values[key] = contrast.proportional_p
            phrases.append(f"{contrast.endpoint.short} {HOW[contrast.adjustment]} ({{{key}:p_equation}})")
    for table in analyses.hazards:
        test = table.multivariable.proportional
        if test is not None and test.global_p_value < SIGNIFICANT:
            key = f"{table.endpoint.name}_multivariable"
            values[key] = test.global_p_value
            phrases.append(f"the multivariable model of {table.endpoint.short} ({{{key}:p_equation}})")
    if phrases:
        yield Finding(
            name="proportional_hazards",
            severity="caution",
            title="Hazards are not proportional",
            text="The effect changes over time in: " + "; ".join(phrases) + ".",
            advice="Quote survival at fixed times or the restricted mean beside the hazard ratio, which is an average "
            "over this follow-up.",
            values=values,
            importance=1 / max(min(values.values()), 1e-6),
        )
        return
    tested = [c.proportional_p for c in analyses.contrasts if c.proportional_p == c.proportional_p]
    if not tested:
        return
    yield Finding(
        name="proportional_hazards",
        severity="note",
        title="No sign against proportional hazards",
        text="The smallest P value of the tests of the treatment effect is {lowest:p}.",
        advice="With few events such a test has little power; look at the curves.",
        values={"lowest": min(tested)},
    )
