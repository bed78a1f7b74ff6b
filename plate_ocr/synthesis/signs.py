"""What is written in the street and is no plate: names over shops, prices, hours, telephone numbers. Grey pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plate_ocr.synthesis.fonts import HANGUL_FONTS, LATIN_FONTS, VARIETY_FONTS, FontLibrary

Picture = NDArray[np.uint8]

LETTERS = 40
"""The size of the font in pixels; who pastes a sign shrinks it."""

_ONSETS = ("b", "br", "c", "ch", "d", "f", "g", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v", "w")
_VOWELS = ("a", "e", "i", "o", "u", "ea", "oo")
_ENDS = ("", "", "n", "r", "s", "t", "l", "ck", "ng")


def draw_sign(library: FontLibrary, rng: np.random.Generator, *, paper: float | None = None) -> Picture:
    """A sign of one to four lines, uint8 (H, W): dark on light or light on dark, on `paper` (a grey value) if given.

    Nothing on it could be a plate: words are in small letters or many, numbers have a point, a colon or a unit.
    Raises FontError if no font is installed.
    """
    hangul = [name for name in HANGUL_FONTS if name in library.files]
    korean = bool(hangul) and rng.random() < 0.25
    names = hangul if korean else library.for_text(VARIETY_FONTS + LATIN_FONTS)
    face = _face(str(library.files[names[int(rng.integers(len(names)))]]))
    lines = [_line(rng, korean=korean) for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.6, 0.2, 0.1, 0.1])))]
    boxes = [face.getbbox(line) for line in lines]
    step = LETTERS * rng.uniform(1.3, 1.8)
    margin = LETTERS * rng.uniform(0.1, 0.6)
    width = int(max(box[2] - box[0] for box in boxes) + 2 * margin)
    height = int(step * (len(lines) - 1) + LETTERS * 1.25 + 2 * margin)
    ground = float(rng.uniform(0, 255)) if paper is None else paper
    contrast = rng.uniform(60, 230)
    ink = ground - contrast if ground > 128 else ground + contrast
    picture = Image.new("L", (width, height), int(ground))
    draw = ImageDraw.Draw(picture)
    for i, (line, box) in enumerate(zip(lines, boxes, strict=True)):
        x = margin if rng.random() < 0.5 else (width - (box[2] - box[0])) / 2
        draw.text((x - box[0], margin + i * step - box[1]), line, font=face, fill=int(np.clip(ink, 0, 255)))
    return np.asarray(picture, dtype=np.uint8)


@lru_cache(maxsize=100)
def _face(file: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, LETTERS, layout_engine=ImageFont.Layout.BASIC)


def _line(rng: np.random.Generator, *, korean: bool) -> str:
    if rng.random() < 0.3:
        return _number(rng)
    if korean:
        lengths = rng.integers(2, 6, int(rng.integers(1, 3)))
        return " ".join("".join(map(chr, rng.integers(0xAC00, 0xD7A4, length))) for length in lengths)
    words = [_word(rng) for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.15, 0.1])))]
    line = " ".join(words)
    kind = rng.random()
    if kind < 0.2 and len(line) > 8:  # in capitals a short word could be a plate
        return line.upper()
    return line.title() if kind < 0.6 else line


def _word(rng: np.random.Generator) -> str:
    def one(of: tuple[str, ...]) -> str:
        return of[int(rng.integers(len(of)))]

    return "".join(one(_ONSETS) + one(_VOWELS) for _ in range(int(rng.integers(1, 4)))) + one(_ENDS)


def _number(rng: np.random.Generator) -> str:
    a, b, c = (int(n) for n in rng.integers(0, 100, 3))
    forms = (
        f"{a}.{b:02}",
        f"{a}.{c % 10} %",
        f"{a % 24}:{b % 60:02}",
        f"{a % 24:02}:00 - {b % 24:02}:30",
        f"{a * 10 + c % 10} m",
        f"({a}) {b:02}{c:02}-{a:02}{c:02}",
        f"-{a % 10}.{b:02}{c:02}",
        f"{c}h",
        f"{a % 28 + 1}/{b % 12 + 1}/20{c % 30:02}",
        f"www.{_word(rng)}.com",
    )
    return forms[int(rng.integers(len(forms)))]
