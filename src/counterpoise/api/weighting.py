"""Propensity scores and balancing weights, for arrays and for the columns of any dataframe.

Each is the kernel of the same name, whose docstring holds here too, where no other is named.
"""

from collections.abc import Mapping, Sequence

from counterpoise.api.columns import Column, accepts_columns, by_name, numbers
from counterpoise.kernels.cox.terms import Columns
from counterpoise.kernels.weighting import (
    arm_contrasts as _arm_contrasts,
    censoring as _censoring,
    covariate_balancing as _covariate_balancing,
    entropy_balancing as _entropy_balancing,
    estimands as _estimands,
    firth_score as _firth_score,
    logistic_score as _logistic_score,
    multinomial as _multinomial,
    overlap as _overlap,
    ridge_score as _ridge_score,
    several_arms as _several_arms,
    terms as _terms,
    tilting as _tilting,
    trimming as _trimming,
    weight_model as _weight_model,
)

ARMS = frozenset({"treatment", "arm"})
"""Which may hold labels of any kind where the arms are only told apart."""

logistic_score = accepts_columns(_logistic_score.logistic_score)
firth_score = accepts_columns(_firth_score.firth_score)
ridge_score = accepts_columns(_ridge_score.ridge_score)
covariate_balancing_score = accepts_columns(_covariate_balancing.covariate_balancing_score)
entropy_balancing = accepts_columns(_entropy_balancing.entropy_balancing)
tilting_score = accepts_columns(_tilting.tilting_score)
outside_score = accepts_columns(_weight_model.outside_score)

weight_model = accepts_columns(_weight_model.weight_model)
known_weights = accepts_columns(_weight_model.known_weights)
normalise_weights = accepts_columns(_weight_model.normalise)
truncate_weights = accepts_columns(_weight_model.truncated)
balancing_weights = accepts_columns(_estimands.balancing_weights)

preference_score = accepts_columns(_overlap.preference_score, labelled=ARMS)
score_overlap = accepts_columns(_overlap.score_overlap, labelled=ARMS)
positivity_gaps = accepts_columns(_overlap.positivity_gaps, labelled=ARMS)
trim_symmetric = accepts_columns(_trimming.symmetric, labelled=ARMS)
trim_crump = accepts_columns(_trimming.crump, labelled=ARMS)
trim_sturmer = accepts_columns(_trimming.sturmer, labelled=ARMS)
trim_walker = accepts_columns(_trimming.walker, labelled=ARMS)
trim_and_refit = accepts_columns(_trimming.trim_and_refit, labelled=ARMS)

multinomial_score = accepts_columns(_multinomial.multinomial_score)
generalised_weights = accepts_columns(_several_arms.generalised_weights)
weight_several_arms = accepts_columns(_several_arms.weight_several_arms)
factorial_arms = accepts_columns(_arm_contrasts.factorial_arms)
arm_hazards = accepts_columns(_arm_contrasts.arm_hazards)
arm_survival = accepts_columns(_arm_contrasts.arm_survival)

censoring_weights = accepts_columns(_censoring.censoring_weights, labelled=ARMS)
censoring_weight_rows = accepts_columns(_censoring.censoring_weight_rows, labelled=ARMS)


def score_terms(
    covariates: Column | Mapping[str, Column | Columns],
    *,
    splines: Mapping[str, int] | None = None,
    squares: Sequence[str] = (),
    interactions: Sequence[Sequence[str]] = (),
) -> Columns:
    """Return the columns of a score, with their names: covariates, their splines, squares and products.

    `covariates` is a dataframe of numbers, or a mapping from names to columns or, for a category, to its `indicators`;
    `splines` maps a covariate to its degrees of freedom. More is said in `counterpoise.kernels.weighting.terms`.

    >>> score_terms({"age": [40.0, 50.0, 70.0], "sex": [0, 1, 1]}, squares=["age"]).names
    ('age', 'sex', 'age^2')
    """
    given = by_name("covariates", covariates)
    columns = {name: part if isinstance(part, Columns) else numbers(name, part) for name, part in given.items()}
    return _terms.score_terms(columns, splines=splines, squares=squares, interactions=interactions)
