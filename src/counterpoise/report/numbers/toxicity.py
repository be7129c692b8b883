"""The numbers of toxicity: grades by organ and arm, events without a grade, cumulative incidence of dated events."""

from collections.abc import Iterable

import numpy as np

from counterpoise.estimate import ToxicIncidence, ToxicityComparison
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

ARMS = ("control", "treated")
_AT_LEAST = {1: "any", 2: "grade2", 3: "grade3"}


def toxicity_numbers(study: Study) -> Iterable[Number]:
    """Yield the counts of each grade by organ, phase and arm, and how the arms differ."""
    if study.plan.toxicity is None:
        return
    scale = study.rules.scale(study.plan.toxicity.scale, study.plan.toxicity.edition)
    yield Number("settings.toxicity_late_after", scale.late_after_days, "days")
    confidence = study.plan.curves.confidence
    treated = study.design.treatment.received
    sizes = (int((~treated).sum()), int(treated.sum()))
    for index, row in enumerate(study.toxicity, start=1):
        yield from _grades(f"toxicity.r{index}", row, sizes, confidence)
    if study.toxicity:
        graded = np.flatnonzero(np.any([row.counts.sum(axis=0) > 0 for row in study.toxicity], axis=0))
        highest = float(graded.max()) if graded.size else float("nan")
        yield Number("toxicity.highest", highest, method="highest grade of any patient")
    for index, event in enumerate(study.adverse_events, start=1):
        place = f"toxicity.e{index}"
        for key, count, assessed in zip(ARMS, event.counts, event.assessed, strict=True):
            share = count / assessed if assessed else float("nan")
            yield Number(f"{place}.{key}.count", count, "patients", method=event.label, n=assessed)
            yield Number(f"{place}.{key}.percent", share, "share", method=event.label, n=assessed)
        yield Number(f"{place}.p", event.p_value, method="Fisher's exact test")
    for index, event in enumerate(study.dated_toxicity, start=1):
        yield from _incidence(f"toxicity.d{index}", event)
    if study.dated_toxicity:
        yield Number("settings.toxicity_horizon", study.dated_toxicity[0].horizon, "months")


def _grades(place: str, row: ToxicityComparison, sizes: tuple[int, int], confidence: float) -> Iterable[Number]:
    what = f"{row.organ}, {row.phase}"
    for arm, key in enumerate(ARMS):
        assessed = int(row.assessed[arm])
        yield Number(f"{place}.{key}.assessed", assessed, "patients", method=what)
        yield Number(f"{place}.{key}.not_assessed", sizes[arm] - assessed, "patients", method=what)
        by_grade = {f"grade{grade}": int(count) for grade, count in enumerate(row.counts[arm])}
        for grade, count in (by_grade | {"grade3_or_more": int(row.counts[arm, 3:].sum())}).items():
            share = count / assessed if assessed else float("nan")
            yield Number(f"{place}.{key}.{grade}", count, "patients", method=what, n=assessed)
            yield Number(f"{place}.{key}.{grade}.percent", share, "share", method=what, n=assessed)
    for found in row.differences:
        name = _AT_LEAST[found.grade]
        told = f"grade {found.grade} or more"
        yield Number(f"{place}.p_{name}", found.p_value, method=f"Fisher's exact test of {told}")
        yield Number(
            f"{place}.{name}.difference",
            found.value,
            "share",
            found.lower,
            found.upper,
            method=f"difference in the share with {told}; Newcombe's {100 * confidence:g} % interval",
            n=int(row.assessed.sum()),
        )


def _incidence(place: str, event: ToxicIncidence) -> Iterable[Number]:
    what = f"cumulative incidence of {event.label} at {event.horizon:g} months, Aalen-Johansen"
    for key, arm in zip(ARMS, event.arms, strict=True):
        yield Number(f"{place}.{key}.n", arm.size, "patients")
        yield Number(f"{place}.{key}.events", arm.events, "events", n=arm.size)
        yield Number(f"{place}.{key}.competing", arm.competing, "events", n=arm.size)
        yield Number(
            f"{place}.{key}.incidence",
            arm.incidence,
            "share",
            arm.lower,
            arm.upper,
            arm.std_error,
            method=what,
            n=arm.size,
            events=arm.events,
        )
    yield Number(
        f"{place}.difference",
        event.difference,
        "share",
        event.difference_lower,
        event.difference_upper,
        event.difference_error,
        method=f"difference in the {what}; plain interval",
    )
    yield Number(f"{place}.gray", event.gray, p_value=event.p_value, method="Gray's test")
