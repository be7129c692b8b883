"""Survival curves with the numbers at risk below them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures.placement import SAMPLE, Block, Line, Rectangle, place
from counterpoise.report.figures.records import SurvivalFigure, SurvivalLine, SurvivalPanel
from counterpoise.report.figures.style import (
    BODY,
    COLOURS,
    DASHES,
    DOUBLE,
    LETTER,
    MIDDLE,
    PITCH,
    SINGLE,
    SMALL,
    TITLE,
    Sheet,
    balance,
    keys,
    text_width,
    wrap,
)

_EDGE = 0.5  # mm left free around the sheet
_AXIS_LEFT = 12.0  # mm for a y label of one line and its tick labels
_Y_LABEL = 8.6  # mm from the axis to the middle of the y label
_GUTTER = 5.0  # mm between two panels of one row
_BETWEEN_ROWS = 4.0
_TITLE_PITCH = 3.8
_BELOW = 11.5  # mm from the axis to the baseline of the at-risk title
_TALLEST = 72.0  # mm, highest axes
_LINE = 1.2  # points, width of a curve
_HAIRS = 5000  # corners and censoring marks that an axis can show apart


@dataclass(frozen=True, slots=True)
class _Layout:
    """One size for all panels, so that their axes line up; millimetres."""

    columns: int
    width: float
    left: float
    axis_width: float
    axis_height: float
    at_risk_size: float
    label_beside: bool


@dataclass(frozen=True, slots=True)
class _Placed:
    """A panel with its text blocks: those that found a place inside, and those that stand above the axes."""

    panel: SurvivalPanel
    inside: tuple[tuple[Block, Rectangle], ...]
    above: tuple[Block, ...]
    title: tuple[str, ...]

    def top(self) -> float:
        """Return the millimetres of title and blocks above the axes."""
        title = 3.2 + _TITLE_PITCH * len(self.title) if self.title else 1.8
        return title + sum(block.height + 0.8 for block in self.above)


def draw_survival(record: SurvivalFigure) -> Figure:
    """Draw the panels in one or two columns, each with its numbers at risk.

    Curves run from 0 to 100 % and to the last tick. The annotation stands where no curve and no band runs,
    or else above the axes; so does the legend, which stands above all panels when they show the same arms.
    """
    layout = _lay_out(record)
    width = layout.columns * layout.width + (layout.columns - 1) * _GUTTER
    panels, labels = _arrange(record, layout)
    legend_keys = keys(labels, width - 2 * _EDGE, SAMPLE)
    legend = max((key.foot + 1.2 for key in legend_keys), default=0.0)
    rows = [panels[start : start + layout.columns] for start in range(0, len(panels), layout.columns)]
    tops = [max(panel.top() for panel in row) for row in rows]
    heights = [
        top + layout.axis_height + max(_below(placed.panel, layout) for placed in row)
        for top, row in zip(tops, rows, strict=True)
    ]
    sheet = Sheet.of(width, legend + sum(heights) + _BETWEEN_ROWS * (len(rows) - 1))
    for arm, key in enumerate(legend_keys):
        _key(sheet, _EDGE + key.x, key.y + 3.6, key.lines, arm)
    letters = iter("ABCD" if len(panels) > 1 else [""])
    y = legend
    for row, top, height in zip(rows, tops, heights, strict=True):
        for column, placed in enumerate(row):
            x = column * (layout.width + _GUTTER)
            _title(sheet, placed.title, x + _EDGE, y + 4.2, next(letters))
            _panel(sheet, placed, layout, x, y + top)
        y += height + _BETWEEN_ROWS
    return sheet.figure


def _shared_labels(record: SurvivalFigure) -> tuple[str, ...]:
    """Return the arms if there are several and all panels show the same ones, and else nothing."""
    labels = {tuple(curve.label for curve in panel.curves) for panel in record.panels}
    first = next(iter(labels))
    return first if len(labels) == 1 and len(first) > 1 else ()


def _lay_out(record: SurvivalFigure) -> _Layout:
    """Return the narrowest layout in which no number at risk touches its neighbour."""
    widths = [(2, SINGLE) if len(record.panels) > 1 else (1, SINGLE), (1, MIDDLE), (1, DOUBLE)]
    layouts = [_layout(record, columns, width, size) for (columns, width), size in product(widths, (BODY, SMALL))]
    return next((layout for layout in layouts if _fits(record, layout)), layouts[-1])


def _layout(record: SurvivalFigure, columns: int, width: float, size: float) -> _Layout:
    curves = [curve for panel in record.panels for curve in panel.curves]
    first = max(text_width(curve.at_risk[0], size) for curve in curves) / 2
    last = max(text_width(curve.at_risk[-1], size) for curve in curves) / 2
    label = max(text_width(curve.label, size) for curve in curves) + _EDGE + 1.5 + first
    beside = label <= 0.33 * width
    right = max(2.5, last + _EDGE)
    height = min(0.78 * (width - right - max(_AXIS_LEFT, label if beside else first)), _TALLEST)
    lines = max(len(wrap(panel.y_label, height)) for panel in record.panels)
    left = max(_AXIS_LEFT + PITCH * (lines - 1), label if beside else first + _EDGE)
    return _Layout(columns, width, left, width - left - right, height, size, beside)


def _fits(record: SurvivalFigure, layout: _Layout) -> bool:
    """Return whether neighbours in every row of numbers, and in the tick labels, stay apart."""
    for panel in record.panels:
        x = _share(panel, np.array(panel.ticks)) * layout.axis_width
        rows = [(curve.at_risk, layout.at_risk_size) for curve in panel.curves]
        for strings, size in [*rows, ([f"{tick:g}" for tick in panel.ticks], BODY)]:
            half = np.array([text_width(text, size) for text in strings]) / 2
            if (np.diff(x) < half[1:] + half[:-1] + 1.0).any():
                return False
    return True


def _share(panel: SurvivalPanel, time: Floats) -> Floats:
    """Return times as shares of the axis."""
    return (time - panel.ticks[0]) / (panel.ticks[-1] - panel.ticks[0])


def _arrange(record: SurvivalFigure, layout: _Layout) -> tuple[list[_Placed], tuple[str, ...]]:
    """Return the panels with their texts in place, and the arms of a legend that stands above all of them.

    One panel has its legend among the curves if there is room. Type is small if that brings all texts inside.
    """
    shared = _shared_labels(record)
    panels: list[_Placed] = []
    for legend, size in product((False,) if shared and len(record.panels) > 1 else (True, False), (BODY, SMALL)):
        panels = [
            _find_places(panel, _title_lines(record, panel, layout), layout, blocks)
            for panel in record.panels
            for blocks in (_blocks(panel, layout, size, legend=legend or not shared),)
        ]
        if not any(placed.above for placed in panels):
            return panels, () if legend else shared
    return panels, shared


def _title_lines(record: SurvivalFigure, panel: SurvivalPanel, layout: _Layout) -> tuple[str, ...]:
    several = len(record.panels) > 1
    lines = wrap(panel.title, layout.width - (5.0 if several else 0.0) - 2 * _EDGE, TITLE)
    return lines if several or panel.title else ()


def _find_places(panel: SurvivalPanel, title: tuple[str, ...], layout: _Layout, blocks: tuple[Block, ...]) -> _Placed:
    """Place the blocks together or apart, clear of the bands if possible, or else above the axes."""
    if not blocks:
        return _Placed(panel, (), (), title)
    joined = (Block(tuple(line for block in blocks for line in block.lines), blocks[0].size),)
    for bands, group in product((True, False) if _shows_bands(panel) else (False,), (joined, blocks)):
        found = place(group, _obstacles(panel, layout, bands=bands), layout.axis_width, layout.axis_height)
        if found is not None:
            return _Placed(panel, tuple(zip(group, found, strict=True)), (), title)
    return _Placed(panel, (), blocks, title)


def _blocks(panel: SurvivalPanel, layout: _Layout, size: float, *, legend: bool) -> tuple[Block, ...]:
    """Return the legend and the annotation, wrapped to the axes."""
    width = layout.axis_width - 3.0
    keys: list[Line] = []
    for arm, curve in enumerate(panel.curves if legend and len(panel.curves) > 1 else ()):
        first, *rest = wrap(curve.label, width - SAMPLE - 1.5, size)
        keys += [Line(first, arm, indent=True), *(Line(text, indent=True) for text in rest)]
    notes = [Line(line) for text in panel.annotation for line in wrap(text, width, size)]
    return tuple(Block(tuple(lines), size) for lines in (keys, notes) if lines)


def _steps(curve: SurvivalLine, end: float, values: Floats) -> tuple[Floats, Floats]:
    """Return the corners' times and values, starting from 1 at time 0 and cut at `end`.

    Of the corners nearer than a hair's breadth the last one stays: millions of patients make no larger figure.
    """
    inside = (curve.time > 0) & (curve.time <= end)
    at_zero = values[curve.time <= 0]
    time = np.concatenate(([0.0], curve.time[inside]))
    value = np.concatenate(([at_zero[-1] if at_zero.size else 1.0], values[inside]))
    if curve.time.size and curve.time.max() > end:
        time, value = np.append(time, end), np.append(value, value[-1])
    is_last = np.append(np.diff(np.floor(time / end * _HAIRS)) > 0, True)
    is_last[0] = True
    return time[is_last], value[is_last]


def _shows_bands(panel: SurvivalPanel) -> bool:
    return len(panel.curves) <= 2 if panel.bands is None else panel.bands


def _obstacles(panel: SurvivalPanel, layout: _Layout, *, bands: bool) -> Floats:
    """Return (k, 4) rectangles, mm of the axes, that the steps (and bands) of all curves occupy."""
    found: list[Floats] = [np.empty((0, 4))]
    for curve in panel.curves:
        time, survival = _steps(curve, panel.ticks[-1], curve.survival)
        x, y = _share(panel, time) * layout.axis_width, survival * layout.axis_height
        low, high = y, y
        if bands:
            low = np.fmin(_steps(curve, panel.ticks[-1], curve.lower)[1] * layout.axis_height, y)
            high = np.fmax(_steps(curve, panel.ticks[-1], curve.upper)[1] * layout.axis_height, y)
        found.append(np.column_stack((x[:-1], low[:-1], x[1:], high[:-1])))
        found.append(np.column_stack((x[1:], np.minimum(y[1:], y[:-1]), x[1:], y[:-1])))
    return np.concatenate(found)


def _below(panel: SurvivalPanel, layout: _Layout) -> float:
    """Return the millimetres that tick labels, x label and numbers at risk take below the axes."""
    rows = sum(1 if layout.label_beside else 1 + len(_label_lines(curve, layout)) for curve in panel.curves)
    rows += len(_x_label(panel, layout)) - 1 + len(_at_risk_title(panel, layout)) - 1
    return _BELOW + PITCH * rows + 1.5


def _x_label(panel: SurvivalPanel, layout: _Layout) -> tuple[str, ...]:
    return balance(panel.x_label, layout.axis_width)


def _at_risk_title(panel: SurvivalPanel, layout: _Layout) -> tuple[str, ...]:
    return wrap(panel.at_risk_title, layout.width - 2 * _EDGE, layout.at_risk_size)


def _label_lines(curve: SurvivalLine, layout: _Layout) -> tuple[str, ...]:
    return wrap(curve.label, layout.width - 2 * _EDGE, layout.at_risk_size)


def _title(sheet: Sheet, title: tuple[str, ...], x: float, y: float, letter: str) -> None:
    if letter:
        sheet.text(x, y, letter, fontsize=LETTER, fontweight="bold")
    sheet.lines(x + (5.0 if letter else 0.0), y, title, _TITLE_PITCH, fontsize=TITLE)


def _key(sheet: Sheet, x: float, baseline: float, lines: tuple[str, ...], arm: int, size: float = BODY) -> None:
    """Write the name of an arm after a piece of its line."""
    level = (baseline - 0.9, baseline - 0.9)
    sheet.rule((x, x + SAMPLE), level, color=COLOURS[arm], linestyle=DASHES[arm], linewidth=_LINE)
    sheet.lines(x + SAMPLE + 1.5, baseline, lines, fontsize=size)


def _panel(sheet: Sheet, placed: _Placed, layout: _Layout, x: float, y: float) -> None:
    """Draw one panel whose axes begin at height y, its left edge at x."""
    panel, left, foot = placed.panel, x + layout.left, y + layout.axis_height
    _curves(sheet.axes(left, y, layout.axis_width, layout.axis_height), panel)
    lines = balance(panel.y_label, layout.axis_height)
    for index, line in enumerate(lines):
        at = left - _Y_LABEL - PITCH * (len(lines) - 1 - index)
        sheet.text(at, y + layout.axis_height / 2, line, rotation=90, ha="center", va="center")
    x_label = _x_label(panel, layout)
    sheet.lines(left + layout.axis_width / 2, foot + 7.2, x_label, ha="center")
    top = y - sum(block.height + 0.8 for block in placed.above) - 0.8
    for block in placed.above:
        _write(sheet, block, left, top)
        top += block.height + 0.8
    for block, at in placed.inside:
        _write(sheet, block, left + at[0], foot - at[3])
    _at_risk(sheet, panel, layout, x, foot + _BELOW + PITCH * (len(x_label) - 1))


def _write(sheet: Sheet, block: Block, x: float, y: float) -> None:
    for line, baseline in zip(block.lines, block.baselines(), strict=True):
        if line.arm is not None:
            _key(sheet, x, y + baseline, (line.text,), line.arm, block.size)
        else:
            sheet.text(x + block.left(line), y + baseline, line.text, fontsize=block.size)


def _curves(axes: Axes, panel: SurvivalPanel) -> None:
    start, end = panel.ticks[0], panel.ticks[-1]
    clip = start > 0
    for curve, colour, dashes in zip(panel.curves, COLOURS, DASHES, strict=False):
        time, survival = _steps(curve, end, curve.survival)
        if _shows_bands(panel):
            low, high = (100 * _steps(curve, end, values)[1].repeat(2)[:-1] for values in (curve.lower, curve.upper))
            axes.fill_between(time.repeat(2)[1:], low, high, color=colour, alpha=0.13, linewidth=0, zorder=1)
        axes.step(
            time, 100 * survival, where="post", color=colour, linestyle=dashes, linewidth=_LINE, clip_on=clip, zorder=3
        )
        censored = curve.censor_times[curve.censor_times <= end]
        censored = censored[np.unique(np.floor(censored / end * _HAIRS), return_index=True)[1]]
        height = 100 * survival[np.maximum(np.searchsorted(time, censored, side="right") - 1, 0)]
        axes.plot(
            censored, height, linestyle="none", marker="|", markersize=4.0, markeredgewidth=0.7, color=colour,
            clip_on=clip, zorder=4,
        )  # fmt: skip
    axes.set_xlim(start, end)
    axes.set_ylim(0, 100)
    axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
    axes.set_yticks(range(0, 101, 20))


def _at_risk(sheet: Sheet, panel: SurvivalPanel, layout: _Layout, x: float, y: float) -> None:
    """Write the numbers at risk, each centred under its tick, in the colour of its arm."""
    title = _at_risk_title(panel, layout)
    sheet.lines(x + _EDGE, y, title, fontsize=layout.at_risk_size)
    y += PITCH * (len(title) - 1)
    ticks = x + layout.left + _share(panel, np.array(panel.ticks)) * layout.axis_width
    for curve, colour in zip(panel.curves, COLOURS, strict=False):
        style = {"fontsize": layout.at_risk_size, "color": colour}
        for line in (curve.label,) if layout.label_beside else _label_lines(curve, layout):
            y += PITCH
            sheet.text(x + _EDGE, y, line, **style)
        y += 0.0 if layout.label_beside else PITCH
        for tick, number in zip(ticks.tolist(), curve.at_risk, strict=True):
            sheet.text(tick, y, number, ha="center", **style)
