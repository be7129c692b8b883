"""What changes with the definition of the endpoints: one table, and the methods behind it."""

from collections.abc import Iterable

from counterpoise.cohort import DefinitionOptions
from counterpoise.estimate import DefinitionEffect
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.tables import CONFIDENCE, beyond, body, group, head, horizon, ratio_cells, text
from counterpoise.report.document import Block, Bullets, Cell, Heading, Paragraph, Parts, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

MAIN = "As planned"
SMALLEST_SHOWN = 0.05
"""Years that are not printed as 0.0."""


def redefined_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set every endpoint under each definition beside that of the plan."""
    if not study.analyses.redefined:
        return
    yield Heading(1, "What changes with the definition", "definitions-compared")
    yield Paragraph(
        (
            "The endpoints were defined, and time was counted, in other ways too. Rates are of survival from the "
            "origin of each definition, and so answer different questions; hazard ratios compare the arms under one "
            "clock.",
        )
    )
    yield _table(study, numbers)


def definition_methods(study: Study) -> Iterable[Block]:
    """Say what each further definition is."""
    if study.analyses.redefined:
        yield Heading(2, "Other definitions of the endpoints", "methods-other-definitions")
        yield Bullets(tuple(_described(study, options) for options in study.plan.definitions))


def _described(study: Study, options: DefinitionOptions) -> Parts:
    columns = study.screened.columns
    named = {key: getattr(options, key) for key in ("origin", "entry")}
    labels = {key: phrase(columns[name].label or name).removeprefix("date of ") for key, name in named.items() if name}
    parts = [f"time was counted from {labels['origin']}"] if "origin" in labels else []
    if "entry" in labels:
        parts.append(f"delayed entry at {labels['entry']}: nobody was at risk before it")
    if options.landmark_months is not None:
        after = f" after {labels['origin']}" if "origin" in labels else ""
        parts.append(f"landmark at {options.landmark_months:g} months{after}: nobody was at risk before it")
    sentences = [
        item.times.definition
        for item in study.redefined
        if item.definition == options.name and item.source in options.endpoints
    ]
    first = f"{options.title}: {'; '.join(parts)}." if parts else f"{options.title}:"
    return (" ".join([first, *sentences]),)


def _table(study: Study, numbers: Numbers) -> Table:
    with_weights = study.analyses.adjustments is not None
    width = 10 if with_weights else 7
    rows: list[Row] = []
    changed = {effect.source for effect in study.analyses.redefined}
    for endpoint in study.design.endpoints:
        if endpoint.name not in changed:
            continue
        rows.append(group(f"{endpoint.label} ({endpoint.short})", width))
        rows.append(_planned(numbers, endpoint.name, with_weights))
        own = (effect for effect in study.analyses.redefined if effect.source == endpoint.name)
        rows += [_row(effect, endpoint.short, numbers, with_weights) for effect in own]
    ratio = numbers.cell(f"HR ({CONFIDENCE})")
    titles = (
        head("", "", "", "", text("Unadjusted", 3), *((text("Weighted", 3),) if with_weights else ())),
        head("Definition", "n", "Events", "Person-years", *(("Rates, %", ratio, "P") * (1 + with_weights))),
    )
    caption = "What changes with the definition of the endpoints"
    notes = tuple(numbers.parts(note) for note in _notes(study, numbers))
    return Table("definitions_compared", caption, titles, tuple(rows), notes)


def _planned(numbers: Numbers, name: str, with_weights: bool) -> Row:
    cells = [
        numbers.cell(f"{{{name}.all.n:count}}"),
        numbers.cell(f"{{{name}.all.events:count}}"),
        numbers.cell(f"{{definitions.main.{name}.person_years:number1}}"),
    ]
    for adjustment in ("unadjusted", "weighted")[: 1 + with_weights]:
        cells += _compared(numbers, f"{name}.{adjustment}")
    return body(MAIN, cells, indent=1)


def _row(effect: DefinitionEffect, short: str, numbers: Numbers, with_weights: bool) -> Row:
    place = f"definitions.{effect.endpoint.name}"
    cells = [numbers.cell(f"{{{place}.{key}:count}}") for key in ("n", "events")]
    change, sign = effect.person_years_change, "+" if effect.person_years_change > 0 else ""
    more = f" ({sign}{{{place}.person_years_change:number1}})" if abs(change) >= SMALLEST_SHOWN else ""
    cells.append(numbers.cell(f"{{{place}.person_years:number1}}{more}"))
    cells += _compared(numbers, f"{place}.unadjusted")
    if with_weights:
        cells += _compared(numbers, f"{place}.weighted") if effect.weighted else [text("–")] * 3
    label = effect.label if effect.endpoint.short == short else f"{effect.label}: {effect.endpoint.short}"
    return body(label, cells, indent=1)


def _compared(numbers: Numbers, place: str) -> list[Cell]:
    """Return the rates of the treated and of the control arm, the hazard ratio and its P value."""
    rates = numbers.cell(f"{{{place}.treated.rate:share}} / {{{place}.control.rate:share}}")
    return [rates, *ratio_cells(numbers, f"{place}.hazard_ratio")]


def _notes(study: Study, numbers: Numbers) -> Iterable[str]:
    control, treated = study.design.treatment.labels
    effects = study.analyses.redefined
    places = [f"definitions.{e.endpoint.name}.{c.adjustment}.{arm}.rate"
              for e in effects for c in e.contrasts for arm in ("control", "treated")]  # fmt: skip
    yield (
        f"Rates: {horizon(study)} survival, {treated} / {control}. Person-years: time at risk, in parentheses the "
        f"difference to the definition of the plan.{beyond(study, numbers, places)}"
    )
    dropped = [effect for effect in effects if effect.dropped]
    if dropped:
        counted = "; ".join(
            f"{effect.label}, {effect.endpoint.short}: {{definitions.{effect.endpoint.name}.dropped:count}}"
            for effect in dropped
        )
        again = " Score and weights were fitted to the others anew." if any(e.refitted for e in dropped) else ""
        yield f"Not under observation, since observation had ended before it began ({counted}).{again}"
    for effect in effects:
        if effect.reason:
            yield f"{effect.label}, {effect.endpoint.short}: no weights ({effect.reason})."
