"""`plate-ocr watch`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.batch_options import How, batch_options, interruptible, show


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="Table to go on with: .csv, .jsonl, .sqlite or .parquet.",
)
@click.option(
    "--done",
    type=click.Path(path_type=Path, file_okay=False),
    help="Move what was read to this folder. Without it, the journal beside the table remembers what was.",
)
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.05), help="Seconds between two looks.")
@batch_options
@fails_cleanly
def watch(folder: Path, output: Path, done: Path | None, every: float, **given: Any) -> None:
    """Read the photos that arrive in FOLDER, once their size and time have stayed the same for two looks.

    Goes on until Ctrl-C or SIGTERM, and the next time where it ended.
    """
    from rich.console import Console

    from plate_ocr.batch.journal import Journal, version_key
    from plate_ocr.batch.run import Batch
    from plate_ocr.batch.sinks import check_output, open_sink
    from plate_ocr.batch.watch import check_folders
    from plate_ocr.batch.watch import watch as run

    check_folders(folder, done)
    check_output(output)
    how = How.of(given)
    how.pictures.prepare([str(folder)])
    settings = how.fingerprint()
    console = Console(stderr=True, quiet=given["quiet"])
    read, told = 0, time.monotonic()

    def tick() -> None:
        nonlocal read, told
        read += 1
        if time.monotonic() - told > 10:
            told = time.monotonic()
            console.print(f"{read} photos")

    def complain(text: str) -> None:
        click.echo(f"plate-ocr: {text}", err=True)

    with interruptible(), Journal(output, settings=settings, resume=True) as journal:
        batch = Batch(open_sink(output), journal, pictures=how.pictures, finish=how.finish, key=version_key)
        with batch:
            console.print(f"watching {folder}; end with Ctrl-C")
            try:
                with how.reading() as reading:
                    run(folder, batch, journal, reading, done=done, every=every, on_photo=tick, complain=complain)
            except KeyboardInterrupt:
                batch.settle()
                batch.complete()
    show(console, batch.tally.summary(), output, how.pictures)
