"""The love plot: imbalance before and after adjustment, covariate by covariate."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from counterpoise.report.figures.records import LoveFigure
from counterpoise.report.figures.style import (
    COLOURS,
    DOUBLE,
    GREY,
    MARKERS,
    MIDDLE,
    PITCH,
    STRIPE,
    Sheet,
    balance,
    keys,
    round_ticks,
    text_width,
    wrap,
)

_ROW = 4.0  # mm
_LABEL = 72.0  # mm, widest label before it is wrapped
_PLOT = 62.0  # mm, narrowest plot
_INDENT = 3.0
_EDGE = 1.0


def draw_love(record: LoveFigure) -> Figure:
    """Draw one row a covariate, the largest unadjusted difference on top.

    The first series is hollow and the later ones filled; with groups, rows stay under the heading of their
    covariate and the groups are sorted by their largest member.
    """
    rows = _rows(record)
    label = min(max(text_width(text, bold=index is None) + _INDENT * indent for text, index, indent in rows), _LABEL)
    left = _EDGE + label + 2.5
    width = MIDDLE if left + _PLOT <= MIDDLE - 3 else min(DOUBLE, left + _PLOT + 3)
    lines = [wrap(text, label - _INDENT * indent + 0.1, bold=index is None) for text, index, indent in rows]
    heights = np.array([_ROW + 3.1 * (len(text) - 1) for text in lines])
    height = float(heights.sum())
    legend = _legend_height(record, width - left)
    x_label = balance(record.x_label, width - left - 3)
    sheet = Sheet.of(width, legend + height + 9.5 + PITCH * (len(x_label) - 1))
    tops = legend + np.concatenate(([0.0], heights.cumsum()[:-1]))
    for top, text, (_, index, indent) in zip(tops, lines, rows, strict=True):
        sheet.lines(
            _EDGE + _INDENT * indent, top + _ROW / 2 + 0.95, text, 3.1, fontweight="bold" if index is None else "normal"
        )
    middles = {
        index: float(top) - legend + _ROW / 2
        for top, (_, index, _) in zip(tops, rows, strict=True)
        if index is not None
    }
    _points(sheet, record, middles, (left, legend, width - left - 3, height))
    _legend(sheet, record, left)
    sheet.lines(left + (width - left - 3) / 2, legend + height + 7.4, x_label, ha="center")
    return sheet.figure


def _rows(record: LoveFigure) -> list[tuple[str, int | None, int]]:
    """Return (label, index of the covariate or None for a heading, indent) from top to bottom."""
    first = record.series[0].values
    order = np.argsort(-np.where(np.isnan(first), -1.0, first), kind="stable").tolist()  # NaN comes last
    if record.groups is None:
        return [(record.names[index], index, 0) for index in order]
    rows: list[tuple[str, int | None, int]] = []
    for group in dict.fromkeys(record.groups[index] for index in order):
        members = [index for index in order if record.groups[index] == group]
        if len(members) == 1:
            name = record.names[members[0]]
            rows.append((name if group in name else f"{group}: {name}", members[0], 0))
        else:
            rows.append((group, None, 0))
            rows += [(record.names[index], index, 1) for index in members]
    return rows


def _points(
    sheet: Sheet, record: LoveFigure, middles: dict[int, float], place: tuple[float, float, float, float]
) -> None:
    axes = sheet.axes(*place)
    finite = [series.values[np.isfinite(series.values)] for series in record.series]
    largest = max((float(values.max()) for values in finite if values.size), default=0.0)
    axes.set_xlim(0, max(1.06 * largest, 2.2 * record.threshold))
    axes.set_ylim(place[3], 0)
    axes.set_yticks([])
    ticks = round_ticks(*axes.get_xlim(), 6)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.hlines(list(middles.values()), 0, axes.get_xlim()[1], color=STRIPE, linewidth=0.8, zorder=1)
    axes.axvline(record.threshold, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=2)
    at = np.array(list(middles.values()))
    for number, series in enumerate(record.series):
        values = series.values[list(middles)]
        axes.plot(values, at, linestyle="none", zorder=5 - number / 10, clip_on=False, **_marker(number))


def _legend_height(record: LoveFigure, width: float) -> float:
    return max((key.foot for key in keys([series.label for series in record.series], width, 2.0)), default=2.0) + 1.8


def _legend(sheet: Sheet, record: LoveFigure, left: float) -> None:
    labels = [series.label for series in record.series]
    for number, key in enumerate(keys(labels, sheet.width - left, 2.0)):
        sheet.rule((left + key.x + 1.0,), (key.y + 2.7,), linestyle="none", **_marker(number))
        sheet.lines(left + key.x + 3.5, key.y + 3.6, key.lines)


def _marker(number: int) -> dict[str, Any]:
    """Return how the points of a series look: the unadjusted ones hollow, the others filled."""
    colour = COLOURS[number]
    fill, edge = ("white", 0.9) if number == 0 else (colour, 0.3)
    return {
        "marker": MARKERS[number], "markersize": 4.2, "markerfacecolor": fill, "markeredgecolor": colour,
        "markeredgewidth": edge,
    }  # fmt: skip
