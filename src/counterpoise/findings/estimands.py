"""Matching and weighting answer different questions."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding


def estimands_differ(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say which patients each adjusted result is about, where they are not the same."""
    if analyses.adjustments is None:
        return
    weighting, matching = analyses.adjustments.weighting, analyses.adjustments.matching
    matched = next((c.estimand for c in analyses.contrasts if c.adjustment == "matched"), weighting.estimand)
    if matched == weighting.estimand:
        return
    yield Finding(
        name="estimands_differ",
        severity="note" if matching.unmatched_treated == 0 else "caution",
        title="Matching and weighting estimate effects in different patients",
        text=f"Weighting estimates the {weighting.estimand}; matching keeps {{pairs:count}} pairs and leaves out "
        "{treated:count} treated patients and {control:count} controls, so its effect is that in the "
        f"{'treated' if matching.unmatched_treated == 0 else 'treated patients who could be matched'}.",
        advice="Do not read a difference between the two as a contradiction; say which was the primary one.",
        values={
            "pairs": matching.n_pairs,
            "treated": matching.unmatched_treated,
            "control": matching.unmatched_control,
        },
        importance=2,
    )
