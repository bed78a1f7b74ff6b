"""One clean plate, upright and evenly lit, from a region's layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.recognition.unfold import Part
from plate_ocr.synthesis.fonts import VARIETY_FONTS, FontLibrary, Mask
from plate_ocr.synthesis.region import (
    SEPARATORS,
    Colour,
    Layout,
    Paint,
    Region,
    TextBox,
    drawn_place,
    parse_colour,
    pick,
)
from plate_ocr.synthesis.spelling import Spelled

UNITS = re.compile(r"[\ufb50-\ufdff\ufe70-\ufeff]+|.", re.DOTALL)
"""What is drawn as one piece: a word of joined Arabic letters (presentation forms, left to right), or a character."""


GREY = np.array((0.114, 0.587, 0.299), np.float32)
"""What blue, green and red give to grey, as in OpenCV's conversion."""

INFRARED = np.array((0.05, 0.2, 0.75), np.float32)
"""What they give beside an infrared lamp, about: colours are the paler the redder they are, and soot is black."""

LEGIBLE = 50.0
"""Text that differs from its plate by fewer grey values than this has all but vanished."""

TWINS = {"O": "O0", "0": "O0", "I": "I1", "1": "I1"}


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


BAR: Mask = np.full((48, 10), 255, np.uint8)
"""The 1 of old Korean plates and of some others: no flag, no foot."""


@dataclass(frozen=True)
class Pen:
    """The glyphs of one plate: a font, a set of drawn characters that goes before it, which font of another script goes
    with it (0 to 1), how much bolder (above 0) or lighter its strokes are, in pixels of a cached glyph, and whether O
    and 0, I and 1 look the same, as "letters" or as "digits". With `bar`, the 1 is a plain bar."""

    library: FontLibrary
    font: str
    glyphs: dict[str, Mask]
    companion: float = 0.0
    weight: int = 0
    twins: str = ""
    bar: bool = False

    def mask(self, character: str) -> Mask:
        """Coverage of one character, or of a word of joined script."""
        if self.bar and character == "1":
            return BAR
        if self.twins and character in TWINS:
            character = TWINS[character][self.twins == "digits"]
        found = self.glyphs.get(character)
        return self.library.mask(self.font, character, self.companion, self.weight) if found is None else found


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
        twins=_twins(layout, rng),
        weight=drawn_place((0.08, 0.2, 0.7, 0.82, 0.92, 1.0), rng) - 2,
        bar=layout.bar > 0 and rng.random() < layout.bar,
    )
    _decorate(canvas, layout, paint, region, pen, scale, rng)

    ink = np.zeros((height, width), np.uint8)
    texts = []
    for n, box in enumerate(layout.texts):
        text = writes[n] if writes else region.draw_text(box.patterns[int(rng.integers(len(box.patterns)))], rng)
        texts.append(region.label(text))
        _write(ink, text, box, pen, scale, rng)
    colour = _shade(paint.ink, rng, 18)
    if infrared and abs((colour - canvas.mean(axis=(0, 1))) @ INFRARED) >= LEGIBLE:
        canvas, colour = np.asarray(cv2.transform(canvas, INFRARED[None]), dtype=np.uint8), colour @ INFRARED
    elif grey or infrared:
        # Only what is beside the text takes three channels to draw.
        canvas, colour = to_grey(canvas), colour @ GREY
    _emboss(canvas, ink, rng)
    _blend(canvas, ink, colour)
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


def _twins(layout: Layout, rng: np.random.Generator) -> str:
    """Many authorities stamp O and 0 with one die. Only the format tells them apart then, so there has to be one."""
    patterns = "".join(pattern for box in layout.texts for pattern in box.patterns)
    if rng.random() > 0.3 or "?" in patterns or "@" not in patterns:
        return ""
    return str(rng.choice(("letters", "digits")))


def _shade(colour: Colour, rng: np.random.Generator, spread: float) -> NDArray[np.float32]:
    return np.clip(np.array(colour) + rng.normal(0, spread * 0.5) + rng.normal(0, spread * 0.3, 3), 0, 255).astype(
        np.float32
    )


def _blend(canvas: NDArray[np.uint8], mask: Mask, colour: NDArray[np.float32]) -> None:
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return
    alpha = mask[y : y + height, x : x + width] * np.float32(1 / 255)
    part = canvas[y : y + height, x : x + width]
    solid = np.empty_like(part)
    solid[:] = colour
    part[:] = cv2.blendLinear(solid, part, alpha, 1 - alpha)


