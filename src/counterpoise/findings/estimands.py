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
    yield Finding(
        name="estimands_differ",
        severity="note" if matched == matching.estimand else "caution",
        title="Matching and weighting estimate effects in different patients",
        text=f"Weighting estimates the {weighting.estimand}; matching keeps {{{_sets(matching)}:count}} "
        f"{_sets(matching)} and leaves out {{treated:count}} treated patients and {{control:count}} controls, so its "
        f"effect is that in the {whose}.",
        advice="Do not read a difference between the two as a contradiction; say which was the primary one.",
        values={
            _sets(matching): matching.n_sets,
            "treated": matching.unmatched_treated,
            "control": matching.unmatched_control,
        },
        importance=2,
    )


def _sets(matching: Matching) -> str:
    if matching.is_paired:
        return "pairs"
    return "sets" if matching.has_links else "strata"
