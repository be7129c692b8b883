"""Clones: each patient stands in both arms until what was done no longer agrees with the arm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.risk_set import TIE_TOLERANCE
from counterpoise.kernels.time_zero.rows import follow_up


@dataclass(frozen=True, slots=True, eq=False)
class Clones:
    """n patients in two arms, 'does not begin within the grace period' (row 0) and 'begins within it' (row 1)."""

    time: Floats
    """(2, n) the end of each clone's observation, by the patient's own end or by leaving the arm."""
    event: Bools
    """(2, n) whether the patient's event ended it."""
    began: Bools
    """(n,) whether the treatment was begun within the grace period, the event not having come before."""
    left_arm: Bools
    """(2, n) whether the clone was censored because what was done no longer agreed with its arm."""
    start: Floats
    """(n,) when the treatment began; infinity for who was not seen to begin it."""
    own_time: Floats
    """(n,) the patients' own times."""
    grace: float


def clone_patients(time: ArrayLike, event: ArrayLike, start: ArrayLike, *, grace: float) -> Clones:
    """Put each patient into both arms, and censor a clone once its patient does what the arm does not.

    Arguments are as for `landmark_rows`; `grace` is the period within which the treatment must begin, its last moment
    included. The clone that should not begin is censored at the start of a treatment that began within the period,
    and stays as it is when the treatment began later. The clone that should begin is censored at the end of the period
    if the treatment had not begun; whoever had the event or was lost before stays until then, in both arms. An event
    at the very moment of such a censoring comes first.

    >>> made = clone_patients([2, 9, 9], [1, 0, 1], [np.inf, 3, 7], grace=4)
    >>> made.time, made.left_arm.astype(int)
    (array([[2., 3., 9.],
           [2., 9., 4.]]), array([[0, 1, 0],
           [0, 0, 1]]))

    Raises `InputError` where a time or start is negative or not known, or the period is not positive.

    Source: Hernan, BMJ 2018;360:k182; Maringe et al., Int J Epidemiol 2020;49:1719-1729.
    """
    times, happened, starts, _ = follow_up(time, event, start)
    if not (np.isfinite(grace) and grace > 0):
        raise InputError(f"`grace` must be positive and finite; it is {grace}.")
    began = starts <= grace
    late = ~began & (times > grace)
    return Clones(
        time=np.stack([np.where(began, starts, times), np.where(late, grace, times)]),
        event=np.stack([happened & ~began, happened & ~late]),
        began=began,
        left_arm=np.stack([began, late]),
        start=starts,
        own_time=times,
        grace=float(grace),
    )


def time_to_begin(clones: Clones) -> Floats:
    """Return (n,) how long each patient was at risk of beginning the treatment within the grace period.

    Who had the event or was lost at the moment at which another began was no longer at risk of beginning: such a time
    is moved back by less than the distance of any two times.
    """
    everything = np.unique(np.concatenate([clones.own_time, clones.start[clones.began], [clones.grace]]))
    gaps = np.diff(everything)
    apart = gaps[gaps > 2 * TIE_TOLERANCE * everything[-1]]
    back = apart.min() / 2 if apart.size else 0.0
    ended = np.maximum(clones.own_time - back, clones.own_time / 2)
    waited = np.where(clones.own_time > clones.grace, clones.grace, ended)
    return np.where(clones.began, clones.start, waited)
