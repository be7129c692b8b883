"""Where in a plot a few lines of text can stand without touching a curve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.report.figures.style import BODY, PITCH, text_width

SAMPLE = 7.0  # mm of line before the name of an arm
_GAP = 1.5  # mm after the sample
_CLEAR = 1.0  # mm kept between text and curves
_STEP = 2.0  # mm between the places that are tried
_APART = 1.0  # mm between the legend and the annotation of one block
Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; `arm` is the curve whose sample stands before it, `indent` makes room for a sample."""

    text: str
    arm: int | None = None
    indent: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stay together, measured in millimetres."""

    lines: tuple[Line, ...]
    size: float = BODY

    @property
    def width(self) -> float:
        """The widest line with its sample."""
        return max((self.left(line) + text_width(line.text, self.size) for line in self.lines), default=0.0)

    @property
    def height(self) -> float:
        """From the top of the first line to the foot of the last."""
        return (self.baselines()[-1] + 0.7) if self.lines else 0.0

    @staticmethod
    def left(line: Line) -> float:
        """Return where the text of a line begins."""
        return SAMPLE + _GAP if line.indent else 0.0

    def baselines(self) -> tuple[float, ...]:
        """Return the baseline of each line, from the top of the block."""
        pitch = PITCH * self.size / BODY
        found: list[float] = []
        for number, line in enumerate(self.lines):
            apart = number > 0 and self.lines[number - 1].indent and not line.indent
            found.append((found[-1] + pitch if found else 0.72 * pitch) + (_APART if apart else 0.0))
        return tuple(found)


def is_free(rectangle: Rectangle, obstacles: Floats) -> bool:
    """Return whether a rectangle keeps clear of every obstacle, (k, 4) of left, bottom, right, top.

    >>> is_free((0, 0, 10, 5), np.array([[0, 20, 60, 40]]))
    True
    """
    left, bottom, right, top = rectangle
    hit: Bools = (
        (obstacles[:, 0] < right + _CLEAR)
        & (obstacles[:, 2] > left - _CLEAR)
        & (obstacles[:, 1] < top + _CLEAR)
        & (obstacles[:, 3] > bottom - _CLEAR)
    )
    return not hit.any()


def _candidates(block: Block, width: float, height: float) -> Iterator[Rectangle]:
    """Yield where a block may stand: corners first, then along the bottom, along the top, then anywhere."""
    right, top = width - block.width - 0.5, height - block.height
    if right < 2 or top < 0.8:
        return
    along = [*np.arange(2.0, right, _STEP).tolist(), right]
    up = [*np.arange(0.8, top, _STEP).tolist(), top]
    corners = [(2.0, 0.8), (right, top), (right, 0.8)]
    edges = [(x, 0.8) for x in along] + [(x, top) for x in reversed(along)]
    for x, y in (*corners, *edges, *((x, y) for y in up for x in along)):
        yield x, y, x + block.width, y + block.height


def place(blocks: Sequence[Block], obstacles: Floats, width: float, height: float) -> tuple[Rectangle, ...] | None:
    """Return a free place for each block in a plot of that size, or None unless all of them have one.

    >>> place([Block((Line("P = .04"),))], np.empty((0, 4)), 60, 45)[0][:2]
    (2.0, 0.8)
    """
    found: list[Rectangle] = []
    for block in blocks:
        free = next((at for at in _candidates(block, width, height) if is_free(at, obstacles)), None)
        if free is None:
            return None
        found.append(free)
        obstacles = np.vstack((obstacles, free))
    return tuple(found)
