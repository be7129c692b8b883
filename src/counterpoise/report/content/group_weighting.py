"""All groups weighted to one population: weights, balance, all pairs, two treatments' interaction, curves."""

from collections.abc import Iterable

from counterpoise.estimate import WeightedGroups
from counterpoise.kernels.verdict import Verdict
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.curves import survival_figures, survival_panel
from counterpoise.report.content.tables import (
    CONFIDENCE,
    beyond,
    body,
    group,
    head,
    horizon,
    known,
    ratio_cells,
    text,
    with_interval,
)
from counterpoise.report.document import Block, Cell, Figure, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

PLACE = "groups_weighted"
WHOSE = {
    "ATE": "all patients (ATE)",
    "ATO": "patients who might have been in any of the groups (ATO, overlap weights)",
    "ATM": "patients who could be matched across all groups (ATM, matching weights)",
    "ATEN": "patients whose group was uncertain (ATEN, entropy weights)",
}


def weighted_groups_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Compare all groups, weighted by one score to one population."""
    groups = study.analyses.weighted_groups
    if groups is None:
        return
    yield Heading(1, "All groups, weighted", PLACE)
    if groups.weighting.model is None:
        yield Paragraph((f"The groups could not be weighted to one population: {groups.weighting.reason}",))
        return
    yield Paragraph(numbers.parts(_sentences(groups)))
    yield _weight_table(numbers, groups)
    yield _balance_table(numbers, groups)
    yield _rate_table(study, numbers, groups)
    yield _pair_table(study, numbers, groups)
    yield from _interaction(study, numbers, groups)
    yield from _figures(study, numbers, groups)


def whose(groups: WeightedGroups) -> str:
    """Return the patients of whom the weighted comparison speaks."""
    options = groups.weighting.options
    return WHOSE[options.estimand] if options.focal is None else f"the patients of {options.focal} (ATT)"


def _sentences(groups: WeightedGroups) -> str:
    options = groups.weighting.options
    ridge = f" with a ridge of {{{PLACE}.penalty:number}}" if options.penalty else ""
    left_out = f"; another {{{PLACE}.left_out:count}} lack one of its covariates" if groups.left_out else ""
    return (
        f"One multinomial score of {{{PLACE}.coefficients:count}} coefficients{ridge} was fitted to the groups of "
        f"{{{PLACE}.n:count}} patients{left_out}, and every group was weighted to resemble {whose(groups)}. One set of "
        "weights serves all pairs, so that they speak of the same patients. The largest "
        f"absolute standardised difference between any two groups is {{{PLACE}.balance.largest_before:number3}} before "
        f"and {{{PLACE}.balance.largest_after:number3}} after weighting."
    )


def _weight_table(numbers: Numbers, groups: WeightedGroups) -> Table:
    styles = (("n", "count"), ("effective", "number1"), ("heaviest", "number1"))
    rows = [
        body(label, [numbers.cell(f"{{{PLACE}.g{position}.{key}:{style}}}") for key, style in styles])
        for position, label in enumerate(groups.labels, start=1)
    ]
    titles = head("Group", "Patients", "Effective n", "Largest weight / mean")
    note = "Effective n: the number of equally weighted patients that would tell as much; it bounds every comparison."
    return Table(f"{PLACE}_weights", "What the weights make of the groups", (titles,), tuple(rows), ((note,),))


def _balance_table(numbers: Numbers, groups: WeightedGroups) -> Table:
    balance = groups.weighting.balance
    assert balance is not None
    assert balance.weighted is not None
    rows: list[Row] = []
    for index, name in enumerate(balance.names):
        cells = [numbers.cell(f"{{{PLACE}.balance.c{index + 1}.{when}:number3}}") for when in ("before", "after")]
        pair = int(balance.weighted.largest_pair[index])
        ends = groups.labels[balance.first[pair]], groups.labels[balance.second[pair]]
        rows.append(body(name, [*cells, text(" and ".join(ends))]))
    largest = [numbers.cell(f"{{{PLACE}.balance.largest_{when}:number3}}") for when in ("before", "after")]
    rows.append(Row((text("Largest"), *largest, text("")), "total"))
    focal = groups.weighting.options.focal
    scale = f"the standard deviation of {focal}" if focal else "the root of the mean of the variances within groups"
    note = (
        f"Largest absolute standardised difference of any two groups, over {scale} before weighting "
        "(McCaffrey et al.), and the two groups that differ most after it."
    )
    titles = head("Covariate", "Before", "After", "Largest after, between")
    caption = "Balance of all groups before and after weighting"
    return Table(f"{PLACE}_balance", caption, (titles,), tuple(rows), ((note,),))


def _rate_table(study: Study, numbers: Numbers, groups: WeightedGroups) -> Table:
    rows: list[Row] = []
    for comparison in groups.comparisons:
        place = f"{PLACE}.{comparison.endpoint.name}"
        rows.append(group(f"{comparison.endpoint.label} ({comparison.endpoint.short})", 4))
        for position, label in enumerate(groups.labels, start=1):
            cells = [
                numbers.cell(f"{{{place}.g{position}.events:count}}/{{{PLACE}.g{position}.n:count}}"),
                numbers.cell(with_interval(numbers, f"{place}.g{position}.rate", "share")),
                numbers.cell(f"{{{place}.score_test:p_value}}" if position == 1 else ""),
            ]
            rows.append(body(label, cells, indent=1))
    titles = head("Group", "Events/n", numbers.cell(f"{horizon(study)} rate, % ({CONFIDENCE})"), "P of all groups")
    rates = [
        f"{PLACE}.{comparison.endpoint.name}.g{position}.rate"
        for comparison in groups.comparisons
        for position in range(1, len(groups.labels) + 1)
    ]
    note = (
        "Events and n count patients, rates are weighted. Limits and tests (robust score test) know that the weights "
        f"were estimated.{beyond(study, numbers, rates)}"
    )
    caption = "Outcomes of all groups, weighted"
    return Table(f"{PLACE}_rates", caption, (titles,), tuple(rows), (numbers.parts(note),))


def _pair_table(study: Study, numbers: Numbers, groups: WeightedGroups) -> Table:
    rows: list[Row] = []
    for comparison in groups.comparisons:
        rows.append(group(f"{comparison.endpoint.label} ({comparison.endpoint.short})", 5))
        for position, pair in enumerate(comparison.pairs, start=1):
            place = f"{PLACE}.{comparison.endpoint.name}.pair{position}"
            difference = with_interval(numbers, f"{place}.difference", "percent")
            cells = [
                *ratio_cells(numbers, f"{place}.hazard_ratio"),
                numbers.cell(f"{{{place}.holm:p}}"),
                numbers.cell(difference) if known(numbers, f"{place}.difference") else text("–"),
            ]
            rows.append(body(f"{groups.labels[pair.second]} vs {groups.labels[pair.first]}", cells, indent=1))
    at = horizon(study, before_noun=False)
    titles = head(
        "Groups", numbers.cell(f"HR ({CONFIDENCE})"), "P", "P (Holm)",
        numbers.cell(f"Difference of survival at {at} ({CONFIDENCE})"),
    )  # fmt: skip
    note = (
        "The first group of each pair against the second, by one weighted Cox model of all groups and by weighted "
        "Kaplan-Meier curves, with the stacked variance. Holm's adjustment is over the pairs of an endpoint."
    )
    for comparison in groups.comparisons:
        if comparison.verdict is not Verdict.CONVERGED:
            note += f" {comparison.endpoint.short} has no hazard ratios: {comparison.verdict.advice}"
    caption = "All pairs of groups, weighted"
    return Table(f"{PLACE}_pairs", caption, (titles,), tuple(rows), ((note,),))


def _interaction(study: Study, numbers: Numbers, groups: WeightedGroups) -> Iterable[Block]:
    """Set the effects of two treatments with and without each other side by side, with their interaction."""
    factorial = study.design.factorial
    found = [comparison for comparison in groups.comparisons if comparison.factorial is not None]
    if factorial is None or not found:
        return
    first, second = factorial.first.label, factorial.second.label
    rows = [
        body(comparison.endpoint.short, _effects(numbers, f"{PLACE}.{comparison.endpoint.name}.factorial"))
        for comparison in found
    ]
    titles = (
        head("", numbers.cell(f"HR of {phrase(first)} ({CONFIDENCE})", span=2),
             numbers.cell(f"HR of {phrase(second)} ({CONFIDENCE})", span=2), text("Interaction", 2)),
        head("Endpoint", f"without {phrase(second)}", f"with {phrase(second)}", f"without {phrase(first)}",
             f"with {phrase(first)}", numbers.cell(f"Ratio of HRs ({CONFIDENCE})"), "P"),
    )  # fmt: skip
    note = (
        "Ratio of HRs: the hazard ratio of either treatment with the other over that without it; one where hazard "
        "ratios multiply. Stacked variance; P by Wald's test, not adjusted for the number of endpoints."
    )
    caption = f"{first} and {phrase(second)}: effects of each with and without the other, weighted"
    yield Table(f"{PLACE}_interaction", caption, titles, tuple(rows), ((note,),))


def _effects(numbers: Numbers, place: str) -> list[Cell]:
    keys = ("first_without", "first_with", "second_without", "second_with")
    cells = [numbers.cell(with_interval(numbers, f"{place}.{key}", "ratio")) for key in keys]
    return [*cells, *ratio_cells(numbers, f"{place}.interaction")]


def _figures(study: Study, numbers: Numbers, groups: WeightedGroups) -> Iterable[Figure]:
    assert study.design.groups is not None
    panels = [
        survival_panel(
            study,
            comparison.endpoint.short,
            comparison.endpoint.label,
            comparison.arms,
            (numbers.text(f"Robust score test {{{PLACE}.{comparison.endpoint.name}.score_test:p_value_equation}}"),),
            weighted=True,
        )
        for comparison in groups.comparisons
    ]
    caption = f"Survival by {phrase(study.design.groups.label)}, weighted to one population"
    yield from survival_figures(study, f"curves_{PLACE}", caption, panels)
