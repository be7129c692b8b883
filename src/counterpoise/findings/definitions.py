"""Conclusions that hang on how an endpoint is defined, and from when time is counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, isfinite, log

from counterpoise.design import Design
from counterpoise.estimate import Analyses, Contrast
from counterpoise.findings.finding import SIGNIFICANT, Finding, listed

MOST_CHANGE = 1.2
"""Hazard ratios further apart, one over the other, are not the same answer."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """One comparison under the definition of the plan, and under another."""

    name: str
    planned: Contrast
    other: Contrast

    @property
    def factor(self) -> float:
        """How many times the larger of the hazard ratios is the smaller."""
        return exp(abs(log(self.other.ratio.estimate / self.planned.ratio.estimate)))

    @property
    def crosses(self) -> bool:
        """Whether one P value is below the level and the other is not."""
        return (self.planned.ratio.p_value < SIGNIFICANT) != (self.other.ratio.p_value < SIGNIFICANT)


def definitions_differ(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say which comparisons of the arms hang on the definition of the endpoint."""
    pairs = list(_pairs(design, analyses))
    if not pairs:
        return
    off = [pair for pair in pairs if pair.crosses or pair.factor > MOST_CHANGE]
    worst = max(off or pairs, key=lambda pair: (pair.crosses, pair.factor))
    said = (
        f"{worst.name}: hazard ratio {{planned:ratio}} (P {{planned_p:p_equation}}) as planned, "
        "{other:ratio} (P {other_p:p_equation}) instead."
    )
    if off:
        crossing = [pair.name for pair in off if pair.crosses]
        moved = [pair.name for pair in off if not pair.crosses]
        text = "{off:count} of {compared:count} comparisons under another definition give another answer. "
        if crossing:
            text += f"P falls on the other side of {{level:number2}} for {listed(crossing)}. "
        if moved:
            text += f"The hazard ratio is more than {{limit:number1}} times as large or as small for {listed(moved)}. "
        text += f"The widest: {said}"
    else:
        text = (
            f"No P value of {{compared:count}} comparisons falls on the other side of {{level:number2}}. Widest: {said}"
        )
    yield Finding(
        name="definitions_differ",
        severity="caution" if off else "note",
        title="The conclusion hangs on the definition" if off else "The definitions agree",
        text=text,
        advice="Name the definition of each endpoint, its edition and the origin of time before the outcome is looked "
        "at, and show the others as sensitivity.",
        values={
            **({"off": len(off)} if off else {}),
            "compared": len(pairs),
            **({"level": SIGNIFICANT} if not off or any(pair.crosses for pair in off) else {}),
            **({"limit": MOST_CHANGE} if any(not pair.crosses for pair in off) else {}),
            "planned": worst.planned.ratio.estimate,
            "planned_p": worst.planned.ratio.p_value,
            "other": worst.other.ratio.estimate,
            "other_p": worst.other.ratio.p_value,
        },
        importance=3,
    )


def definitions_without_weights(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Name the definitions under which the score could not be fitted again."""
    failed = [effect for effect in analyses.redefined if effect.reason]
    if failed:
        yield Finding(
            name="definitions_without_weights",
            severity="caution",
            title="Definitions without an adjusted comparison",
            text="; ".join(f"{e.label}, {e.endpoint.short}: {e.reason}" for e in failed) + ".",
            advice="Use fewer covariates, or a definition that keeps more patients.",
            values={},
            importance=len(failed),
        )


def _pairs(design: Design, analyses: Analyses) -> Iterable[_Pair]:
    for effect in analyses.redefined:
        for other in effect.contrasts:
            planned = analyses.contrast(effect.source, other.adjustment)
            if isfinite(planned.ratio.estimate) and isfinite(other.ratio.estimate):
                short = planned.endpoint.short
                called = short if short == other.endpoint.short else f"{short} as {other.endpoint.short}"
                yield _Pair(f"{called}, {other.adjustment} ({effect.label})", planned, other)
