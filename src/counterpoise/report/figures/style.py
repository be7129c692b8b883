"""How every figure looks: sizes in millimetres, one font, one palette, and a sheet to place things on."""

import logging
import re
import threading
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, Transform

SINGLE, MIDDLE, DOUBLE = 85.0, 120.0, 175.0  # widths of journal columns, mm
SMALL, BODY, TITLE, LETTER = 6.5, 7.0, 8.0, 9.0  # points
PITCH = 3.4  # mm between baselines of body text
CAP = 1.8  # mm height of a capital at BODY
FONT = "DejaVu Sans"
INK, GREY, RULE, STRIPE = "#1a1a1a", "#5f6368", "#b4b8bd", "#f2f4f6"

# Told apart by hue under every common colour blindness, and by lightness and dashes in grey print.
COLOURS = ("#00457c", "#d9660b", "#008b74", "#a33a78", "#5ba4d9", "#6b5b10")
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (7, 1.5)),
    (0, (5, 1.3, 1.2, 1.3)),
    (0, (1.6, 1.1)),
    (0, (9, 1.5, 3, 1.5)),
    (0, (3, 1.2)),
)
MARKERS = ("o", "D", "s", "^", "v", "P")
GRADES = ("#fdd9b0", "#f5a05a", "#d6551e", "#8e2410", "#3f0d06")

_FALLBACK_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB",
    "Heiti SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei", "Noto Sans CJK JP", "Yu Gothic", "Hiragino Sans",
    "Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans", "Noto Sans Devanagari",
    "Noto Sans Thai", "STIXGeneral",
)  # fmt: skip

_RC: dict[str, Any] = {
    "text.parse_math": False,
    "text.color": INK,
    "text.hinting": "none",
    "font.size": BODY,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.labelsize": BODY,
    "axes.labelpad": 2.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": BODY,
    "ytick.labelsize": BODY,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "lines.dash_capstyle": "butt",
    "lines.solid_capstyle": "butt",
    "lines.solid_joinstyle": "miter",
    "lines.scale_dashes": True,
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "savefig.dpi": 300,
    "path.simplify": True,
}
Style = Any  # matplotlib's own keyword arguments
_drawing = threading.RLock()  # matplotlib's settings are global


@contextmanager
def _without_remarks() -> Generator[None]:
    """Keep to itself that a font for another script has no bold weight: nothing can be done about it."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def drawing_style(families: Sequence[str] = (FONT,), **settings: Style) -> Generator[None]:
    """Draw under the project's own settings, whatever the user's matplotlibrc says; one thread at a time."""
    with _drawing, mpl.rc_context(), warnings.catch_warnings(), _without_remarks():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        rc: Any = {**_RC, "font.family": list(families), **settings}
        mpl.rcParams.update(rc)
        yield


@cache
def _characters(family: str) -> frozenset[int]:
    font: Any = get_font(fontManager.findfont(FontProperties(family=family)))
    return frozenset(font.get_charmap())


@cache
def _fallbacks() -> tuple[str, ...]:
    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FALLBACK_FAMILIES if name in installed)


def _unknown(text: str, families: Sequence[str]) -> str:
    letters = {letter for letter in text if letter not in "\n\t"}
    return "".join(sorted(letter for letter in letters if not any(ord(letter) in _characters(f) for f in families)))


def families_for(text: str) -> tuple[str, ...]:
    """Return the font that comes with matplotlib, then installed ones if it lacks a character of the text.

    >>> families_for("κ ≤ 0·1 – Größe")
    ('DejaVu Sans',)
    """
    return (FONT, *_fallbacks(), "sans-serif") if _unknown(text, (FONT,)) else (FONT,)


def missing_characters(text: str) -> str:
    """Return the characters that no installed font can draw, sorted: they come out as placeholder boxes."""
    unknown = _unknown(text, (FONT,))
    return _unknown(unknown, _fallbacks()) if unknown else ""


def text_width(text: str, size: float = BODY, *, bold: bool = False) -> float:
    """Return the width of one line of text in millimetres, in the fonts in force.

    >>> text_width("Boost") < text_width("No boost") < text_width("No boost", bold=True)
    True
    """
    return _text_width(text, size, bold, tuple(mpl.rcParams["font.family"]))


@lru_cache(maxsize=4096)
def _text_width(text: str, size: float, bold: bool, families: tuple[str, ...]) -> float:
    font = FontProperties(family=list(families), size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width) * 25.4 / 72


def wrap(text: str, width: float, size: float = BODY, *, bold: bool = False) -> tuple[str, ...]:
    """Break text into lines of at most `width` millimetres, between words, or inside a word that is longer.

    "P = .04" and "n = 79" are never torn apart, nor what a no-break space joins.

    >>> wrap("Clinically metastatic internal mammary node", 40)
    ('Clinically metastatic internal', 'mammary node')
    """
    joined = re.sub(r" ([=<>≤≥]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text.strip())
    lines = [""]
    for word in re.split(" +", joined):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and text_width(lines[-1] + letter, size, bold=bold) > width:
                lines.append("")
            lines[-1] += letter
    found = tuple(line.replace("\N{NO-BREAK SPACE}", " ") for line in lines if line)
    return found or ("",)


def balance(text: str, width: float, size: float = BODY) -> tuple[str, ...]:
    """Return the fewest lines of at most `width` millimetres, of lengths as even as that allows."""
    lines = wrap(text, width, size)
    for step in range(1, 20 if len(lines) > 1 else 0):
        narrower = wrap(text, width * (1 - step / 40), size)
        if len(narrower) > len(lines):
            break
        lines = narrower
    return lines


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers between low and high.

    >>> round_ticks(0, 0.57, 6)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    ticks = MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(float(tick), 10) for tick in ticks if low <= tick <= high]


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: where it starts, in millimetres, and the lines of its label."""

    x: float
    y: float
    lines: tuple[str, ...]

    @property
    def foot(self) -> float:
        """The lower edge of its last line."""
        return self.y + PITCH * len(self.lines) + 0.4


