"""What the subgroups cannot show."""

from collections.abc import Iterable
from math import isnan

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import SIGNIFICANT, Finding, listed

IMBALANCED = 0.25  # Rubin (2001): beyond it adjusting by a model cannot be trusted


def subgroups_with_few_events(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Name the subgroups whose hazard ratio is withheld because it rests on too few events."""
    if analyses.subgroups is None:
        return
    few = [
        f"{variable.covariate.label}: {effect.level}"
        for variable in analyses.subgroups.variables
        for effect in variable.levels
        if effect.too_few
    ]
    if few:
        total = sum(len(variable.levels) for variable in analyses.subgroups.variables)
        yield Finding(
            name="subgroups_few_events",
            severity="caution",
            title="Subgroups with too few events",
            text=f"{{few:count}} of {{total:count}} subgroups {'has' if len(few) == 1 else 'have'} too few events for "
            f"a hazard ratio to be shown: {listed(few, 8)}.",
            advice="Do not read the absence of an effect there as evidence of no effect.",
            values={"few": len(few), "total": total},
            importance=len(few) / total,
        )


def subgroups_not_balanced(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say that the weights of the whole cohort do not balance its subgroups, and whether scores of their own would."""
    if analyses.subgroups is None:
        return
    judged = [
        (f"{variable.covariate.label}: {effect.level}", effect.within)
        for variable in analyses.subgroups.variables
        for effect in variable.levels
        if not isnan(effect.within.whole)
    ]
    off = [(name, within) for name, within in judged if within.whole > IMBALANCED]
    if not off:
        return
    name, worst = max(off, key=lambda item: item[1].whole)
    fitted = sum(not within.reason for _, within in judged)
    yield Finding(
        name="subgroups_not_balanced",
        severity="caution",
        title="The weights do not balance the subgroups",
        text="Weights of the whole cohort leave standardised differences above {threshold:number2} in {off:count} of "
        f"{{judged:count}} subgroups, {{worst:number2}} at the most ({name}). A score of its own could be fitted in "
        "{fitted:count} of them.",
        advice="Read a subgroup's weighted hazard ratio as adjusted in part only; the table sets beside it what the "
        "weights of its own give.",
        values={
            "threshold": IMBALANCED,
            "off": len(off),
            "judged": len(judged),
            "worst": worst.whole,
            "fitted": fitted,
        },
        importance=len(off) / len(judged),
    )


def subgroup_interactions(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say that effects differ between subgroups only where the interaction is tested and found."""
    if analyses.subgroups is None:
        return
    tested = [v for v in analyses.subgroups.variables if v.interaction_p == v.interaction_p]
    if not tested:
        return
    lowest = min(tested, key=lambda variable: variable.interaction_p)
    found = lowest.interaction_p < SIGNIFICANT
    yield Finding(
        name="subgroup_interactions",
        severity="caution" if found else "note",
        title="The effect seems to differ between subgroups" if found else "No subgroup effect is shown",
        text="Of {tested:count} interaction tests the smallest P value is {lowest:p} "
        f"({lowest.covariate.label}); no correction for their number.",
        advice="A claim of benefit in one subgroup needs an interaction, not a small P value within it.",
        values={"tested": len(tested), "lowest": lowest.interaction_p},
    )
