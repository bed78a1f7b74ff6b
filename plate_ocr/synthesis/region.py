"""A region's plates as data: one YAML file a region, checked when it is loaded.

A pattern is one string: `#` a digit, `@` a letter, `?` either, `{name}` an entry of the region's alphabet of that name,
a space a gap, and `-`, `·`, `.` and `:` separators that are drawn but do not belong to the text. Every other character
stands for itself. The key `reads` maps words that are drawn (in another script, say) to what the text holds for them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255: OpenCV's order."""

Box = tuple[float, float, float, float]
"""Left, top, width, height in millimetres."""

# libyaml's parser is ten times faster; a build without it has Python's.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NOWHERE = "XX"
"""The region that stands for no country; its patterns fit everything and say nothing."""

LARGEST = 1 << 16
"""Characters of a region's file; those that are shipped have a tenth."""

SEPARATORS = "-·.:"

_KEYS = {
    "file": "region name fonts glyphs alphabets letters reads colours layouts",
    "layouts": "name weight size colours background bar texts field border bolts strip band seals stickers rules words",
    "colours": "plate ink weight",
    "texts": "at patterns stack small wide cell",
    "field": "at colour",
    "border": "inset width radius colour chance",
    "strip": "width colour text chance right",
    "band": "height colour text chance",
    "seals": "at radius chance",
    "stickers": "at chance number",
    "words": "at text stack chance colour",
}
"""What each part of a region's file may say. Anything else is a slip, and would be drawn as if it were not there."""

TOKEN = re.compile(r"\{(\w+)\}|(.)")
"""A token of a pattern: the name of an alphabet, or one character."""

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class RegionError(ValueError):
    """A region file cannot be used; the message names the file and the key."""


@dataclass(frozen=True)
class Paint:
    """Colours of one kind of plate, and how often it is drawn."""

    plate: Colour
    ink: Colour
    weight: float


@dataclass(frozen=True)
class TextBox:
    """Where one run of characters stands. `stack` sets them below each other; `small` is the height of Hangul and hanzi
    relative to the digits, `wide` how much wider than a font's the characters are at most. With `cell`, every character
    stands in a cell of this width by its height, hanzi squeezed into it, as some standards have it."""

    at: Box
    patterns: tuple[str, ...]
    stack: bool
    small: float
    wide: float = 1.0
    cell: float = 0.0


