"""The numbers of the effects: curves, Cox models, balance, contrasts, bootstrap, subgroups."""

from collections.abc import Iterable

import numpy as np

from counterpoise.balance import Balance, PropensityScore, Weighting
from counterpoise.estimate import (
    STRATIFIED,
    ArmCurve,
    Contrast,
    CurveComparison,
    HazardModel,
    HazardRatio,
    SubgroupEffect,
)
from counterpoise.kernels.imbalance import Imbalance
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

ARMS = ("control", "treated")


def curve_numbers(study: Study) -> Iterable[Number]:
    """Yield rates, medians and tests of all patients, of the two arms and of the groups."""
    analyses, level = study.analyses, study.plan.curves.interval
    for endpoint, arm in zip(study.design.endpoints, analyses.overall, strict=True):
        yield from arm_numbers(arm, f"{endpoint.name}.overall", level)
    for comparison in analyses.by_groups:
        yield from _group_curves(comparison, level)


def arm_numbers(arm: ArmCurve, place: str, interval: str, estimand: str = "") -> Iterable[Number]:
    """Yield the rate at the horizon, the number at risk there, and the median of one curve."""
    rate, median = arm.rate, arm.median
    yield Number(f"{place}.n", arm.size, "patients")
    yield Number(f"{place}.events", arm.events, "events")
    yield Number(
        f"{place}.rate",
        float(rate.survival[0]),
        "share",
        float(rate.lower[0]),
        float(rate.upper[0]),
        float(rate.std_error[0]),
        method=f"Kaplan-Meier, {interval} interval",
        estimand=estimand,
        n=arm.size,
        events=arm.events,
    )
    yield Number(f"{place}.at_risk", float(rate.at_risk[0]), "patients")
    yield Number(
        f"{place}.median",
        median.value,
        "months",
        median.lower,
        median.upper,
        method=f"Brookmeyer-Crowley, {interval} interval",
        estimand=estimand,
        n=arm.size,
        events=arm.events,
    )


def _group_curves(comparison: CurveComparison, interval: str) -> Iterable[Number]:
    place = f"{comparison.endpoint.name}.groups"
    for position, arm in enumerate(comparison.arms, start=1):
        yield from arm_numbers(arm, f"{place}.g{position}", interval)
    test = comparison.test
    yield Number(f"{place}.log_rank", test.statistic, p_value=test.p_value, method="log-rank test of all groups")
    for position, pair in enumerate(comparison.pairwise, start=1):
        method = f"log-rank test of {pair.first} against {pair.second}"
        yield Number(f"{place}.pair{position}.p", pair.p_value, method=method)
        yield Number(f"{place}.pair{position}.holm", pair.adjusted, method=f"{method}, Holm's adjustment")


def hazard_numbers(study: Study) -> Iterable[Number]:
    """Yield every hazard ratio of the univariable and multivariable models."""
    for table in study.analyses.hazards:
        for model in table.univariable:
            yield from _model(model, f"{table.endpoint.name}.univariable.{model.terms.covariates[0].name}")
        yield from _model(table.multivariable, f"{table.endpoint.name}.multivariable")
    for pair in study.analyses.group_hazards:
        name = pair.univariable.endpoint.name
        yield from _model(pair.univariable, f"{name}.groups.univariable")
        yield from _model(pair.multivariable, f"{name}.groups.multivariable")


def _model(model: HazardModel, place: str) -> Iterable[Number]:
    adjusted = len(model.terms.covariates) > 1
    estimand = "conditional on the other covariates" if adjusted else "crude"
    yield Number(f"{place}.n", model.size, "patients")
    yield Number(f"{place}.events", model.events, "events")
    for group, item, joint in zip(model.terms.groups, model.terms.covariates, model.joint_p, strict=True):
        yield Number(f"{place}.{item.name}.p", joint, method="Wald test of all levels")
        for level, column in enumerate(group, start=1):
            ratio = model.ratios[column]
            yield hazard_number(
                ratio, f"{place}.{item.name}.hr{level}", "Cox, model-based variance", estimand, model.size, model.events
            )
    if model.proportional is not None:
        method = "score test of proportional hazards, km transform"
        yield Number(f"{place}.proportional", model.proportional.global_p_value, method=method)


