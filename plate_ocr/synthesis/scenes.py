"""Whole photos that never were: a road, a few vehicles, and their plates with exact corners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.plate import Corners
from plate_ocr.synthesis.drawing import DrawnPlate, draw_plate, draw_text
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.region import Region
from plate_ocr.synthesis.spelling import Spelled
from plate_ocr.synthesis.weather import blur, light

Picture = NDArray[np.uint8]
Shade = tuple[float, float, float]

WIDTH, HEIGHT = 1280, 800


@dataclass(frozen=True)
class ScenePlate:
    """A plate in a scene: its text, region code and corners, in pixels, clockwise from the plate's own top left."""

    text: str
    region: str
    corners: Corners


@dataclass(frozen=True)
class SyntheticScene:
    """A drawn photo: BGR uint8 (HEIGHT, WIDTH, 3), and the plates in it from left to right."""

    picture: Picture
    plates: tuple[ScenePlate, ...]


class SceneGenerator:
    """Draws scenes whose vehicles carry plates of the given regions."""

    def __init__(
        self, regions: Sequence[Region], library: FontLibrary, *, weights: Sequence[float] | None = None
    ) -> None:
        if not regions:
            raise ValueError("at least one region is needed")
        share = np.array(weights if weights is not None else [1.0] * len(regions), dtype=np.float64)
        self._regions, self._share, self._library = list(regions), share / share.sum(), library

    def draw(
        self, seed: int | Sequence[int], *, vehicles: int | None = None, texts: Iterator[Spelled] | None = None
    ) -> SyntheticScene:
        """The scene of this seed, with one to three vehicles unless their number is given; 0 draws an empty road. Their
        plates carry the next of `texts`, which must not end, where these are given."""
        rng = np.random.default_rng(seed)
        canvas = _road(rng)
        count = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])) if vehicles is None else vehicles
        slot = WIDTH / max(1, count)
        plates = []
        for i in range(count):
            if texts is None:
                region = self._regions[int(rng.choice(len(self._regions), p=self._share))]
                plate = draw_plate(region, self._library, rng, lines_px=96)
            else:
                plate = draw_text(next(texts), self._library, rng, lines_px=96)
            size = float(rng.uniform(0.62, 0.92)) * min(slot, 620)
            centre = (slot * (i + 0.5) + rng.normal(0, 14), float(rng.uniform(0.6, 0.68)) * HEIGHT)
            corners = _vehicle(canvas, plate, centre, size, rng)
            plates.append(ScenePlate(plate.text, plate.region, Corners.of(corners)))
        return SyntheticScene(_develop(canvas, rng), tuple(plates))


def _develop(canvas: Picture, rng: np.random.Generator) -> Picture:
    """What a fair camera adds: a little blur, exposure, noise. `weather.camera` is made for crops, and far harsher."""
    soft = blur(canvas, rng, rng.uniform(0.2, 0.7)).astype(np.float32)
    exposed = 255 * np.power(soft / 255, rng.uniform(0.75, 1.3)) * rng.uniform(0.85, 1.1)
    noise = rng.normal(0, rng.uniform(1, 5), (HEIGHT, WIDTH, 1))
    return np.clip(exposed + noise, 0, 255).astype(np.uint8)


def _shade(rng: np.random.Generator, low: float, high: float, tint: float = 10) -> Shade:
    b, g, r = np.clip(rng.uniform(low, high) + rng.normal(0, tint, 3), 0, 255)
    return float(b), float(g), float(r)


def _mix(a: Shade, b: Shade, share: float) -> Shade:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def _gradient(canvas: Picture, top: int, bottom: int, upper: Shade, lower: Shade) -> None:
    ramp = np.linspace(0, 1, max(1, bottom - top))[:, None, None]
    canvas[top:bottom] = (np.array(upper) * (1 - ramp) + np.array(lower) * ramp).astype(np.uint8)


