"""What the words of the study mean: each derived variable, endpoint and scale with its rule, edition and source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from counterpoise.cohort import definitions
from counterpoise.report.content.tables import group, head, text
from counterpoise.report.document import Block, Cell, Heading, Mark, Paragraph, Parts, Reference, Row, Table
from counterpoise.study import Study

TABLE = "definitions"
NONE = "–"
UNVERIFIED = "a"


@dataclass(frozen=True, slots=True)
class Defined:
    """One line of the table; what no rule defines has only `label` and `sentence`. `file` is the user's own."""

    label: str
    sentence: str
    rule: str = ""
    edition: str = ""
    source: str = ""
    verified: str = ""
    file: str = ""


def defined(study: Study) -> dict[str, tuple[Defined, ...]]:
    """Return what is defined, by the headings of the table."""
    return {
        "Variables": tuple(_variables(study)),
        "Endpoints": tuple(_endpoints(study)),
        "Toxicity": tuple(_scales(study)),
    }


def definitions_blocks(study: Study) -> Iterable[Block]:
    """Say by which rules the study goes, and which of them are the user's own."""
    found = {heading: lines for heading, lines in defined(study).items() if lines}
    files = list(dict.fromkeys(line.file for lines in found.values() for line in lines if line.file))
    yield Heading(2, "Definitions", "methods-definitions")
    yield Paragraph((Reference(TABLE), " says how variables, endpoints and grades were defined, and by which source."))
    if study.rules.files:
        yield Paragraph((" ".join(_changes(study)),))
    rows: list[Row] = []
    for heading, lines in found.items():
        rows.append(group(heading, 4))
        rows += [_row(line, files) for line in lines]
    yield Table(
        TABLE,
        "Definitions of variables, endpoints and grades",
        (head("", "Definition", "Rule and edition", "Source"),),
        tuple(rows),
        notes=tuple(_notes(found.values(), files)),
        align=("left", "left", "left", "left"),
    )


def _variables(study: Study) -> Iterator[Defined]:
    for item in definitions(study.screened, study.plan.derive, study.rules):
        yield Defined(item.label, item.sentence, item.rule, item.edition, item.source, item.verified, item.file)


def _endpoints(study: Study) -> Iterator[Defined]:
    for endpoint in study.endpoints:
        options = study.plan.endpoints[endpoint.name]
        if options.rule is None:
            yield Defined(endpoint.label, endpoint.definition)
            continue
        rule = study.rules.endpoint(options.rule, options.edition)
        file = study.rules.file_of("endpoints", rule.name)
        words = endpoint.label, endpoint.definition, rule.name
        yield Defined(*words, rule.edition, rule.source, "" if rule.unverified else rule.verified, file)


def _scales(study: Study) -> Iterator[Defined]:
    options = study.plan.toxicity
    if options is None:
        return
    scale = study.rules.scale(options.scale, options.edition)
    file = study.rules.file_of("toxicity", options.scale)
    sentence = f"Toxicity was graded by {options.scale}."
    yield Defined("Grades", sentence, options.scale, scale.edition, scale.source, scale.verified, file)


def _row(line: Defined, files: list[str]) -> Row:
    marks = [UNVERIFIED] if line.rule and not line.verified else []
    marks += [_letter(files.index(line.file))] if line.file else []
    # The name of a rule is one long word in the plan; on paper it must be able to wrap.
    rule: Parts = (f"{line.rule.replace('_', ' ')}, {line.edition}",) if line.rule else (NONE,)
    if marks:
        rule = (*rule, Mark(",".join(marks)))
    return Row((text(line.label), text(line.sentence), Cell(rule), text(line.source or NONE)), "body", 1)


def _notes(found: Iterable[tuple[Defined, ...]], files: list[str]) -> Iterator[Parts]:
    lines = [line for group in found for line in group]
    if not all(line.rule for line in lines):
        yield ("A dash: defined by the plan of this study alone.",)
    if any(line.rule and not line.verified for line in lines):
        yield (Mark(UNVERIFIED), "The rule, or a part of it, was not checked against its source.")
    for index, file in enumerate(files):
        yield (Mark(_letter(index)), f"As changed by, or taken from, {file}, a file of this study.")


def _letter(index: int) -> str:
    return chr(ord(UNVERIFIED) + 1 + index)


def _changes(study: Study) -> Iterator[str]:
    for own in study.rules.files:
        said = [f"replaced {_listed(own.replaced)}"] if own.replaced else []
        said += [f"added {_listed(own.added)}"] if own.added else []
        yield f"Of the rules in the set “{own.rule_set}”, the study's own file {own.file} {' and '.join(said)}."


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
