"""The numbers of all groups weighted to one population."""

from collections.abc import Iterable, Iterator

from counterpoise.estimate import WeightedGroupComparison, WeightedGroups, WeightedRatio
from counterpoise.report.numbers.effects import hazard_number
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study

EFFECTS = ("first_without", "first_with", "second_without", "second_with", "interaction")
STACKED = "stacked variance, estimation of the weights included"
FIXED = "robust variance, weights taken as fixed"


def weighted_group_numbers(study: Study) -> Iterable[Number]:
    """Yield what the weights make of the groups, the balance over all pairs, and the comparison on each endpoint."""
    groups = study.analyses.weighted_groups
    if groups is None:
        return
    yield Number("groups_weighted.n", groups.rows.size, "patients")
    yield Number("groups_weighted.left_out", groups.left_out, "patients")
    for position, size in enumerate(groups.weighting.sizes, start=1):
        yield Number(f"groups_weighted.g{position}.n", size, "patients")
    yield from _weights(groups)
    for comparison in groups.comparisons:
        yield from _comparison(groups, comparison, study.plan.curves.interval)


def target(groups: WeightedGroups) -> str:
    """Return the estimand, with the focal group of an ATT."""
    options = groups.weighting.options
    return f"ATT of {options.focal}" if options.focal is not None else options.estimand


def _weights(groups: WeightedGroups) -> Iterable[Number]:
    weighting, estimand = groups.weighting, target(groups)
    balance = weighting.balance
    if balance is None or balance.weighted is None or weighting.score is None:
        return
    yield Number("groups_weighted.coefficients", weighting.score.coefficients.size, method="intercepts included")
    yield Number("groups_weighted.penalty", weighting.score.penalty, method="ridge on covariates of unit variance")
    for position, (effective, heaviest) in enumerate(
        zip(weighting.effective_sizes, weighting.heaviest, strict=True), start=1
    ):
        place, method = f"groups_weighted.g{position}", "(sum w)^2 / sum w^2"
        yield Number(f"{place}.effective", effective, "patients", method=method, estimand=estimand)
        yield Number(f"{place}.heaviest", heaviest, method="largest weight over the mean weight", estimand=estimand)
    before, after = balance.unadjusted.largest, balance.weighted.largest
    for index, name in enumerate(balance.names, start=1):
        method = f"largest absolute standardised difference of two groups, {name}"
        yield Number(f"groups_weighted.balance.c{index}.before", float(before[index - 1]), method=method)
        yield Number(f"groups_weighted.balance.c{index}.after", float(after[index - 1]), method=method)
    method = "largest absolute standardised difference of two groups"
    yield Number("groups_weighted.balance.largest_before", float(before.max()), method=method)
    yield Number("groups_weighted.balance.largest_after", float(after.max()), method=method)


def _comparison(groups: WeightedGroups, comparison: WeightedGroupComparison, interval: str) -> Iterable[Number]:
    place, estimand = f"groups_weighted.{comparison.endpoint.name}", target(groups)
    event = comparison.endpoint.event[groups.rows]
    sizes, total = (arm.size for arm in comparison.arms), (groups.rows.size, int(event.sum()))
    method = f"weighted Kaplan-Meier, {STACKED}, {interval} interval"
    for position, (arm, rate, n) in enumerate(zip(comparison.arms, comparison.rates, sizes, strict=True), start=1):
        yield Number(f"{place}.g{position}.events", arm.events, "events", n=n)
        yield Number(
            f"{place}.g{position}.rate", rate.value, "share", rate.lower, rate.upper, rate.std_error, method=method,
            estimand=estimand, n=n, events=arm.events,
        )  # fmt: skip
    test, name = comparison.test, "robust score test of all groups"
    yield Number(
        f"{place}.score_test", test.stacked_statistic, p_value=test.stacked_p_value, method=f"{name}, {STACKED}"
    )
    yield Number(
        f"{place}.score_test.fixed", test.fixed_statistic, p_value=test.fixed_p_value, method=f"{name}, {FIXED}"
    )
    for position, pair in enumerate(comparison.pairs, start=1):
        names = f"{groups.labels[pair.second]} against {groups.labels[pair.first]}"
        sizes_of_pair = comparison.arms[pair.first], comparison.arms[pair.second]
        own = sum(arm.size for arm in sizes_of_pair), sum(arm.events for arm in sizes_of_pair)
        key = f"{place}.pair{position}"
        yield from _ratio(pair.ratio, f"{key}.hazard_ratio", names, estimand, own)
        yield Number(f"{key}.holm", pair.adjusted, method=f"Wald test of {names}, {STACKED}, Holm's adjustment")
        found = pair.difference
        yield Number(
            f"{key}.difference", found.value, "share", found.lower, found.upper, found.std_error, found.p_value,
            f"weighted Kaplan-Meier, {STACKED}, {names}", estimand, *own,
        )  # fmt: skip
    if comparison.factorial is not None:
        for key in EFFECTS:
            ratio: WeightedRatio = getattr(comparison.factorial, key)
            what = f"ratio of hazard ratios, {ratio.stacked.label}" if key == "interaction" else ratio.stacked.label
            yield from _ratio(ratio, f"{place}.factorial.{key}", what, estimand, total)


def _ratio(ratio: WeightedRatio, key: str, what: str, estimand: str, counts: tuple[int, int]) -> Iterator[Number]:
    for suffix, found, variance in (("", ratio.stacked, STACKED), (".fixed", ratio.fixed, FIXED)):
        yield hazard_number(found, f"{key}{suffix}", f"Cox, {variance}, {what}", f"{estimand}; marginal", *counts)
