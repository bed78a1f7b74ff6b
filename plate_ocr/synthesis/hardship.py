"""What makes plates hard to read now and then, and worse than `weather` has it: far away, moved, half in the shade,
blinded by a light, in the dark, burnt out, under an infrared lamp.

It befalls real crops and photos as well as drawn ones: people photograph and label plates that they can read well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from plate_ocr.synthesis import weather
from plate_ocr.synthesis.weather import Picture, Place, clip, compressed, infrared, whole

LARGEST = 56.0
"""Larger pictures are shrunk to this first, as a reader would, so that what follows is as bad for all of them."""


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
    """Most of the light missing beyond an edge or between two."""
    field = weather.layers(weather.shade(picture, place, rng), picture)
    return clip(picture * (1 - field * rng.uniform(0.35, 0.8)))


def glare(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """The sun or a lamp mirrored in the plate."""
    return clip(picture + weather.layers(weather.glare(picture, place, rng), picture) * rng.uniform(60, 190))


def dark(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """Next to no light, as brightened later: noise, and the blocks of a hard compression."""
    gain = np.exp(rng.uniform(np.log(0.05), np.log(0.3)))
    level, spread = rng.uniform(0, 8), rng.uniform(0.8, 3.0)
    seen = picture * np.float32(gain) + rng.standard_normal(picture.shape, np.float32) * np.float32(spread) + level
    return clip(compressed(clip(seen), rng, 35, 90) * (rng.uniform(0.5, 1.0) / gain))


def moved(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """Blurred along a line of up to a seventh of the plate's height, or out of focus."""
    return weather.blur(picture, rng, max(0.3, place.unit * rng.uniform(0.016, 0.06)), moved=0.6)


def far(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """So few pixels that characters are just about told apart, and often compressed so."""
    small = _shrunk(picture, np.exp(rng.uniform(np.log(12.0), np.log(28.0))))
    return compressed(small, rng, 40, 95) if rng.random() < 0.6 else small


def bright(picture: Picture, _place: Place, rng: np.random.Generator) -> Picture:
    """Exposed for something darker: what is light is white."""
    return clip(picture * rng.uniform(1.2, 2.0) + rng.uniform(0, 70))


Kind = Callable[[Picture, Place, np.random.Generator], Picture]

KINDS: dict[Kind, float] = {
    infrared: 0.08,
    shade: 0.22,
    glare: 0.14,
    moved: 0.19,
    far: 0.2,
    bright: 0.05,
    dark: 0.12,
}
"""How often each, in the order in which they come: light, then optics, then the sensor."""


def _drawn(kinds: dict[Kind, float], rng: np.random.Generator) -> Sequence[Kind]:
    """One of the kinds, now and then two, in their order."""
    shares = np.array([*kinds.values()])
    chosen = rng.choice(len(kinds), 1 + int(rng.random() < 0.3), replace=False, p=shares / shares.sum())
    return [[*kinds][i] for i in sorted(chosen)]


def _shrunk(picture: Picture, to: float) -> Picture:
    scale = to / whole(picture).unit
    if scale >= 1:
        return picture
    size = (max(8, round(picture.shape[1] * scale)), max(6, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
