"""What the detector's network should say of a photo with known plates: a map for each of its levels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.grid import LEVELS
from plate_ocr.detection.quads import Quads, length

CORE, RIM = 0.5, 1.1
"""Of a plate resized by these, the cells within the first are to find it; the others within the second are not asked:
whether a plate's edge is a plate is nobody's question."""


def encode(
    quads: Quads,
    ignored: Quads,
    size: tuple[int, int],
    *,
    partly: bool = False,
    trust: NDArray[np.float32] | None = None,
) -> list[NDArray[np.float32]]:
    """What the network should say: for each level a map (h, w, 12) of an input of `size` = (height, width).

    Its channels: target score; weight of the score; weight of the corners (one over the plate's size in pixels, shared
    out among its cells); eight corner offsets; 1 where an unlabelled plate may be (`partly` labelled photos). `quads`
    (N, 4, 2) are plates; within `ignored` ones nothing is asked. What the corners of each weigh is multiplied by
    `trust` (N,), 1 unless given.
    """
    maps = []
    for level in LEVELS:
        height, width = size[0] // level.stride, size[1] // level.stride
        truth = np.zeros((height, width, 12), np.float32)
        truth[..., 1] = 1
        truth[..., 11] = partly
        rows, columns = np.mgrid[:height, :width]
        middle = level.centres(columns, rows)
        for quad in ignored:
            truth[_inside(quad, middle, RIM), 1] = 0
        for i in sorted(range(len(quads)), key=lambda i: -cv2.contourArea(quads[i])):
            quad = quads[i]
            truth[_inside(quad, middle, RIM), 1] = 0
            if not level.shortest <= length(quad) < level.longest:
                continue
            cells = _inside(quad, middle, CORE)
            centre = quad.mean(axis=0)
            x, y = np.clip((centre // level.stride).astype(int), 0, [width - 1, height - 1])
            cells[y, x] = True
            share = 1 / np.sqrt(cells.sum())
            truth[cells, 0] = 1
            truth[cells, 1] = share
            truth[cells, 2] = share * level.unit / np.sqrt(max(16.0, float(cv2.contourArea(quad))))
            if trust is not None:
                truth[cells, 2] *= trust[i]
            offsets = (quad[None] - middle[cells][:, None]) / np.float32(level.unit)
            truth[cells, 3:11] = offsets.reshape(-1, 8)
        maps.append(truth)
    return maps


def _inside(quad: Quads, points: NDArray[np.float32], size: float) -> NDArray[np.bool_]:
    """Which points (h, w, 2) lie within a convex quad (4, 2) that is resized about its middle."""
    middle = quad.mean(axis=0)
    corners = middle + (quad - middle) * np.float32(size)
    inside = np.ones(points.shape[:2], dtype=bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, there = b - a, points - a
        inside &= edge[0] * there[..., 1] - edge[1] * there[..., 0] >= 0
    return inside
