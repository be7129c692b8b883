"""Weights that make the groups of a study resemble one population, and how far they do."""

from dataclasses import dataclass

import numpy as np

from counterpoise.balance.group_options import GroupWeightOptions
from counterpoise.balance.several_arms import SeveralArmsBalance, check_arm_balance
from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.verdict import Verdict, raise_unless_converged
from counterpoise.kernels.weighting.multinomial import MultinomialFit, multinomial_score
from counterpoise.kernels.weighting.records import WeightModel
from counterpoise.kernels.weighting.several_arms import weight_several_arms


@dataclass(frozen=True, slots=True, eq=False)
class GroupCandidates:
    """The n patients of k groups, with the columns of the score and those that balance is judged on."""

    labels: tuple[str, ...]
    arm: Counts
    """(n,) places in `labels`, each of which has a patient."""
    x: Floats
    """(n, p) the columns of the score."""
    names: tuple[str, ...]
    """Of the p columns."""
    judged: Floats
    """(n, q) with a column for every level of a category."""
    judged_names: tuple[str, ...]
    """Of the q columns."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupWeighting:
    """The weights of n patients of k groups; `reason` says, in a sentence, why there are none where they are None."""

    options: GroupWeightOptions
    labels: tuple[str, ...]
    sizes: tuple[int, ...]
    """(k,) patients of each group."""
    score: MultinomialFit | None
    model: WeightModel | None
    """The weights, and what estimating them does to an effect."""
    balance: SeveralArmsBalance | None
    effective_sizes: tuple[float, ...]
    """(k,) (sum of w)^2 / sum of w^2 in each group; NaN without weights."""
    heaviest: tuple[float, ...]
    """(k,) the largest weight of each group over the mean weight there; NaN without weights."""
    reason: str


def weigh_groups(patients: GroupCandidates, options: GroupWeightOptions) -> GroupWeighting:
    """Fit one multinomial score to the groups, weight every patient by it, and compare the groups pair by pair.

    What cannot be had (separated groups, collinear columns, a focal group that nobody is in) is the `reason`, and
    nothing is raised.

    >>> x = np.array([[0.0], [0], [0], [0], [1], [1], [1], [1]])
    >>> arm = np.array([0, 0, 1, 2, 0, 1, 2, 2])
    >>> made = weigh_groups(GroupCandidates(("A", "B", "C"), arm, x, ("old",), x, ("old",)), GroupWeightOptions())
    >>> [round(size, 2) for size in made.effective_sizes], made.balance.weighted.largest.round(12).tolist()
    ([2.67, 2.0, 2.67], [0.0])
    """
    labels, arm = patients.labels, patients.arm
    sizes = tuple(np.bincount(arm, minlength=len(labels)).tolist())
    score: MultinomialFit | None = None
    try:
        focal = _place(labels, options)
        score = multinomial_score(arm, patients.x, penalty=options.penalty)
        if score.verdict is Verdict.SEPARATED:
            raise FitError(_separated(patients, score))
        blamed = ", ".join(patients.names[column] for column in score.at_fault)
        raise_unless_converged(score.verdict, f"{score.method} ({blamed})" if blamed else score.method)
        model = weight_several_arms(score, arm, estimand=options.estimand, focal=focal)
        judged, names = patients.judged, patients.judged_names
        balance = check_arm_balance(judged, arm, names, weights=model.weights, focal=focal)
    except (FitError, InputError) as error:
        nothing = (float("nan"),) * len(labels)
        return GroupWeighting(options, labels, sizes, score, None, None, nothing, nothing, str(error))
    groups = [model.weights[arm == place] for place in range(len(labels))]
    assert balance.weighted is not None
    return GroupWeighting(
        options=options,
        labels=labels,
        sizes=sizes,
        score=score,
        model=model,
        balance=balance,
        effective_sizes=tuple(balance.weighted.effective_sizes.tolist()),
        heaviest=tuple(float(weights.max() / weights.mean()) for weights in groups),
        reason="",
    )


def _place(labels: tuple[str, ...], options: GroupWeightOptions) -> int | None:
    """Return the place of the focal group, None where the target is no group."""
    if options.focal is None:
        return None
    if options.focal not in labels:
        raise InputError(
            f"`focal` must be one of {', '.join(labels)}, the groups of the patients who have a score; it is "
            f"{options.focal!r}."
        )
    return labels.index(options.focal)


def _separated(patients: GroupCandidates, score: MultinomialFit) -> str:
    blamed = _telling(patients, score)
    pairs = multinomial_score(patients.arm, patients.x[:, blamed]).separated or score.separated
    columns = [patients.names[column] for column in blamed]
    ends = [f"{patients.labels[one]} from {patients.labels[other]}" for one, other in pairs]
    who = f"{', '.join(columns)} {'tell' if len(columns) > 1 else 'tells'}" if columns else "The covariates tell"
    return (
        f"{who} groups apart without exception ({'; '.join(ends)}), so that the score has no maximum; join levels, "
        "leave such a covariate out, or set `penalty`."
    )


def _telling(patients: GroupCandidates, score: MultinomialFit) -> list[int]:
    """Return the columns without which the score would exist; else those that separate alone, else all in doubt."""

    def verdict(columns: list[int]) -> Verdict:
        return multinomial_score(patients.arm, patients.x[:, columns]).verdict

    doubtful, every = list(score.at_fault), range(patients.x.shape[1])
    needed = [one for one in doubtful if verdict([c for c in every if c != one]) is Verdict.CONVERGED]
    return needed or [one for one in doubtful if verdict([one]) is Verdict.SEPARATED] or doubtful
