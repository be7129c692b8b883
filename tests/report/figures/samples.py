"""Figure records that look like those of a real report, for the tests and the benchmark."""

import csv
from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np

from counterpoise.kernels.arrays import Floats
from counterpoise.report.figures import (
    DistanceFigure,
    FlowBox,
    FlowFigure,
    FlowStep,
    ForestFigure,
    ForestRow,
    JitterFigure,
    JitterRow,
    LoveFigure,
    LoveSeries,
    OverlapArm,
    OverlapFigure,
    SurvivalFigure,
    SurvivalLine,
    SurvivalPanel,
    ToxicityBar,
    ToxicityFigure,
    ToxicityOrgan,
    ToxicityPanel,
)

TICKS = tuple(float(month) for month in range(0, 97, 12))
LONG = "Neoadjuvant chemotherapy and internal mammary node radiation"
REASONS = (
    ("Supraclavicular node metastasis (cN3c)", "supraclavicular_met", "1"),
    ("Bilateral breast cancer", "bilateral", "1"),
    ("Distant metastasis at diagnosis", "distant_met_at_dx", "1"),
    ("Excisional biopsy before chemotherapy", "excisional_biopsy_before_nac", "1"),
    ("Earlier malignancy", "prior_malignancy", "1"),
    ("No curative surgery", "curative_surgery", "0"),
    ("Planned neoadjuvant chemotherapy not completed", "nac_completed", "0"),
    ("Adjuvant radiotherapy not completed", "rt_completed", "0"),
)


@cache
def patients() -> tuple[dict[str, str], ...]:
    text = (files("counterpoise") / "examples/imn/imn_screened.csv").read_text()
    return tuple(csv.DictReader(text.splitlines()))


@cache
def included() -> tuple[dict[str, str], ...]:
    return tuple(row for row in patients() if not any(row[column] == code for _, column, code in REASONS))


def follow_up(row: dict[str, str], *events: str) -> tuple[float, float]:
    """Return months from diagnosis to the first of the events or to the last contact, and whether it was an event."""
    start = date.fromisoformat(row["dx_date"])
    found = [date.fromisoformat(row[event]) for event in events if row[event]]
    last = date.fromisoformat(row["last_followup_date"]) if row["last_followup_date"] else start
    end = min(found) if found else last
    return (end - start).days / 30.4375, float(bool(found))