def keys(labels: Sequence[str], width: float, sample: float) -> tuple[Key, ...]:
    """Return the entries of a legend that fills rows of that width.

    Each is a sample of `sample` millimetres, a gap of 1.5 and its label, wrapped where it is wider than a row.
    """
    found: list[Key] = []
    x = y = 0.0
    for label in labels:
        lines = wrap(label, width - sample - 1.5)
        needed = sample + 1.5 + max(text_width(line) for line in lines)
        if x > 0 and x + needed > width:
            x, y = 0.0, max(key.foot for key in found)
        found.append(Key(x, y, lines))
        x += needed + 5.0
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A figure measured in millimetres from its top left corner, y downwards."""

    figure: Figure
    width: float
    height: float
    transform: Transform

    @classmethod
    def of(cls, width: float, height: float) -> "Sheet":
        """Return an empty white sheet of that size."""
        figure = Figure(figsize=(width / 25.4, height / 25.4), dpi=300, facecolor="white")
        page = Affine2D().scale(1 / 25.4, -1 / 25.4).translate(0, height / 25.4)
        return cls(figure, width, height, page + figure.dpi_scale_trans)

    def text(self, x: float, y: float, text: str, **style: Style) -> None:
        """Write one line of text with its baseline at y."""
        options: dict[str, Any] = {"fontsize": BODY, "color": INK, "ha": "left", "va": "baseline", **style}
        self.figure.text(x, y, text, transform=self.transform, **options)

    def lines(self, x: float, y: float, lines: Sequence[str], pitch: float = PITCH, **style: Style) -> None:
        """Write several lines of text, the first with its baseline at y."""
        for index, line in enumerate(lines):
            self.text(x, y + index * pitch, line, **style)

    def centred(self, x: float, y: float, lines: Sequence[str], **style: Style) -> None:
        """Write lines around the middle x, moved inwards where they would leave the sheet."""
        half = max((text_width(line) for line in lines), default=0.0) / 2
        inside = min(max(x, half + 0.5), max(self.width - half - 0.5, half + 0.5))
        self.lines(inside, y, lines, ha="center", **style)

    def rule(self, x: Sequence[float], y: Sequence[float], **style: Style) -> None:
        """Draw a line through the points."""
        options: dict[str, Any] = {"color": INK, "linewidth": 0.6, **style}
        self.figure.add_artist(Line2D(x, y, transform=self.transform, **options))

    def box(self, x: float, y: float, width: float, height: float, **style: Style) -> None:
        """Draw a rectangle whose top left corner is at (x, y)."""
        options: dict[str, Any] = {"facecolor": "none", "edgecolor": "none", "linewidth": 0.6, **style}
        self.figure.add_artist(Rectangle((x, y), width, height, transform=self.transform, **options))

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Return axes whose top left corner is at (x, y)."""
        bottom = self.height - y - height
        return self.figure.add_axes(
            (x / self.width, bottom / self.height, width / self.width, height / self.height), facecolor="none"
        )
