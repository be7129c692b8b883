"""Simultaneous confidence bands of a survival curve, with critical values from the law of the Brownian bridge."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.polynomial import legendre
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.special import logit, ndtri, wofz

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.curves.intervals import IntervalType, check_confidence, check_interval, limits_at
from counterpoise.kernels.curves.product_limit import SurvivalCurve
from counterpoise.kernels.risk_set import TIE_TOLERANCE

BandKind = Literal["equal-precision", "hall-wellner"]
BASIS, SHORT_BASIS = 48, 96
"""Polynomials of the expansion for equal precision; a short clock has thin layers at the ends and needs more."""
SHORT = 0.01
SHORTEST = 1e-5
"""Below this length of the clock a critical value is that of this length, which is larger, by .003 at most."""
MOST_CONFIDENCE = 0.999999
"""Nearer to 1 the probability of leaving the band is lost in rounding."""
LARGEST_TERM = 39.0
"""A term of exp(-39) = 1e-17 no longer counts."""
SHORTEST_BRIDGE = 1e-8
"""A shorter piece of the bridge is widened to this, for which 1e5 terms do; its value is larger by 1e-4 at most."""
SAME = 1e-12
"""Two times of the bridge, or of its clock, that differ by no more are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A region that holds the whole curve S(t), from `start` to `end`, with probability `confidence`.

    The k times are `start` and the event times after it up to `end`; every array is (k,). Each limit holds from its
    time up to the next, the last one to `end`.
    """

    time: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    critical_value: float
    kind: str
    interval: str
    confidence: float
    start: float
    end: float
    fraction_start: float
    """a = n v / (1 + n v) at `start`, where v is the variance of log S(t): the bridge's own time."""
    fraction_end: float


def simultaneous_band(
    curve: SurvivalCurve,
    *,
    kind: BandKind = "equal-precision",
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
    start: float | None = None,
    end: float | None = None,
) -> Band:
    """Return the confidence band of a whole curve, which is wider than its pointwise limits.

    "equal-precision" (Nair) widens the pointwise limits by one factor: its critical value takes the place of 1.96.
    "hall-wellner" is narrower in the middle and wider at the ends. Both rest on the Brownian bridge B on the part
    [a, b] of (0, 1) that is observed: equal precision on the largest |B(u)| / sqrt(u (1 - u)), Hall-Wellner on the
    largest |B(u)|. The critical values are those of the laws themselves, to 1e-8, where tables round and Nair's
    formula approximates. `interval` is the scale of the limits, as for `kaplan_meier`.

    `start` and `end` bound the band; by default they are the first event and the last event that leaves somebody at
    risk. A band of equal precision cannot begin before the first event, and none can go on where S(t) = 0.
    The curve is one of Kaplan-Meier's or Fleming and Harrington's with its variance of independent increments
    (Greenwood's): one whose variance is robust, as under propensity weights, is refused.

    Raises `InputError` where the bounds are not within those named, the curve has no event, or its variance is robust.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> band = simultaneous_band(kaplan_meier(time=[1, 2, 3, 4], event=[1, 1, 1, 1]), interval="plain")
    >>> band.time, band.upper.round(4), round(band.critical_value, 4)
    (array([1., 2., 3.]), array([1.   , 1.   , 0.864]), 2.8357)

    Source: Nair (1984), Technometrics 26:265; Hall and Wellner (1980), Biometrika 67:133; Borgan and Liestol (1990),
    Scand J Stat 17:35; Klein and Moeschberger (2003), Survival Analysis, section 4.4.
    """
    check_interval(interval, confidence)
    if kind not in get_args(BandKind):
        raise InputError(f"`kind` must be equal-precision or hall-wellner; it is {kind!r}.")
    first, last = _bounds(curve, start, end, kind)
    tolerance = TIE_TOLERANCE * float(curve.time[-1])
    inside = (curve.time > first + tolerance) & (curve.time <= last + tolerance) & (curve.events > 0)
    at = np.append(first, curve.time[inside])
    step = np.searchsorted(curve.time, at + tolerance, side="right")
    survival = np.append(1.0, curve.survival)[step]
    relative = np.append(0.0, curve.std_error)[step] / survival
    n = float((curve.events + curve.censored).sum())
    scaled = n * relative**2
    fraction = scaled / (1 + scaled)
    begin, stop = float(fraction[0]), float(fraction[-1])
    if kind == "equal-precision":
        value = equal_precision_value(begin, stop, confidence)
        shift = value * relative
    else:
        value = hall_wellner_value(begin, stop, confidence)
        shift = value * (1 + scaled) / np.sqrt(n)
    lower, upper = limits_at(survival, shift, interval)
    if kind == "hall-wellner" and survival[0] == 1:
        lower, upper = _before_events(lower, upper, survival, float(shift[0]), interval)
    return Band(at, survival, lower, upper, value, kind, interval, confidence, first, last, begin, stop)