def _road(rng: np.random.Generator) -> Picture:
    """Sky, buildings with windows, a kerb and asphalt with grain."""
    canvas = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    horizon = int(HEIGHT * rng.uniform(0.42, 0.52))
    _gradient(canvas, 0, horizon, (235.0, 205.0, 165.0), (240.0, 230.0, 215.0))
    x = -40
    while x < WIDTH:
        wide, tall = int(rng.integers(120, 300)), int(rng.integers(140, 340))
        wall = _shade(rng, 110, 205, 14)
        cv2.rectangle(canvas, (x, horizon - tall), (x + wide, horizon), wall, -1)
        step = int(rng.integers(38, 60))
        for wx in range(x + 16, x + wide - 24, step):
            for wy in range(horizon - tall + 18, horizon - 40, step + 8):
                cv2.rectangle(
                    canvas, (wx, wy), (wx + step * 3 // 4, wy + step // 2), _mix(wall, (90.0, 70.0, 60.0), 0.35), -1
                )
        x += wide + int(rng.integers(-10, 40))
    _gradient(canvas, horizon, HEIGHT, _shade(rng, 120, 140, 3), _shade(rng, 70, 95, 3))
    cv2.rectangle(canvas, (0, horizon), (WIDTH, horizon + 14), (178, 182, 186), -1)
    grain = rng.normal(0, 5, (HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    large = cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    canvas[horizon:] = np.clip(canvas[horizon:] + large[horizon:, :, None], 0, 255).astype(np.uint8)
    for mark in range(-1, 5):
        left = mark * 330 + int(rng.integers(0, 60))
        cv2.fillPoly(
            canvas, [np.array([[left, 770], [left + 150, 770], [left + 136, 788], [left - 18, 788]])], (205, 214, 216)
        )
    return canvas


def _vehicle(
    canvas: Picture, plate: DrawnPlate, centre: tuple[float, float], size: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a car or a lorry, `size` pixels wide, and mount the plate. Gives the plate's corners (4, 2)."""
    cx, cy = centre
    lorry = plate.lines == 2 and bool(rng.random() < 0.6)
    paint = _shade(rng, 40, 225, 38)
    dark, pale = _mix(paint, (20.0, 20.0, 22.0), 0.55), _mix(paint, (255.0, 255.0, 255.0), 0.35)
    s = size

    def points(*pairs: tuple[float, float]) -> list[NDArray[np.int32]]:
        return [np.array([[cx + x * s, cy + y * s] for x, y in pairs]).round().astype(np.int32)]

    def box(x0: float, y0: float, x1: float, y1: float, colour: Shade) -> None:
        cv2.fillPoly(canvas, points((x0, y0), (x1, y0), (x1, y1), (x0, y1)), colour, cv2.LINE_AA)

    # Shadow and wheels first: the body covers most of them.
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(shadow, (round(cx), round(cy + 0.275 * s)), (round(0.56 * s), round(0.06 * s)), 0, 0, 360, 0.7, -1)
    shade = 1 - cv2.GaussianBlur(shadow, (0, 0), 9)
    canvas[:] = (canvas * shade[..., None]).astype(np.uint8)
    for side in (-1, 1):
        box(side * 0.43 - 0.055, 0.12, side * 0.43 + 0.055, 0.285, (28.0, 27.0, 27.0))
    glass = (96.0, 82.0, 70.0)
    if lorry:
        box(-0.5, -0.62, 0.5, 0.2, paint)
        box(-0.44, -0.5, 0.44, -0.16, glass)
        cv2.fillPoly(
            canvas,
            points((-0.3, -0.5), (-0.14, -0.5), (-0.26, -0.16), (-0.42, -0.16)),
            _mix(glass, pale, 0.25),
            cv2.LINE_AA,
        )
        box(-0.5, -0.66, 0.5, -0.6, dark)
    else:
        cv2.fillPoly(canvas, points((-0.36, -0.44), (0.36, -0.44), (0.46, -0.14), (-0.46, -0.14)), dark, cv2.LINE_AA)
        cv2.fillPoly(canvas, points((-0.32, -0.41), (0.32, -0.41), (0.4, -0.16), (-0.4, -0.16)), glass, cv2.LINE_AA)
        cv2.fillPoly(
            canvas,
            points((-0.2, -0.41), (-0.06, -0.41), (-0.16, -0.16), (-0.32, -0.16)),
            _mix(glass, pale, 0.25),
            cv2.LINE_AA,
        )
        cv2.fillPoly(
            canvas,
            points((-0.48, -0.15), (0.48, -0.15), (0.5, 0.1), (0.46, 0.2), (-0.46, 0.2), (-0.5, 0.1)),
            paint,
            cv2.LINE_AA,
        )
    box(-0.47, -0.14, 0.47, -0.125, pale)
    lamp = (40.0, 40.0, 205.0) if rng.random() < 0.5 else (235.0, 240.0, 240.0)
    for side in (-1, 1):
        box(side * 0.4 - 0.07, -0.09, side * 0.4 + 0.07, -0.01, lamp)
        box(side * 0.4 - 0.05, -0.075, side * 0.4 + 0.03, -0.05, _mix(lamp, (255.0, 255.0, 255.0), 0.5))
    box(-0.5, 0.13, 0.5, 0.235, dark)
    return _mount(canvas, plate, (cx, cy), s, rng)


def _mount(
    canvas: Picture, plate: DrawnPlate, centre: tuple[float, float], size: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Put the plate on the body in perspective, and give its corners."""
    lit = light(plate.picture, rng) if rng.random() < 0.4 else plate.picture
    h, w = lit.shape[:2]
    wide = size * (0.4 if w / h > 2.4 else 0.3)
    half = np.array([wide / 2, wide * h / w / 2])
    quad = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    turn, yaw = np.deg2rad(rng.normal(0, 3)), rng.normal(0, 0.06)
    quad[:, 1] *= 1 + yaw * quad[:, 0] / half[0]
    quad = quad @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    place = np.array([centre[0], centre[1] + 0.07 * size])
    corners = quad + place
    mount = (quad * 1.07 + place).round().astype(np.int32)
    cv2.fillPoly(canvas, [mount], (46, 44, 44), cv2.LINE_AA)
    # Area averaging before the warp, which alone would alias.
    scale = wide / w
    if scale < 0.8:
        lit = np.asarray(
            cv2.resize(lit, None, fx=scale * 1.2, fy=scale * 1.2, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
        h, w = lit.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    # Pixel centres: OpenCV's pixel 0 is centred on 0, while a plate's edge lies half a pixel before it.
    matrix = cv2.getPerspectiveTransform(source - 0.5, corners.astype(np.float32) - 0.5)
    cv2.warpPerspective(
        lit, matrix, (WIDTH, HEIGHT), dst=canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    return np.asarray(corners)
