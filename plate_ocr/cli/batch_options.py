"""What `recognize` and `watch` have in common: their options, their progress, and how they are stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from plate_ocr.cli.options import comma_names, decoding_options, detector_option, language_settings, share

if TYPE_CHECKING:
    from rich.console import Console

    from plate_ocr.batch.pictures import Pictures
    from plate_ocr.batch.run import Summary
    from plate_ocr.batch.settings import Finish, ReadingSettings
    from plate_ocr.batch.workers import Reading

MOST_WORKERS = 16

_FOLDER = click.Path(path_type=Path, file_okay=False)

_OPTIONS = (
    click.option("--annotate", type=_FOLDER, help="Folder for photos with outlines."),
    click.option("--save-crops", type=_FOLDER, help="Folder for the plates, cut out and set upright."),
    click.option("--blur-plates", type=_FOLDER, help="Folder for the photos with their plates blurred, less metadata."),
    click.option(
        "--hash-plates",
        type=click.Path(path_type=Path),
        metavar="KEY-FILE",
        help="Write the HMAC-SHA256 of each text in its place, with the key in this file.",
    ),
    click.option("--crops", is_flag=True, help="Each picture already is a plate: search none."),
    click.option(
        "--model", default="reader", show_default=True, help="A shipped model's name, or a training run's folder."
    ),
    detector_option,
    click.option(
        "--known",
        "--allow-list",
        type=click.Path(path_type=Path),
        help="Text file of known plates, one a line: a reading that is nearly one of them is taken for it.",
    ),
    click.option(
        "--min-confidence",
        default=0.0,
        type=click.FloatRange(0, 1),
        help="A plate read less surely keeps its row, with the status unsure.",
    ),
    click.option(
        "--max-error",
        default="",
        metavar="SHARE",
        help="The same by the share of errors that is tolerated, 0.5% or 0.005, as the model's calibration has it.",
    ),
    click.option(
        "--mask", default=0.0, type=click.FloatRange(0, 1), help="Write ? for each character less certain than this."
    ),
    decoding_options,
    click.option(
        "--workers",
        type=click.IntRange(0),
        help=f"Processes that read. Default: one a core, at most {MOST_WORKERS}; 0: this one, without --seconds.",
    ),
    click.option(
        "--threads", default=0, type=click.IntRange(0), help="Threads of each; 0: the cores shared among them."
    ),
    click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Photos read together."),
    click.option(
        "--max-pixels",
        default=100.0,
        show_default=True,
        type=click.FloatRange(0, 178, min_open=True),
        help="Millions of pixels; a larger photo is unreadable.",
    ),
    click.option(
        "--max-size",
        default=256.0,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        help="MiB; a larger file is unreadable.",
    ),
    click.option(
        "--seconds",
        default=60.0,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        help="Time for a photo; one that takes longer is unreadable.",
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress, no summary."),
)


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a batch; the command takes them as keyword arguments, for `How.of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class How:
    """How a batch is read and what is written beside its table; see the options."""

    settings: ReadingSettings
    finish: Finish
    pictures: Pictures
    workers: int
    threads: int
    batch: int
    seconds: float

    @classmethod
    def of(cls, given: dict[str, Any]) -> How:
        """From the values of `batch_options`. Raises what the files they name raise, and click.UsageError."""
        from plate_ocr.batch.pictures import Pictures
        from plate_ocr.batch.settings import Finish, ReadingSettings, read_key
        from plate_ocr.batch.workers import cores
        from plate_ocr.model_store import open_reader
        from plate_ocr.photos import Limits

        key = read_key(given["hash_plates"]) if given["hash_plates"] else b""
        for flag in ("annotate", "save_crops", "mask"):
            if key and given[flag]:
                raise click.UsageError(f"--{flag.replace('_', '-')} shows what --hash-plates hides; leave one out")
        least = given["min_confidence"]
        if given["max_error"]:
            least = max(least, open_reader(given["model"]).threshold(share(given["max_error"], "--max-error")))
        workers = min(cores(), MOST_WORKERS) if given["workers"] is None else given["workers"]
        settings = ReadingSettings(
            model=given["model"],
            detector=given["detector"],
            crops=given["crops"],
            formats=given["formats"],
            regions=comma_names(given["region"]),
            known=given["known"],
            **language_settings(given["language"], given["language_weight"]),
            looks=not given["one_look"],
            min_confidence=least,
            limits=Limits(max(1, int(given["max_pixels"] * 1e6)), max(1, int(given["max_size"] * (1 << 20)))),
        )
        settings.check()
        return cls(
            settings,
            Finish(given["mask"], key),
            Pictures(given["annotate"], given["save_crops"], given["blur_plates"]),
            workers,
            given["threads"] or (max(1, cores() // workers) if workers else 0),
            given["batch"],
            given["seconds"],
        )

    def fingerprint(self) -> dict[str, str]:
        """What the rows depend on, for the journal."""
        return self.settings.fingerprint() | self.finish.fingerprint()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """What photos are read with; its processes end with it."""
        from plate_ocr.batch.reading import Here, Task
        from plate_ocr.batch.workers import Workers

        task = Task(self.settings.open, self.pictures, self.settings.limits, self.batch, self.threads)
        if not self.workers:
            yield Here(task).read
            return
        with Workers(task, most=self.workers, seconds=self.seconds) as workers:
            yield workers.read


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM is like Ctrl-C, KeyboardInterrupt; the second of either ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Tick(Protocol):
    """What is called when `number` photos more are done."""

    def __call__(self, number: int = 1) -> object: ...


@contextmanager
def progress(console: Console, total: Callable[[], int | None]) -> Iterator[Tick]:
    """A bar and an ETA on a terminal, and a line every ten seconds elsewhere: call what it gives after each photo.
    `total` says how many there are, as soon as that is known."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    done, told = 0, time.monotonic()
    if console.is_terminal and not console.quiet:
        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("reading", total=total())
            yield lambda number=1: bar.update(task, advance=number, total=total())
        return

    def tick(number: int = 1) -> None:
        nonlocal done, told
        done += number
        if time.monotonic() - told > 10:
            told = time.monotonic()
            console.print(f"{done} of {total()} photos" if total() else f"{done} photos")

    yield tick


def show(console: Console, summary: Summary, output: str | Path | None, pictures: Pictures) -> None:
    """Print what became of a batch."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    if not summary.photos:
        console.print(f"nothing new; {summary.before:,} photos were done before" if summary.before else "nothing new")
        return
    rate = summary.photos / summary.seconds if summary.seconds else 0.0
    table.add_row(str(summary.photos), f"photos in {summary.seconds:.1f} s ({rate:.1f} a second)")
    if summary.before:
        table.add_row(str(summary.before), "done before, or listed twice")
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
    names = ("annotated photos", "crops", "blurred photos")
    for name, folder in zip(names, (pictures.annotated, pictures.crops, pictures.blurred), strict=True):
        if folder:
            console.print(Text(f"{name}: {folder}"), soft_wrap=True)
