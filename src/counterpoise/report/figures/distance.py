"""How near matched patients are to one another, and to the limit that was set."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures.placement import Block, Line, Rectangle, place
from counterpoise.report.figures.records import DistanceFigure
from counterpoise.report.figures.style import COLOURS, GREY, PITCH, SINGLE, Sheet, balance, round_ticks, wrap

_LEFT, _RIGHT, _FOOT = 12.5, 3.0, 9.5  # mm around the axes
_HEIGHT = 48.0  # mm
_WIDTH = SINGLE - _LEFT - _RIGHT
_POINTS = 300  # pairs; the points of more would run together
_HAIRS = 1000  # steps that the axis can show apart


def draw_distance(record: DistanceFigure) -> Figure:
    """Draw the share of pairs that are as near as each distance, a point a pair where there are few."""
    x_label, y_label = balance(record.x_label, _WIDTH), balance(record.y_label, _HEIGHT)
    left = _LEFT + PITCH * (len(y_label) - 1)
    title = () if record.limit is None else wrap(record.limit_label, _WIDTH)
    top = 2.6 + PITCH * len(title)
    distance, share = _steps(record.distance)
    end = 1.06 * max(float(distance[-1]), record.limit or 0.0) or 1.0
    blocks = _blocks(record)
    limit = _WIDTH if record.limit is None else record.limit / end * _WIDTH
    found = _places(blocks, _obstacles(record, distance / end * _WIDTH, share * _HEIGHT, end), limit)
    above = () if found else tuple(line.text for block in blocks for line in block.lines)
    sheet = Sheet.of(left + _WIDTH + _RIGHT, top + PITCH * len(above) + _HEIGHT + _FOOT + PITCH * (len(x_label) - 1))
    sheet.lines(left, 3.6, above)
    top += PITCH * len(above)
    _curve(sheet.axes(left, top, _WIDTH, _HEIGHT), record, (distance, share), end)
    if record.limit is not None:
        sheet.centred(left + limit, top - 1.2 - PITCH * (len(title) - 1), title, color=GREY)
    for index, line in enumerate(y_label):
        sheet.text(4.0 + PITCH * index, top + _HEIGHT / 2, line, rotation=90, ha="center", va="center")
    sheet.lines(left + _WIDTH / 2, top + _HEIGHT + 7.4, x_label, ha="center")
    for block, at in zip(blocks, found or (), strict=False):
        for line, baseline in zip(block.lines, block.baselines(), strict=True):
            sheet.text(left + at[0], top + _HEIGHT - at[3] + baseline, line.text)
    return sheet.figure


def _steps(values: Floats) -> tuple[Floats, Floats]:
    """Return distances in order and the share of pairs as near; of steps nearer than a hair the last one stays."""
    distance = np.sort(values)
    share = np.arange(1, distance.size + 1) / distance.size
    if distance.size > _HAIRS:
        is_last = np.append(np.diff(np.floor(distance / (distance[-1] or 1.0) * _HAIRS)) > 0, True)
        distance, share = distance[is_last], share[is_last]
    return distance, share


def _blocks(record: DistanceFigure) -> tuple[Block, ...]:
    lines = tuple(Line(line) for text in record.annotation for line in wrap(text, _WIDTH - 3.0))
    return (Block(lines),) if lines else ()


def _obstacles(record: DistanceFigure, x: Floats, y: Floats, end: float) -> Floats:
    """Return (k, 4) rectangles, mm of the axes, that the steps, the points and the line of the limit occupy."""
    before = np.concatenate(([0.0], y[:-1]))
    after = np.append(x[1:], _WIDTH)
    found = [np.column_stack((x, before, x, y)), np.column_stack((x, y, after, y)), np.array([[0.0, 0.0, x[0], 0.0]])]
    if record.limit is not None:
        at = record.limit / end * _WIDTH
        found.append(np.array([[at, 0.0, at, _HEIGHT]]))
    return np.concatenate(found)


def _places(blocks: tuple[Block, ...], obstacles: Floats, limit: float) -> tuple[Rectangle, ...] | None:
    """Return a free place for each block: from the lower right, which the steps leave free, left of the limit."""
    for end in (limit, _WIDTH):
        mirrored = np.column_stack((end - obstacles[:, 2], obstacles[:, 1], end - obstacles[:, 0], obstacles[:, 3]))
        found = place(blocks, mirrored, end, _HEIGHT)
        if found is not None:
            return tuple((end - right, low, end - left, high) for left, low, right, high in found)
    return None


def _curve(axes: Axes, record: DistanceFigure, steps: tuple[Floats, Floats], end: float) -> None:
    distance, share = steps
    x, y = np.concatenate(([0.0], distance, [end])), np.concatenate(([0.0], 100 * share, [100.0]))
    axes.step(x, y, where="post", color=COLOURS[0], linewidth=0.9, clip_on=False, zorder=3)
    if record.distance.size <= _POINTS:
        axes.plot(
            distance, 100 * share, linestyle="none", marker="o", markersize=2.4, markerfacecolor=COLOURS[0],
            markeredgecolor="white", markeredgewidth=0.25, clip_on=False, zorder=4,
        )  # fmt: skip
    if record.limit is not None:
        axes.axvline(record.limit, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=2)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 100)
    ticks = round_ticks(0.0, end, 6)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(range(0, 101, 20))
