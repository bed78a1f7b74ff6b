"""One clean plate, upright and evenly lit, from a region's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.recognition.unfold import Part
from plate_ocr.synthesis.decoration import decorate, varied
from plate_ocr.synthesis.fonts import VARIETY_FONTS, FontLibrary, Mask
from plate_ocr.synthesis.lettering import Pen, blend, draw_twins, write
from plate_ocr.synthesis.region import (
    Layout,
    Paint,
    Region,
    TextBox,
    drawn_place,
    pick,
)
from plate_ocr.synthesis.spelling import Spelled

GREY = np.array((0.114, 0.587, 0.299), np.float32)
"""What blue, green and red give to grey, as in OpenCV's conversion."""

INFRARED = np.array((0.05, 0.2, 0.75), np.float32)
"""What they give beside an infrared lamp, about: colours are the paler the redder they are, and soot is black."""

LEGIBLE = 50.0
"""Text that differs from its plate by fewer grey values than this has all but vanished."""


@dataclass(frozen=True)
class DrawnPlate:
    """A clean plate: BGR uint8 (H, W, 3) or grey (H, W), its text without separators, region code and number of lines,
    the text's characters in the order in which they stand, line by line, and where each line is."""

    picture: NDArray[np.uint8]
    text: str
    region: str
    lines: int
    standing: str
    places: tuple[Part, ...]


def draw_plate(
    region: Region,
    library: FontLibrary,
    rng: np.random.Generator,
    *,
    layout: Layout | None = None,
    lines_px: int = 64,
    grey: bool = False,
    infrared: bool = False,
    writes: Sequence[str] = (),
) -> DrawnPlate:
    """A plate of `region` with a random text, or one whose text boxes write what `writes` says, with gaps and
    separators (`spelling`); `lines_px` is the picture's height for each line of text.

    A `grey` one is the same plate as a grey camera sees it, and is drawn faster. An `infrared` one is grey, too: as
    infrared light shows its colours, unless nobody could read it so.
    """
    layout = layout or region.draw_layout(rng)
    paint = pick(layout.paints, rng)
    scale = lines_px * (1.25 if layout.lines == 1 else 1.9) / layout.size[1]
    height, width = round(layout.size[1] * scale), round(layout.size[0] * scale)
    canvas = _background(layout, paint, (height, width), rng)
    # One plate in seven is set in a font that is not the region's: home-made plates, foreign blanks, older stamps.
    fonts = library.for_text(region.fonts if rng.random() > 0.15 else VARIETY_FONTS)
    glyphs = library.glyphs[int(rng.integers(len(library.glyphs)))] if region.glyphs and library.glyphs else {}
    # Drawn characters exist for a part of the alphabet only; a plate mixes none of them with a font's digits.
    pen = Pen(
        library,
        fonts[int(rng.integers(len(fonts)))],
        glyphs if rng.random() < 0.7 else {},
        companion=int(rng.integers(12)) / 12,
        twins=draw_twins(layout, rng),
        weight=drawn_place((0.08, 0.2, 0.7, 0.82, 0.92, 1.0), rng) - 2,
        bar=layout.bar > 0 and rng.random() < layout.bar,
    )
    decorate(canvas, layout, paint, region, pen, scale, rng)

    ink = np.zeros((height, width), np.uint8)
    texts = []
    for n, box in enumerate(layout.texts):
        text = writes[n] if writes else region.draw_text(box.patterns[int(rng.integers(len(box.patterns)))], rng)
        texts.append(region.label(text))
        write(ink, text, box, pen, scale, rng)
    colour = varied(paint.ink, rng, 18)
    if infrared and abs((colour - canvas.mean(axis=(0, 1))) @ INFRARED) >= LEGIBLE:
        canvas, colour = np.asarray(cv2.transform(canvas, INFRARED[None]), dtype=np.uint8), colour @ INFRARED
    elif grey or infrared:
        # Only what is beside the text takes three channels to draw.
        canvas, colour = to_grey(canvas), colour @ GREY
    _emboss(canvas, ink, rng)
    blend(canvas, ink, colour)
    standing = "".join(texts[n] for line in layout.standing for n in line) if layout.out_of_order else "".join(texts)
    places = tuple(_about([layout.texts[n] for n in line], scale) for line in layout.standing)
    return DrawnPlate(canvas, "".join(texts), region.code, layout.lines, standing, places)


def draw_text(
    text: Spelled,
    library: FontLibrary,
    rng: np.random.Generator,
    *,
    lines_px: int = 64,
    grey: bool = False,
    infrared: bool = False,
) -> DrawnPlate:
    """A plate that carries this text."""
    way = text.pick(rng)
    return draw_plate(
        way.region,
        library,
        rng,
        layout=way.layout,
        lines_px=lines_px,
        grey=grey,
        infrared=infrared,
        writes=way.writes,
    )


def _about(boxes: Sequence[TextBox], scale: float) -> Part:
    left, top = (min(box.at[axis] for box in boxes) * scale for axis in (0, 1))
    right, bottom = (max(box.at[axis] + box.at[axis + 2] for box in boxes) * scale for axis in (0, 1))
    return left, top, right, bottom


def _background(layout: Layout, paint: Paint, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = shape
    base = varied(paint.plate, rng, 30)
    if layout.background == "plain":
        plain = np.empty((height, width, 3), np.uint8)
        plain[:] = base
        return plain
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = base
    if layout.background == "graphic" and rng.random() < 0.6:
        # A few soft blobs of another colour stand for the landscapes of US plates.
        small = base + rng.normal(0, 35, (4, 7, 3))
        soft = cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        canvas += (soft - canvas) * rng.uniform(0.3, 1.0)
        if rng.random() < 0.3:
            band = round(height * rng.uniform(0.15, 0.3))
            colour = rng.uniform(0, 255, 3)
            canvas[:band] = colour
            if rng.random() < 0.5:
                canvas[-band:] = colour
    elif layout.background == "fade":
        ramp = np.linspace(1, 0, height, dtype=np.float32)[:, None, None]
        canvas += (245 - canvas) * ramp
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _emboss(canvas: NDArray[np.uint8], ink: Mask, rng: np.random.Generator) -> None:
    """Raised characters catch light on one side and throw shade on the other."""
    if rng.random() < 0.5:
        return
    depth = float(rng.uniform(0.1, 0.5))
    dx, dy = int(rng.integers(-1, 2)), int(rng.integers(1, 3))
    soft = cv2.GaussianBlur(ink, (3, 3), 0).astype(np.int16)
    slope = np.roll(soft, (dy, dx), (0, 1)) - np.roll(soft, (-dy, -dx), (0, 1))
    relief = slope * np.float32(depth)
    canvas[:] = np.clip(canvas - (relief if canvas.ndim == 2 else relief[..., None]), 0, 255)
