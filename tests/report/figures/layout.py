"""What a reader would call badly set: text outside the sheet, text upon text, text upon a curve."""

from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from counterpoise.report.figures.style import drawing_style

_TOUCH = 1.5  # pixels at 300 dots an inch: boxes include the side bearings of their letters


def boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return every text that is drawn, with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    with drawing_style():
        canvas.draw()
        renderer: Any = canvas.get_renderer()
        found: Any = figure.findobj(Text)
        texts = [text for text in found if text.get_visible() and text.get_text().strip()]
        return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


def strings(figure: Figure) -> list[str]:
    return [text for text, _ in boxes(figure)]


def faults(figure: Figure) -> list[str]:
    """Return what is clipped or collides, in words; nothing when the figure is well set."""
    placed = boxes(figure)
    width, height = figure.bbox.width, figure.bbox.height
    found = [
        f"{text!r} leaves the sheet"
        for text, box in placed
        if box.x0 < -_TOUCH or box.y0 < -_TOUCH or box.x1 > width + _TOUCH or box.y1 > height + _TOUCH
    ]
    for (one, first), (other, second) in combinations(placed, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        if across > _TOUCH and down > 3 * _TOUCH:
            found.append(f"{one!r} collides with {other!r}")
    return found
