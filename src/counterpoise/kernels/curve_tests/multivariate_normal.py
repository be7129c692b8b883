"""Probability that a normal vector lies within limits, also for a singular correlation.

The probability is the standard normal measure of a convex region {z: A z <= b} in r dimensions, r the rank of the
correlation. In the plane it is a sum of triangles between the origin and each edge, by Owen's T function in closed
form. In three dimensions it is the integral of plane sections, in four of three-dimensional ones. The measure of a
section is smooth between the corners of the region, so that Gauss-Legendre rules between them converge to rounding
error with few nodes.

Source: Owen (1956), Annals of Mathematical Statistics 27:1075 (triangles); the sections are Fubini's theorem.
"""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, owens_t

from counterpoise.errors import InputError, UnsupportedError
from counterpoise.kernels.arrays import Floats, as_floats, as_matrix, require

MAX_RANK = 4
RANK_TOLERANCE = 1e-13  # an eigenvalue left out moves the probability by about its root, 3e-7
SYMMETRY_TOLERANCE = 1e-8
SAME_PLANE = 1e-8
FLAT = 1e-12
SLACK = 1e-9
THIN = 1e-10  # limits this near have no room between them that matters
FAR = 9.0  # the standard normal measure beyond is 2e-19
CUTS = np.array([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0])  # so that no interval is too long for its nodes
NODES = {2: 0, 3: 40, 4: 12}  # by rank; near-singular correlations need the many


