"""The whole pipeline on one screen: photo to corners to crop to text."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import Detection, Detector, make_detector, rectify
from plate_ocr.photos import PhotoError, load
from plate_ocr.plate import Corners, Plate, Status
from plate_ocr.recognition.decoder import DecoderSettings
from plate_ocr.recognition.recognizer import Reading, Recognizer

Photo = str | os.PathLike[str] | bytes | NDArray[np.uint8]
"""A path, the bytes of an encoded picture, or its pixels: BGR or grey uint8."""

MIN_CHARACTERS, MIN_CONFIDENCE = 2, 0.1
"""What a detector took for a plate, and in which fewer characters can be read or less surely, is a grille or a window,
unless the detector is CERTAIN."""

CERTAIN = 0.65

MIN_HEIGHT = 7.0
"""Plates of fewer pixels in height are told of if the detector is CERTAIN_SMALL, but not read: what would be read is
made up."""

CERTAIN_SMALL = 0.7
"""These and CERTAIN were chosen on the photos that the detector was trained on: most plates for few finds elsewhere."""

ON_ITS_SIDE = 1.3
"""A plate so many times as high as it is wide lies on its side, as the whole photo does. It is read both ways up."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A plate in a photo: the detector's score, 0 to 1, its corners, and the ways in which it can stand upright, each
    with its crop; none if it is too small to be read."""

    score: float
    corners: Corners
    ways: tuple[tuple[Corners, NDArray[np.uint8]], ...]


_Found = list[_Seen] | PhotoError


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
        detector: str | Path | Detector = "detector",
        crops: bool = False,
        threads: int = 0,
        decoding: DecoderSettings | None = None,
        looks: bool = True,
        min_confidence: float = 0.0,
    ) -> None:
        """`model` is a shipped name or a training run's folder; `detector` likewise, or "contours", which needs no
        weights, or anything with a `detect` method that may be called from several threads.

        With `crops`, each picture already is a plate and nothing is searched. `decoding` says what known plate formats
        count for; with `looks`, a doubtful plate is looked at again in other views. A plate read with less than
        `min_confidence`, 0 to 1, has the status `unsure`. `threads` work at once; 0 stands for as many as cores. Raises
        ModelError if a model is missing or damaged, RegionError for an unknown region.
        """
        self._threads = threads or os.cpu_count() or 1
        self._detector: Detector | None = None
        if not crops:
            # Each photo has a thread of its own: two photos at once go faster than two threads on one.
            self._detector = make_detector(detector, threads=1) if isinstance(detector, str | Path) else detector
        self._recognizer = Recognizer(model, threads=threads, decoding=decoding, looks=looks, straighten=crops)
        self._min_confidence = min_confidence
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def read(self, photo: Photo) -> list[Plate]:
        """The plates of one photo, best first: always at least one `Plate`, whose status tells what became of it."""
        return list(self._read_chunk([(_name(photo, 0), self._find(photo))]))

    def read_many(self, photos: Iterable[Photo], *, batch: int = 16) -> Iterator[Plate]:
        """The plates of many photos, in order, as they are read: photos are opened and searched ahead in threads, and
        the plates of `batch` photos go through the network together.

        No photo is left out: one that holds no plate or cannot be opened gives one `Plate` with that status.
        """
        pool, numbered = self._finders(), enumerate(photos)
        ahead: deque[tuple[str, Future[_Found]]] = deque()
        try:
            while True:
                for number, photo in islice(numbered, 2 * batch - len(ahead)):
                    ahead.append((_name(photo, number), pool.submit(self._find, photo)))
                if not ahead:
                    return
                chunk = [ahead.popleft() for _ in range(min(batch, len(ahead)))]
                yield from self._read_chunk([(name, found.result()) for name, found in chunk])
        finally:
            for _, found in ahead:
                found.cancel()

    def _finders(self) -> ThreadPoolExecutor:
        """The threads that search: the same for every call, since those that come and go leave the memory in pieces. A
        fork takes none of them along, and waiting for them would never end: a child starts its own."""
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(self._threads), os.getpid()
        return self._pool

    def _find(self, photo: Photo) -> _Found:
        """Where the plates of a photo are, and what they look like; or why that cannot be said."""
        try:
            picture = load(photo, grey=True)
        except PhotoError as error:
            return error
        if self._detector is None:
            height, width = picture.shape
            whole = Corners.of_box(0, 0, width, height)
            return [_Seen(1.0, whole, ((whole, picture),))]
        return [_seen(picture, detection) for detection in self._detector.detect(picture)]

    def _read_chunk(self, photos: Sequence[tuple[str, _Found]]) -> Iterator[Plate]:
        crops = [crop for _, found in photos if isinstance(found, list) for seen in found for _, crop in seen.ways]
        readings = iter(self._recognizer.read(crops))
        for source, found in photos:
            if isinstance(found, PhotoError):
                yield Plate(source, status=Status.UNREADABLE_PHOTO, message=str(found))
                continue
            plates = []
            for seen in found:
                if not seen.ways:
                    if seen.score >= CERTAIN_SMALL:
                        plates.append(Plate(source, status=Status.TOO_SMALL, corners=seen.corners))
                    continue
                ways = [(corners, next(readings)) for corners, _ in seen.ways]
                corners, reading = max(ways, key=lambda way: way[1].confidence)
                told = len(reading.characters) >= MIN_CHARACTERS and reading.confidence >= MIN_CONFIDENCE
                if told or seen.score >= CERTAIN or self._detector is None:
                    plates.append(_plate(source, corners, reading, self._min_confidence))
            for number, plate in enumerate(plates, start=1):
                yield replace(plate, number=number)
            if not plates:
                yield Plate(source, status=Status.NO_PLATE)


def _seen(picture: NDArray[np.uint8], detection: Detection) -> _Seen:
    corners = detection.corners
    if min(corners.height, corners.width) < MIN_HEIGHT:
        return _Seen(detection.score, corners, ())
    turns = (1, 3) if corners.height > ON_ITS_SIDE * corners.width else (0,)
    ways = [Corners.of(np.roll(corners.array, -turn, axis=0)) for turn in turns]
    return _Seen(detection.score, corners, tuple((way, rectify(picture, way)) for way in ways))


def _name(photo: Photo, number: int) -> str:
    if isinstance(photo, (str, os.PathLike)):
        return os.fspath(photo)
    return f"<{'bytes' if isinstance(photo, bytes) else 'array'} {number}>"


def _plate(source: str, corners: Corners, reading: Reading, min_confidence: float) -> Plate:
    sure = Status.OK if reading.confidence >= min_confidence else Status.UNSURE
    return Plate(
        source=source,
        text=reading.text,
        confidence=reading.confidence if reading.text else 0.0,
        status=sure if reading.text else Status.UNREADABLE_PLATE,
        region=reading.region,
        corners=corners,
        characters=reading.characters,
        regions=reading.regions,
        message=f"known plate; read as {reading.read_as}" if reading.read_as else "",
    )
