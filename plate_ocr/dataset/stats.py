"""What a label table holds, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from plate_ocr.dataset.pictures import Picture
from plate_ocr.labels import Label
from plate_ocr.recognition.formats import Formats

RARE = 10
"""A character that occurs less often than this can hardly be learned from these crops alone."""


@dataclass(frozen=True, slots=True)
class Size:
    """Height and width of a picture in pixels."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The smallest, the middle and the largest of some values; the tenth and the ninetieth percent between them."""

    least: float
    low: float
    middle: float
    high: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one value."""
        least, low, middle, high, most = map(float, np.percentile(list(values), [0, 10, 50, 90, 100]))
        return cls(least, low, middle, high, most)


@dataclass(frozen=True)
class Statistics:
    """Counts over the rows of a table.

    `places` counts rows by region and split. `fits` counts, for each region whose formats are known, the texts that fit
    one of them, and `fits_alone` those that fit no other region's; `unfit` lists the texts that fit none. `sizes` holds
    the pictures that could be opened.
    """

    rows: int
    plates: int
    unlabelled: int
    unreadable: int
    characters: Counter[str]
    lengths: Counter[int]
    places: Counter[tuple[str, str]]
    fits: Counter[str]
    fits_alone: Counter[str]
    unfit: tuple[str, ...]
    sizes: tuple[Size, ...]

    @property
    def rare(self) -> list[str]:
        """The characters that occur less than RARE times, the rarest first."""
        return sorted((c for c, n in self.characters.items() if n < RARE), key=lambda c: (self.characters[c], c))


def count(labels: Sequence[Label], pictures: Sequence[Picture], formats: Formats) -> Statistics:
    """The statistics of rows and their pictures."""
    texts = [label.text for label in labels if label.text]
    matches = [formats.regions(text) for text in texts]
    return Statistics(
        rows=len(labels),
        plates=len(set(texts)),
        unlabelled=len(labels) - len(texts),
        unreadable=sum(bool(picture.message) for picture in pictures),
        characters=Counter(c for text in texts for c in text),
        lengths=Counter(map(len, texts)),
        places=Counter((label.region, label.split) for label in labels),
        fits=Counter(region for match in matches for region in match),
        fits_alone=Counter(region for match in matches for region in match if len(match) == 1),
        unfit=tuple(dict.fromkeys(text for text, match in zip(texts, matches, strict=True) if not match)),
        sizes=tuple(Size(picture.height, picture.width) for picture in pictures if not picture.message),
    )
