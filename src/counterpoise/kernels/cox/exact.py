"""Cox's exact partial likelihood of tied event times: the deaths as one of all sets of so many rows at risk.

At an event time with d deaths among n rows at risk the likelihood is the product of r over the deaths / e_d(r), with
r = exp(x b) and e_d the sum over all sets of d rows of the products of their r. Seen otherwise, let every row be drawn
by itself with odds z r; then e_d(r) z^d / prod (1 + z r_j) is the probability that d rows are drawn, and score and
information are the deaths' covariates less the mean, and the covariance, of the covariates drawn given that there are
d. These follow from the characteristic function of the drawing by a sum over M equally spaced frequencies, which is
exact but for the chance to draw d plus a multiple of M rows. With z such that d rows are expected no sum cancels or
overflows, and M grows with the root of d: time is n sqrt(d) where the recursion of Gail and others takes n d.

Source: Cox (1972), JRSS B 34:187, section 6; Gail, Lubin and Rubinstein (1981), Biometrika 68:703; Chen, Dempster and
Liu (1994), Biometrika 81:457 (drawing given the number); Hong (2013), Comput Stat Data Anal 59:41 (frequencies).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Counts, Floats, as_vector
from counterpoise.kernels.cox.blocks import derivatives, risk_sums
from counterpoise.kernels.cox.design import CoxDesign, arrange
from counterpoise.kernels.cox.fit import MAX_STEPS, CoxFit, _strata, _without_fit, as_covariates, naive_fit
from counterpoise.kernels.newton import Ascent, Point, ascend
from counterpoise.kernels.risk_set import risk_set
from counterpoise.kernels.verdict import Verdict

BLOCK_NUMBERS = 1 << 13  # complex numbers held at a time: they stay in the processor's cache
LARGEST_COST = 5e8  # complex numbers an evaluation: about ten seconds
SURE = 44.0  # frequencies leave out what has a probability below exp(-44)


@dataclass(frozen=True, slots=True, eq=False)
class ExactTies:
    """The t event times with several deaths, of which not all at risk die: the others need no sum over sets."""

    group: Counts
    """(t,) which event times of the design."""
    deaths: Counts
    """(t,) number of deaths."""
    end: Counts
    """(t,) where the rows of the stratum end; the rows at risk are among those from the design's `start` to here."""
    before: Counts | None
    """(n,) the last event time before each row enters, -1 if there is none; None without late entry."""
    whole: Counts
    """The event times at which all rows at risk die, which say nothing."""
    single: Floats
    """(g,) 1 for the event times with one death, 0 for the others."""
    first_death: Counts
    """(g,) where in the design's `deaths` each event time begins."""


def fit_exact(
    time: ArrayLike,
    event: ArrayLike,
    x: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    max_steps: int = MAX_STEPS,
) -> CoxFit:
    """Fit Cox's model by the exact partial likelihood: `cox(..., ties="exact")`.

    The likelihood of conditional logistic regression, one set a stratum and event time: right where times are
    discrete, exp(b) then being an odds ratio. Its score test at zero is the log-rank test, ties or not. Some call
    exact what Kalbfleisch and Prentice (1973) average over all orders of the ties; that is not offered, and Efron's
    likelihood is close to it. Arguments and record are those of `cox`; there are neither weights nor a robust
    variance, as in R's survival. Event times at which all rows at risk die say nothing and are passed over.

    Raises `InputError` as `cox`, and `UnsupportedError` where so many are at risk at so many tied times that an
    evaluation would take more than about ten seconds.

    Two of five die, one of each kind: the likelihood is r / (r^2 + 6 r + 3), with its maximum at the root of 3.

    >>> fit = fit_exact(time=[1, 1, 2, 2, 2], event=[1, 1, 0, 0, 0], x=[1, 0, 1, 0, 0])
    >>> np.exp(2 * fit.coefficients).round(12)
    array([3.])

    Source: Cox (1972), JRSS B 34:187, section 6; Gail, Lubin and Rubinstein (1981), Biometrika 68:703.
    """
    sets = risk_set(time, event, entry)
    x = as_covariates(x, sets.n)
    strata, codes = (None, None) if stratum is None else _strata(stratum, sets.n)
    shift = None if offset is None else as_vector("offset", offset, sets.n)
    start = np.zeros(x.shape[1]) if initial is None else as_vector("initial", initial, x.shape[1])
    if not sets.event.any():
        return replace(_without_fit(sets.n, x.shape[1], "breslow", False, strata), ties="exact")
    design = arrange(sets, x, np.ones(sets.n), codes, "breslow", shift)
    ascent = _maximise(design, start * design.scale, max_steps)
    return naive_fit(ascent, design.scale, start, "exact", sets, strata=strata, design=design)


