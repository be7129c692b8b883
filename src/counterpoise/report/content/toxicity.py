"""The section on toxicity: grades by organ, how the arms differ, and events with a date."""

import math
from collections.abc import Iterable

import numpy as np

from counterpoise.oncology.definition import phrase
from counterpoise.report.content.tables import CONFIDENCE, KEYS, body, group, head, known, text
from counterpoise.report.document import Block, Figure, Heading, Row, Table
from counterpoise.report.figures import ToxicityBar, ToxicityFigure, ToxicityOrgan, ToxicityPanel
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

UNCHECKED = "‡"
THRESHOLDS = ("any", "grade2", "grade3")


def toxicity_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Tabulate the worst grade per patient, organ and phase."""
    if study.plan.toxicity is None:
        return
    scale = study.plan.toxicity.scale
    yield Heading(1, "Toxicity", "toxicity")
    grades = ("grade0", "grade1", "grade2", "grade3_or_more")
    rows: list[Row] = []
    for index, item in enumerate(study.toxicity, start=1):
        if index == 1 or study.toxicity[index - 2].phase != item.phase:
            rows.append(group(item.phase.capitalize(), 2 * len(grades) + 3))
        cells = [
            numbers.cell(
                f"{{toxicity.r{index}.{key}.{grade}:count}} ({{toxicity.r{index}.{key}.{grade}.percent:share}})"
            )
            for key in KEYS
            for grade in grades
        ]
        tests = [numbers.cell(f"{{toxicity.r{index}.{test}:p}}") for test in ("p_any", "p_grade2")]
        rows.append(body(item.organ, [*cells, *tests], indent=1))
    rows.extend(_adverse_event_rows(study, numbers, len(grades)))
    labels = study.design.treatment.labels
    titles = (
        head("", text(labels[0], 4), text(labels[1], 4), text("P", 2)),
        head("Organ", *(("G0", "G1", "G2", "≥G3") * 2), "≥G1", "≥G2"),
    )
    notes = ((f"{scale}: the worst grade per patient; No. (% of the patients assessed). P by Fisher's exact test.",),)
    if rows:
        yield Table("toxicity_grades", f"Toxicity by grade ({scale})", titles, tuple(rows), notes)
    if study.toxicity:
        yield _toxicity_figure(study, numbers)
        yield _differences(study, numbers)
    if study.dated_toxicity:
        yield _incidence(study, numbers)
    yield from _definitions(study)


def _adverse_event_rows(study: Study, numbers: Numbers, width: int) -> Iterable[Row]:
    """List the events without a grade: one count an arm, over the columns of its grades."""
    if study.adverse_events:
        yield group("Events without a grade", 2 * width + 3)
    for index, event in enumerate(study.adverse_events, start=1):
        place = f"toxicity.e{index}"
        cells = [numbers.cell(f"{{{place}.{k}.count:count}} ({{{place}.{k}.percent:share}})", span=width) for k in KEYS]
        yield body(event.label, [*cells, numbers.cell(f"{{{place}.p:p}}"), text("")], indent=1)


def _toxicity_figure(study: Study, numbers: Numbers) -> Figure:
    names = ("grade1", "grade2", "grade3_or_more")
    panels: list[ToxicityPanel] = []
    for phase in dict.fromkeys(item.phase for item in study.toxicity):
        organs = tuple(
            ToxicityOrgan(item.organ, tuple(_toxicity_bar(study, numbers, index, arm, names) for arm in (0, 1)))
            for index, item in enumerate(study.toxicity, start=1)
            if item.phase == phase
        )
        panels.append(ToxicityPanel(phase.capitalize(), organs))
    drawing = ToxicityFigure(tuple(panels), ("Grade 1", "Grade 2", "Grade 3 or more"))
    return Figure("toxicity", "Worst toxicity by organ, phase and arm", "Stacked bars of toxicity by grade.", drawing)


def _toxicity_bar(study: Study, numbers: Numbers, index: int, arm: int, grades: tuple[str, ...]) -> ToxicityBar:
    place = f"toxicity.r{index}.{KEYS[arm]}"
    percent = [100 * numbers[f"{place}.{grade}.percent"].value for grade in grades]
    labels = tuple(numbers.text(f"{{{place}.{grade}:count}}") for grade in grades)
    return ToxicityBar(study.design.treatment.labels[arm], np.array(percent), labels)


def _differences(study: Study, numbers: Numbers) -> Table:
    """Set the arms side by side at each threshold, with the patients who were assessed."""
    rows: list[Row] = []
    for index, item in enumerate(study.toxicity, start=1):
        place = f"toxicity.r{index}"
        if index == 1 or study.toxicity[index - 2].phase != item.phase:
            rows.append(group(item.phase.capitalize(), 7))
        assessed = [numbers.cell(f"{{{place}.{key}.assessed:count}}/{{flow.{key}:count}}") for key in KEYS]
        differences = [numbers.cell(_points(numbers, f"{place}.{name}.difference")) for name in THRESHOLDS]
        rows.append(body(item.organ, [*assessed, *differences, numbers.cell(f"{{{place}.p_grade3:p}}")], indent=1))
    control, treated = study.design.treatment.labels
    titles = (
        head("", text("Assessed", 2), numbers.cell(f"Difference, % ({CONFIDENCE})", span=3), text("P")),
        head("Organ", control, treated, "≥G1", "≥G2", "≥G3", "≥G3"),
    )
    note = (
        "Assessed: patients with a grade, of all of the arm. Difference: share of the patients assessed in the arm "
        f"{treated} less that in the arm {control}; Newcombe's interval. P by Fisher's exact test."
    )
    return Table("toxicity_differences", "Difference between the arms in toxicity", titles, tuple(rows), ((note,),))


def _incidence(study: Study, numbers: Numbers) -> Table:
    """Tell the cumulative incidence of each adverse event with a date, by arm."""
    rows: list[Row] = []
    for index, event in enumerate(study.dated_toxicity, start=1):
        place = f"toxicity.d{index}"
        cells = [
            numbers.cell(template)
            for key in KEYS
            for template in (
                f"{{{place}.{key}.events:count}}/{{{place}.{key}.n:count}}",
                f"{{{place}.{key}.competing:count}}",
                _points(numbers, f"{place}.{key}.incidence"),
            )
        ]
        difference = numbers.cell(_points(numbers, f"{place}.difference"))
        rows.append(body(event.label, [*cells, difference, numbers.cell(f"{{{place}.gray:p_value}}")]))
    control, treated = study.design.treatment.labels
    at = (
        "{settings.toxicity_horizon:number0}"
        if study.dated_toxicity[0].horizon % 1 == 0
        else "{settings.toxicity_horizon:number1}"
    )
    arm = ("Events/n", "Competing", "Incidence, % (CI)")
    titles = (
        head("", text(control, 3), text(treated, 3), "Difference", "P"),
        head("Event", *arm, *arm, "% (CI)", "Gray"),
    )
    first = study.toxic_events[0]
    note = (
        f"Cumulative incidence at {at} months from {phrase(first.origin)} (Aalen-Johansen); "
        f"{' and '.join(first.competing)} {'compete' if len(first.competing) > 1 else 'competes'} with the event. "
        f"Intervals are {study.plan.curves.interval}, of the difference plain, at {{settings.confidence:level}}; "
        "where nobody had the event there is none. P by Gray's test."
    )
    caption = "Cumulative incidence of toxic events"
    return Table("toxicity_incidence", caption, titles, tuple(rows), (numbers.parts(note),))


def _definitions(study: Study) -> Iterable[Table]:
    """Print what the grades of the organs tabulated mean, where the scale's file says."""
    options = study.plan.toxicity
    assert options is not None
    scale = study.rules.scale(options.scale, options.edition)
    rows: list[Row] = []
    is_checked = True
    for phase in dict.fromkeys(item.phase for item in study.toxicity):
        organs = [item.organ for item in study.toxicity if item.phase == phase]
        found = {organ: item for organ in organs if (item := scale.item(organ, phase))}
        rows += [group(phase.capitalize(), 5)] if found else []
        for organ, item in found.items():
            is_checked &= bool(item.verified)
            cells = [text(item.grades.get(grade, "–")) for grade in ("1", "2", "3", "4")]
            rows.append(body(organ if item.verified else f"{organ}\u00a0{UNCHECKED}", cells, indent=1))
    if not rows:
        return
    note = f"Abridged from {scale.source}. Grade 0 is none; where a dash stands, there is no such grade."
    if not is_checked:
        note += f" {UNCHECKED}\u00a0Words not checked against the source."
    titles = (head("Organ", *(f"Grade {grade}" for grade in ("1", "2", "3", "4"))),)
    yield Table(
        "toxicity_definitions",
        f"What the grades mean ({options.scale})",
        titles,
        tuple(rows),
        ((note,),),
        ("left", "left", "left", "left", "left"),
    )


def _points(numbers: Numbers, key: str) -> str:
    """Return the template of a share with its interval, without one where there is none."""
    entry = numbers[key]
    has_limits = entry.lower is not None and not math.isnan(entry.lower)
    return f"{{{key}:share}} ({{{key}:share_interval}})" if known(numbers, key) and has_limits else f"{{{key}:share}}"
