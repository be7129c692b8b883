"""Matching and weighting answer different questions."""

from collections.abc import Iterable

from counterpoise.balance import Matching
from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding

WHOSE = {
    "ATT": "treated",
    "ATC": "controls",
    "ATE": "whole cohort",
    "matched treated": "treated patients who could be matched",
    "matched controls": "controls who could be matched",
}
"""In whom the effect is that a matched comparison estimates."""


def estimands_differ(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say which patients each adjusted result is about, where they are not the same."""
    if analyses.adjustments is None:
        return
    weighting, matching = analyses.adjustments.weighting, analyses.adjustments.matching
    matched = next((c.estimand for c in analyses.contrasts if c.adjustment == "matched"), weighting.estimand)
    if matched == weighting.estimand:
        return
    whose = WHOSE.get(matched, "patients who could be matched")
    key, kept = _kept(matching)
    yield Finding(
        name="estimands_differ",
        severity="note" if matched == matching.estimand else "caution",
        title="Matching and weighting estimate effects in different patients",
        text=f"Weighting estimates the {weighting.estimand}; matching keeps {kept} "
        f"and leaves out {_number('treated', matching.unmatched_treated, 'treated patient')} and "
        f"{_number('control', matching.unmatched_control, 'control')}, so its effect is that in the {whose}.",
        advice="Do not read a difference between the two as a contradiction; say which was the primary one.",
        values={
            key: matching.sets.n_treated + matching.sets.n_control if key == "patients" else matching.n_sets,
            "treated": matching.unmatched_treated,
            "control": matching.unmatched_control,
        },
        importance=2,
    )


def _kept(matching: Matching) -> tuple[str, str]:
    """Return the name of what is counted, and the template that counts it; a chosen sample counts its patients."""
    if matching.is_paired:
        return "pairs", _number("pairs", matching.n_sets, "pair")
    if matching.method == "cardinality":
        return "patients", "a sample of {patients:count} patients"
    if matching.has_links:
        return "sets", _number("sets", matching.n_sets, "set")
    return "strata", _number("strata", matching.n_sets, "stratum", "strata")


def _number(key: str, count: int, one: str, many: str = "") -> str:
    return f"{{{key}:count}} {one if count == 1 else many or f'{one}s'}"
