"""How far apart rows of two arms are: by a score, or by covariates in one of four metrics.

Every metric is the Euclidean distance between coordinates that are made once; distances are then taken block by
block, so that no more than a few million of them are held at a time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts, Floats, as_binary, as_matrix, as_vector, require
from counterpoise.kernels.logistic import centre_and_scale, require_both_arms
from counterpoise.kernels.matching.nearest import UNITS

Measure = Literal["mahalanobis", "robust mahalanobis", "scaled euclidean", "euclidean"]

LARGEST = 1e3
"""Distances up to this one are counted in units of 1e-12; larger ones in a power of ten of that."""

NO_VARIANCE = 1e-10
"""Directions with less than this share of the largest variance count as having none."""

BLOCK_CELLS = 1 << 20
"""Distances in one block."""


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Distances between n rows, or between the treated and the control rows among them."""

    coordinates: Floats | None
    """(n, q) points whose Euclidean distance is the distance, in whole units if q is 1; None if a matrix was given."""
    matrix: Floats | None
    """(n_t, n_c) treated by control rows, each in row order; None where coordinates say it."""
    units: float
    """Units in a distance of one: distances are rounded to whole units, so that equal ones tie in any row order."""

    def between(self, treated: Counts, control: Counts) -> Floats:
        """Return the (t, c) distances in whole units; `treated`, `control` are rows, for a matrix its indices."""
        if self.coordinates is None:
            assert self.matrix is not None
            return np.rint(self.matrix[np.ix_(treated, control)] * self.units)
        points, others = self.coordinates[treated], self.coordinates[control]
        if self.coordinates.shape[1] == 1:
            return np.abs(points - others[:, 0])
        return np.rint(cdist(points, others) * self.units)


def score_distances(score: ArrayLike) -> Distances:
    """Take the absolute difference of a score (n,) as the distance; the score is rounded to 12 decimals first.

    >>> score_distances([0.9, 0.6]).between(np.array([0]), np.array([1])) / UNITS
    array([[0.3]])
    """
    values = as_vector("score", score)
    units = in_units(np.abs(values).max(initial=0.0))
    return Distances((np.rint(values * units) + 0.0)[:, None], None, units)


