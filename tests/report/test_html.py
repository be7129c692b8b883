import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from counterpoise.errors import InputError
from counterpoise.report.document import Document, Heading, Paragraph, Value, values
from counterpoise.report.html import inline_svg, render_html, slug
from tests.report import sample


class _Reader(HTMLParser):
    """Collects tags with their attributes, and the text inside `<data>`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.numbers: list[tuple[str, str]] = []
        self.inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "data":
            self.inside = found["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside is not None:
            self.numbers.append((self.inside, data))


@cache
def _page() -> str:
    return render_html(sample.document(), sample.drawings())


@cache
def _read() -> _Reader:
    reader = _Reader()
    reader.feed(_page())
    return reader


def test_every_number_is_printed_with_the_ids_of_its_results() -> None:
    expected = [(" ".join(value.ids), value.text) for value in values(sample.document())]
    assert Counter(_read().numbers) == Counter(expected)
    titles = [found["title"] for tag, found in _read().tags if tag == "data"]
    assert "results.json: effect.os.hr, effect.os.ci" in titles


def test_no_label_becomes_markup() -> None:
    scripts = [found for tag, found in _read().tags if tag == "script"]
    assert scripts == [{}]
    assert "<script>alert" not in _page()
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; &#39;quotes&#39;" in _page()
    assert not [name for _, found in _read().tags for name in found if name.startswith("on")]


def test_a_hostile_title_banner_name_and_id_stay_text() -> None:
    hostile = '"></style><script>alert(1)</script>'
    document = Document(
        hostile,
        hostile,
        (Heading(1, hostile, hostile), Paragraph((Value((hostile,), hostile),))),
        hostile,
        {hostile: hostile},
    )
    reader = _Reader()
    reader.feed(render_html(document, {}))
    tags = Counter(tag for tag, _ in reader.tags)
    assert tags["script"] == tags["style"] == 1
    assert reader.numbers == [(hostile, hostile)]


def test_the_page_needs_nothing_else() -> None:
    for tag, found in _read().tags:
        assert tag not in {"link", "img", "iframe", "object"}
        assert found.get("href", "#").startswith("#")
        assert "src" not in found
    assert "@import" not in _page()
    assert not re.search(r"url\((?!#)", _page())
    policy = next(found["content"] for _, found in _read().tags if found.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    script = re.search(r"<script>(.*)</script>", _page(), re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    ids = [found["id"] for _, found in _read().tags if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in _read().tags:
        for reference in re.findall(r"url\(#([^)]+)\)", " ".join(found.values())):
            assert reference in ids
        if found.get("href"):
            assert found["href"][1:] in ids
        for name in found.get("aria-labelledby", "").split():
            assert name in ids


def test_headings_come_in_order() -> None:
    levels = [int(tag[1]) for tag, _ in _read().tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_tables_can_be_read_aloud() -> None:
    tags = Counter(tag for tag, _ in _read().tags)
    assert tags["table"] == tags["caption"] == 3
    assert all(found["scope"] in {"col", "colgroup", "row", "rowgroup"} for tag, found in _read().tags if tag == "th")
    drawings = [found for tag, found in _read().tags if tag == "svg"]
    assert [found["role"] for found in drawings] == ["img", "img"]
    assert drawings[0]["aria-label"] == "Two falling curves; that of the boost lies higher."


def test_severity_is_said_in_words_too() -> None:
    assert re.findall(r'<span class="severity">(\w+)</span>', _page()) == ["Serious", "Caution", "Note"]


def test_captions_and_references_are_numbered_in_order() -> None:
    assert re.findall(r'<b class="label">(.*?)</b>', _page()) == [
        "Table 1.",
        "Table 2.",
        "Figure 1.",
        "Figure 2.",
        "Table 3.",
    ]
    assert '<a href="#table-baseline">Table 1</a>' in _page()


def test_a_group_row_opens_a_body_of_its_own() -> None:
    assert '<th scope="rowgroup" colspan="6" class="left"><span>Clinical T category</span></th>' in _page()


def test_the_same_document_gives_the_same_page() -> None:
    assert render_html(sample.document(), sample.drawings()) == _page()


def test_a_document_without_anything_is_a_page() -> None:
    page = render_html(Document("Empty", "", ()), {})
    assert "<h1>Empty</h1>" in page
    assert "<nav" not in page
    assert 'class="banner"' not in page


def test_a_figure_that_is_missing_or_broken_is_refused() -> None:
    with pytest.raises(InputError, match="`km-os` must be drawn as svg"):
        render_html(sample.document(), {})
    broken = {**sample.drawings(), "km-os": {"svg": b"<svg"}}
    with pytest.raises(InputError, match="well-formed SVG"):
        render_html(sample.document(), broken)


def test_a_drawing_is_tamed() -> None:
    svg = b"""<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">
    <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt" height="36pt">
    <script>alert(1)</script><metadata>x</metadata><style>*{stroke-linejoin: round} .a, #b {fill: #abc}
    @import url(x.css);</style>
    <defs><clipPath id="p1"><rect width="1" height="1"/></clipPath></defs>
    <g clip-path="url(#p1)" onclick="alert(1)" style="fill: url('#p1')"><use xlink:href="#p1"/></g>
    <image xlink:href="https://example.org/x.png"/><text>&lt;b&gt;</text></svg>"""
    text = str(inline_svg(svg, "f1", '"quoted" & <b>'))
    assert "alert" not in text
    assert "example.org" not in text
    assert 'viewBox="0 0 96 48"' in text
    assert 'clip-path="url(#f1-p1)"' in text
    assert "url('#f1-p1')" in text
    assert '<use href="#f1-p1" />' in text
    assert "<style>#f1 * {stroke-linejoin: round} #f1 .a, #f1 #f1-b {fill: #abc}</style>" in text
    assert "&quot;quoted&quot; &amp; &lt;b&gt;" in text
    assert "--natural: 96px" in text


def test_a_deep_first_heading_is_lifted() -> None:
    page = render_html(replace(sample.document(), blocks=(Heading(3, "Deep", "deep"),)), {})
    assert '<h2 id="deep">Deep</h2>' in page


def test_slugs_keep_letters_of_all_scripts() -> None:
    assert slug("高 <b>") == "高-b"
    assert slug("  ") == "section"


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(
    ("front", "back"),
    [("ink", "paper"), ("muted", "paper"), ("accent", "paper"), ("ink", "serious-paper"), ("ink", "caution-paper"),
     ("ink", "note-paper"), ("paper", "serious"), ("paper", "caution"), ("paper", "note")],
)  # fmt: skip
def test_contrast_meets_aa(front: str, back: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", _page().replace("#fff;", "#ffffff;")))
    light, dark = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
