"""A plate, cut out and set upright."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.plate import Corners

MAX_WIDTH = 512


def rectify(photo: NDArray[np.uint8], corners: Corners, *, margin: float = 0.05, height: int = 96) -> NDArray[np.uint8]:
    """The plate at `corners` as an upright crop, `height` pixels high and at most MAX_WIDTH wide, dtype kept.

    `margin` widens the plate on every side, in shares of its width and height: corners are never exact, and a cut
    character costs more than some bumper. Raises ValueError for corners that enclose nothing
    or that are no simple quadrangle.
    """
    quad = corners.array
    area = cv2.contourArea(quad) if np.isfinite(quad).all() else 0.0
    if area < 1 or min(corners.width, corners.height) < 1:
        raise ValueError(f"the corners {corners.points} enclose nothing")
    # Of crossed corners, the two loops cancel; a warp through them would fold the picture.
    if area < 0.5 * cv2.contourArea(cv2.convexHull(quad)):
        raise ValueError(f"the corners {corners.points} are out of order")
    a, b, c, d = quad.astype(np.float64)
    along_top, along_bottom, along_left, along_right = b - a, c - d, d - a, c - b
    wide = np.array(
        [
            a - margin * (along_top + along_left),
            b + margin * (along_top - along_right),
            c + margin * (along_bottom + along_right),
            d - margin * (along_bottom - along_left),
        ],
        dtype=np.float32,
    )
    width = int(np.clip(round(height * corners.width / corners.height), 8, MAX_WIDTH))
    # A warp samples single pixels; where the plate is much larger than the crop, that aliases. Shrink the photo first.
    shrink = corners.height * (1 + 2 * margin) / height
    if shrink > 1.5:
        low = np.maximum(np.floor(wide.min(axis=0)).astype(int), 0)
        high = np.maximum(np.ceil(wide.max(axis=0)).astype(int), low + 1)
        part = photo[low[1] : high[1] + 1, low[0] : high[0] + 1]
        if part.size:
            scale = 1 / shrink
            size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
            ratio = np.array([size[0] / part.shape[1], size[1] / part.shape[0]])
            photo = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=photo.dtype)
            wide = ((wide - low) * ratio).astype(np.float32)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    # Corners count from the photo's edge, a warp from the middle of its first pixel: on a small plate that is visible.
    matrix = cv2.getPerspectiveTransform(wide - np.float32(0.5), target - np.float32(0.5))
    crop = cv2.warpPerspective(photo, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=photo.dtype)
