"""Outcomes unadjusted, matched and weighted, side by side."""

from collections.abc import Iterable

from counterpoise.estimate import FIXED_WEIGHT_ROBUST, MODEL_BASED, NAIVE, PAIR_ROBUST, STACKED
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.curves import contrast_figures
from counterpoise.report.content.tables import (
    ADJUSTMENTS,
    CONFIDENCE,
    KEYS,
    beyond,
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

VARIANCES = {
    "": "Robust: weights taken as fixed.",
    f".{slug(STACKED)}": "Stacked: score, weights and Cox model as one system of estimating equations.",
    ".bootstrap": "Bootstrap: {settings.bootstrap_replicates:count} replicates with exponential weights, score and "
    "weights refitted in each; interval and P value from the standard deviation of the replicates.",
    f".{slug(NAIVE)}": "Naive: the weights taken for numbers of patients, printed only to compare with analyses that "
    "did so.",
}
"""What follows the id of the weighted hazard ratio under each variance, and what a note says of it."""
NUMERALS = {2: "two", 3: "three", 4: "four"}


def adjusted_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set the unadjusted, the matched and the weighted comparison side by side."""
    if study.analyses.adjustments is None:
        return
    yield Heading(1, "Adjusted outcomes", "adjusted")
    yield _outcome_table(study, numbers)
    yield _variance_table(study, numbers)
    label = phrase(study.design.treatment.label)
    yield from contrast_figures(study, numbers, "weighted", "curves_weighted", f"Weighted survival by {label}")
    if study.analyses.adjustments.matching.n_pairs:
        yield from contrast_figures(
            study, numbers, "matched", "curves_matched", f"Survival by {label} in the matched pairs"
        )


def _outcome_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        rows.append(group(f"{endpoint.label} ({endpoint.short})", 8))
        for adjustment, label in ADJUSTMENTS.items():
            if not study.analyses.was_compared(adjustment):
                continue
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
    matched = f"Matched: {PAIR_ROBUST}. " if study.analyses.was_compared("matched") else ""
    note = (
        f"HR: {treated} against {control}. P of the hazard ratio is Wald's. Unadjusted: {MODEL_BASED} variance, "
        f"log-rank test of the curves. {matched}Weighted: {FIXED_WEIGHT_ROBUST}; the test of the curves is the robust "
        "score test."
    )
    rates = [f"{c.endpoint.name}.{c.adjustment}.{arm}.rate" for c in study.analyses.contrasts for arm in KEYS]
    note += beyond(study, numbers, rates)
    caption = "Outcomes, unadjusted, matched and weighted" if matched else "Outcomes, unadjusted and weighted"
    return Table("outcomes", caption, (titles,), tuple(rows), (numbers.parts(note),))


def _variance_table(study: Study, numbers: Numbers) -> Table:
    made = {name: note for name, note in VARIANCES.items() if _is_made(study, numbers, name)}
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        place = f"{endpoint.name}.weighted.hazard_ratio"
        cells = [numbers.cell(f"{{{place}:ratio}}")]
        for key in (f"{place}{name}" for name in made):
            there = key in numbers
            cells += [
                numbers.cell(f"{{{key}:{style}}}") if there else text("–") for style in ("ratio_interval", "p_value")
            ]
        rows.append(body(endpoint.short, cells))
    names = [note.partition(":")[0] for note in made.values()]
    names[-1] += ": not valid"
    titles = (
        head("", "", *(text(name, 2) for name in names)),
        head("Endpoint", "HR", *((numbers.cell(CONFIDENCE), "P") * len(made))),
    )
    caption = f"The weighted hazard ratio under {NUMERALS[len(made)]} variances"
    return Table("variances", caption, titles, tuple(rows), (numbers.parts(" ".join(made.values())),))


def _is_made(study: Study, numbers: Numbers, name: str) -> bool:
    return any(f"{endpoint.name}.weighted.hazard_ratio{name}" in numbers for endpoint in study.design.endpoints)
