"""A document as one HTML file that needs nothing else: no network, no script to be read, no second file."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from counterpoise.errors import InputError
from counterpoise.report.document import (
    SEVERITY_WORDS,
    Bullets,
    Document,
    Figure,
    Finding,
    Findings,
    Heading,
    Mark,
    Paragraph,
    Part,
    Parts,
    Reference,
    Row,
    Strong,
    Table,
    Value,
    alignment,
    check_document,
    drawing,
    labels,
    plain,
    printable,
    spread,
)
from counterpoise.report.layout import is_number, table_layout

_TEMPLATES = Path(__file__).parent / "templates"
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_UNWANTED = frozenset({"script", "metadata", "foreignObject", "title", "desc"})
_CONTENTS_DEPTH = 2
_FEW_COLUMNS = 4


def render_html(document: Document, figures: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the report as one self-contained HTML page.

    `figures` maps the name of each figure to its drawings by format; 'svg' is used. Every `Value` becomes a
    `<data>` element whose value and title are the ids of its entries in `results.json`, so that each printed
    number can be traced. All text is escaped, and a content security policy forbids the page to load anything.
    Raises `InputError` for a document that `check_document` refuses or a figure that is not drawn.

    >>> page = render_html(Document("Boost", "", (Paragraph(("HR ", Value(("os.hr",), "0.54"))),)), {})
    >>> 'value="os.hr" title="results.json: os.hr">0.54</data>' in page
    True
    """
    check_document(document)
    label = labels(document)
    script = _source("report.js")
    blocks, contents = _blocks(document, figures, label)
    return _template().render(
        title=printable(document.title),
        subtitle=printable(document.subtitle),
        banner=printable(document.banner),
        banner_css=Markup(_css_string(document.banner)),
        meta=[(printable(key), printable(text)) for key, text in document.meta.items()],
        style=Markup(_source("report.css")),
        script=Markup(script),
        script_hash=_script_hash(script),
        contents=contents,
        blocks=blocks,
    )


def slug(name: str) -> str:
    """Return `name` as an HTML id: what is neither letter nor digit becomes a hyphen.

    >>> slug("Table 1 <b>")
    'Table-1-b'
    """
    return re.sub(r"[^\w.]+", "-", name).strip("-") or "section"


def inline_svg(svg: bytes, prefix: str, alt: str) -> Markup:
    """Return a drawing for use inside an HTML page: its ids prefixed, its styles kept to itself, no scripts.

    Several drawings may then stand in one page although each calls its clip path 'p1'. `alt` is read out in
    its place.

    >>> inline_svg(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g id="a"/></svg>', "f", "A box")
    Markup('<svg viewBox="0 0 9 9" id="f" role="img" aria-label="A box"><g id="f-a" /></svg>')
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise InputError(f"The figure `{prefix}` must be a well-formed SVG; it is not: {error}.") from error
    width, height = (_pixels(root.get(side, "")) for side in ("width", "height"))
    if "viewBox" not in root.attrib and width and height:
        root.set("viewBox", f"0 0 {width:g} {height:g}")
    for side in ("width", "height"):
        root.attrib.pop(side, None)
    _rewrite(root, prefix)
    root.set("id", prefix)
    root.set("role", "img")
    root.set("aria-label", printable(alt))
    if width:
        root.set("style", f"--natural: {width:.0f}px; {root.get('style', '')}".strip())
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _blocks(
    document: Document, figures: Mapping[str, Mapping[str, bytes]], label: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the template needs of each block, and the table of contents."""
    blocks: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    level = 1
    for block in document.blocks:
        match block:
            case Heading():
                level = min(block.level + 1, level + 1, 6)
                anchor, text = slug(block.anchor), printable(block.text)
                blocks.append({"kind": "heading", "level": level, "text": text, "anchor": anchor})
                if level - 1 <= _CONTENTS_DEPTH:
                    contents.append({"depth": level - 1, "text": text, "anchor": anchor})
            case Paragraph():
                blocks.append({"kind": "paragraph", "style": block.kind, "text": _html(block.parts, label)})
            case Bullets():
                blocks.append({"kind": "bullets", "points": [_html(item, label) for item in block.items]})
            case Table():
                blocks.append(_table(block, label))
            case Figure():
                blocks.append(_figure(block, figures, label))
            case Findings():
                points = [_finding(item, label) for item in block.items]
                blocks.append({"kind": "findings", "level": min(level + 1, 6), "points": points})
    return blocks, contents


def _table(table: Table, label: Mapping[str, str]) -> dict[str, Any]:
    align = alignment(table)
    groups: list[list[dict[str, Any]]] = [[]]
    for row in table.rows:
        if row.kind == "group" and groups[-1]:
            groups.append([])
        groups[-1].append({"kind": row.kind, "cells": _body_cells(spread(row, len(align)), align, label)})
    return {
        "kind": "table",
        "id": f"table-{slug(table.name)}",
        "label": label[table.name],
        "caption": printable(table.caption),
        "wide": table_layout(table, label).landscape,
        "many": len(align) > _FEW_COLUMNS,
        "header": [_header_cells(row, align, label) for row in table.header],
        "groups": [group for group in groups if group],
        "notes": [_html(note, label) for note in table.notes],
    }


