"""Cox models: one variable at a time beside all together."""

from collections.abc import Iterable

from counterpoise.estimate import HazardTable
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.tables import (
    CONFIDENCE,
    body,
    head,
    ratio_cells,
    text,
)
from counterpoise.report.document import Block, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study


def cox_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Tabulate univariable beside multivariable Cox models, one table an endpoint."""
    yield Heading(1, "Cox models", "cox")
    yield Paragraph((_what_enters(study),))
    for table in study.analyses.hazards:
        yield _cox_table(table, numbers)


def _what_enters(study: Study) -> str:
    if not study.design.cox.covariates:
        return "The plan names no covariates, so the multivariable models hold the treatment alone."
    text = "Every covariate of the plan enters, and none was dropped for its P value. Multivariable hazard ratios are "
    text += "conditional on the other covariates"
    if study.analyses.adjustments is None:
        return f"{text}."
    return (
        f"{text}, so they estimate something else than the marginal hazard ratios of the weighted and the matched "
        "comparison."
    )


def _cox_table(table: HazardTable, numbers: Numbers) -> Table:
    name = table.endpoint.name
    rows: list[Row] = []
    for alone in table.univariable:
        item = alone.terms.covariates[0]
        places = (f"{name}.univariable.{item.name}.{item.name}", f"{name}.multivariable.{item.name}")
        if item.kind != "category":
            label = item.full_label if item.is_numeric else item.label
            rows.append(body(label, [cell for place in places for cell in ratio_cells(numbers, f"{place}.hr1")]))
            continue
        joint = [cell for place in places for cell in (text(""), numbers.cell(f"{{{place}.p:p}}"))]
        rows.append(body(item.label, joint))
        rows.append(body(f"{item.levels[0]} (reference)", [text("1"), text(""), text("1"), text("")], indent=1))
        for level, label in enumerate(item.levels[1:], start=1):
            cells = [cell for place in places for cell in ratio_cells(numbers, f"{place}.hr{level}")]
            rows.append(body(label, cells, indent=1))
    titles = head(
        "Covariate", numbers.cell(f"Univariable HR ({CONFIDENCE})"), "P",
        numbers.cell(f"Multivariable HR ({CONFIDENCE})"), "P",
    )  # fmt: skip
    place = f"{name}.multivariable"
    note = (
        f"Multivariable model: {{{place}.n:count}} patients, {{{place}.events:count}} events. P values are Wald's; in "
        "the row of a category, of all its levels together. Numbers are per unit."
    )
    if any(alone.missing for alone in table.univariable):
        note += " Each univariable model holds the patients whose covariate is known."
    if f"{place}.proportional" in numbers:
        note += f" Global test of proportional hazards: {{{place}.proportional:p_equation}}."
    return Table(
        f"cox_{name}", f"Cox models of {phrase(table.endpoint.label)}", (titles,), tuple(rows), (numbers.parts(note),)
    )
