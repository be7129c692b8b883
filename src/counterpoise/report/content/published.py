"""Published numbers beside those of the cohort."""

from collections.abc import Iterable

from counterpoise.report.content.tables import body, group, head, text
from counterpoise.report.document import Block, Cell, Heading, Paragraph, Row, Table
from counterpoise.report.numbers import FIELD, Numbers
from counterpoise.study import Study

MISSING = "not estimated"


def published_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set each published number beside what this cohort gives."""
    if study.plan.published is None:
        return
    source = study.plan.published.source
    yield Heading(1, "Published beside this cohort", "published")
    if study.plan.study.banner:
        yield Paragraph((study.plan.study.banner,), "note")
    rows: list[Row] = []
    for section in study.published:
        rows.append(group(section.title, 4))
        rows += [
            body(row.label, [text(row.published or "–"), _cohort_cell(row.cohort, numbers), text(row.note)], indent=1)
            for row in section.rows
        ]
    yield Table(
        "published",
        f"Numbers published by {source}, and those of this cohort",
        (head("Quantity", "Published", "This cohort", "Remark"),),
        tuple(rows),
        align=("left", "center", "center", "left"),
    )


def _cohort_cell(template: str, numbers: Numbers) -> Cell:
    """Fill the cell of this cohort; a number that this study does not have is said to be missing."""
    return Cell(tuple(FIELD.sub(MISSING, part) if isinstance(part, str) else part for part in numbers.parts(template)))
