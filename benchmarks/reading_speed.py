"""One crop at a time on one thread: this reader against RapidOCR's recogniser, in the same run.

    pip install rapidocr-onnxruntime --no-deps; pip install pyclipper shapely tqdm six
    python benchmarks/reading_speed.py

(--no-deps keeps the other OpenCV wheel out; two of them over one cv2/ break each other.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from plate_ocr.photos import find, load
from plate_ocr.recognition.recognizer import Recognizer

SAMPLE = Path(__file__).parent.parent / "datasets" / "sample" / "crops"


def milliseconds(calls: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, NDArray[np.float64]]:
    """For each (call, crops in it), milliseconds a crop in every round. The calls take turns within a round, so that a
    slow moment of the machine falls on all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(-1, rounds):
        for name, (call, crops) in calls.items():
            start = time.perf_counter()
            call()
            if round_ >= 0:  # the first warms up
                times[name].append((time.perf_counter() - start) / crops * 1000)
    return {name: np.array(values) for name, values in times.items()}


@click.command()
@click.option("--crops", default=str(SAMPLE), help="Folder with crops.")
@click.option("--model", default="reader", help="The reader to time.")
@click.option("--rounds", default=9, show_default=True, help="Rounds; medians count.")
def main(crops: str, model: str, rounds: int) -> None:
    """Print milliseconds a crop, and ratios."""
    cv2.setNumThreads(1)
    pictures = [load(path) for path in list(find([crops]))[:16]]
    once = Recognizer(model, threads=1, looks=False)
    again = Recognizer(model, threads=1)
    free = Recognizer(model, looks=False)
    many = [*pictures, *pictures][:32]
    first = "plate_ocr, one look, batch 1"
    calls: dict[str, tuple[Callable[[], object], int]] = {
        first: (lambda: [once.read([p]) for p in pictures], len(pictures)),
        "plate_ocr, one look, batch 32": (lambda: once.read(many), len(many)),
        "plate_ocr, one look, batch 32, all cores": (lambda: free.read(many), len(many)),
        "plate_ocr, doubtful crops looked at again, batch 1": (
            lambda: [again.read([p]) for p in pictures],
            len(pictures),
        ),
    }
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError:
        Console(stderr=True).print("rapidocr-onnxruntime is not installed; timing plate_ocr alone")
    else:
        engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        calls["RapidOCR recogniser (PP-OCRv4), batch 1"] = (
            lambda: [engine.text_rec([p]) for p in pictures],
            len(pictures),
        )
    times = milliseconds(calls, rounds)
    table = Table(title=f"{len(pictures)} crops, one thread unless said")
    for name in ("reader", "ms a crop", "plate_ocr, one look, batch 1 is"):
        table.add_column(name, justify="left" if name == "reader" else "right")
    for name, ms in times.items():
        table.add_row(name, f"{np.median(ms):.2f}", f"{np.median(ms / times[first]):.1f} x as fast")
    Console().print(table)


if __name__ == "__main__":
    main()
