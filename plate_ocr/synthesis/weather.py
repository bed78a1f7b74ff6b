"""From a clean plate to what a camera would have made of it: light, framing, optics, sensor, compression.

Every function takes and gives BGR or grey uint8 pictures and draws from the generator it is handed, so that a seed
fixes the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.synthesis.region import drawn_place

Picture = NDArray[np.uint8]


def clip(picture: NDArray[Any]) -> Picture:
    """Rounded down to grey values from 0 to 255."""
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


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


def shade(picture: Picture, place: Place, rng: np.random.Generator) -> NDArray[np.float32]:
    """How much of the light each pixel misses, 0 to 1, (height, width): what is beyond one straight edge, soft or hard,
    across the plate, or between two."""
    y, x = _from_corner(picture, place)
    angle, hardness = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(6.0), np.log(120.0))) / place.unit
    across, down = x - place.width * rng.uniform(0.15, 0.85), y - place.height * rng.uniform(0.15, 0.85)
    beyond = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
    field = _step(beyond, hardness)
    if rng.random() < 0.35:
        # What casts it is narrow: a bar, a branch, a tow hook.
        field = field * (1 - _step(beyond - np.float32(place.unit * rng.uniform(0.2, 1.5)), hardness))
    return field


def glare(picture: Picture, place: Place, rng: np.random.Generator) -> NDArray[np.float32]:
    """How much the sun or a lamp mirrored in the plate adds, 0 to 1, (height, width): a spot, long or round."""
    y, x = _from_corner(picture, place)
    spread = place.unit * rng.uniform(0.25, 0.9)
    across, down = spread * rng.uniform(0.6, 2.5), spread * rng.uniform(0.6, 1.5)
    away = ((x - rng.uniform(0, place.width)) / across) ** 2 + ((y - rng.uniform(0, place.height)) / down) ** 2
    return np.asarray(np.exp(-away), dtype=np.float32)


def infrared(picture: Picture, place: Place, rng: np.random.Generator) -> Picture:
    """At night, lit by an infrared lamp beside the camera: what throws light back to where it came from is white and
    bleeds, the rest is next to black, and the lamp shines on some of it only. Grey, in as many channels as before."""
    y, x = _from_corner(picture, place)
    grey = to_grey(picture).astype(np.float32)
    top, left = max(0, round(place.top)), max(0, round(place.left))
    plate = grey[top : round(place.top + place.height), left : round(place.left + place.width)]
    white = max(30.0, float(np.percentile(plate if plate.size else grey, 95)))
    seen = np.power(grey / np.float32(white), np.float32(rng.uniform(1.2, 2.6)))
    spread = place.unit * np.exp(rng.uniform(np.log(2.0), np.log(8.0)))
    across = x - np.float32(place.width * rng.uniform(0.1, 0.9))
    down = y - np.float32(place.height * rng.uniform(-0.2, 1.2))
    ambient = np.float32(rng.uniform(0.02, 0.4))
    spot = ambient + (1 - ambient) * np.exp((across**2 + down**2) / np.float32(-2 * spread**2))
    lit = clip(seen * spot * np.float32(255 * rng.uniform(0.75, 1.6)))
    bleeding = cv2.GaussianBlur(lit, (0, 0), max(0.3, place.unit * rng.uniform(0.04, 0.25)))
    glowing = clip(lit + np.float32(rng.uniform(0.0, 0.45)) * bleeding)
    return glowing if picture.ndim == 2 else np.repeat(glowing[..., None], picture.shape[2], axis=2)


def layers(field: NDArray[np.float32], picture: Picture) -> NDArray[np.float32]:
    """The field in a shape that goes with the picture's, be it grey or BGR."""
    return field if picture.ndim == 2 else field[..., None]


