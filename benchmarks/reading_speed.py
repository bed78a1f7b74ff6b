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
from rich.console import Console
from rich.table import Table

from plate_ocr.photos import find, load
from plate_ocr.recognition.recognizer import Recognizer

SAMPLE = Path(__file__).parent.parent / "datasets" / "sample" / "crops"


def best_of(call: Callable[[], object], calls: int, rounds: int) -> float:
    """Milliseconds a call: the median of `rounds` rounds of `calls` calls, after one to warm up."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - start) / calls * 1000)
    return float(np.median(times))


@click.command()
@click.option("--crops", default=str(SAMPLE), help="Folder with crops.")
@click.option("--model", default="reader", help="The reader to time.")
@click.option("--rounds", default=7, help="Rounds; the median counts.")
def main(crops: str, model: str, rounds: int) -> None:
    """Print milliseconds a crop, and ratios."""
    cv2.setNumThreads(1)
    pictures = [load(path) for path in list(find([crops]))[:16]]
    once = Recognizer(model, threads=1, looks=False)
    again = Recognizer(model, threads=1)
    free = Recognizer(model, looks=False)
    one = best_of(lambda: [once.read([p]) for p in pictures], 1, rounds) / len(pictures)
    many = [*pictures, *pictures][:32]
    rows = [
        ("plate_ocr, one look, batch 1", one),
        ("plate_ocr, one look, batch 32", best_of(lambda: once.read(many), 1, rounds) / len(many)),
        ("plate_ocr, one look, batch 32, all cores", best_of(lambda: free.read(many), 1, rounds) / len(many)),
        (
            "plate_ocr, doubtful crops looked at again, batch 1",
            best_of(lambda: [again.read([p]) for p in pictures], 1, rounds) / len(pictures),
        ),
    ]
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError:
        Console(stderr=True).print("rapidocr-onnxruntime is not installed; timing plate_ocr alone")
    else:
        engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        theirs = best_of(lambda: [engine.text_rec([p]) for p in pictures], 1, max(3, rounds // 2)) / len(pictures)
        rows.append(("RapidOCR recogniser (PP-OCRv4), batch 1", theirs))
    table = Table(title=f"{len(pictures)} crops, one thread unless said")
    for name in ("reader", "ms a crop", "plate_ocr, one look, batch 1 is"):
        table.add_column(name, justify="left" if name == "reader" else "right")
    for name, ms in rows:
        table.add_row(name, f"{ms:.2f}", f"{ms / one:.1f} x as fast")
    Console().print(table)


if __name__ == "__main__":
    main()
