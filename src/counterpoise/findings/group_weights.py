"""What the weighting of all groups to one population costs, leaves and shows."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses, WeightedGroupComparison
from counterpoise.findings.finding import SIGNIFICANT, Finding
from counterpoise.findings.imbalance import LARGE
from counterpoise.findings.weights import EXTREME, LOW_SHARE
from counterpoise.oncology.definition import phrase


def groups_not_weighted(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say why the groups could not be weighted to one population, where they were to be."""
    groups = analyses.weighted_groups
    if groups is not None and groups.weighting.model is None:
        yield Finding(
            name="groups_not_weighted",
            severity="caution",
            title="The groups could not be weighted to one population",
            text=groups.weighting.reason,
            advice="Where no patient of one kind was in a group, no weights can stand in for them: compare fewer "
            "groups, or say for whom the comparison is made.",
            importance=4,
        )


def group_weights(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Report the group that weighting leaves the least of, the heaviest patient and the largest difference left."""
    groups = analyses.weighted_groups
    if groups is None or groups.weighting.balance is None or groups.weighting.balance.weighted is None:
        return
    made, compared, balance = groups.weighting, groups.weighting.balance, groups.weighting.balance.weighted
    shares = [size / n for size, n in zip(made.effective_sizes, made.sizes, strict=True)]
    least, heaviest = shares.index(min(shares)), made.heaviest.index(max(made.heaviest))
    column = int(balance.largest.argmax())
    pair = int(balance.largest_pair[column])
    ends = (groups.labels[place[pair]] for place in (compared.first, compared.second))
    before, after = float(compared.unadjusted.largest.max()), float(balance.largest[column])
    grave = shares[least] < LOW_SHARE or made.heaviest[heaviest] > EXTREME
    yield Finding(
        name="group_weights",
        severity="serious" if after > LARGE else "caution" if grave else "note",
        title="Weighting leaves the groups unlike each other"
        if after > LARGE
        else "A few patients stand for a group"
        if grave
        else "The weights of the groups are moderate",
        text="The largest standardised difference between two groups is {before:number2} before and {after:number2} "
        f"after weighting ({compared.names[column]}, {' and '.join(ends)}). The weights leave the information of "
        f"{{effective:number1}} of {{patients:count}} patients in {groups.labels[least]}; the largest, in "
        f"{groups.labels[heaviest]}, is {{heaviest:number1}} times the mean of its group.",
        advice="Take the comparisons of groups as descriptive; fewer covariates, a penalty or overlap weights may do "
        "better."
        if after > LARGE or grave
        else "Quote the effective sample sizes beside the weighted results.",
        values={
            "before": before,
            "after": after,
            "effective": made.effective_sizes[least],
            "patients": made.sizes[least],
            "heaviest": made.heaviest[heaviest],
        },
        importance=after,
    )


def group_interaction(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Report the interaction of the two treatments that make the groups, on the endpoint where it is clearest."""
    groups, factorial = analyses.weighted_groups, design.factorial
    if groups is None or factorial is None:
        return
    tested = [comparison for comparison in groups.comparisons if _p_value(comparison) <= 1]
    if not tested:
        return
    clearest = min(tested, key=_p_value)
    assert clearest.factorial is not None
    ratio, least = clearest.factorial.interaction.stacked, min(clearest.arms, key=lambda arm: arm.events)
    first, second = phrase(factorial.first.label), phrase(factorial.second.label)
    found = ratio.p_value < SIGNIFICANT
    yield Finding(
        name="group_interaction",
        severity="caution" if found else "note",
        title=f"The effects of {first} and {second} {'do not multiply' if found else 'may multiply'}",
        text=f"With {first}, the hazard ratio of {second} for {clearest.endpoint.short} is {{ratio:ratio}} times what "
        "it is without ({lower:ratio} to {upper:ratio}, {p_value:p_equation}), the clearest interaction of "
        "{tested:count} endpoint" + ("s" if len(tested) > 1 else "") + "; the group with the fewest events has "
        "{events:count} in {patients:count} patients.",
        advice="Report the groups themselves rather than one effect of each treatment; with so many endpoints and so "
        "few events, take it as a question for other data."
        if found
        else "A test of interaction has little power: that none was found does not show that there is none.",
        values={
            "ratio": ratio.estimate,
            "lower": ratio.lower,
            "upper": ratio.upper,
            "p_value": ratio.p_value,
            "tested": len(tested),
            "events": least.events,
            "patients": least.size,
        },
        importance=2,
    )


def _p_value(comparison: WeightedGroupComparison) -> float:
    """Return that of the interaction; 2 where there is none."""
    found = comparison.factorial
    known = found is not None and found.interaction.stacked.p_value <= 1
    return found.interaction.stacked.p_value if found is not None and known else 2.0
