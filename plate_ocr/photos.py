"""Opening pictures safely, and finding them in folders."""

from __future__ import annotations

import glob
import io
import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: OpenCV's own limit is 2^30 pixels, 3 GB."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2"})


class PhotoError(ValueError):
    """A picture cannot be opened; the message names it and says why."""


def load(source: str | os.PathLike[str] | bytes | NDArray[Any], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """A picture as BGR uint8 (H, W, 3), turned upright after its EXIF orientation.

    Takes a path, the bytes of an encoded picture, or pixels: uint8 or uint16, grey, BGR or BGRA. 16 bits are scaled to
    8; transparent parts become white. Raises PhotoError if it is missing, no regular file, empty, damaged, truncated,
    no picture, or larger than `max_pixels`.
    """
    if isinstance(source, np.ndarray):
        return _as_bgr(source, "<array>")
    if isinstance(source, bytes):
        return _decode(source, "<bytes>", max_pixels)
    name = os.fspath(source)
    return _decode(_read(name), printable(name), max_pixels)


def printable(name: str) -> str:
    """A file name that can be written anywhere: what is no Unicode in it becomes backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _read(name: str) -> bytes:
    shown = printable(name)
    try:
        # A FIFO or a device could block for ever; look before opening.
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode):
            raise PhotoError(f"{shown}: a folder, where a picture is needed")
        if not stat.S_ISREG(mode):
            raise PhotoError(f"{shown}: not a regular file")
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise PhotoError(f"{shown}: no such file") from None
    except PermissionError:
        raise PhotoError(f"{shown}: no permission to read it") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(f"{shown}: cannot be read ({error})") from None


def _decode(data: bytes, name: str, max_pixels: int) -> NDArray[np.uint8]:
    if not data:
        raise PhotoError(f"{name}: the file is empty")
    width, height, kind = _header(data, name)
    if width * height > max_pixels:
        raise PhotoError(f"{name}: {width} x {height}, more pixels than the {max_pixels:,} that are allowed")
    # Depending on its version, OpenCV pads a truncated JPEG with grey instead of refusing it; the end marker tells.
    if kind == "JPEG" and data.rfind(b"\xff\xd9") < 0:
        raise PhotoError(f"{name}: the JPEG is truncated; copy it again")
    flags = cv2.IMREAD_COLOR if kind == "JPEG" else cv2.IMREAD_UNCHANGED
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise PhotoError(f"{name}: the {kind} is damaged or truncated")
    return _as_bgr(pixels, name)


def _header(data: bytes, name: str) -> tuple[int, int, str]:
    """Width, height and format, without decoding: a bomb must be refused before it is unpacked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.width, picture.height, picture.format or "picture"
    except Image.DecompressionBombError:
        raise PhotoError(f"{name}: far more pixels than the {MAX_PIXELS:,} that are allowed") from None
    except Exception:  # Pillow's readers raise many kinds on damaged headers; to the user they are one
        raise PhotoError(f"{name}: not a picture that can be read") from None


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
    for given in inputs:
        entry = os.fspath(given)
        if os.path.isdir(entry):
            found: Iterable[str] = _walk(entry)
            complaint = (
                f"{printable(entry)}: no picture in this folder (looked for {', '.join(sorted(PHOTO_SUFFIXES))})"
            )
        elif glob.has_magic(entry) and not os.path.lexists(entry):
            found = (p for p in sorted(glob.glob(entry, recursive=True)) if not os.path.isdir(p))
            complaint = f"{printable(entry)}: no file matches this pattern"
        else:
            found, complaint = [entry], ""
        empty = True
        for path in found:
            empty = False
            if path not in seen:
                seen.add(path)
                yield path
        if empty:
            raise PhotoError(complaint)


def _walk(folder: str) -> Iterator[str]:
    # os.walk follows no symbolic link to a folder, so it cannot run in circles.
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES:
                yield os.path.join(place, name)
