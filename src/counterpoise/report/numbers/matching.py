"""The numbers of matching: who was matched and how closely, who was left out, how far chance decided."""

from collections.abc import Iterable

import numpy as np

from counterpoise.balance import Matching, Unmatched
from counterpoise.estimate import Spread, Stability
from counterpoise.kernels.imbalance import effective_sample_size
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

ARMS = ("control", "treated")


def matching_settings(study: Study) -> Iterable[Number]:
    """Yield what the plan asks of matching, as far as its method knows it."""
    if study.plan.balance is None:
        return
    options = study.plan.balance.matching
    if options.score_caliper is not None:
        scale = "probability" if options.distance == "probability" else "logit"
        yield Number("settings.caliper", options.score_caliper, f"SD of the {scale}")
    for name in ("ratio", "max_ratio", "min_controls", "max_controls", "subclasses", "tolerance"):
        value = getattr(options, name)
        if value is not None:
            yield Number(f"settings.match_{name}", value)
    for name, width in options.covariate_calipers.items():
        yield Number(f"settings.covariate_caliper.{name}", width, method="largest difference of matched patients")


def matching_numbers(study: Study) -> Iterable[Number]:
    """Yield the sets, their weights and distances, those who were left out, and the reruns of the tie-breaking."""
    adjustments = study.analyses.adjustments
    if adjustments is None:
        return
    matching = adjustments.matching
    yield from _sets(matching)
    yield from _weights(matching)
    yield from _distances(matching)
    yield from _unmatched(adjustments.unmatched)
    if study.analyses.stability is not None:
        yield from _stability(study.analyses.stability, matching)


def _sets(matching: Matching) -> Iterable[Number]:
    sets = matching.sets
    if matching.is_paired:
        yield Number("matching.pairs", matching.n_pairs, "pairs")
    yield Number("matching.sets", matching.n_sets, "sets")
    yield Number("matching.patients", sets.n_treated + sets.n_control, "patients", method="each counted once")
    yield Number("matching.treated", sets.n_treated, "patients")
    yield Number("matching.control", sets.n_control, "patients")
    yield Number("matching.unmatched_treated", matching.unmatched_treated, "patients")
    yield Number("matching.unmatched_control", matching.unmatched_control, "patients")
    if matching.discard != "none":
        for key, arm in (("treated", sets.treatment), ("control", ~sets.treatment)):
            discarded = int(np.count_nonzero(matching.discarded & arm))
            yield Number(
                f"matching.discarded_{key}", discarded, "patients", method="beyond the scores of the other arm"
            )
        yield Number("matching.c_statistic", matching.score.c_statistic, method="of the score fitted without them")
    if matching.is_paired or not matching.n_sets:
        return
    treated, controls = sets.set_sizes.T
    for name, values in (("set_size", treated + controls), ("treated_each", treated), ("controls_each", controls)):
        for statistic in (np.min, np.median, np.max):
            key = {np.min: "minimum", np.median: "median", np.max: "maximum"}[statistic]
            yield Number(f"matching.{name}.{key}", float(statistic(values)), "patients", method="in a set")
    if matching.replacement:
        uses = np.bincount(matching.control)
        yield Number("matching.reused", int((uses > 1).sum()), "patients", method="controls in more than one set")
        yield Number("matching.most_uses", int(uses.max(initial=0)), "sets", method="of one control")


def _weights(matching: Matching) -> Iterable[Number]:
    """Yield how unevenly the matched count."""
    matched = matching.pair >= 0
    if not matched.any():
        return
    for key, arm in zip(ARMS, (~matching.sets.treatment, matching.sets.treatment), strict=True):
        effective = effective_sample_size(matching.weights[matched & arm])
        yield Number(f"matching.effective_{key}", effective, "patients", method="(sum w)^2 / sum w^2")
    yield Number("matching.weights.minimum", float(matching.weights[matched].min()))
    yield Number("matching.weights.maximum", float(matching.weights[matched].max()))


def _distances(matching: Matching) -> Iterable[Number]:
    if matching.method in ("nearest", "optimal", "full"):
        scale = f"on the {matching.caliper_scale} of the score"
        yield Number("matching.caliper", matching.caliper, method=scale)
        sd = f"{matching.caliper_sd_name} SD of the {matching.caliper_scale}"
        yield Number("matching.caliper_sd", matching.caliper_sd, method=sd)
    if matching.distance.size:
        method = f"{matching.distance_name} distance of linked patients"
        yield Number("matching.distance.median", float(np.median(matching.distance)), method=method)
        yield Number("matching.distance.mean", float(matching.distance.mean()), method=method)
        yield Number("matching.distance.maximum", float(matching.distance.max()), method=method)
        yield Number("matching.distance.links", matching.distance.size, "links")


def _unmatched(unmatched: Unmatched) -> Iterable[Number]:
    """Yield the means of the matched and the unmatched in the arms that have both."""
    for arm in ARMS:
        if not (getattr(unmatched, f"unmatched_{arm}") and getattr(unmatched, f"matched_{arm}")):
            continue
        for index, row in enumerate(unmatched.rows, start=1):
            place = f"unmatched.c{index}.{arm}"
            yield Number(f"{place}.matched", getattr(row, f"matched_{arm}"), method=row.name)
            yield Number(f"{place}.unmatched", getattr(row, f"unmatched_{arm}"), method=row.name)
            method = f"unmatched less matched, {row.name}, in SD of the unadjusted sample"
            yield Number(f"{place}.smd", getattr(row, f"smd_{arm}"), method=method)
        largest = max(abs(getattr(row, f"smd_{arm}")) for row in unmatched.rows)
        yield Number(f"unmatched.{arm}.largest", largest, method="largest absolute standardised difference")


def _stability(stability: Stability, matching: Matching) -> Iterable[Number]:
    yield Number("stability.runs", stability.runs, "runs", method="the analysis itself and its reruns")
    yield Number("stability.distinct", stability.distinct, "matchings", method="matchings that differ")
    unit = "pairs" if matching.is_paired else "sets"
    yield from _spread("stability.sets", stability.of_sets(), unit)
    for index, endpoint in enumerate(stability.endpoints):
        yield from _spread(f"stability.{endpoint.name}.hazard_ratio", stability.of_hazard_ratio(index))
        yield from _spread(f"stability.{endpoint.name}.p", stability.of_p_value(index))


def _spread(place: str, found: Spread, unit: str = "") -> Iterable[Number]:
    for name in ("minimum", "median", "maximum"):
        yield Number(f"{place}.{name}", getattr(found, name), unit, method=f"{name} over the runs")