def hazard_number(
    ratio: HazardRatio, key: str, method: str, estimand: str = "", n: int | None = None, events: int | None = None
) -> Number:
    """Return a hazard ratio as one entry."""
    return Number(
        key, ratio.estimate, "hazard ratio", ratio.lower, ratio.upper, ratio.std_error, ratio.p_value, method, estimand,
        n, events,
    )  # fmt: skip


def contrast_numbers(study: Study) -> Iterable[Number]:
    """Yield each comparison of the arms: rates, hazard ratio under every variance, tests."""
    for contrast in study.analyses.contrasts:
        yield from _contrast(contrast, study)
    for effect in study.analyses.bootstrap:
        place = f"{effect.endpoint.name}.weighted"
        contrast = study.analyses.contrast(effect.endpoint.name, "weighted")
        estimand, (n, events) = f"{contrast.estimand}; marginal", _size(contrast)
        method = "Cox, bootstrap variance (score refitted in each replicate)"
        yield hazard_number(effect.ratio, f"{place}.hazard_ratio.bootstrap", method, estimand, n, events)
        yield Number(
            f"{place}.hazard_ratio.percentile", effect.ratio.estimate, "hazard ratio", *effect.percentile,
            method="bootstrap percentile interval", estimand=estimand, n=n, events=events,
        )  # fmt: skip
        yield Number(f"{place}.bootstrap_failed", effect.failed, "replicates", n=effect.replicates)


def _contrast(contrast: Contrast, study: Study) -> Iterable[Number]:
    place = f"{contrast.endpoint.name}.{contrast.adjustment}"
    for key, arm in zip(ARMS, contrast.arms, strict=True):
        yield from arm_numbers(arm, f"{place}.{key}", study.plan.curves.interval, contrast.estimand)
    n, events = _size(contrast)
    for name, ratio in ((contrast.variance, contrast.ratio), *contrast.others.items()):
        key = f"{place}.hazard_ratio{'' if name == contrast.variance else f'.{slug(name)}'}"
        method, kind = f"Cox, {name} variance", "marginal"
        if name == STRATIFIED:
            method, kind = f"Cox, {name}, model-based variance", "conditional on the set"
        yield hazard_number(ratio, key, method, f"{contrast.estimand}; {kind}", n, events)
    difference = contrast.difference
    yield Number(
        f"{place}.difference", difference.value, "share", difference.lower, difference.upper, difference.std_error,
        difference.p_value, f"difference of Kaplan-Meier estimates, plain interval; {contrast.difference_variance}",
        contrast.estimand, n, events,
    )  # fmt: skip
    yield Number(f"{place}.curve_p", contrast.curve_p, method=contrast.curve_test)
    yield Number(f"{place}.proportional", contrast.proportional_p, method="test of proportional hazards, km transform")


def _size(contrast: Contrast) -> tuple[int, int]:
    """Return the patients and the events of both arms."""
    return sum(arm.size for arm in contrast.arms), sum(arm.events for arm in contrast.arms)


def slug(name: str) -> str:
    """Return the first word of a variance's name, for an id: naive, model_based, robust, stratified."""
    return name.split()[0].strip(",").replace("-", "_")


def balance_numbers(study: Study) -> Iterable[Number]:
    """Yield means by arm and standardised differences, unadjusted, matched and weighted; and the score itself."""
    adjustments = study.analyses.adjustments
    if adjustments is None:
        return
    balance = adjustments.balance
    for adjustment in ("unadjusted", "matched", "weighted"):
        found = getattr(balance, adjustment)
        if found is not None:
            yield from _imbalance(f"balance.{adjustment}", found, balance)
    yield Number("score.c_statistic", adjustments.score.c_statistic)
    yield Number("score.coefficients", adjustments.score.x.shape[1])
    yield Number("score.n", adjustments.rows.size, "patients")
    treated = int(adjustments.score.treatment.sum())
    for key, size in zip(ARMS, (adjustments.rows.size - treated, treated), strict=True):
        yield Number(f"score.{key}", size, "patients")
    yield Number("score.left_out", adjustments.left_out, "patients")
    overlap = adjustments.overlap
    for key, outside, equipoise in zip(ARMS, overlap.outside.tolist(), overlap.equipoise.tolist(), strict=True):
        yield Number(f"score.{key}.outside", outside, "patients", method="score beyond the other arm's range")
        yield Number(f"score.{key}.equipoise", equipoise, "share", method="preference score from 0.3 to 0.7 (Walker)")
    yield from _weights(adjustments.weighting)
    yield from _score_model(adjustments.score)


