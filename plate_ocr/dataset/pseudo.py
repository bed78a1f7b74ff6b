"""Labels for plates that have none, from a reader that is sure of them.

Photos are easy to come by and texts are not: what a model reads for certain, in several views that agree, is a label
for the next one (D.-H. Lee, "Pseudo-Label", 2013). Under augmentation even an easy crop teaches.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import rectify
from plate_ocr.labels import Label, LabelledPhoto, read_labels, read_photos
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.recognizer import Recognizer

COLUMNS = ("image_path", "plate_text", "region", "split", "confidence")
TABLE = "labels.csv"


@dataclass(frozen=True, slots=True)
class Crop:
    """A grey crop (H, W), the name of its source, and its text where that is known."""

    source: str
    picture: NDArray[np.uint8]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many plates there were, how many could not be opened, and how many have a text now."""

    plates: int
    unreadable: int
    labelled: int


def crops_of_tables(tables: Iterable[Path], splits: Sequence[str]) -> Iterator[Crop | PhotoError]:
    """The crops of label tables: of photos with corners, or of crops without a text; with `splits`, of these alone.

    Raises LabelError for an unusable table.
    """
    for table in tables:
        photos = read_photos(table, splits or None)
        if any(plate.corners for photo in photos for plate in photo.plates):
            yield from crops_of_photos(photos)
        else:
            yield from crops_of_labels(read_labels(table, splits or None))


def crops_of_photos(photos: Iterable[LabelledPhoto]) -> Iterator[Crop | PhotoError]:
    """The plates of photos that have corners, cut out and straightened; or why a photo cannot be opened."""
    for photo in photos:
        try:
            picture = load(photo.path, grey=True)
        except PhotoError as error:
            yield error
            continue
        for plate in photo.plates:
            if plate.corners:
                yield Crop(photo.source, rectify(picture, plate.corners), plate.text)


def crops_of_labels(labels: Iterable[Label]) -> Iterator[Crop | PhotoError]:
    """The crops of a table that have no text; or why one cannot be opened."""
    for label in labels:
        if not label.text:
            try:
                yield Crop(label.source, load(label.path, grey=True))
            except PhotoError as error:
                yield error


def write_pseudo_labels(
    crops: Iterable[Crop | PhotoError], recognizer: Recognizer, folder: Path, *, least: float = 0.9, batch: int = 32
) -> Counts:
    """Read the crops and write those that are sure: pictures into `folder`/SOURCE, and a label table beside them, with
    the split train. A crop whose text is known keeps it; of the others those count that are read with a confidence of
    at least `least`, 0 to 1."""
    plates = unreadable = labelled = 0
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        waiting = iter(crops)
        while chunk := list(islice(waiting, batch)):
            opened = [crop for crop in chunk if isinstance(crop, Crop)]
            plates, unreadable = plates + len(opened), unreadable + len(chunk) - len(opened)
            for crop, (text, confidence, region) in zip(opened, _read(opened, recognizer), strict=True):
                if text and confidence >= least:
                    labelled += 1
                    name = f"{crop.source}/{labelled:06}.png"
                    (folder / crop.source).mkdir(exist_ok=True)
                    cv2.imwrite(str(folder / name), crop.picture)
                    table.writerow((name, text, region, "train", f"{confidence:.4f}"))
    return Counts(plates, unreadable, labelled)


def _read(crops: Sequence[Crop], recognizer: Recognizer) -> Iterator[tuple[str, float, str]]:
    readings = recognizer.read([crop.picture for crop in crops])
    for crop, reading in zip(crops, readings, strict=True):
        yield (crop.text, 1.0, "") if crop.text else (reading.text, reading.confidence, reading.region)
