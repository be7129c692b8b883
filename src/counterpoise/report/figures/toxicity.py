"""Toxicity by grade: stacked bars for each organ and arm, one panel a phase."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from counterpoise.report.figures.records import ToxicityBar, ToxicityFigure, ToxicityPanel
from counterpoise.report.figures.style import (
    DOUBLE,
    GRADES,
    INK,
    LETTER,
    MIDDLE,
    PITCH,
    SINGLE,
    SMALL,
    TITLE,
    Sheet,
    balance,
    keys,
    round_ticks,
    text_width,
    wrap,
)

_BAR = 3.0  # mm, height of a bar
_LINE = 2.9  # mm between the lines of a label
_BETWEEN = 2.4  # mm between two organs
_LABEL = 30.0  # mm, widest label before it is wrapped
_KEY = 3.5  # mm, width of a legend key
_HEAD, _FOOT = 7.0, 9.5
_TITLE_PITCH = 3.8
_GUTTER = 5.0  # mm between panels side by side


@dataclass(frozen=True, slots=True)
class _Layout:
    """Panels side by side, or one below the other where labels are long; millimetres."""

    columns: int
    width: float
    organ_width: float
    arm_width: float
    top: float

    @property
    def left(self) -> float:
        return 0.5 + self.organ_width + 2.5 + self.arm_width + 1.5

    @property
    def axis_width(self) -> float:
        return self.width - self.left - 3


def draw_toxicity(record: ToxicityFigure) -> Figure:
    """Draw bars whose length is the share of patients with any drawn grade, split by grade.

    All panels share one scale; a part prints its label where it is wide enough, the total stands at the end.
    """
    layout = _lay_out(record)
    letters = "ABCDEFGH" if len(record.panels) > 1 else ""
    columns = min(layout.columns, len(record.panels))
    width = columns * layout.width + _GUTTER * (columns - 1)
    legend = max(key.foot for key in keys(record.grades, width - 0.5, _KEY)) + 1.7
    rows = [record.panels[start : start + columns] for start in range(0, len(record.panels), columns)]
    heads = [_HEAD + _TITLE_PITCH * (max(len(_title(panel, layout)) for panel in row) - 1) for row in rows]
    heights = [max(_height(panel, layout) for panel in row) for row in rows]
    foot = _FOOT + PITCH * (len(_x_label(record, layout)) - 1)
    sheet = Sheet.of(width, legend + sum(heads) + sum(heights) + foot * len(rows))
    _legend(sheet, record)
    y = legend
    for start, row, head, height in zip(range(0, len(record.panels), columns), rows, heads, heights, strict=True):
        for column, panel in enumerate(row):
            x = column * (layout.width + _GUTTER)
            letter = letters[start + column : start + column + 1]
            sheet.text(x + 0.5, y + 4.0, letter, fontsize=LETTER, fontweight="bold")
            sheet.lines(x + 5.5 if letter else x + 0.5, y + 4.0, _title(panel, layout), _TITLE_PITCH, fontsize=TITLE)
            _panel(sheet, panel, layout, (x, y + head, height))
            sheet.lines(_middle(layout, x), y + head + height + 7.4, _x_label(record, layout), ha="center")
        y += head + height + foot
    return sheet.figure


def _title(panel: ToxicityPanel, layout: _Layout) -> tuple[str, ...]:
    return wrap(panel.title, layout.width - 6.0, TITLE)


def _x_label(record: ToxicityFigure, layout: _Layout) -> tuple[str, ...]:
    return balance(record.x_label, layout.axis_width)


def _lay_out(record: ToxicityFigure) -> _Layout:
    organs = [organ for panel in record.panels for organ in panel.organs]
    bars = [bar for organ in organs for bar in organ.bars]
    organ_width = min(max((text_width(organ.organ) for organ in organs), default=0.0), _LABEL)
    arm_width = min(max((text_width(bar.arm, SMALL) for bar in bars), default=0.0), _LABEL)
    largest = max((float(np.nansum(bar.percent)) for bar in bars), default=0.0)
    top = min(max(10.0 * ceil(1.15 * largest / 10), 20.0), 115.0)
    are_short = organ_width + arm_width <= _LABEL + 12
    columns, width = (2, SINGLE) if are_short and len(record.panels) > 1 else (1, MIDDLE if are_short else DOUBLE)
    return _Layout(columns, width, organ_width, arm_width, top)


def _bar_pitch(bar: ToxicityBar, layout: _Layout) -> float:
    return max(_BAR + 0.5, _LINE * len(wrap(bar.arm, layout.arm_width + 0.1, SMALL)) + 0.4)


def _organ_height(organ_lines: int, bars: float) -> float:
    return max(bars, _LINE * organ_lines) + _BETWEEN


def _height(panel: ToxicityPanel, layout: _Layout) -> float:
    total = 1.0
    for organ in panel.organs:
        lines = len(wrap(organ.organ, layout.organ_width + 0.1))
        total += _organ_height(lines, sum(_bar_pitch(bar, layout) for bar in organ.bars))
    return total


def _ticks(layout: _Layout) -> list[int]:
    return [int(tick) for tick in round_ticks(0, min(layout.top, 100), 6)]


def _middle(layout: _Layout, x: float) -> float:
    """Return the middle of the part of the axis that has ticks."""
    return x + layout.left + layout.axis_width * _ticks(layout)[-1] / layout.top / 2


def _panel(sheet: Sheet, panel: ToxicityPanel, layout: _Layout, place: tuple[float, float, float]) -> None:
    """Draw one phase at (x, y) on axes of the height that the panels of its row share."""
    x, y, height = place
    axes = sheet.axes(x + layout.left, y, layout.axis_width, height)
    axes.set_xlim(0, layout.top)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    ticks = _ticks(layout)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.spines["bottom"].set_bounds(0, ticks[-1])
    at = 1.0 + _BETWEEN / 2
    for organ in panel.organs:
        lines = wrap(organ.organ, layout.organ_width + 0.1)
        sheet.lines(x + 0.5, y + at + 2.4, lines, _LINE)
        start = at
        for bar in organ.bars:
            names = wrap(bar.arm, layout.arm_width + 0.1, SMALL)
            sheet.lines(x + layout.left - 1.5, y + at + 2.4, names, _LINE, fontsize=SMALL, ha="right")
            _bar(axes, bar, at + _BAR / 2, layout.top / layout.axis_width)
            at += _bar_pitch(bar, layout)
        at = start + _organ_height(len(lines), at - start)


def _bar(axes: Axes, bar: ToxicityBar, middle: float, percent_per_mm: float) -> None:
    start = 0.0
    for grade, percent in enumerate(bar.percent):
        if not percent > 0:
            continue
        axes.barh(middle, percent, _BAR, left=start, color=GRADES[grade], edgecolor="white", linewidth=0.3, zorder=2)
        label = bar.labels[grade] if grade < len(bar.labels) else ""
        if label and text_width(label, SMALL) + 0.8 <= percent / percent_per_mm:
            colour = INK if grade < 2 else "white"
            axes.text(
                start + percent / 2, middle + 0.85, label, fontsize=SMALL, color=colour, ha="center", va="baseline"
            )
        start += float(percent)
    if bar.total:
        axes.text(start + 1.0 * percent_per_mm, middle + 0.85, bar.total, fontsize=SMALL, color=INK, va="baseline")


def _legend(sheet: Sheet, record: ToxicityFigure) -> None:
    for grade, key in enumerate(keys(record.grades, sheet.width - 0.5, _KEY)):
        sheet.box(0.5 + key.x, key.y + 1.4, _KEY, 2.4, facecolor=GRADES[grade])
        sheet.lines(0.5 + key.x + _KEY + 1.5, key.y + 3.5, key.lines)
