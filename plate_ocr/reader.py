"""The whole pipeline on one screen: photo to corners to crop to text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import ContourDetector, Detector, rectify
from plate_ocr.photos import PhotoError, load
from plate_ocr.plate import Corners, Plate, Status
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Reading, Recognizer

Photo = str | os.PathLike[str] | bytes | NDArray[np.uint8]
"""A path, the bytes of an encoded picture, or its pixels: BGR or grey uint8."""

MIN_CHARACTERS = 2
"""What a detector took for a plate and in which fewer characters can be read is a grille or a window."""


class PlateReader:
    """Finds and reads the plates of photos.

    reader = PlateReader()
    for plate in reader.read("car.jpg"):
        print(plate.text, plate.confidence, plate.corners)
    """

    def __init__(
        self,
        model: str | Path = "reader",
        *,
        detector: Detector | None = None,
        crops: bool = False,
        threads: int = 0,
        decoding: DecoderSettings | None = None,
        looks: bool = True,
        min_confidence: float = 0.0,
    ) -> None:
        """`model` is a shipped name or a training run's folder; `detector` anything with a `detect` method.

        With `crops`, each picture already is a plate and nothing is searched. `decoding` says what known plate formats
        count for; with `looks`, a doubtful plate is looked at again in other views. A plate read with less than
        `min_confidence`, 0 to 1, has the status `unsure`. Raises ModelError if the model is missing or damaged,
        RegionError for an unknown region.
        """
        self._recognizer = Recognizer(model, threads=threads, decoding=decoding, looks=looks)
        self._detector = detector or ContourDetector()
        self._crops = crops
        self._min_confidence = min_confidence

    def read(self, photo: Photo) -> list[Plate]:
        """The plates of one photo, best first: always at least one `Plate`, whose status tells what became of it."""
        return list(self.read_many([photo]))

    def read_many(self, photos: Iterable[Photo], *, batch: int = 16) -> Iterator[Plate]:
        """The plates of many photos, in order, as they are read; `batch` photos go through the network together.

        No photo is left out: one that holds no plate or cannot be opened gives one `Plate` with that status.
        """
        remaining = iter(photos)
        numbered = 0
        while chunk := list(islice(remaining, batch)):
            yield from self._read_chunk([(_name(photo, numbered + i), photo) for i, photo in enumerate(chunk)])
            numbered += len(chunk)

    def _read_chunk(self, photos: list[tuple[str, Photo]]) -> Iterator[Plate]:
        found: list[list[tuple[Corners, NDArray[np.uint8]]] | PhotoError] = []
        for _, photo in photos:
            try:
                found.append(self._find(load(photo)))
            except PhotoError as error:
                found.append(error)
        crops = [crop for places in found if isinstance(places, list) for _, crop in places]
        readings = iter(self._recognizer.read(crops))
        for (source, _), places in zip(photos, found, strict=True):
            if isinstance(places, PhotoError):
                yield Plate(source, status=Status.UNREADABLE_PHOTO, message=str(places))
                continue
            read = [(corners, next(readings)) for corners, _ in places]
            if not self._crops:
                read = [(corners, reading) for corners, reading in read if len(reading.characters) >= MIN_CHARACTERS]
            for number, (corners, reading) in enumerate(read, start=1):
                yield _plate(source, number, corners, reading, self._min_confidence)
            if not read:
                yield Plate(source, status=Status.NO_PLATE)

    def _find(self, picture: NDArray[np.uint8]) -> list[tuple[Corners, NDArray[np.uint8]]]:
        if self._crops:
            height, width = picture.shape[:2]
            return [(Corners.of_box(0, 0, width, height), picture)]
        return [(found.corners, rectify(picture, found.corners)) for found in self._detector.detect(picture)]


def _name(photo: Photo, number: int) -> str:
    if isinstance(photo, (str, os.PathLike)):
        return os.fspath(photo)
    return f"<{'bytes' if isinstance(photo, bytes) else 'array'} {number}>"


def _plate(source: str, number: int, corners: Corners, reading: Reading, min_confidence: float) -> Plate:
    sure = Status.OK if reading.confidence >= min_confidence else Status.UNSURE
    return Plate(
        source=source,
        text=reading.text,
        confidence=reading.confidence if reading.text else 0.0,
        status=sure if reading.text else Status.UNREADABLE_PLATE,
        number=number,
        region=reading.region,
        corners=corners,
        characters=reading.characters,
        message=f"known plate; read as {reading.read_as}" if reading.read_as else "",
    )
