"""Survival curves: by arm, by group, weighted and matched."""

from collections.abc import Iterable, Sequence

import numpy as np

from counterpoise.estimate import ArmCurve
from counterpoise.oncology.definition import phrase
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
from counterpoise.report.document import Block, Figure, Heading, Row, Table
from counterpoise.report.figures import (
    SurvivalFigure,
    SurvivalLine,
    SurvivalPanel,
)
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

PANELS = 4
MOST_BANDS = 4
LEFT_AT_RISK = 1 / 7
"""Share of the patients at risk below which a curve is not drawn (Pocock et al., Lancet 2002;359:1686-1689)."""
WEIGHTED = "Weighted number at risk"
SCALED = (
    "Weighted numbers at risk are scaled to the size of the arm, so that none stands for more patients than there are."
)
CUT = "Curves are drawn while one patient in seven is at risk; hazard ratios and tests use all of the follow-up."


def curves_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Draw the curves by arm and by group, with the tests that belong to them."""
    yield Heading(1, "Survival", "survival")
    label = phrase(study.design.treatment.label)
    yield from contrast_figures(study, numbers, "unadjusted", "curves", f"Survival by {label}, unadjusted")
    if not study.analyses.by_groups:
        return
    assert study.design.groups is not None
    caption = f"Survival by {phrase(study.design.groups.label)}, unadjusted"
    panels = [
        survival_panel(
            study,
            c.endpoint.short,
            c.endpoint.label,
            c.arms,
            (numbers.text(f"Log-rank {{{c.endpoint.name}.groups.log_rank:p_value_equation}}"),),
        )
        for c in study.analyses.by_groups
    ]
    yield from survival_figures(study, "curves_groups", caption, panels)
    yield _group_table(study, numbers)


def contrast_figures(study: Study, numbers: Numbers, adjustment: str, name: str, caption: str) -> Iterable[Figure]:
    """Draw the two arms of every endpoint under one adjustment, with hazard ratio and test in each panel."""
    panels: list[SurvivalPanel] = []
    for endpoint in study.design.endpoints:
        contrast = study.analyses.contrast(endpoint.name, adjustment)
        place = f"{endpoint.name}.{adjustment}"
        ratio = f"HR {{{place}.hazard_ratio:ratio}} ({CONFIDENCE} {{{place}.hazard_ratio:ratio_interval}})"
        lines = (
            numbers.text(ratio if known(numbers, f"{place}.hazard_ratio") else "HR not estimable"),
            f"{_test_name(contrast.curve_test)} " + numbers.text(f"{{{place}.curve_p:p_equation}}"),
        )
        weighted = adjustment == "weighted" or (adjustment == "matched" and _is_weighted(study))
        panels.append(survival_panel(study, endpoint.short, endpoint.label, contrast.arms, lines, weighted))
    yield from survival_figures(study, name, caption, panels)


def _is_weighted(study: Study) -> bool:
    """Return whether the matched patients count differently."""
    return study.analyses.adjustments is not None and study.analyses.adjustments.matching.is_weighted


def _test_name(test: str) -> str:
    short = test.split(",")[0].removesuffix(" test")
    return short[:1].upper() + short[1:]


def survival_figures(study: Study, name: str, caption: str, panels: Sequence[SurvivalPanel]) -> Iterable[Figure]:
    """Put up to four panels on a figure, and say where curves end before the follow-up does."""
    cut = any(endpoint.time.max() > panels[0].ticks[-1] for endpoint in study.design.endpoints)
    scaled = any(panel.at_risk_title == WEIGHTED for panel in panels)
    notes = tuple((note,) for note, holds in ((SCALED, scaled), (CUT, cut)) if holds)
    for start in range(0, len(panels), PANELS):
        part = tuple(panels[start : start + PANELS])
        suffix = f"_{start // PANELS + 1}" if start else ""
        alt = f"Kaplan-Meier curves of {', '.join(panel.title for panel in part)}."
        yield Figure(f"{name}{suffix}", caption, alt, SurvivalFigure(part), notes)


def survival_panel(
    study: Study, short: str, label: str, arms: Sequence[ArmCurve], annotation: tuple[str, ...], weighted: bool = False
) -> SurvivalPanel:
    """Return the curves of one endpoint; `weighted` says that numbers at risk are."""
    ticks = _ticks(study)
    return SurvivalPanel(
        title=label,
        curves=tuple(_line(arm, ticks, arm.size / arm.weight) for arm in arms),
        ticks=ticks,
        x_label="Months",
        y_label=f"{short} (%)",
        annotation=annotation,
        at_risk_title=WEIGHTED if weighted else "Number at risk",
        bands=len(arms) <= MOST_BANDS,
    )


def _ticks(study: Study) -> tuple[float, ...]:
    """Place ticks every year (or every two or more years when follow-up is long) while enough are at risk.

    The horizon is shown wherever follow-up reaches it.
    """
    times = [endpoint.time for endpoint in study.design.endpoints]
    longest = max(float(time.max()) for time in times)
    enough = max(float(np.quantile(time, 1 - LEFT_AT_RISK, method="inverted_cdf")) for time in times)
    last = min(longest, max(enough, study.plan.study.horizon_months))
    step = 12 * max(1, round(last / 12 / 7))
    return tuple(float(month) for month in range(0, int(last // step) * step + 1, step))


def _line(arm: ArmCurve, ticks: Sequence[float], scale: float) -> SurvivalLine:
    """Take one curve; weighted numbers at risk are scaled to the arm's size, so that none counts patients twice."""
    curve = arm.curve
    return SurvivalLine(
        label=arm.label,
        time=curve.time,
        survival=curve.survival,
        lower=curve.lower,
        upper=curve.upper,
        censor_times=curve.time[curve.censored > 0],
        at_risk=tuple(f"{scale * value:.0f}" for value in arm.under_observation(ticks)),
    )


