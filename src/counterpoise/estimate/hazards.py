"""Cox models of each endpoint: one variable at a time, and all together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from counterpoise.design import Covariate, Endpoint, Terms, design_terms
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import CoxFit, Ties, cox
from counterpoise.kernels.cox.proportional_hazards import ProportionalHazardsTest, proportional_hazards_test
from counterpoise.kernels.verdict import Verdict


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """One hazard ratio with its Wald interval and p value; NaN throughout where it cannot be estimated."""

    label: str
    estimate: float
    lower: float
    upper: float
    log_estimate: float
    std_error: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class HazardModel:
    """One fitted Cox model: `ratios` in the order of `terms.labels`, `joint_p` (one a covariate) by Wald's test."""

    endpoint: Endpoint
    terms: Terms
    ratios: tuple[HazardRatio, ...]
    joint_p: tuple[float, ...]
    size: int
    events: int
    missing: int
    verdict: Verdict
    fit: CoxFit
    proportional: ProportionalHazardsTest | None


@dataclass(frozen=True, slots=True, eq=False)
class HazardTable:
    """Univariable models, one a covariate, beside the multivariable model of them all."""

    endpoint: Endpoint
    univariable: tuple[HazardModel, ...]
    multivariable: HazardModel


def hazard_ratio(label: str, log_estimate: float, std_error: float, confidence: float) -> HazardRatio:
    """Return exp(b) with the interval exp(b -+ z se) and the two-sided p value of z = b / se.

    >>> round(hazard_ratio("treatment", np.log(0.5), 0.25, 0.95).upper, 4)
    0.8162
    """
    if not np.isfinite(log_estimate) or not std_error > 0:
        return HazardRatio(label, *(float("nan"),) * 6)
    reach = float(ndtri(0.5 + confidence / 2)) * std_error
    return HazardRatio(
        label=label,
        estimate=float(np.exp(log_estimate)),
        lower=float(np.exp(log_estimate - reach)),
        upper=float(np.exp(log_estimate + reach)),
        log_estimate=float(log_estimate),
        std_error=float(std_error),
        p_value=float(2 * ndtr(-abs(log_estimate / std_error))),
    )


def hazard_model(endpoint: Endpoint, terms: Terms, *, ties: Ties = "efron", confidence: float = 0.95) -> HazardModel:
    """Fit a Cox model to the patients whose covariates are all known, and test proportional hazards in it."""
    rows = terms.complete
    time, event, x, entry = endpoint.time[rows], endpoint.event[rows], terms.x[rows], endpoint.entry_of(rows)
    fit = cox(time, event, x, ties=ties, entry=entry)
    usable = fit.verdict is Verdict.CONVERGED
    proportional = None
    if usable:
        proportional = proportional_hazards_test(time, event, x, terms=terms.groups, ties=ties, entry=entry)
    blank = float("nan")
    ratios = tuple(
        hazard_ratio(label, b if usable else blank, se if usable else blank, confidence)
        for label, b, se in zip(terms.labels, fit.coefficients, fit.std_error, strict=True)
    )
    joint = tuple(_joint_p(fit, group) if usable else blank for group in terms.groups)
    return HazardModel(
        endpoint,
        terms,
        ratios,
        joint,
        fit.n,
        int(event.sum()),
        int((~rows).sum()),
        fit.verdict,
        fit,
        proportional,
    )


def hazard_table(
    endpoint: Endpoint, covariates: Sequence[Covariate], *, ties: Ties = "efron", confidence: float = 0.95
) -> HazardTable:
    """Fit each covariate alone and all together; no selection of variables takes place."""
    alone = tuple(hazard_model(endpoint, design_terms([item]), ties=ties, confidence=confidence) for item in covariates)
    together = hazard_model(endpoint, design_terms(covariates), ties=ties, confidence=confidence)
    return HazardTable(endpoint, alone, together)


def _joint_p(fit: CoxFit, group: Sequence[int]) -> float:
    """Wald's test that every coefficient of one covariate is zero."""
    columns = list(group)
    b: Floats = fit.coefficients[columns]
    statistic = float(b @ np.linalg.solve(fit.covariance[np.ix_(columns, columns)], b))
    return float(chdtrc(len(columns), statistic))
