"""Folders, here or elsewhere, whose files are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from plate_ocr.batch.addresses import is_address, open_address


class StoreError(ValueError):
    """A folder cannot be used; the message names it and what would do."""


class Store(Protocol):
    """A folder, here or elsewhere. All methods raise OSError."""

    def names(self) -> list[str]:
        """What lies in the folder itself; nothing if there is none."""

    def get(self, name: str) -> bytes:
        """A file's bytes."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file; it is there whole or not at all."""


class LocalStore:
    """A folder of this machine, or of a file system that is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """What lies in the folder itself; nothing if there is none."""
        with suppress(FileNotFoundError):
            return os.listdir(self._folder)
        return []

    def get(self, name: str) -> bytes:
        """A file's bytes."""
        return (self._folder / name).read_bytes()

    def put(self, name: str, data: bytes) -> None:
        """Write a file under another name, wait for the disk, and rename it."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Somebody who was given up may still be writing the same part.
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            with partial.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


class DistantStore:
    """A folder behind an address."""

    _OBJECTS = ("s3", "gcs", "abfs")
    """File systems in which a file appears when it is complete, and renaming is copying."""

    def __init__(self, address: str) -> None:
        self._files, path = open_address(address)
        self._folder = path.rstrip("/")

    def names(self) -> list[str]:
        """What lies in the folder itself; nothing if there is none."""
        import pyarrow.fs  # type: ignore[import-untyped]

        selector = pyarrow.fs.FileSelector(self._folder, allow_not_found=True)
        return [info.base_name for info in self._files.get_file_info(selector)]

    def get(self, name: str) -> bytes:
        """A file's bytes."""
        with self._files.open_input_file(f"{self._folder}/{name}") as stream:
            return bytes(stream.read())

    def put(self, name: str, data: bytes) -> None:
        """Write a file in one go; where that may stay half done, under another name, which is changed then."""
        path = f"{self._folder}/{name}"
        if self._files.type_name in self._OBJECTS:
            self._write(path, data)
            return
        place, _, own = path.rpartition("/")
        self._files.create_dir(place, recursive=True)
        partial = f"{place}/.{own}.{uuid.uuid4().hex}.partial"
        self._write(partial, data)
        self._files.move(partial, path)

    def _write(self, path: str, data: bytes) -> None:
        with self._files.open_output_stream(path) as stream:
            stream.write(data)
        if self._files.get_file_info(path).size != len(data):
            with suppress(OSError):
                self._files.delete_file(path)
            raise OSError(f"{path}: not all of it was written")


def open_store(output: str) -> Store:
    """The folder that a path or an address stands for. Raises AddressError, and StoreError for a file."""
    if is_address(output):
        return DistantStore(output)
    if Path(output).is_file():
        raise StoreError(f"{output} is a file; parts are written into a folder: give another name, or move it away")
    return LocalStore(Path(output))
