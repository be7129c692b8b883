"""P values that hang on the choice of a variance or of a test."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import NAIVE, Analyses, Contrast
from counterpoise.findings.finding import SIGNIFICANT, SMALLEST_PRINTED, Finding

MANY_FAILURES = 0.05


def weighted_against_naive(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Show what a variance that takes weights for numbers of patients would have claimed, where that can be seen."""
    weighted = [
        c
        for c in analyses.contrasts
        if c.adjustment == "weighted"
        and NAIVE in c.others
        and max(c.ratio.p_value, c.others[NAIVE].p_value) >= SMALLEST_PRINTED
    ]
    if not weighted:
        return
    values: dict[str, float] = {}
    phrases: list[str] = []
    for contrast in weighted:
        name = contrast.endpoint.name
        values |= {f"{name}_naive": contrast.others[NAIVE].p_value, f"{name}_leading": contrast.ratio.p_value}
        phrases.append(f"{contrast.endpoint.short} {{{name}_naive:p}} instead of {{{name}_leading:p}}")
    flips = [c for c in weighted if c.others[NAIVE].p_value < SIGNIFICANT <= c.ratio.p_value]
    hidden = any(c.ratio.p_value < SIGNIFICANT <= c.others[NAIVE].p_value for c in weighted)
    yield Finding(
        name="weighted_against_naive",
        severity="serious" if flips else "note",
        title="A naive variance would have turned the weighted result significant"
        if flips
        else "A naive variance would have hidden a weighted result"
        if hidden
        else "The weighted P values do not hang on the naive variance",
        text="With weights taken as numbers of patients, the P values would read: " + "; ".join(phrases) + ".",
        advice="Quote the interval that leads here; a weighted analysis with the naive one claims patients who do not "
        "exist.",
        values=values,
        importance=10 * len(flips),
    )


def tests_on_either_side(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Wald's test and the test under the curves can fall on either side of .05."""
    split = [c for c in analyses.contrasts if _on_either_side(c)]
    if not split:
        return
    values: dict[str, float] = {}
    phrases: list[str] = []
    for contrast in split:
        key = f"{contrast.endpoint.name}_{contrast.adjustment}"
        values |= {f"{key}_wald": contrast.ratio.p_value, f"{key}_curve": contrast.curve_p}
        phrases.append(
            f"{contrast.endpoint.short} {contrast.adjustment}: Wald {{{key}_wald:p}}, {contrast.curve_test} "
            f"{{{key}_curve:p}}"
        )
    yield Finding(
        name="tests_on_either_side",
        severity="caution",
        title="Two valid tests fall on either side of the threshold",
        text="; ".join(phrases) + ".",
        advice="Choose the test in advance and print both; the evidence is the same.",
        values=values,
        importance=3,
    )


def _on_either_side(contrast: Contrast) -> bool:
    low, high = sorted((contrast.ratio.p_value, contrast.curve_p))
    return low < SIGNIFICANT <= high


def bootstrap_failures(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say how many replicates of the bootstrap had no finite answer; they are left out of its variance."""
    failed = [effect for effect in analyses.bootstrap if effect.failed]
    if not failed:
        return
    values: dict[str, float] = {"replicates": failed[0].replicates}
    phrases: list[str] = []
    for effect in failed:
        values[effect.endpoint.name] = effect.failed
        phrases.append(f"{effect.endpoint.short} {{{effect.endpoint.name}:count}}")
    worst = max(effect.failed / effect.replicates for effect in failed)
    yield Finding(
        name="bootstrap_failures",
        severity="serious" if worst > MANY_FAILURES else "caution",
        title="Bootstrap replicates without an answer",
        text="Of {replicates:count} replicates these did not converge: " + ", ".join(phrases) + ".",
        advice="Do not rely on the bootstrap interval there; use fewer covariates in the score.",
        values=values,
        importance=worst,
    )
