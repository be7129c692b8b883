"""The numbers of all groups compared in sets by common referent."""

from collections.abc import Iterable

from counterpoise.estimate import GroupComparison, MatchedGroups
from counterpoise.kernels.imbalance import effective_sample_size
from counterpoise.report.numbers.effects import arm_numbers, hazard_number
from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study


def matched_group_numbers(study: Study) -> Iterable[Number]:
    """Yield the sets, who was left out of each group, the balance over all groups, and their comparison."""
    groups = study.analyses.matched_groups
    if groups is None:
        return
    for position, (matched, unmatched) in enumerate(zip(groups.matched, groups.unmatched, strict=True), start=1):
        yield Number(f"matched_groups.g{position}.matched", matched, "patients", method="each counted once")
        yield Number(f"matched_groups.g{position}.unmatched", unmatched, "patients")
    yield from _balance(groups)
    for comparison in groups.comparisons:
        yield from _comparison(groups, comparison, study.plan.curves.interval)


def _balance(groups: MatchedGroups) -> Iterable[Number]:
    if groups.matching is None or groups.balance is None:
        return
    yield Number("matched_groups.sets", groups.matching.n_sets, "sets")
    for position in range(1, len(groups.labels) + 1):
        weights = groups.matching.weights[(groups.matching.sets.arm == position - 1) & (groups.matching.weights > 0)]
        effective = effective_sample_size(weights)
        yield Number(f"matched_groups.g{position}.effective", effective, "patients", method="(sum w)^2 / sum w^2")
    before, after = groups.balance.before, groups.balance.after
    for index, name in enumerate(groups.balance.names):
        method = f"largest absolute standardised difference of two groups, {name}"
        yield Number(f"matched_groups.balance.c{index + 1}.before", float(before[index]), method=method)
        yield Number(f"matched_groups.balance.c{index + 1}.after", float(after[index]), method=method)
    method = "largest absolute standardised difference of two groups"
    yield Number("matched_groups.balance.largest_before", float(before.max()), method=method)
    yield Number("matched_groups.balance.largest_after", float(after.max()), method=method)


def _comparison(groups: MatchedGroups, comparison: GroupComparison, interval: str) -> Iterable[Number]:
    place = f"{comparison.endpoint.name}.matched_groups"
    estimand = f"ATT of {groups.labels[groups.referent]} who are in a set"
    for position, arm in enumerate(comparison.arms, start=1):
        yield from arm_numbers(arm, f"{place}.g{position}", interval, estimand)
    n, events = sum(arm.size for arm in comparison.arms), sum(arm.events for arm in comparison.arms)
    for position, ratio in enumerate(comparison.ratios, start=1):
        if ratio is not None:
            method = f"Cox, {groups.variance} variance"
            yield hazard_number(ratio, f"{place}.hr{position}", method, f"{estimand}; marginal", n, events)
    yield Number(f"{place}.joint_p", comparison.joint_p, method=f"Wald test of all groups, {groups.variance}")
