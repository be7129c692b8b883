"""What python-docx lacks: the styles of a report, fields, links, rules, and a file without dates."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.oxml.text.font import CT_RPr
from docx.oxml.text.parfmt import CT_PPr
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.section import Section
from docx.shared import Cm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import Table
from docx.text.paragraph import Paragraph

from counterpoise.report.document import Document, Severity, printable

TABLE_POINTS: Final = 9.0
FINDING_STYLES: Final[Mapping[Severity, str]] = {
    "serious": "Finding Serious",
    "caution": "Finding Caution",
    "note": "Finding Note",
}
_SERIF = "Times New Roman"
_SANS = "Arial"
INK = "1B1F24"
_MUTED = "55606B"
_TONES = {"serious": ("96201C", "FDF3F2"), "caution": ("7A4B00", "FDF7E8"), "note": ("1D4A73", "F1F6FA")}
_PAGE_CM = (21.0, 29.7)
_MARGIN_CM = 2.0
_LONG_AGO = datetime(1980, 1, 1)


@dataclass(frozen=True, slots=True)
class _Look:
    """A paragraph style: face, size and spacing in points."""

    base: str
    face: str
    points: float
    before: float = 0
    after: float = 0
    line: float = 1.0
    bold: bool | None = None
    colour: str = INK
    keep_with_next: bool | None = None
    align: WD_ALIGN_PARAGRAPH | None = None


_LOOKS = {
    "Normal": _Look("", _SERIF, 11, after=6, line=1.15),
    "Body Text": _Look("Normal", _SERIF, 11, after=6, line=1.15),
    "Title": _Look("Normal", _SANS, 20, before=6, after=4, bold=True),
    "Subtitle": _Look("Normal", _SANS, 12, after=10, colour=_MUTED),
    "Heading 1": _Look("Normal", _SANS, 15, before=20, after=6, bold=True, keep_with_next=True),
    "Heading 2": _Look("Normal", _SANS, 12, before=14, after=4, bold=True, keep_with_next=True),
    "Heading 3": _Look("Normal", _SANS, 10.5, before=10, after=3, bold=True, keep_with_next=True),
    "Lead": _Look("Body Text", _SERIF, 12.5, after=8, line=1.15),
    "Small Print": _Look("Normal", _SANS, 8.5, after=2, colour=_MUTED),
    "List Bullet": _Look("Normal", _SERIF, 11, after=3, line=1.15),
    "Caption": _Look("Normal", _SANS, 9.5, before=6, after=4, bold=False),
    "Table Text": _Look("Normal", _SANS, TABLE_POINTS, before=1.5, after=1.5),
    "Table Note": _Look("Normal", _SANS, 8, before=3, after=0, colour=_MUTED),
    "After Table": _Look("Normal", _SANS, 4, after=6),
    "Figure": _Look("Normal", _SANS, 9, before=8, after=2, keep_with_next=True, align=WD_ALIGN_PARAGRAPH.CENTER),
    "Header": _Look("Normal", _SANS, 8.5, colour=_MUTED, align=WD_ALIGN_PARAGRAPH.CENTER),
    "Footer": _Look("Normal", _SANS, 8.5, colour=_MUTED, align=WD_ALIGN_PARAGRAPH.CENTER),
    "Finding Serious": _Look("Normal", _SERIF, 10.5, after=3),
    "Finding Caution": _Look("Normal", _SERIF, 10.5, after=3),
    "Finding Note": _Look("Normal", _SERIF, 10.5, after=3),
}


def add_styles(word: WordDocument) -> None:
    """Give the document the styles of a report, in fonts that Word and LibreOffice both have or replace."""
    for unused in word.styles.element.xpath("./w:style[@w:type='table' and not(@w:default='1')]"):
        unused.getparent().remove(unused)
    for name, look in _LOOKS.items():
        _paragraph_style(word, name, look)
    for severity, name in FINDING_STYLES.items():
        tone, tint = _TONES[severity]
        style: Any = word.styles[name]
        style.paragraph_format.left_indent = Pt(10)
        properties = style.element.get_or_add_pPr()
        border = f'<w:left w:val="single" w:sz="36" w:space="6" w:color="{tone}"/>'
        _insert(properties, f"<w:pBdr {{ns}}>{border}</w:pBdr>", before=_AFTER_BORDERS)
        _insert(properties, f'<w:shd {{ns}} w:val="clear" w:color="auto" w:fill="{tint}"/>', before=_AFTER_SHADING)
        character: Any = word.styles.add_style(f"{name} Word", WD_STYLE_TYPE.CHARACTER)
        character.font.size, character.font.bold = Pt(8.5), True
        character.font.color.rgb = RGBColor.from_string(tone)
        _set_face(character.element.get_or_add_rPr(), _SANS)
    table: Any = word.styles.add_style("Three Rules", WD_STYLE_TYPE.TABLE)
    table.base_style = word.styles["Normal Table"]
    rules = "".join(f'<w:{side} w:val="single" w:sz="10" w:color="{INK}"/>' for side in ("top", "bottom"))
    room = "".join(f'<w:{side} w:w="70" w:type="dxa"/>' for side in ("left", "right"))
    table.element.append(
        _xml(f"<w:tblPr {{ns}}><w:tblBorders>{rules}</w:tblBorders><w:tblCellMar>{room}</w:tblCellMar></w:tblPr>")
    )


def set_properties(word: WordDocument, document: Document) -> None:
    """Fill the core properties, with a fixed date, and mend what python-docx's own template brings along.

    Its thumbnail and its second set of styles go, and Word is told to lay the file out as Word 2013 and later
    do, not in compatibility mode.
    """
    for mode in word.settings.element.xpath(".//w:compatSetting[@w:name='compatibilityMode']"):
        mode.set(qn("w:val"), "15")
    core = word.core_properties
    core.title, core.subject = printable(document.title)[:255], printable(document.subtitle)[:255]
    core.author, core.last_modified_by, core.comments, core.keywords = "Counterpoise", "Counterpoise", "", ""
    core.language = "en"
    core.revision = 1
    core.created = core.modified = _LONG_AGO
    package = word.part.package
    assert package is not None
    for relations in (package.rels, word.part.rels):
        for identity, relation in list(relations.items()):
            if relation.reltype.endswith(("/thumbnail", "/stylesWithEffects")):
                del relations[identity]


def set_page(section: Section, *, turned: bool) -> None:
    """Make the section A4, upright or turned."""
    width, height = _PAGE_CM[::-1] if turned else _PAGE_CM
    section.orientation = WD_ORIENT.LANDSCAPE if turned else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Cm(width), Cm(height)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(_MARGIN_CM)
    section.header_distance = section.footer_distance = Cm(1.0)


def set_header(section: Section, banner: str) -> None:
    """Write the banner on top of every page and the page number at its foot."""
    header, footer = section.header.paragraphs[0], section.footer.paragraphs[0]
    if banner:
        header.add_run(banner).bold = True
        shading = '<w:shd {ns} w:val="clear" w:color="auto" w:fill="FFF2CC"/>'
        _insert(header._p.get_or_add_pPr(), shading, before=_AFTER_SHADING)
    footer.add_run("Page ")
    add_field(footer, "PAGE", "1")
    footer.add_run(" of ")
    add_field(footer, "NUMPAGES", "1")


def add_field(paragraph: Paragraph, instruction: str, shown: str, *, bold: bool = False) -> None:
    """Append a field that shows `shown` until Word works it out anew."""
    for content in (
        '<w:fldChar {ns} w:fldCharType="begin"/>',
        f'<w:instrText {{ns}} xml:space="preserve"> {instruction} </w:instrText>',
        '<w:fldChar {ns} w:fldCharType="separate"/>',
        "",
        '<w:fldChar {ns} w:fldCharType="end"/>',
    ):
        run = paragraph.add_run("" if content else shown)
        run.bold = bold or None
        if content:
            run._r.append(_xml(content))


def start_bookmark(paragraph: Paragraph, label: str, identity: int) -> None:
    """Open the bookmark that references to `label` ('Table 2') lead to."""
    paragraph._p.append(_xml(f'<w:bookmarkStart {{ns}} w:id="{identity}" w:name="{bookmark(label)}"/>'))


def end_bookmark(paragraph: Paragraph, identity: int) -> None:
    """Close the bookmark opened under the same number."""
    paragraph._p.append(_xml(f'<w:bookmarkEnd {{ns}} w:id="{identity}"/>'))


def add_reference(paragraph: Paragraph, label: str) -> None:
    """Append `label` as a link to its caption."""
    run = f"<w:r><w:t>{label}</w:t></w:r>"
    paragraph._p.append(_xml(f'<w:hyperlink {{ns}} w:anchor="{bookmark(label)}" w:history="1">{run}</w:hyperlink>'))


def fix_widths(table: Table, widths: tuple[float, ...]) -> None:
    """Give the columns their widths in cm, so that no program lays them out anew."""
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)


def without_dates(content: bytes) -> bytes:
    """Return the zip archive with its members in order and dated 1980, so that equal members give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o600 << 16
            member.create_system = 3
            new.writestr(member, old.read(name))
    return stream.getvalue()


