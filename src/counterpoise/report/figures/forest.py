"""The forest plot: a table whose rows carry their estimate and interval."""

from dataclasses import dataclass
from math import isfinite, log

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import NullLocator

from counterpoise.report.figures.records import ForestFigure, ForestRow
from counterpoise.report.figures.style import (
    COLOURS,
    DOUBLE,
    GREY,
    INK,
    PITCH,
    SMALL,
    STRIPE,
    Sheet,
    balance,
    round_ticks,
    text_width,
    wrap,
)

_ROW = 4.6  # mm, a row of one line
_EDGE = 1.0
_INDENT = 3.0
_BETWEEN = 4.0  # mm between columns
_PLOT = (42.0, 70.0)  # mm, narrowest and widest plot
_LABEL = (30.0, 62.0)  # mm, narrowest and widest label column; longer labels are wrapped
_NICE = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 50.0, 100.0)
_SQUARE = 2.4  # mm, side of the largest square
_MIDDLE = 0.95  # mm from the middle of a line of text up to its baseline


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of the table and the plot between them stand, in millimetres."""

    label_width: float
    centres: tuple[float, ...]
    plot_left: float
    plot_width: float
    width: float


def draw_forest(record: ForestFigure) -> Figure:
    """Draw the table with the plot before its last columns, row by row on one grid.

    Squares have areas proportional to `weight`; an interval that leaves the axis ends in an arrow; a row
    without an estimate shows its note.
    """
    columns = _columns(record)
    labels = [_label(row, columns) for row in record.rows]
    heights = [_ROW + PITCH * (len(lines) - 1) for lines in labels]
    head = _ROW + PITCH * (max(title.count("\n") for title in record.column_titles))
    foot = _foot_height(record, columns)
    top = _EDGE + head
    sheet = Sheet.of(columns.width, top + sum(heights) + foot + _EDGE)
    _head(sheet, record, columns, top)
    y = top
    tops: list[float] = []
    for index, (row, lines, height) in enumerate(zip(record.rows, labels, heights, strict=True)):
        tops.append(y)
        if index % 2 == 0:
            sheet.box(0, y, columns.width, height, facecolor=STRIPE, zorder=-1)
        _cells(sheet, row, lines, columns, y + _ROW / 2 + _MIDDLE)
        if row.note and not _known(row.estimate):
            fill = {"facecolor": "white" if index % 2 else STRIPE, "edgecolor": "none", "pad": 0.8}
            middle = columns.plot_left + columns.plot_width / 2
            sheet.text(middle, y + _ROW / 2 + _MIDDLE, row.note, ha="center", fontsize=SMALL, color=GREY, bbox=fill)
        y += height
    axes = sheet.axes(columns.plot_left, top, columns.plot_width, y - top)
    _plot(axes, record, [at - top + _ROW / 2 for at in tops], y - top)
    _foot(sheet, record, columns, y)
    return sheet.figure


def _columns(record: ForestFigure) -> _Columns:
    """Return the narrowest columns that hold their texts, the plot taking what is left of 175 mm."""
    titles = [max(text_width(line, bold=True) for line in title.split("\n")) for title in record.column_titles]
    widths = list(titles[1:])
    for row in record.rows:
        for index, cell in enumerate(row.columns):
            widths[index] = max(widths[index], text_width(cell, bold=row.kind == "total"))
    left = len(widths) - min(record.right_columns, len(widths))
    table = sum(widths) + _BETWEEN * (len(widths) + 1) + 2 * _EDGE
    room = min(max(DOUBLE - table - _PLOT[0], _LABEL[0]), _LABEL[1])
    lines = [(row, line) for row in record.rows for line in _wrapped(row, room)]
    longest = max(text_width(line, bold=row.kind != "body") + _INDENT * row.indent for row, line in lines)
    label_width = max(longest, titles[0])
    table += label_width
    plot = min(max(DOUBLE - table, _PLOT[0]), _PLOT[1])
    centres: list[float] = []
    x = _EDGE + label_width
    plot_left = x + _BETWEEN
    for index, width in enumerate(widths):
        if index == left:
            x += _BETWEEN + plot
        centres.append(x + _BETWEEN + width / 2)
        x += _BETWEEN + width
        if index + 1 == left:
            plot_left = x + _BETWEEN
    return _Columns(label_width, tuple(centres), plot_left, plot, table + plot)


def _label(row: ForestRow, columns: _Columns) -> tuple[str, ...]:
    return _wrapped(row, columns.label_width)


def _wrapped(row: ForestRow, width: float) -> tuple[str, ...]:
    return wrap(row.label, width - _INDENT * row.indent + 0.1, bold=row.kind != "body")


def _head(sheet: Sheet, record: ForestFigure, columns: _Columns, bottom: float) -> None:
    """Write the column titles, their last lines on one baseline, above a rule."""
    for index, title in enumerate(record.column_titles):
        lines = title.split("\n")
        baseline = bottom - 1.6 - PITCH * (len(lines) - 1)
        if index == 0:
            sheet.lines(_EDGE, baseline, lines, fontweight="bold")
        else:
            sheet.lines(columns.centres[index - 1], baseline, lines, fontweight="bold", ha="center")
    sheet.rule((0, columns.width), (bottom, bottom), zorder=3)


def _cells(sheet: Sheet, row: ForestRow, lines: tuple[str, ...], columns: _Columns, baseline: float) -> None:
    weight = "normal" if row.kind == "body" else "bold"
    sheet.lines(_EDGE + _INDENT * row.indent, baseline, lines, fontweight=weight)
    for centre, cell in zip(columns.centres, row.columns, strict=False):
        if cell:
            sheet.text(centre, baseline, cell, ha="center", fontweight="bold" if row.kind == "total" else "normal")


def _known(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _limits(record: ForestFigure) -> tuple[float, float]:
    """Return the axis: on a log scale estimates up to 12-fold and intervals up to 8-fold from no effect."""
    if record.limits is not None:
        return record.limits
    estimates = [row.estimate for row in record.rows if row.estimate is not None and isfinite(row.estimate)]
    ends = [end for row in record.rows for end in (row.lower, row.upper) if end is not None and isfinite(end)]
    if not record.log:
        low, high = min([*estimates, *ends, 0.0]), max([*estimates, *ends, 0.0])
        margin = 0.05 * (high - low) or 1.0
        return low - margin, high + margin
    positive = [value for value in estimates if value > 0] or [1.0]
    positive = [min(max(value, 1 / 12), 12.0) for value in positive]
    low = min(*positive, max(min([*ends, 0.5]), 0.125), 0.5)
    high = max(*positive, min(max([*ends, 2.0]), 8.0), 2.0)
    return low / 1.25, high * 1.25


def _ticks(record: ForestFigure, low: float, high: float) -> list[float]:
    """Return round values inside the axis, the value of no effect among them."""
    if record.log:
        inside = [value for value in _NICE if low <= value <= high]
        if len(inside) > 6:
            inside = [value for value in inside if value in (0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0)]
        return inside
    return round_ticks(low, high, 5)


def _plot(axes: Axes, record: ForestFigure, middles: list[float], height: float) -> None:
    """Draw the marks with y in millimetres from the top of the rows, so that they stand level with their cells."""
    low, high = _limits(record)
    axes.set_xscale("log" if record.log else "linear")
    axes.set_xlim(low, high)
    axes.set_ylim(height, 0)
    ticks = _ticks(record, low, high)
    axes.set_xticks(ticks, [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.axvline(record.reference, color=INK, linewidth=0.6, zorder=2)
    if _known(record.overall):
        axes.axvline(record.overall or 0.0, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), zorder=2)
    heaviest = max((row.weight for row in record.rows if row.weight is not None and row.kind == "body"), default=0.0)
    for row, middle in zip(record.rows, middles, strict=True):
        if _known(row.estimate):
            _mark(axes, row, middle, heaviest)


def _mark(axes: Axes, row: ForestRow, middle: float, heaviest: float) -> None:
    """Draw one estimate: an interval with arrows where it leaves the axis, and a square or a diamond."""
    nan = float("nan")
    estimate, lower, upper = (nan if value is None else value for value in (row.estimate, row.lower, row.upper))
    low, high = axes.get_xlim()
    has_interval = lower <= upper
    start, end = max(lower, low), min(upper, high)
    if row.kind == "total" and has_interval and low <= estimate <= high:
        corners = ((start, middle), (estimate, middle - 1.3), (end, middle), (estimate, middle + 1.3))
        axes.add_patch(Polygon(corners, closed=True, facecolor=COLOURS[0], linewidth=0, zorder=4))
        return
    if has_interval and start <= end:
        axes.plot((start, end), (middle, middle), color=COLOURS[0], linewidth=0.9, zorder=3)
    for edge, marker, leaves in (
        (low, "<", estimate < low or lower < low),
        (high, ">", estimate > high or upper > high),
    ):
        if leaves:
            axes.plot(edge, middle, marker=marker, color=COLOURS[0], markersize=3.5, markeredgewidth=0, clip_on=False)
    if low <= estimate <= high:
        share = 0.6 if row.weight is None or heaviest <= 0 else max(row.weight, 0.0) / heaviest
        side = max(_SQUARE * share**0.5, 0.9) * 72 / 25.4
        axes.plot(estimate, middle, marker="s", color=COLOURS[0], markersize=side, markeredgewidth=0, zorder=4)


def _reference(record: ForestFigure, columns: _Columns) -> float:
    """Return where the line of no effect stands, in millimetres."""
    low, high = _limits(record)
    share = log(1 / low) / log(high / low) if record.log else -low / (high - low)
    return columns.plot_left + share * columns.plot_width


def _sides(record: ForestFigure, columns: _Columns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that say whom each side favours, as wide as the sheet allows."""
    reference = _reference(record, columns)
    left = wrap(f"← {record.favours_left}", reference - 2.5, SMALL) if record.favours_left else ()
    right = wrap(f"{record.favours_right} →", columns.width - reference - 2.5, SMALL) if record.favours_right else ()
    return left, right


def _x_label(record: ForestFigure, columns: _Columns) -> tuple[str, ...]:
    return balance(record.x_label, max(columns.plot_width, 60.0))


def _foot_height(record: ForestFigure, columns: _Columns) -> float:
    sides = max(len(lines) for lines in _sides(record, columns))
    return 4.6 + PITCH * len(_x_label(record, columns)) + (PITCH * sides + 0.8 if sides else 0.0)


def _foot(sheet: Sheet, record: ForestFigure, columns: _Columns, y: float) -> None:
    """Write which side of no effect favours whom, and the label of the axis."""
    reference, baseline = _reference(record, columns), y + 7.4
    left, right = _sides(record, columns)
    sheet.lines(reference - 1.5, baseline, left, ha="right", fontsize=SMALL)
    sheet.lines(reference + 1.5, baseline, right, fontsize=SMALL)
    if left or right:
        baseline += PITCH * max(len(left), len(right)) + 0.8
    sheet.centred(columns.plot_left + columns.plot_width / 2, baseline, _x_label(record, columns))
