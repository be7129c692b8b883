"""Survival curves with the numbers at risk below them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.report.figures.records import SurvivalFigure, SurvivalLine, SurvivalPanel
from counterpoise.report.figures.style import (
    BODY,
    COLOURS,
    DASHES,
    DOUBLE,
    GREY,
    INK,
    LETTER,
    MIDDLE,
    PITCH,
    SINGLE,
    SMALL,
    TITLE,
    Sheet,
    text_width,
    wrap,
)

_AXIS_LEFT = 12.0  # mm for the y label and its tick labels
_GUTTER = 5.0  # mm between two panels of one row
_SAMPLE = 7.0  # mm of line in the legend
_CLEAR = 1.2  # mm between a text block and a curve
_CAP = 2.0  # mm from a block's top to its first baseline
_BELOW = 11.5  # mm from the axis to the baseline of the at-risk title
_Rectangle = tuple[float, float, float, float]  # left, bottom, right, top in mm of the axes


@dataclass(frozen=True, slots=True)
class _Layout:
    """One size for all panels, so that their axes line up; millimetres."""

    columns: int
    width: float
    left: float
    right: float
    axis_width: float
    axis_height: float
    at_risk_size: float
    label_beside: bool


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of text to be placed where no curve runs; `keys` are the arms of the legend lines."""

    lines: tuple[str, ...]
    keys: tuple[int, ...] = ()

    @property
    def indent(self) -> float:
        return _SAMPLE + 1.5 if self.keys else 0.0

    @property
    def width(self) -> float:
        widths = [text_width(line) + (self.indent if row < len(self.keys) else 0) for row, line in enumerate(self.lines)]
        return max(widths, default=0.0)

    @property
    def height(self) -> float:
        return PITCH * len(self.lines)


def draw_survival(record: SurvivalFigure) -> Figure:
    """Draw the panels in one or two columns, each with its numbers at risk.

    Curves run from 0 to 100 % and to the last tick. The legend, in the first panel when all panels show the
    same arms, and the annotation stand where no curve and no band runs, or else above the axes.
    """
    layout = _lay_out(record)
    shared = len({tuple(curve.label for curve in panel.curves) for panel in record.panels}) == 1
    blocks = [_blocks(panel, layout, legend=not (shared and index)) for index, panel in enumerate(record.panels)]
    places = [_place(panel, layout, block) for panel, block in zip(record.panels, blocks, strict=True)]
    rows = [range(start, min(start + layout.columns, len(record.panels))) for start in range(0, len(record.panels), layout.columns)]
    tops = [max(_top(record, index, layout, places[index]) for index in row) for row in rows]
    heights = [
        top + layout.axis_height + max(_below(record.panels[index], layout) for index in row)
        for top, row in zip(tops, rows, strict=True)
    ]
    sheet = Sheet.of(layout.columns * layout.width + (layout.columns - 1) * _GUTTER, sum(heights) + 4 * (len(rows) - 1))
    y = 0.0
    for row, top, height in zip(rows, tops, heights, strict=True):
        for column, index in enumerate(row):
            x = column * (layout.width + _GUTTER)
            _heading(sheet, record, index, x, y, layout)
            _panel(sheet, record.panels[index], layout, places[index], x, y + top)
        y += height + 4
    return sheet.figure


def _lay_out(record: SurvivalFigure) -> _Layout:
    """Return the narrowest layout in which no number at risk touches its neighbour."""
    several = len(record.panels) > 1
    tries = [(2, SINGLE), (1, MIDDLE), (1, DOUBLE)] if several else [(1, SINGLE), (1, MIDDLE), (1, DOUBLE)]
    layouts = [
        _layout(record, columns, width, size) for columns, width in tries for size in (BODY, SMALL)
    ]
    return next((layout for layout in layouts if _fits(record, layout)), layouts[-1])


