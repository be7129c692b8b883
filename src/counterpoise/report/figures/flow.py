"""The flow of patients: screened, excluded, included, and the arms."""

from dataclasses import dataclass
from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from counterpoise.report.figures.records import FlowBox, FlowFigure, FlowStep
from counterpoise.report.figures.style import DOUBLE, INK, PITCH, STRIPE, Sheet, balance, text_width, wrap

_MIDDLE = DOUBLE / 2
_MAIN = 84.0  # mm, width of the boxes of the main stream
_SIDE = 76.0  # mm, width of the boxes of exclusions
_PADDING = 2.4
_GAP = 8.0  # mm of arrow between two boxes
_EDGE = 0.3


@dataclass(frozen=True, slots=True)
class _Main:
    """A box of centred lines, and the exclusions that leave the arrow below it."""

    lines: tuple[str, ...]
    excluded: "_Excluded | None" = None

    @property
    def height(self) -> float:
        return _box_height(len(self.lines))

    @property
    def gap(self) -> float:
        return _GAP if self.excluded is None else max(_GAP, self.excluded.height + 4)


@dataclass(frozen=True, slots=True)
class _Excluded:
    """A heading, then one reason a row: its number, right-aligned, and its wrapped label."""

    heading: tuple[str, ...]
    reasons: tuple[tuple[str, tuple[str, ...]], ...]
    number_width: float

    @property
    def height(self) -> float:
        return _box_height(len(self.heading) + sum(len(lines) for _, lines in self.reasons))


def draw_flow(record: FlowFigure) -> Figure:
    """Draw the main stream downwards, exclusions to the right of the arrow they leave, and the arms below."""
    stages = _stages(record)
    count = max(len(record.arms), 1)
    arm_width = min(66.0, (DOUBLE - 2 * _EDGE - 6 * (count - 1)) / count)
    arms = [_main_lines(arm, arm_width) for arm in record.arms]
    height = sum(stage.height + stage.gap for stage in stages[:-1]) + stages[-1].height + 2 * _EDGE
    if arms:
        height += 2 * _GAP + _box_height(max(len(lines) for lines in arms))
    sheet = Sheet.of(DOUBLE, height)
    y = _EDGE
    for index, stage in enumerate(stages):
        _box(sheet, stage.lines, _MIDDLE, y, _MAIN)
        y += stage.height
        if index < len(stages) - 1:
            _arrow(sheet, _MIDDLE, y, _MIDDLE, y + stage.gap)
            if stage.excluded:
                _exclusions(sheet, stage.excluded, y + stage.gap / 2)
            y += stage.gap
    _arms(sheet, arms, arm_width, y)
    return sheet.figure


def _box_height(lines: int) -> float:
    return PITCH * lines + 2 * _PADDING - 1.2


def _number(n: int | str) -> str:
    return f"{n:,}" if isinstance(n, int) else n


def _stages(record: FlowFigure) -> list[_Main]:
    """Return the main boxes from screened to included; consecutive exclusions leave from one arrow."""
    stages = [_Main(_main_lines(record.screened, _MAIN))]
    for is_exclusion, group in groupby(record.steps, key=lambda step: step.is_exclusion):
        steps = tuple(group)
        if is_exclusion:
            stages[-1] = _Main(stages[-1].lines, _excluded(record.excluded_label, steps))
        else:
            stages += [_Main(_main_lines(FlowBox(step.label, step.n), _MAIN)) for step in steps]
    return [*stages, _Main(_main_lines(record.included, _MAIN))]


def _main_lines(box: FlowBox, width: float) -> tuple[str, ...]:
    inner = width - 2 * _PADDING
    details = tuple(line for detail in box.details for line in wrap(detail, inner))
    return (*balance(box.label, inner), f"n = {_number(box.n)}", *details)


def _excluded(label: str, steps: tuple[FlowStep, ...]) -> _Excluded:
    inner = _SIDE - 2 * _PADDING
    counts = [step.n for step in steps if isinstance(step.n, int)]
    heading = f"{label} (n = {_number(sum(counts))})" if len(counts) == len(steps) else label
    number_width = max(text_width(_number(step.n)) for step in steps)
    reasons = tuple((_number(step.n), wrap(step.label, inner - number_width - 1.5)) for step in steps)
    return _Excluded(wrap(heading, inner), reasons, number_width)


def _frame(sheet: Sheet, x: float, y: float, width: float, height: float, fill: str) -> None:
    sheet.box(x, y, width, height, facecolor=fill, edgecolor=INK)


def _box(sheet: Sheet, lines: tuple[str, ...], middle: float, y: float, width: float) -> None:
    _frame(sheet, middle - width / 2, y, width, _box_height(len(lines)), "white")
    sheet.lines(middle, y + _PADDING + 2.0, lines, ha="center")


def _exclusions(sheet: Sheet, excluded: _Excluded, middle: float) -> None:
    x, y = DOUBLE - _EDGE - _SIDE, middle - excluded.height / 2
    _arrow(sheet, _MIDDLE, middle, x, middle)
    _frame(sheet, x, y, _SIDE, excluded.height, STRIPE)
    baseline = y + _PADDING + 2.0
    sheet.lines(x + _PADDING, baseline, excluded.heading)
    baseline += PITCH * len(excluded.heading)
    for number, lines in excluded.reasons:
        sheet.text(x + _PADDING + excluded.number_width, baseline, number, ha="right")
        sheet.lines(x + _PADDING + excluded.number_width + 1.5, baseline, lines)
        baseline += PITCH * len(lines)


def _arms(sheet: Sheet, arms: list[tuple[str, ...]], width: float, y: float) -> None:
    """Draw the arms side by side, the stream forking above them."""
    if not arms:
        return
    pitch = width + (6 if len(arms) > 2 else 12)
    middles = [_MIDDLE + (index - (len(arms) - 1) / 2) * pitch for index in range(len(arms))]
    fork = y + _GAP
    sheet.rule((_MIDDLE, _MIDDLE), (y, fork))
    sheet.rule((middles[0], middles[-1]), (fork, fork))
    for lines, middle in zip(arms, middles, strict=True):
        _arrow(sheet, middle, fork, middle, fork + _GAP)
        _box(sheet, lines, middle, fork + _GAP, width)


def _arrow(sheet: Sheet, x: float, y: float, to_x: float, to_y: float) -> None:
    """Draw a horizontal or vertical arrow with a filled head of 1.8 mm."""
    if to_y > y:
        head = ((to_x, to_y), (to_x - 0.9, to_y - 1.8), (to_x + 0.9, to_y - 1.8))
        sheet.rule((x, to_x), (y, to_y - 1.5))
    else:
        head = ((to_x, to_y), (to_x - 1.8, to_y - 0.9), (to_x - 1.8, to_y + 0.9))
        sheet.rule((x, to_x - 1.5), (y, to_y))
    sheet.figure.add_artist(Polygon(head, closed=True, facecolor=INK, linewidth=0, transform=sheet.transform))
