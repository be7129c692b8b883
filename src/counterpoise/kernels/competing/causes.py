"""Competing causes: their codes checked, and the sums over rows at risk that all estimators of them share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_floats, as_weights, require
from counterpoise.kernels.risk_set import RiskSet, risk_set, sum_by_time
from counterpoise.kernels.sandwich import group_codes

CENSORED = 0


@dataclass(frozen=True, slots=True, eq=False)
class CauseRows:
    """The n rows behind an estimate, checked and sorted."""

    sets: RiskSet
    """Their risk sets; an event is an event of any cause."""
    cause: Counts
    """(n,) 0 for censored, 1, 2, ... for the causes."""
    weights: Floats
    """(n,) positive."""
    cluster: Counts | None
    """(n,) codes from 0 on; None if every row stands alone."""


def as_causes(name: str, values: ArrayLike, size: int | None = None) -> Counts:
    """Return (n,) causes as whole numbers: 0 is censored, 1, 2, ... are the causes.

    >>> as_causes("cause", [0, 2.0, 1])
    array([0, 2, 1])
    >>> as_causes("cause", [0, -1, 1])
    Traceback (most recent call last):
    counterpoise.errors.InputError: `cause` must be whole numbers, 0 for censored; 1 of 3 is not (first at index 1).
    """
    codes = as_floats(name, values)
    if codes.ndim != 1:
        raise InputError(f"`{name}` must be one-dimensional; its shape is {codes.shape}.")
    if size is not None and codes.size != size:
        raise InputError(f"`{name}` must have {size} elements, one a row; it has {codes.size}.")
    whole = np.isfinite(codes) & (codes >= 0) & (np.abs(codes) < 2**31)
    whole[whole] = codes[whole] == np.round(codes[whole])
    require(whole, f"`{name}` must be whole numbers, 0 for censored")
    return codes.astype(np.intp)


def as_cause(name: str, value: int) -> int:
    """Return one cause, a whole number of at least 1.

    >>> as_cause("of", 0)
    Traceback (most recent call last):
    counterpoise.errors.InputError: `of` must be a cause, a whole number of at least 1; it is 0.
    """
    number = as_floats(name, value)
    if number.ndim != 0 or not (np.isfinite(number) and number >= 1 and number == np.round(number)):
        raise InputError(f"`{name}` must be a cause, a whole number of at least 1; it is {value}.")
    return int(number)


def cause_rows(
    time: ArrayLike,
    cause: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> CauseRows:
    """Check the columns of a competing-risks cohort and sort its rows by time.

    >>> rows = cause_rows(time=[2, 1, 3], cause=[1, 0, 2])
    >>> rows.sets.time, rows.cause, rows.weights
    (array([1., 2., 3.]), array([1, 0, 2]), array([1., 1., 1.]))
    """
    codes = as_causes("cause", cause)
    sets = risk_set(time, (codes != CENSORED).astype(float), entry)
    clusters = None if cluster is None else group_codes("cluster", cluster, sets.n)
    return CauseRows(sets, codes, as_weights("weights", weights, sets.n), clusters)


def known_causes(rows: CauseRows, causes: ArrayLike | None) -> Counts:
    """Return the (k,) causes to report: those that occur, or the chosen ones, ascending.

    >>> known_causes(cause_rows(time=[1, 2], cause=[2, 0]), causes=[1, 2])
    array([1, 2])
    """
    occurring = np.unique(rows.cause[rows.cause != CENSORED])
    if causes is None:
        if occurring.size == 0:
            raise InputError("`cause` must hold an event, or `causes` name the causes; all rows are censored.")
        return occurring
    chosen = np.unique(as_causes("causes", causes))
    if chosen.size == 0 or chosen[0] == CENSORED:
        raise InputError("`causes` must be whole numbers of at least 1, one or more.")
    missing = np.setdiff1d(occurring, chosen)
    if missing.size:
        raise InputError(f"`causes` must name every cause that occurs; it leaves out {missing[0]}.")
    return chosen


def events_by_cause(rows: CauseRows, causes: Counts, values: Floats) -> Floats:
    """Return the (k, m) sums of (n,) `values` over the events of each cause at each distinct time.

    >>> rows = cause_rows(time=[1, 1, 2], cause=[1, 2, 1])
    >>> events_by_cause(rows, np.array([1, 2]), rows.weights)
    array([[1., 1.], [1., 0.]])
    """
    return sum_by_time(rows.sets, values * (rows.cause == causes[:, None]))
