"""All groups in the same patients: sets by common referent, their balance and their outcomes."""

from collections.abc import Iterable

from counterpoise.estimate import MatchedGroups
from counterpoise.kernels.verdict import Verdict
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.curves import survival_figures, survival_panel
from counterpoise.report.content.matching import counted
from counterpoise.report.content.tables import (
    CONFIDENCE,
    beyond,
    body,
    group,
    head,
    horizon,
    ratio_cells,
    text,
    with_interval,
)
from counterpoise.report.document import Block, Figure, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study


def matched_groups_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Compare all groups in sets of one patient of the referent group and partners in every other."""
    groups = study.analyses.matched_groups
    if groups is None:
        return
    yield Heading(1, "Matched groups", "matched_groups")
    if groups.matching is None:
        yield Paragraph((f"The groups could not be matched by common referent: {groups.reason}",))
        return
    yield Paragraph(numbers.parts(_sentences(groups)))
    yield _balance_table(numbers, groups)
    yield _outcome_table(study, numbers, groups)
    yield from _figures(study, numbers, groups)


def _sentences(groups: MatchedGroups) -> str:
    assert groups.matching is not None
    referent, place = groups.labels[groups.referent], f"matched_groups.g{groups.referent + 1}"
    method = {"nearest": "nearest neighbour", "optimal": "optimal"}[groups.matching.options.method]
    lost = groups.unmatched[groups.referent]
    alone = f"; {counted(f'{place}.unmatched', lost, 'patient')} of {referent} found none" if lost else ""
    again = "Partners may serve in more than one set. " if groups.matching.reuses else ""
    return (
        f"Each other group was matched to {referent} by {method} matching under the limits of the plan, on a score "
        "fitted to the two groups (Lopez and Gutman). "
        f"{counted('matched_groups.sets', groups.matching.n_sets, 'set is', 'sets are')} complete, with a patient of "
        f"{referent} and partners in every other group{alone}. {again}The comparison is about these patients of "
        f"{referent}. The largest absolute standardised difference between any two groups is "
        "{matched_groups.balance.largest_before:number3} before and {matched_groups.balance.largest_after:number3} "
        "after matching."
    )


def _balance_table(numbers: Numbers, groups: MatchedGroups) -> Table:
    assert groups.balance is not None
    rows = [
        body(
            name,
            [numbers.cell(f"{{matched_groups.balance.c{index}.{when}:number3}}") for when in ("before", "after")],
        )
        for index, name in enumerate(groups.balance.names, start=1)
    ]
    largest = [numbers.cell(f"{{matched_groups.balance.largest_{when}:number3}}") for when in ("before", "after")]
    rows.append(Row((text("Largest"), *largest), "total"))
    note = (
        "Largest absolute standardised difference of any two groups, over the root of the mean of the variances within "
        "groups before matching (McCaffrey et al.); partners count with their matching weights."
    )
    return Table(
        "matched_groups_balance", "Balance of all groups before and after matching",
        (head("Covariate", "Before", "After"),), tuple(rows), (numbers.parts(note),),
    )  # fmt: skip


def _outcome_table(study: Study, numbers: Numbers, groups: MatchedGroups) -> Table:
    rows: list[Row] = []
    for comparison in groups.comparisons:
        name = comparison.endpoint.name
        rows.append(group(f"{comparison.endpoint.label} ({comparison.endpoint.short})", 7))
        for position, label in enumerate(groups.labels, start=1):
            place = f"{name}.matched_groups.g{position}"
            cells = [
                numbers.cell(f"{{matched_groups.g{position}.unmatched:count}}"),
                numbers.cell(f"{{{place}.events:count}}/{{{place}.n:count}}"),
                numbers.cell(with_interval(numbers, f"{place}.rate", "share")),
            ]
            is_referent = position == groups.referent + 1
            if is_referent:
                cells += [text("1 (referent)"), text("")]
            else:
                cells += ratio_cells(numbers, f"{name}.matched_groups.hr{position}")
            joint = f"{{{name}.matched_groups.joint_p:p}}" if position == 1 else ""
            rows.append(body(label, [*cells, numbers.cell(joint)], indent=1))
    titles = head(
        "Group", "Left out", "Events/n", numbers.cell(f"{horizon(study)} rate, % (CI)"),
        numbers.cell(f"HR ({CONFIDENCE})"), "P", "P of all groups",
    )  # fmt: skip
    rates = [
        f"{comparison.endpoint.name}.matched_groups.g{position}.rate"
        for comparison in groups.comparisons
        for position in range(1, len(groups.labels) + 1)
    ]
    referent = groups.labels[groups.referent]
    note = (
        f"HR: each group against {referent}, by one Cox model; its variance is {groups.variance}. "
        f"P of all groups: Wald's test under that variance.{beyond(study, numbers, rates)}"
    )
    for comparison in groups.comparisons:
        if comparison.verdict is not Verdict.CONVERGED:
            note += f" {comparison.endpoint.short} has no hazard ratios: {comparison.verdict.advice}"
    caption = "Outcomes of all groups in matched sets"
    return Table("matched_groups", caption, (titles,), tuple(rows), (numbers.parts(note),))


def _figures(study: Study, numbers: Numbers, groups: MatchedGroups) -> Iterable[Figure]:
    assert groups.matching is not None
    assert study.design.groups is not None
    panels = [
        survival_panel(
            study,
            comparison.endpoint.short,
            comparison.endpoint.label,
            comparison.arms,
            (numbers.text(f"Robust Wald {{{comparison.endpoint.name}.matched_groups.joint_p:p_equation}}"),),
            groups.matching.is_weighted,
        )
        for comparison in groups.comparisons
    ]
    caption = f"Survival by {phrase(study.design.groups.label)} in matched sets"
    yield from survival_figures(study, "curves_matched_groups", caption, panels)
