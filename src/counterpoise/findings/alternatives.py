"""Why adjustments of the same comparison differ."""

from collections.abc import Iterable
from math import isnan

from counterpoise.design import Design
from counterpoise.estimate import AlternativeAnalysis, Analyses
from counterpoise.findings.finding import SIGNIFICANT, Finding, listed


def adjustments_differ(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say how far the effect on the first endpoint hangs on the adjustment, and where that comes from."""
    made = [item for item in analyses.alternatives if item.effects and item.effects[0].ratio.estimate > 0]
    if len(made) < 2:
        return
    low, high = (pick(made, key=lambda item: item.effects[0].ratio.estimate) for pick in (min, max))
    p_values = [item.effects[0].ratio.p_value for item in made]
    split = min(p_values) < SIGNIFICANT <= max(p_values)
    estimands = list(dict.fromkeys(item.adjustment.options.estimand for item in made))
    same = " of the same estimand" if len(estimands) == 1 else ""
    text = (
        f"The hazard ratio for {design.endpoints[0].short} runs from {{lowest:ratio}} ({_name(low)}) to "
        f"{{highest:ratio}} ({_name(high)}) over {{adjustments:count}} adjustments{same}, with P values from "
        "{smallest_p:p} to {largest_p:p}. "
    )
    differences = [
        item.effects[0].difference.value for item in analyses.alternatives if item.effects and _is_known(item)
    ]
    if differences:
        text += (
            "The difference of survival at the horizon, which doubly robust estimates give too, runs from "
            "{lowest_difference:percent} to {highest_difference:percent}. "
        )
    if len(estimands) > 1:
        text += (
            f"They estimate effects in different patients ({listed(estimands, 6)}): where the effect is not the same "
            "in all, each is right for its own. "
        )
    text += (
        "What the same estimand gives under different scores differs by how well each balances the covariates: the "
        "largest standardised differences run from {best:number3} to {worst:number3}."
    )
    yield Finding(
        name="adjustments_differ",
        severity="caution" if split else "note",
        title="The conclusion hangs on the adjustment" if split else "The adjustments agree",
        text=text,
        advice="Name the primary adjustment, and so whose effect is meant, before the outcome is looked at; show the "
        "others as sensitivity.",
        values={
            "lowest": low.effects[0].ratio.estimate,
            "highest": high.effects[0].ratio.estimate,
            "adjustments": len(made),
            "smallest_p": min(p_values),
            "largest_p": max(p_values),
            **({"lowest_difference": min(differences), "highest_difference": max(differences)} if differences else {}),
            "best": min(item.adjustment.largest for item in made),
            "worst": max(item.adjustment.largest for item in made),
        },
        importance=4,
    )


def adjustments_not_made(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Name the adjustments that were asked for and could not be made."""
    failed = [item for item in analyses.alternatives if item.adjustment.reason]
    if failed:
        yield Finding(
            name="adjustments_not_made",
            severity="caution",
            title="Adjustments that could not be made",
            text="; ".join(f"{item.label}: {item.adjustment.reason}" for item in failed) + ".",
            advice="Use a score that is finite there (firth, ridge), fewer covariates, or overlap weights.",
            values={},
            importance=len(failed),
        )


def _is_known(item: AlternativeAnalysis) -> bool:
    return not isnan(item.effects[0].difference.value)


def _name(item: AlternativeAnalysis) -> str:
    return f"{item.label}, {item.adjustment.options.estimand}"
