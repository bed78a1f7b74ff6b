"""A table in parts: a folder of Parquet files, each of them there whole or not at all.

    plates.parquet/
      part-00000.parquet …   the rows of so many photos each
      _run/settings.json     what the rows depend on
      _run/photos.arrow      which photo belongs to which part

Names that begin with `_` or `.` are no data to those who read such folders. A part's photos are settled before it is
read, so whoever reads it, however often, writes the same file: nothing but its presence says that it is done.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from plate_ocr.batch.addresses import is_address
from plate_ocr.batch.journal import differences, photo_key
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.stores import open_store
from plate_ocr.plate import Plate

SIZE = 1_000
"""Photos of a part, unless told otherwise: what is lost when a machine is, and few enough files."""

_SETTINGS, _PHOTOS = "_run/settings.json", "_run/photos.arrow"
_PART = re.compile(r"part-(\d{5,})\.parquet")


class PartsError(ValueError):
    """A folder of parts cannot be begun, resumed or written; the message says why and what would do."""


class Parts:
    """A run's parts: their photos, and those that are done."""

    def __init__(self, output: str, settings: Mapping[str, str], *, resume: bool) -> None:
        """Begin a run or, with `resume`, go on with it. Raises PartsError if there is one that is not to be resumed, if
        its rows depend on other `settings`, or if the folder is none of ours."""
        self._output, self._store = output, open_store(output)
        self._photos: list[list[str]] = []
        names = self._names()
        if "_run" not in names:
            if names:
                raise PartsError(f"{output} holds something else, such as {min(names)}; give the name of a new folder")
            self._put(_SETTINGS, json.dumps(dict(settings), ensure_ascii=False, indent=1).encode())
            return
        try:
            before = json.loads(self._store.get(_SETTINGS))
            with suppress(FileNotFoundError):  # stopped before the photos were listed
                self._photos = _unpacked(self._store.get(_PHOTOS))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PartsError(f"{output}: what _run/ says cannot be read ({error}); write to a new folder") from None
        if not resume:
            raise PartsError(
                f"{output} holds a run, {len(self.done()):,} of {len(self._photos):,} parts are done: go on with "
                "--resume, or delete the folder to start over"
            )
        if changed := differences(before, settings):
            raise PartsError(
                f"{output} was begun with other settings: {changed}. Rows of both must not mix: "
                "repeat the former settings, or write to another folder"
            )

    def add(self, photos: Iterable[str], size: int) -> int:
        """Put the photos that are in no part into new ones, of `size` photos each; how many were given at all."""
        known = {_key(photo) for part in self._photos for photo in part}
        first, given = len(self._photos), 0
        for photo in photos:
            given += 1
            key = _key(photo)
            if key in known:
                continue
            known.add(key)
            if len(self._photos) == first or len(self._photos[-1]) == size:
                self._photos.append([])
            self._photos[-1].append(photo)
        if len(self._photos) > first:
            self._put(_PHOTOS, _packed(self._photos))
        return given

    def done(self) -> set[int]:
        """Numbers of the parts that are there."""
        return {int(found[1]) for found in map(_PART.fullmatch, self._names()) if found}

    def waiting(self) -> Iterator[tuple[int, list[str]]]:
        """The parts that are not there, and their photos."""
        done = self.done()
        for number, photos in enumerate(self._photos):
            if number not in done:
                yield number, photos

    def __len__(self) -> int:
        return len(self._photos)

    def _names(self) -> list[str]:
        try:
            return self._store.names()
        except (OSError, ValueError) as error:
            raise PartsError(f"{self._output}: cannot be listed ({_why(error)})") from None

    def _put(self, name: str, data: bytes) -> None:
        try:
            self._store.put(name, data)
        except (OSError, ValueError) as error:
            raise PartsError(f"{self._output} cannot be written ({_why(error)})") from None


def write_part(output: str, number: int, plates: Iterable[Plate]) -> None:
    """Write the rows of a part, as any Parquet table has them. Raises PartsError."""
    try:
        with tempfile.TemporaryDirectory(prefix="plate-ocr-") as folder:
            path = Path(folder) / "part.parquet"
            sink = open_sink(path)
            try:
                sink.rewind(0)
                for plate in plates:
                    sink.write(plate)
                sink.commit()
                sink.finish()
            finally:
                sink.close()
            open_store(output).put(f"part-{number:05d}.parquet", path.read_bytes())
    except OSError as error:
        raise PartsError(
            f"part {number} of {output} cannot be written ({_why(error)}): see to it, then go on with --resume"
        ) from None


def _why(error: Exception) -> object:
    return (error.strerror if isinstance(error, OSError) else None) or error


def _key(photo: str) -> bytes:
    # An address names a thing in one way, and says nothing of this machine's folders.
    return as_bytes([photo])[0] if is_address(photo) else photo_key(photo)


def _packed(parts: list[list[str]]) -> bytes:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.feather  # type: ignore[import-untyped]

    table = pa.table({"photos": pa.array([as_bytes(part) for part in parts], pa.list_(pa.large_binary()))})
    stream = pa.BufferOutputStream()
    pa.feather.write_feather(table, stream, compression="zstd")
    return bytes(stream.getvalue())


def _unpacked(data: bytes) -> list[list[str]]:
    import pyarrow as pa
    import pyarrow.feather

    return [as_names(part) for part in pa.feather.read_table(pa.BufferReader(data))["photos"].to_pylist()]


def as_bytes(names: Iterable[str]) -> list[bytes]:
    """Paths as bytes, also those that are no Unicode."""
    return [name.encode("utf-8", "surrogateescape") for name in names]


def as_names(data: Iterable[Any]) -> list[str]:
    """The paths that `as_bytes` gave."""
    return [bytes(name).decode("utf-8", "surrogateescape") for name in data]