def exact_ties(design: CoxDesign) -> ExactTies:
    """Return the tied event times of a design; it is made for Breslow's ties, since its own are not used.

    Raises `UnsupportedError` where an evaluation would take more than about ten seconds.
    """
    begins = np.array([segment.start for segment in design.segments])
    stops = np.append(design.start, design.rows.size)[[segment.stop for segment in design.segments]]
    sizes = [segment.stop - segment.start for segment in design.segments]
    ends = np.repeat(stops, sizes)
    at_risk, before = ends - design.start, None
    if design.late is not None:
        before = np.full(design.rows.size, -1)
        before[design.late.rows] = design.late.before
        first = np.maximum(before + 1, np.repeat(begins, sizes)[design.exit])
        change = np.bincount(first, minlength=ends.size)
        change[1:] -= np.bincount(design.exit, minlength=ends.size)[:-1]
        at_risk = np.cumsum(change)
    deaths = np.bincount(design.death_group, minlength=ends.size)
    group = np.flatnonzero((deaths > 1) & (deaths < at_risk))
    spread = deaths[group] * (1 - deaths[group] / at_risk[group])
    cost = float((at_risk[group] * _reach(spread)).sum()) / 2
    if cost > LARGEST_COST:
        raise UnsupportedError(
            f"Exact ties of {group.size} event times with up to {deaths[group].max()} deaths among "
            f"{at_risk[group].max()} rows at risk would take too long; use `ties` = 'efron'."
        )
    single = (deaths == 1).astype(float)
    whole = np.flatnonzero((deaths > 1) & (deaths == at_risk))
    return ExactTies(group, deaths[group], ends[group], before, whole, single, np.cumsum(deaths) - deaths)


