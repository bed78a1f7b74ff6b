"""Text on a plate: glyphs set into boxes, as a stamp sets them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.fonts import FontLibrary, Mask
from plate_ocr.synthesis.region import SEPARATORS, Layout, TextBox

UNITS = re.compile(r"[\ufb50-\ufdff\ufe70-\ufeff]+|.", re.DOTALL)
"""What is drawn as one piece: a word of joined Arabic letters (presentation forms, left to right), or a character."""

TWINS = {"O": "O0", "0": "O0", "I": "I1", "1": "I1"}

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


def draw_twins(layout: Layout, rng: np.random.Generator) -> str:
    """Many authorities stamp O and 0 with one die. Only the format tells them apart then, so there has to be one."""
    patterns = "".join(pattern for box in layout.texts for pattern in box.patterns)
    if rng.random() > 0.3 or "?" in patterns or "@" not in patterns:
        return ""
    return str(rng.choice(("letters", "digits")))


def blend(canvas: NDArray[np.uint8], mask: Mask, colour: NDArray[np.float32]) -> None:
    """Paint with a colour, in place, as much as the mask covers."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return
    alpha = mask[y : y + height, x : x + width] * np.float32(1 / 255)
    part = canvas[y : y + height, x : x + width]
    solid = np.empty_like(part)
    solid[:] = colour
    part[:] = cv2.blendLinear(solid, part, alpha, 1 - alpha)


def words(
    canvas: NDArray[np.uint8],
    text: str,
    box: TextBox,
    pen: Pen,
    scale: float,
    colour: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Write small text that is not part of the number, in place."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    write(mask, text, box, pen, scale, rng)
    blend(canvas, mask, colour)


def write(ink: Mask, text: str, box: TextBox, pen: Pen, scale: float, rng: np.random.Generator) -> None:
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
