"""Photos behind an address, s3://bucket/folder or file:///folder, by way of Apache Arrow, which knows such places."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from plate_ocr.batch.sources import Shard, listed
from plate_ocr.photos import PHOTO_SUFFIXES, Limits, PhotoError, blamed_on, printable
from plate_ocr.plate import Plate, Status

if TYPE_CHECKING:
    from plate_ocr.batch.settings import ReadingSettings
    from plate_ocr.reader import PlateReader

FETCHERS = 8
"""Photos that are fetched at once: a store answers slowly, and many at a time."""


class AddressError(ValueError):
    """A place cannot be reached; the message names it and says why."""


def is_address(text: str) -> bool:
    """Whether a text is an address such as s3://bucket/folder, and no path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def open_address(address: str) -> tuple[Any, str]:
    """The pyarrow file system of an address, and the path within it: what follows the first single slash, as it
    stands. Raises AddressError if the place is unknown or out of reach."""
    scheme, _, rest = address.partition("://")
    place, _, path = rest.partition("/")
    if ":" in place.partition("@")[0] and "@" in place:
        raise AddressError(
            f"{scheme}://…@{place.rpartition('@')[2]}: a secret in an address would stand in every row; give it as the "
            "environment variables or the profile that the store's own tools know"
        )
    files, top = _place(f"{scheme}://{place}/")
    return files, f"{top.rstrip('/')}/{path}"


@cache
def _place(root: str) -> tuple[Any, str]:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.fs  # type: ignore[import-untyped]

    try:
        files, top = pa.fs.FileSystem.from_uri(root)
    except (OSError, ValueError, ImportError) as error:
        raise AddressError(f"{root}: cannot be reached ({error})") from None
    return files, str(top)


def photos_of(entries: Iterable[str], shard: Shard | None, complain: Callable[[str], object]) -> Iterator[str]:
    """Like `listed`, and entries may be addresses. Raises AddressError if one cannot be reached."""
    for entry in entries:
        if not is_address(entry):
            yield from listed([entry], shard, complain)
            continue
        start = len(entry.rstrip("/")) + 1
        try:
            for photo in _scan(entry):
                if shard is None or shard.holds(photo[start:] or photo):
                    yield photo
        except PhotoError as error:
            complain(str(error))


def _scan(address: str) -> Iterator[str]:
    """Addresses of the pictures below one, in the order in which a folder is read; of a single file, its own."""
    import pyarrow as pa
    import pyarrow.fs

    files, path = open_address(address)
    path = path.rstrip("/") or "/"
    try:
        if files.get_file_info(path).type is not pa.fs.FileType.Directory:
            yield address
            return
        infos = files.get_file_info(pa.fs.FileSelector(path, recursive=True))
    except (OSError, ValueError) as error:
        raise AddressError(f"{printable(address)}: cannot be listed ({error})") from None
    names = [i.path[len(path) :].lstrip("/") for i in infos if i.type is pa.fs.FileType.File]
    pictures = sorted(filter(_is_picture, names), key=_order)
    if not pictures:
        looked_for = ", ".join(sorted(PHOTO_SUFFIXES))
        raise PhotoError(f"{printable(address)}: no picture in this folder (looked for {looked_for})")
    for name in pictures:
        yield f"{address.rstrip('/')}/{name}"


def _is_picture(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES


def _order(name: str) -> list[tuple[bool, str]]:
    """A folder's own pictures come before those of its folders."""
    *folders, own = name.split("/")
    return [*((True, folder) for folder in folders), (False, own)]


def fetch(address: str, most: int) -> bytes:
    """The bytes of a file. Raises PhotoError, in the words of `photos.load`, if it is missing, has more than `most`
    bytes, or cannot be had."""
    with blamed_on(address):
        files, path = open_address(address)
        with files.open_input_file(path) as stream:
            if stream.size() > most:
                raise PhotoError(f"{printable(address)}: {stream.size():,} bytes, too large for a picture; remove it")
            return bytes(stream.read())


class FetchingReader:
    """A reader that takes addresses, too."""

    def __init__(self, reader: PlateReader, limits: Limits) -> None:
        self._reader, self._limits = reader, limits

    def read_many(self, photos: Iterable[str], *, batch: int) -> Iterator[Plate]:
        """The plates of photos, as PlateReader gives them; `photos` are held in memory together."""
        names = list(photos)
        with ThreadPoolExecutor(FETCHERS) as pool:
            fetched = list(pool.map(self._fetch, names))
        # An empty photo keeps the place of one that could not be had.
        inside = (b"" if isinstance(one, PhotoError) else one for one in fetched)
        place = -1
        for plate in self._reader.read_many(inside, batch=batch):
            place += plate.number <= 1
            name, one = names[place], fetched[place]
            if isinstance(one, PhotoError):
                yield Plate(name, status=Status.UNREADABLE_PHOTO, message=str(one))
            elif isinstance(one, bytes):
                yield replace(plate, source=name, message=plate.message.replace("<bytes>", printable(name), 1))
            else:
                yield plate

    def _fetch(self, name: str) -> str | bytes | PhotoError:
        """What the reader is to open; paths stay paths."""
        if not is_address(name):
            return name
        try:
            return fetch(name, self._limits.bytes)
        except PhotoError as error:
            return error


@dataclass(frozen=True)
class Fetching:
    """Opens FetchingReaders; goes to other processes."""

    settings: ReadingSettings

    def open(self, threads: int) -> FetchingReader:
        """A reader with these settings; raises what `ReadingSettings.open` raises."""
        return FetchingReader(self.settings.open(threads), self.settings.limits)