def exact_point(design: CoxDesign, ties: ExactTies, beta: Floats) -> Point:
    """Return the exact log partial likelihood, its score and its information at `beta` (of the scaled covariates)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far away hazards overflow: not finite
        sums = risk_sums(design, beta)
        score, information = derivatives(design, sums, ties.single)
        log_s0 = np.log(sums.s[0])
    z, log_likelihood = design.z[1:], sums.log_likelihood
    eta = beta @ z
    if design.offset is not None:
        eta += design.offset
    eta -= eta.max()
    died = np.add.reduceat(z[:, design.deaths], ties.first_death, axis=1)
    # The sums hold Breslow's likelihood, in which the deaths of a tied time divide by S0^d in place of e_d.
    log_likelihood += float((design.death_weight * log_s0)[ties.whole].sum())
    log_likelihood -= float(np.add.reduceat(eta[design.deaths], ties.first_death)[ties.whole].sum())
    for group, deaths, end in zip(ties.group.tolist(), ties.deaths.tolist(), ties.end.tolist(), strict=True):
        rows: Counts | slice = slice(int(design.start[group]), end)
        if ties.before is not None:
            rows = np.flatnonzero(ties.before[rows] < group) + design.start[group]
        log_sum, mean, covariance = sets_of(deaths, eta[rows], z[:, rows])
        log_likelihood += deaths * log_s0[group] - log_sum
        score += died[:, group] - mean
        information += covariance
    return Point(float(log_likelihood), score, information)


def sets_of(count: int, eta: Floats, x: Floats) -> tuple[float, Floats, Floats]:
    """Sum over all sets of `count` of n rows: log e, and the (p,) mean and (p, p) covariance of a set's sum of x.

    A set has probability in proportion to exp of its sum of (n,) `eta`; `x` is (p, n) and 0 < count < n.

    >>> log_sum, mean, covariance = sets_of(2, np.zeros(4), np.array([[0.0, 0.0, 1.0, 1.0]]))
    >>> np.exp(log_sum).round(12), mean.round(12), covariance.round(12)  # 6 sets; hypergeometric: 1 and 1/3
    (np.float64(6.0), array([1.]), array([[0.33333333]]))

    Source: as the module.
    """
    if not np.isfinite(eta).all():
        return np.nan, np.full(len(x), np.nan), np.full((len(x), len(x)), np.nan)
    tilt = _tilt(eta, count)
    chance = expit(eta + tilt)
    m = _frequencies(count, eta.size, float((chance * (1 - chance)).sum()))
    wave = np.exp(2j * np.pi * np.arange(m // 2 + 1) / m)
    centre = (x @ chance) / chance.sum()
    upper = np.triu_indices(len(x))
    product = np.ones(wave.size, dtype=complex)
    first, second = np.zeros((len(x), 2 * wave.size)), np.zeros((upper[0].size, 2 * wave.size))
    width = max(1, BLOCK_NUMBERS // wave.size)
    for start in range(0, eta.size, width):
        block = slice(start, start + width)
        drawn = chance[block, None] * wave
        either = drawn + (1 - chance[block, None])
        product *= either.prod(axis=0)
        drawn /= either
        centred = x[:, block] - centre[:, None]
        first += centred @ drawn.view(float)
        drawn -= np.multiply(drawn, drawn, out=either)
        second += (centred[upper[0]] * centred[upper[1]]) @ drawn.view(float)
    # Frequencies come in conjugate pairs, all but the first: M is odd.
    part = product * wave.conj() ** count * np.where(np.arange(wave.size) > 0, 2.0, 1.0)
    total = float(np.real(part).sum())
    waves = first.view(complex)
    mean = np.real(waves @ part) / total
    covariance = np.real((waves * part) @ waves.T) / total - np.outer(mean, mean)
    covariance[upper] += np.real(second.view(complex) @ part) / total
    covariance.T[upper] = covariance[upper]
    log_sum = np.log(total / m) + float(np.logaddexp(0.0, eta + tilt).sum()) - count * tilt
    return float(log_sum), mean + count * centre, covariance


def _maximise(design: CoxDesign, start: Floats, max_steps: int) -> Ascent:
    if max_steps < 0:
        raise InputError(f"`max_steps` must not be negative; it is {max_steps}.")
    ties = exact_ties(design)

    def climb(start: Floats, max_steps: int) -> Ascent:
        return ascend(
            lambda beta: exact_point(design, ties, beta),
            start,
            spread=lambda beta: float(np.ptp(beta @ design.z[1:])),
            usual_information=float(design.deaths.size),
            max_steps=max_steps,
        )

    ascent = climb(start, max_steps)
    if ascent.verdict is Verdict.COLLINEAR and start.any():
        at_zero = climb(np.zeros_like(start), 0)
        if at_zero.verdict is not Verdict.COLLINEAR:
            raise InputError("`initial` must be nearer to the estimate; the likelihood is flat where it is.")
    return ascent


def _tilt(eta: Floats, count: int) -> float:
    """Return log z such that about `count` rows are expected; any z is exact, a near one is without cancellation."""
    share = np.log(count / (eta.size - count))
    low, high = share - float(eta.max()), share - float(eta.min())
    tilt = share - float(np.log(np.mean(np.exp(eta - eta.max())))) - float(eta.max())
    for _ in range(100):
        chance = expit(eta + tilt)
        excess, slope = float(chance.sum()) - count, float((chance * (1 - chance)).sum())
        if abs(excess) <= 0.1:
            break
        low, high = (low, tilt) if excess > 0 else (tilt, high)
        tilt = tilt - excess / slope if slope > 0 else np.inf
        if not low < tilt < high:
            tilt = (low + high) / 2
    return float(tilt)


def _reach(variance: Floats) -> Floats:
    """Return how far from its mean a sum of independent draws is with probability below exp(-SURE).

    Source: Bennett (1962), JASA 57:33; Newton's steps start from Bernstein's bound, and stay above.
    """
    variance = np.maximum(variance, 1e-9)
    reach = SURE / 3 + np.sqrt((SURE / 3) ** 2 + 2 * SURE * variance)
    for _ in range(4):
        slope = np.log1p(reach / variance)
        reach = reach - ((variance + reach) * slope - reach - SURE) / slope
    return reach


def _frequencies(count: int, n: int, variance: float) -> int:
    """Return an odd number of frequencies that tell `count` from every other number of rows that may be drawn."""
    reach = int(np.ceil(_reach(np.array(variance))))
    return (min(reach, max(count, n - count)) + 1) | 1
