"""From record to figure, from figure to bytes, and from many figures to files."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from counterpoise.errors import InputError
from counterpoise.report.figures.records import (
    FigureRecord,
    FlowFigure,
    ForestFigure,
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
    ToxicityFigure: "toxicity",
}
_UNDATED: dict[Format, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def draw(record: FigureRecord) -> "Figure":
    """Draw a record as a matplotlib figure; its size is fixed in millimetres by its content."""
    from counterpoise.report.figures.style import drawing_style

    topic = _DRAWN_BY.get(type(record))
    if topic is None:
        raise InputError(f"`record` must be a figure record; it is a {type(record).__name__}.")
    module = import_module(f"counterpoise.report.figures.{topic}")
    with drawing_style():
        return getattr(module, f"draw_{topic}")(record)


def figure_files(name: str, record: FigureRecord, formats: Sequence[Format] = ("svg", "pdf", "png")) -> dict[str, bytes]:
    """Return the files of one figure, `{"name.svg": bytes, ...}`, the same bytes for the same record."""
    from counterpoise.report.figures.style import drawing_style

    figure = draw(record)
    files: dict[str, bytes] = {}
    for kind in formats:
        buffer = io.BytesIO()
        with drawing_style(**{"svg.hashsalt": name}):
            figure.savefig(buffer, format=kind, metadata=_UNDATED[kind])
        files[f"{name}.{kind}"] = buffer.getvalue()
    return files
