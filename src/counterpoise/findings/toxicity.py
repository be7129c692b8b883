"""Toxic events whose date or kind does not go with their grade."""

from collections.abc import Iterable, Sequence

import numpy as np

from counterpoise.cohort.toxic_events import DatedEvents
from counterpoise.findings.finding import Finding, listed
from counterpoise.oncology.toxicity import ToxicityScale


def toxicity_line(events: Sequence[DatedEvents], scale: ToxicityScale) -> Iterable[Finding]:
    """Events on both sides of the line between acute and late, and grades in the column of the other phase."""
    values: dict[str, float] = {}
    sentences: list[str] = []
    for index, event in enumerate(events, start=1):
        happened, early = event.happened, event.time <= scale.late_after_days
        counts = {
            "early": happened & early,
            "late": happened & ~early,
            "as_acute": happened & ~early & (event.acute >= 1) & ~(event.late >= 1),
            "as_late": happened & early & (event.late >= 1) & ~(event.acute >= 1),
        }
        found = {key: float(who.sum()) for key, who in counts.items()}
        if not (found["early"] and found["late"]) and not (found["as_acute"] or found["as_late"]):
            continue
        values |= {f"d{index}_{key}": count for key, count in found.items()}
        sentences.append(
            f"{event.label}: {{d{index}_early:count}} within {{line:count}} days of {event.origin} and "
            f"{{d{index}_late:count}} later; {{d{index}_as_acute:count}} of the later are graded as acute only, "
            f"{{d{index}_as_late:count}} of the earlier as late only."
        )
    if sentences:
        yield Finding(
            name="toxicity_line",
            severity="caution",
            title="Toxic events lie on both sides of the line between acute and late",
            text=" ".join(sentences),
            advice="Say from which day the line is counted, grade each event in the phase of its date, and show the "
            "cumulative incidence beside the grades.",
            values={**values, "line": float(scale.late_after_days)},
            importance=2,
        )


def toxicity_scale(events: Sequence[DatedEvents], scale: ToxicityScale, name: str) -> Iterable[Finding]:
    """Events of a kind that the scale gives a grade, where a lower one is recorded."""
    values: dict[str, float] = {}
    sentences: list[str] = []
    for index, event in enumerate(events, start=1):
        grade = scale.fixed_acute.get(event.kind) if event.kind else None
        if grade is None or not event.happened.any():
            continue
        grades = np.fmax(event.acute, event.late)
        below = event.happened & ~(grades >= grade)
        early = below & (event.time <= scale.late_after_days)
        if not below.any():
            continue
        values |= {
            f"d{index}_events": float(event.happened.sum()),
            f"d{index}_below": float(below.sum()),
            f"d{index}_early": float(early.sum()),
            f"d{index}_grade": float(grade),
        }
        sentences.append(
            f"{event.label}: {{d{index}_below:count}} of {{d{index}_events:count}} events have no grade of "
            f"{{d{index}_grade:count}} or more, {{d{index}_early:count}} of them in the acute phase."
        )
    if sentences:
        kinds = listed(sorted({event.kind for event in events if event.kind in scale.fixed_acute}))
        yield Finding(
            name="toxicity_scale",
            severity="caution",
            title=f"The grades may be lower than {name} gives",
            text=f"By the acute scale of {name}, {kinds} that was seen or treated has a grade of its own. "
            + " ".join(sentences),
            advice="Store the scale and its version with each grade, grade these events again by it, and do not say "
            "that no patient had a severe effect before.",
            values=values,
            importance=3,
        )