def _layout(record: SurvivalFigure, columns: int, width: float, size: float) -> _Layout:
    labels = [curve.label for panel in record.panels for curve in panel.curves]
    edges = [curve.at_risk for panel in record.panels for curve in panel.curves]
    first = max(text_width(strings[0], size) for strings in edges) / 2
    last = max(text_width(strings[-1], size) for strings in edges) / 2
    label = max(text_width(text, size) for text in labels) + 2.0 + first
    beside = label <= 0.33 * width
    left = max(_AXIS_LEFT, label) if beside else max(_AXIS_LEFT, first)
    right = max(2.5, last + 0.3)
    axis_width = width - left - right
    return _Layout(columns, width, left, right, axis_width, min(0.74 * axis_width, 70.0), size, beside)


def _fits(record: SurvivalFigure, layout: _Layout) -> bool:
    """Return whether neighbours in every row of numbers, and in the tick labels, stay apart."""
    for panel in record.panels:
        x = np.array(panel.ticks) / (panel.ticks[-1] - panel.ticks[0]) * layout.axis_width
        rows = [(curve.at_risk, layout.at_risk_size) for curve in panel.curves]
        for strings, size in [*rows, ([f"{tick:g}" for tick in panel.ticks], BODY)]:
            half = np.array([text_width(text, size) for text in strings]) / 2
            if (np.diff(x) < half[1:] + half[:-1] + 1.0).any():
                return False
    return True


def _blocks(panel: SurvivalPanel, layout: _Layout, *, legend: bool) -> tuple[_Block, ...]:
    """Return the legend and the annotation, wrapped to the axes."""
    labels: list[str] = []
    keys: list[int] = []
    widest = layout.axis_width - _SAMPLE - 6
    if legend and len(panel.curves) > 1:
        for index, curve in enumerate(panel.curves):
            lines = wrap(curve.label, widest)
            labels += lines
            keys += [index] + [-1] * (len(lines) - 1)
    note = tuple(line for text in panel.annotation for line in wrap(text, layout.axis_width - 6))
    blocks = (_Block(tuple(labels), tuple(keys)), _Block(note))
    return tuple(block for block in blocks if block.lines)


def _steps(curve: SurvivalLine, end: float, values: Floats) -> tuple[Floats, Floats]:
    """Return the corners' times and values, starting from 1 at time 0 and cut at `end`."""
    inside = (curve.time > 0) & (curve.time <= end)
    at_zero = values[curve.time <= 0]
    time = np.concatenate(([0.0], curve.time[inside]))
    value = np.concatenate(([at_zero[-1] if at_zero.size else 1.0], values[inside]))
    if curve.time.size and curve.time.max() > end:
        time, value = np.append(time, end), np.append(value, value[-1])
    return time, value


def _show_bands(panel: SurvivalPanel) -> bool:
    return len(panel.curves) <= 2 if panel.bands is None else panel.bands


def _obstacles(panel: SurvivalPanel, layout: _Layout, *, bands: bool) -> Floats:
    """Return (k, 4) rectangles, mm of the axes, that the steps (and bands) of all curves occupy."""
    start, end = panel.ticks[0], panel.ticks[-1]
    found: list[Floats] = []
    for curve in panel.curves:
        time, survival = _steps(curve, end, curve.survival)
        low, high = survival, survival
        if bands:
            low = np.fmin(_steps(curve, end, curve.lower)[1], survival)
            high = np.fmax(_steps(curve, end, curve.upper)[1], survival)
        x = (time - start) / (end - start) * layout.axis_width
        if x.size > 1:
            found.append(np.column_stack((x[:-1], low[:-1] * layout.axis_height, x[1:], high[:-1] * layout.axis_height)))
            drop = np.minimum(survival[:-1], survival[1:])
            found.append(np.column_stack((x[1:], drop * layout.axis_height, x[1:], survival[:-1] * layout.axis_height)))
    return np.concatenate(found) if found else np.empty((0, 4))


