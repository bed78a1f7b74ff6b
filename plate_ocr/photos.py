"""Opening pictures safely, and finding them in folders."""

from __future__ import annotations

import glob
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: OpenCV's own limit is 2^30 pixels, 3 GB. Pillow, which reads the headers, refuses 179
million and more whatever is asked for."""

MAX_BYTES = 256 << 20
"""Larger files are not read: the largest photos of cameras have a tenth of that."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2"})

# What OpenCV decodes. Pillow knows many more kinds, and asking it for those only ends in a misleading complaint.
_KINDS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "JPEG2000", "GIF", "PPM", "AVIF")
_ORIENTATION = 0x0112
_HEADERS = threading.Lock()


BLOCK = 10_000
"""Entries of a folder that are sorted at a time."""


class PhotoError(ValueError):
    """A picture cannot be opened; the message names it and says why."""


@dataclass(frozen=True)
class Limits:
    """What `load` takes unless told otherwise: pixels of a picture, and bytes of a file."""

    pixels: int = MAX_PIXELS
    bytes: int = MAX_BYTES


_limits = Limits()


def set_limits(limits: Limits) -> None:
    """Set the limits of this process, before it opens photos."""
    global _limits
    _limits = limits


def load(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[Any],
    *,
    grey: bool = False,
    max_pixels: int | None = None,
) -> NDArray[np.uint8]:
    """A picture as BGR uint8 (H, W, 3), turned upright after its EXIF orientation; with `grey`, as uint8 (H, W), which
    takes a JPEG half the time.

    Takes a path, the bytes of an encoded picture, or pixels: uint8 or uint16, grey, BGR or BGRA. 16 bits are scaled to
    8; transparent parts become white. Pixels that need no change may come back as they are, not as a copy.

    Raises PhotoError if it is missing, no regular file, empty, damaged, truncated, no picture, or larger than
    `max_pixels` (without it, what `set_limits` said).
    """
    max_pixels = max_pixels or _limits.pixels
    if isinstance(source, np.ndarray):
        return _as_asked(source, "<array>", grey)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), "<bytes>", grey, max_pixels)
    name = os.fsdecode(source)
    return _decode(_read(name, max_pixels), printable(name), grey, max_pixels)


def printable(name: str) -> str:
    """A file name that can be written anywhere: bytes and surrogates that are no Unicode become backslash escapes."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte, as Windows allows
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def blamed_on(name: str) -> Iterator[None]:
    """What the system says of a file that cannot be had, as a PhotoError in our words that names it."""
    shown = printable(name)
    try:
        yield
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{shown}: no such file; check the name") from None
    except PermissionError:
        raise PhotoError(f"{shown}: no permission to read it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise PhotoError(f"{shown}: cannot be read ({reason})") from None


def _read(name: str, max_pixels: int) -> bytes:
    shown = printable(name)
    with blamed_on(name):
        # A FIFO or a device could block for ever, and opening some devices does things: look before opening.
        found = os.stat(name)
        if stat.S_ISDIR(found.st_mode):
            raise PhotoError(f"{shown}: a folder, where a picture is needed; if its photos are, check its permissions")
        if not stat.S_ISREG(found.st_mode):
            raise PhotoError(f"{shown}: not a regular file; copy the picture into one")
        # 8 bytes a pixel is the largest picture there is, 16-bit BGRA unpacked; more must not get into memory.
        most = min(_limits.bytes, 8 * max_pixels + (64 << 20))
        if found.st_size > most:
            raise PhotoError(f"{shown}: {found.st_size:,} bytes, too large for a picture; remove it")
        data = Path(name).read_bytes()
        if len(data) > most:
            raise PhotoError(f"{shown}: grew over {most:,} bytes while it was read; copy it again")
        return data


def _decode(data: bytes, name: str, grey: bool, max_pixels: int) -> NDArray[np.uint8]:
    if not data:
        raise PhotoError(f"{name}: the file is empty; copy it again")
    kind, flags = _header(data, name, max_pixels)
    if kind == "JPEG" and not _ends(data):
        raise PhotoError(f"{name}: the JPEG is truncated; copy it again")
    if kind == "PNG" and not _chunks_fit(data):
        raise PhotoError(f"{name}: the PNG is damaged or truncated; copy it again")
    if grey and flags == cv2.IMREAD_COLOR:
        flags = cv2.IMREAD_GRAYSCALE
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise PhotoError(f"{name}: the {kind} is damaged or truncated; copy it again")
    return _as_asked(pixels, name, grey)


def _header(data: bytes, name: str, max_pixels: int) -> tuple[str, int]:
    """The format, and how to decode it, without decoding: a bomb must be refused before it is unpacked."""
    too_large = f"more pixels than the {max_pixels:,} that are allowed; shrink it"
    try:
        # catch_warnings swaps a list that all threads share.
        with _HEADERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_KINDS) as picture:
                width, height, info = picture.width, picture.height, picture.info
                kind = "JPEG" if data.startswith(b"\xff\xd8") else picture.format or "picture"
                clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in info
                # Asked without its EXIF at hand, a PNG would be decoded in search of it.
                turned = "exif" in info and picture.getexif().get(_ORIENTATION, 1) != 1
    except Image.DecompressionBombError:
        raise PhotoError(f"{name}: far {too_large}") from None
    except Exception:  # Pillow's readers raise many kinds on damaged headers; to the user they are one
        raise PhotoError(f"{name}: not a picture that can be read; convert it to JPEG or PNG") from None
    if width * height > max_pixels:
        raise PhotoError(f"{name}: {width} x {height}, {too_large}")
    # IMREAD_COLOR honours the EXIF orientation and drops transparency, IMREAD_UNCHANGED the reverse; a picture that
    # has both is better upright. A TIFF is turned either way, and its floats are seen only unchanged.
    keep = kind == "TIFF" or (clear and not turned)
    return kind, cv2.IMREAD_UNCHANGED if keep else cv2.IMREAD_COLOR


def _ends(data: bytes) -> bool:
    """Whether a JPEG has its end marker.

    Depending on its version, OpenCV pads a truncated JPEG with grey instead of refusing it, and a second decoder would
    cost as much as the first. Within the picture's own data no other byte pair can look like the marker, but the
    thumbnail in the header has one too: so hop over the header, then look from the back, where it is found at once.
    """
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in (b"\xff", b""):
        if data[place + 1] == 0xDA:  # the picture's own data starts here
            break
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.rfind(b"\xff\xd9", min(place, len(data))) >= 0


def _chunks_fit(data: bytes) -> bool:
    """Whether each chunk of a PNG ends within it, and the last one comes after the picture's own data.

    OpenCV makes room for what a chunk claims, up to 4 GB, before it looks whether there is so much; and where the end
    comes before the data, it reads on beyond it.
    """
    place, drawn = 8, False
    while place < len(data):
        kind = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        drawn = drawn or kind == b"IDAT"
        if kind == b"IEND":
            return drawn and place <= len(data)
    return place <= len(data)


def _as_asked(pixels: NDArray[Any], name: str, grey: bool) -> NDArray[np.uint8]:
    if grey and pixels.ndim == 2 and pixels.dtype == np.uint8 and pixels.size:
        return np.ascontiguousarray(pixels)
    colour = _as_bgr(pixels, name)
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), dtype=np.uint8) if grey else colour


def _as_bgr(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or pixels.size == 0:
        raise PhotoError(
            f"{name}: pixels must be uint8 or uint16 of shape (H, W), (H, W, 3) BGR or (H, W, 4) BGRA, "
            f"not {pixels.dtype} {pixels.shape}"
        )
    if channels == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if channels == 4:
        alpha = pixels[:, :, 3:].astype(np.uint16)
        blended = (pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
        return blended.astype(np.uint8)
    return np.ascontiguousarray(pixels)


def find(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Paths of pictures: files as they are given (also missing ones, so that each gets its row), folders searched to
    the bottom like `scan`, and glob patterns. Each path is given once.

    Raises PhotoError for a folder or a pattern without a picture.
    """
    seen: set[str] = set()
    for given in [inputs] if isinstance(inputs, str | os.PathLike) else inputs:
        for path in scan(os.fspath(given)):
            place = place_of(path)
            if place not in seen:
                seen.add(place)
                yield path


