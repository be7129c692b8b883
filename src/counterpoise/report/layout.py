"""How wide the columns of a table are on paper, and whether the page must be turned for it.

Widths come from the words themselves, by average widths of characters, so that Word and PDF agree and neither
needs to be opened to find out. Numbers never wrap if there is any way to avoid it; words may.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from counterpoise.report.document import Cell, Document, Heading, Table, column_count, labels, plain

PORTRAIT_CM = 17.0
LANDSCAPE_CM = 25.7
PORTRAIT_COLUMNS = 7

_NARROW = frozenset("iljtfrI.,;:'|!()[] ")
_BROAD = frozenset("mwMW@%—")
_SIZES = (9.0, 8.5, 8.0, 7.5)
_SMALLEST = 7.0
_POINT_CM = 2.54 / 72
_PADDING_EM = 1.3
_INDENT_EM = 1.2
_LONGEST_NUMBER = 30


@dataclass(frozen=True, slots=True)
class Layout:
    """A table on paper: turned or not, its size of type in points, and its columns' widths in cm."""

    landscape: bool
    points: float
    widths: tuple[float, ...]


def text_width(text: str) -> float:
    """Return the approximate width of one line of `text` in em; East Asian characters count as a full em.

    >>> round(text_width("0.54"), 2)
    1.96
    """
    return sum(_character(char) for char in text)


def is_number(text: str) -> bool:
    """Return whether `text` is a number, an interval or the like, which must not be broken over lines."""
    return text[:1] != "" and (text[0].isdigit() or text[0] in "−–<>∞(") and len(text) <= _LONGEST_NUMBER


def table_layout(table: Table, label: Mapping[str, str]) -> Layout:
    """Choose the largest type in which the table fits: upright if it can, turned if it has many columns.

    The table fits if every column is as wide as its longest number and its longest word. If none fits, the
    smallest type is used and the columns are narrowed in proportion. Widths never exceed the page.
    """
    least, wanted = _needs(table, label)
    turned = [False, True] if column_count(table) > PORTRAIT_COLUMNS else [False]
    for landscape in turned:
        page = LANDSCAPE_CM if landscape else PORTRAIT_CM
        for points in _SIZES:
            if sum(least) * points * _POINT_CM <= page:
                return Layout(landscape, points, _share(least, wanted, points, page))
    page = LANDSCAPE_CM if turned[-1] else PORTRAIT_CM
    return Layout(turned[-1], _SMALLEST, tuple(page * width / sum(least) for width in least))


def turned_pages(document: Document) -> tuple[bool, ...]:
    """Return for each block whether it stands on a turned page: wide tables, and the headings just before them."""
    label = labels(document)
    turned: list[bool] = []
    for block in reversed(document.blocks):
        wide = isinstance(block, Table) and table_layout(block, label).landscape
        turned.append(wide or (isinstance(block, Heading) and bool(turned) and turned[-1]))
    return tuple(reversed(turned))


def _needs(table: Table, label: Mapping[str, str]) -> tuple[list[float], list[float]]:
    """Return the least width and the wanted width of each column, in em; spanning cells are shared out."""
    columns = column_count(table)
    least, wanted = [_PADDING_EM] * columns, [_PADDING_EM] * columns
    spanning: list[tuple[int, Cell]] = []
    for row in (*table.header, *table.rows):
        column = 0
        for cell in row.cells:
            if cell.span == 1 and len(row.cells) > 1:
                room = _PADDING_EM + (_INDENT_EM * row.indent if column == 0 else 0)
                lines = plain(cell.parts, label).split("\n")
                words = [word for line in lines for word in ([line] if is_number(line) else line.split(" "))]
                least[column] = max(least[column], room + max(map(text_width, words)))
                wanted[column] = max(wanted[column], room + max(map(text_width, lines)))
            elif len(row.cells) > 1:
                spanning.append((column, cell))
            column += cell.span
    for first, cell in spanning:
        over = slice(first, first + cell.span)
        need = _PADDING_EM + max(map(text_width, plain(cell.parts, label).split(" ")))
        missing = max(0.0, need - sum(least[over])) / cell.span
        least[over] = [width + missing for width in least[over]]
    return least, [max(pair) for pair in zip(least, wanted, strict=True)]


def _share(least: list[float], wanted: list[float], points: float, page: float) -> tuple[float, ...]:
    """Give every column its least width, and what is left in equal parts to those that still want more.

    Short columns are so satisfied before long ones; what nobody wants widens all in proportion.
    """
    em = points * _POINT_CM
    spare = page / em - sum(least)
    widths = list(least)
    by_want = sorted(range(len(least)), key=lambda column: wanted[column] - least[column])
    for served, column in enumerate(by_want):
        given = min(wanted[column] - least[column], spare / (len(by_want) - served))
        widths[column] += given
        spare -= given
    return tuple(width * page / sum(widths) for width in widths)


def _character(char: str) -> float:
    if char in _NARROW:
        return 0.31
    if char in _BROAD:
        return 0.86
    if ord(char) >= 0x2E80:
        return 1.0
    return 0.66 if char.isupper() else 0.55