def _group_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for comparison in study.analyses.by_groups:
        name = comparison.endpoint.name
        rows.append(group(f"{comparison.endpoint.label} ({comparison.endpoint.short})", 8))
        for position, arm in enumerate(comparison.arms, start=1):
            place = f"{name}.groups.g{position}"
            cells = [
                numbers.cell(f"{{{place}.events:count}}/{{{place}.n:count}}"),
                numbers.cell(with_interval(numbers, f"{place}.rate", "share")),
            ]
            if position == 1:
                cells += [text("1 (reference)"), text(""), text("1 (reference)"), text("")]
            else:
                for kind in ("univariable", "multivariable"):
                    cells += ratio_cells(numbers, f"{name}.groups.{kind}.groups.hr{position - 1}")
            test = f"{{{name}.groups.log_rank:p_value}}" if position == 1 else ""
            rows.append(body(arm.label, [*cells, numbers.cell(test)], indent=1))
    titles = head(
        "Group", "Events/n", numbers.cell(f"{horizon(study)} rate, % (CI)"),
        numbers.cell(f"Univariable HR ({CONFIDENCE})"), "P",
        numbers.cell(f"Multivariable HR ({CONFIDENCE})"), "P", "Log-rank P",
    )  # fmt: skip
    assert study.design.groups is not None
    return Table(
        "groups",
        f"Survival by {phrase(study.design.groups.label)}",
        (titles,),
        tuple(rows),
        (numbers.parts(_group_note(study, numbers)),),
    )


def _group_note(study: Study, numbers: Numbers) -> str:
    """Say what the multivariable models hold, and why a rate is missing."""
    covariates = ", ".join(phrase(item.label) for item in study.design.cox_groups.covariates)
    note = f"Multivariable models hold, beside the groups: {covariates or 'nothing, as the plan names no covariates'}."
    first = study.analyses.group_hazards[0].multivariable
    if first.missing:
        note += f" They hold the {{{first.endpoint.name}.groups.multivariable.n:count}} patients with all of these."
    rates = [
        f"{comparison.endpoint.name}.groups.g{position}.rate"
        for comparison in study.analyses.by_groups
        for position in range(1, len(comparison.arms) + 1)
    ]
    return note + beyond(study, numbers, rates)
