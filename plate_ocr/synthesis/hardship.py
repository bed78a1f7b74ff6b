"""What makes plates hard to read now and then, and worse than `weather` has it: far away, moved, half in the shade,
blinded by a light, in the dark, burnt out.

It befalls real crops and photos as well as drawn ones: people photograph and label plates that they can read well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.weather import Picture, clip, compressed

LARGEST = 56.0
"""Larger pictures are shrunk to this first, as a reader would, so that what follows is as bad for all of them."""


class Place(NamedTuple):
    """Where in a picture the plate is, in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def unit(self) -> float:
        """The plate's height, or what it would be if that of two lines were as long as a plate of one."""
        return min(self.height, self.width / 2.5)


def whole(picture: Picture) -> Place:
    """The place of a plate in its own crop."""
    return Place(0, 0, picture.shape[1], picture.shape[0])


def hardship(crop: Picture, rng: np.random.Generator) -> Picture:
    """A crop, BGR or grey uint8, after one or two of these."""
    crop = _shrunk(crop, LARGEST)
    for kind in _drawn(KINDS, rng):
        crop = kind(crop, whole(crop), rng)
    return crop


def hard_scene(photo: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """A photo, BGR or grey uint8, after one or two of these where a plate is in it; its size stays."""
    for kind in _drawn({kind: share for kind, share in KINDS.items() if kind is not far}, rng):
        photo = kind(photo, place, rng)
    return photo


def shade(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """One or two straight edges, soft or hard, with most of the light missing beyond or between them."""
    y, x = _grid(picture, place)
    angle, hardness = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.15), np.log(3.0)))
    across, down = x - place.width * rng.uniform(0.15, 0.85), y - place.height * rng.uniform(0.15, 0.85)
    beyond = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
    dark = 1 / (1 + np.exp(-np.clip(beyond * np.float32(hardness), -40, 40)))
    if rng.random() < 0.35:
        # What casts it is narrow: a bar, a branch, a tow hook.
        away = beyond - np.float32(place.unit * rng.uniform(0.2, 1.5))
        dark = dark * (1 - 1 / (1 + np.exp(-np.clip(away * np.float32(hardness), -40, 40))))
    return clip(picture * _as(1 - dark * rng.uniform(0.35, 0.8), picture))


def glare(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """The sun or a lamp mirrored in the plate: a bright spot, long or round."""
    y, x = _grid(picture, place)
    spread = place.unit * rng.uniform(0.25, 0.9)
    across, down = spread * rng.uniform(0.6, 2.5), spread * rng.uniform(0.6, 1.5)
    away = ((x - rng.uniform(0, place.width)) / across) ** 2 + ((y - rng.uniform(0, place.height)) / down) ** 2
    return clip(picture + _as(np.exp(-away) * rng.uniform(60, 190), picture))


def dark(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """Next to no light, as brightened later: noise, and the blocks of a hard compression."""
    gain = np.exp(rng.uniform(np.log(0.05), np.log(0.3)))
    seen = picture * gain + rng.normal(rng.uniform(0, 8), rng.uniform(0.8, 3.0), picture.shape)
    return clip(compressed(clip(seen), rng, 35, 90) * (rng.uniform(0.5, 1.0) / gain))


def moved(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """Blurred along a line, most often a level one, by up to a seventh of the plate's height; or out of focus."""
    size = place.unit * rng.uniform(0.04, 0.15)
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


def far(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """So few pixels that characters are just about told apart, and often compressed so."""
    small = _shrunk(picture, np.exp(rng.uniform(np.log(12.0), np.log(28.0))))
    return compressed(small, rng, 40, 95) if rng.random() < 0.6 else small


def bright(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """Exposed for something darker: what is light is white."""
    return clip(picture * rng.uniform(1.2, 2.0) + rng.uniform(0, 70))


Kind = Callable[[Picture, Place, np.random.Generator], Picture]

KINDS: dict[Kind, float] = {shade: 0.24, glare: 0.15, moved: 0.2, far: 0.23, bright: 0.05, dark: 0.13}
"""How often each, in the order in which they come: light, then optics, then the sensor."""


def _drawn(kinds: dict[Kind, float], rng: np.random.Generator) -> Sequence[Kind]:
    """One of the kinds, now and then two, in their order."""
    shares = np.array([*kinds.values()])
    chosen = rng.choice(len(kinds), 1 + int(rng.random() < 0.3), replace=False, p=shares / shares.sum())
    return [[*kinds][i] for i in sorted(chosen)]


def _grid(picture: Picture, place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far below (H, 1) and right (1, W) of the plate's top left each pixel is."""
    y, x = np.ogrid[: picture.shape[0], : picture.shape[1]]
    return y.astype(np.float32) - np.float32(place.top), x.astype(np.float32) - np.float32(place.left)


def _shrunk(picture: Picture, to: float) -> Picture:
    scale = to / whole(picture).unit
    if scale >= 1:
        return picture
    size = (max(8, round(picture.shape[1] * scale)), max(6, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _as(field: NDArray[np.floating], picture: Picture) -> NDArray[np.floating]:
    return field if picture.ndim == 2 else field[..., None]
