"""Outcomes unadjusted, matched and weighted, side by side."""

from collections.abc import Iterable

from counterpoise.estimate import CORRECTED, FIXED_WEIGHT_ROBUST, MODEL_BASED, NAIVE, STACKED, STRATIFIED
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.curves import contrast_figures
from counterpoise.report.content.matching import set_word, where_matched
from counterpoise.report.content.tables import (
    ADJUSTMENTS,
    CONFIDENCE,
    KEYS,
    beyond,
    body,
    group,
    head,
    horizon,
    ratio_cells,
    text,
)
from counterpoise.report.document import Block, Heading, Row, Table
from counterpoise.report.numbers import Numbers, slug
from counterpoise.study import Study

BOOTSTRAP = "bootstrap"
VARIANCES = {
    CORRECTED: "Corrected: score, weights and Cox model as one system of estimating equations, each patient's share of "
    "the variance being the product of the influence and of what leaving the patient out changes.",
    STACKED: "Stacked: score, weights and Cox model as one system of estimating equations.",
    FIXED_WEIGHT_ROBUST: "Robust: weights taken as fixed.",
    BOOTSTRAP: "Bootstrap: {settings.bootstrap_replicates:count} replicates with exponential weights, score and "
    "weights refitted in each; interval and P value from the standard deviation of the replicates.",
    NAIVE: "Naive: the weights taken for numbers of patients, printed only to compare with analyses that did so.",
}
"""What a note says of the weighted hazard ratio under each variance."""
NUMERALS = {2: "two", 3: "three", 4: "four", 5: "five"}
LEADING = "The first is the one reported."
WHOM = {
    "matched treated": "; the effect is that in the treated patients who could be matched",
    "matched controls": "; the effect is that in the controls who could be matched",
    "matched patients": "; the effect is that in the patients who could be matched",
}
MATCHED_VARIANCES = {
    MODEL_BASED: "Model-based: the matched taken for independent patients.",
    NAIVE: "Naive: the weights taken for numbers of patients.",
    STRATIFIED: "Stratified: a sensitivity analysis by a Cox model with a baseline hazard for each {set}; its hazard "
    "ratio is conditional on the {set}, and rests on events at which both arms of a {set} were at risk.",
}
"""What a note says of a second hazard ratio of the matched, by its name."""


