"""What is on a plate beside its text."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.lettering import Pen, words
from plate_ocr.synthesis.region import Colour, Layout, Paint, Region, TextBox, parse_colour


def varied(colour: Colour, rng: np.random.Generator, spread: float) -> NDArray[np.float32]:
    """The colour (3,) as it is on one plate: somewhat lighter or darker, and of another tint."""
    return np.clip(np.array(colour) + rng.normal(0, spread * 0.5) + rng.normal(0, spread * 0.3, 3), 0, 255).astype(
        np.float32
    )


def _colour(value: str, paint: Paint) -> tuple[float, float, float]:
    b, g, r = paint.ink if value == "ink" else parse_colour(value)
    return float(b), float(g), float(r)


def decorate(
    canvas: NDArray[np.uint8],
    layout: Layout,
    paint: Paint,
    region: Region,
    pen: Pen,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """A field, border, strip, band, bolts, seals, stickers and small words: what is on a plate beside its text."""
    decor = layout.decor
    height, width = canvas.shape[:2]

    def happens(entry: dict[str, Any]) -> bool:
        return bool(rng.random() < entry.get("chance", 1.0))

    if field := decor.get("field"):
        x, y, w, h = (round(v * scale) for v in field["at"])
        cv2.rectangle(canvas, (x, y), (x + w, y + h), _colour(field["colour"], paint), -1)
    if (band := decor.get("band")) and happens(band):
        bottom = round(band["height"] * scale)
        cv2.rectangle(canvas, (0, 0), (width, bottom), _colour(band["colour"], paint), -1)
        text = str(band["text"][int(rng.integers(len(band["text"])))])
        box = TextBox(
            (layout.size[0] * 0.3, band["height"] * 0.25, layout.size[0] * 0.4, band["height"] * 0.5), (), False, 1
        )
        words(canvas, text, box, pen, scale, np.full(3, 240, np.float32), rng)
    if (strip := decor.get("strip")) and happens(strip):
        wide = round(strip["width"] * scale)
        x = width - wide if rng.random() < strip.get("right", 0.0) else 0
        cv2.rectangle(canvas, (x, 0), (x + wide, height), _colour(strip["colour"], paint), -1)
        if strip.get("text"):
            entries = strip["text"]
            text = (
                region.draw_text(entries, rng)
                if isinstance(entries, str)
                else str(entries[int(rng.integers(len(entries)))])
            )
            box = TextBox(
                ((x + wide * 0.18) / scale, layout.size[1] * 0.62, strip["width"] * 0.64, layout.size[1] * 0.2),
                (),
                False,
                1,
            )
            words(canvas, text, box, pen, scale, np.full(3, 240, np.float32), rng)
        if rng.random() < 0.8:
            centre = (x + wide // 2, round(height * 0.32))
            cv2.circle(canvas, centre, max(2, wide // 4), (40, 200, 235), max(1, wide // 14))
    for entry in decor.get("words", ()):
        if happens(entry):
            box = TextBox(tuple(map(float, entry["at"])), (), bool(entry.get("stack")), 1)  # type: ignore[arg-type]
            text = entry["text"]
            chosen = region.draw_text(text, rng) if isinstance(text, str) else str(text[int(rng.integers(len(text)))])
            tint = parse_colour(entry["colour"]) if "colour" in entry else paint.ink
            words(canvas, chosen, box, pen, scale, varied(tint, rng, 40), rng)
    for entry in decor.get("stickers", ()):
        if happens(entry):
            x, y, w, h = (round(v * scale) for v in entry["at"])
            cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(rng.uniform(60, 255, 3).tolist()), -1)
            # Either a field within, or a pale one from side to side, as inspection stickers have.
            pale = rng.random() < 0.5
            left, right = (x, x + w) if pale else (x + w // 4, x + 3 * w // 4)
            field = tuple(rng.uniform(200 if pale else 0, 255, 3).tolist())
            cv2.rectangle(canvas, (left, y + h // 4), (right, y + 3 * h // 4), field, -1)
            if rng.random() < entry.get("number", 0.0):
                # A month, or a day: nothing of the plate's text.
                at = (x + 0.2 * w, y + 0.25 * h, 0.6 * w, 0.5 * h)
                box = TextBox(tuple(v / scale for v in at), (), False, 1)  # type: ignore[arg-type]
                words(canvas, str(rng.integers(1, 32)), box, pen, scale, rng.uniform(0, 60, 3).astype(np.float32), rng)
    for entry in decor.get("seals", ()):
        if happens(entry):
            centre = (round(entry["at"][0] * scale), round(entry["at"][1] * scale))
            cv2.circle(
                canvas,
                centre,
                max(1, round(entry["radius"] * scale)),
                tuple(rng.uniform(90, 230, 3).tolist()),
                -1,
                cv2.LINE_AA,
            )
    for x0, y0, x1, y1, *shade in decor.get("rules", ()):
        ends = ((round(x0 * scale), round(y0 * scale)), (round(x1 * scale), round(y1 * scale)))
        cv2.line(canvas, *ends, _colour(shade[0] if shade else "ink", paint), max(1, round(3 * scale)), cv2.LINE_AA)
    if (border := decor.get("border")) and happens(border):
        inset = round(border["inset"] * scale)
        colour = _colour(border.get("colour", "ink"), paint)
        cv2.rectangle(
            canvas,
            (inset, inset),
            (width - 1 - inset, height - 1 - inset),
            colour,
            max(1, round(border["width"] * scale)),
        )
    if rng.random() < 0.8:
        for x, y in decor.get("bolts", ()):
            grey = float(rng.uniform(60, 220))
            cv2.circle(
                canvas,
                (round(x * scale), round(y * scale)),
                max(1, round(rng.uniform(4, 8) * scale)),
                (grey, grey, grey),
                -1,
                cv2.LINE_AA,
            )
