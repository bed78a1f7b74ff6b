"""What makes plates hard to read now and then, and worse than `weather` has it: far away, moved, half in the shade,
blinded by a light, in the dark.

It befalls real crops as well as drawn ones: people photograph and label plates that they can read well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.weather import Picture, clip, compressed

LARGEST = 56.0
"""Larger pictures are shrunk to this first, as a reader would, so that what follows is as bad for all of them."""


def unit(picture: Picture) -> float:
    """A crop's height in pixels, or what it would be if that of two lines were as long as a plate of one."""
    height, width = picture.shape[:2]
    return float(min(height, width / 2.5))


def hardship(picture: Picture, rng: np.random.Generator) -> Picture:
    """A crop, BGR or grey uint8, after one or two of these."""
    if unit(picture) > LARGEST:
        picture = _shrunk(picture, LARGEST)
    for kind in sorted(rng.choice(len(KINDS), 1 + int(rng.random() < 0.3), replace=False, p=SHARES)):
        picture = KINDS[kind](picture, rng)
    return picture


def shade(picture: Picture, rng: np.random.Generator) -> Picture:
    """One or two straight edges, soft or hard, with most of the light missing beyond or between them."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, hardness = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.15), np.log(3.0)))
    across, down = x - width * rng.uniform(0.15, 0.85), y - height * rng.uniform(0.15, 0.85)
    # Distances from the edge in pixels.
    place = across * np.cos(angle) + down * np.sin(angle)
    dark = 1 / (1 + np.exp(-np.clip(place * hardness, -40, 40)))
    if rng.random() < 0.35:
        # What casts it is narrow: a bar, a branch, a tow hook.
        away = place - unit(picture) * rng.uniform(0.2, 1.5)
        dark = dark * (1 - 1 / (1 + np.exp(-np.clip(away * hardness, -40, 40))))
    return clip(picture * _as(1 - dark * rng.uniform(0.35, 0.8), picture))


def glare(picture: Picture, rng: np.random.Generator) -> Picture:
    """The sun or a lamp mirrored in the plate: a bright spot, long or round."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    spread = unit(picture) * rng.uniform(0.25, 0.9)
    across, down = spread * rng.uniform(0.6, 2.5), spread * rng.uniform(0.6, 1.5)
    away = ((x - rng.uniform(0, width)) / across) ** 2 + ((y - rng.uniform(0, height)) / down) ** 2
    return clip(picture + _as(np.exp(-away) * rng.uniform(60, 190), picture))


def dark(picture: Picture, rng: np.random.Generator) -> Picture:
    """Next to no light, as brightened later: noise, and the blocks of a hard compression."""
    gain = np.exp(rng.uniform(np.log(0.05), np.log(0.3)))
    seen = picture * gain + rng.normal(rng.uniform(0, 8), rng.uniform(0.8, 3.0), picture.shape)
    return clip(compressed(clip(seen), rng, 35, 90) * (rng.uniform(0.5, 1.0) / gain))


def moved(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blurred along a line, most often a level one, by up to a seventh of the plate's height; or out of focus."""
    size = unit(picture) * rng.uniform(0.04, 0.15)
    if rng.random() < 0.4:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(0.3, size * 0.4)), dtype=np.uint8)
    # At sixteen times the size: a kernel of a few pixels knows eight directions.
    large = 16 * (2 * int(np.ceil(size / 2)) + 1)
    stroke = np.zeros((large, large), np.float32)
    angle = rng.normal(0, 0.35) if rng.random() < 0.6 else rng.uniform(0, np.pi)
    reach = 8 * size * np.array([np.cos(angle), np.sin(angle)])
    tip, tail = ((large / 2 + way * reach).round().astype(int).tolist() for way in (1, -1))
    cv2.line(stroke, tail, tip, 1.0, 16)
    kernel = cv2.resize(stroke, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)


def far(picture: Picture, rng: np.random.Generator) -> Picture:
    """So few pixels that characters are just about told apart, and often compressed so."""
    small = _shrunk(picture, np.exp(rng.uniform(np.log(12.0), np.log(28.0))))
    return compressed(small, rng, 40, 95) if rng.random() < 0.6 else small


KINDS: Sequence[Callable[[Picture, np.random.Generator], Picture]] = (shade, glare, moved, far, dark)
"""In the order in which they come: light, then optics, then the sensor."""

SHARES = (0.25, 0.15, 0.2, 0.25, 0.15)


def _shrunk(picture: Picture, to: float) -> Picture:
    scale = to / unit(picture)
    if scale >= 1:
        return picture
    size = (max(8, round(picture.shape[1] * scale)), max(6, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _as(field: NDArray[np.floating], picture: Picture) -> NDArray[np.floating]:
    return field if picture.ndim == 2 else field[..., None]