def light(plate: Picture, rng: np.random.Generator) -> Picture:
    """Uneven light, a shadow's edge, a glare, dirt: what happens on the plate itself."""
    height, width = plate.shape[:2]
    gain = np.ones((2, 3), np.float32) + rng.normal(0, 0.12, (2, 3)).astype(np.float32)
    field: NDArray[Any] = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        field *= 1 - shade(plate, whole(plate), rng) * rng.uniform(0.2, 0.65)
    if rng.random() < 0.3:
        grain = rng.normal(0, 1, (max(2, height // 10), max(2, width // 10))).astype(np.float32)
        field *= 1 + cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.03, 0.14)
    lit = plate * layers(field, plate)
    if rng.random() < 0.1:
        lit += layers(glare(plate, whole(plate), rng), plate) * rng.uniform(60, 200)
    if rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 12))):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            tone = rng.uniform(20, 160)
            cv2.circle(lit, centre, int(rng.integers(1, max(2, height // 14))), (tone, tone, tone), -1)
    return clip(lit)


def surroundings(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A stand-in for a bumper: a soft gradient, some straight edges and grain. `shape` is (height, width)."""
    height, width = shape
    base = rng.uniform(10, 235) + rng.normal(0, 25, (2, 2, 3)) + rng.normal(0, 10, 3)
    canvas = cv2.resize(np.clip(base, 0, 255).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    for _ in range(int(rng.integers(0, 6))):
        y = int(rng.integers(-height // 4, height))
        colour = tuple((rng.uniform(0, 255) + rng.normal(0, 10, 3)).tolist())
        if rng.random() < 0.5:
            cv2.line(
                canvas,
                (0, y),
                (width, y + int(rng.normal(0, height / 8))),
                colour,
                int(rng.integers(1, max(2, height // 6))),
            )
        else:
            x = int(rng.integers(width))
            cv2.rectangle(
                canvas, (x, y), (x + int(rng.integers(4, width)), y + int(rng.integers(2, height))), colour, -1
            )
    return clip(canvas)


def photographed(shape: tuple[int, int], photos: Sequence[Picture], rng: np.random.Generator) -> Picture:
    """A piece of one of `photos`, of any scale, as a picture of `shape` = (height, width)."""
    photo = photos[int(rng.integers(len(photos)))]
    high, wide = photo.shape[:2]
    zoom = min(1.0, high / shape[0], wide / shape[1]) * rng.uniform(0.15, 1.0)
    h, w = max(2, int(shape[0] * zoom)), max(2, int(shape[1] * zoom))
    y, x = int(rng.integers(high - h + 1)), int(rng.integers(wide - w + 1))
    piece = cv2.resize(photo[y : y + h, x : x + w], (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(piece, dtype=np.uint8)


def frame(
    plate: Picture,
    rng: np.random.Generator,
    *,
    width: float,
    backgrounds: Sequence[Picture] = (),
    ambient: float = 1.0,
) -> Picture:
    """The plate as a detector or a person would have cropped it: `width` pixels wide, tight or loose, tilted or not.

    Around it is a piece of one of the photos `backgrounds`, BGR or grey as the plate is, or what `surroundings` draws,
    in so much of the plate's light as `ambient` says.
    """
    h, w = plate.shape[:2]
    kind = drawn_place((0.35, 0.65, 0.85, 1.0), rng)
    # Rectified or tight; a detector's box; with surroundings; seen from the side and never rectified.
    tilt = np.deg2rad((rng.normal(0, 1.5), rng.normal(0, 4), rng.normal(0, 5), rng.uniform(-24, 24))[kind])
    lean = rng.normal(0, (0.02, 0.08, 0.1, 0.15)[kind])
    taper = rng.normal(0, (0.01, 0.03, 0.04, 0.12)[kind])
    aside = 1.0 if kind < 3 else rng.uniform(0.55, 1.0)
    target = np.array([width * aside, max(12.0, width * h / w * rng.uniform(0.85, 1.15))])
    half = target / 2
    quad = np.array([[-half[0], -half[1]], [half[0], -half[1]], [half[0], half[1]], [-half[0], half[1]]])
    # The nearer side is higher.
    quad[:, 1] *= np.array([1 + taper, 1 - taper, 1 - taper, 1 + taper])
    rotation = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    shear = np.array([[1, 0], [lean, 1]])
    quad = quad @ shear @ rotation + rng.normal(0, 0.025, (4, 2)) * target[1]
    low, high = quad.min(axis=0), quad.max(axis=0)
    size = high - low
    if kind == 0:
        margins = rng.uniform(-0.03, 0.08, 4)
    elif kind == 2:
        # In a photo of a car's rear there is more above and below a long plate than beside it.
        margins = rng.uniform(0.05, 0.6, 4) * np.array([1, rng.uniform(1, 2), 1, rng.uniform(1, 2)])
    else:
        margins = rng.uniform(0.0, 0.15, 4)
    low = low - size * margins[:2]
    high = high + size * margins[2:]
    out_w, out_h = (max(8, round(float(v))) for v in high - low)
    real = len(backgrounds) > 0 and rng.random() < 0.7
    canvas = photographed((out_h, out_w), backgrounds, rng) if real else surroundings((out_h, out_w), rng)
    if plate.ndim < canvas.ndim:
        canvas = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    if ambient != 1:
        canvas = clip(canvas * ambient)
    # Shrink by area averaging first: a warp alone samples single pixels and aliases.
    if w > 1.6 * width:
        shrink = 1.2 * width / w
        plate = np.asarray(cv2.resize(plate, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        h, w = plate.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
    cv2.warpPerspective(
        plate, matrix, (out_w, out_h), dst=canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    return canvas


def blur(picture: Picture, rng: np.random.Generator, strength: float, *, moved: float = 0.3) -> Picture:
    """Out of focus by a Gaussian of `strength` pixels, or, with the probability `moved`, blurred along a line of two
    and a half times that, most often a level one."""
    if strength < 0.25:
        return picture
    if rng.random() >= moved:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), strength), dtype=np.uint8)
    angle = rng.normal(0, 0.4) if rng.random() < 0.65 else rng.uniform(0, np.pi)
    # At sixteen times the size: a kernel of a few pixels knows eight directions.
    large = 16 * (2 * int(np.ceil(1.25 * strength)) + 1)
    stroke = np.zeros((large, large), np.float32)
    reach = 20 * strength * np.array([np.cos(angle), np.sin(angle)])
    tip, tail = ((large / 2 + way * reach).round().astype(int).tolist() for way in (1, -1))
    cv2.line(stroke, tail, tip, 1.0, 16)
    kernel = cv2.resize(stroke, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)


def camera(picture: Picture, rng: np.random.Generator, *, strength: float = 1.0) -> Picture:
    """Exposure, blur, low resolution, noise and compression. `strength` scales how bad it gets; 0 leaves it alone."""
    if strength <= 0:
        return picture
    share = min(1.0, strength)
    height, width = picture.shape[:2]
    unit = min(height, width / 2.5) / 40
    picture = blur(picture, rng, unit * abs(rng.normal(0, 0.65)) * strength)
    if rng.random() < 0.3 * strength:
        factor = rng.uniform(0.35, 0.9)
        small = (max(16, round(width * factor)), max(10, round(height * factor)))
        picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    # What becomes of each grey value, so that it is worked out once for all pixels that have it.
    tones = np.arange(256, dtype=np.float32)
    if rng.random() < 0.7:
        # Contrast about a random level, as haze, a headlight or a night exposure leave it.
        contrast, level, target = rng.uniform(0.25, 1.25), rng.uniform(40, 200), rng.uniform(40, 200)
        changed = (tones - level) * (1 + share * (contrast - 1)) + level + share * (target - level)
        # What is clipped to black or white from end to end can be read by nobody.
        if cv2.meanStdDev(cv2.LUT(picture, clip(changed)).reshape(-1, 1))[1] > 7:
            tones = changed
    if rng.random() < 0.4:
        tones = 255 * np.power(np.clip(tones, 0, 255) / 255, 1 + share * (rng.uniform(0.5, 2.0) - 1))
    if rng.random() < 0.6:
        noise = rng.standard_normal((height, width), np.float32) * np.float32(abs(rng.normal(0, 8)) * strength + 0.1)
        picture = clip(cv2.LUT(picture, tones.astype(np.float32)) + layers(noise, picture))
    else:
        picture = np.asarray(cv2.LUT(picture, clip(tones)), dtype=np.uint8)
    if rng.random() < 0.5:
        picture = compressed(picture, rng, 20, 90)
    return picture


def compressed(picture: Picture, rng: np.random.Generator, worst: int, best: int) -> Picture:
    """As JPEG of a quality between these leaves it."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(worst, best))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), dtype=np.uint8)


def _from_corner(picture: Picture, place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far below (H, 1) and right (1, W) of the plate's top left each pixel is."""
    y, x = np.ogrid[: picture.shape[0], : picture.shape[1]]
    return y.astype(np.float32) - np.float32(place.top), x.astype(np.float32) - np.float32(place.left)


def _step(distance: NDArray[np.float32], hardness: float) -> NDArray[np.float32]:
    """From 0 to 1 where the distance goes from below zero to above."""
    return np.asarray(1 / (1 + np.exp(-np.clip(distance * np.float32(hardness), -40, 40))), dtype=np.float32)