def equal_precision_value(start: float, end: float, confidence: float = 0.95) -> float:
    """Return c such that |B(u)| <= c sqrt(u (1 - u)) for all u in [start, end], B a Brownian bridge.

    On the clock s = log(u / (1 - u)) the ratio is a stationary Ornstein-Uhlenbeck process with correlation
    exp(-|s| / 2): only the length of s matters. The probability that it stays within -c and c is found from the
    eigenvalues of its generator, in polynomials that vanish at both ends (a spectral method), to 1e-8.

    >>> round(equal_precision_value(0.1, 0.9), 4)
    3.052

    Source: Nair (1984), Technometrics 26:265; DeLong (1981), Commun Stat Theory Methods 10:2197.
    """
    _check_band_confidence(confidence)
    _check_fractions(start, end, open_ends=True)
    length = float(logit(end) - logit(start))
    pointwise = float(ndtri(0.5 + confidence / 2))
    if length <= SAME:
        return pointwise
    return _root(lambda value: _within_precision(value, max(length, SHORTEST)) - confidence, pointwise)


def hall_wellner_value(start: float, end: float, confidence: float = 0.95) -> float:
    """Return c such that |B(u)| <= c for all u in [start, end], B a Brownian bridge.

    The probability is a series in closed form: the bridge is a Brownian motion that stays between -c and c from
    `start` to `end`, whose density is a sum of sines, and is free before and after. On [0, 1] it is Kolmogorov's.

    >>> round(hall_wellner_value(0, 1), 4), round(hall_wellner_value(0.1, 0.6), 4)
    (1.3581, 1.3211)

    Source: Hall and Wellner (1980), Biometrika 67:133; Chung (1986), as printed in Klein and Moeschberger (2003),
    Survival Analysis, table C.4.
    """
    _check_band_confidence(confidence)
    _check_fractions(start, end, open_ends=False)
    peak = 0.5 if start <= 0.5 <= end else (end if end < 0.5 else start)
    pointwise = float(ndtri(0.5 + confidence / 2) * np.sqrt(peak * (1 - peak)))
    if end - start <= SAME:
        return pointwise
    widened = max(SHORTEST_BRIDGE - (end - start), 0.0) / 2
    start, end = max(start - widened, 0.0), min(end + widened, 1.0)
    return _root(lambda value: _within_distance(value, start, end) - confidence, pointwise)


def _bounds(curve: SurvivalCurve, start: float | None, end: float | None, kind: str) -> tuple[float, float]:
    if curve.robust:
        raise InputError(
            "`curve` must have Greenwood's variance; under weights or clusters the law of a band is not known."
        )
    events = curve.time[(curve.events > 0) & (curve.survival > 0)]
    if events.size == 0:
        raise InputError("`curve` must have an event that leaves somebody at risk; it has none.")
    tolerance = TIE_TOLERANCE * float(curve.time[-1])
    earliest = float(events[0]) if kind == "equal-precision" else curve.start_time
    latest = float(events[-1] if curve.survival[-1] == 0 else curve.time[-1])
    first = float(events[0]) if start is None else start
    last = float(events[-1]) if end is None else end
    if not (earliest - tolerance <= first <= last):
        raise InputError(f"`start` must lie between {earliest:g} and the band's end, {last:g}; it is {first:g}.")
    before_zero = curve.survival[-1] == 0 and last < float(curve.time[curve.survival == 0][0]) - tolerance
    if not (before_zero or last <= latest + tolerance):
        raise InputError(
            f"`end` must not be after {latest:g}, up to where the curve is known and not 0; it is {last:g}."
        )
    return first, last