def rectangle_probability(correlation: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the probability that `lower` <= Z <= `upper` for standard normal Z with the (k, k) `correlation`.

    `lower` and `upper` are (k,) and may be infinite. The correlation may be singular; its rank is at most 4. No
    random numbers are drawn: the answer is the same each time, and exact to about 1e-10 up to rank 3 and 1e-8 at
    rank 4, or to 1e-6 where an eigenvalue is near the 1e-13 below which it counts as zero.

    Raises `InputError` for what is not a correlation matrix, `UnsupportedError` for a rank above 4.

    >>> round(rectangle_probability([[1, 0.5], [0.5, 1]], [-np.inf, -np.inf], [0, 0]), 12)
    0.333333333333
    """
    lower, upper, factor = _checked(correlation, lower, upper)
    planes = np.vstack([factor, -factor])
    bounds = np.concatenate([np.minimum(upper, FAR), np.minimum(-lower, FAR)])
    if factor.shape[1] == 1:
        side = planes[:, 0] > 0
        return float(max(0.0, ndtr(bounds[side].min()) - ndtr(-bounds[~side].min())))
    planes, bounds = _distinct(planes, bounds)
    opposite = np.linalg.norm(planes[:, None] + planes, axis=2) <= SAME_PLANE
    if (opposite & (bounds[:, None] + bounds < THIN)).any():
        return 0.0
    return float(np.clip(_measure(planes, bounds[None, :], NODES[factor.shape[1]])[0], 0.0, 1.0))


def _checked(correlation: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the limits, and the unit rows (k, r) of which the correlations are the inner products."""
    matrix = as_matrix("correlation", correlation)
    k = matrix.shape[0]
    if matrix.shape != (k, k) or k == 0:
        raise InputError(f"`correlation` must be square; its shape is {matrix.shape}.")
    if np.abs(matrix - matrix.T).max() > SYMMETRY_TOLERANCE or np.abs(np.diag(matrix) - 1).max() > SYMMETRY_TOLERANCE:
        raise InputError("`correlation` must be symmetric with a diagonal of ones.")
    limits: list[Floats] = []
    for name, values in (("lower", lower), ("upper", upper)):
        vector = as_floats(name, values)
        if vector.shape != (k,):
            raise InputError(f"`{name}` must have {k} elements; its shape is {vector.shape}.")
        require(~np.isnan(vector), f"`{name}` must not be missing")
        limits.append(vector)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values[0] < -SYMMETRY_TOLERANCE:
        raise InputError(f"`correlation` must have no negative eigenvalue; its smallest is {values[0]:.3g}.")
    kept = values > RANK_TOLERANCE
    rank = int(kept.sum())
    if rank > MAX_RANK:
        raise UnsupportedError(f"`correlation` has rank {rank}; a rank above {MAX_RANK} is not supported.")
    factor = vectors[:, kept] * np.sqrt(values[kept])
    return limits[0], limits[1], factor / np.linalg.norm(factor, axis=1, keepdims=True)


def _distinct(planes: Floats, bounds: Floats) -> tuple[Floats, Floats]:
    """Return half-spaces of different directions, turned so that none lies along an axis; the nearest bound stays."""
    r = planes.shape[1]
    turn = np.linalg.qr(np.sin(np.arange(1.0, r * r + 1)).reshape(r, r))[0]
    kept: list[int] = []
    for index in np.argsort(bounds, kind="stable"):
        if all(np.linalg.norm(planes[index] - planes[other]) > SAME_PLANE for other in kept):
            kept.append(int(index))
    return planes[kept] @ turn, bounds[kept]


def _measure(planes: Floats, bounds: Floats, count: int) -> Floats:
    """Return the (q,) measures of bounded regions {z: planes z <= bounds}; planes (h, r) of unit rows, bounds (q, h).

    The half-spaces have the same directions in all q regions; `count` nodes lie between two corners.
    """
    if planes.shape[1] == 2:
        return _polygons(planes, bounds)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    cuts = _corners(planes, bounds)
    middle, half = (cuts[:, 1:] + cuts[:, :-1]) / 2, (cuts[:, 1:] - cuts[:, :-1]) / 2
    z = (middle[:, :, None] + half[:, :, None] * nodes).reshape(len(cuts), -1)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (half[:, :, None] * weights).reshape(z.shape)
    size = np.linalg.norm(planes[:, 1:], axis=1)
    inside = (bounds[:, None, :] - z[:, :, None] * planes[:, 0]) / size
    sections = _measure(planes[:, 1:] / size[:, None], inside.reshape(-1, len(planes)), count)
    return (density * sections.reshape(z.shape)).sum(axis=1)


def _corners(planes: Floats, bounds: Floats) -> Floats:
    """Return (q, c) ascending first coordinates of the corners of each region, with cuts between; repeats fill up."""
    r = planes.shape[1]
    found: list[Floats] = []
    for chosen in combinations(range(len(planes)), r):
        square = planes[list(chosen)]
        if abs(np.linalg.det(square)) < FLAT:
            continue
        corner = np.linalg.solve(square, bounds[:, list(chosen)].T).T
        is_corner = (corner @ planes.T <= bounds + SLACK).all(axis=1)
        found.append(np.where(is_corner, corner[:, 0], np.nan))
    corners = np.sort(np.stack(found, axis=1), axis=1)
    first = np.nan_to_num(corners[:, 0], nan=0.0)
    last = np.where(np.isnan(corners[:, 0]), 0.0, np.fmax.reduce(corners, axis=1))
    used = int((~np.isnan(corners)).sum(axis=1).max(initial=0))
    cuts = np.hstack([corners[:, :used], np.broadcast_to(CUTS, (len(bounds), CUTS.size))])
    return np.sort(np.clip(np.where(np.isnan(cuts), last[:, None], cuts), first[:, None], last[:, None]), axis=1)


def _polygons(planes: Floats, bounds: Floats) -> Floats:
    """Return the (q,) measures of polygons: the triangles of their edges with the origin, with signs."""
    total = np.zeros(len(bounds))
    for i, normal in enumerate(planes):
        along = np.array([-normal[1], normal[0]])
        start, end = np.full(len(bounds), -np.inf), np.full(len(bounds), np.inf)
        for j, other in enumerate(planes):
            if j == i:
                continue
            cosine, sine = float(other @ normal), float(other @ along)
            room = bounds[:, j] - bounds[:, i] * cosine
            if abs(sine) < FLAT:  # parallel: of two equal edges the first stays
                end = np.where((room < 0) | ((room == 0) & (cosine > 0) & (j < i)), -np.inf, end)
            elif sine > 0:
                end = np.minimum(end, room / sine)
            else:
                start = np.maximum(start, room / sine)
        edge = np.flatnonzero(start < end)
        distance = bounds[edge, i]
        total[edge] += np.sign(distance) * (
            _triangle(np.abs(distance), end[edge]) - _triangle(np.abs(distance), start[edge])
        )
    return total


def _triangle(distance: Floats, along: Floats) -> Floats:
    """Return the measure of the triangle origin, foot of the perpendicular, point at `along` on the edge; odd in it."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = np.where(distance > 0, along / distance, 0.0)
    return np.arctan(slope) / (2 * np.pi) - owens_t(distance, slope)