def line(label: str, time: Floats, event: Floats, ticks: tuple[float, ...] = TICKS) -> SurvivalLine:
    distinct = np.unique(time)
    at_risk = np.array([(time >= t).sum() for t in distinct])
    deaths = np.array([event[time == t].sum() for t in distinct])
    survival = np.cumprod(1 - deaths / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1.96 * np.sqrt(np.cumsum(deaths / (at_risk * (at_risk - deaths))))
        lower, upper = survival * np.exp(-error), np.minimum(1, survival * np.exp(error))
    numbers = tuple(str(int((time >= t).sum())) for t in ticks)
    return SurvivalLine(label, distinct, survival, lower, upper, np.sort(time[event == 0]), numbers)


def cohort_lines(groups: dict[str, tuple[str, ...]], *events: str) -> tuple[SurvivalLine, ...]:
    """Return one curve a group; a group is the codes 'imnd,imn_boost' of its patients."""
    lines: list[SurvivalLine] = []
    for label, codes in groups.items():
        rows = [follow_up(row, *events) for row in included() if f"{row['imnd']},{row['imn_boost']}" in codes]
        values = np.array(rows)
        lines.append(line(label, values[:, 0], values[:, 1]))
    return tuple(lines)


TWO = {"No boost": ("0,0", "1,0"), "Boost": ("0,1", "1,1")}
FOUR = {"Neither": ("0,0",), "IMNB alone": ("0,1",), "IMND alone": ("1,0",), "IMND and IMNB": ("1,1",)}
ENDPOINTS = {
    "Overall survival": ("death_date",),
    "Disease-free survival": ("death_date", "local_recurrence_date", "regional_recurrence_date", "distant_met_date"),
    "Locoregional recurrence-free survival": ("local_recurrence_date", "regional_recurrence_date"),
    "Distant metastasis-free survival": ("distant_met_date",),
}
NOTES = {
    2: ("HR 0.48 (95% CI 0.23–1.01)", "Log-rank P = .047"),
    4: (
        "IMNB alone vs neither: HR 0.35 (0.14–0.88)",
        "IMND and IMNB vs neither: HR 0.89 (0.25–3.2)",
        "Log-rank P = .08",
    ),
}


def survival_figure(panels: int, groups: dict[str, tuple[str, ...]]) -> SurvivalFigure:
    return SurvivalFigure(
        tuple(
            SurvivalPanel(
                title,
                cohort_lines(groups, *events),
                TICKS,
                "Months since diagnosis",
                f"{title} (%)",
                NOTES[len(groups)],
            )
            for title, events in list(ENDPOINTS.items())[:panels]
        )
    )


def simulated_lines(labels: tuple[str, ...], n: int, hazards: tuple[float, ...]) -> tuple[SurvivalLine, ...]:
    random = np.random.default_rng(7)
    lines: list[SurvivalLine] = []
    for label, hazard in zip(labels, hazards, strict=True):
        death, censored = random.exponential(1 / hazard, n), random.uniform(6, 110, n)
        lines.append(line(label, np.minimum(death, censored), (death <= censored).astype(float)))
    return tuple(lines)


def flow_figure() -> FlowFigure:
    remaining = list(patients())
    steps: list[FlowStep] = []
    for label, column, code in REASONS:
        kept = [row for row in remaining if row[column] != code]
        steps.append(FlowStep(label, len(remaining) - len(kept)))
        if column == "prior_malignancy":
            steps.append(FlowStep("Eligible at diagnosis", len(kept), is_exclusion=False))
        remaining = kept
    boosted = sum(row["imn_boost"] == "1" for row in remaining)
    return FlowFigure(
        FlowBox("Patients with clinically metastatic internal mammary nodes screened", len(patients())),
        tuple(steps),
        FlowBox("Included in the analysis", len(remaining)),
        (
            FlowBox("No boost", len(remaining) - boosted, ("52 in matched pairs",)),
            FlowBox("Boost", boosted, ("52 in matched pairs",)),
        ),
    )


def forest_figure() -> ForestFigure:
    rows = (
        ForestRow("All patients", 0, ("11/79", "19/67", "0.54 (0.26–1.13)", ""), 0.54, 0.26, 1.13, 30, kind="total"),
        ForestRow("Clinical T stage", kind="group", columns=("", "", "", ".56")),
        ForestRow("cT1–2", 1, ("5/41", "6/30", "0.70 (0.21–2.29)", ""), 0.70, 0.21, 2.29, 11),
        ForestRow("cT3–4", 1, ("6/38", "13/37", "0.43 (0.16–1.14)", ""), 0.43, 0.16, 1.14, 19),
        ForestRow("Pathological complete response", kind="group", columns=("", "", "", ".92")),
        ForestRow("Yes", 1, ("1/18", "1/15", "", ""), note="Too few events"),
        ForestRow("No", 1, ("10/61", "18/52", "0.55 (0.25–1.20)", ""), 0.55, 0.25, 1.20, 28),
        ForestRow("Internal mammary node dissection", kind="group", columns=("", "", "", ".11")),
        ForestRow("Yes", 1, ("3/12", "5/24", "1.45 (0.33–6.41)", ""), 1.45, 0.33, 6.41, 8),
        ForestRow("No", 1, ("8/67", "14/43", "0.39 (0.16–0.95)", ""), 0.39, 0.16, 0.95, 22),
        ForestRow("Molecular subtype", kind="group", columns=("", "", "", ".38")),
        ForestRow("HR-positive, HER2-negative", 1, ("4/30", "5/22", "0.57 (0.15–2.13)", ""), 0.57, 0.15, 2.13, 9),
        ForestRow("HER2-positive", 1, ("3/29", "6/26", "0.09 (0.01–19.0)", ""), 0.09, 0.01, 19.0, 9),
        ForestRow("Triple-negative", 1, ("4/20", "8/19", "0.42 (0.12–1.39)", ""), 0.42, 0.12, 1.39, 12),
    )
    titles = ("Subgroup", "Boost\nevents/n", "No boost\nevents/n", "HR (95% CI)", "P for\ninteraction")
    return ForestFigure(
        rows, titles, "Hazard ratio (log scale)", "Favours boost", "Favours no boost", overall=0.54, right_columns=2
    )


COVARIATES = (
    ("Age", "Age"),
    ("Menopausal status", "Premenopausal"),
    ("Clinical T stage", "cT3–4"),
    ("Clinical N stage", "cN3b"),
    ("Grade", "Grade 3"),
    ("Molecular subtype", "HR-positive, HER2-negative"),
    ("Molecular subtype", "HR-positive, HER2-positive"),
    ("Molecular subtype", "HER2-enriched"),
    ("Molecular subtype", "Triple-negative"),
    ("Ki-67", "Ki-67 30% or more"),
    ("Lymphovascular invasion", "Lymphovascular invasion"),
    ("IMN short axis", "IMN short axis, mm"),
    ("Surgery", "Modified radical mastectomy"),
    ("Response", "Pathological complete response"),
    ("IMND", "Internal mammary node dissection"),
    ("Technique", "Intensity-modulated radiotherapy"),
)


def love_figure(*, grouped: bool = False) -> LoveFigure:
    random = np.random.default_rng(3)
    before = random.gamma(1.6, 0.1, len(COVARIATES))
    series = (
        LoveSeries("Unadjusted", before),
        LoveSeries("Matched", np.abs(before * 0.25 + random.normal(0, 0.03, before.size))),
        LoveSeries("Weighted", np.abs(random.normal(0, 0.025, before.size))),
    )
    return LoveFigure(
        tuple(name for _, name in COVARIATES), series, tuple(group for group, _ in COVARIATES) if grouped else None
    )


def overlap_figure() -> OverlapFigure:
    random = np.random.default_rng(5)
    treated, control = random.beta(4.5, 3, 79), random.beta(3, 3.6, 67)
    return OverlapFigure(
        OverlapArm("Boost", treated, 1 / treated, ("n = 79", "effective n = 62.1")),
        OverlapArm("No boost", control, 1 / (1 - control), ("n = 67", "effective n = 51.8")),
    )


def jitter_figure() -> JitterFigure:
    random = np.random.default_rng(6)
    treated, control = random.beta(4.5, 3, 79), random.beta(3, 3.6, 67)
    details = ("matched", "n = 52", "effective n = 31.2")
    return JitterFigure(
        (
            JitterRow("Boost", treated[52:], True, False, None, ("unmatched", "n = 27")),
            JitterRow("Boost", treated[:52], True, True, None, ("matched", "n = 52")),
            JitterRow("No boost", control[:52], False, True, random.gamma(1, 1, 52) + 0.05, details),
            JitterRow("No boost", control[52:], False, False, None, ("unmatched", "n = 15")),
        )
    )


def distance_figure() -> DistanceFigure:
    distance = np.abs(np.random.default_rng(8).normal(0, 0.1, 52)).clip(max=0.27)
    notes = ("52 pairs", "Median 0.06", "Largest 0.26")
    return DistanceFigure(distance, "Difference in the logit of the score", limit=0.27, limit_label="Caliper 0.27",
                          annotation=notes)  # fmt: skip


def toxicity_figure() -> ToxicityFigure:
    random = np.random.default_rng(11)

    def organ(name: str, rate: float) -> ToxicityOrgan:
        bars: list[ToxicityBar] = []
        for arm, n in (("Boost", 79), ("No boost", 67)):
            percent = 100 * random.binomial(n, [rate, rate * 0.45, rate * 0.08, 0.0]) / n
            labels = tuple(f"{value:.0f}" if value else "" for value in percent)
            bars.append(ToxicityBar(arm, percent, labels, f"{percent.sum():.0f}%"))
        return ToxicityOrgan(name, tuple(bars))

    acute = ToxicityPanel(
        "Acute", tuple(organ(*pair) for pair in (("Skin", 0.55), ("Oesophagus", 0.3), ("Lung", 0.1), ("Heart", 0.02)))
    )
    late = ToxicityPanel(
        "Late",
        tuple(
            organ(*pair)
            for pair in (("Skin", 0.3), ("Subcutis", 0.25), ("Lung", 0.12), ("Heart", 0.05), ("Oesophagus", 0.02))
        ),
    )
    return ToxicityFigure((acute, late), ("Grade 1", "Grade 2", "Grade 3", "Grade 4"))
