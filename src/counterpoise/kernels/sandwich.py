"""Covariance from influence values: robust, and clustered."""

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, require


def group_codes(name: str, labels: ArrayLike, size: int) -> Counts:
    """Return (n,) codes 0, 1, ... of the labels (numbers or strings) of `size` rows, in the labels' order.

    >>> group_codes("cluster", ["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    array = np.asarray(labels)
    if array.shape != (size,):
        raise InputError(f"`{name}` must have {size} elements, one a row; its shape is {array.shape}.")
    if array.dtype.kind == "f":
        require(~np.isnan(array), f"`{name}` must not be missing")
    elif array.dtype.kind == "O":
        present = np.array([value is not None and value == value for value in array], dtype=bool)
        require(present, f"`{name}` must not be missing")
    try:
        return np.unique(array, return_inverse=True)[1]
    except TypeError as error:
        raise InputError(f"`{name}` must hold labels of one kind, all numbers or all strings.") from error


def sum_by_cluster(values: Floats, cluster: ArrayLike) -> Floats:
    """Return the (c, p) sums of (n, p) `values` over the rows of each of c clusters, in the labels' order.

    >>> sum_by_cluster(np.array([[1.0], [2.0], [4.0]]), ["b", "a", "b"])
    array([[2.], [5.]])
    """
    codes = group_codes("cluster", cluster, len(values))
    order = np.argsort(codes, kind="stable")
    start = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 1))
    return np.add.reduceat(values[order], start, axis=0)


def sandwich(influence: Floats, cluster: ArrayLike | None = None) -> Floats:
    """Return the robust covariance L'L of p estimates from their (n, p) influence values L.

    Row i of L is what row i moves the estimates by (for a weighted fit: its weight included). With clusters
    the values are first summed within them. No factor for small samples is applied, neither n / (n - 1) nor
    c / (c - 1): the convention of R's survival.

    >>> sandwich(np.array([[1.0], [-2.0], [1.0]])), sandwich(np.array([[1.0], [-2.0], [1.0]]), [0, 0, 1])
    (array([[6.]]), array([[2.]]))

    Source: Lin and Wei (1989), JASA 84:1074; for clusters Lee, Wei and Amato (1992), in Survival Analysis:
    State of the Art, 237.
    """
    values = influence if cluster is None else sum_by_cluster(influence, cluster)
    return values.T @ values