def place_of(path: str) -> str:
    """One name for all ways to name a file: ./car.jpg is car.jpg, and ** follows links to folders, in circles too. A
    link to a file is a file of its own."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def scan(entry: str) -> Iterator[str]:
    """Paths of the pictures that one file, folder or glob pattern stands for, while they are found.

    A folder's own pictures come before those of its folders. Both are sorted by name within each BLOCK entries that the
    system lists, so that a folder of a million photos need not be listed before the first is read. Names that begin
    with a dot are left out, links to folders not followed. A folder within that cannot be listed is given as if it were
    a picture, so that it is told of.

    Raises PhotoError for a folder or a pattern without a picture.
    """
    if os.path.isdir(entry):
        found: Iterable[str] = _walk(entry)
        looked_for = ", ".join(sorted(PHOTO_SUFFIXES))
        complaint = f"{printable(entry)}: no picture in this folder (looked for {looked_for})"
    elif glob.has_magic(entry) and not os.path.lexists(entry):
        matches = glob.iglob(entry, recursive=True)
        found = (p for block in _sorted_blocks(matches) for p in block if not os.path.isdir(p))
        complaint = f"{printable(entry)}: no file matches this pattern"
    else:
        found, complaint = [entry], ""
    empty = True
    for path in found:
        empty = False
        yield path
    if empty:
        raise PhotoError(complaint)


def _walk(top: str) -> Iterator[str]:
    waiting = [top]
    while waiting:
        place = waiting.pop()
        folders: list[str] = []
        try:
            with os.scandir(place) as entries:
                for block in _sorted_blocks(e for e in entries if not e.name.startswith(".")):
                    for entry in block:
                        # A link to a folder is not followed, so nothing runs in circles.
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        elif os.path.splitext(entry.name)[1].lower() in PHOTO_SUFFIXES and not os.path.isdir(
                            entry.path
                        ):
                            yield entry.path
        except OSError as error:
            if place == top:
                raise PhotoError(f"{printable(top)}: the folder cannot be opened ({error.strerror})") from None
            yield place
        waiting += sorted(folders, reverse=True)


_T = TypeVar("_T", str, os.DirEntry[str])


def _sorted_blocks(entries: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(entries)
    while block := list(islice(iterator, BLOCK)):
        yield sorted(block, key=os.fspath)
