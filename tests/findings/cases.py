"""Studies made to set one rule off, or to leave it silent."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from counterpoise.design import Design
from counterpoise.estimate import Analyses, Contrast, SubgroupOptions
from counterpoise.findings import Finding
from tests.estimate.cohorts import analysed, random_cohort

Case = tuple[Design, Analyses]
Rule = Callable[[Design, Analyses], Iterable[Finding]]


def study(seed: int = 1, n: int = 120, **options: Any) -> Case:
    """A random cohort and its analyses, subgroups included."""
    design = random_cohort(seed, n)
    return design, analysed(design, **{"subgroups": SubgroupOptions(of="os"), **options})


def apply(rule: Rule, case: Case) -> list[Finding]:
    return list(rule(*case))


def only(rule: Rule, case: Case) -> Finding:
    (found,) = rule(*case)
    return found


def with_contrasts(case: Case, change: Callable[[Contrast], Contrast]) -> Case:
    """The same study after a change to each of its comparisons."""
    design, analyses = case
    return design, replace(analyses, contrasts=tuple(change(contrast) for contrast in analyses.contrasts))


def with_adjustments(case: Case, **parts: Any) -> Case:
    """The same study with other weights, pairs or balance."""
    design, analyses = case
    assert analyses.adjustments is not None
    return design, replace(analyses, adjustments=replace(analyses.adjustments, **parts))


def without_adjustments(case: Case) -> Case:
    design, analyses = case
    crude = tuple(c for c in analyses.contrasts if c.adjustment == "unadjusted")
    return design, replace(analyses, adjustments=None, contrasts=crude, bootstrap=(), subgroups=None)


def p_values(contrast: Contrast, **given: float) -> Contrast:
    """A comparison with the P values given: `wald`, `curve`, `proportional`, `naive`."""
    others = {
        name: replace(other, p_value=given["naive"]) if name.startswith("naive") and "naive" in given else other
        for name, other in contrast.others.items()
    }
    return replace(
        contrast,
        ratio=replace(contrast.ratio, p_value=given.get("wald", contrast.ratio.p_value)),
        others=others,
        curve_p=given.get("curve", contrast.curve_p),
        proportional_p=given.get("proportional", contrast.proportional_p),
    )
