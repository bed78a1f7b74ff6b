"""Glyphs: outlines of free fonts found on the system, and folders of drawn characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Mask = NDArray[np.uint8]

GLYPH_HEIGHT = 72
"""Pixels of a cached digit; drawing scales it to the plate."""

FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.fonts",
    "~/.local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)
# For the characters that a region's own fonts lack; a plate takes one of those that are installed.
HANGUL_FONTS = (
    "NanumSquareEB",
    "NanumSquareRoundEB",
    "NanumSquareRoundB",
    "NanumBarunGothicBold",
    "NanumGothicExtraBold",
    "NanumGothicCodingBold",
    "NotoSansCJK-Bold",
    "UnDotumBold",
    "UnGraphicBold",
    "dotum",
    "gulim",
    "hline",
)
HAN_FONTS = (
    "NotoSansCJK-Bold",
    "NotoSansCJK-Regular",
    "wqy-zenhei",
    "wqy-microhei",
    "DroidSansFallbackFull",
    "NotoSerifCJK-Bold",
)
# Those with the presentation forms.
ARABIC_FONTS = (
    "DejaVuSans-Bold",
    "DejaVuSansCondensed-Bold",
    "FreeSerifBold",
    "Amiri-Bold",
    "NotoNaskhArabic-Bold",
    "NotoSansArabic-Bold",
    "KacstOne-Bold",
)
# Set now and then in place of a region's own: with and without serifs on I, open and closed 4, square and round O.
VARIETY_FONTS = (
    "LiberationMono-Bold",
    "DejaVuSansMono-Bold",
    "FreeMonoBold",
    "NimbusMonoPS-Bold",
    "B612Mono-Bold",
    "B612-Bold",
    "JetBrainsMono-Bold",
    "JetBrainsMono-ExtraBold",
    "FiraCode-Bold",
    "Hack-Bold",
    "mononoki-Bold",
    "NotoSansMono-Bold",
    "NanumGothicCodingBold",
    "OCRB",
    "RG2014B",
    "RG2014C",
    "RG2014E",
    "RG2014EEM",
    "RG2014F",
    "NationalPark-Heavy",
    "BebasNeue-Bold",
    "Dosis-Bold",
    "Dosis-ExtraBold",
    "Play-Bold",
    "Lato-Black",
    "Lato-Heavy",
    "LeagueSpartan-Bold",
    "OpenSans-CondBold",
    "OpenSans-ExtraBold",
    "Inter-Black",
    "Roboto-Black",
    "Roboto-Medium",
    "Roboto-Condensed-Bold",
    "Cabin-Bold",
    "Cantarell-ExtraBold",
    "NimbusSans-Bold",
    "NimbusSansNarrow-Bold",
    "LiberationSans-Bold",
    "LiberationSansNarrow-Bold",
    "DejaVuSans-Bold",
    "URWGothic-Demi",
    "GL-Nummernschild-Eng",
    "OSP-DIN",
)
LATIN_FONTS = (
    "RG2014D",
    "Roboto-Condensed-Bold",
    "LiberationSansNarrow-Bold",
    "LiberationSans-Bold",
    "DejaVuSans-Bold",
)

_INITIALS = {"g": 0, "n": 2, "d": 3, "r": 5, "l": 5, "m": 6, "b": 7, "s": 9, "": 11, "j": 12, "h": 18}
_VOWELS = {"ae": 1, "eo": 4, "a": 0, "o": 8, "u": 13}


class FontError(RuntimeError):
    """No font for a character; the message says which package brings one."""


def hangul_of(name: str) -> str:
    """The syllable of a romanised file name (`ga` -> 가, `heo` -> 허, `3` -> 3), or '' for any other name."""
    if len(name) == 1 and (name.isdigit() or "가" <= name <= "힣"):
        return name
    for vowel, v in _VOWELS.items():
        if name.endswith(vowel) and name.removesuffix(vowel) in _INITIALS:
            return chr(0xAC00 + (_INITIALS[name.removesuffix(vowel)] * 21 + v) * 28)
    return ""


def _fonts_of_script(character: str) -> tuple[str, ...] | None:
    """The fonts for a character, or a joined word, of a script that Latin fonts lack; None for any other."""
    kind = unicodedata.name(character[0], "").split(" ")[0]
    return {"HANGUL": HANGUL_FONTS, "CJK": HAN_FONTS, "ARABIC": ARABIC_FONTS}.get(kind)


def _tight(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.max(axis=1) > 96), np.flatnonzero(mask.max(axis=0) > 96)
    if not rows.size:
        return mask[:1, :1]
    return np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


class FontLibrary:
    """The fonts and glyph folders at hand. Holds a cache of masks; make one and share it."""

    def __init__(self, folders: Iterable[Path] = (), glyph_folders: Iterable[Path] = ()) -> None:
        self.files: dict[str, Path] = {}
        for folder in (*map(Path, FONT_FOLDERS), *folders):
            for path in sorted(folder.expanduser().rglob("*")):
                if path.suffix.lower() in (".ttf", ".otf", ".ttc"):
                    self.files[path.stem] = path
        self._names: dict[str, tuple[str, ...]] = {}
        self.glyphs: list[dict[str, Mask]] = [g for f in glyph_folders for g in read_glyph_sets(f)]
        self._cached = lru_cache(maxsize=60_000)(self._mask)

    def for_text(self, preferred: tuple[str, ...]) -> list[str]:
        """The preferred fonts that are installed, or the installed Latin fall-backs. Raises FontError if none is."""
        names = [n for n in preferred if n in self.files] or [n for n in LATIN_FONTS if n in self.files]
        if not names:
            raise FontError(
                f"none of the fonts {', '.join((*preferred, *LATIN_FONTS))} is installed; install for instance "
                "fonts-roadgeek, fonts-nanum and fonts-noto-cjk (Debian), or give a folder with --fonts"
            )
        return names

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Those of these fonts that are not at hand; `for_text` gives others in their place."""
        return sorted(set(names) - set(self.files))

    def writes(self, characters: Iterable[str]) -> bool:
        """Whether there is a font for the script of each of these characters."""
        scripts = {fonts for character in characters if (fonts := _fonts_of_script(character)) is not None}
        return all(any(name in self.files for name in fonts) for fonts in scripts)

    def mask(self, font: str, character: str, companion: float = 0.0, weight: int = 0) -> Mask:
        """Coverage of a character (or a joined word), uint8 (h, w), cut to its ink; digits are GLYPH_HEIGHT high.

        `companion`, 0 to 1, chooses among the fonts for a script that `font` lacks; `weight` pixels are added to or
        taken from the strokes of Latin ones.
        """
        others = _fonts_of_script(character)
        if others is None:
            return self._cached(font, character, weight)
        if not (others is HANGUL_FONTS and font in HANGUL_FONTS):
            names = [n for n in others if n in self.files]
            if not names:
                raise FontError(f"no font for {character!r}; install fonts-nanum or fonts-noto-cjk, or give --fonts")
            font = names[min(len(names) - 1, int(companion * len(names)))]
        # The counters of Hangul and hanzi would close.
        return self._cached(font, character, 0)

    def _mask(self, font: str, character: str, weight: int) -> Mask:
        face = self._face(font)
        left, top, right, bottom = face.getbbox(character)
        picture = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
        ImageDraw.Draw(picture).text((2 - left, 2 - top), character, font=face, fill=255)
        mask = _tight(np.asarray(picture, dtype=np.uint8))
        if weight > 0:
            mask = np.asarray(cv2.dilate(np.pad(mask, weight), np.ones((weight + 1, weight + 1), np.uint8)), np.uint8)
        elif weight < 0:
            mask = np.asarray(cv2.erode(mask, np.ones((1 - weight, 1 - weight), np.uint8)), np.uint8)
        return _tight(mask)

    @lru_cache(maxsize=100)  # noqa: B019 - a library lives as long as the program
    def _face(self, font: str) -> ImageFont.FreeTypeFont:
        # Presentation forms are in their visual order already; a layout engine would turn them round.
        return ImageFont.truetype(str(self.files[font]), self._size(font), layout_engine=ImageFont.Layout.BASIC)

    @lru_cache(maxsize=200)  # noqa: B019 - a library lives as long as the program
    def _size(self, font: str) -> int:
        """The point size at which a digit is GLYPH_HEIGHT high."""
        face = ImageFont.truetype(str(self.files[font]), 100)
        _, top, _, bottom = face.getbbox("0")
        return max(8, round(100 * GLYPH_HEIGHT / max(1, bottom - top)))


