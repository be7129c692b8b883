"""Random case weights for the bootstrap."""

import numpy as np

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats


def fractional_weights(replicates: int, n: int, seed: int) -> Floats:
    """Draw (b, n) random weights, standard exponentials scaled to sum to n in every replicate.

    All weights are positive, so no replicate loses an arm, a level or its events, and what the full sample can
    fit every replicate can. The same seed gives the same weights.

    >>> weights = fractional_weights(2, 4, seed=1)
    >>> weights.shape, weights.sum(axis=1).round(12).tolist()
    ((2, 4), [4.0, 4.0])

    Source: Xu, Gotwalt, Hong, King and Meeker, Am Stat 2020;74:345-358.
    """
    if replicates < 1 or n < 1:
        raise InputError(f"`replicates` and `n` must be at least 1; they are {replicates} and {n}.")
    draws = np.random.default_rng(seed).standard_exponential((replicates, n))
    return draws * (n / draws.sum(axis=1, keepdims=True))
