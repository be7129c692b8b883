"""Time zero: the comparison as it stands, and the analyses in which no time is immortal, side by side."""

from collections.abc import Iterable

from counterpoise.oncology.definition import phrase
from counterpoise.report.content.tables import (
    CONFIDENCE,
    body,
    group,
    head,
    horizon,
    known,
    ratio_cells,
    text,
    with_interval,
)
from counterpoise.report.document import Block, Cell, Heading, Paragraph, Table
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

LABELS = {
    "naive": "As it stands",
    "landmark": "Landmark",
    "delayed_entry": "Delayed entry",
    "time_varying": "Treatment varying in time",
    "clone_censor_weight": "Clone, censor, weight",
}


def time_zero_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Set the naive analysis and each remedy that the plan asks for side by side."""
    analyses = study.analyses.time_zero
    if not analyses:
        return
    yield Heading(1, "Time zero", "time_zero")
    yield Paragraph(numbers.parts(_introduction(study)))
    control, treated = study.design.treatment.labels
    rows = []
    notes: list[str] = []
    for analysis in analyses:
        endpoint = analysis.endpoint
        rows.append(group(f"{endpoint.label} ({endpoint.short})", 7))
        for effect in analysis.effects:
            place = f"time_zero.{endpoint.name}.{effect.analysis}"
            label = LABELS[effect.analysis]
            if effect.n == 0:
                notes.append(f"{label}, {endpoint.short}: not estimated ({'; '.join(effect.reasons)}).")
                rows.append(body(label, [text("–")] * 6, indent=1))
                continue
            cells = [numbers.cell(f"{{{place}.n:count}}"), numbers.cell(f"{{{place}.treated:count}}")]
            cells += ratio_cells(numbers, f"{place}.hazard_ratio")
            cells += [_rate(numbers, f"{place}.{arm}.rate") for arm in ("control", "treated")]
            rows.append(body(label, cells, indent=1))
            notes += [f"{label}, {endpoint.short}: {reason}." for reason in effect.reasons]
    at = horizon(study, before_noun=False)
    titles = (
        head("", "", "", "", "", numbers.cell(f"Survival at {at} ({CONFIDENCE})", span=2)),
        head("Analysis", "n", "Treated", numbers.cell(f"HR ({CONFIDENCE})"), "P", control, treated),
    )
    note = _note(study)
    if any(numbers[f"time_zero.{item.endpoint.name}.missing"].value for item in analyses):
        first = analyses[0].endpoint.name
        note += f" {{time_zero.{first}.missing:count}} patients lack a covariate and are left out of this table."
    caption = "The effect as it stands and without immortal time"
    all_notes = (numbers.parts(note), *(numbers.parts(item) for item in dict.fromkeys(notes)))
    yield Table("time_zero", caption, titles, tuple(rows), all_notes)


def _rate(numbers: Numbers, key: str) -> Cell:
    if key not in numbers or not known(numbers, key):
        return text("–")
    return numbers.cell(with_interval(numbers, key, "percent"))


def _introduction(study: Study) -> str:
    plan = study.plan.time_zero
    assert plan is not None
    whence = (
        "The treatment begins after time zero. Who died early could not be treated any more, and the time until the "
        "treatment counts as survival under it. "
        if plan.treatment_start
        else "Everyone had to reach a date after time zero to be included, and could not die before it. "
    )
    return (
        f"{whence}The first row compares ever with never treated patients from time zero on, as if nothing were wrong; "
        "the others do not look ahead."
    )


def _note(study: Study) -> str:
    plan = study.plan.time_zero
    assert plan is not None
    parts = ["Treated: patients who stand with the treated at any time."]
    if "landmark" in plan.remedies:
        parts.append(
            "Landmark: of patients at risk at {settings.landmark_months:number1} months, by what had begun then; "
            "survival is that from the landmark on."
        )
    if "delayed_entry" in plan.remedies:
        parts.append("Delayed entry: survival is that of who is alive at the first entry.")
    if "time_varying" in plan.remedies:
        parts.append("Treatment varying in time: there is no group whose survival could be drawn.")
    if "clone_censor_weight" in plan.remedies:
        parts.append(
            "Clones: beginning within {settings.grace_months:number1} months against not beginning within them; each "
            "patient stands in both arms until the treatment tells them apart."
        )
    if plan.covariates:
        parts.append(
            "Hazard ratios are adjusted for the covariates, clones are weighted by them; other rates are crude."
        )
    return " ".join(parts)


def time_zero_methods(study: Study) -> str:
    """Return the template of the paragraph on time zero of the methods section; empty where the plan asks for none."""
    plan = study.plan.time_zero
    if plan is None:
        return ""
    names = (
        ", ".join(phrase(item.label) for item in study.design.time_zero.terms.covariates)
        if study.design.time_zero
        else ""
    )
    given = f", adjusted for {names}" if names else ""
    parts = [f"Immortal time was dealt with in these analyses{given}."]
    if "landmark" in plan.remedies:
        parts.append(
            "Landmark (Anderson, Cain and Gelber): patients at risk at {settings.landmark_months:number1} months were "
            "classified by whether the treatment had begun, and followed from there."
        )
    if "delayed_entry" in plan.remedies:
        parts.append(
            "Delayed entry: patients of both arms came under observation when they had reached the date of entry."
        )
    if "time_varying" in plan.remedies:
        parts.append(
            "Treatment varying in time: patients counted as untreated until the treatment began (Crowley and Hu), with "
            "a robust variance clustered by patient."
        )
    if "clone_censor_weight" in plan.remedies:
        parts.append(_clones(names))
    return " ".join(parts)


def _clones(names: str) -> str:
    given = f" given {names}" if names else ", without covariates"
    return (
        "Clone, censor, weight (Hernán; Maringe et al.): each patient was cloned into both arms, to begin within "
        "{settings.grace_months:number1} months or not to, and each clone censored when its patient did otherwise. "
        f"Clones that stayed weigh one over the chance of staying{given}: by a Cox model of the time to the start in "
        "the arm without it, and by a logistic regression of having begun at the end of the period in the other. "
        "Variances are those of {settings.bootstrap_replicates:count} bootstrap replicates by patient with both models "
        "anew (exponential weights, seed {settings.bootstrap_seed:number0})."
    )
