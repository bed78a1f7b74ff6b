"""What a reading is. Every room speaks in these types; this module knows none of the rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]


class Status(StrEnum):
    """How the reading of one plate, or of one photo, ended."""

    OK = "ok"
    UNSURE = "unsure"
    """The plate was read, less surely than was asked for."""
    TOO_SMALL = "too-small"
    """A plate was found that is too small to be read."""
    NO_PLATE = "no-plate"
    """The photo was read and no plate was found in it."""
    UNREADABLE_PLATE = "unreadable-plate"
    """A plate was found and no character in it could be read."""
    UNREADABLE_PHOTO = "unreadable-photo"
    """The photo itself could not be opened; `Plate.message` says why."""


@dataclass(frozen=True, slots=True)
class Corners:
    """The four corners of a plate, in pixels of its photo, clockwise from the plate's own top left."""

    points: tuple[Point, Point, Point, Point]

    @classmethod
    def of(cls, points: NDArray[Any] | Iterable[Sequence[float]]) -> Corners:
        """Corners from any (4, 2) array or nested sequence. Raises ValueError for another shape."""
        array = np.asarray(points if isinstance(points, np.ndarray) else list(points), dtype=np.float64)
        if array.shape != (4, 2):
            raise ValueError(f"corners need shape (4, 2), not {array.shape}")
        a, b, c, d = ((float(x), float(y)) for x, y in array)
        return cls((a, b, c, d))

    @classmethod
    def of_box(cls, x: float, y: float, width: float, height: float) -> Corners:
        """Corners of an upright box given by its top left, width and height."""
        return cls(((x, y), (x + width, y), (x + width, y + height), (x, y + height)))

    @property
    def array(self) -> NDArray[np.float32]:
        """The corners as a float32 array of shape (4, 2)."""
        return np.array(self.points, dtype=np.float32)

    @property
    def width(self) -> float:
        """Mean length of the upper and lower edge, in pixels."""
        p = self.array
        return float((np.linalg.norm(p[1] - p[0]) + np.linalg.norm(p[2] - p[3])) / 2)

    @property
    def tilt(self) -> float:
        """How far the plate leans: the angle of its upper and lower edge, in degrees, positive if it falls to the right
        (-180 to 180)."""
        p = self.array
        x, y = (p[1] - p[0]) + (p[2] - p[3])
        return float(np.degrees(np.arctan2(y, x)))

    @property
    def height(self) -> float:
        """Mean length of the left and right edge, in pixels."""
        p = self.array
        return float((np.linalg.norm(p[3] - p[0]) + np.linalg.norm(p[2] - p[1])) / 2)


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a plate and the probability the reader gives it, 0 to 1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class RegionGuess:
    """A region that a plate can be of, and how likely it is, 0 to 1."""

    region: str
    probability: float


@dataclass(frozen=True, slots=True)
class Plate:
    """One row of the result: a plate in a photo, or what became of a photo that gave none.

    `confidence` is the probability that the whole text is right, as the reader sees it; `characters` holds one entry
    for each character of `text`. `regions` are those that it can be of, likeliest first, by the format of its text and,
    where that leaves a doubt, by its looks; `region` is the first of them where it is likely enough to be named, else
    ''. `number` counts the plates of one photo from 1 and is 0 in a row without a plate.
    """

    source: str
    text: str = ""
    confidence: float = 0.0
    status: Status = Status.OK
    number: int = 0
    region: str = ""
    corners: Corners | None = None
    characters: tuple[Character, ...] = field(default=())
    message: str = ""
    regions: tuple[RegionGuess, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is a text, as sure as was asked for."""
        return self.status is Status.OK

    def masked(self, least: float) -> str:
        """The text with `?` for each character less certain than `least`, 0 to 1."""
        return "".join(c.text if c.confidence >= least else "?" for c in self.characters)
