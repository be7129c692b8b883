"""Further adjustments of the same cohort: a score of another kind, or weights to another population."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from counterpoise.balance.alternative_options import WITHOUT_SCORE, AlternativeOptions
from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.terms import Columns
from counterpoise.kernels.imbalance import effective_sample_size, imbalance
from counterpoise.kernels.verdict import raise_unless_converged
from counterpoise.kernels.weighting.covariate_balancing import Target, covariate_balancing_score
from counterpoise.kernels.weighting.entropy_balancing import entropy_balancing
from counterpoise.kernels.weighting.firth_score import firth_score
from counterpoise.kernels.weighting.logistic_score import logistic_score
from counterpoise.kernels.weighting.records import ScoreFit, WeightModel
from counterpoise.kernels.weighting.ridge_score import ridge_score
from counterpoise.kernels.weighting.terms import score_terms
from counterpoise.kernels.weighting.tilting import tilting_score
from counterpoise.kernels.weighting.trimming import Trimming, crump, sturmer, symmetric, trim_and_refit
from counterpoise.kernels.weighting.weight_model import truncated, weight_model

Moments = Literal[1, 2, 3]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The n patients of an alternative: who was treated, and what the score and the balance look at."""

    treated: Bools
    covariates: dict[str, Columns]
    """The columns of the score by covariate."""
    judged: Floats
    """(n, k) the columns that balance is judged on."""
    scale: Floats
    """(k,) their yardstick, that of the main adjustment."""


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """One further adjustment of n patients, of whom m were kept; `reason` says why there is none where it is None."""

    options: AlternativeOptions
    kept: Bools
    """(n,) who was not trimmed away."""
    trimmed: tuple[int, int]
    """Controls and treated who were."""
    score: ScoreFit | None
    """Of the kept; None for weights without a score."""
    model: WeightModel | None
    """The weights of the kept, and what estimating them does to an effect."""
    effective_sample_size: tuple[float, float]
    """Of the controls and of the treated."""
    largest: float
    """The largest absolute standardised difference under the weights."""
    heaviest: float
    """The largest weight over the mean weight."""
    reason: str


def alternative(patients: Candidates, options: AlternativeOptions) -> Alternative:
    """Fit the score, trim by it, fit it again, and weight those who are left.

    What cannot be had (separated arms, means that cannot be balanced, an arm trimmed away) is the `reason`, and
    nothing is raised.
    """
    try:
        x = score_terms(patients.covariates, splines=options.splines, interactions=options.interactions)
        kept, score, model = _fitted(patients.treated, x, options)
    except (FitError, InputError) as error:
        nothing = np.nan
        everyone = np.ones(patients.treated.size, dtype=bool)
        return Alternative(
            options, everyone, (0, 0), None, None, (nothing, nothing), nothing, nothing, str(error).rstrip(".")
        )
    treated, gone = patients.treated[kept], ~kept
    found = imbalance(patients.judged[kept], treated, weights=model.weights, scale=patients.scale)
    return Alternative(
        options=options,
        kept=kept,
        trimmed=(int((gone & ~patients.treated).sum()), int((gone & patients.treated).sum())),
        score=score,
        model=model,
        effective_sample_size=(
            effective_sample_size(model.weights[~treated]),
            effective_sample_size(model.weights[treated]),
        ),
        largest=float(np.abs(found.smd).max()),
        heaviest=float(model.weights.max() / model.weights.mean()),
        reason="",
    )


def _fitted(treated: Bools, terms: Columns, options: AlternativeOptions) -> tuple[Bools, ScoreFit | None, WeightModel]:
    everyone = np.ones(treated.size, dtype=bool)
    if options.score in WITHOUT_SCORE:
        return everyone, None, _truncated(_without_score(treated, terms, options), options)

    def fit(rows: Bools) -> ScoreFit:
        return _score(treated[rows], terms.x[rows], options)

    score, kept = fit(everyone), everyone
    if options.trim != "none":
        trimmed = trim_and_refit(score, treated, _rule(options), fit)
        score, kept = trimmed.score, trimmed.kept
    blamed = ", ".join(terms.names[column] for column in score.at_fault)
    raise_unless_converged(score.verdict, f"{score.method} ({blamed})" if blamed else score.method)
    model = weight_model(score, treated[kept], estimand=options.estimand, stabilised=options.stabilised)
    return kept, score, _truncated(model, options)


def _score(treated: Bools, x: Floats, options: AlternativeOptions) -> ScoreFit:
    if options.score == "firth":
        return firth_score(treated, x)
    if options.score == "ridge" and options.penalty is not None:
        return ridge_score(treated, x, penalty=options.penalty)
    if options.score == "logistic":
        return logistic_score(treated, x)
    over = options.score == "over-identified covariate balancing"
    return covariate_balancing_score(treated, x, estimand=cast(Target, options.estimand), over_identified=over)


def _without_score(treated: Bools, terms: Columns, options: AlternativeOptions) -> WeightModel:
    target = cast(Target, options.estimand)
    if options.score == "tilting":
        return tilting_score(treated, terms.x, estimand=target)
    moments = cast(Moments, options.moments)
    return entropy_balancing(treated, terms.x, estimand=target, moments=moments, names=terms.names)


def _rule(options: AlternativeOptions) -> Callable[[Floats, np.ndarray], Trimming]:
    if options.trim == "crump":
        return crump
    if options.trim == "sturmer":
        return lambda chance, arm: sturmer(chance, arm, quantile=options.trim_at)
    return lambda chance, arm: symmetric(chance, arm, threshold=options.trim_at)


def _truncated(model: WeightModel, options: AlternativeOptions) -> WeightModel:
    return model if options.truncate is None else truncated(model, *options.truncate).model
