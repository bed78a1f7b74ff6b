"""How photos are best opened: in colour or grey, whole or at half size; and what runs the detector's network.

    python benchmarks/opening.py ../shared/plates/scenes/labels.csv --split dev,far --limit 40

Every way reads the same photos from disk. Milliseconds are medians over the photos, on one core.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr.detection.network import NetworkDetector
from plate_ocr.labels import LabelledPhoto, read_photos
from plate_ocr.photos import load
from plate_ocr.reader import PlateReader

Picture = NDArray[np.uint8]


def reduced(flags: int) -> Callable[[Path], Picture]:
    """Opens a photo at half its size, which spares a JPEG three quarters of its inverse transform."""
    return lambda path: np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), flags), np.uint8)


WAYS: dict[str, Callable[[Path], Picture]] = {
    "colour": load,
    "grey (what `recognize` does)": lambda path: load(path, grey=True),
    "colour, half size": reduced(cv2.IMREAD_REDUCED_COLOR_2),
    "grey, half size": reduced(cv2.IMREAD_REDUCED_GRAYSCALE_2),
}


def some(photos: list[LabelledPhoto], limit: int) -> list[LabelledPhoto]:
    """Photos with a text, at most `limit` of each source, evenly picked."""
    sources = defaultdict(list)
    for photo in photos:
        if any(plate.text for plate in photo.plates):
            sources[photo.source].append(photo)
    picked = [np.linspace(0, len(group) - 1, min(limit, len(group))).astype(int) for group in sources.values()]
    return [group[i] for group, places in zip(sources.values(), picked, strict=True) for i in places]


@click.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True))
@click.option("--split", default="dev,far", show_default=True)
@click.option("--limit", default=40, show_default=True, help="At most so many photos of each source.")
def main(table: Path, split: str, limit: int) -> None:
    """Print both tables."""
    photos = some(read_photos(table, split.split(",")), limit)
    cv2.setNumThreads(1)
    reader = PlateReader(threads=1)
    console = Console(width=120)
    ways = Table("opened in", "ms to open", "ms to read", "plates read right, %", title=f"{len(photos)} photos")
    opening, reading, right = (defaultdict[str, list[float]](list) for _ in range(3))
    for photo in track(photos, "reading", console=Console(stderr=True)):
        # One way after the other on each photo: what else the machine does then falls on all of them.
        for name, open_photo in WAYS.items():
            clock = [time.perf_counter()]
            picture = open_photo(photo.path)
            clock.append(time.perf_counter())
            texts = {plate.text for plate in reader.read(picture)}
            clock.append(time.perf_counter())
            opening[name].append(clock[1] - clock[0])
            reading[name].append(clock[2] - clock[1])
            right[name] += [plate.text in texts for plate in photo.plates if plate.text]
    for name in WAYS:
        times = [f"{1000 * float(np.median(spent[name])):.1f}" for spent in (opening, reading)]
        ways.add_row(name, *times, f"{100 * float(np.mean(right[name])):.1f}")
    console.print(ways)
    engines = Table("detector's network run by", "ms a photo", "finds")
    pictures = [load(photo.path, grey=True) for photo in photos[::4]]
    for engine in ("onnxruntime", "opencv"):
        detector = NetworkDetector(threads=1, engine=engine)
        detector.detect(pictures[0])
        spent, finds = [], 0
        for picture in pictures:
            start = time.perf_counter()
            finds += len(detector.detect(picture))
            spent.append(time.perf_counter() - start)
        engines.add_row(engine, f"{1000 * float(np.median(spent)):.1f}", str(finds))
    console.print(engines)


if __name__ == "__main__":
    main()
