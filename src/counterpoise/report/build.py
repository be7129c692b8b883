"""Every file of a report: the numbers, the figures, and the document in each format."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from counterpoise.errors import InputError
from counterpoise.report.assemble import assemble
from counterpoise.report.document import Document, Figure
from counterpoise.report.figures import render_figures, unprintable_characters
from counterpoise.report.numbers import collect_numbers
from counterpoise.report.provenance import manifest
from counterpoise.report.queries import render_queries
from counterpoise.report.write import require_replaceable, write_folder
from counterpoise.study import Study

FORMATS = ("html", "docx", "pdf", "xlsx")
Progress = Callable[[str, float], None]
Drawings = Mapping[str, Mapping[str, bytes]]
DRAWING_SHARE = 0.75


def write_report(
    study: Study, folder: Path | str, *, formats: Sequence[str] = FORMATS, progress: Progress | None = None
) -> Path:
    """Write the report of a study, as `run` returns it, to a folder, all of it or nothing, and return the folder.

    The folder holds `report.html`, `report.docx`, `report.pdf` and `tables.xlsx` as asked for by `formats`, and always
    `results.json`, `manifest.json` and `figures/`, and `queries.xlsx` where the records were checked. Raises
    `InputError` when the folder holds something else.
    """
    target = Path(folder)
    require_replaceable(target.resolve())
    write_folder(target, report_files(study, formats=formats, progress=progress))
    return target


def report_files(
    study: Study, *, formats: Sequence[str] = FORMATS, progress: Progress | None = None
) -> dict[str, bytes]:
    """Return every file of the report by its path inside the folder."""
    formats = (formats,) if isinstance(formats, str) else tuple(dict.fromkeys(formats))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"`formats` must be among {', '.join(FORMATS)}; {unknown[0]!r} is not.")
    _require_study(study)
    tell = progress or (lambda step, share: None)
    numbers = collect_numbers(study)
    document = assemble(study, numbers)
    drawings = _draw(document, tell)
    results = [number.as_json() for number in numbers.values()]
    files = {
        "results.json": _json({"results": results}),
        **{f"figures/{name}.{kind}": data for name, kinds in drawings.items() for kind, data in kinds.items()},
    }
    if study.queries is not None:
        files["queries.xlsx"] = render_queries(study.queries)
    # The typesetter of the PDF and the compressors let go of Python's lock, so that two formats are written at once.
    with ThreadPoolExecutor(max_workers=2) as pool:
        written = {name: pool.submit(_render, name, document, drawings, results, study) for name in formats}
        for index, (name, rendering) in enumerate(written.items()):
            tell(f"Writing {name}", DRAWING_SHARE + (1 - DRAWING_SHARE) * index / len(formats))
            path, content = rendering.result()
            files[path] = content
    return {**files, "manifest.json": _json(manifest(study, files))}


def _require_study(study: object) -> None:
    if not isinstance(study, Study):
        raise InputError(f"`study` must be what `run` returns; it is a {type(study).__name__}.")


def findings_as_text(study: Study) -> list[tuple[str, str, str]]:
    """Return each finding as its severity, its title and its text with the numbers filled in."""
    numbers = collect_numbers(study)
    return [(item.severity, item.title, numbers.text(item.text, f"findings.{item.name}.")) for item in study.findings]


def characters_without_font(study: Study) -> str:
    """Return the characters of a report that no font on this machine has: boxes in its PDF and in its figures."""
    return unprintable_characters(assemble(study, collect_numbers(study)))


def _draw(document: Document, tell: Progress) -> Drawings:
    drawings = {block.name: block.drawing for block in document.blocks if isinstance(block, Figure)}
    done: list[str] = []

    def drawn(name: str) -> None:
        done.append(name)
        tell("Drawing figures", DRAWING_SHARE * len(done) / len(drawings))

    tell("Drawing figures", 0.0)
    rendered = render_figures(drawings, progress=drawn)
    return {
        name: {file.rpartition(".")[2]: content for file, content in files.items()} for name, files in rendered.items()
    }


def _render(
    name: str, document: Document, drawings: Drawings, results: list[dict[str, Any]], study: Study
) -> tuple[str, bytes]:
    if name == "html":
        from counterpoise.report.html import render_html

        return "report.html", render_html(document, drawings).encode()
    if name == "docx":
        from counterpoise.report.docx import render_docx

        return "report.docx", render_docx(document, drawings)
    if name == "pdf":
        from counterpoise.report.pdf import render_pdf

        return "report.pdf", render_pdf(document, drawings)
    from counterpoise.report.patients import ledger_records
    from counterpoise.report.xlsx import render_xlsx

    return "tables.xlsx", render_xlsx(document, results, [ledger_records(study)])


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=False, allow_nan=False) + "\n").encode()
