"""Where the matched and the unmatched stand on the propensity score, patient by patient."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures.records import JitterFigure, JitterRow
from counterpoise.report.figures.style import (
    BODY,
    COLOURS,
    GREY,
    MIDDLE,
    PITCH,
    RULE,
    SMALL,
    STRIPE,
    Sheet,
    balance,
    round_ticks,
    text_width,
    wrap,
)

_EDGE, _RIGHT, _FOOT = 1.0, 3.0, 9.5  # mm around rows and axis
_LABEL = 32.0  # mm, widest label before it is wrapped
_ROW = 12.0  # mm, lowest row
_POINT, _SMALLEST, _LARGEST = 1.5, 0.35, 6.0  # mm across: of weight 1 in a small study, at least, at most
_CROWD = 150  # patients in a row above which points shrink
_DRAWN = 2000  # points in a row; more could not be told apart
_GAP = 0.8  # mm between points and the edge of their row


def draw_jitter(record: JitterFigure) -> Figure:
    """Draw one row of points a group over one axis of scores; points of the matched have an area by their weight."""
    lines = [(*wrap(row.label, _LABEL, bold=True), *row.details) for row in record.rows]
    left = _EDGE + max(_label_width(text, row) for text, row in zip(lines, record.rows, strict=True)) + 3.0
    heights = [max(_ROW, PITCH * len(text) + 2.6) for text in lines]
    size = _point_size(record)
    keys = _weight_keys(record)
    top = 2.0 + (max(_across(size, keys[-1]), PITCH) + 1.6 if keys else 0.0)
    width = MIDDLE - left - _RIGHT
    x_label = balance(record.x_label, width)
    note = _note(record, MIDDLE - 2 * _EDGE)
    foot = _FOOT + PITCH * (len(x_label) - 1)
    sheet = Sheet.of(MIDDLE, top + sum(heights) + foot + PITCH * len(note))
    _stripes(sheet, record, heights, top, left)
    axes = sheet.axes(left, top, width, sum(heights))
    _scale(axes, record, sum(heights))
    y = top
    for row, text, height in zip(record.rows, lines, heights, strict=True):
        _points(axes, row, (y - top, height), size)
        _name(sheet, row, text, y + height / 2)
        y += height
    sheet.lines(left + width / 2, y + 7.4, x_label, ha="center")
    sheet.lines(_EDGE, y + foot + PITCH - 1.6, note, fontsize=SMALL, color=GREY)
    _legend(sheet, record, keys, size, (left + width, top))
    return sheet.figure


def _label_width(text: tuple[str, ...], row: JitterRow) -> float:
    names = len(text) - len(row.details)
    return max(text_width(line, bold=index < names) for index, line in enumerate(text))


def _across(size: float, weight: float) -> float:
    """Return the millimetres across of a point of that weight."""
    return max(_SMALLEST, size * float(np.sqrt(weight)))


def _point_size(record: JitterFigure) -> float:
    """Return the millimetres across of a point of weight 1: less in a crowd, and where the largest would be huge."""
    crowd = max(min(row.score.size, _DRAWN) for row in record.rows)
    heaviest = max((float(row.weights.max(initial=1.0)) for row in record.rows if row.weights is not None), default=1.0)
    return max(_SMALLEST, min(_POINT * min(1.0, np.sqrt(_CROWD / max(crowd, 1))), _LARGEST / np.sqrt(heaviest)))


def _weight_keys(record: JitterFigure) -> tuple[float, ...]:
    """Return round weights whose points the legend shows, ascending; none where all weigh 1."""
    weights = [row.weights for row in record.rows if row.weights is not None and row.weights.size]
    if not weights:
        return ()
    low, high = (float(pick(np.concatenate(weights))) for pick in (np.min, np.max))
    if high - low < 1e-9:
        return ()
    rounded = [base * 10.0**power for power in range(-2, 4) for base in (1, 2, 5)]
    inside = [value for value in rounded if low <= value <= high] or [high]
    return tuple(sorted({inside[0], inside[-1], *((1.0,) if 1.0 in inside else ())}))


def _drawn(row: JitterRow) -> tuple[Floats, Floats, Floats]:
    """Return score, height between 0 and 1 and weight of the points to draw, in the order of the scores."""
    weights = np.ones(row.score.size) if row.weights is None else row.weights
    order = np.lexsort((weights, row.score))
    if order.size > _DRAWN:
        order = order[np.linspace(0, order.size - 1, _DRAWN).astype(int)]
    return row.score[order], _heights(order.size), weights[order]


def _heights(count: int) -> Floats:
    """Return the van der Corput sequence of base 2: neighbours stand apart, and heights fill the row evenly."""
    left, height, share = np.arange(1, count + 1), np.zeros(count), 0.5
    while left.any():
        height += share * (left % 2)
        left //= 2
        share /= 2
    return height


def _points(axes: Axes, row: JitterRow, place: tuple[float, float], size: float) -> None:
    score, height, weights = _drawn(row)
    colour = COLOURS[1] if row.is_treated else COLOURS[0]
    across = np.maximum(_SMALLEST, size * np.sqrt(weights)) if row.is_matched else np.full(score.size, size)
    inset = np.minimum(across / 2 + _GAP, place[1] / 2)
    at = place[0] + inset + height * (place[1] - 2 * inset)
    heaviest_first = np.argsort(-across, kind="stable")
    face = (*to_rgb(colour), 0.55) if row.is_matched else "none"
    axes.scatter(
        score[heaviest_first], at[heaviest_first], s=(across[heaviest_first] * 72 / 25.4) ** 2, facecolors=face,
        edgecolors=colour, linewidths=0.3 if row.is_matched else 0.6, clip_on=False, zorder=3,
    )  # fmt: skip


def _scale(axes: Axes, record: JitterFigure, height: float) -> None:
    known = np.concatenate([row.score for row in record.rows])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = max(0.04 * (high - low), 0.01)
    axes.set_xlim(max(0.0, low - room), min(1.0, high + room))
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks = round_ticks(*axes.get_xlim(), 6)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    for cut in record.cuts:
        axes.axvline(cut, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=2)


def _stripes(sheet: Sheet, record: JitterFigure, heights: list[float], top: float, left: float) -> None:
    """Shade the rows of the matched, and part the arms by a line."""
    y = top
    for index, (row, height) in enumerate(zip(record.rows, heights, strict=True)):
        if row.is_matched:
            sheet.box(left, y, MIDDLE - _RIGHT - left, height, facecolor=STRIPE, zorder=-1)
        if index and record.rows[index - 1].is_treated != row.is_treated:
            sheet.rule((_EDGE, MIDDLE - _RIGHT), (y, y), color=RULE)
        y += height


def _name(sheet: Sheet, row: JitterRow, lines: tuple[str, ...], middle: float) -> None:
    names = len(lines) - len(row.details)
    top = middle - PITCH * len(lines) / 2
    for index, line in enumerate(lines):
        style = {"fontweight": "bold", "color": COLOURS[1] if row.is_treated else COLOURS[0]} if index < names else {}
        sheet.text(_EDGE, top + PITCH * (index + 0.76), line, **style)


def _note(record: JitterFigure, width: float) -> tuple[str, ...]:
    if all(row.score.size <= _DRAWN for row in record.rows):
        return ()
    return wrap(f"Of rows with more than {_DRAWN} patients, {_DRAWN} are drawn, evenly spaced by rank.", width, SMALL)


def _legend(
    sheet: Sheet, record: JitterFigure, keys: tuple[float, ...], size: float, corner: tuple[float, float]
) -> None:
    """Show the points of round weights above the upper right corner of the rows."""
    if not keys:
        return
    x, y = corner[0], corner[1] - 1.2 - max(_across(size, keys[-1]), PITCH) / 2
    for weight in reversed(keys):
        text, across = f"{weight:g}", _across(size, weight)
        x -= text_width(text)
        sheet.text(x, y + 0.9, text)
        x -= 1.2 + across / 2
        sheet.rule(
            (x,), (y,), linestyle="none", marker="o", markersize=across * 72 / 25.4, markerfacecolor="#c3c8ce",
            markeredgecolor=GREY, markeredgewidth=0.3,
        )  # fmt: skip
        x -= across / 2 + 3.0
    sheet.text(x, y + 0.9, record.size_label, ha="right", fontsize=BODY)