@dataclass(frozen=True)
class Layout:
    """One kind of plate: its size in millimetres, its colours, its decoration and its text boxes in the order in which
    its number is written; `bar` is the chance that its 1 is a plain bar."""

    name: str
    weight: float
    size: tuple[float, float]
    paints: tuple[Paint, ...]
    texts: tuple[TextBox, ...]
    background: str
    decor: Mapping[str, Any]
    bar: float = 0.0

    @property
    def lines(self) -> int:
        """1 or 2: whether some text box stands below another."""
        return len(self.standing)

    @property
    def standing(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the text boxes as they stand: of each line, from left to right."""
        end = min(box.at[1] + box.at[3] for box in self.texts)
        order = sorted(range(len(self.texts)), key=lambda n: self.texts[n].at[0])
        upper: list[int] = []
        lower: list[int] = []
        for n in order:
            box = self.texts[n]
            (lower if box.at[1] >= end - 0.15 * box.at[3] else upper).append(n)
        return tuple(tuple(line) for line in (upper, lower) if line)

    @property
    def out_of_order(self) -> bool:
        """Whether the number is not written in the order in which its characters stand, on a plate of two lines."""
        return self.lines > 1 and [n for line in self.standing for n in line] != [*range(len(self.texts))]


_Weighted = TypeVar("_Weighted", Layout, Paint)


@dataclass(frozen=True)
class Region:
    """All layouts of a region."""

    code: str
    name: str
    fonts: tuple[str, ...]
    glyphs: str
    alphabets: Mapping[str, tuple[str, ...]]
    letters: str
    reads: Mapping[str, str]
    layouts: tuple[Layout, ...]

    @property
    def characters(self) -> set[str]:
        """All that may be drawn, and perhaps some more: to know which scripts it takes."""
        texts = [pattern for layout in self.layouts for box in layout.texts for pattern in box.patterns]
        texts += [entry for alphabet in self.alphabets.values() for entry in alphabet]
        return set("".join(texts + [str(layout.decor) for layout in self.layouts]))

    def label(self, drawn: str) -> str:
        """What a drawn text reads as: no separators, and for a word of `reads` what it stands for."""
        for word, reading in self.reads.items():
            drawn = drawn.replace(word, reading)
        return plain(drawn)

    def draw_layout(self, rng: np.random.Generator) -> Layout:
        """A layout by weight."""
        return pick(self.layouts, rng)

    def draw_text(self, pattern: str, rng: np.random.Generator) -> str:
        """A text of a pattern, with its spaces and separators."""
        return "".join(self._draw_token(match, rng) for match in TOKEN.finditer(pattern))

    def _draw_token(self, token: re.Match[str], rng: np.random.Generator) -> str:
        choices = self.choices(token)
        return choices[int(rng.integers(len(choices)))]

    def choices(self, token: re.Match[str]) -> Sequence[str]:
        """What a token of a pattern may write."""
        if token[1]:
            return self.alphabets[token[1]]
        return {"#": _DIGITS, "@": self.letters, "?": _DIGITS + self.letters}.get(token[2], token[2])


def pick(choices: tuple[_Weighted, ...], rng: np.random.Generator) -> _Weighted:
    """One of weighted choices."""
    return choices[drawn_place([*accumulate(choice.weight for choice in choices)], rng)]


def drawn_place(ends: Sequence[float], rng: np.random.Generator) -> int:
    """A place drawn by weight; `ends` are the sums of the weights up to each. `rng.choice` gives the same, and takes
    ten times as long to check its weights."""
    return bisect_right(ends, rng.random() * ends[-1], hi=len(ends) - 1)


def plain(text: str) -> str:
    """A drawn text as its label: without spaces and separators."""
    return "".join(c for c in text if not c.isspace() and c not in SEPARATORS)


def slots(region: Region, pattern: str) -> list[tuple[str, ...]]:
    """What may stand at each place of a pattern's text: separators and gaps are none."""
    places = []
    for token in TOKEN.finditer(pattern):
        if token[1]:
            places.append(tuple(region.label(entry) for entry in region.alphabets[token[1]]))
        elif plain(token[2]):
            places.append(tuple(region.choices(token)))
    return places


def parse_colour(value: str) -> Colour:
    """`#rrggbb` as (blue, green, red). Raises ValueError for anything else."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(value)):
        raise ValueError(f"{value!r} is not a colour like #1c3f9c")
    return int(value[5:7], 16), int(value[3:5], 16), int(value[1:3], 16)


def available() -> dict[str, Path]:
    """The shipped regions: lower-case file name without suffix -> file."""
    folder = resources.files("plate_ocr.synthesis") / "regions"
    return {Path(str(f)).stem: Path(str(f)) for f in sorted(folder.iterdir(), key=str) if str(f).endswith(".yaml")}


def load_regions(names: Iterable[str] = ()) -> list[Region]:
    """Regions by shipped name or by path of a YAML file; all shipped ones when no name is given.

    Raises RegionError for an unknown name or an unusable file.
    """
    shipped = available()
    regions = []
    for name in list(names) or list(shipped):
        path = shipped.get(name.lower()) or Path(name)
        if not path.is_file():
            raise RegionError(f"no region {name!r}; shipped are {', '.join(shipped)}, or give the path of a YAML file")
        regions.append(load_region(path))
    return regions


def load_region(path: Path) -> Region:
    """The region of one YAML file. Raises RegionError naming the file and what is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
        # The parser recurses in C: a file of nothing but brackets would end the process.
        if len(text) > LARGEST:
            raise ValueError(f"{len(text):,} characters are too many for a region; {LARGEST:,} pass")
        return _region(yaml.load(text, Loader=_Loader))
    except OSError as error:
        raise RegionError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegionError(f"{path}: not a YAML file ({error})") from None
    except KeyError as error:
        raise RegionError(f"{path}: missing or unknown key {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise RegionError(f"{path}: {error}") from None


def _check_keys(part: str, *entries: Mapping[str, Any]) -> None:
    for entry in entries:
        if unknown := entry.keys() - set(_KEYS[part].split()):
            raise ValueError(f"{part}: unknown key {sorted(map(str, unknown))[0]!r}; known are {_KEYS[part]}")


def _region(data: Mapping[str, Any]) -> Region:
    if not isinstance(data, dict):
        raise ValueError("a region file is a mapping with the keys region, name, fonts and layouts")
    _check_keys("file", data)
    _check_keys("layouts", *data["layouts"])
    alphabets = {name: tuple(map(str, entries)) for name, entries in data.get("alphabets", {}).items()}
    colours = data.get("colours", {})
    layouts = tuple(_layout(entry, colours, alphabets) for entry in data["layouts"])
    return Region(
        code=data["region"],
        name=data["name"],
        fonts=tuple(data["fonts"]),
        glyphs=data.get("glyphs", ""),
        alphabets=alphabets,
        letters=data.get("letters", _LETTERS),
        reads={str(word): str(reading) for word, reading in data.get("reads", {}).items()},
        layouts=layouts,
    )


def _layout(data: Mapping[str, Any], colours: Mapping[str, Any], alphabets: Mapping[str, tuple[str, ...]]) -> Layout:
    width, height = map(float, data["size"])
    paints = []
    for entry in data["colours"]:
        paint = colours[entry] if isinstance(entry, str) else entry
        _check_keys("colours", paint)
        paints.append(Paint(parse_colour(paint["plate"]), parse_colour(paint["ink"]), float(paint.get("weight", 1))))
    texts = []
    _check_keys("texts", *data["texts"])
    for entry in data["texts"]:
        x, y, w, h = map(float, entry["at"])
        if x < 0 or y < 0 or x + w > width or y + h > height:
            raise ValueError(f"layout {data['name']!r}: the text box {entry['at']} leaves the plate {data['size']}")
        for pattern in entry["patterns"]:
            for token in TOKEN.finditer(pattern):
                if token[1] and token[1] not in alphabets:
                    raise ValueError(f"layout {data['name']!r}: pattern {pattern!r} names no alphabet of this file")
        texts.append(
            TextBox(
                (x, y, w, h),
                tuple(entry["patterns"]),
                bool(entry.get("stack")),
                float(entry.get("small", 1.0)),
                float(entry.get("wide", 1.0)),
                float(entry.get("cell", 0.0)),
            )
        )
    decor = {
        key: data[key]
        for key in ("field", "border", "bolts", "strip", "band", "seals", "stickers", "rules", "words")
        if key in data
    }
    for part in decor.keys() & _KEYS.keys():
        _check_keys(part, *([decor[part]] if isinstance(decor[part], dict) else decor[part]))
    return Layout(
        name=data["name"],
        weight=float(data.get("weight", 1)),
        size=(width, height),
        paints=tuple(paints),
        texts=tuple(texts),
        background=data.get("background", "plain"),
        decor=decor,
        bar=float(data.get("bar", 0.0)),
    )
