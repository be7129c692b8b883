"""A document with every kind of block, as full and as awkward as a real report gets."""

import io
from functools import cache
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas

from counterpoise.report.document import (
    Bullets,
    Cell,
    Document,
    Figure,
    Finding,
    Findings,
    Heading,
    Mark,
    Paragraph,
    Part,
    Reference,
    Row,
    Strong,
    Table,
    Value,
)
from counterpoise.report.format import format_count_percent, format_estimate, format_p, format_p_equation

GROUPS = (("No IMND, no boost", 58), ("IMND only", 9), ("Boost only", 52), ("IMND and boost", 27))
HOSTILE = "<script>alert(\"x\")</script> & 'quotes' #strong[*x*] \\\\ =1+1"


def cell(*parts: Part, span: int = 1) -> Cell:
    return Cell(parts, span)


def _value(name: str, text: str) -> Value:
    return Value((name,), text)


def _group(title: str, p_value: float, name: str) -> Row:
    empty = (Cell(),) * (len(GROUPS) + 1)
    p_cell = cell(_value(f"baseline.{name}.p", format_p(p_value)))
    return Row((cell(title), *empty, p_cell), kind="group")


def _level(title: str, name: str, counts: tuple[int, ...]) -> Row:
    cells = [
        cell(_value(f"baseline.{name}.{index}", format_count_percent(count, total)))
        for index, (count, (_, total)) in enumerate(zip(counts, GROUPS, strict=True))
    ]
    total = cell(_value(f"baseline.{name}.total", format_count_percent(sum(counts), 146)))
    return Row((cell(title), *cells, total, Cell()), indent=1)


def baseline() -> Table:
    heads = [cell(f"{name}\n(n = {size})") for name, size in GROUPS]
    header = (
        Row((Cell(), cell("Treatment of the internal mammary nodes", span=4), Cell(), Cell())),
        Row((cell("Characteristic"), *heads, cell("All\n(n = 146)"), cell("P", Mark("a")))),
    )
    rows: list[Row] = [
        Row(
            (
                cell("Age, mean (SD), y"),
                *[cell(_value(f"baseline.age.{index}", "48.2 (10.4)")) for index in range(4)],
                cell(_value("baseline.age.total", "48.6 (10.1)")),
                cell(_value("baseline.age.p", format_p(0.2134))),
            )
        ),
        _group("Clinical T category", 0.04, "ct"),
        _level("cT1–2", "ct12", (30, 4, 20, 11)),
        _level("cT3–4", "ct34", (27, 5, 31, 16)),
        _level("Missing", "ct_missing", (1, 0, 1, 0)),
        _group("Molecular subtype (St. Gallen 2013)", 0.00002, "subtype"),
        _level("Luminal A-like", "luminal_a", (10, 2, 8, 4)),
        _level("Luminal B-like, HER2-negative", "luminal_b", (20, 3, 22, 10)),
        _level("HER2-positive", "her2", (18, 2, 15, 8)),
        _level("Triple-negative", "tn", (10, 2, 7, 5)),
        _group("Response of the primary tumour and nodes", 0.61, "response"),
        _level("Pathological complete response (ypT0/is ypN0)", "pcr", (12, 2, 13, 6)),
        _level("Residual disease", "residual", (46, 7, 39, 21)),
        _group(f"Label {HOSTILE}", 1.0, "hostile"),
        _level("高级别 grade 3", "grade", (28, 4, 26, 13)),
    ]
    notes = (
        (
            "Values are No. (%) unless stated otherwise. Percentages are of the patients whose value is known, "
            "so that those who are missing are counted in a row of their own and enter no test. ",
            "IMND, internal mammary node dissection; pCR, pathological complete response; SD, standard deviation.",
        ),
        (Mark("a"), " Welch analysis of variance for age; Fisher exact test where any expected count is below 5, "
         "otherwise Pearson chi-squared test without continuity correction. Not adjusted for multiplicity."),
    )  # fmt: skip
    return Table("baseline", "Characteristics of the patients by treatment", header, tuple(rows), notes)


def effects() -> Table:
    header = (
        Row((Cell(), cell("Unadjusted", span=3), cell("Matched pairs", span=3), cell("Weighted (ATE)", span=3))),
        Row((cell("Endpoint"), *[cell(text) for _ in range(3) for text in ("5-y survival", "HR (95% CI)", "P")])),
    )
    rows: list[Row] = []
    ratios = {"Overall survival": 0.39, "Disease-free survival": 0.63, "Locoregional": 0.51, "Distant": 0.78}
    for title, ratio in ratios.items():
        cells: list[Cell] = []
        for method in ("crude", "matched", "weighted"):
            name = f"effect.{title.split()[0].lower()}.{method}"
            interval = format_estimate(ratio, ratio / 2.1, ratio * 2.1)
            cells += [cell(_value(f"{name}.risk", "83.0 vs 67.4")), cell(_value(f"{name}.hr", interval))]
            cells.append(cell(_value(f"{name}.p", format_p(ratio / 9))))
        rows.append(Row((cell(title), *cells)))
    return Table("effects", "Effect of the boost on each endpoint, by method", header, tuple(rows))


def protocol() -> Table:
    text = (
        ("Eligibility", "Women with clinically metastatic internal mammary nodes, M0, treated with neoadjuvant "
         "chemotherapy and surgery, no supraclavicular disease."),
        ("Strategies", "Boost of 10 to 16 Gy to the internal mammary nodes after whole-region irradiation; no boost."),
        ("Outcome", "Death from any cause"),
    )  # fmt: skip
    rows = tuple(Row((cell(item), cell(words), cell("Table 1 of the protocol"))) for item, words in text)
    header = (Row((cell("Item"), cell("Target trial"), cell("This study"))),)
    return Table("protocol", "The target trial", header, rows, align=("left", "left", "left"))


