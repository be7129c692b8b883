"""The propensity score of a cohort, and the weights and pairs made from it."""

from dataclasses import dataclass

import numpy as np

from counterpoise.balance import (
    Balance,
    Matching,
    MatchOptions,
    PropensityScore,
    Unmatched,
    Weighting,
    WeightOptions,
    check_balance,
    compare_unmatched,
    match,
    no_match,
    propensity,
    tie_ranks,
    weigh,
)
from counterpoise.design import Covariate, Design, level_indicators
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts
from counterpoise.kernels.weighting.overlap import ScoreOverlap, score_overlap


@dataclass(frozen=True, slots=True, eq=False)
class Adjustments:
    """What weighting and matching made of the cohort.

    `rows` index the patients who have every covariate of the score; the `left_out` others take no part.
    `unmatched` compares those whom matching left out with the matched.
    """

    score: PropensityScore
    weighting: Weighting
    matching: Matching
    balance: Balance
    unmatched: Unmatched
    rows: Counts
    left_out: int

    @property
    def overlap(self) -> ScoreOverlap:
        """How far the scores of the arms overlap."""
        return score_overlap(self.score.probability, self.score.treatment)


def adjust(design: Design, weights: WeightOptions, matching: MatchOptions, seed: int) -> Adjustments:
    """Fit the score to the patients whose covariates are complete, weight and match them, and check the balance."""
    rows = np.flatnonzero(design.score.complete)
    treated = design.treatment.received[rows]
    score = propensity(treated, design.score.x[rows], terms=design.score.labels)
    weighting = weigh(score, estimand=weights.estimand, stabilised=weights.stabilised, truncate=weights.truncate)
    matched = matched_rows(design, rows, score, matching, seed)
    parts, groups = zip(*(level_indicators(item) for item in design.score.covariates), strict=True)
    columns, names = np.hstack(parts)[rows], [name for group in groups for name in group]
    balance = check_balance(columns, treated, names, weights=weighting.weights, pairs=matched)
    return Adjustments(
        score=score,
        weighting=weighting,
        matching=matched,
        balance=balance,
        unmatched=compare_unmatched(columns, names, matched, balance.scale),
        rows=rows,
        left_out=design.size - rows.size,
    )


def matched_rows(design: Design, rows: Counts, score: PropensityScore, options: MatchOptions, seed: int) -> Matching:
    """Match the patients who have a score; where what is asked for cannot be had, nobody is, with the reason."""
    ranks = tie_ranks([design.ids[row] for row in rows], seed)
    try:
        return match(score, options, columns=match_columns(design, rows, options), tie_rank=ranks)
    except InputError as error:
        return no_match(score, options, str(error))


def match_columns(design: Design, rows: Counts, options: MatchOptions) -> dict[str, np.ndarray]:
    """Return the covariates of the score by name, and those that an option names; categories by their labels."""
    chosen = {item.name: item for item in design.score.covariates}
    chosen |= {item.name: item for item in design.matching if item.name in options.columns}
    return {name: _values(item, rows) for name, item in chosen.items()}


def _values(item: Covariate, rows: Counts) -> np.ndarray:
    if item.kind != "category":
        return item.values[rows]
    return np.array(item.levels)[item.values[rows].astype(int)]
