"""What a batch costs beside reading: a folder to a table against the same photos held in memory, and two processes
against one.

    python benchmarks/batch.py PHOTOS --limit 400

All in one run, round after round; ratios are medians over the rounds. Nothing else may keep the machine busy.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from plate_ocr.batch.journal import Journal
from plate_ocr.batch.reading import Job, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.settings import ReadingSettings
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.workers import Workers
from plate_ocr.photos import find
from plate_ocr.reader import PlateReader

MEMORY, CSV, PARQUET, ONE, TWO, TWO_PARQUET = (
    "in memory, one process, all cores",
    "folder to CSV, one worker, all cores",
    "folder to Parquet, one worker, all cores",
    "folder to CSV, one worker of one thread",
    "folder to CSV, two workers of one thread",
    "folder to Parquet, two workers of one thread",
)


def to_table(pool: Workers, paths: list[str], suffix: str) -> None:
    """Read photos into a new table, with its journal, as `plate-ocr recognize` does."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / f"plates{suffix}"
        with Journal(table) as journal, Batch(open_sink(table), journal) as batch:
            batch.read(pool.read, paths)
            batch.complete()


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option("--limit", default=400, show_default=True, help="At most so many photos, evenly picked.")
@click.option("--rounds", default=5, show_default=True)
def main(photos: tuple[str, ...], limit: int, rounds: int) -> None:
    """Print photos a second of each way, and the ratios."""
    paths = list(find(photos))
    paths = [paths[int(i)] for i in np.linspace(0, len(paths) - 1, min(limit, len(paths)))]
    data = [Path(path).read_bytes() for path in paths]
    reader = PlateReader()
    settings = ReadingSettings()
    with (
        Workers(Task(settings.open), most=1) as whole,
        Workers(Task(settings.open, threads=1), most=1) as one,
        Workers(Task(settings.open, threads=1), most=2) as two,
    ):
        ways: dict[str, Callable[[], object]] = {
            MEMORY: lambda: list(reader.read_many(data)),
            CSV: lambda: to_table(whole, paths, ".csv"),
            PARQUET: lambda: to_table(whole, paths, ".parquet"),
            ONE: lambda: to_table(one, paths, ".csv"),
            TWO: lambda: to_table(two, paths, ".csv"),
            TWO_PARQUET: lambda: to_table(two, paths, ".parquet"),
        }
        list(reader.read_many(data[:64]))
        for pool in (whole, one, two):
            list(pool.read(Job(path) for path in paths[:64]))
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in track(range(rounds), "reading", console=Console(stderr=True)):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - started)
    table = Table(title=f"{len(paths)} photos, {rounds} rounds")
    table.add_column("way")
    for name in ("photos a second", "speed against memory", "against one worker of one thread"):
        table.add_column(name, justify="right")
    for name, seconds in taken.items():
        ratios = [f"{np.median(np.divide(taken[other], seconds)):.2f}" for other in (MEMORY, ONE)]
        table.add_row(name, f"{len(paths) / np.median(seconds):.1f}", *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
