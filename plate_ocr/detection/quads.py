"""Quadrangles: how much two of them share, and one of each bundle that lies on the same plate. NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Quads = NDArray[np.float32]
"""Corners (..., 4, 2) in pixels, clockwise from top left."""


def area(quad: Quads) -> float:
    """The area of one convex quad (4, 2)."""
    return float(cv2.contourArea(cv2.convexHull(quad)))


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


def merge(
    quads: Quads, scores: NDArray[np.float32], *, same: float = 0.45, within: float = 0.7, most: int = 100
) -> list[tuple[Quads, float]]:
    """Non-maximum suppression that keeps what the suppressed ones know: quads (N, 4, 2), scores (N,), best first.

    A quad that shares `same` (IoU) with a better one, or lies within it by `within` of its own area, is the same plate;
    the corners of those at IoU 0.7 or more are averaged by the squares of their scores, which is finer than any one.
    """
    order = np.argsort(-scores, kind="stable")
    low, high = quads.min(axis=1), quads.max(axis=1)
    found: list[tuple[Quads, float]] = []
    while len(order) and len(found) < most:
        best, others = order[0], order[1:]
        # Most of the others are the same plate for certain, or lie apart; polygons are clipped for the few between.
        sides = np.linalg.norm(quads[best] - np.roll(quads[best], -1, axis=0), axis=1)
        alike = np.abs(quads[others] - quads[best]).max(axis=(1, 2)) < 0.08 * sides.min()
        apart = ((high[others] <= low[best]) | (low[others] >= high[best])).any(axis=1)
        bundle, rest = [best, *others[alike]], list(others[apart & ~alike])
        for other in others[~alike & ~apart]:
            iou, inside = overlap(quads[best], quads[other])
            if iou >= 0.7:
                bundle.append(other)
            if iou < same and inside < within:
                rest.append(other)
        weights = scores[bundle] ** 2
        corners = np.tensordot(weights / weights.sum(), quads[bundle], axes=1).astype(np.float32)
        found.append((corners, float(scores[best])))
        order = np.array(sorted(rest, key=lambda i: -scores[i]), dtype=int)
    return found