def _background(layout: Layout, paint: Paint, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = shape
    base = _shade(paint.plate, rng, 30)
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


def _colour(value: str, paint: Paint) -> tuple[float, float, float]:
    b, g, r = paint.ink if value == "ink" else parse_colour(value)
    return float(b), float(g), float(r)


def _decorate(
    canvas: NDArray[np.uint8],
    layout: Layout,
    paint: Paint,
    region: Region,
    pen: Pen,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Border, strip, band, bolts, seals, stickers and small words: what is on a plate beside its text."""
    decor = layout.decor
    height, width = canvas.shape[:2]

    def happens(entry: dict[str, Any]) -> bool:
        return bool(rng.random() < entry.get("chance", 1.0))

    if (band := decor.get("band")) and happens(band):
        bottom = round(band["height"] * scale)
        cv2.rectangle(canvas, (0, 0), (width, bottom), _colour(band["colour"], paint), -1)
        text = str(band["text"][int(rng.integers(len(band["text"])))])
        box = TextBox(
            (layout.size[0] * 0.3, band["height"] * 0.25, layout.size[0] * 0.4, band["height"] * 0.5), (), False, 1
        )
        _words(canvas, text, box, pen, scale, np.full(3, 240, np.float32), rng)
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
            _words(canvas, text, box, pen, scale, np.full(3, 240, np.float32), rng)
        if rng.random() < 0.8:
            centre = (x + wide // 2, round(height * 0.32))
            cv2.circle(canvas, centre, max(2, wide // 4), (40, 200, 235), max(1, wide // 14))
    for entry in decor.get("words", ()):
        if happens(entry):
            box = TextBox(tuple(map(float, entry["at"])), (), bool(entry.get("stack")), 1)  # type: ignore[arg-type]
            text = entry["text"]
            chosen = region.draw_text(text, rng) if isinstance(text, str) else str(text[int(rng.integers(len(text)))])
            _words(canvas, chosen, box, pen, scale, _shade(paint.ink, rng, 40), rng)
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
                _words(canvas, str(rng.integers(1, 32)), box, pen, scale, rng.uniform(0, 60, 3).astype(np.float32), rng)
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


def _words(
    canvas: NDArray[np.uint8],
    text: str,
    box: TextBox,
    pen: Pen,
    scale: float,
    colour: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    mask = np.zeros(canvas.shape[:2], np.uint8)
    _write(mask, text, box, pen, scale, rng)
    _blend(canvas, mask, colour)


def _write(ink: Mask, text: str, box: TextBox, pen: Pen, scale: float, rng: np.random.Generator) -> None:
    """Set a text into its box: characters at the box's height, spread and squeezed to its width."""
    x0, y0, width, height = (v * scale for v in box.at)
    # Real plates are stamped with some play.
    height *= rng.uniform(0.92, 1.04)
    if box.stack:
        each = height / max(1, len(text))
        for i, character in enumerate(text):
            _stamp(ink, pen.mask(character), x0, y0 + i * each, width, each * 0.92)
        return
    gap = height * rng.uniform(0.08, 0.22)
    wide = rng.uniform(1.0, box.wide) if box.wide > 1 else 1.0
    # Who stamps to a standard keeps to it, more or less.
    cell = box.cell * rng.uniform(0.9, 1.15) if box.cell and rng.random() < 0.85 else 0.0
    # Of each character: its glyph, its width and height, and the width of its place.
    pieces: list[tuple[Mask | None, float, float, float]] = []
    for character in UNITS.findall(text):
        if character.isspace():
            pieces.append((None, 0, 0, height * rng.uniform(0.15, 0.35)))
        elif character in SEPARATORS:
            pieces.append((_separator(character), height * 0.24, height, height * 0.24))
        else:
            mask = pen.mask(character)
            tall = height * (box.small if 0x2E00 < ord(character[0]) < 0xFB00 else 1.0)
            # One aspect for all from the glyph itself; a Q's tail or an accent must not shrink the letter.
            aspect = mask.shape[1] / max(mask.shape[0], 1)
            # In its cell, a 1 stays narrow.
            aspect = cell if aspect > 0.6 * cell > 0 else wide * aspect
            pieces.append((mask, tall * aspect, tall, tall * max(aspect, cell)))
    total = sum(room for *_, room in pieces) + gap * (len(pieces) - 1)
    squeeze = min(width / total, rng.uniform(0.85, 1.25))
    x = x0 + (width - total * squeeze) * rng.uniform(0.3, 0.7)
    for found, w, tall, room in pieces:
        if found is not None:
            _stamp(ink, found, x + (room - w) / 2 * squeeze, y0 + (height - tall) * 0.6, w * squeeze, tall)
        x += (room + gap) * squeeze


def _separator(character: str) -> Mask:
    mask = np.zeros((24, 8), np.uint8)
    if character == "-":
        mask[10:13] = 255
    elif character == ":":
        mask[4:8, 2:6] = mask[16:20, 2:6] = 255
    elif character == "·":
        mask[10:14, 2:6] = 255
    else:
        mask[20:24, 2:6] = 255
    return mask


def _stamp(ink: Mask, glyph: Mask, x: float, y: float, width: float, height: float) -> None:
    w, h = max(1, round(width)), max(1, round(height))
    left, top = round(x), round(y)
    if left < 0 or top < 0 or left + w > ink.shape[1] or top + h > ink.shape[0]:
        left, top = max(0, left), max(0, top)
        w, h = min(w, ink.shape[1] - left), min(h, ink.shape[0] - top)
        if w <= 0 or h <= 0:
            return
    sized = cv2.resize(glyph, (w, h), interpolation=cv2.INTER_AREA if h < glyph.shape[0] else cv2.INTER_LINEAR)
    part = ink[top : top + h, left : left + w]
    np.maximum(part, sized, out=part)


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
