"""Outcomes unadjusted, matched and weighted, side by side."""

from collections.abc import Iterable

from counterpoise.estimate import FIXED_WEIGHT_ROBUST, MODEL_BASED, NAIVE, PAIR_ROBUST, STACKED
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.curves import contrast_figures
from counterpoise.report.content.tables import (
    ADJUSTMENTS,
    CONFIDENCE,
    KEYS,
    body,
    group,
    head,
    horizon,
    ratio_cells,
    text,
)
from counterpoise.report.document import Block, Heading, Row, Table
from counterpoise.report.numbers import Numbers, slug
from counterpoise.study import Study


def adjusted_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set the unadjusted, the matched and the weighted comparison side by side."""
    if study.analyses.adjustments is None:
        return
    yield Heading(1, "Adjusted outcomes", "adjusted")
    yield _outcome_table(study, numbers)
    yield _variance_table(study, numbers)
    label = phrase(study.design.treatment.label)
    yield from contrast_figures(study, numbers, "weighted", "curves_weighted", f"Weighted survival by {label}")
    yield from contrast_figures(
        study, numbers, "matched", "curves_matched", f"Survival by {label} in the matched pairs"
    )


def _outcome_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        rows.append(group(f"{endpoint.label} ({endpoint.short})", 8))
        for adjustment, label in ADJUSTMENTS.items():
            contrast = study.analyses.contrast(endpoint.name, adjustment)
            place = f"{endpoint.name}.{adjustment}"
            cells = [
                text(contrast.estimand),
                *(numbers.cell(f"{{{place}.{k}.events:count}}/{{{place}.{k}.n:count}}") for k in reversed(KEYS)),
                numbers.cell(f"{{{place}.treated.rate:share}} / {{{place}.control.rate:share}}"),
                *ratio_cells(numbers, f"{place}.hazard_ratio"),
                numbers.cell(f"{{{place}.curve_p:p}}"),
            ]
            rows.append(body(label, cells, indent=1))
    control, treated = study.design.treatment.labels
    titles = head(
        "Comparison", "Estimand", f"{treated}: events/n", f"{control}: events/n",
        numbers.cell(f"{horizon(study)} rate, {treated} / {control}, %"), numbers.cell(f"HR ({CONFIDENCE})"), "P",
        "P of curves",
    )  # fmt: skip
    notes = (
        (
            f"HR: {treated} against {control}. P of the hazard ratio is Wald's. Unadjusted: {MODEL_BASED} variance, "
            f"log-rank test of the curves. Matched: {PAIR_ROBUST}. Weighted: {FIXED_WEIGHT_ROBUST}; the test of the "
            "curves is the robust score test.",
        ),
    )
    return Table("outcomes", "Outcomes, unadjusted, matched and weighted", (titles,), tuple(rows), notes)


def _variance_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        place = f"{endpoint.name}.weighted.hazard_ratio"
        cells = [numbers.cell(f"{{{place}:ratio}}")]
        for key in (place, *(f"{place}.{name}" for name in (slug(STACKED), "bootstrap", slug(NAIVE)))):
            known = key in numbers
            cells += [
                numbers.cell(f"{{{key}:{style}}}") if known else text("–") for style in ("ratio_interval", "p_value")
            ]
        rows.append(body(endpoint.short, cells))
    titles = (
        head("", "", *(text(name, 2) for name in ("Robust", "Stacked", "Bootstrap", "Naive: not valid"))),
        head("Endpoint", "HR", *((numbers.cell(CONFIDENCE), "P") * 4)),
    )
    note = (
        "Robust: weights taken as fixed. Stacked: score, weights and Cox model as one system of estimating equations. "
        "Bootstrap: {settings.bootstrap_replicates:count} replicates with exponential weights, score and weights "
        "refitted in each; interval and P value from the standard deviation of the replicates. Naive: the weights "
        "taken for numbers of patients, printed only to compare with analyses that did so."
    )
    caption = "The weighted hazard ratio under four variances"
    return Table("variances", caption, titles, tuple(rows), (numbers.parts(note),))
