"""The score, the weights, the pairs, and the balance that they reach."""

from collections.abc import Iterable

import numpy as np

from counterpoise.balance import Weighting
from counterpoise.estimate import Adjustments
from counterpoise.report.content.matching import (
    matching_figures,
    matching_sentences,
    stability_blocks,
    unmatched_table,
)
from counterpoise.report.content.tables import (
    ADJUSTMENTS,
    KEYS,
    body,
    head,
    is_share,
    text,
)
from counterpoise.report.document import Block, Cell, Figure, Heading, Paragraph, Row, Table
from counterpoise.report.figures import (
    LoveFigure,
    LoveSeries,
    OverlapArm,
    OverlapFigure,
)
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study


def balance_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Show the score, the weights, the pairs, and what imbalance they leave."""
    adjustments = study.analyses.adjustments
    if adjustments is None:
        return
    yield Heading(1, "Propensity score and balance", "balance")
    control, treated = study.design.treatment.labels
    coefficients = "coefficient" if adjustments.score.x.shape[1] == 1 else "coefficients"
    text = (
        f"The score has {{score.coefficients:count}} {coefficients} beside the intercept and was fitted to "
        "{score.n:count} patients; its c-statistic is {score.c_statistic:number2}, which describes how differently "
        f"the arms were selected and is no measure of quality. {_overlap(study)}{_left_out(adjustments)}Weights "
        f"({', '.join(_kinds(adjustments.weighting))}) run from {{weights.minimum:number2}} to "
        "{weights.maximum:number2}, with effective sample sizes of {weights.control.effective:number1} in the arm "
        f"“{control}” and {{weights.treated.effective:number1}} in the arm “{treated}”. "
    )
    yield Paragraph(numbers.parts(text + matching_sentences(study)))
    yield _overlap_figure(study, numbers)
    yield from matching_figures(study, numbers)
    yield _balance_table(study, numbers)
    yield _love_figure(study)
    yield from unmatched_table(study, numbers)
    yield from stability_blocks(study, numbers)


def _overlap(study: Study) -> str:
    control, treated = study.design.treatment.labels
    return (
        f"The scores of {{score.treated.outside:count}} patients in the arm “{treated}” and of "
        f"{{score.control.outside:count}} in the arm “{control}” lie beyond those of the other arm; "
        "{score.treated.equipoise:percent} and {score.control.equipoise:percent} might have had either treatment "
        "(preference score from {settings.equipoise_lower:number1} to {settings.equipoise_upper:number1}). "
    )


def _left_out(adjustments: Adjustments) -> str:
    if not adjustments.left_out:
        return ""
    return (
        "Another {score.left_out:count} lack one of its covariates, and take no part in weighting, matching and the "
        "balance below. "
    )


def _kinds(weighting: Weighting) -> Iterable[str]:
    yield weighting.estimand
    if weighting.estimand == "ATE":
        yield "stabilised" if weighting.stabilised else "not stabilised"
    if weighting.truncation:
        yield "truncated"


def _overlap_figure(study: Study, numbers: Numbers) -> Figure:
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    treated, score = adjustments.score.treatment, adjustments.score.probability
    arms: list[OverlapArm] = []
    for label, key, members in zip(study.design.treatment.labels, KEYS, (~treated, treated), strict=True):
        details = (
            numbers.text(f"n = {{score.{key}:count}}"),
            numbers.text(f"effective n = {{weights.{key}.effective:number1}}"),
        )
        arms.append(OverlapArm(label, score[members], adjustments.weighting.weights[members], details))
    drawing = OverlapFigure(above=arms[1], below=arms[0])
    return Figure("overlap", "Propensity scores by arm", "Mirrored histograms of the propensity score.", drawing)


def _balance_table(study: Study, numbers: Numbers) -> Table:
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    balance = adjustments.balance
    shown = [a for a in ADJUSTMENTS if getattr(balance, a) is not None]
    rows = [
        body(name, [cell for a in shown for cell in _balance_cells(numbers, f"balance.{a}.c{index}", binary)])
        for index, (name, binary) in enumerate(zip(balance.names, is_share(study), strict=True), start=1)
    ]
    largest = [cell for a in shown for cell in (text(""), text(""), numbers.cell(f"{{balance.{a}.largest:number3}}"))]
    rows.append(Row((text("Largest absolute SMD"), *largest), "total"))
    labels = study.design.treatment.labels
    titles = (
        head("", *(text(ADJUSTMENTS[a], 3) for a in shown)),
        head("Covariate", *((*labels, "SMD") * len(shown))),
    )
    note = (
        "Percentages of flags and of levels, means of numbers. SMD: treated minus control, over the standard "
        f"deviation of the unadjusted sample ({balance.denominator}), the same in each column."
    )
    if balance.matched is not None:
        note += " In the matched patients an SMD has a standard error of about {balance.matched.c1.smd:std_error}."
    return Table(
        "balance", "Covariates before and after matching and weighting", titles, tuple(rows),
        (numbers.parts(note),),
    )  # fmt: skip


def _balance_cells(numbers: Numbers, place: str, binary: bool) -> tuple[Cell, Cell, Cell]:
    style = "percent" if binary else "number1"
    return (
        numbers.cell(f"{{{place}.control:{style}}}"),
        numbers.cell(f"{{{place}.treated:{style}}}"),
        numbers.cell(f"{{{place}.smd:number3}}"),
    )


def _love_figure(study: Study) -> Figure:
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    balance = adjustments.balance
    series = tuple(
        LoveSeries(label, np.abs(getattr(balance, name).smd))
        for name, label in ADJUSTMENTS.items()
        if getattr(balance, name) is not None
    )
    return Figure(
        "love", "Standardised differences before and after adjustment",
        "Love plot of absolute standardised mean differences.", LoveFigure(balance.names, series),
    )  # fmt: skip
