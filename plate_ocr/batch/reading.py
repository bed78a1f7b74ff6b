"""Reading chunks of photos: what a worker does, and what this process does where there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Protocol

from plate_ocr.batch.pictures import Pictures
from plate_ocr.photos import Limits, printable, set_limits
from plate_ocr.plate import Plate, Status


class Reader(Protocol):
    """What reads: a PlateReader, or a stub of one."""

    def read_many(self, photos: Iterable[str], *, batch: int) -> Iterator[Plate]: ...


@dataclass(frozen=True)
class Job:
    """A photo to be read; `name` is that of its pictures, `key` and `notes` are for the journal."""

    source: str
    key: bytes = b""
    name: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """A photo that was read: its plates, at least one, and what else is to be told of it."""

    job: Job
    plates: tuple[Plate, ...]
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """How to read: `open(threads)` gives the reader. It goes to other processes, so it must be picklable."""

    open: Callable[[int], Reader]
    pictures: Pictures = field(default_factory=Pictures)
    limits: Limits = field(default_factory=Limits)
    batch: int = 16
    threads: int = 0


def read_chunk(reader: Reader, jobs: Sequence[Job], pictures: Pictures) -> list[Done]:
    """Read photos together, and write their pictures."""
    groups = _by_photo(reader.read_many([job.source for job in jobs], batch=len(jobs)))
    return [
        Done(job, plates, tuple(pictures.write(job.source, job.name, plates)))
        for job, plates in zip(jobs, groups, strict=True)
    ]


class Here:
    """Reads in this process, where a photo that crashes the decoder or takes for ever has nobody to stop it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._reader: Reader | None = None

    def read(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Read photos, in order. Raises what the reader raises if it cannot be opened."""
        set_limits(self._task.limits)
        for chunk in chunks(jobs, self._task.batch):
            self._reader = self._reader or self._task.open(self._task.threads)
            yield from read_chunk(self._reader, chunk, self._task.pictures)


def chunks(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """`size` jobs at a time."""
    iterator = iter(jobs)
    while chunk := list(islice(iterator, size)):
        yield chunk


def unreadable(job: Job, why: str) -> Done:
    """The row of a photo that cannot be read."""
    message = f"{printable(job.source)}: {why}"
    return Done(job, (Plate(job.source, status=Status.UNREADABLE_PHOTO, message=message),))


def _by_photo(plates: Iterable[Plate]) -> Iterator[tuple[Plate, ...]]:
    """Rows of one photo together. A photo's first row has the number 0 or 1, so one listed twice stays two."""
    group = 0

    def key(plate: Plate) -> int:
        nonlocal group
        group += plate.number <= 1
        return group

    for _, rows in groupby(plates, key=key):
        yield tuple(rows)
