"""What each figure draws: plain arrays and strings that are already formatted. No drawing library here."""

from dataclasses import dataclass
from typing import Literal

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats

ForestRowKind = Literal["body", "group", "total"]


def _same_length(what: str, expected: int, found: int) -> None:
    if expected != found:
        raise InputError(f"{what} must hold {expected} elements; it holds {found}.")


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalLine:
    """One arm: its step curve as proportions at `time` (m,), its interval, and its numbers at risk.

    `censor_times` (c,) are where patients were censored; `at_risk` is printed as given, one string a tick.
    """

    label: str
    time: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    censor_times: Floats
    at_risk: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("survival", "lower", "upper"):
            _same_length(f"`{name}` of {self.label!r}", self.time.size, getattr(self, name).size)


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalPanel:
    """One plot of 1 to 6 arms over `ticks`, at which the numbers at risk are printed.

    `annotation` holds lines such as "HR 0.54 (95% CI 0.26–1.13)". Interval bands are drawn for one or two
    arms unless `bands` says otherwise.
    """

    title: str
    curves: tuple[SurvivalLine, ...]
    ticks: tuple[float, ...]
    x_label: str
    y_label: str
    annotation: tuple[str, ...] = ()
    at_risk_title: str = "Number at risk"
    bands: bool | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.curves) <= 6:
            raise InputError(f"`curves` must hold 1 to 6 arms; it holds {len(self.curves)}.")
        if len(self.ticks) < 2:
            raise InputError(f"`ticks` must hold at least 2 times; it holds {len(self.ticks)}.")
        for curve in self.curves:
            _same_length(f"`at_risk` of {curve.label!r}", len(self.ticks), len(curve.at_risk))


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalFigure:
    """One to four survival panels, lettered A to D when there are several.

    Colours go by the order of the arms: put the control arm first, as every figure does.
    """

    panels: tuple[SurvivalPanel, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.panels) <= 4:
            raise InputError(f"`panels` must hold 1 to 4 panels; it holds {len(self.panels)}.")


@dataclass(frozen=True, slots=True)
class FlowBox:
    """A box of the flow diagram: a label, its number of patients, and further lines."""

    label: str
    n: int | str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A step: patients excluded for a reason (`is_exclusion`), or the `n` who remain at a milestone."""

    label: str
    n: int | str
    is_exclusion: bool = True


@dataclass(frozen=True, slots=True)
class FlowFigure:
    """A CONSORT-style flow: screened, exclusions to the side, included, then the arms.

    Consecutive exclusions share one side box, headed by `excluded_label` and their total.
    """

    screened: FlowBox
    steps: tuple[FlowStep, ...]
    included: FlowBox
    arms: tuple[FlowBox, ...]
    excluded_label: str = "Excluded"


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A row: a label, its cells as printed, and the estimate with its interval where there is one.

    None or NaN means not estimated; `note` ("too few events") then stands in the plot. `weight` scales the
    area of the square. Kind 'group' heads indented rows, 'total' is drawn as a diamond.
    """

    label: str
    indent: int = 0
    columns: tuple[str, ...] = ()
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    weight: float | None = None
    note: str = ""
    kind: ForestRowKind = "body"


@dataclass(frozen=True, slots=True)
class ForestFigure:
    """A forest plot between the columns of its table.

    `column_titles` heads the labels first and then each column; the last `right_columns` columns stand to
    the right of the plot. `reference` is the value of no effect, `overall` draws a dashed line, `limits`
    are chosen from the rows when not given.
    """

    rows: tuple[ForestRow, ...]
    column_titles: tuple[str, ...]
    x_label: str
    favours_left: str = ""
    favours_right: str = ""
    log: bool = True
    overall: float | None = None
    right_columns: int = 1
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("`rows` must hold at least 1 row; it holds 0.")
        for row in self.rows:
            if row.columns:
                _same_length(f"`columns` of {row.label!r}", len(self.column_titles) - 1, len(row.columns))

    @property
    def reference(self) -> float:
        """The value of no effect: 1 on a logarithmic axis, 0 on a linear one."""
        return 1.0 if self.log else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LoveSeries:
    """Absolute standardised mean differences under one adjustment, (k,); NaN is not drawn."""

    label: str
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class LoveFigure:
    """Balance by covariate, sorted by the first series (unadjusted), with the threshold as a dashed line.

    `groups` (one a name) keeps the levels of one covariate together under its heading.
    """

    names: tuple[str, ...]
    series: tuple[LoveSeries, ...]
    groups: tuple[str, ...] | None = None
    threshold: float = 0.1
    x_label: str = "Absolute standardised mean difference"

    def __post_init__(self) -> None:
        if not self.names or not 1 <= len(self.series) <= 6:
            found = f"{len(self.names)} and {len(self.series)}"
            raise InputError(f"`names` must hold at least 1 name and `series` 1 to 6 series; they hold {found}.")
        for series in self.series:
            _same_length(f"`values` of {series.label!r}", len(self.names), series.values.size)
        if self.groups is not None:
            _same_length("`groups`", len(self.names), len(self.groups))


