"""Which rows lie outside the range of the other arm's score."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, as_binary, as_vector
from counterpoise.kernels.logistic import require_both_arms
from counterpoise.kernels.matching.nearest import UNITS

Discard = Literal["treated", "control", "both"]


def common_support(score: ArrayLike, treatment: ArrayLike, *, rule: Discard = "both") -> Bools:
    """Mark the rows (n,) whose score lies below the other arm's smallest or above its largest.

    The rule names the arm that is looked at: "treated" for the effect in the controls, "control" for that in the
    treated, or both. A score at the end of the range is inside it; scores are rounded to 12 decimals first. Ranges
    are those of all rows, before any is left out. Whoever leaves rows out has to say whom the estimate is then about,
    and, as a rule, to fit the score anew to those who are left.

    >>> common_support([0.1, 0.4, 0.6, 0.3, 0.5, 0.9], [0, 0, 0, 1, 1, 1], rule="both")
    array([ True, False, False, False, False,  True])

    Raises `InputError` where a score is not finite, an arm is empty, or the rule would leave one empty.

    Source: Dehejia and Wahba, J Am Stat Assoc 1999;94:1053-1062; the rules are those of MatchIt's `discard`.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    units = np.rint(as_vector("score", score, treated.size) * UNITS)
    if rule not in get_args(Discard):
        raise InputError(f"`rule` must be treated, control or both; it is {rule!r}.")
    discarded = np.zeros(treated.size, dtype=bool)
    for name, arm in (("treated", treated), ("control", ~treated)):
        if rule in (name, "both"):
            low, high = units[~arm].min(), units[~arm].max()
            discarded |= arm & ((units < low) | (units > high))
            if discarded[arm].all():
                ends = [f"{end / UNITS:.6g}" for end in (units[arm].min(), units[arm].max(), low, high)]
                raise InputError(
                    f"`rule` {rule} leaves no {name} patient: their scores lie from {ends[0]} to {ends[1]}, those of "
                    f"the other arm from {ends[2]} to {ends[3]}; leave nobody out, or give the score fewer terms."
                )
    return discarded
