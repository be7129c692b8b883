"""The baseline hazard of a Cox fit, and the sums that predictions and their errors are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Counts, Floats, as_vector
from counterpoise.kernels.cox.blocks import RiskSums, risk_sums
from counterpoise.kernels.cox.design import CoxDesign
from counterpoise.kernels.cox.fit import CoxFit
from counterpoise.kernels.verdict import raise_unless_converged


@dataclass(frozen=True, slots=True, eq=False)
class BaselineHazard:
    """The hazard of one covariate pattern at the g event times, stratum after stratum; every array is (g,)."""

    time: Floats
    """Event times, ascending within a stratum."""
    stratum: Counts
    """The index of the stratum among `strata`; 0 without strata."""
    events: Floats
    """Sum of the weights of the events."""
    hazard: Floats
    """The increment of the cumulative hazard."""
    cumulative: Floats
    std_error: Floats
    """Of `cumulative`, the error of the coefficients included."""
    covariates: Floats
    """(p,) the pattern."""
    strata: np.ndarray | None
    """(k,) labels; None without strata."""


@dataclass(frozen=True, slots=True, eq=False)
class Increments:
    """What happens at each of the g event times to a row with linear predictor `log_scale`.

    The linear predictor is that of the design: 0 for a row at the centre of the covariates, without offset.
    """

    design: CoxDesign
    sums: RiskSums
    beta: Floats
    """(p,) coefficients of the design's covariates."""
    log_scale: float
    """The largest linear predictor of the data, so that nothing overflows."""
    hazard: Floats
    """(g,) the cumulative hazard's increment."""
    variance: Floats
    """(g,) that of its variance with the coefficients known."""
    drift: Floats
    """(p, g) that of the hazard times the mean covariate of those at risk, in units of the design."""


def increments(fit: CoxFit, what: str) -> Increments:
    """Evaluate a Cox fit at its coefficients; raises `FitError` naming `what` if it did not converge."""
    raise_unless_converged(fit.verdict, what)
    design = fit.design
    assert design is not None, "a converged model has events"
    beta = fit.coefficients * design.scale
    sums = risk_sums(design, beta)
    predictor = beta @ design.z[1:]
    if design.offset is not None:
        predictor += design.offset
    drift = sums.s[1:] * sums.a2
    drift[:, design.tied.group] -= sums.tied_s[1:] * sums.b2
    return Increments(design, sums, beta, float(predictor.max()), sums.hazard, sums.a2, drift)


def running(design: CoxDesign, values: Floats) -> Floats:
    """Return the sums of (..., g) `values` from the first event time of each stratum on."""
    return np.concatenate([np.cumsum(values[..., segment], axis=-1) for segment in design.segments], axis=-1)


def root_of(covariance: Floats, scale: Floats) -> Floats:
    """Return (p, p) R with R R' the covariance of the coefficients of covariates divided by (p,) `scale`.

    >>> root = root_of(np.array([[4.0]]), np.array([3.0]))
    >>> root @ root.T
    array([[36.]])
    """
    values, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
    return vectors * np.sqrt(np.maximum(values, 0.0))


def baseline_hazard(fit: CoxFit, *, covariates: ArrayLike | None = None) -> BaselineHazard:
    """Estimate the hazard of a row with the given (p,) `covariates`, zero by default, offset 0, in each stratum.

    The increment at an event time is the weight of the events over the sum of the hazard ratios of those at risk
    (Breslow); under Efron's ties the tied events leave that sum one share after the other; exact ties take Breslow's.
    Late entry counts. R's `basehaz(fit, centered = FALSE)` is this at zero; its default is this at the covariate
    means, columns of zeros and ones left at zero. The hazard at zero is that of no patient where no covariate can be
    zero. The variance adds that of the coefficients (robust if the fit is) to that of the increments.

    Raises `FitError` if the model has no finite estimate.

    >>> from counterpoise.kernels.cox.fit import cox
    >>> fit = cox(time=[1, 1, 6, 6, 8, 9], event=[1, 0, 1, 1, 0, 1], x=[1, 1, 1, 0, 0, 0], ties="breslow")
    >>> base = baseline_hazard(fit)
    >>> base.time, base.cumulative.round(4)
    (array([1., 6., 9.]), array([0.062 , 0.3333, 1.3333]))

    Source: Breslow (1972), JRSS B 34:216; Tsiatis (1981), Annals of Statistics 9:93; for Efron's ties Therneau and
    Grambsch (2000), Modeling Survival Data, section 10.2.
    """
    steps = increments(fit, "the Cox model whose baseline hazard is asked for")
    design = steps.design
    p = steps.beta.size
    pattern = np.zeros(p) if covariates is None else as_vector("covariates", covariates, p)
    z = (pattern - design.centre) / design.scale
    ratio = np.exp(steps.beta @ z - steps.log_scale)
    cumulative = running(design, steps.hazard)
    away = root_of(fit.covariance, design.scale).T @ (z[:, None] * cumulative - running(design, steps.drift))
    variance = running(design, steps.variance) + (away**2).sum(axis=0)
    return BaselineHazard(
        time=design.event_time,
        stratum=design.event_stratum,
        events=design.death_weight,
        hazard=steps.hazard * ratio,
        cumulative=cumulative * ratio,
        std_error=np.sqrt(variance) * ratio,
        covariates=pattern,
        strata=fit.strata,
    )
