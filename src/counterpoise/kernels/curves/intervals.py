"""Pointwise limits of a probability from its standard error, on the five scales in use."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats

IntervalType = Literal["log", "log-log", "plain", "logit", "arcsine"]
_Scale = Callable[[Floats, Floats], tuple[Floats, Floats]]


def limits(survival: Floats, relative: Floats, interval: str, confidence: float) -> tuple[Floats, Floats]:
    """Return lower and upper limits of probabilities, of any one shape, from their relative standard errors.

    `relative` is the standard error of log S, which is that of S divided by S. The limits are S with 1.96 errors
    to either side on the scale that `interval` names: S itself (plain), log S, log(-log S), log(S / (1 - S)) or
    arcsin(sqrt S); those that leave [0, 1] are brought back to it. At S = 1 they are 1 and 1 on every scale, at
    S = 0 NaN. A `relative` of NaN gives NaN.

    >>> lower, upper = limits(np.array([0.5]), np.array([0.2]), "log-log", 0.95)
    >>> lower.round(4), upper.round(4)
    (array([0.2952]), array([0.6745]))

    Source: Borgan and Liestol (1990), Scand J Stat 17:35; Link (1984), Biometrics 40:601 (log); the logit and
    arcsine as in R's survfit.
    """
    check_interval(interval, confidence)
    return limits_at(survival, relative * float(ndtri(0.5 + confidence / 2)), interval)


def limits_at(survival: Floats, shift: Floats, interval: str) -> tuple[Floats, Floats]:
    """Return the limits of `limits` for a `shift` that is a multiple of the relative standard error.

    >>> lower, upper = limits_at(np.array([0.5]), np.array([0.4]), "plain")
    >>> lower.round(4), upper.round(4)
    (array([0.3]), array([0.7]))
    """
    lower, upper = np.ones_like(survival), np.ones_like(survival)
    lower[survival == 0] = upper[survival == 0] = np.nan
    inside = (survival > 0) & (survival < 1)
    low, high = _SCALES[interval](survival[inside], shift[inside])
    lower[inside], upper[inside] = np.maximum(low, 0), np.minimum(high, 1)
    return lower, upper


def check_interval(interval: str, confidence: float) -> None:
    """Raise `InputError` unless `interval` is one of the five names and `confidence` lies between 0 and 1.

    >>> check_interval("loglog", 0.95)
    Traceback (most recent call last):
    counterpoise.errors.InputError: `interval` must be one of log, log-log, plain, logit, arcsine; it is 'loglog'.
    """
    if interval not in get_args(IntervalType):
        names = ", ".join(get_args(IntervalType))
        raise InputError(f"`interval` must be one of {names}; it is {interval!r}.")
    check_confidence(confidence)


def check_confidence(confidence: float) -> None:
    """Raise `InputError` unless `confidence` lies between 0 and 1.

    >>> check_confidence(95)
    Traceback (most recent call last):
    counterpoise.errors.InputError: `confidence` must lie between 0 and 1; it is 95.
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie between 0 and 1; it is {confidence}.")


def _log(survival: Floats, shift: Floats) -> tuple[Floats, Floats]:
    return survival * np.exp(-shift), survival * np.exp(shift)


def _plain(survival: Floats, shift: Floats) -> tuple[Floats, Floats]:
    return survival * (1 - shift), survival * (1 + shift)


def _log_log(survival: Floats, shift: Floats) -> tuple[Floats, Floats]:
    log = np.log(survival)
    factor = np.exp(-shift / log)
    return np.exp(log * factor), np.exp(log / factor)


def _logit(survival: Floats, shift: Floats) -> tuple[Floats, Floats]:
    odds, factor = survival / (1 - survival), np.exp(shift / (1 - survival))
    return odds / (odds + factor), odds * factor / (odds * factor + 1)


def _arcsine(survival: Floats, shift: Floats) -> tuple[Floats, Floats]:
    angle, turn = np.arcsin(np.sqrt(survival)), 0.5 * shift * np.sqrt(survival / (1 - survival))
    return np.sin(np.maximum(angle - turn, 0)) ** 2, np.sin(np.minimum(angle + turn, np.pi / 2)) ** 2


_SCALES: dict[str, _Scale] = {
    "log": _log, "plain": _plain, "log-log": _log_log, "logit": _logit, "arcsine": _arcsine,
}  # fmt: skip
