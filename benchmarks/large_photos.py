"""Small plates in the large photos of phones: how many are found and read, and what that costs.

    python benchmarks/large_photos.py ../shared/plates/scenes

Photos of one source are made smaller until their plate has a given length, and each is set into a photo without a plate
that is enlarged to 4032 x 3024.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr import Corners, PlateReader
from plate_ocr.evaluation.scenes import compare
from plate_ocr.labels import LabelledPhoto, read_photos
from plate_ocr.photos import load

SIZE = (4032, 3024)


def small_in_large(
    photo: LabelledPhoto, ground: NDArray[np.uint8], length: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], LabelledPhoto] | None:
    """The photo with its one plate `length` pixels long somewhere in the other, and its label there; None where the
    photo would have to be enlarged or is too large."""
    plate = photo.plates[0]
    assert plate.corners
    scale = length / plate.corners.width
    picture = load(photo.path, grey=True)
    if scale > 1 or any(scale * side > room for side, room in zip(picture.shape[::-1], SIZE, strict=True)):
        return None
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = cv2.resize(ground, SIZE, interpolation=cv2.INTER_CUBIC)
    (height, width), at = small.shape, rng.integers(0, np.subtract(SIZE, small.shape[::-1]) + 1)
    large[at[1] : at[1] + height, at[0] : at[0] + width] = small
    moved = dataclasses.replace(plate, corners=Corners.of(plate.corners.array * scale + at))
    return np.asarray(large, dtype=np.uint8), dataclasses.replace(photo, plates=(moved,))


@click.command()
@click.argument("scenes", type=click.Path(path_type=Path, exists=True))
@click.option("--source", default="pl-kaggle", show_default=True, help="The folder of the photos made small.")
@click.option("--photos", default=40, show_default=True, help="Of these, at most.")
@click.option("--seed", default=1, show_default=True)
def main(scenes: Path, source: str, photos: int, seed: int) -> None:
    """Print the plates found (IoU 0.5) and read, by their length in pixels."""
    rows = [row for row in read_photos(scenes / "labels.csv") if row.source == source and len(row.plates) == 1]
    rows = [row for row in rows if row.plates[0].corners][:photos]
    grounds = [load(row.path, grey=True) for row in read_photos(scenes / "plate_free.csv", ["train"])[:25]]
    reader = PlateReader()
    table = Table(title=f"plates of {source} in photos of {SIZE[0]} x {SIZE[1]}", title_justify="left")
    for name in ("pixels long", "photos", "found", "read right", "ms a photo"):
        table.add_column(name, justify="right")
    for length in (60, 80, 110):
        rng = np.random.default_rng(seed)
        tried = found = right = 0
        seconds = 0.0
        for i, row in enumerate(track(rows, f"{length} pixels")):
            made = small_in_large(row, grounds[i % len(grounds)], length, rng)
            if made is None:
                continue
            start = time.perf_counter()
            plates = reader.read(made[0])
            seconds += time.perf_counter() - start
            (outcome,) = compare(made[1], plates).plates
            tried += 1
            found += outcome.iou >= 0.5
            right += not outcome.fault
        cells = (tried, found, right, round(1000 * seconds / max(1, tried)))
        table.add_row(str(length), *(f"{cell:,}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
