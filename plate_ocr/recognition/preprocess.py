"""A crop, as the network sees it. Training and reading both come through here, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def to_grey(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A BGR (H, W, 3) or grey (H, W) uint8 crop as grey (H, W) uint8. Raises ValueError for an empty one."""
    if crop.size == 0:
        raise ValueError(f"an empty crop (shape {crop.shape}) cannot be read")
    if crop.ndim == 2:
        return crop
    if crop.shape[2] == 1:
        return np.ascontiguousarray(crop[:, :, 0])
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def fit(crop: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Stretch a crop to `size` = (height, width), grey uint8.

    The aspect ratio is given up on purpose: a two-line plate and a long one then fill the same grid, so none loses
    resolution to padding. Raises ValueError for an empty crop.
    """
    height, width = size
    grey = to_grey(crop)
    shrinks = grey.shape[0] > height or grey.shape[1] > width
    # Area averaging avoids aliasing when shrinking; it degrades to blocks when enlarging.
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (width, height), interpolation=how), dtype=np.uint8)


def normalize(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey pictures (N, H, W) as the network's input (N, H, W, 1) float32: zero mean, unit deviation each.

    Standardising a picture by itself removes exposure and contrast, which differ more between cameras than between
    plates.
    """
    x: NDArray[Any] = pictures.astype(np.float32)
    x -= x.mean(axis=(1, 2), keepdims=True)
    x /= np.sqrt(np.square(x).mean(axis=(1, 2), keepdims=True)) + np.float32(4.0)
    return np.asarray(x[..., None])


def prepare(crops: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.float32]:
    """Crops of any size as one batch (N, H, W, 1) float32."""
    return normalize(np.stack([fit(crop, size) for crop in crops]))