@dataclass(frozen=True, slots=True, eq=False)
class OverlapArm:
    """Propensity scores of one arm (n,), their weights if any, and the lines of its label.

    `details` are printed under the label, such as ("n = 79", "effective n = 61.4").
    """

    label: str
    score: Floats
    weights: Floats | None = None
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.weights is not None:
            _same_length(f"`weights` of {self.label!r}", self.score.size, self.weights.size)


@dataclass(frozen=True, slots=True, eq=False)
class OverlapFigure:
    """Mirrored histograms of the propensity score: the treated above, the controls below.

    Filled bars are unweighted, outlines weighted; both are percentages of their arm.
    """

    above: OverlapArm
    below: OverlapArm
    x_label: str = "Propensity score"
    y_label: str = "Patients in arm (%)"
    bins: int = 20
    rug: bool = True
    unweighted_label: str = "Unweighted"
    weighted_label: str = "Weighted"


@dataclass(frozen=True, slots=True, eq=False)
class JitterRow:
    """Propensity scores (n,) of one arm's matched or unmatched patients, and the lines of their label.

    The matched are drawn as filled points of an area by their `weights`, the unmatched as hollow ones. `details` are
    printed under the label, such as ("matched", "n = 52").
    """

    label: str
    score: Floats
    is_treated: bool
    is_matched: bool
    weights: Floats | None = None
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.weights is not None:
            _same_length(f"`weights` of {self.label!r}", self.score.size, self.weights.size)


@dataclass(frozen=True, slots=True, eq=False)
class JitterFigure:
    """Every patient's propensity score, one row a group from top to bottom; `cuts` are dashed vertical lines.

    Heights within a row mean nothing: they go by the rank of the score, so that neighbours stand apart, and are the
    same for the same patients in any order.
    """

    rows: tuple[JitterRow, ...]
    x_label: str = "Propensity score"
    cuts: tuple[float, ...] = ()
    size_label: str = "Area by weight:"

    def __post_init__(self) -> None:
        if not 1 <= len(self.rows) <= 8:
            raise InputError(f"`rows` must hold 1 to 8 rows; it holds {len(self.rows)}.")


@dataclass(frozen=True, slots=True, eq=False)
class DistanceFigure:
    """Distances (m,) within matched pairs, ordered; `limit` is the caliper, drawn as a dashed line.

    `annotation` holds lines such as "Median 0.04".
    """

    distance: Floats
    x_label: str
    y_label: str = "Pairs (%)"
    limit: float | None = None
    limit_label: str = "Caliper"
    annotation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.distance.size:
            raise InputError("`distance` must hold at least 1 distance; it holds 0.")


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityBar:
    """One arm of one organ: the percentage at each grade (g,), lowest grade first, and their texts.

    `labels` are printed inside the parts that are wide enough; `total` stands at the end of the bar.
    """

    arm: str
    percent: Floats
    labels: tuple[str, ...] = ()
    total: str = ""


@dataclass(frozen=True, slots=True)
class ToxicityOrgan:
    """The bars of one organ, one an arm."""

    organ: str
    bars: tuple[ToxicityBar, ...]


@dataclass(frozen=True, slots=True)
class ToxicityPanel:
    """One phase: its title ("Acute") and its organs, top to bottom."""

    title: str
    organs: tuple[ToxicityOrgan, ...]


@dataclass(frozen=True, slots=True)
class ToxicityFigure:
    """Stacked bars of toxicity by grade for each organ and arm, one panel a phase.

    `grades` names the grades from the lowest drawn to the highest; grade 0 is left out by its absence.
    """

    panels: tuple[ToxicityPanel, ...]
    grades: tuple[str, ...]
    x_label: str = "Patients (%)"

    def __post_init__(self) -> None:
        if not 1 <= len(self.grades) <= 5:
            raise InputError(f"`grades` must hold 1 to 5 grades; it holds {len(self.grades)}.")
        if not self.panels:
            raise InputError("`panels` must hold at least 1 panel; it holds 0.")
        for panel in self.panels:
            for organ in panel.organs:
                for bar in organ.bars:
                    _same_length(f"`percent` of {organ.organ!r}", len(self.grades), bar.percent.size)


FigureRecord = (
    SurvivalFigure
    | FlowFigure
    | ForestFigure
    | LoveFigure
    | OverlapFigure
    | JitterFigure
    | DistanceFigure
    | ToxicityFigure
)
