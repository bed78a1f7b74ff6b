"""`plate-ocr recognize`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names, decoding_options, detector_option, share

if TYPE_CHECKING:
    from rich.console import Console

    from plate_ocr.batch.run import Summary
    from plate_ocr.plate import Plate
    from plate_ocr.recognition.decoder import FormatMode


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Table to write: .csv or .jsonl.")
@click.option("--annotate", type=click.Path(path_type=Path, file_okay=False), help="Folder for photos with outlines.")
@click.option("--crops", is_flag=True, help="Each picture already is a plate: search none.")
@click.option(
    "--model", default="reader", show_default=True, help="A shipped model's name, or a training run's folder."
)
@detector_option
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help="Text file of known plates, one a line: a reading that is nearly one of them is taken for it.",
)
@click.option(
    "--min-confidence",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="A plate read less surely keeps its row, with the status unsure.",
)
@click.option(
    "--max-error",
    default="",
    metavar="SHARE",
    help="The same by the share of errors that is tolerated, 0.5% or 0.005, as the model's calibration has it.",
)
@click.option(
    "--mask", default=0.0, type=click.FloatRange(0, 1), help="Write ? for each character less certain than this."
)
@decoding_options
@click.option("--threads", default=0, help="Threads of the network; 0: as many as cores.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Photos read together.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, no summary.")
@fails_cleanly
def recognize(
    photos: tuple[str, ...],
    output: Path | None,
    annotate: Path | None,
    crops: bool,
    model: str,
    detector: str,
    known: Path | None,
    min_confidence: float,
    max_error: str,
    mask: float,
    formats: FormatMode,
    region: str,
    one_look: bool,
    threads: int,
    batch: int,
    quiet: bool,
) -> None:
    """Read the plates in PHOTOS: files, folders (searched to the bottom), 'patterns*.jpg', or - for a list of paths on
    standard input. Without --output the table goes to standard output.

    Ends with exit code 1 if no photo could be opened.
    """
    from rich.console import Console

    from plate_ocr.batch.run import recognize as run
    from plate_ocr.batch.sinks import Sink, open_sink
    from plate_ocr.model_store import open_reader
    from plate_ocr.reader import PlateReader
    from plate_ocr.recognition.decoder import DecoderSettings
    from plate_ocr.recognition.known import read_known

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Hangul must come out whatever the locale, and csv brings its own line ends.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    console = Console(stderr=True, quiet=quiet)
    sources = _listed(photos)
    if not sources:
        sys.exit(1)
    if max_error:
        min_confidence = max(min_confidence, open_reader(model).threshold(share(max_error, "--max-error")))
    reader = PlateReader(
        model,
        detector=detector,
        crops=crops,
        threads=threads,
        decoding=DecoderSettings(
            formats=formats, regions=comma_names(region), known=read_known(known) if known else ()
        ),
        looks=not one_look,
        min_confidence=min_confidence,
    )
    if output is None and sys.stdout.isatty():
        table = _TableRows()
        summary = _with_progress(
            console,
            len(sources),
            lambda tick: run(reader, sources, table, mask=mask, annotate_to=annotate, batch=batch, on_photo=tick),
        )
        Console().print(table.table)
    else:
        with Sink(sys.stdout) if output is None else open_sink(output) as sink:
            summary = _with_progress(
                console,
                len(sources),
                lambda tick: run(reader, sources, sink, mask=mask, annotate_to=annotate, batch=batch, on_photo=tick),
            )
    _show(console, summary, output, annotate)
    if summary.photos == summary.unreadable:
        click.echo("plate-ocr: none of the photos could be opened", err=True)
        sys.exit(1)


def _listed(photos: Iterable[str]) -> list[str]:
    """All paths, in order. A folder or pattern without a picture is told, and the others still count."""
    from plate_ocr.photos import PhotoError, find

    given: list[str] = []
    for entry in photos:
        given += _stdin_lines() if entry == "-" else [entry]
    found: dict[str, None] = {}
    for entry in given:
        try:
            found.update(dict.fromkeys(find([entry])))
        except PhotoError as error:
            click.echo(f"plate-ocr: {error}", err=True)
    if not given:
        click.echo("plate-ocr: standard input listed no photo", err=True)
    return list(found)


def _stdin_lines() -> list[str]:
    """Paths on standard input, one a line: UTF-8 whatever the locale, and bytes that are none kept as they are."""
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return [line for line in (line.rstrip("\r") for line in text.split("\n")) if line.strip()]


class _TableRows:
    """Rows for a person at a terminal."""

    def __init__(self) -> None:
        from rich.table import Table

        self.table = Table("photo", "plate", "text", "confidence", "status")

    def write(self, plate: Plate) -> None:
        from rich.text import Text

        from plate_ocr.photos import printable

        cells = (
            printable(plate.source),
            str(plate.number or ""),
            plate.text,
            f"{plate.confidence:.0%}" if plate.text else "",
        )
        self.table.add_row(*map(Text, cells), plate.status.value)

    def flush(self) -> None:
        """Nothing to hand on before the end."""


def _with_progress(console: Console, total: int, run: Callable[[Callable[[], object]], Summary]) -> Summary:
    """Run with a bar and an ETA on a terminal, and a line every ten seconds elsewhere."""
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if console.is_terminal and not console.quiet:
        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("reading", total=total)
            return run(lambda: progress.advance(task))
    done, told = 0, time.monotonic()

    def tick() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told > 10:
            told = time.monotonic()
            console.print(f"{done} of {total} photos")

    return run(tick)


def _show(console: Console, summary: Summary, output: Path | None, annotated: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    rate = summary.photos / summary.seconds if summary.seconds else 0.0
    table.add_row(str(summary.photos), f"photos in {summary.seconds:.1f} s ({rate:.1f} a second)")
    table.add_row(str(summary.with_plate), "with a plate")
    table.add_row(str(summary.without_plate), "without")
    table.add_row(str(summary.unreadable), "could not be opened")
    table.add_row(str(summary.plates), f"plates read, mean confidence {summary.mean_confidence:.0%}")
    if summary.unsure:
        table.add_row(str(summary.unsure), "plates read less surely than asked for")
    if summary.too_small:
        table.add_row(str(summary.too_small), "plates found that are too small to be read")
    if summary.unreadable_plates:
        table.add_row(str(summary.unreadable_plates), "plates found in which nothing could be read")
    console.print(table)
    for complaint in summary.complaints:
        console.print(Text("  " + complaint), style="yellow", soft_wrap=True)
    if summary.more_complaints:
        console.print(f"  … and {summary.more_complaints} more")
    if output:
        console.print(Text(f"table: {output}"), soft_wrap=True)
    if annotated:
        console.print(Text(f"annotated photos: {annotated}"), soft_wrap=True)
