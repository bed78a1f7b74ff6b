"""Long runs: does memory stay flat, and does a folder without end begin at once?

    python benchmarks/soak.py memory --photos 50000
    python benchmarks/soak.py folder --entries 1000000

How often a run can be killed: PLATE_OCR_KILLS=60 python -m pytest -s tests/test_batch_resume.py -k killed
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import click
import numpy as np

from plate_ocr.batch.journal import Journal
from plate_ocr.batch.reading import Here, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.settings import ReadingSettings
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.workers import Workers
from plate_ocr.photos import find, scan

SAMPLE = Path(__file__).parent.parent / "datasets" / "sample" / "scenes"
WARM = 2000
"""The photos after which memory should have grown to its size."""

ALLOWED = 1.05
"""How much larger it may be at the end: medians over as many photos then and there."""

EVERY, TOLD = 50, 5000
"""Photos between two looks at the memory, and between two lines about it."""


def memory() -> int:
    """Bytes in memory of this process and those it started (Linux)."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if int(entry.name) == os.getpid() or parent == os.getpid():
                    total += int((entry / "statm").read_text().split()[1]) * page
            except OSError:  # it has ended
                continue
    return total


@click.group()
def main() -> None:
    """Long runs."""


@main.command("memory")
@click.argument("photos", nargs=-1)
@click.option("--number", "--photos", default=50_000, show_default=True, help="Photos to read; the sample repeats.")
@click.option("--workers", default=1, show_default=True, help="Processes; 0: this one.")
def soak_memory(photos: tuple[str, ...], number: int, workers: int) -> None:
    """Read many photos and watch the memory of all processes; exit code 1 if it grows."""
    sizes: list[int] = []
    task = Task(ReadingSettings().open, threads=1)
    paths = list(find(photos or [str(SAMPLE)]))
    # A folder's largest photos may lie together, and memory is as large as they need: each stretch is to have some.
    np.random.default_rng(0).shuffle(paths)

    def linked(folder: Path) -> Iterator[str]:
        for i, path in enumerate(islice(cycle(paths), number)):
            link = folder / f"{i:07d}{Path(path).suffix}"
            link.symlink_to(Path(path).resolve())
            yield str(link)

    read = 0

    def tick() -> None:
        nonlocal read
        read += 1
        if read % EVERY == 0:
            sizes.append(memory())
        if read % TOLD == 0:
            print(f"{read:,} of {number:,}: {np.median(sizes[-TOLD // EVERY :]) / 2**20:.0f} MiB", flush=True)

    with tempfile.TemporaryDirectory() as name, Workers(task, most=max(1, workers)) as pool:
        table = Path(name) / "p.csv"
        with Journal(table) as journal, Batch(open_sink(table), journal) as batch:
            batch.read(pool.read if workers else Here(task).read, linked(Path(name)), on_photo=tick)
            batch.complete()
    looks = WARM // EVERY
    if len(sizes) < 3 * looks:
        sys.exit(f"{read} photos are too few: memory is compared after {WARM} and at the end")
    warm, end = (float(np.median(part)) / 2**20 for part in (sizes[looks : 2 * looks], sizes[-looks:]))
    print(
        f"{read:,} photos: {warm:.0f} MiB after the first {WARM:,}, {end:.0f} MiB at the end ({end / warm - 1:+.1%}), "
        f"at most {max(sizes) / 2**20:.0f} MiB"
    )
    sys.exit(1 if end > warm * ALLOWED else 0)


@main.command("folder")
@click.option("--entries", default=1_000_000, show_default=True)
def soak_folder(entries: int) -> None:
    """Make a folder of many empty files, and say when the first is given and how much memory all of them take."""
    with tempfile.TemporaryDirectory() as name:
        for i in range(entries):
            os.close(os.open(os.path.join(name, f"{i}.jpg"), os.O_CREAT))
        before, started = memory(), time.perf_counter()
        paths = scan(name)
        next(paths)
        first = time.perf_counter() - started
        count = 1 + sum(1 for _ in paths)
        grown = (memory() - before) / 2**20
        print(f"{count:,} photos; the first after {first:.2f} s; {grown:.0f} MiB more in memory after the last")
        sys.exit(0 if count == entries else 1)


if __name__ == "__main__":
    main()
