"""Cox regressions on several covariates under many weightings of the same rows, for resampling."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.design import Ties, arrange
from counterpoise.kernels.cox.fit import as_covariates, check_ties, maximise
from counterpoise.kernels.curves.batched_restricted_mean import as_batch
from counterpoise.kernels.risk_set import RiskSet, risk_set
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class BatchedCox:
    """Cox regressions on p covariates under b weightings."""

    coefficients: Floats
    """(b, p) log hazard ratios; NaN where there is no answer."""
    converged: Bools
    """(b,) which replicates have an answer."""
    failures: dict[str, int]
    """How many replicates ended in each other verdict, by its name; replicates with a NaN weight are 'unknown'."""


def batched_cox(
    time: ArrayLike, event: ArrayLike, x: ArrayLike, weights: ArrayLike, *, ties: Ties = "efron"
) -> BatchedCox:
    """Fit the Cox regression on (n, p) `x` under each row of `weights` (b, n).

    Each replicate is `cox` with its weights, whose rows of weight zero are left out, tied deaths among them. The rows
    are sorted once and every fit begins at that of equal weights, from where three or four steps suffice. A replicate
    whose columns are collinear, whose events lie on one side of a covariate, or who has none, is counted, not dropped.

    Raises `InputError` where a weight is negative or infinite, or there is no event at all, and as `cox` does.

    >>> fit = batched_cox([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], [[1, 1, 1, 1], [1, 0, 0, 1]])
    >>> np.exp(fit.coefficients).round(6).ravel(), fit.failures
    (array([1.618034,      nan]), {'collinear covariates': 1})

    Source: as for `cox`; Efron (1981), JASA 76:312, for the bootstrap.
    """
    sets = risk_set(time, event)
    covariates = as_covariates(x, sets.n)
    batch = as_batch(weights, sets.n)
    check_ties(ties, ("efron", "breslow"))
    if not sets.event.any():
        raise InputError("`event` must hold at least one event; it has none.")
    design = arrange(sets, covariates, np.ones(sets.n), None, ties)
    full = maximise(design, np.zeros(covariates.shape[1]))
    converges = full.verdict is Verdict.CONVERGED
    start = full.coefficients / design.scale if converges else np.zeros(covariates.shape[1])
    coefficients = np.full((batch.shape[0], covariates.shape[1]), np.nan)
    converged = np.zeros(batch.shape[0], dtype=bool)
    failures: dict[str, int] = {}
    refit = partial(_refit, sets, covariates, start, ties)
    for number, row in enumerate(batch):
        if np.isnan(row).any():
            ended = "unknown"
        else:
            verdict, found = refit(row)
            ended = verdict.value
            if verdict is Verdict.CONVERGED:
                coefficients[number], converged[number] = found, True
                continue
        failures[ended] = failures.get(ended, 0) + 1
    return BatchedCox(coefficients, converged, failures)


def _refit(sets: RiskSet, x: Floats, start: Floats, ties: Ties, weights: Floats) -> tuple[Verdict, Floats]:
    """Return how the fit under (n,) `weights` ended, and where."""
    present = weights > 0
    if not (present & sets.event).any():
        return Verdict.NO_EVENTS, start
    if not present.all():
        # Another set of rows has other ties, too.
        sets = risk_set(sets.time[sets.group[present]], sets.event[present])
        x, weights = x[present], weights[present]
    design = arrange(sets, x, weights, None, ties)
    ascent = maximise(design, start * design.scale)
    return ascent.verdict, ascent.coefficients / design.scale
