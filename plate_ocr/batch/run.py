"""A batch: photos in, rows out, one after the other."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from plate_ocr.batch.annotate import annotate, annotated_name, save_jpeg
from plate_ocr.photos import PhotoError, load, printable
from plate_ocr.plate import Plate, Status

if TYPE_CHECKING:
    from plate_ocr.reader import PlateReader


SHOWN = 10
"""Complaints that a summary keeps."""


class BatchError(ValueError):
    """A batch cannot be run as it was asked for; the message says what would do."""


class Rows(Protocol):
    """What takes the rows."""

    def write(self, plate: Plate) -> None: ...
    def flush(self) -> None: ...


@dataclass(frozen=True)
class Summary:
    """What became of a batch: photos by what was found, plates, mean confidence, time, and the first complaints.

    `plates` were read as surely as was asked for, `unsure` ones less; `mean_confidence` is 0 to 1, of the former;
    `seconds` is wall-clock time; `more_complaints` counts those that `complaints` leaves out.
    """

    photos: int
    with_plate: int
    without_plate: int
    unreadable: int
    plates: int
    unsure: int
    too_small: int
    unreadable_plates: int
    mean_confidence: float
    seconds: float
    complaints: tuple[str, ...]
    more_complaints: int = 0


def recognize(
    reader: PlateReader,
    sources: Iterable[str],
    rows: Rows,
    *,
    mask: float = 0.0,
    annotate_to: Path | None = None,
    batch: int = 16,
    on_photo: Callable[[], object] = lambda: None,
) -> Summary:
    """Read photos into `rows`, in order; draw each photo into `annotate_to` if given.

    Characters less certain than `mask` are written as `?`. Every source gives at least one row; a picture that cannot
    be drawn or written is a complaint and loses none. Raises OSError if a row cannot be written, and BatchError if
    `annotate_to` is a folder that photos are read from.
    """
    started = time.monotonic()
    counts: Counter[str] = Counter()
    confidence = 0.0
    complaints: list[str] = []
    used: set[str] = set()
    if annotate_to is not None:
        sources = list(sources)
        _keep_originals(sources, annotate_to)
        annotate_to.mkdir(parents=True, exist_ok=True)
    for source, plates in _by_photo(reader.read_many(sources, batch=batch)):
        counts["photos"] += 1
        if mask:
            plates = [replace(plate, text=plate.masked(mask)) for plate in plates]
        for plate in plates:
            rows.write(plate)
            if plate.ok:
                confidence += plate.confidence
            counts[plate.status.value] += 1
            if plate.message and not plate.text:
                complaints.append(plate.message)
        rows.flush()
        if any(plate.number for plate in plates):
            counts["with_plate"] += 1
        if annotate_to is not None and plates[0].status is not Status.UNREADABLE_PHOTO:
            try:
                picture = annotate(load(source), plates)
                save_jpeg(picture, annotate_to / annotated_name(printable(source), used))
            except (OSError, PhotoError) as error:
                # The disk may be full, or the photo gone since it was read; its rows stand.
                complaints.append(f"not annotated: {error}")
        if len(complaints) > SHOWN:
            counts["more"] += len(complaints) - SHOWN
            del complaints[SHOWN:]
        on_photo()
    read = counts[Status.OK.value]
    return Summary(
        photos=counts["photos"],
        with_plate=counts["with_plate"],
        without_plate=counts[Status.NO_PLATE.value],
        unreadable=counts[Status.UNREADABLE_PHOTO.value],
        plates=read,
        unsure=counts[Status.UNSURE.value],
        too_small=counts[Status.TOO_SMALL.value],
        unreadable_plates=counts[Status.UNREADABLE_PLATE.value],
        mean_confidence=confidence / read if read else 0.0,
        seconds=time.monotonic() - started,
        complaints=tuple(complaints),
        more_complaints=counts["more"],
    )


def _keep_originals(sources: Iterable[str], folder: Path) -> None:
    """Raise BatchError if a source lies in `folder`, where an annotated picture could take its place."""
    target = os.path.realpath(folder)
    for place in {os.path.dirname(source) for source in sources}:
        if os.path.realpath(place) == target:
            raise BatchError(f"{folder}: photos are read from this folder; annotate into another one")


def _by_photo(plates: Iterable[Plate]) -> Iterator[tuple[str, list[Plate]]]:
    """Rows of one photo together. A photo's first row has the number 0 or 1, so one listed twice stays two."""
    group = 0

    def key(plate: Plate) -> tuple[int, str]:
        nonlocal group
        group += plate.number <= 1
        return group, os.fspath(plate.source)

    for (_, source), rows in groupby(plates, key=key):
        yield source, list(rows)
