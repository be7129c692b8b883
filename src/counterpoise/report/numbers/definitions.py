"""The numbers of the endpoints under other definitions."""

from collections.abc import Iterable

from counterpoise.estimate import Contrast, DefinitionEffect, person_years
from counterpoise.report.numbers.effects import ARMS, hazard_number
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

TIME_AT_RISK = "time at risk and under observation, from the origin of the definition"


def definition_numbers(study: Study) -> Iterable[Number]:
    """Yield what each definition makes of each endpoint that it changes, beside the time at risk as planned."""
    effects = study.analyses.redefined
    changed = {effect.source for effect in effects}
    for endpoint in study.design.endpoints:
        if endpoint.name in changed:
            years = person_years(endpoint)
            yield Number(f"definitions.main.{endpoint.name}.person_years", years, "years", method=TIME_AT_RISK)
    for effect in effects:
        yield from _effect(effect, study.plan.curves.interval)
    for options in study.plan.definitions:
        if options.landmark_months is not None:
            yield Number(f"settings.definitions.{options.name}.landmark", options.landmark_months, "months")


def _effect(effect: DefinitionEffect, interval: str) -> Iterable[Number]:
    place = f"definitions.{effect.endpoint.name}"
    yield Number(f"{place}.n", effect.size, "patients")
    yield Number(f"{place}.dropped", effect.dropped, "patients", method="never under observation")
    yield Number(f"{place}.events", effect.endpoint.events, "events", n=effect.size)
    yield Number(f"{place}.person_years", effect.person_years, "years", method=TIME_AT_RISK)
    more = "years more than under the definition of the plan"
    yield Number(f"{place}.person_years_change", effect.person_years_change, "years", method=more)
    for contrast in effect.contrasts:
        yield from _contrast(contrast, f"{place}.{contrast.adjustment}", interval)


def _contrast(contrast: Contrast, place: str, interval: str) -> Iterable[Number]:
    for key, arm in zip(ARMS, contrast.arms, strict=True):
        rate = arm.rate
        values = (float(value[0]) for value in (rate.survival, rate.lower, rate.upper, rate.std_error))
        survival, lower, upper, error = values
        yield Number(
            f"{place}.{key}.rate", survival, "share", lower, upper, error, method=f"Kaplan-Meier, {interval} interval",
            estimand=contrast.estimand, n=arm.size, events=arm.events,
        )  # fmt: skip
    n, events = sum(arm.size for arm in contrast.arms), sum(arm.events for arm in contrast.arms)
    method = f"Cox, {contrast.variance} variance"
    yield hazard_number(contrast.ratio, f"{place}.hazard_ratio", method, f"{contrast.estimand}; marginal", n, events)
