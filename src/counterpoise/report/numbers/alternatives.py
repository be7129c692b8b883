"""The numbers of further adjustments."""

from collections.abc import Iterable

from counterpoise.estimate import AlternativeAnalysis, AlternativeEffect, RateDifference
from counterpoise.report.numbers.effects import ARMS, hazard_number
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study


def alternative_numbers(study: Study) -> Iterable[Number]:
    """Yield what each further adjustment made of the cohort, and its effects."""
    for analysis in study.analyses.alternatives:
        place = f"alternatives.{analysis.name}"
        yield from _adjustment(analysis, place)
        for effect in analysis.effects:
            yield from _effect(effect, analysis, f"{place}.{effect.endpoint.name}")


def _adjustment(analysis: AlternativeAnalysis, place: str) -> Iterable[Number]:
    made, estimand = analysis.adjustment, analysis.adjustment.options.estimand
    yield Number(f"{place}.n", analysis.rows.size, "patients")
    yield Number(f"{place}.left_out", analysis.left_out, "patients")
    for key, trimmed, size in zip(ARMS, made.trimmed, made.effective_sample_size, strict=True):
        yield Number(f"{place}.{key}.trimmed", trimmed, "patients")
        yield Number(f"{place}.{key}.effective", size, "patients", method="(sum w)^2 / sum w^2", estimand=estimand)
    method = "largest absolute standardised difference under the weights"
    yield Number(f"{place}.largest", made.largest, method=method, estimand=estimand)
    yield Number(f"{place}.heaviest", made.heaviest, method="largest weight over the mean weight", estimand=estimand)


def _effect(effect: AlternativeEffect, analysis: AlternativeAnalysis, place: str) -> Iterable[Number]:
    options, n = analysis.adjustment.options, analysis.rows.size
    estimand, events = options.estimand, int(effect.endpoint.event[analysis.rows].sum())
    for key, rate in zip(ARMS, effect.rates, strict=True):
        yield Number(f"{place}.{key}.rate", rate, "share", estimand=estimand, n=n, events=events)
    if options.method == "weights":
        for suffix, ratio, variance in (
            ("", effect.ratio, "stacked variance, estimation of the weights included"),
            (".fixed", effect.fixed, "robust variance, weights taken as fixed"),
        ):
            method = f"Cox, {variance}"
            yield hazard_number(ratio, f"{place}.hazard_ratio{suffix}", method, f"{estimand}; marginal", n, events)
        curve = "weighted Kaplan-Meier, stacked variance"
    else:
        curve = "augmented inverse probability weighting, influence-function variance"
    yield _difference(effect.difference, f"{place}.difference", "share", curve, estimand, n, events)
    yield _difference(effect.mean_difference, f"{place}.mean_difference", "months", curve, estimand, n, events)


def _difference(found: RateDifference, key: str, unit: str, method: str, estimand: str, n: int, events: int) -> Number:
    return Number(
        key, found.value, unit, found.lower, found.upper, found.std_error, found.p_value, method, estimand, n, events
    )
