"""What of a run is done: a SQLite file beside the output.

Rows go to the output first; then, in one transaction, the journal notes their photos and where the output ends. A run
that is killed in between leaves an output longer than its journal says, which is cut when the run is resumed. So each
photo's rows are in the output exactly once, whenever the run is stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from plate_ocr.photos import place_of

SUFFIX = ".journal"

_TABLES = (
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE IF NOT EXISTS done (photo BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, used INTEGER) WITHOUT ROWID",
)


class JournalError(ValueError):
    """A run cannot be begun or resumed; the message says why and what would do."""


def photo_key(path: str) -> bytes:
    """What the journal keeps of a photo's path: 16 bytes, the same for all ways to name one file."""
    return _digest(place_of(path))


def version_key(path: str) -> bytes:
    """The same of a path and the size and time of its file, so that a name that is used again is another photo."""
    try:
        found = os.stat(path)
        return _digest(f"{place_of(path)}\0{found.st_size}\0{found.st_mtime_ns}")
    except OSError:
        return photo_key(path)


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What two settings do not share, in words; nothing if they are the same."""
    return "; ".join(
        f"{name} was {before.get(name, '')!r} and is {now.get(name, '')!r}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Journal:
    """What of a run is done. Use as a context manager; while it is open, no other run can open it."""

    def __init__(
        self, output: Path | None = None, *, settings: Mapping[str, str] | None = None, resume: bool = False
    ) -> None:
        """Begin or, with `resume`, go on with the run that writes `output`; without an output the journal lasts as long
        as the process. `settings` say what its rows depend on.

        Raises JournalError if another run has it open, if there is an unfinished run that is not to be resumed, or if
        the run to be resumed had other settings.
        """
        self.output = output
        path = Path(f"{output}{SUFFIX}") if output else None
        if path and output and output.exists() and not path.exists() and resume:
            raise JournalError(
                f"{output} has no journal beside it ({path.name}), so what is done is not known; "
                "move it away, or leave --resume out to replace it"
            )
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path or "", timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise JournalError(f"{output}: its journal cannot be written beside it ({why})") from None
        try:
            # The lock is held until the connection ends, however it ends. WAL in this mode needs no shared memory.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                for table in _TABLES:
                    self._db.execute(table)
            self._begin(dict(settings or {}), resume=resume)
        except sqlite3.Error as error:
            self._db.close()
            if "locked" in str(error):
                raise JournalError(f"{output}: another run is writing it; wait for its end, or stop it") from None
            if isinstance(error, sqlite3.OperationalError):
                raise JournalError(f"{path}: the journal cannot be written ({error})") from None
            raise JournalError(f"{path}: the journal is damaged ({error}); delete it to start over") from None
        except JournalError:
            self._db.close()
            raise

    def _begin(self, settings: dict[str, str], *, resume: bool) -> None:
        before = self._about("settings")
        if before is not None and resume:
            if changed := differences(json.loads(before), settings):
                raise JournalError(
                    f"{self.output} was begun with other settings: {changed}. Rows of both must not mix: "
                    "repeat the former settings, or write to another file"
                )
        elif before is not None and self._about("finished") is None and self.count:
            raise JournalError(
                f"{self.output} is unfinished, {self.count:,} photos are done: go on with --resume, or delete "
                f"{self.output}{SUFFIX} to start over"
            )
        else:
            with self._transaction():
                for table in ("about", "done", "names"):
                    self._db.execute(f"DELETE FROM {table}")
                self._note("settings", json.dumps(settings, ensure_ascii=False))

    @property
    def position(self) -> int:
        """Where the output ended at the last commit; 0 if there was none."""
        return int(self._about("position") or 0)

    @property
    def count(self) -> int:
        """Photos that are done."""
        return int(self._db.execute("SELECT count(*) FROM done").fetchone()[0])

    def has(self, key: bytes) -> bool:
        """Whether a photo is done."""
        return self._db.execute("SELECT 1 FROM done WHERE photo = ?", (key,)).fetchone() is not None

    def commit(self, keys: Iterable[bytes], names: Iterable[str], position: int) -> None:
        """Note photos as done and file names as used, and that the output, which is on the disk, ends at `position`."""
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO done VALUES (?)", ((key,) for key in keys))
            self._db.executemany(
                "INSERT INTO names VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET used = used + 1",
                ((name,) for name in names),
            )
            self._note("position", str(position))
            self._db.execute("DELETE FROM about WHERE name = 'finished'")

    def finish(self) -> None:
        """Note that the run came to its end: the next one may replace its output."""
        with self._transaction():
            self._note("finished", "yes")

    def used(self, name: str) -> int:
        """How many photos have this name, case folded; commit makes them more."""
        row = self._db.execute("SELECT used FROM names WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _about(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
