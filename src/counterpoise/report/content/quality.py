"""The section on the quality of the data."""

from collections.abc import Iterable

from counterpoise.oncology.answers import QueryList
from counterpoise.oncology.quality_check import Check
from counterpoise.oncology.records import ROLES
from counterpoise.report.document import Block, Cell, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

_HEADER = ("Check", "Severity", "Queries", "Open", "Closed", "Patients")
_WANTED = 6


def quality_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Say what was checked, what was found, and what is still open."""
    found = study.queries
    if found is None:
        return
    yield Heading(1, "Data quality", "quality")
    text = (
        "The records of everyone screened were checked before the analysis, which changed none of them: "
        "{quality.run:count} checks were run and raised {quality.queries:count} queries about "
        "{quality.patients:count} patients, {quality.errors:count} of them for contradictions (errors); "
        "{quality.open:count} are open."
    )
    yield Paragraph(numbers.parts(text + _not_run(found)))
    raised = list(dict.fromkeys(query.check for query in found.quality.queries))
    if raised:
        yield Table(
            name="quality",
            caption="Queries about the records by check",
            header=(Row(tuple(Cell((word,)) for word in _HEADER)),),
            rows=tuple(_row(name, found.quality.checks[name], numbers) for name in raised),
            notes=(("Each query, with values and question, stands in queries.xlsx beside this report.",),),
        )
    for remark in found.remarks:
        yield Paragraph((f"Answer not used: {remark}.",))


def _row(name: str, check: Check, numbers: Numbers) -> Row:
    counts = (numbers.cell(f"{{quality.{name}.{kind}:count}}") for kind in ("raised", "open", "closed", "patients"))
    return Row((Cell((check.title,)), Cell((check.severity,)), *counts))


def _not_run(found: QueryList) -> str:
    """Say how many checks were not run, and which roles they wait for."""
    if not found.quality.not_run:
        return ""
    roles = dict.fromkeys(role for item in found.quality.not_run for role in item.missing if role in ROLES)
    named = [ROLES[role].meaning for role in roles][:_WANTED]
    more = " and others" if len(roles) > _WANTED else ""
    wanted = f": the plan names no column for {'; '.join(named)}{more}" if named else ""
    return f" {{quality.not_run:count}} checks could not be run{wanted}."