def _header_cells(row: Row, align: Sequence[str], label: Mapping[str, str]) -> Markup:
    cells: list[Markup] = []
    column = 0
    for cell in row.cells:
        text = _html(cell.parts, label)
        if not text:
            cells.append(Markup('<td colspan="{}"></td>').format(cell.span))
        elif cell.span > 1:
            form = '<th scope="colgroup" colspan="{}" class="spanner"><span>{}</span></th>'
            cells.append(Markup(form).format(cell.span, text))
        else:
            cells.append(Markup('<th scope="col" class="{}">{}</th>').format(align[column], text))
        column += cell.span
    return Markup("").join(cells)


def _body_cells(row: Row, align: Sequence[str], label: Mapping[str, str]) -> Markup:
    scope = "rowgroup" if row.kind == "group" else "row"
    cells: list[Markup] = []
    column = 0
    for cell in row.cells:
        text = _html(cell.parts, label)
        span = Markup(' colspan="{}"').format(cell.span) if cell.span > 1 else ""
        if column == 0:
            style = f"{align[0]} indent-{min(row.indent, 3)}" if row.indent else align[0]
            cells.append(Markup('<th scope="{}"{} class="{}"><span>{}</span></th>').format(scope, span, style, text))
        else:
            number = " number" if is_number(plain(cell.parts, label)) else ""
            cells.append(Markup('<td{} class="{}{}">{}</td>').format(span, align[column], number, text))
        column += cell.span
    return Markup("").join(cells)


def _figure(figure: Figure, figures: Mapping[str, Mapping[str, bytes]], label: Mapping[str, str]) -> dict[str, Any]:
    anchor = f"figure-{slug(figure.name)}"
    return {
        "kind": "figure",
        "id": anchor,
        "label": label[figure.name],
        "caption": printable(figure.caption),
        "drawing": inline_svg(drawing(figures, figure.name, "svg"), f"{anchor}-drawing", figure.alt),
        "notes": [_html(note, label) for note in figure.notes],
    }


def _finding(finding: Finding, label: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": f"finding-{slug(finding.name)}",
        "severity": finding.severity,
        "word": SEVERITY_WORDS[finding.severity],
        "title": printable(finding.title),
        "text": _html(finding.parts, label),
        "advice": printable(finding.advice),
    }


def _html(parts: Parts, label: Mapping[str, str]) -> Markup:
    return Markup("").join(_part(part, label) for part in parts)


def _part(part: Part, label: Mapping[str, str]) -> Markup:
    match part:
        case str():
            return escape(printable(part)).replace("\n", Markup("<br>"))
        case Value():
            ids = printable(" ".join(part.ids))
            text = printable(part.text)
            whole = Markup(' class="number"') if is_number(text) else ""
            form = '<data{} value="{}" title="results.json: {}">{}</data>'
            return Markup(form).format(whole, ids, ids.replace(" ", ", "), text)
        case Strong():
            return Markup("<strong>{}</strong>").format(printable(part.text))
        case Mark():
            return Markup("<sup>{}</sup>").format(printable(part.text))
        case Reference():
            kind = label[part.name].split()[0].lower()
            return Markup('<a href="#{}-{}">{}</a>').format(kind, slug(part.name), label[part.name])


def _rewrite(element: ElementTree.Element, prefix: str) -> None:
    """Drop namespaces, scripts and outside addresses; prefix ids and what refers to them."""
    for child in list(element):
        foreign = not child.tag.startswith(_SVG)
        if foreign or child.tag.removeprefix(_SVG) in _UNWANTED:
            element.remove(child)
        else:
            _rewrite(child, prefix)
    element.tag = element.tag.removeprefix(_SVG)
    for name, text in list(element.attrib.items()):
        del element.attrib[name]
        local = name.removeprefix(_XLINK)
        if local.startswith(("{", "on")) or (local == "href" and not text.startswith(("#", "data:image/"))):
            continue
        element.set(local, _prefixed(local, text, prefix))
    if element.tag == "style" and element.text:
        element.text = _confined(element.text, prefix)


def _confined(style: str, prefix: str) -> str:
    """Return the rules of a style sheet, each for the drawing called `prefix` alone; at-rules are dropped."""
    rules: list[str] = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", style):
        if "@" not in selectors:
            apart = [re.sub(r"#([\w-]+)", rf"#{prefix}-\1", selector.strip()) for selector in selectors.split(",")]
            names = ", ".join(f"#{prefix} {selector}" for selector in apart)
            rules.append(f"{names} {{{_prefixed('style', body.strip(), prefix)}}}")
    return " ".join(rules)


def _prefixed(attribute: str, text: str, prefix: str) -> str:
    if attribute == "id":
        return f"{prefix}-{text}"
    if attribute == "href" and text.startswith("#"):
        return f"#{prefix}-{text[1:]}"
    return re.sub(r"url\(\s*(['\"]?)#", rf"url(\1#{prefix}-", text)


def _pixels(length: str) -> float:
    """Return an SVG length in CSS pixels; 0 if it is relative or absent."""
    found = re.fullmatch(r"\s*([\d.]+)\s*(pt|px|mm|cm|in)?\s*", length)
    scale = {"pt": 96 / 72, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
    return float(found[1]) * scale.get(found[2], 1.0) if found else 0.0


def _css_string(text: str) -> str:
    """Return `text` as a CSS string in which every character but letters and digits is escaped."""
    body = "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):06x}" for char in printable(text))
    return f'"{body}"'


def _script_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


@cache
def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2")