def _before_events(
    lower: Floats, upper: Floats, survival: Floats, shift: float, interval: str
) -> tuple[Floats, Floats]:
    """Give Hall-Wellner's band its width where S = 1; the scales that are endless there know nothing but [0, 1]."""
    at_one = {"plain": max(1 - shift, 0.0), "log": float(np.exp(-shift))}.get(interval, 0.0)
    return np.where(survival == 1, at_one, lower), np.where(survival == 1, 1.0, upper)


def _check_band_confidence(confidence: float) -> None:
    check_confidence(confidence)
    if confidence > MOST_CONFIDENCE:
        raise InputError(f"`confidence` of a band must be at most {MOST_CONFIDENCE}; it is {confidence}.")


def _check_fractions(start: float, end: float, *, open_ends: bool) -> None:
    inside = 0 < start <= end < 1 if open_ends else 0 <= start <= end <= 1
    if not inside:
        how = "between 0 and 1" if open_ends else "from 0 to 1"
        raise InputError(f"`start` and `end` must ascend and lie {how}; they are {start} and {end}.")


def _root(excess: Callable[[float], float], pointwise: float) -> float:
    """Return where the probability reaches the confidence; pointwise limits fall short of it."""
    low, high = 0.5 * pointwise, 2.0 * pointwise
    while excess(high) < 0:
        high *= 2
    root: Any = brentq(excess, low, high, xtol=1e-13)
    return float(root)


@functools.cache
def _even_polynomials(count: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return nodes and weights of a quadrature on [-1, 1], and there P_2k - P_2k+2 (Legendre's) and its slope."""
    nodes, weights = legendre.leggauss(2 * count + 32)
    chosen = np.eye(2 * count + 1)[:, ::2]
    coefficients = chosen[:, :-1] - chosen[:, 1:]
    values = legendre.legval(nodes, coefficients)
    slopes = legendre.legval(nodes, legendre.legder(coefficients))
    return nodes, weights, values, slopes


def _within_precision(value: float, length: float) -> float:
    """Return P(|Z(s)| <= c, 0 <= s <= length) for the stationary process with dZ = -Z/2 ds + dB.

    With g the root of the normal density, times which the generator is -1/2 g'' + (z^2 / 8 - 1 / 4) g, the
    probability is the sum over its eigenfunctions e, zero at -c and c, of exp(-eigenvalue length) (integral e g)^2.
    """
    nodes, weights, values, slopes = _even_polynomials(BASIS if length > SHORT else SHORT_BASIS)
    z = value * nodes
    mass = value * (values * weights) @ values.T
    energy = (slopes * weights) @ slopes.T / (2 * value) + value * (values * weights * (z**2 / 8 - 0.25)) @ values.T
    rates, vectors = eigh(energy, mass)
    root_density = np.exp(-(z**2) / 4) / (2 * np.pi) ** 0.25
    shares = (value * (values * weights) @ root_density) @ vectors
    return float(np.exp(-rates * length) @ shares**2)


def _within_distance(value: float, start: float, end: float) -> float:
    """Return P(|B(u)| <= c, start <= u <= end) for the Brownian bridge B, from Brownian motion killed at -c and c."""
    most = value * np.sqrt(8 * LARGEST_TERM / (end - start)) / np.pi + 2
    rate = np.arange(1, int(most) + 1, 2) * np.pi / (2 * value)
    stays = np.exp(-(rate**2) * (end - start) / 2)
    terms = stays * _cosine(rate, value, start) * _cosine(rate, value, 1 - end)
    return float(np.sqrt(2 * np.pi) / value * terms.sum())


def _cosine(rate: Floats, value: float, variance: float) -> Floats:
    """Return the integral of cos(rate x) over -c to c under a normal density of mean 0, by the error function."""
    if variance == 0:
        return np.ones_like(rate)
    p, q = value / np.sqrt(2 * variance), rate * np.sqrt(variance / 2)
    return np.exp(-(q**2)) - np.real(np.exp(-(p**2) - 2j * p * q) * wofz(1j * p - q))
