"""From record to figure, from figure to bytes, and from many figures to files."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from counterpoise.errors import InputError
from counterpoise.report.figures.records import (
    DistanceFigure,
    FigureRecord,
    FlowFigure,
    ForestFigure,
    JitterFigure,
    LoveFigure,
    OverlapFigure,
    SurvivalFigure,
    ToxicityFigure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "pdf", "png"]

_DRAWN_BY: dict[type, str] = {
    SurvivalFigure: "survival",
    FlowFigure: "flow",
    ForestFigure: "forest",
    LoveFigure: "love",
    OverlapFigure: "overlap",
    JitterFigure: "jitter",
    DistanceFigure: "distance",
    ToxicityFigure: "toxicity",
}
_SAVED_WITH: dict[Format, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
    "png": {"pil_kwargs": {"compress_level": 4}},  # as small as the default, a fifth faster
}
_ONE_DRAWING = b"""
#set document(date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image("figure.svg")
"""
_DOTS_AN_INCH = 300
_WORTH_A_WORKER = 3  # figures: fewer are drawn before a second process has started


def draw(record: FigureRecord) -> "Figure":
    """Draw a record as a matplotlib figure; its size is fixed in millimetres by its content.

    >>> from counterpoise.report.figures import FlowBox
    >>> figure = draw(FlowFigure(FlowBox("Screened", 208), (), FlowBox("Included", 146), ()))
    >>> round(figure.get_figwidth() * 25.4)  # a double column, mm
    175
    """
    from counterpoise.report.figures.style import drawing_style, families_for

    topic = _DRAWN_BY.get(type(record))
    if topic is None:
        raise InputError(f"`record` must be a figure record; it is a {type(record).__name__}.")
    module = import_module(f"counterpoise.report.figures.{topic}")
    with drawing_style(families_for("".join(_strings(record)))):
        return getattr(module, f"draw_{topic}")(record)


def figure_files(
    name: str, record: FigureRecord, formats: Sequence[Format] = ("svg", "pdf", "png")
) -> dict[str, bytes]:
    """Return the files of one figure, `{"name.svg": bytes, ...}`: the same bytes for the same name and record.

    SVG text is drawn as paths, because a reader without the font would see other widths; only where no
    installed font knows a character does it stay text, for the reader's own fonts to draw. PNG has 300 dots
    an inch. PDF and PNG are made from the SVG, with the same paths.

    >>> from counterpoise.report.figures import FlowBox
    >>> record = FlowFigure(FlowBox("Screened", 208), (), FlowBox("Included", 146), ())
    >>> list(figure_files("flow", record, ("svg", "png")))
    ['flow.svg', 'flow.png']
    """
    from counterpoise.report.figures.style import drawing_style, families_for, missing_characters

    for kind in formats:
        if kind not in _SAVED_WITH:
            raise InputError(f"`formats` must be among svg, pdf, png; {kind!r} is not.")
    figure = draw(record)
    letters = "".join(_strings(record))
    families = families_for(letters)
    as_paths = not missing_characters(letters)
    settings = {"svg.hashsalt": name, "svg.fonttype": "path" if as_paths else "none"}

    def saved(kind: Format) -> bytes:
        buffer = io.BytesIO()
        with drawing_style(families, **settings):
            figure.savefig(buffer, format=kind, **_SAVED_WITH[kind])
        return buffer.getvalue()

    svg = saved("svg") if as_paths or "svg" in formats else b""
    made: dict[Format, Callable[[], bytes]] = {
        "svg": lambda: svg,
        "pdf": lambda: _converted(svg, "pdf") if as_paths else saved("pdf"),
        "png": lambda: _converted(svg, "png") if as_paths else saved("png"),
    }
    return {f"{name}.{kind}": made[kind]() for kind in formats}


def _converted(svg: bytes, kind: Literal["pdf", "png"]) -> bytes:
    """Return a drawing whose letters are paths in its own size, for a fraction of the work of drawing it anew."""
    import typst

    files: Any = {"main.typ": _ONE_DRAWING, "figure.svg": svg}
    made = typst.compile(files, format=kind, ppi=float(_DOTS_AN_INCH), ignore_system_fonts=True)
    return made if kind == "pdf" else _with_resolution(made)


def _with_resolution(png: bytes) -> bytes:
    """Return the picture with its dots an inch written into it, behind its header of 33 bytes (PNG, chunk pHYs)."""
    dots_a_metre = round(_DOTS_AN_INCH / 0.0254)
    chunk = b"pHYs" + struct.pack(">IIB", dots_a_metre, dots_a_metre, 1)
    return png[:33] + struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _strings(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _strings(getattr(value, field.name))


def unprintable_characters(record: object) -> str:
    """Return the characters of a figure, or of any other record, that no font on this machine knows, sorted.

    Latin, Greek and Cyrillic are always known. Chinese, Japanese and Korean are drawn with the system's own
    fonts; where there are none, PDF and PNG show placeholder boxes and SVG leaves them to the reader's fonts.

    >>> from counterpoise.report.figures import FlowBox
    >>> unprintable_characters(FlowFigure(FlowBox("κ ≥ 0·8 – Größe", 208), (), FlowBox("Вошли", 146), ()))
    ''
    """
    from counterpoise.report.figures.style import missing_characters

    return missing_characters("".join(_strings(record)))


def _cost(record: FigureRecord) -> int:
    return len(record.panels) if isinstance(record, SurvivalFigure | ToxicityFigure) else 1


def write_figures(
    figures: Mapping[str, FigureRecord],
    folder: Path | str,
    formats: Sequence[Format] = ("svg", "pdf", "png"),
    *,
    processes: int = 2,
    progress: Callable[[str], None] | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Draw every figure and write its files to `folder`; return the paths by figure, in the order given.

    `progress` is called with the name of each figure when it is done, in whatever order that happens.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = render_figures(figures, formats, processes=processes, progress=progress)
    paths: dict[str, tuple[Path, ...]] = {}
    for name, files in drawn.items():
        for file, content in files.items():
            (folder / file).write_bytes(content)
        paths[name] = tuple(folder / file for file in files)
    return paths


def render_figures(
    figures: Mapping[str, FigureRecord],
    formats: Sequence[Format] = ("svg", "pdf", "png"),
    *,
    processes: int = 2,
    progress: Callable[[str], None] | None = None,
) -> dict[str, dict[str, bytes]]:
    """Return the files of every figure by name, drawn in up to `processes` processes.

    The bytes do not depend on `processes`. Where a second process cannot start, all is drawn in this one.
    """
    from counterpoise.report.figures.workers import draw_all

    tasks = sorted(figures.items(), key=lambda task: -_cost(task[1]))  # the longest first, so that none ends alone
    count = min(processes, len(tasks)) if len(tasks) >= _WORTH_A_WORKER else 1
    drawn = draw_all(tasks, formats, count, progress or (lambda name: None))
    return {name: drawn[name] for name in figures}
