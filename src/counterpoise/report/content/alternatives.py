"""Further adjustments beside the main one, each with whose effect it estimates."""

from collections.abc import Iterable

from counterpoise.estimate import AlternativeAnalysis
from counterpoise.report.content.tables import (
    ADJUSTMENTS,
    CONFIDENCE,
    body,
    group,
    head,
    horizon,
    known,
    ratio_cells,
    text,
    with_interval,
)
from counterpoise.report.document import Block, Cell, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

WHOSE = {
    "ATE": "everyone",
    "ATT": "the treated",
    "ATC": "the controls",
    "ATO": "patients who might have had either treatment (overlap)",
    "ATM": "patients who could be matched",
    "ATEN": "patients of uncertain treatment (entropy)",
}


def alternatives_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set every adjustment that the plan asks for side by side."""
    analyses = study.analyses.alternatives
    if not analyses:
        return
    yield Heading(1, "Other adjustments of the same comparison", "alternatives")
    estimands = dict.fromkeys(item.adjustment.options.estimand for item in analyses)
    whose = "; ".join(f"{name}: {WHOSE[name]}" for name in estimands)
    yield Paragraph(
        (
            f"Each adjustment answers for its own patients ({whose}), so that effects may differ without any of them "
            "being wrong. Every interval here knows that the score was estimated.",
        )
    )
    yield _adjustment_table(study, numbers)
    yield _effect_table(study, numbers)


def _adjustment_table(study: Study, numbers: Numbers) -> Table:
    control, treated = study.design.treatment.labels
    rows: list[Row] = []
    for item in study.analyses.alternatives:
        place = f"alternatives.{item.name}"
        cells = [text(item.adjustment.options.estimand), numbers.cell(f"{{{place}.n:count}}")]
        keys = (("treated.effective", "number1"), ("control.effective", "number1"), ("largest", "number3"),
                ("heaviest", "number1"))  # fmt: skip
        cells += [_cell(numbers, f"{place}.{key}", style) for key, style in keys]
        rows.append(body(item.label, cells))
    titles = (
        head("", "", "", text("Effective n", 2), "", ""),
        head("Adjustment", "Estimand", "n", treated, control, "Largest |SMD|", "Largest weight / mean"),
    )
    notes = [numbers.parts(note) for item in study.analyses.alternatives if (note := _made(item))]
    caption = "What each adjustment makes of the cohort"
    return Table("alternatives", caption, titles, tuple(rows), tuple(notes))


def _cell(numbers: Numbers, key: str, style: str) -> Cell:
    return numbers.cell(f"{{{key}:{style}}}") if known(numbers, key) else text("–")


def _made(item: AlternativeAnalysis) -> str:
    """Say who was left out by an adjustment, or why there is none."""
    place, made = f"alternatives.{item.name}", item.adjustment
    if made.reason:
        return f"{item.label}: none ({made.reason})."
    parts: list[str] = []
    if sum(made.trimmed):
        parts.append(
            f"trimmed {{{place}.treated.trimmed:count}} treated and {{{place}.control.trimmed:count}} controls"
        )
    if item.left_out:
        parts.append(f"{{{place}.left_out:count}} lack a covariate")
    return f"{item.label}: {', '.join(parts)}." if parts else ""


def _effect_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    reasons: dict[str, list[str]] = {}
    for position, endpoint in enumerate(study.design.endpoints):
        rows.append(group(f"{endpoint.label} ({endpoint.short})", 6))
        for adjustment in ("unadjusted", "matched"):
            if study.analyses.was_compared(adjustment):
                contrast = study.analyses.contrast(endpoint.name, adjustment)
                place = f"{endpoint.name}.{adjustment}"
                cells = [text(contrast.estimand), *ratio_cells(numbers, f"{place}.hazard_ratio")]
                cells += [numbers.cell(with_interval(numbers, f"{place}.difference", "percent")), text("–")]
                rows.append(body(ADJUSTMENTS[adjustment], cells, indent=1))
        for item in study.analyses.alternatives:
            if item.effects:
                rows.append(_effect_row(item, numbers, f"alternatives.{item.name}.{endpoint.name}"))
                for reason in item.effects[position].reasons:
                    reasons.setdefault(reason, []).append(f"{item.label}, {endpoint.short}")
    at = horizon(study, before_noun=False)
    titles = head(
        "Adjustment",
        "Estimand",
        numbers.cell(f"HR ({CONFIDENCE})"),
        "P",
        numbers.cell(f"Difference of survival at {at} ({CONFIDENCE})"),
        numbers.cell(f"Difference of mean survival to {at}, months ({CONFIDENCE})"),
    )
    note = (
        "Treated less control. Weights: Cox models and Kaplan-Meier curves with the stacked variance. Doubly robust: "
        "augmented inverse probability weighting, which estimates curves and no hazard ratio. Unadjusted and matched: "
        "as in the table of adjusted outcomes. "
    )
    note += " ".join(f"Not estimated ({'; '.join(where)}): {reason}." for reason, where in reasons.items())
    caption = "The effect under each adjustment"
    return Table("alternative_effects", caption, (titles,), tuple(rows), (numbers.parts(note.strip()),))


def _effect_row(item: AlternativeAnalysis, numbers: Numbers, place: str) -> Row:
    ratio = f"{place}.hazard_ratio"
    ratios = ratio_cells(numbers, ratio) if ratio in numbers and known(numbers, ratio) else (text("–"), text("–"))
    differences = [
        numbers.cell(with_interval(numbers, f"{place}.{key}", style)) if known(numbers, f"{place}.{key}") else text("–")
        for key, style in (("difference", "percent"), ("mean_difference", "number1"))
    ]
    return body(item.label, [text(item.adjustment.options.estimand), *ratios, *differences], indent=1)
