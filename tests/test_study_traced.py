"""Every numeral of the report comes from `results.json`, or from words that the plan itself wrote."""

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from decimal import ROUND_HALF_UP, Decimal

import docx
import pytest
from docx.document import Document as WordDocument
from docx.table import Table as WordTable

from counterpoise.oncology.quality_check import CHECKS
from counterpoise.report import Numbers, assemble, collect_numbers
from counterpoise.report.content.definitions import defined
from counterpoise.report.document import Document, Figure, values
from counterpoise.report.docx import render_docx
from counterpoise.report.provenance import software
from counterpoise.study import Study

NUMERAL = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FIXED_WORDS = {
    "1": "the hazard ratio of a reference level; grade 1",
    "0": "grade 0 (G0)",
    "2": "grade 2 (G2); HER2",
    "3": "grade 3 (G3)",
    "4": "grade 4",
}


@pytest.fixture(scope="module")
def numbers(bundled: Study) -> Numbers:
    return collect_numbers(bundled)


@pytest.fixture(scope="module")
def report(bundled: Study, numbers: Numbers) -> Document:
    return assemble(bundled, numbers)


@pytest.fixture(scope="module")
def word(report: Document) -> WordDocument:
    names = [block.name for block in report.blocks if isinstance(block, Figure)]
    figures = {name: {"png": DOT} for name in names}
    return docx.Document(io.BytesIO(render_docx(report, figures)))


def numerals(text: str) -> list[str]:
    return NUMERAL.findall(text)


def rounds_to(value: float, numeral: str) -> bool:
    digits = len(numeral.partition(".")[2])
    rounded = abs(Decimal(repr(float(value)))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return rounded == Decimal(numeral.replace(",", ""))


def prints(entry: dict[str, object], numeral: str, text: str) -> bool:
    """Whether a numeral is the rounding of one of the entry's fields, as it is or in per cent."""
    fields = ("value", "lower", "upper", "std_error", "p_value")
    found = [float(str(entry[name])) for name in fields if entry.get(name) is not None]
    if "<0.001" in text.replace("\u00a0", ""):
        return numeral == "0.001" and any(0 <= value < 0.001 for value in found)
    if ">0.999" in text.replace("\u00a0", ""):
        return numeral == "0.999" and any(value > 0.999 for value in found)
    return any(rounds_to(value, numeral) or rounds_to(float(Decimal(repr(value)) * 100), numeral) for value in found)


def test_every_printed_number_is_the_rounding_of_its_entry(report: Document, numbers: Numbers) -> None:
    results = json.loads(json.dumps({entry.id: entry.as_json() for entry in numbers.values()}))
    printed = list(values(report))
    assert len(printed) > 900
    for value in printed:
        for numeral in numerals(value.text):
            assert any(prints(results[key], numeral, value.text) for key in value.ids), value


def strings(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from (str(key), *strings(value))
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from strings(item)


def words_of_the_plan(study: Study) -> set[str]:
    """Return the numerals of the plan's own words: labels, rules, notes on dates, versions, published numbers."""
    texts = [
        *strings(study.plan.model_dump(mode="json")),
        *(endpoint.definition for endpoint in study.endpoints),
        *(word for lines in defined(study).values() for line in lines for word in astuple(line)),
        *(str(note) for endpoint in study.endpoints for note in endpoint.notes),
        *(str(note) for note in (*study.screened.notes, *study.flow.notes)),
        *(level for item in (*study.design.baseline, *study.design.score.covariates) for level in item.levels),
        *(item.label for item in (*study.design.baseline, *study.design.score.covariates)),
        *strings([row.model_dump() for section in study.published for row in section.rows]),
        *strings(study.rules.scale("RTOG/EORTC").model_dump(mode="json")),
        study.screened.source.sha256,
        software(),
        *(text for check in CHECKS.values() for text in (check.title, check.ask)),
    ]
    return {numeral for text in texts for numeral in numerals(text)}


def texts_of(word: WordDocument) -> Iterable[str]:
    yield from (paragraph.text for paragraph in word.paragraphs)
    for table in word.tables:
        yield from cell_texts(table)


def cell_texts(table: WordTable) -> Iterator[str]:
    for row in table.rows:
        for cell in row.cells:
            yield cell.text
            for inner in cell.tables:
                yield from cell_texts(inner)


def test_every_numeral_of_the_word_file_is_a_result_or_a_word_of_the_plan(
    bundled: Study, report: Document, word: WordDocument
) -> None:
    allowed = {numeral for value in values(report) for numeral in numerals(value.text)}
    allowed |= words_of_the_plan(bundled) | set(FIXED_WORDS)
    found = 0
    for text in texts_of(word):
        without_labels = re.sub(r"(Table|Figure) \d+", "", text)
        for numeral in numerals(without_labels):
            assert numeral in allowed, text
            found += 1
    assert found > 1500


def test_every_result_printed_stands_in_the_word_file(report: Document, word: WordDocument) -> None:
    read = "\n".join(texts_of(word))
    missing = {value.text for value in values(report) if value.text not in read}
    assert not missing
