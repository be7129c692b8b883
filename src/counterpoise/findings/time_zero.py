"""Time in which nobody could die: before eligibility was complete, or before the treatment had begun."""

from collections.abc import Iterable

import numpy as np

from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.cohort.time_zero import TreatmentStart
from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import SIGNIFICANT, Finding
from counterpoise.kernels.arrays import Bools
from counterpoise.kernels.tables.contingency import fisher_exact

SHORTEST = 0.01
"""A share of follow-up below which immortal time changes nothing that is printed."""
APART = 1.25
"""Medians of the arms that are so many times as long as each other differ."""


def guarantee_time(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say whom the study could include only alive: everyone had to reach a date that comes after the origin."""
    facts = design.dates
    if facts is None or facts.milestone is None:
        return
    reached, treated = facts.milestone, design.treatment.received
    share = float(reached.days.sum() / facts.time.sum())
    if share < SHORTEST:
        return
    control, active = (float(np.median(reached.days[arm])) / DAYS_PER_MONTH for arm in (~treated, treated))
    apart = max(control, active) > APART * min(control, active)
    values = {
        "patients": float(reached.days.size),
        "median": float(np.median(reached.days)) / DAYS_PER_MONTH,
        "earliest": float(reached.days.min()) / DAYS_PER_MONTH,
        "latest": float(reached.days.max()) / DAYS_PER_MONTH,
        "share": share,
        "expected": reached.expected,
        "control": control,
        "treated": active,
    }
    if facts.event.any():
        values["first_event"] = float(facts.time[facts.event].min()) / DAYS_PER_MONTH
    arms = (
        " The arms differ in that time ({control:number1} months in the controls, {treated:number1} in the treated, "
        "medians), so the comparison is biased by it."
        if apart
        else " The arms hardly differ in that time ({control:number1} months in the controls, {treated:number1} in the "
        "treated, medians): it does not bias their comparison, but rates are higher than those of all patients from "
        f"{facts.origin} on, and cannot be set beside rates of other studies."
    )
    first = "; the first event came at {first_event:number1} months" if "first_event" in values else ""
    yield Finding(
        name="guarantee_time",
        severity="serious" if apart and not analyses.time_zero else "caution",
        title=f"Nobody could enter without living to {reached.label}",
        text=f"Time counts from {facts.origin}, but each of {{patients:count}} patients had reached {reached.label}, a "
        "median of {median:number1} months later ({earliest:number1} to {latest:number1}), before any event of "
        f"{facts.endpoint.lower()}{first}. At the rate seen afterwards {{expected:number1}} events were to be expected "
        "in that time, which is {share:percent} of all follow-up." + arms,
        advice=f'Count from {reached.label} (`origin = "{reached.name}"`), or let patients enter there (`entry = '
        f'"{reached.name}"` in [follow_up]), and say in the paper which; [time_zero] with `remedies = '
        f'["delayed_entry"]` and `entry = "{reached.name}"` sets both analyses side by side.',
        values=values,
        importance=share,
    )


def immortal_time(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say how much follow-up of the treated lies before their treatment, and who had no chance of getting it."""
    facts = design.dates
    if facts is None or facts.start is None:
        return
    treated, days = design.treatment.received, facts.start.days
    began = treated & np.isfinite(days)
    before = np.clip(np.where(began, days, 0.0), 0.0, facts.time)
    share = float(before.sum() / facts.time[treated].sum())
    median = float(np.median(np.maximum(days[began], 0.0))) if began.any() else 0.0
    left = ~treated & (facts.time <= median)
    if not began.any() or not median > 0 or (share < SHORTEST and not left.any()):
        return
    whence = "named in the plan" if facts.start.named else f"the column `{facts.start.name}`, which only they have"
    yield Finding(
        name="immortal_time",
        severity="caution" if analyses.time_zero or not left.any() else "serious",
        title="The treatment begins after time zero",
        text=f"The treated began at {facts.start.label} ({whence}), a median of {{median:number1}} months after "
        f"{facts.origin}. Until then they could not die, or they would stand with the controls: {{immortal:number0}} "
        "months, {share:percent} of the follow-up of {began:count} treated patients, count under a treatment that "
        "had not begun. Of {controls:count} controls {left:count} left observation before that median, {died:count} of "
        "them by the event, and may have lacked only the time to be treated. A comparison of ever with never treated "
        "favours the treatment even where it does nothing.",
        advice=_remedies(facts.start, analyses),
        values={
            "median": median / DAYS_PER_MONTH,
            "immortal": float(before.sum()) / DAYS_PER_MONTH,
            "share": share,
            "began": float(began.sum()),
            "controls": float((~treated).sum()),
            "left": float(left.sum()),
            "died": float((left & facts.event).sum()),
            "suggested": float(np.ceil(np.quantile(np.maximum(days[began], 1.0), 0.9) / DAYS_PER_MONTH)),
        },
        importance=10 * share,
    )


def _remedies(start: TreatmentStart, analyses: Analyses) -> str:
    if analyses.time_zero:
        return "Quote the analyses of the section on time zero in place of the unadjusted, weighted and matched ones."
    return (
        f'Add to the plan: [time_zero] with `treatment_start = "{start.name}"`, `remedies = ["landmark", '
        '"time_varying", "clone_censor_weight"]`, `landmark_months = {suggested:count}` and `grace_months = '
        "{suggested:count}` (nine in ten of the treated had begun by then; choose them before seeing results). Delayed "
        "entry of the treated alone is no remedy: that a control is never treated is known only from the future."
    )


def exposure_after_event(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Count the treated whose treatment began only after an event, so that the outcome decided the exposure."""
    facts = design.dates
    if facts is None or facts.start is None:
        return
    began = design.treatment.received & np.isfinite(facts.start.days)
    after = began & (facts.first_event <= facts.start.days)
    if not after.any():
        return
    yield Finding(
        name="exposure_after_event",
        severity="serious",
        title="Some patients were treated because of the outcome",
        text=f"In {{after:count}} of {{began:count}} treated patients an event came on the day of {facts.start.label} "
        "or before it: their treatment followed from the outcome that it is to be compared on.",
        advice="Code who was treated only after an event as untreated, or exclude treatments for recurrence from the "
        "definition; the analyses of [time_zero] count nobody as treated before the start, and end at the first event.",
        values={"after": float(after.sum()), "began": float(began.sum())},
        importance=float(after.mean()),
    )


def treatment_by_response(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say where a treatment that begins later was given by a response that came after time zero."""
    facts, response = design.dates, design.response
    if facts is None or facts.start is None or response is None:
        return
    outcome, treated = response.outcome.values, design.treatment.received
    yes, no = outcome == 1, outcome == 0
    if not (yes.any() and no.any() and np.median(facts.start.days[treated]) > 0):
        return
    p_value = fisher_exact(_counts(yes, no, treated)).p_value
    if not p_value < SIGNIFICANT:
        return
    yield Finding(
        name="treatment_by_response",
        severity="caution",
        title=f"Who was treated hangs on {response.outcome.label}, which came after time zero",
        text="{responders:percent} of patients with and {others:percent} of those without it were treated "
        "({p:p_equation}). Responders live longer, and only who lived had a response to be judged by.",
        advice="Count from the day on which the response was known, with the response among the covariates; or adjust "
        "for it at the start of the treatment, and not as if it had been known at time zero.",
        values={
            "responders": float(treated[yes].mean()),
            "others": float(treated[no].mean()),
            "p": p_value,
        },
        importance=1.0,
    )


def _counts(yes: Bools, no: Bools, treated: Bools) -> list[list[int]]:
    return [[int((row & arm).sum()) for arm in (~treated, treated)] for row in (no, yes)]