def _imbalance(place: str, found: Imbalance, balance: Balance) -> Iterable[Number]:
    for index, name in enumerate(balance.names):
        where = f"{place}.c{index + 1}"
        yield Number(f"{where}.control", float(found.mean_control[index]), method=name)
        yield Number(f"{where}.treated", float(found.mean_treated[index]), method=name)
        yield Number(
            f"{where}.smd",
            float(found.smd[index]),
            std_error=float(found.std_error[index]),
            method=f"standardised difference of {name}, {balance.denominator} denominator",
        )
    largest = float(np.abs(found.smd).max())
    yield Number(f"{place}.largest", largest, method="largest absolute standardised difference")
    over = int((np.abs(found.smd) > 0.1).sum())
    yield Number(f"{place}.over", over, method="standardised differences above 0.1")


def _weights(weighting: Weighting) -> Iterable[Number]:
    for key, size in zip(ARMS, weighting.effective_sample_size, strict=True):
        yield Number(f"weights.{key}.effective", size, "patients", method="(sum w)^2 / sum w^2")
    for name in ("minimum", "maximum", "mean", "coefficient_of_variation"):
        yield Number(f"weights.{name}", getattr(weighting, name), estimand=weighting.estimand)
    yield Number("weights.sum", float(weighting.weights.sum()), estimand=weighting.estimand)
    if weighting.truncation:
        yield Number("weights.n_truncated", weighting.n_truncated, "patients")
        for name, bound in zip(("lowest", "highest"), weighting.truncation, strict=True):
            yield Number(f"weights.{name}", bound, method="truncated here")


def _score_model(score: PropensityScore) -> Iterable[Number]:
    std_error = np.sqrt(np.diag(score.fit.covariance))
    for index, term in enumerate(("Intercept", *score.terms)):
        value, spread = float(score.fit.coefficients[index]), float(std_error[index])
        yield Number(f"score.term{index}", value, "log odds", std_error=spread, method=f"logistic regression: {term}")


def subgroup_numbers(study: Study) -> Iterable[Number]:
    """Yield the effect in each subgroup with its counts, and the interaction tests."""
    subgroups = study.analyses.subgroups
    if subgroups is None:
        return
    estimand = study.analyses.contrast(subgroups.endpoint.name, "weighted").estimand
    for variable in subgroups.variables:
        place = f"subgroups.{variable.covariate.name}"
        yield Number(f"{place}.interaction", variable.interaction_p, method="robust Wald test of the products")
        for level, effect in enumerate(variable.levels):
            where = f"{place}.l{level}"
            for key, size, events in zip(ARMS, effect.sizes, effect.events, strict=True):
                yield Number(f"{where}.{key}.n", size, "patients")
                yield Number(f"{where}.{key}.events", events, "events")
            method = "Cox, robust variance, weights of the whole cohort"
            if effect.too_few:
                method += "; too few events to be shown"
            yield hazard_number(
                effect.ratio, f"{where}.hazard_ratio", method, estimand, sum(effect.sizes), sum(effect.events)
            )
            yield from _within(effect, where, estimand)


def _within(effect: SubgroupEffect, place: str, estimand: str) -> Iterable[Number]:
    within = effect.within
    for key, value, weights in (
        ("crude", within.crude, "no weights"),
        ("whole", within.whole, "weights of the whole cohort"),
        ("refitted", within.refitted, "weights of a score fitted in the subgroup"),
    ):
        yield Number(f"{place}.largest.{key}", value, method=f"largest absolute standardised difference, {weights}")
    if not within.reason:
        method = "Cox, robust variance, weights of a score fitted in the subgroup"
        n, events = sum(effect.sizes), sum(effect.events)
        yield hazard_number(within.ratio, f"{place}.refitted.hazard_ratio", method, estimand, n, events)
