"""The family of log-rank tests: how much each event time counts."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.curve_tests.events_by_group import EventsByGroup

Weighting = Literal[
    "log-rank", "gehan", "tarone-ware", "peto-peto", "peto-peto-plus-one", "andersen", "fleming-harrington"
]

ALL_DIE = 1e-12  # a share of deaths this near to 1 is 1 but for the rounding of sums of weights


@dataclass(frozen=True, slots=True)
class Scheme:
    """A weighting, its name and parameters checked."""

    weighting: Weighting
    rho: float = 0.0
    gamma: float = 0.0


def as_scheme(weighting: str, rho: float, gamma: float) -> Scheme:
    """Return the weighting that is meant; `rho` or `gamma` make Fleming-Harrington weights of "log-rank".

    >>> as_scheme("log-rank", 1, 0)
    Scheme(weighting='fleming-harrington', rho=1.0, gamma=0.0)
    """
    for name, value in (("rho", rho), ("gamma", gamma)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"`{name}` must be finite and non-negative; it is {value}.")
    if weighting not in get_args(Weighting):
        known = ", ".join(f'"{name}"' for name in get_args(Weighting))
        raise InputError(f'`weighting` must be one of {known}; it is "{weighting}".')
    if rho == 0 and gamma == 0:
        return Scheme(weighting)  # pyright: ignore[reportArgumentType]
    if weighting not in ("log-rank", "fleming-harrington"):
        raise InputError(f'`rho` and `gamma` belong to Fleming-Harrington weights; `weighting` is "{weighting}".')
    return Scheme("fleming-harrington", float(rho), float(gamma))


def time_weights(scheme: Scheme, table: EventsByGroup) -> Floats:
    """Return the (g,) weights of the event times, from the events and numbers at risk of all groups together.

    With n at risk and d events, S the Kaplan-Meier curve and S~ the product of 1 - d / (n + 1):

    ======================  ==============================================
    "log-rank"              1
    "gehan"                 n
    "tarone-ware"           the square root of n
    "peto-peto"             S just before the time
    "peto-peto-plus-one"    S~ at the time
    "andersen"              S~ at the time, times n / (n + 1)
    "fleming-harrington"    S^rho (1 - S)^gamma just before the time; 0^0 is 1
    ======================  ==============================================

    Source: Klein and Moeschberger (2003), Survival Analysis, 2nd edition, table 7.3.
    """
    n, d = table.at_risk, table.events
    match scheme.weighting:
        case "log-rank":
            return np.ones_like(n)
        case "gehan":
            return n
        case "tarone-ware":
            return np.sqrt(n)
        case "peto-peto":
            return _survival(d / n, table.begins)[0]
        case "peto-peto-plus-one":
            return _survival(d / (n + 1), table.begins)[1]
        case "andersen":
            return _survival(d / (n + 1), table.begins)[1] * n / (n + 1)
        case _:
            if scheme.rho == 0 and scheme.gamma == 0:
                return np.ones_like(n)
            before = _survival(d / n, table.begins)[0]
            return before**scheme.rho * (1 - before) ** scheme.gamma


def _survival(share: Floats, begins: Counts) -> tuple[Floats, Floats]:
    """Return the products of 1 - share within strata, before each time and at it.

    Under late entry all at risk can die while others are yet to come: the curve is 0 from then on.
    """
    if share.size == 0:
        return share, share
    dies = share >= 1 - ALL_DIE
    lengths = np.diff(np.append(begins, share.size))
    logarithm = np.cumsum(np.log1p(-np.where(dies, 0.0, share)))
    before = np.append(0.0, logarithm[:-1])
    offset = np.repeat(before[begins], lengths)
    ended = np.cumsum(dies)
    ended_before = np.append(0, ended[:-1])
    ended_offset = np.repeat(ended_before[begins], lengths)
    return (
        np.where(ended_before > ended_offset, 0.0, np.exp(before - offset)),
        np.where(ended > ended_offset, 0.0, np.exp(logarithm - offset)),
    )