def _is_free(rectangle: _Rectangle, obstacles: Floats) -> bool:
    left, bottom, right, top = rectangle
    hit: Bools = (
        (obstacles[:, 0] < right + _CLEAR)
        & (obstacles[:, 2] > left - _CLEAR)
        & (obstacles[:, 1] < top + _CLEAR)
        & (obstacles[:, 3] > bottom - _CLEAR)
    )
    return not hit.any()


def _candidates(block: _Block, layout: _Layout) -> list[_Rectangle]:
    """Return where a block may stand: corners first, then along the bottom, along the top, then anywhere."""
    width, height = block.width, block.height
    right, top = layout.axis_width - width - 0.5, layout.axis_height - height
    if right < 2 or top < 1.5:
        return []
    along = [float(x) for x in np.arange(2.0, right, 2.0)] + [right]
    up = [float(y) for y in np.arange(1.5, top, 2.0)] + [top]
    corners = [(2.0, 1.5), (right, top), (right, 1.5)]
    edges = [(x, 1.5) for x in along] + [(x, top) for x in reversed(along)]
    inner = [(x, y) for y in up for x in along]
    return [(x, y, x + width, y + height) for x, y in corners + edges + inner]


def _place(panel: SurvivalPanel, layout: _Layout, blocks: Sequence[_Block]) -> tuple[tuple[_Block, _Rectangle | None], ...]:
    """Return each block with its free place, None where it must stand above the axes."""
    joined = _Block(
        tuple(line for block in blocks for line in block.lines), tuple(key for block in blocks for key in block.keys)
    )
    for bands in (True, False) if _show_bands(panel) else (False,):
        obstacles = _obstacles(panel, layout, bands=bands)
        for group in ((joined,), tuple(blocks)) if blocks else ():
            placed = _place_all(group, layout, obstacles)
            if all(place is not None for _, place in placed):
                return placed
    return tuple((block, None) for block in blocks)


def _place_all(blocks: Sequence[_Block], layout: _Layout, obstacles: Floats) -> tuple[tuple[_Block, _Rectangle | None], ...]:
    placed: list[tuple[_Block, _Rectangle | None]] = []
    for block in blocks:
        place = next((place for place in _candidates(block, layout) if _is_free(place, obstacles)), None)
        placed.append((block, place))
        if place is not None:
            obstacles = np.vstack((obstacles, place))
    return tuple(placed)


def _heading_lines(record: SurvivalFigure, index: int, layout: _Layout) -> tuple[str, ...]:
    title = record.panels[index].title
    return wrap(title, layout.width - (6 if len(record.panels) > 1 else 1), TITLE) if title else ()


def _top(record: SurvivalFigure, index: int, layout: _Layout, places: Sequence[tuple[_Block, _Rectangle | None]]) -> float:
    """Return the millimetres that heading and unplaced blocks take above the axes."""
    lines = max(len(_heading_lines(record, index, layout)), 1 if len(record.panels) > 1 else 0)
    above = sum(block.height + 1 for block, place in places if place is None)
    return 1.5 + 3.8 * lines + (1.5 if lines else 0) + above


def _below(panel: SurvivalPanel, layout: _Layout) -> float:
    """Return the millimetres that tick labels, x label and numbers at risk take below the axes."""
    rows = sum(1 if layout.label_beside else 1 + len(wrap(c.label, layout.width - 1)) for c in panel.curves)
    return _BELOW + PITCH * rows + 1.5


def _heading(sheet: Sheet, record: SurvivalFigure, index: int, x: float, y: float, layout: _Layout) -> None:
    indent = 0.0
    if len(record.panels) > 1:
        sheet.text(x, y + 4.2, "ABCD"[index], fontsize=LETTER, fontweight="bold")
        indent = 5.0
    sheet.lines(x + indent, y + 4.2, _heading_lines(record, index, layout), 3.8, fontsize=TITLE)


