"""Photos that arrive in a folder: each is read once, after it was written completely."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from plate_ocr.batch.journal import Journal, version_key
from plate_ocr.batch.run import Batch
from plate_ocr.batch.workers import Reading
from plate_ocr.photos import PhotoError, printable, scan

ROUND = 1_000
"""Photos that are read before the folder is looked at again."""


class WatchError(ValueError):
    """A folder cannot be watched; the message names it."""


class Arrivals:
    """The photos of a folder that have been written completely: size and time were the same in two looks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before: dict[str, tuple[int, int]] = {}
        self._given: set[str] = set()

    def look(self) -> Iterator[str]:
        """Look once; the photos that are complete and were not given, as they are found.

        Raises WatchError if the folder is gone.
        """
        if not os.path.isdir(self._folder):
            raise WatchError(f"{self._folder}: the folder is gone")
        now: dict[str, tuple[int, int]] = {}
        given: set[str] = set()
        try:
            for path in scan(os.fspath(self._folder)):
                try:
                    found = os.stat(path)
                except OSError:  # gone again, or a link to nothing: no photo has arrived
                    continue
                now[path] = (found.st_size, found.st_mtime_ns)
                if self._before.get(path) == now[path]:
                    given.add(path)
                    if path not in self._given:
                        yield path
        except PhotoError as error:  # an empty folder is none
            if not os.access(self._folder, os.R_OK | os.X_OK):
                raise WatchError(f"{self._folder}: the folder is gone, or may not be listed any more") from error
        self._before, self._given = now, given


def watch(
    folder: Path,
    batch: Batch,
    journal: Journal,
    reading: Reading,
    *,
    done: Path | None = None,
    every: float = 2.0,
    wait: Callable[[float], object] = time.sleep,
    on_photo: Callable[[], object] = lambda: None,
    complain: Callable[[str], object] = lambda _: None,
) -> None:
    """Read the photos that arrive in `folder`, looking every so many seconds, until KeyboardInterrupt.

    What is read is moved to the folder `done`, or else remembered in the journal. The batch's key has to be
    `version_key`, so that a camera may use a name again. Raises WatchError if the folder is gone.
    """
    arrivals = Arrivals(folder)
    while True:
        complete = arrivals.look()
        while photos := list(islice(complete, ROUND)):
            keys = {path: version_key(path) for path in photos}
            batch.read(reading, (path for path in photos if not journal.has(keys[path])), on_photo=on_photo)
            for path in photos if done else ():
                # One that was written again meanwhile stays, and is another photo.
                if done and version_key(path) == keys[path]:
                    try:
                        _move(path, done / os.path.relpath(path, folder))
                    except OSError as error:
                        complain(f"{printable(path)}: not moved to {done} ({error.strerror or error})")
        wait(every)


def _move(path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem}-{number}{target.suffix}")
    shutil.move(path, free)


def check_folders(folder: Path, done: Path | None) -> None:
    """Raise WatchError if there is no such folder, or if what is done would be moved to where it is watched for."""
    if not folder.is_dir():
        raise WatchError(f"{folder}: no such folder")
    if done and Path(os.path.realpath(done)).is_relative_to(os.path.realpath(folder)):
        raise WatchError(f"{done} lies in {folder}, and would be read again; move what is done elsewhere")
