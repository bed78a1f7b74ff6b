"""New plates out of real ones: characters change places within a crop, or are taken from another crop of its source.

The method of Gonçalves, Laroca and Menotti ("character permutation", see Laroca et al., "On the Cross-dataset
Generalization in License Plate Recognition", 2022), without their hand-drawn character boxes: the places come from the
time steps at which a CTC reader wrote each character.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Slot:
    """One character's place in its crop: which character of the text, and its box in pixels, right and bottom
    exclusive."""

    index: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Donor:
    """A character cut out of a real crop: its picture (H, W, 3) uint8."""

    character: str
    picture: Picture


def kind_of(character: str) -> str:
    """What a character may be replaced by: another of its kind, so that the plate keeps its format."""
    if character.isdigit():
        return "digit"
    return "letter" if character.isascii() else "hangul" if "가" <= character <= "힣" else "han"


def find_slots(crop: Picture, centres: Sequence[float]) -> list[Slot]:
    """The places of the characters of a one-line crop, from their centres in pixels from the left, in text order.

    Only characters in a regular row are given: a reader may have written some from another place. An empty list when
    fewer than three stand in one.
    """
    if len(centres) < 3:
        return []
    gaps = np.diff(centres)
    pitch = float(np.median(gaps))
    if pitch < 4:
        return []
    regular = (gaps > 0.6 * pitch) & (gaps < 2.2 * pitch)
    first, last = _longest_run(regular)
    if last - first < 2:
        return []
    grey = crop.mean(axis=2) if crop.ndim == 3 else crop.astype(np.float64)
    chosen = list(centres[first : last + 1])
    edges = [_valley(grey, (a + b) / 2, 0.25 * pitch) for a, b in pairwise(chosen)]
    edges = [
        _valley(grey, chosen[0] - 0.55 * pitch, 0.2 * pitch),
        *edges,
        _valley(grey, chosen[-1] + 0.55 * pitch, 0.2 * pitch),
    ]
    columns = []
    for i, (left, right) in enumerate(pairwise(edges)):
        # A wide gap, as after a group, belongs to neither neighbour.
        left = max(left, round(chosen[i] - 0.75 * pitch), 0)
        right = min(right, round(chosen[i] + 0.75 * pitch), grey.shape[1])
        if right - left >= 4:
            columns.append((first + i, left, right))
    return _in_one_row(grey, columns)


def _in_one_row(grey: NDArray[np.float64], columns: Sequence[tuple[int, int, int]]) -> list[Slot]:
    """Slots of one height along one straight line; none where the characters do not agree about it."""
    if len(columns) < 3:
        return []
    bands = np.array([_band(grey[:, left:right]) for _, left, right in columns], dtype=np.float64)
    heights, centres = bands[:, 1] - bands[:, 0], bands.mean(axis=1)
    height = float(np.median(heights))
    x = np.array([(left + right) / 2 for _, left, right in columns])
    # Theil and Sen's line: the median of all slopes, which one wrong band does not move.
    pairs = [(i, j) for i in range(len(x)) for j in range(i)]
    slope = float(np.median([(centres[i] - centres[j]) / (x[i] - x[j]) for i, j in pairs if x[i] != x[j]]))
    offset = float(np.median(centres - slope * x))
    away = np.abs(centres - slope * x - offset) + np.abs(heights - height) / 2
    agreeing = away < 0.15 * height
    if height < 8 or agreeing.mean() < 0.6 or abs(slope) > 0.2:
        return []
    slots = []
    for (index, left, right), middle in zip(columns, slope * x + offset, strict=True):
        top, bottom = max(0, round(middle - height / 2)), min(grey.shape[0], round(middle + height / 2))
        if bottom - top > 0.8 * height:
            slots.append(Slot(index, left, top, right, bottom))
    return slots


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    best, start = (0, 0), 0
    for i, flag in enumerate([*flags.tolist(), False]):
        if not flag:
            if i - start > best[1] - best[0]:
                best = (start, i)
            start = i + 1
    return best


def _valley(grey: NDArray[np.float64], x: float, reach: float) -> int:
    """The column near x with the least ink: the one that varies least from top to bottom."""
    low, high = max(0, round(x - reach)), min(grey.shape[1], round(x + reach) + 1)
    if high - low < 2:
        return int(np.clip(round(x), 0, grey.shape[1]))
    middle = grey[grey.shape[0] // 4 : -max(1, grey.shape[0] // 4), low:high]
    away = np.abs(np.arange(low, high) - x) / max(reach, 1.0)
    spread = middle.std(axis=0)
    return int(low + np.argmin(spread + 0.15 * spread.max() * away))


def _band(part: NDArray[np.float64]) -> tuple[int, int]:
    """Rows of the character in its column: where the brightness changes from left to right."""
    ink = np.abs(np.diff(cv2.GaussianBlur(part, (3, 3), 0), axis=1)).mean(axis=1)
    rows = len(ink)
    strong = ink > 0.35 * np.percentile(ink, 90)
    # Closed over small gaps, such as an E's between its arms.
    reach = max(1, rows // 12)
    closed = cv2.morphologyEx(strong.astype(np.uint8)[:, None], cv2.MORPH_CLOSE, np.ones((2 * reach + 1, 1), np.uint8))
    first, last = _longest_run(closed[:, 0].astype(bool))
    margin = max(1, round(0.06 * (last - first)))
    return max(0, first - margin), min(rows, last + margin)


class CharacterBank:
    """Characters cut from real crops, by source and kind, to write new plates with."""

    def __init__(self) -> None:
        self._donors: dict[tuple[str, str], list[Donor]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._donors.values()))

    def add(self, source: str, crop: Picture, text: str, slots: Sequence[Slot]) -> None:
        """Take the characters of a crop in."""
        for slot in slots:
            picture = crop[slot.top : slot.bottom, slot.left : slot.right]
            self._donors[source, kind_of(text[slot.index])].append(Donor(text[slot.index], picture))

    def permute(
        self, source: str, crop: Picture, text: str, slots: Sequence[Slot], rng: np.random.Generator
    ) -> tuple[Picture, str]:
        """A copy of the crop with some characters replaced, by others of it or of its source, and the new text."""
        canvas, characters = crop.copy(), list(text)
        own = [Donor(text[s.index], crop[s.top : s.bottom, s.left : s.right]) for s in slots]
        for slot in slots:
            if rng.random() < 0.3:
                continue
            kind = kind_of(text[slot.index])
            pool = [d for d in own if kind_of(d.character) == kind]
            foreign = self._donors.get((source, kind), [])
            if foreign and rng.random() < 0.6:
                pool = [foreign[int(rng.integers(len(foreign)))] for _ in range(6)]
            wide, high = slot.right - slot.left, slot.bottom - slot.top
            fits = [d for d in pool if 0.7 < (d.picture.shape[1] / d.picture.shape[0]) / (wide / high) < 1.4]
            if fits:
                donor = fits[int(rng.integers(len(fits)))]
                _paste(canvas, donor.picture, slot)
                characters[slot.index] = donor.character
        return canvas, "".join(characters)


def _paste(canvas: Picture, donor: Picture, slot: Slot) -> None:
    """Set a character into a slot, in the slot's own brightness and colour, with soft edges."""
    here = canvas[slot.top : slot.bottom, slot.left : slot.right]
    high, wide = here.shape[:2]
    how = cv2.INTER_AREA if donor.shape[0] > high else cv2.INTER_LINEAR
    sized = cv2.resize(donor, (wide, high), interpolation=how).astype(np.float32)
    target = here.astype(np.float32)
    gain = np.clip(target.std() / max(float(sized.std()), 4.0), 0.3, 2.5)
    sized = (sized - sized.mean(axis=(0, 1))) * gain + target.mean(axis=(0, 1))
    side, edge = max(1, round(0.1 * wide)), max(1, round(0.08 * high))
    x = np.minimum(np.arange(wide) + 1, np.arange(wide, 0, -1)) / (side + 1)
    y = np.minimum(np.arange(high) + 1, np.arange(high, 0, -1)) / (edge + 1)
    alpha = (np.clip(x, 0, 1)[None, :] * np.clip(y, 0, 1)[:, None])[..., None].astype(np.float32)
    here[:] = np.clip(target + alpha * (sized - target), 0, 255).astype(np.uint8)
