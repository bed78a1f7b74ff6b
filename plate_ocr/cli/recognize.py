"""`plate-ocr recognize`."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.batch_options import How, batch_options, interruptible, progress, show
from plate_ocr.cli.ray_options import RayOptions, ray_options, refuse_addresses

if TYPE_CHECKING:
    from plate_ocr.batch.sources import Shard


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option(
    "--output", "-o", type=click.Path(), help="Table to write: .csv, .jsonl, .sqlite or .parquet; with ray a folder."
)
@click.option("--resume", is_flag=True, help="Go on with --output where a run was stopped, or with new photos.")
@click.option("--shard", metavar="K/N", help="Only the K-th of N shares of the photos, for N machines.")
@batch_options
@ray_options
@fails_cleanly
def recognize(photos: tuple[str, ...], output: str | None, resume: bool, shard: str | None, **given: Any) -> None:
    """Read the plates in PHOTOS: files, folders (searched to the bottom), 'patterns*.jpg', or - for a list of paths on
    standard input. Without --output the table goes to standard output.

    Stopped at any moment, it goes on with --resume: FILE.journal beside the table says what is done. Ends with exit
    code 1 if no photo could be opened, 130 if it was stopped.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Hangul must come out whatever the locale, and csv brings its own line ends.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    if resume and output is None:
        raise click.UsageError("--resume needs --output: the journal lies beside it")
    share = _shard(shard)
    if ray := RayOptions.of(given, output):
        ray.recognize(photos, share, resume=resume, given=given)
    else:
        refuse_addresses(photos)
        _recognize(photos, Path(output) if output else None, share, resume=resume, given=given)


def _recognize(
    photos: tuple[str, ...], output: Path | None, share: Shard | None, *, resume: bool, given: dict[str, Any]
) -> None:
    from rich.console import Console

    from plate_ocr.batch.journal import Journal
    from plate_ocr.batch.run import Batch
    from plate_ocr.batch.sinks import StreamSink, check_output, open_sink
    from plate_ocr.batch.sources import listed
    from plate_ocr.batch.terminal import TerminalSink

    console = Console(stderr=True, quiet=given["quiet"])
    sources = listed(photos, share, lambda complaint: click.echo(f"plate-ocr: {complaint}", err=True))
    first = next(sources, None)
    if first is None:
        if share:
            click.echo("plate-ocr: no photo falls into this shard", err=True)
        sys.exit(0 if share else 1)
    how = How.of(given)
    if output:
        check_output(output)
    how.pictures.prepare(photos)
    settings = how.fingerprint()
    table = None if output or not sys.stdout.isatty() else TerminalSink()
    with interruptible(), Journal(output, settings=settings, resume=resume) as journal:
        sink = open_sink(output) if output else table or StreamSink(sys.stdout)
        batch = Batch(sink, journal, pictures=how.pictures, finish=how.finish)
        try:
            with batch, how.reading() as reading, progress(console, _Total(photos, share)) as tick:
                batch.read(reading, chain([first], sources), on_photo=tick)
                batch.complete()
        except KeyboardInterrupt:
            again = f", {journal.count:,} are done; go on with the same command and --resume" if output else ""
            click.echo(f"plate-ocr: stopped{again}", err=True)
            sys.exit(130)
    if table:
        Console().print(table.table)
    summary = batch.tally.summary()
    show(console, summary, output, how.pictures)
    if summary.photos and summary.photos == summary.unreadable:
        click.echo("plate-ocr: none of the photos could be opened", err=True)
        sys.exit(1)


def _shard(text: str | None) -> Shard | None:
    from plate_ocr.batch.sources import Shard

    try:
        return Shard.parse(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--shard") from None


class _Total:
    """How many photos there are: counted aside, for reading begins before it is known."""

    def __init__(self, photos: Iterable[str], shard: Shard | None) -> None:
        self._number: int | None = None
        if "-" not in photos:
            threading.Thread(target=self._count, args=(photos, shard), daemon=True).start()

    def __call__(self) -> int | None:
        return self._number

    def _count(self, photos: Iterable[str], shard: Shard | None) -> None:
        from plate_ocr.batch.sources import listed

        self._number = sum(1 for _ in listed(photos, shard, lambda _: None))