_AFTER_SHADING = (
    *("w:tabs", "w:suppressAutoHyphens", "w:kinsoku", "w:wordWrap", "w:overflowPunct", "w:topLinePunct"),
    *("w:autoSpaceDE", "w:autoSpaceDN", "w:bidi", "w:adjustRightInd", "w:snapToGrid", "w:spacing", "w:ind"),
    *("w:contextualSpacing", "w:mirrorIndents", "w:suppressOverlap", "w:jc", "w:textDirection"),
    *("w:textAlignment", "w:textboxTightWrap", "w:outlineLvl", "w:divId", "w:cnfStyle", "w:rPr", "w:sectPr"),
)
_AFTER_BORDERS = ("w:shd", *_AFTER_SHADING)


def _paragraph_style(word: WordDocument, name: str, look: _Look) -> None:
    style = word.styles[name] if name in word.styles else word.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    assert isinstance(style, ParagraphStyle)
    if look.base:
        style.base_style = word.styles[look.base]
    for old in style.element.xpath("./w:pPr/w:pBdr"):
        old.getparent().remove(old)
    style.quick_style, style.hidden, style.unhide_when_used = True, False, False
    font, spacing = style.font, style.paragraph_format
    font.size, font.bold, font.italic = Pt(look.points), look.bold, False
    font.color.rgb = RGBColor.from_string(look.colour)
    properties = style.element.get_or_add_rPr()
    for old in properties.xpath("./w:spacing | ./w:kern"):
        old.getparent().remove(old)
    _set_face(properties, look.face)
    spacing.space_before, spacing.space_after = Pt(look.before), Pt(look.after)
    spacing.line_spacing = look.line
    spacing.keep_with_next = look.keep_with_next
    spacing.widow_control = True
    if look.align is not None:
        spacing.alignment = look.align


def _set_face(properties: CT_RPr, face: str) -> None:
    """Name the font for every script, in place of the theme's."""
    fonts = properties.get_or_add_rFonts()
    fonts.attrib.clear()
    for script in ("ascii", "hAnsi", "cs", "eastAsia"):
        fonts.set(qn(f"w:{script}"), face)


def bookmark(label: str) -> str:
    """Return the name of the bookmark of a caption."""
    return label.lower().replace(" ", "_")


def _xml(text: str) -> BaseOxmlElement:
    return parse_xml(text.replace("{ns}", nsdecls("w"), 1))


def _insert(parent: CT_PPr, text: str, *, before: tuple[str, ...]) -> None:
    """Insert an element at its place in the fixed order of the schema: before the first of `before`."""
    parent.insert_element_before(_xml(text), *before)