def read_glyph_sets(folder: Path) -> list[dict[str, Mask]]:
    """Every folder at or below `folder` that holds pictures of the ten digits, as character -> mask.

    Files are named by the character or its romanisation; ink may be dark on light or light on dark.
    """
    sets = []
    for place in sorted({p.parent for p in folder.rglob("0.*")}):
        glyphs: dict[str, Mask] = {}
        for sub in (place, place.parent / "chars", place.parent / "char1"):
            for path in sorted(sub.glob("*.*")) if sub.is_dir() else ():
                character = hangul_of(path.stem)
                if character and character not in glyphs and (mask := _read_mask(path)) is not None:
                    glyphs[character] = mask
        if all(digit in glyphs for digit in "0123456789"):
            sets.append(glyphs)
    return sets


def _read_mask(path: Path) -> Mask | None:
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    # The corner is background; ink is whatever differs from it, so black on yellow and white on green both work.
    difference = np.abs(picture.astype(np.int16) - picture[2, 2].astype(np.int16)).max(axis=2)
    mask = np.clip(difference.astype(np.float32) * 255 / max(1, difference.max()), 0, 255).astype(np.uint8)
    scale = GLYPH_HEIGHT / mask.shape[0]
    small = cv2.resize(mask, (max(4, round(mask.shape[1] * scale)), GLYPH_HEIGHT), interpolation=cv2.INTER_AREA)
    return _tight(np.asarray(small, dtype=np.uint8))