def covariate_distances(x: ArrayLike, treatment: ArrayLike, *, measure: Measure = "mahalanobis") -> Distances:
    """Measure the distance between rows by their covariates (n, p).

    - mahalanobis: sqrt((x_i - x_j)' S^- (x_i - x_j)), S the covariance pooled within the arms with n - 2 in its
      denominator (Rubin 1980; MatchIt and optmatch too; others take the covariance of all rows);
    - robust mahalanobis: the same of ranks, ties averaged, S the covariance of all rows' ranks with every variance
      set to that of n untied ranks, so that a rare category does not weigh more for being rare (Rosenbaum 2010);
    - scaled euclidean: each covariate in its standard deviations, pooled within the arms;
    - euclidean: the covariates as they come.

    A covariate without variance, or a combination of covariates without variance within the arms, is left out.
    Dummies of all k levels give the same Mahalanobis distance as k - 1 of them.

    >>> distances = covariate_distances([[0.0], [2.0], [1.0], [5.0]], [1, 1, 0, 0], measure="scaled euclidean")
    >>> distances.between(np.array([0, 1]), np.array([2, 3])) / distances.units
    array([[0.4472136 , 2.23606798],
           [0.4472136 , 1.34164079]])

    Raises `InputError` where a covariate is not finite, an arm is empty, or the measure is not one of these.

    Source: Rubin, Biometrics 1980;36:293-298; Rosenbaum, Design of Observational Studies (2010), section 8.3.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    x = as_matrix("x", x, treated.size)
    if measure not in get_args(Measure):
        raise InputError(f"`measure` must be one of {', '.join(get_args(Measure))}; it is {measure!r}.")
    points = _coordinates(x, treated, measure)
    reach = np.ptp(points, axis=0) if points.size else np.zeros(1)
    units = in_units(float(np.sqrt(np.square(reach).sum())))
    if points.shape[1] == 1:
        points = np.rint(points * units) + 0.0
    return Distances(points, None, units)


def given_distances(matrix: ArrayLike, treatment: ArrayLike) -> Distances:
    """Take distances as they are given: (n_t, n_c), treated by control rows, each in the order of the rows.

    >>> given_distances([[1.0, 2.0]], [0, 1, 0]).matrix
    array([[1., 2.]])

    Raises `InputError` where a distance is negative or not finite, or the shape is not that of the arms.
    """
    treated = as_binary("treatment", treatment)
    require_both_arms(treated)
    values = as_matrix("distances", matrix)
    shape = (int(treated.sum()), int((~treated).sum()))
    if values.shape != shape:
        raise InputError(f"`distances` must be {shape}, treated by control rows; its shape is {values.shape}.")
    require(values >= 0, "`distances` must not be negative")
    return Distances(None, values, in_units(float(values.max())))


def distance_matrix(x: ArrayLike, treatment: ArrayLike, *, measure: Measure = "mahalanobis") -> Floats:
    """Return the (n_t, n_c) distances of treated from control rows, each in row order, to 12 digits.

    >>> distance_matrix([1.0, 4.0, 2.0], [1, 0, 0], measure="euclidean")
    array([[3., 1.]])

    Raises what `covariate_distances` raises. Source: as there.
    """
    distances = covariate_distances(x, treatment, measure=measure)
    treated = as_binary("treatment", treatment)
    rows, columns = np.flatnonzero(treated), np.flatnonzero(~treated)
    answer = np.empty((rows.size, columns.size))
    for start, stop in blocks(rows.size, columns.size):
        answer[start:stop] = distances.between(rows[start:stop], columns)
    return answer / distances.units


def blocks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Cut `rows` into stretches of at most BLOCK_CELLS cells each, at least one row long."""
    step = max(1, BLOCK_CELLS // max(columns, 1))
    for start in range(0, rows, step):
        yield start, min(start + step, rows)


def in_units(largest: float) -> float:
    """Return the units in one: 1e12, and a power of ten less for quantities beyond a thousand.

    >>> in_units(1.0), in_units(5e4)
    (1000000000000.0, 10000000000.0)
    """
    if largest <= LARGEST:
        return UNITS
    return UNITS * 10.0 ** -math.ceil(math.log10(largest / LARGEST))


def _coordinates(x: Floats, treated: Bools, measure: Measure) -> Floats:
    """Return points (n, q) whose Euclidean distance is the distance.

    Sums run over the rows sorted by their values, and coordinates are made one covariate after the other, so that
    both are the same to the last bit whatever the order of the rows.
    """
    if measure == "euclidean":
        return x
    x = _ranks(x) if measure == "robust mahalanobis" else x
    order = np.lexsort((*x.T, treated))
    ordered, arm = x[order], treated[order]
    centre, scale = centre_and_scale(ordered)
    varies = np.ptp(ordered, axis=0) > 0
    z = ((x - centre) / scale)[:, varies]
    sorted_z = z[order]
    if measure == "robust mahalanobis":
        root = _inverse_root(_untied(sorted_z, scale[varies]))
    else:
        for group in (arm, ~arm):
            sorted_z[group] -= sorted_z[group].mean(axis=0)
        covariance = sorted_z.T @ sorted_z / max(x.shape[0] - 2, 1)
        if measure == "scaled euclidean":
            covariance = np.diag(np.diagonal(covariance))
        root = _inverse_root(covariance)
    points = np.zeros((x.shape[0], root.shape[1]))
    for column, weights in zip(z.T, root, strict=True):
        points += column[:, None] * weights
    return points


def _untied(z: Floats, scale: Floats) -> Floats:
    """Return the covariance of standardised ranks, as it is when each rank has the variance of n untied ones."""
    n = z.shape[0]
    untied = np.sqrt(n * (n + 1) / 12.0) / scale
    centred = z - z.mean(axis=0)
    covariance = centred.T @ centred / max(n - 1, 1)
    deviation = np.sqrt(np.diagonal(covariance))
    return covariance * np.outer(untied / deviation, untied / deviation)


def _inverse_root(covariance: Floats) -> Floats:
    """Return R (p, q) with R R' the generalised inverse of a covariance (p, p) of rank q."""
    if covariance.size == 0:
        return np.zeros((0, 1))
    deviation = np.sqrt(np.diagonal(covariance))
    varies = deviation > NO_VARIANCE
    safe = np.where(varies, deviation, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    kept = values > NO_VARIANCE * values.max(initial=0.0)
    if not kept.any():
        return np.zeros((deviation.size, 1))
    root = vectors[:, kept] / np.sqrt(values[kept])
    return np.where(varies, 1.0 / safe, 0.0)[:, None] * root


def _ranks(x: Floats) -> Floats:
    """Rank each column from 1, ties averaged."""
    ranks = np.empty_like(x)
    for place, column in enumerate(x.T):
        _, position, count = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, place] = (np.cumsum(count) - (count - 1) / 2.0)[position]
    return ranks
