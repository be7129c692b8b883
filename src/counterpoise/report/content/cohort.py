"""The sections on the patients: flow, baseline, doses, events, follow-up."""

from collections.abc import Iterable

from counterpoise.cohort import FIRST_SITES
from counterpoise.design import Endpoint
from counterpoise.estimate import BaselineRow, BaselineTable
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.tables import KEYS, beyond, body, head, horizon, known, text, with_interval
from counterpoise.report.document import Block, Cell, Figure, Heading, Paragraph, Parts, Row, Table
from counterpoise.report.figures import (
    FlowBox,
    FlowFigure,
    FlowStep,
)
from counterpoise.report.numbers import Numbers, column_keys
from counterpoise.study import Study

FISHER = "†"


def patients_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Say who was screened, who was included, and what they were like."""
    yield Heading(1, "Patients", "patients")
    yield Paragraph(
        numbers.parts(
            "Of {flow.screened:count} patients screened, {flow.excluded:count} were excluded and "
            "{flow.included:count} included; each excluded patient is counted at the first rule that excluded her "
            "or him."
            if study.flow.steps
            else "The plan has no eligibility rule: all {flow.included:count} patients of the table were included."
        )
    )
    yield _flow_figure(study, numbers)
    if study.flow.steps:
        yield _overlap_table(study, numbers)
    if study.analyses.baseline_groups and study.design.baseline:
        assert study.design.groups is not None
        yield _baseline(
            study.analyses.baseline_groups,
            numbers,
            "baseline_groups",
            f"Patients by {phrase(study.design.groups.label)}",
        )
    if study.design.baseline:
        caption = f"Patients by {phrase(study.design.treatment.label)}"
        yield _baseline(study.analyses.baseline, numbers, "baseline_arms", caption, "arms")
    if study.doses:
        yield _doses(study, numbers)


def _flow_figure(study: Study, numbers: Numbers) -> Figure:
    steps = tuple(
        FlowStep(
            step.name if step.kind == "drop" else f"Not met: {step.name}",
            numbers.text(f"{{flow.step{index}.excluded:count}}"),
        )
        for index, step in enumerate(study.flow.steps, start=1)
    )
    arms = tuple(
        FlowBox(label, numbers.text(f"{{flow.{key}:count}}"))
        for label, key in zip(study.design.treatment.labels, KEYS, strict=True)
    )
    drawing = FlowFigure(
        screened=FlowBox("Patients screened", numbers.text("{flow.screened:count}")),
        steps=steps,
        included=FlowBox("Patients included", numbers.text("{flow.included:count}")),
        arms=arms,
        excluded_label=numbers.text("Excluded (n = {flow.excluded:count})"),
    )
    alt = numbers.text("{flow.screened:count} patients screened, {flow.included:count} included.")
    return Figure("flow", "Flow of patients", alt, drawing)


def _overlap_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for index, step in enumerate(study.flow.steps, start=1):
        others = [
            f"{{flow.overlap.{index}.{other}:count}} also {study.flow.steps[other - 1].name}"
            for other in range(1, len(study.flow.steps) + 1)
            if other != index and study.flow.overlap[index - 1, other - 1]
        ]
        cells = [
            text(f"{step.kind} if {step.rule}"),
            *(numbers.cell(f"{{flow.step{index}.{key}:count}}") for key in ("failing", "excluded", "remaining")),
            numbers.cell("; ".join(others)) if others else text(""),
        ]
        rows.append(body(step.name, cells))
    return Table(
        "eligibility",
        "Eligibility rules in the order of their use",
        (head("Rule", "As written in the plan", "Failing", "Excluded here", "Remaining", "Overlap"),),
        tuple(rows),
        (("Failing: patients who fail the rule, whatever the order. Overlap: of those, who fail another rule too.",),),
        ("left", "left", "center", "center", "center", "left"),
    )


def _baseline(table: BaselineTable, numbers: Numbers, name: str, caption: str, place: str = "groups") -> Table:
    prefix, keys = f"baseline.{place}", column_keys(table)
    titles = [
        numbers.cell(f"{label} (n\u00a0=\u00a0{{{prefix}.{key}.n:count}})")
        for label, key in zip(table.groups, keys, strict=True)
    ]
    rows = [row for item in table.rows for row in _baseline_rows(item, numbers, prefix, keys)]
    return Table(name, caption, (head("Characteristic", *titles, "P"),), tuple(rows), tuple(_baseline_notes(table)))


def _baseline_notes(table: BaselineTable) -> Iterable[Parts]:
    """Name the tests that were made, and what the cells hold."""
    exact = [row.test for row in table.rows if "Fisher" in row.test]
    tests = sorted({row.test for row in table.rows if row.test} - set(exact))
    named = [f"P values by {' and '.join(tests)}"] if tests else []
    if exact:
        sampled = " (or by sampling, where the tables are too many)" if any("Monte" in test for test in exact) else ""
        named.append(f"{FISHER} by Fisher's exact test{sampled}, an expected count being below 5")
    if named:
        yield (f"{'; '.join(named)}. Missing values take no part in tests or percentages.",)
    yield ("Numbers are mean (SD) and median (range); counts are No. (%).",)


def _baseline_rows(item: BaselineRow, numbers: Numbers, prefix: str, keys: tuple[str, ...]) -> Iterable[Row]:
    place = f"{prefix}.{item.covariate.name}"
    p_value = numbers.cell(f"{{{place}.p:p}}{FISHER if 'Fisher' in item.test else ''}")
    blank = [text("")] * len(keys)
    if item.covariate.is_numeric:
        middle = [numbers.cell(_mean_and_sd(numbers, f"{place}.{k}")) for k in keys]
        spread = [numbers.cell(_median_and_range(item, numbers, f"{place}.{k}")) for k in keys]
        yield body(item.covariate.full_label, [*blank, p_value])
        yield body("Mean (SD)", [*middle, text("")], indent=1)
        yield body("Median (range)", [*spread, text("")], indent=1)
    elif item.covariate.kind == "flag":
        yield body(item.covariate.label, [*(_count(numbers, f"{place}.l1.{k}") for k in keys), p_value])
    else:
        yield body(item.covariate.label, [*blank, p_value])
        for level, label in enumerate(item.covariate.levels):
            yield body(label, [*(_count(numbers, f"{place}.l{level}.{k}") for k in keys), text("")], indent=1)
    if item.missing.any():
        yield body("Missing", [*(numbers.cell(f"{{{place}.{k}.missing:count}}") for k in keys), text("")], indent=1)


def _mean_and_sd(numbers: Numbers, place: str) -> str:
    """Return the template of a mean and its standard deviation; of a dash where no value is known."""
    mean = f"{{{place}.mean:number1}}"
    return f"{mean} ({{{place}.sd:number1}})" if known(numbers, f"{place}.mean") else mean


def _median_and_range(item: BaselineRow, numbers: Numbers, place: str) -> str:
    """Return the template of a median and its range; whole numbers are whole unless the median falls between two."""
    if not known(numbers, f"{place}.median"):
        return f"{{{place}.median:number1}}"
    digits = "0" if item.covariate.kind == "integer" else "1"
    between = digits == "0" and numbers[f"{place}.median"].value % 1 != 0
    limits = (f"{{{place}.{key}:number{digits}}}" for key in ("minimum", "maximum"))
    return f"{{{place}.median:number{1 if between else digits}}} ({_range(numbers, place).join(limits)})"


def _range(numbers: Numbers, place: str) -> str:
    """Return what stands between the ends of a range: a dash, unless it could be read as a minus."""
    return " to " if numbers[f"{place}.minimum"].value < 0 else "–"


def _count(numbers: Numbers, place: str) -> Cell:
    count = f"{{{place}.count:count}}"
    return numbers.cell(f"{count} ({{{place}.percent:share}})" if known(numbers, f"{place}.percent") else "–")


def _doses(study: Study, numbers: Numbers) -> Table:
    rows = [
        body(
            dose.covariate.full_label,
            [
                numbers.cell(f"{{dose.{dose.covariate.name}.n:count}}"),
                numbers.cell(f"{{dose.{dose.covariate.name}.median:number1}}"),
                numbers.cell(
                    f"{{dose.{dose.covariate.name}.minimum:number1}}–{{dose.{dose.covariate.name}.maximum:number1}}"
                    if dose.known
                    else "–"
                ),
            ],
        )
        for dose in study.doses
    ]
    return Table("doses", "Doses", (head("Dose", "Patients", "Median", "Range"),), tuple(rows))


def events_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Report events, survival of the whole cohort, and the length of follow-up."""
    yield Heading(1, "Events and follow-up", "events")
    reached = known(numbers, "follow_up.reverse")
    yield Paragraph(
        numbers.parts(
            f"The median follow-up was {{follow_up.reverse:median}}{' months' if reached else ''} (reverse "
            "Kaplan-Meier; {settings.confidence:level} CI {follow_up.reverse:median_interval}); the plain median of "
            "the observed times was {follow_up.observed:number1} months (range {follow_up.minimum:number1} to "
            "{follow_up.maximum:number1}). The patients were observed for {follow_up.person_years:number0} "
            "patient-years in all."
        )
    )
    rows = tuple(_event_row(numbers, endpoint) for endpoint in study.design.endpoints)
    labels = study.design.treatment.labels
    titles = head(
        "Endpoint",
        "All: events/n (%)",
        f"{labels[0]}: events/n (%)",
        f"{labels[1]}: events/n (%)",
        numbers.cell(f"{horizon(study)} rate, % (CI)"),
        "At risk",
        "Median, months (CI)",
    )
    note = f"Intervals are {study.plan.curves.interval} at " + "{settings.confidence:level}."
    note += beyond(study, numbers, [f"{endpoint.name}.overall.rate" for endpoint in study.design.endpoints])
    yield Table("events", "Events and survival of all patients", (titles,), rows, (numbers.parts(note),))
    if "first_site.all.s0" in numbers and numbers["first_site.all.s0"].value < len(study.design.ids):
        yield _first_sites(study, numbers)


