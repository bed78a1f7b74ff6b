"""Photos from disk to plates: how many a second, where the time goes, and RapidOCR beside it in the same run.

    pip install rapidocr-onnxruntime --no-deps; pip install pyclipper shapely tqdm six
    python benchmarks/end_to_end.py PHOTOS --limit 100

(--no-deps keeps the other OpenCV wheel out; two of them over one cv2/ break each other.)
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.detection import make_detector, rectify
from plate_ocr.photos import find, load
from plate_ocr.reader import PlateReader
from plate_ocr.recognition.recognizer import Recognizer


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option("--limit", default=100, show_default=True, help="At most so many photos, evenly picked.")
@click.option("--detector", default="detector", show_default=True)
@click.option("--one-look", is_flag=True, help="Never look at a doubtful plate again.")
@click.option("--rounds", default=3, show_default=True, help="Rounds; medians count.")
@click.option("--rapidocr/--no-rapidocr", default=True, help="Time RapidOCR, too: one photo in ten.")
def main(photos: tuple[str, ...], limit: int, detector: str, one_look: bool, rounds: int, rapidocr: bool) -> None:
    """Print photos a second, the share of each stage on one core, and the ratio to RapidOCR."""
    paths = list(find(photos))
    paths = [paths[int(i)] for i in np.linspace(0, len(paths) - 1, min(limit, len(paths)))]
    reader = PlateReader(detector=detector, looks=not one_look)
    engine = None
    if rapidocr:
        try:
            from rapidocr_onnxruntime import RapidOCR

            engine = RapidOCR()
        except ImportError:
            Console(stderr=True).print("rapidocr-onnxruntime is not installed; timing plate_ocr alone")
    list(reader.read_many(paths[:8]))
    some = paths[::10]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: list(reader.read_many(paths))) / len(paths))
        if engine:
            # Its loader takes paths, too; both read from disk.
            theirs.append(seconds(lambda: [engine(path) for path in some]) / len(some))
    console = Console()
    sizes = np.array([load(path, grey=True).shape for path in paths])
    console.print(f"{len(paths)} photos, median {int(np.median(sizes[:, 1]))} x {int(np.median(sizes[:, 0]))}")
    mine = float(np.median(ours))
    console.print(f"plate_ocr, all cores: {1 / mine:.1f} photos a second, {1000 * mine:.1f} ms each")
    if theirs:
        ratio = float(np.median(np.array(theirs) / np.array(ours)))
        console.print(
            f"RapidOCR, all cores: {1000 * np.median(theirs):.0f} ms each; plate_ocr is {ratio:.1f} x as fast"
        )
    _stages(console, paths, detector, one_look)


def _stages(console: Console, paths: list[str], detector: str, one_look: bool) -> None:
    cv2.setNumThreads(1)
    finds = make_detector(detector, threads=1)
    recognizer = Recognizer(threads=1, looks=not one_look)
    spent = dict.fromkeys(("open", "detect", "rectify", "read"), 0.0)
    plates = 0
    for path in paths:
        clock = [time.perf_counter()]
        picture = load(path, grey=True)
        clock.append(time.perf_counter())
        found = finds.detect(picture)
        clock.append(time.perf_counter())
        crops = [rectify(picture, detection.corners) for detection in found]
        clock.append(time.perf_counter())
        recognizer.read(crops)
        clock.append(time.perf_counter())
        plates += len(crops)
        for name, start, end in zip(spent, clock, clock[1:], strict=False):
            spent[name] += end - start
    table = Table(title=f"one photo after the other on one core, {plates / len(paths):.1f} plates a photo")
    for name in ("stage", "ms a photo", "share"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    whole = sum(spent.values())
    for name, value in spent.items():
        table.add_row(name, f"{1000 * value / len(paths):.1f}", f"{value / whole:.0%}")
    table.add_row("all", f"{1000 * whole / len(paths):.1f}", "")
    console.print(table)


if __name__ == "__main__":
    main()
