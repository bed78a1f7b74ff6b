"""Opening pictures safely, and finding them in folders."""

from __future__ import annotations

import glob
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: OpenCV's own limit is 2^30 pixels, 3 GB. Pillow, which reads the headers, refuses 179
million and more whatever is asked for."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2"})

# What OpenCV decodes. Pillow knows many more kinds, and asking it for those only ends in a misleading complaint.
_KINDS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "JPEG2000", "GIF", "PPM", "AVIF")
_ORIENTATION = 0x0112
_HEADERS = threading.Lock()


class PhotoError(ValueError):
    """A picture cannot be opened; the message names it and says why."""


def load(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[Any],
    *,
    grey: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """A picture as BGR uint8 (H, W, 3), turned upright after its EXIF orientation; with `grey`, as uint8 (H, W), which
    takes a JPEG half the time.

    Takes a path, the bytes of an encoded picture, or pixels: uint8 or uint16, grey, BGR or BGRA. 16 bits are scaled to
    8; transparent parts become white. Pixels that need no change may come back as they are, not as a copy.

    Raises PhotoError if it is missing, no regular file, empty, damaged, truncated, no picture, or larger than
    `max_pixels`.
    """
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


def _read(name: str, max_pixels: int) -> bytes:
    shown = printable(name)
    try:
        # A FIFO or a device could block for ever; look before opening.
        found = os.stat(name)
        if stat.S_ISDIR(found.st_mode):
            raise PhotoError(f"{shown}: a folder, where a picture is needed")
        if not stat.S_ISREG(found.st_mode):
            raise PhotoError(f"{shown}: not a regular file; copy the picture into one")
        # 8 bytes a pixel is the largest picture there is, 16-bit BGRA unpacked; more must not get into memory.
        if found.st_size > 8 * max_pixels + (64 << 20):
            raise PhotoError(f"{shown}: {found.st_size:,} bytes, too large for a picture; remove it")
        return Path(name).read_bytes()
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{shown}: no such file; check the name") from None
    except PermissionError:
        raise PhotoError(f"{shown}: no permission to read it") from None
    except (OSError, ValueError) as error:
        raise PhotoError(f"{shown}: cannot be read ({error})") from None


def _decode(data: bytes, name: str, grey: bool, max_pixels: int) -> NDArray[np.uint8]:
    if not data:
        raise PhotoError(f"{name}: the file is empty; copy it again")
    kind, flags = _header(data, name, max_pixels)
    if kind == "JPEG" and not _ends(data):
        raise PhotoError(f"{name}: the JPEG is truncated; copy it again")
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
    the bottom in sorted order, and glob patterns. Each path is given once.

    Raises PhotoError for a folder or a pattern without a picture.
    """
    seen: set[str] = set()
    for given in [inputs] if isinstance(inputs, str | os.PathLike) else inputs:
        entry = os.fspath(given)
        if os.path.isdir(entry):
            found: Iterable[str] = _walk(entry)
            looked_for = ", ".join(sorted(PHOTO_SUFFIXES))
            complaint = f"{printable(entry)}: no picture in this folder (looked for {looked_for})"
        elif glob.has_magic(entry) and not os.path.lexists(entry):
            found = (p for p in sorted(glob.iglob(entry, recursive=True)) if not os.path.isdir(p))
            complaint = f"{printable(entry)}: no file matches this pattern"
        else:
            found, complaint = [entry], ""
        empty = True
        for path in found:
            empty = False
            # ./car.jpg is car.jpg, and ** follows links to folders, in circles too. A link to a file is its own file.
            folder, name = os.path.split(path)
            place = os.path.join(os.path.realpath(folder), name)
            if place not in seen:
                seen.add(place)
                yield path
        if empty:
            raise PhotoError(complaint)


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        if error.filename == folder:
            raise PhotoError(f"{printable(folder)}: the folder cannot be opened ({error.strerror})") from None

    # os.walk follows no symbolic link to a folder, so it cannot run in circles.
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES:
                yield os.path.join(place, name)