def adjusted_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set the unadjusted, the matched and the weighted comparison side by side."""
    if study.analyses.adjustments is None:
        return
    yield Heading(1, "Adjusted outcomes", "adjusted")
    yield _outcome_table(study, numbers)
    yield _variance_table(study, numbers)
    if study.analyses.was_compared("matched"):
        yield _matched_variance_table(study, numbers)
    label = phrase(study.design.treatment.label)
    yield from contrast_figures(study, numbers, "weighted", "curves_weighted", f"Weighted survival by {label}")
    if study.analyses.was_compared("matched"):
        caption = f"Survival by {label} {where_matched(study.analyses.adjustments.matching)}"
        yield from contrast_figures(study, numbers, "matched", "curves_matched", caption)


def _outcome_table(study: Study, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        rows.append(group(f"{endpoint.label} ({endpoint.short})", 8))
        for adjustment, label in ADJUSTMENTS.items():
            if not study.analyses.was_compared(adjustment):
                continue
            contrast = study.analyses.contrast(endpoint.name, adjustment)
            place = f"{endpoint.name}.{adjustment}"
            cells = [
                text(contrast.estimand),
                *(numbers.cell(f"{{{place}.{k}.events:count}}/{{{place}.{k}.n:count}}") for k in reversed(KEYS)),
                numbers.cell(f"{{{place}.treated.rate:share}} / {{{place}.control.rate:share}}"),
                *ratio_cells(numbers, f"{place}.hazard_ratio"),
                numbers.cell(f"{{{place}.curve_p:p}}"),
            ]
            rows.append(body(label, cells, indent=1))
    control, treated = study.design.treatment.labels
    titles = head(
        "Comparison", "Estimand", f"{treated}: events/n", f"{control}: events/n",
        numbers.cell(f"{horizon(study)} rate, {treated} / {control}, %"), numbers.cell(f"HR ({CONFIDENCE})"), "P",
        "P of curves",
    )  # fmt: skip
    matched = _matched_note(study)
    note = (
        f"HR: {treated} against {control}. P of the hazard ratio is Wald's. Unadjusted: {MODEL_BASED} variance, "
        f"log-rank test of the curves. {matched}Weighted: {_weighted_variances(study)}; the test of the curves is the "
        "robust score test."
    )
    rates = [f"{c.endpoint.name}.{c.adjustment}.{arm}.rate" for c in study.analyses.contrasts for arm in KEYS]
    note += beyond(study, numbers, rates)
    caption = "Outcomes, unadjusted, matched and weighted" if matched else "Outcomes, unadjusted and weighted"
    return Table("outcomes", caption, (titles,), tuple(rows), (numbers.parts(note),))


def _weighted_variances(study: Study) -> str:
    found = {c.variance: c.endpoint.short for c in study.analyses.contrasts if c.adjustment == "weighted"}
    return next(iter(found)) if len(found) == 1 else ", ".join(f"{name} ({short})" for name, short in found.items())


def _matched_note(study: Study) -> str:
    """Say what the row of the matched patients rests on, and whom it is about."""
    contrast = next((c for c in study.analyses.contrasts if c.adjustment == "matched"), None)
    if contrast is None:
        return ""
    whom = WHOM.get(contrast.estimand, "")
    return f"Matched: {contrast.variance}{whom}. "


def _variance_table(study: Study, numbers: Numbers) -> Table:
    made = {name: note for name, note in VARIANCES.items() if _is_made(study, numbers, name)}
    rows: list[Row] = []
    for endpoint in study.design.endpoints:
        cells = [numbers.cell(f"{{{endpoint.name}.weighted.hazard_ratio:ratio}}")]
        for key in (_place(study, endpoint.name, name) for name in made):
            there = key in numbers
            cells += [
                numbers.cell(f"{{{key}:{style}}}") if there else text("–") for style in ("ratio_interval", "p_value")
            ]
        rows.append(body(endpoint.short, cells))
    names = [note.partition(":")[0] for note in made.values()]
    names[-1] += ": not valid"
    titles = (
        head("", "", *(text(name, 2) for name in names)),
        head("Endpoint", "HR", *((numbers.cell(CONFIDENCE), "P") * len(made))),
    )
    caption = f"The weighted hazard ratio under {NUMERALS[len(made)]} variances"
    return Table("variances", caption, titles, tuple(rows), (numbers.parts(" ".join((*made.values(), LEADING))),))


def _place(study: Study, endpoint: str, variance: str) -> str:
    """Return the id of the weighted hazard ratio under a variance; the one that leads has no name of its own."""
    leads = study.analyses.contrast(endpoint, "weighted").variance == variance
    return f"{endpoint}.weighted.hazard_ratio" + ("" if leads else f".{slug(variance)}")


def _is_made(study: Study, numbers: Numbers, variance: str) -> bool:
    return any(_place(study, endpoint.name, variance) in numbers for endpoint in study.design.endpoints)


def _matched_variance_table(study: Study, numbers: Numbers) -> Table:
    """Set the matched hazard ratio under its variance beside what else its patients give."""
    contrasts = [c for c in study.analyses.contrasts if c.adjustment == "matched"]
    others = list(dict.fromkeys(name for contrast in contrasts for name in contrast.others))
    rows: list[Row] = []
    for contrast in contrasts:
        key = f"{contrast.endpoint.name}.matched.hazard_ratio"
        cells = [*ratio_cells(numbers, key)]
        for name in others:
            there = f"{key}.{slug(name)}" in numbers
            cells += ratio_cells(numbers, f"{key}.{slug(name)}") if there else (text("–"), text("–"))
        rows.append(body(contrast.endpoint.short, cells))
    main = contrasts[0].variance
    assert study.analyses.adjustments is not None
    one = set_word(study.analyses.adjustments.matching)
    names = [name.partition(",")[0].partition(" ")[0].capitalize() for name in (main, *others)]
    names = [f"{name}: not valid" if name == "Naive" else name for name in names]
    titles = (
        head("", *(text(name, 2) for name in names)),
        head("Endpoint", *((numbers.cell(f"HR ({CONFIDENCE})"), "P") * len(names))),
    )
    notes = [f"{main[:1].upper()}{main[1:]}: the one reported."]
    notes += [MATCHED_VARIANCES[name].replace("{set}", one) for name in others]
    return Table(
        "variances_matched", "The matched comparison under other variances and models", titles, tuple(rows),
        (numbers.parts(" ".join(notes)),),
    )  # fmt: skip
