"""A batch: photos in, rows out, in order, each photo once, whenever it is stopped and gone on with."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from plate_ocr.batch.journal import Journal, photo_key
from plate_ocr.batch.pictures import Names, Pictures
from plate_ocr.batch.reading import Done, Job
from plate_ocr.batch.sinks import Sink, SinkError
from plate_ocr.batch.workers import Reading
from plate_ocr.plate import Plate, Status

SHOWN = 10
"""Complaints that a summary keeps."""

PAUSE = 0.5
"""Seconds between two commits: so much of the work is done again at most, and the disk is left in peace."""


@dataclass(frozen=True)
class Summary:
    """What became of a batch: photos by what was found, plates, mean confidence, time, and the first complaints.

    `plates` were read as surely as was asked for, `unsure` ones less; `mean_confidence` is 0 to 1, of the former;
    `seconds` is wall-clock time; `more_complaints` counts those that `complaints` leaves out. `before` counts photos
    that were not read because an earlier run had done them, or because they were listed twice.
    """

    photos: int
    with_plate: int
    without_plate: int
    unreadable: int
    plates: int
    unsure: int
    too_small: int
    unreadable_plates: int
    mean_confidence: float
    seconds: float
    complaints: tuple[str, ...]
    more_complaints: int = 0
    before: int = 0


class Tally:
    """Counts what becomes of photos."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._confidence = 0.0
        self._complaints: list[str] = []
        self.before = 0

    @property
    def photos(self) -> int:
        """Photos counted."""
        return self._counts["photos"]

    def add(self, done: Done) -> None:
        """Count a photo and its plates."""
        self._counts["photos"] += 1
        self._counts["with_plate"] += any(plate.number for plate in done.plates)
        self._counts.update(plate.status.value for plate in done.plates)
        self._confidence += sum(plate.confidence for plate in done.plates if plate.ok)
        complaints = [plate.message for plate in done.plates if plate.message and not plate.text]
        self._complain((*complaints, *done.complaints))

    def include(self, part: Summary) -> None:
        """Count what a part of the photos came to, read elsewhere."""
        self._counts.update(
            {
                "photos": part.photos,
                "with_plate": part.with_plate,
                "more": part.more_complaints,
                Status.NO_PLATE.value: part.without_plate,
                Status.UNREADABLE_PHOTO.value: part.unreadable,
                Status.OK.value: part.plates,
                Status.UNSURE.value: part.unsure,
                Status.TOO_SMALL.value: part.too_small,
                Status.UNREADABLE_PLATE.value: part.unreadable_plates,
            }
        )
        self._confidence += part.plates * part.mean_confidence
        self._complain(part.complaints)

    def _complain(self, complaints: Iterable[str]) -> None:
        for complaint in complaints:
            if len(self._complaints) < SHOWN:
                self._complaints.append(complaint)
            else:
                self._counts["more"] += 1

    def summary(self) -> Summary:
        """The counts so far."""
        read = self._counts[Status.OK.value]
        return Summary(
            photos=self.photos,
            with_plate=self._counts["with_plate"],
            without_plate=self._counts[Status.NO_PLATE.value],
            unreadable=self._counts[Status.UNREADABLE_PHOTO.value],
            plates=read,
            unsure=self._counts[Status.UNSURE.value],
            too_small=self._counts[Status.TOO_SMALL.value],
            unreadable_plates=self._counts[Status.UNREADABLE_PLATE.value],
            mean_confidence=self._confidence / read if read else 0.0,
            seconds=time.monotonic() - self._started,
            complaints=tuple(self._complaints),
            more_complaints=self._counts["more"],
            before=self.before,
        )


class Batch:
    """An output and its journal, to which photos are read. Use as a context manager: on leaving it, however that comes,
    what was read is committed and the output whole."""

    def __init__(
        self,
        sink: Sink,
        journal: Journal,
        *,
        pictures: Pictures | None = None,
        finish: Callable[[Plate], Plate] = lambda plate: plate,
        key: Callable[[str], bytes] = photo_key,
        pause: float = PAUSE,
    ) -> None:
        """`finish` makes of a plate what is written, `key` says which photo a path stands for; `pause` seconds lie
        between two commits. Raises SinkError if the output is not what the journal says."""
        self._sink, self._journal, self._finish, self._key = sink, journal, finish, key
        self._pictures = pictures or Pictures()
        self._names = Names(journal)
        self._pause = pause
        self._waiting: list[Done] = []
        self._in_flight: set[bytes] = set()
        self._told = time.monotonic()
        self.tally = Tally()
        try:
            self._guarded(lambda: sink.rewind(journal.position))
        except BaseException:
            sink.close()
            raise

    def read(self, reading: Reading, sources: Iterable[str], *, on_photo: Callable[[], object] = lambda: None) -> None:
        """Read the photos that are not done, in order, and commit them. Every source gives at least one row.

        Raises SinkError if the disk refuses a row, PicturesError if a photo lies where pictures are written.
        """
        for done in reading(self._jobs(sources, on_photo)):
            self._waiting.append(done)
            self.tally.add(done)
            on_photo()
            if time.monotonic() - self._told >= self._pause:
                self.commit()
        self.commit()

    def commit(self) -> None:
        """Put what was read on the disk, and then into the journal."""
        if self._waiting:
            self._guarded(self._commit)
        self._told = time.monotonic()

    def complete(self) -> None:
        """Complete the output after the last photo."""
        self._guarded(self._sink.finish)
        self._guarded(self._journal.finish)

    def _commit(self) -> None:
        for done in self._waiting:
            for plate in done.plates:
                self._sink.write(self._finish(plate))
        position = self._sink.commit()
        jobs = [done.job for done in self._waiting]
        self._journal.commit([job.key for job in jobs], [note for job in jobs for note in job.notes], position)
        self._waiting.clear()
        for job in jobs:
            self._in_flight.discard(job.key)
            self._names.noted(job.notes)

    def _jobs(self, sources: Iterable[str], on_photo: Callable[[], object]) -> Iterator[Job]:
        for source in sources:
            key = self._key(source)
            if key in self._in_flight or self._journal.has(key):
                self.tally.before += 1
                on_photo()
                continue
            self._in_flight.add(key)
            name, notes = "", tuple[str, ...]()
            if self._pictures.folders:
                self._pictures.check(source)
                name, notes = self._names.give(source)
            yield Job(source, key, name, notes)

    def _guarded(self, step: Callable[[], object]) -> None:
        """Run a step; what the disk refuses becomes a SinkError that says how to go on."""
        try:
            step()
        except BrokenPipeError:
            raise
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise self._refused(error.strerror or str(error), full=full) from None
        except sqlite3.OperationalError as error:
            raise self._refused(str(error), full="full" in str(error)) from None

    def _refused(self, why: str, *, full: bool) -> SinkError:
        advice = "free some space" if full else "see to it"
        output = self._journal.output or "the output"
        return SinkError(f"{output} cannot be written ({why}): {advice}, then go on with --resume")

    def __enter__(self) -> Batch:
        return self

    def settle(self) -> None:
        """After KeyboardInterrupt, at whatever place: bring output and journal into line, and commit what was read."""
        # A commit may have been cut short: the journal says whether it counts.
        self._guarded(lambda: self._sink.rewind(self._journal.position))
        if self._waiting and self._journal.has(self._waiting[0].job.key):
            self._waiting.clear()
        self.commit()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                if issubclass(kind, SinkError):
                    self._waiting.clear()
                self.settle()
        except (OSError, ValueError, sqlite3.Error):
            pass  # what went wrong is already on its way, and a resumed run cuts off the rest
        finally:
            self._sink.close()
