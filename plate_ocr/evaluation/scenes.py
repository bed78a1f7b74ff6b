"""Read whole photos and say of each plate what became of it: is it found, how exactly, and is it read?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from plate_ocr.detection.quads import as_labelled, overlap
from plate_ocr.labels import LabelledPhoto, LabelledPlate
from plate_ocr.plate import Plate, Status

NEAR = 0.5
"""A plate counts as found from this intersection over union on."""

TOUCHING = 0.3
"""What lies less than this on a labelled plate was not meant for it."""


@dataclass(frozen=True, slots=True)
class PlateOutcome:
    """What became of one labelled plate.

    `iou` is that of the best of the photo's finds, or of the box about it where the label is an upright box (nan where
    the label has no corners), `distance` the mean distance of its corners in shares of the plate's width (nan if it was
    not found), `text` what was read there.
    """

    label: LabelledPlate
    photo: LabelledPhoto
    iou: float
    distance: float
    text: str

    @property
    def fault(self) -> str:
        """'' for a plate read right, otherwise who erred: 'detector' or 'reader'."""
        if self.text == self.label.text:
            return ""
        found = bool(self.text) if math.isnan(self.iou) else self.iou >= NEAR
        return "reader" if found else "detector"


@dataclass(frozen=True, slots=True)
class PhotoOutcome:
    """What became of one labelled photo: of its plates, and of each find the best IoU with one of them (nan where a
    label has no corners). `message` says why it could not be opened; its plates then count as missed."""

    photo: LabelledPhoto
    plates: tuple[PlateOutcome, ...]
    finds: tuple[float, ...]
    message: str = ""


def read_scenes(
    read_many: Callable[[Iterable[Path]], Iterator[Plate]], photos: Sequence[LabelledPhoto]
) -> Iterator[PhotoOutcome]:
    """What became of each photo, in the order in which their files first occur.

    A file that stands in several splits or tables is read once and compared with the labels of each of them.
    `read_many` is a `PlateReader`'s.
    """
    labelled: dict[str, list[LabelledPhoto]] = {}
    for photo in photos:
        labelled.setdefault(str(photo.path), []).append(photo)
    for source, group in groupby(read_many([Path(name) for name in labelled]), key=lambda plate: plate.source):
        plates = list(group)
        for photo in labelled[source]:
            yield compare(photo, plates)


def compare(photo: LabelledPhoto, plates: Sequence[Plate]) -> PhotoOutcome:
    """A photo's labels beside the rows that reading it gave."""
    finds = [plate for plate in plates if plate.corners]
    outcomes = []
    ious = [0.0] * len(finds)
    for label in photo.plates:
        if label.corners is None:
            # Anywhere in the photo.
            texts = [find.text for find in finds]
            text = label.text if label.text in texts else max(texts, key=len, default="")
            ious = [math.nan] * len(finds)
            outcomes.append(PlateOutcome(label, photo, math.nan, math.nan, text))
            continue
        truth = label.corners.array
        quads = [as_labelled(find.corners.array, truth) for find in finds if find.corners]
        shared = [overlap(quad, truth)[0] for quad in quads]
        best = int(np.argmax(shared)) if shared else -1
        iou = shared[best] if shared else 0.0
        distance, text = math.nan, ""
        ious = [max(a, b) for a, b in zip(ious, shared, strict=True)]
        if shared and iou >= TOUCHING:
            text = finds[best].text
        if shared and iou >= NEAR:
            distance = float(np.linalg.norm(quads[best] - truth, axis=1).mean() / max(1e-6, label.corners.width))
        outcomes.append(PlateOutcome(label, photo, iou, distance, text))
    unread = next((plate.message for plate in plates if plate.status is Status.UNREADABLE_PHOTO), "")
    return PhotoOutcome(photo, tuple(outcomes), tuple(ious), unread)
