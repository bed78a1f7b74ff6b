"""Pictures that a batch writes beside its table: photos with outlines, plates cut out, photos with plates blurred."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.batch.annotate import annotate, save_jpeg
from plate_ocr.batch.journal import Journal
from plate_ocr.detection import rectify
from plate_ocr.photos import PhotoError, load, printable
from plate_ocr.plate import Plate, Status

MARGIN = 0.2
"""How far a plate is blurred beyond its corners, in shares of its size: corners are never exact."""

ROWS = 3
"""Rows of colour that remain of a blurred plate."""


class PicturesError(ValueError):
    """Pictures would be written where photos are read."""


@dataclass(frozen=True)
class Pictures:
    """Folders for pictures of what was read; None for those that are not wanted."""

    annotated: Path | None = None
    crops: Path | None = None
    blurred: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that are wanted."""
        return tuple(filter(None, (self.annotated, self.crops, self.blurred)))

    def prepare(self, entries: Sequence[str]) -> None:
        """Make the folders. Raises PicturesError if one of them lies in a folder of `entries`, whose pictures are read,
        and OSError if one cannot be made."""
        for folder in self.folders:
            for entry in filter(os.path.isdir, entries):
                if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(entry)):
                    raise _mixed(folder, entry)
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)

    def check(self, source: str) -> None:
        """Raise PicturesError if a photo lies in one of the folders, where a picture could take its place."""
        place = os.path.dirname(source)
        for folder in self.folders:
            if os.path.realpath(place) == os.path.realpath(folder):
                raise _mixed(folder, place)

    def write(self, source: str, name: str, plates: Sequence[Plate]) -> Iterator[str]:
        """Write the pictures of one photo under `name`; gives a complaint for each that cannot be."""
        if not self.folders or plates[0].status is Status.UNREADABLE_PHOTO:
            return
        try:
            photo = load(source)
        except PhotoError as error:  # gone since it was read; its rows stand
            yield f"no pictures: {error}"
            return
        if self.annotated:
            yield from _saved("not annotated", annotate(photo, plates), self.annotated / f"{name}.jpg")
        if self.blurred:
            yield from _saved("not blurred", blur(photo, plates), self.blurred / f"{name}.jpg")
        for plate in plates if self.crops else ():
            assert self.crops is not None
            if plate.corners is not None:
                try:
                    crop = rectify(photo, plate.corners)
                except ValueError as error:
                    yield f"no crop: {printable(source)}: {error}"
                    continue
                yield from _saved("no crop", crop, self.crops / f"{name}.plate{plate.number}.jpg")


def _mixed(folder: Path, place: str) -> PicturesError:
    read = printable(place) or "."
    return PicturesError(
        f"{folder}: photos are read from this folder, or from {read} around it; write into another one"
    )


def _saved(complaint: str, picture: NDArray[np.uint8], path: Path) -> Iterator[str]:
    try:
        save_jpeg(picture, path)
    except OSError as error:
        yield f"{complaint}: {error}"


def blur(photo: NDArray[np.uint8], plates: Sequence[Plate]) -> NDArray[np.uint8]:
    """A copy of a BGR photo (H, W, 3) in which, of each plate, only ROWS rows of colour remain."""
    picture = photo.copy()
    height, width = photo.shape[:2]
    for plate in plates:
        if plate.corners is None:
            continue
        corners = plate.corners.array
        middle = corners.mean(axis=0)
        wide = middle + (corners - middle) * (1 + 2 * MARGIN)
        left, top = np.clip(np.floor(wide.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(wide.max(axis=0)) + 1, 1, (width, height)).astype(int)
        if right <= left or bottom <= top:
            continue
        part = picture[top:bottom, left:right]
        # No sharpening brings back what is not there: so few values remain of it.
        columns = max(1, round(ROWS * part.shape[1] / part.shape[0]))
        few = cv2.resize(part, (columns, ROWS), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(few, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(wide - (left, top)).astype(np.int32)), 255)
        part[mask > 0] = coarse[mask > 0]
    return picture


class Names:
    """File names for the pictures of photos, remembered by the journal: no two alike, even if case does not count."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._given: Counter[str] = Counter()

    def give(self, source: str) -> tuple[str, tuple[str, ...]]:
        """A name without suffix for a photo, and what the journal has to note with it (see `noted`)."""
        stem = Path(printable(source)).stem
        number = self._used(stem)
        name = stem
        while self._used(name):
            number += 1
            name = f"{stem}-{number}"
        notes = (stem.casefold(),) if name == stem else (stem.casefold(), name.casefold())
        self._given.update(notes)
        return name, notes

    def noted(self, notes: Sequence[str]) -> None:
        """The journal has noted these."""
        self._given.subtract(notes)
        for note in notes:
            if not self._given[note]:
                del self._given[note]

    def _used(self, name: str) -> int:
        return self._journal.used(name.casefold()) + self._given[name.casefold()]