def _first_sites(study: Study, numbers: Numbers) -> Table:
    """Tabulate where the disease came back first, leaving out kinds that nobody had."""
    labels = study.design.treatment.labels
    rows = tuple(
        body(label, [numbers.cell(f"{{first_site.{key}.s{index}:count}}") for key in ("all", *KEYS)])
        for index, label in (*enumerate(FIRST_SITES[1:], start=1), (0, FIRST_SITES[0]))
        if numbers[f"first_site.all.s{index}"].value
    )
    note = (
        "Patients. Sites of recurrence within {settings.simultaneous_days:count} days of the first are told together; "
        "later ones are not counted."
    )
    titles = head("First site of recurrence", "All", *labels)
    return Table("first-sites", "Where the disease came back first", (titles,), rows, (numbers.parts(note),))


def _event_row(numbers: Numbers, endpoint: Endpoint) -> Row:
    place = endpoint.name
    counts = [
        f"{{{place}.{key}.events:count}}/{{{place}.{key}.n:count}} ({{{place}.{key}.event_share:share}})"
        for key in ("all", *KEYS)
    ]
    rate = with_interval(numbers, f"{place}.overall.rate", "share")
    median = f"{{{place}.overall.median:median}} ({{{place}.overall.median:median_interval}})"
    templates = (*counts, rate, f"{{{place}.overall.at_risk:count}}", median)
    return body(f"{endpoint.label} ({endpoint.short})", [numbers.cell(template) for template in templates])