def _panel(
    sheet: Sheet,
    panel: SurvivalPanel,
    layout: _Layout,
    places: Sequence[tuple[_Block, _Rectangle | None]],
    x: float,
    y: float,
) -> None:
    axes = sheet.axes(x + layout.left, y, layout.axis_width, layout.axis_height)
    _curves(axes, panel)
    sheet.text(
        x + layout.left - 8.4, y + layout.axis_height / 2, panel.y_label, rotation=90, ha="center", va="center"
    )
    sheet.text(x + layout.left + layout.axis_width / 2, y + layout.axis_height + 7.2, panel.x_label, ha="center")
    above = y - sum(block.height + 1 for block, place in places if place is None) - 0.5
    for block, place in places:
        if place is None:
            _write_block(sheet, block, x + layout.left, above)
            above += block.height + 1
        else:
            _write_block(sheet, block, x + layout.left + place[0], y + layout.axis_height - place[3])
    _at_risk(sheet, panel, layout, x, y + layout.axis_height + _BELOW)


def _curves(axes: Axes, panel: SurvivalPanel) -> None:
    start, end = panel.ticks[0], panel.ticks[-1]
    for index, curve in enumerate(panel.curves):
        colour = COLOURS[index]
        time, survival = _steps(curve, end, curve.survival)
        if _show_bands(panel):
            low, high = _steps(curve, end, curve.lower)[1], _steps(curve, end, curve.upper)[1]
            axes.fill_between(time, 100 * low, 100 * high, step="post", color=colour, alpha=0.13, linewidth=0, zorder=1)
        axes.step(time, 100 * survival, where="post", color=colour, linestyle=DASHES[index], linewidth=1.2, zorder=3)
        censored = curve.censor_times[curve.censor_times <= end]
        if censored.size:
            height = survival[np.searchsorted(time, censored, side="right") - 1]
            axes.plot(
                censored, 100 * height, linestyle="none", marker="|", markersize=4, markeredgewidth=0.7,
                color=colour, zorder=4,
            )  # fmt: skip
    axes.set_xlim(start, end)
    axes.set_ylim(0, 100)
    axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
    axes.set_yticks(range(0, 101, 20))
    for spine in axes.spines.values():
        spine.set_zorder(2.5)


def _write_block(sheet: Sheet, block: _Block, x: float, y: float) -> None:
    """Write the lines of a block whose top left corner is at (x, y), with a piece of line before each arm."""
    for row, line in enumerate(block.lines):
        baseline = y + _CAP + 0.5 + row * PITCH
        is_key = row < len(block.keys)
        if is_key and block.keys[row] >= 0:
            arm = block.keys[row]
            middle = baseline - 0.9
            sheet.rule(
                (x, x + _SAMPLE), (middle, middle), color=COLOURS[arm], linestyle=DASHES[arm], linewidth=1.2
            )
        sheet.text(x + (block.indent if is_key else 0), baseline, line, zorder=5)


def _at_risk(sheet: Sheet, panel: SurvivalPanel, layout: _Layout, x: float, y: float) -> None:
    """Write the numbers at risk, each centred under its tick, in the colour of its arm."""
    sheet.text(x, y, panel.at_risk_title, fontsize=layout.at_risk_size, color=INK)
    ticks = np.array(panel.ticks)
    at = x + layout.left + (ticks - ticks[0]) / (ticks[-1] - ticks[0]) * layout.axis_width
    for index, curve in enumerate(panel.curves):
        colour = COLOURS[index]
        if layout.label_beside:
            y += PITCH
            sheet.text(x, y, curve.label, fontsize=layout.at_risk_size, color=colour)
        else:
            for line in wrap(curve.label, layout.width - 1, layout.at_risk_size):
                y += PITCH
                sheet.text(x, y, line, fontsize=layout.at_risk_size, color=colour)
            y += PITCH
        for position, number in zip(at, curve.at_risk, strict=True):
            sheet.text(float(position), y, number, fontsize=layout.at_risk_size, color=colour or GREY, ha="center")
