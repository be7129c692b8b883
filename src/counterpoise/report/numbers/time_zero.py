"""The numbers of the comparison as it stands and of each remedy of immortal time."""

from collections.abc import Iterable

from counterpoise.estimate import TimeZeroEffect
from counterpoise.report.numbers.effects import ARMS, hazard_number
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

METHODS = {
    "naive": ("Cox, ever against never treated, from time zero", "Kaplan-Meier, ever and never treated"),
    "landmark": ("Cox from the landmark", "Kaplan-Meier from the landmark, of who was at risk at it"),
    "delayed_entry": ("Cox, delayed entry", "Kaplan-Meier, delayed entry"),
    "time_varying": ("Cox, treatment varying in time, robust variance clustered by patient", ""),
    "clone_censor_weight": (
        "Cox of weighted clones, bootstrap variance by patient",
        "Kaplan-Meier of weighted clones, bootstrap variance by patient, log-log interval",
    ),
}


def time_zero_numbers(study: Study) -> Iterable[Number]:
    """Yield hazard ratio, survival and counts of each analysis of time zero, and the plan's choices."""
    plan = study.plan.time_zero
    if plan is None:
        return
    for key, months in (("landmark", plan.landmark_months), ("grace", plan.grace_months)):
        if months is not None:
            yield Number(f"settings.{key}_months", months, "months")
    for analysis in study.analyses.time_zero:
        place = f"time_zero.{analysis.endpoint.name}"
        yield Number(f"{place}.missing", analysis.missing, "patients")
        for effect in analysis.effects:
            yield from _effect(effect, f"{place}.{effect.analysis}", bool(plan.covariates))


def _effect(effect: TimeZeroEffect, place: str, conditional: bool) -> Iterable[Number]:
    model, curve = METHODS[effect.analysis]
    marginal = effect.analysis == "clone_censor_weight"
    estimand = "marginal" if marginal or not conditional else "conditional on the covariates"
    yield Number(f"{place}.n", effect.n, "patients")
    yield Number(f"{place}.treated", effect.treated, "patients")
    yield Number(f"{place}.left_out", effect.left_out, "patients")
    yield hazard_number(effect.ratio, f"{place}.hazard_ratio", model, estimand, effect.n, effect.events)
    if not curve:
        return
    for key, (rate, lower, upper) in zip(ARMS, effect.rates, strict=True):
        yield Number(f"{place}.{key}.rate", rate, "share", lower, upper, method=curve, n=effect.n)
    found = effect.difference
    yield Number(
        f"{place}.difference", found.value, "share", found.lower, found.upper, found.std_error, found.p_value,
        f"{curve}, plain interval of the difference", estimand, effect.n, effect.events,
    )  # fmt: skip