def findings() -> Findings:
    return Findings(
        (
            Finding(
                "naive-variance",
                "serious",
                "The weighted P values may rest on a variance that counts weights as patients",
                (
                    "The printed interval implies ", _value("audit.events", "48.8"), " deaths, but only ",
                    _value("events.os", "30"), " were observed.",
                ),
                "Use the variance that knows that the weights were estimated.",
            ),
            Finding("epv", "caution", "Few events for the number of covariates",
                    (_value("epv.os", "3.0"), " events per covariate."), "Prespecify fewer covariates."),
            Finding("followup", "note", f"Follow-up {HOSTILE}",
                    ("Median ", _value("fu.median", "47.5"), " months."), ""),
        )
    )  # fmt: skip


def document() -> Document:
    blocks = (
        Heading(1, "Summary", "summary"),
        Paragraph(
            ("Boost irradiation was associated with a hazard ratio of death of ",
             Value(("effect.os.hr", "effect.os.ci"), "0.54 (0.25–1.02)"), ", ",
             _value("effect.os.p", format_p_equation(0.058)), "."), "lead"),
        Paragraph(
            ("Of 187 patients screened, ", _value("n", "146"), " were analysed; ", _value("deaths", "30"),
             " died and ", Strong("no conclusion"), f" on distant metastasis is possible ({HOSTILE}). See ",
             Reference("baseline"), " and ", Reference("km-os"), ". " + "The restricted mean survival time differed "
             "little between the groups, and its interval includes no difference at all. " * 3)),
        Heading(1, "Findings of the review", "findings"),
        findings(),
        Heading(1, "Patients", "patients"),
        Heading(2, "Characteristics", "characteristics"),
        baseline(),
        Paragraph(("Small print about the table, for the reader who wants to know.",), "note"),
        Heading(2, "Target trial", "trial"),
        protocol(),
        Heading(1, "Survival", "survival"),
        Bullets((("Intervals are pointwise, ", Strong("log–log"), "."), ("Ties are Efron's.",),
                 ("Difference in 5-year survival: ", _value("rd.os", "−12.3 to 30.1"), " percentage points."))),
        Figure("km-os", "Overall survival by treatment", "Two falling curves; that of the boost lies higher.", None,
               ((("Ticks mark censored patients; " * 6) + "shaded areas are pointwise 95% confidence intervals.",),)),
        Figure("forest", f"Subgroups {HOSTILE}", "Eight intervals, all but one crossing 1.", None),
        Heading(2, "Effects", "effects"),
        effects(),
        Heading(3, "A deep heading", "deep"),
        Paragraph(("Closing words.",)),
    )  # fmt: skip
    meta = {"Plan": "study.toml", "Data": "sha256 " + "0123456789abcdef" * 4, "Seed": "20240101",
            "Counterpoise": "0.1.0"}  # fmt: skip
    return Document(
        "Boost irradiation of metastatic internal mammary nodes after neoadjuvant chemotherapy",
        "A comparative survival study of 146 patients",
        blocks,
        "SYNTHETIC DATA — made to resemble a published cohort; no statement about patients can be drawn from it",
        meta,
    )


@cache
def drawings() -> dict[str, dict[str, bytes]]:
    return {"km-os": _drawn(_survival()), "forest": _drawn(_forest())}


def _survival() -> Canvas:
    canvas = Canvas(figsize=(6.3, 4.2), layout="constrained")
    axes = canvas.subplots()
    time = np.arange(0, 73, 3)
    axes.step(time, np.exp(-time / 150), where="post", label="No boost")
    axes.step(time, np.exp(-time / 280), where="post", label="Boost")
    axes.fill_between(time, np.exp(-time / 120), np.exp(-time / 200), step="post", alpha=0.2)
    axes.set(ylim=(0, 1), xlabel="Months since diagnosis", ylabel="Overall survival")
    axes.legend(frameon=False)
    return canvas


def _forest() -> Canvas:
    canvas = Canvas(figsize=(6.3, 3.4), layout="constrained")
    axes = canvas.subplots()
    axes.errorbar(np.linspace(0.4, 1.2, 8), np.arange(8), xerr=0.3, fmt="s", color="black")
    axes.axvline(1, color="grey")
    axes.set(xlabel="Hazard ratio")
    return canvas


def _drawn(canvas: Canvas) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    metadata: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "png": {}}
    with rc_context({"svg.hashsalt": "counterpoise"}):
        for kind, entries in metadata.items():
            stream = io.BytesIO()
            canvas.savefig(stream, format=kind, dpi=300, metadata=entries)
            files[kind] = stream.getvalue()
    return files


def results() -> list[dict[str, Any]]:
    return [
        {"id": "effect.os.hr", "value": 0.5412345678901234, "lower": 0.25, "upper": 1.02, "method": "Cox, robust",
         "estimand": "ATE", "n": 146, "events": 30},
        {"id": "effect.os.p", "value": 0.058, "method": "=Wald", "n": 146},
        {"id": "median.os", "value": None, "lower": 44.1, "upper": float("inf"), "note": "@not reached"},
        {"id": "flags", "value": True, "levels": ["a", "b"], "big": 2**60},
    ]  # fmt: skip
