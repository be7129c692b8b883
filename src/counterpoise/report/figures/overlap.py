"""How far the propensity scores of the two arms overlap, before and after weighting."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures.records import OverlapArm, OverlapFigure
from counterpoise.report.figures.style import COLOURS, INK, PITCH, SINGLE, Key, Sheet, balance, keys, text_width, wrap

_LEFT, _RIGHT, _FOOT = 12.5, 3.0, 9.5  # mm around the axes
_HEIGHT = 56.0  # mm
_WIDTH = SINGLE - _LEFT - _RIGHT
_SAMPLE = 5.0  # mm of a legend key
_RUG = 500  # patients; the ticks of more would run together
_COLOURS = (COLOURS[1], COLOURS[0])  # the control arm, below, has the first colour in every figure


def draw_overlap(record: OverlapFigure) -> Figure:
    """Draw the first arm upwards and the second downwards from one axis of scores between 0 and 1.

    Bars are shares of patients, outlines shares of their weights, ticks single patients. Each arm is named
    on the side where its bars are lower.
    """
    legend = max((key.foot + 1.8 for key in _keys(record)), default=2.0)
    x_label, y_label = balance(record.x_label, _WIDTH), balance(record.y_label, _HEIGHT)
    left = _LEFT + PITCH * (len(y_label) - 1)
    sheet = Sheet.of(left + _WIDTH + _RIGHT, legend + _HEIGHT + _FOOT + PITCH * (len(x_label) - 1))
    axes = sheet.axes(left, legend, _WIDTH, _HEIGHT)
    edges = np.linspace(0, 1, record.bins + 1)
    arms = (record.above, record.below)
    lines = [(*wrap(arm.label, 0.6 * _WIDTH, bold=True), *arm.details) for arm in arms]
    bars = [_shares(arm, edges) for arm in arms]
    top = max(_room(bar, text) for bar, text in zip(bars, lines, strict=True))
    for side, arm, bar, colour in zip((1, -1), arms, bars, _COLOURS, strict=True):
        _arm(axes, record, arm, side * bar, colour)
    _scale(axes, top)
    for side, bar, text, arm, colour in zip((1, -1), bars, lines, arms, _COLOURS, strict=True):
        _name(sheet, (left, legend), text, len(arm.details), _is_left(bar, text), side, colour)
    for index, line in enumerate(y_label):
        sheet.text(4.0 + PITCH * index, legend + _HEIGHT / 2, line, rotation=90, ha="center", va="center")
    sheet.lines(left + _WIDTH / 2, legend + _HEIGHT + 7.4, x_label, ha="center")
    _legend(sheet, record, left)
    return sheet.figure


def _keys(record: OverlapFigure) -> tuple[Key, ...]:
    """Return the legend, which is needed only where there are weights to tell from no weights."""
    if record.above.weights is None and record.below.weights is None:
        return ()
    return keys((record.unweighted_label, record.weighted_label), _WIDTH, _SAMPLE)


def _percent(score: Floats, weights: Floats | None, edges: Floats) -> Floats:
    counts, _ = np.histogram(np.clip(score, 0, 1), bins=edges, weights=weights)
    total = counts.sum()
    return 100 * counts / total if total else counts.astype(float)


def _shares(arm: OverlapArm, edges: Floats) -> Floats:
    """Return (2, bins) percentages of the arm: unweighted, weighted (NaN without weights)."""
    plain = _percent(arm.score, None, edges)
    weighted = np.full_like(plain, np.nan) if arm.weights is None else _percent(arm.score, arm.weights, edges)
    return np.vstack((plain, weighted))


def _sides(bar: Floats, lines: tuple[str, ...]) -> tuple[float, float]:
    """Return the highest bar under the arm's name, standing left and standing right."""
    width = max(text_width(line, bold=row == 0) for row, line in enumerate(lines)) + 3
    count = min(int(np.ceil(width / _WIDTH * bar.shape[1])), bar.shape[1])
    heights = np.nanmax(bar, axis=0, initial=0.0)
    return float(heights[:count].max()), float(heights[-count:].max())


def _is_left(bar: Floats, lines: tuple[str, ...]) -> bool:
    left, right = _sides(bar, lines)
    return left <= right


def _room(bar: Floats, lines: tuple[str, ...]) -> float:
    """Return the percentage at the end of the half axis that leaves room for bars, name and rug."""
    half = _HEIGHT / 2
    text = PITCH * len(lines) + 4
    return max(
        float(np.nanmax(bar, initial=1.0)) * half / (half - 3), min(_sides(bar, lines)) * half / max(half - text, 8.0)
    )


def _arm(axes: Axes, record: OverlapFigure, arm: OverlapArm, bars: Floats, colour: str) -> None:
    light = tuple(1 - 0.42 * (1 - part) for part in to_rgb(colour))
    edges = np.linspace(0, 1, record.bins + 1)
    axes.bar(
        edges[:-1], bars[0], 1 / record.bins, align="edge", color=light, edgecolor="white", linewidth=0.4, zorder=2
    )
    if arm.weights is not None:
        axes.stairs(bars[1], edges, color=colour, linewidth=1.1, zorder=4)
    if record.rug and arm.score.size <= _RUG:
        upward = bool(bars[0].sum() >= 0)
        ends = (0.985, 1.0) if upward else (0.0, 0.015)
        axes.vlines(arm.score, *ends, color=colour, linewidth=0.4, transform=axes.get_xaxis_transform(), zorder=2)


def _scale(axes: Axes, top: float) -> None:
    step = next((step for step in (1, 2, 5, 10, 20, 50) if top / step <= 4.5), 100)
    ticks = [tick for tick in range(-100, 101, step) if abs(tick) <= top]
    axes.set_xlim(0, 1)
    axes.set_ylim(-top, top)
    axes.set_yticks(ticks, [str(abs(tick)) for tick in ticks])
    axes.set_xticks(np.arange(6) / 5, [f"{tick:.1f}" for tick in np.arange(6) / 5])
    axes.axhline(0, color=INK, linewidth=0.6, zorder=3)


def _name(
    sheet: Sheet,
    corner: tuple[float, float],
    lines: tuple[str, ...],
    details: int,
    is_left: bool,
    side: int,
    colour: str,
) -> None:
    """Write the name of an arm in bold and its details below it, in a corner of the axes."""
    x, y = corner
    x += 2.0 if is_left else _WIDTH - 1.0
    y += 4.4 if side > 0 else _HEIGHT - 2.4 - PITCH * (len(lines) - 1)
    for row, line in enumerate(lines):
        weight = "bold" if row < len(lines) - details else "normal"
        sheet.text(x, y + row * PITCH, line, color=colour, fontweight=weight, ha="left" if is_left else "right")


def _legend(sheet: Sheet, record: OverlapFigure, left: float) -> None:
    for number, key in enumerate(_keys(record)):
        style = {"facecolor": "#c3c8ce"} if number == 0 else {"edgecolor": INK, "linewidth": 1.1}
        sheet.box(left + key.x, key.y + 1.6, _SAMPLE, 2.0, **style)
        sheet.lines(left + key.x + _SAMPLE + 1.5, key.y + 3.6, key.lines)
