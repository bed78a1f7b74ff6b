"""Quadrangles: how much two of them share, and one of each bundle that lies on the same plate. NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Quads = NDArray[np.float32]
"""Corners (..., 4, 2) in pixels, clockwise from top left."""


def sides(quad: Quads) -> NDArray[np.float32]:
    """The lengths (4,) of a quad's (4, 2) sides: top, right, bottom, left."""
    return np.asarray(np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1), dtype=np.float32)


def length(quad: Quads) -> float:
    """The mean of the longer pair of a quad's (4, 2) opposite sides."""
    top, right, bottom, left = sides(quad)
    return float(max(top + bottom, right + left)) / 2


def usable(quad: Quads) -> bool:
    """Whether a quad (4, 2) can be straightened: finite, convex, clockwise, no side shorter than a pixel."""
    if not np.isfinite(quad).all() or sides(quad).min() < 1:
        return False
    edges = np.roll(quad, -1, axis=0) - quad
    after = np.roll(edges, -1, axis=0)
    return bool((edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0] > 0).all())


def mapped(quad: Quads, matrix: NDArray[np.floating]) -> Quads:
    """A quad (4, 2) under an affine map (2, 3)."""
    return np.asarray(quad @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def overlap(a: Quads, b: Quads) -> tuple[float, float]:
    """Of two quads (4, 2), by their convex hulls: intersection over union, and over the smaller one. Both 0 to 1."""
    if (a.max(axis=0) <= b.min(axis=0)).any() or (b.max(axis=0) <= a.min(axis=0)).any():
        return 0.0, 0.0
    first, second = (cv2.convexHull(quad)[:, 0].tolist() for quad in (a, b))
    shared, one, other = _size(_clipped(first, second)), _size(first), _size(second)
    union, smaller = one + other - shared, min(one, other)
    if smaller <= 0:
        return 0.0, 0.0
    return min(1.0, shared / union), min(1.0, shared / smaller)


def as_labelled(find: Quads, label: Quads) -> Quads:
    """A find (4, 2) as it is to be compared with a label (4, 2): where that is an upright box, the box about the find.
    Who labels by boxes draws them about tilted plates, too."""
    low, high = find.min(axis=0), find.max(axis=0)
    box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float32)
    upright = np.abs(label[[0, 0, 2, 2], [0, 1, 0, 1]] - label[[3, 1, 1, 3], [0, 1, 0, 1]]).max() < 0.5
    return box if upright else find


def _clipped(polygon: list[list[float]], window: list[list[float]]) -> list[list[float]]:
    """The part of a polygon within a convex window, both clockwise (Sutherland and Hodgman, 1974).

    OpenCV's intersectConvexConvex gives nonsense for polygons that nearly coincide, which is what is compared here.
    """
    for (x0, y0), (x1, y1) in zip(window, window[1:] + window[:1], strict=True):
        sides = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in polygon]
        kept: list[list[float]] = []
        for i, (point, side) in enumerate(zip(polygon, sides, strict=True)):
            before, was = polygon[i - 1], sides[i - 1]
            if (side >= 0) != (was >= 0):
                share = was / (was - side)
                kept.append([before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])])
            if side >= 0:
                kept.append(point)
        polygon = kept
    return polygon


def _size(polygon: list[list[float]]) -> float:
    """A polygon's area, by the shoelace formula."""
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2


_NEXT = [1, 2, 3, 0]
_SIDE = 11
"""Points along a quad's side: they tell a share of it to a twenty-second, and one of its area to an eleventh."""

_X, _Y = (axis.reshape(-1) for axis in np.meshgrid(*[(np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE] * 2))
_SHARES = np.stack([(1 - _X) * (1 - _Y), _X * (1 - _Y), _X * _Y, (1 - _X) * _Y], axis=1).astype(np.float32)


def overlaps(quad: Quads, others: Quads) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """About what `overlap` says of one convex quad (4, 2) and each of many (N, 4, 2), from 121 points of each: mostly
    within 0.03, an eleventh of the smaller one's area at worst, and many times as fast. Both (N,)."""
    areas, own = _areas(others), float(_areas(quad[None])[0])
    # Of the smaller quad, the share of points within the larger one.
    small = areas < own
    shared = np.empty(len(others), np.float32)
    shared[small] = areas[small] * _inside(_points(others[small]), quad)
    shared[~small] = own * _inside(_points(quad[None]), others[~small])
    union, smaller = areas + own - shared, np.minimum(areas, own)
    iou, inside = shared / np.maximum(union, 1e-9), shared / np.maximum(smaller, 1e-9)
    return iou.astype(np.float32), inside.astype(np.float32)


def _areas(quads: Quads) -> NDArray[np.float32]:
    """By the shoelace formula, from the diagonals."""
    down, up = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    return np.asarray(np.abs(down[:, 0] * up[:, 1] - down[:, 1] * up[:, 0]) / 2, dtype=np.float32)


def _points(quads: Quads) -> NDArray[np.float32]:
    """Points (N, 121, 2) spread evenly over quads (N, 4, 2)."""
    return np.asarray(_SHARES @ quads, dtype=np.float32)


def _inside(points: NDArray[np.float32], quads: Quads) -> NDArray[np.float32]:
    """The share of points ([N,] P, 2) within clockwise quads ([N,] 4, 2)."""
    edges = quads[..., _NEXT, :] - quads
    # A point is inside if it lies to the right of each side: a cross product, written as a matrix one.
    normals = np.stack([-edges[..., 1], edges[..., 0]], axis=-2)
    least = normals[..., 0, :] * quads[..., 0] + normals[..., 1, :] * quads[..., 1]
    right = points @ normals >= least[..., None, :]
    # NumPy is slow at reducing an axis of four.
    all_four = right[..., 0] & right[..., 1] & right[..., 2] & right[..., 3]
    return np.asarray(all_four.mean(axis=-1, dtype=np.float32), dtype=np.float32)


def merge(
    quads: Quads, scores: NDArray[np.float32], *, same: float = 0.45, within: float = 0.7, most: int = 100
) -> list[tuple[Quads, float]]:
    """Non-maximum suppression that keeps what the suppressed ones know: quads (N, 4, 2), scores (N,), best first.

    A quad that shares `same` (IoU) with a better one, or of which `within` is shared with it, is the same plate; the
    corners of those at IoU 0.7 or more are averaged by the squares of their scores, which is finer than any one.
    """
    order = np.argsort(-scores, kind="stable")
    quads, scores = quads[order], scores[order]
    found: list[tuple[Quads, float]] = []
    while len(quads) and len(found) < most:
        iou, inside = overlaps(quads[0], quads)
        iou[0] = inside[0] = 1
        found.append((_mean(quads, scores, iou), float(scores[0])))
        others = (iou < same) & (inside < within)
        quads, scores = quads[others], scores[others]
    return found


def _mean(quads: Quads, scores: NDArray[np.float32], iou: NDArray[np.float32]) -> Quads:
    alike = iou >= 0.7
    weights = scores[alike] ** 2
    return np.asarray(np.tensordot(weights / weights.sum(), quads[alike], axes=1), dtype=np.float32)
