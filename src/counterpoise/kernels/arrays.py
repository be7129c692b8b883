"""Array types, and the checks that every kernel makes before it computes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpoise.errors import InputError

Floats = NDArray[np.floating]
Counts = NDArray[np.integer]
Bools = NDArray[np.bool_]


def require(holds: Bools, must: str) -> None:
    """Raise unless every element holds, saying how many do not and where the first is.

    >>> require(np.array([True, False]), "`time` must be finite")
    Traceback (most recent call last):
    counterpoise.errors.InputError: `time` must be finite; 1 of 2 is not (first at index 1).
    """
    if not holds.all():
        count = holds.size - int(holds.sum())
        first = int(np.flatnonzero(~holds.ravel())[0])
        verb = "is" if count == 1 else "are"
        raise InputError(f"{must}; {count} of {holds.size} {verb} not (first at index {first}).")


def as_floats(name: str, values: ArrayLike) -> Floats:
    """Return `values` as a float array; what cannot be read as numbers is an `InputError`."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must hold numbers only.") from error


def as_vector(name: str, values: ArrayLike, size: int | None = None) -> Floats:
    """Return `values` as a finite float vector, of length `size` where that is given.

    >>> as_vector("time", [1, 2])
    array([1., 2.])
    """
    vector = as_floats(name, values)
    if vector.ndim != 1:
        raise InputError(f"`{name}` must be one-dimensional; its shape is {vector.shape}.")
    if size is not None and vector.size != size:
        raise InputError(f"`{name}` must have {size} elements, one a row; it has {vector.size}.")
    require(np.isfinite(vector), f"`{name}` must be finite")
    return vector


def as_matrix(name: str, values: ArrayLike, rows: int | None = None) -> Floats:
    """Return `values` as a finite (n, p) float matrix; a vector becomes one column."""
    matrix = as_floats(name, values)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2:
        raise InputError(f"`{name}` must be two-dimensional; its shape is {matrix.shape}.")
    if rows is not None and matrix.shape[0] != rows:
        raise InputError(f"`{name}` must have {rows} rows; it has {matrix.shape[0]}.")
    require(np.isfinite(matrix), f"`{name}` must be finite")
    return matrix


def as_binary(name: str, values: ArrayLike, size: int | None = None) -> Bools:
    """Return a vector of zeros and ones as booleans; anything else, NaN included, is an error."""
    vector = as_vector(name, values, size)
    require(np.isin(vector, (0.0, 1.0)), f"`{name}` must be 0 or 1")
    return vector == 1.0


def as_weights(name: str, values: ArrayLike | None, size: int) -> Floats:
    """Return positive finite weights of length `size`; None means ones."""
    if values is None:
        return np.ones(size)
    weights = as_vector(name, values, size)
    require(weights > 0, f"`{name}` must be positive")
    return weights


def as_levels(name: str, values: ArrayLike, size: int | None = None) -> tuple[np.ndarray, Counts]:
    """Return the (k,) distinct labels of a vector, ascending, and each row's index among them.

    Labels are numbers, texts or booleans, of one kind; a missing one (None or NaN) is an error.

    >>> as_levels("group", ["b", "a", "b"])
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise InputError(f"`{name}` must be one-dimensional; its shape is {labels.shape}.")
    if size is not None and labels.size != size:
        raise InputError(f"`{name}` must have {size} elements, one a row; it has {labels.size}.")
    if labels.dtype == object:
        require(
            np.array([label is not None and label == label for label in labels], dtype=bool),
            f"`{name}` must be known",
        )
    elif np.issubdtype(labels.dtype, np.floating):
        require(np.isfinite(labels), f"`{name}` must be finite")
    try:
        levels, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise InputError(f"`{name}` must hold labels of one kind.") from error
    return levels, codes
