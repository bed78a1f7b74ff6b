"""Photos with what was found drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.plate import Plate, Status

Picture = NDArray[np.uint8]

GREEN, AMBER, RED = (96, 174, 39), (24, 154, 243), (60, 64, 222)
GREY = (176, 170, 164)
INK = (255, 255, 255)
PAPER = (38, 30, 26)

UNREAD = {Status.TOO_SMALL: "too small", Status.UNREADABLE_PLATE: "unreadable"}
"""What stands where a plate has no text."""


def colour_of(plate: Plate) -> tuple[int, int, int]:
    """Green from a confidence of 0.9, amber from 0.5, red below, grey where nothing was read; blue, green, red."""
    if not plate.text:
        return GREY
    return GREEN if plate.confidence >= 0.9 else AMBER if plate.confidence >= 0.5 else RED


def annotate(photo: Picture, plates: Sequence[Plate]) -> Picture:
    """A copy of a BGR photo (H, W, 3) with each plate's outline, and its text and confidence or why it has none."""
    canvas = photo.copy()
    thickness = max(2, round(max(canvas.shape[:2]) / 400))
    for plate in plates:
        if plate.corners is not None:
            outline = [np.round(plate.corners.array * 16).astype(np.int32)]
            colour = colour_of(plate)
            cv2.polylines(canvas, outline, True, PAPER, thickness + 2, cv2.LINE_AA, shift=4)
            cv2.polylines(canvas, outline, True, colour, thickness, cv2.LINE_AA, shift=4)
    # Tags last, so that no outline crosses one.
    taken: list[tuple[int, int, int, int]] = []
    for plate in plates:
        if plate.corners is not None:
            _tag(canvas, plate, thickness, taken)
    return canvas


def _tag(canvas: Picture, plate: Plate, thickness: int, taken: list[tuple[int, int, int, int]]) -> None:
    assert plate.corners is not None
    height, width = canvas.shape[:2]
    size = int(np.clip(plate.corners.height * 0.75, max(14, height // 40), max(16, height // 14)))
    small = max(11, round(size * 0.6))
    font = cv2.FontFace("uni")
    text = plate.text
    note = f"{plate.confidence:.0%}" if text else UNREAD.get(plate.status, plate.status.value)
    if not text:
        # The note stands alone, where otherwise it stands behind the text.
        size = small
    pad = max(4, size // 3)
    text_w = _width(text, font, size, 700) + pad if text else 0
    w = min(width, text_w + _width(note, font, small, 400) + 2 * pad)
    h = min(height, size + pad + pad // 2)
    points = plate.corners.array
    x = int(np.clip(points[:, 0].mean() - w / 2, 0, width - w))
    above = int(points[:, 1].min()) - h - thickness - 2
    below = int(points[:, 1].max()) + thickness + 2
    places = [y for y in (above, below) if 0 <= y <= height - h] or [int(np.clip(above, 0, height - h))]
    free = [
        y
        for y in places
        if not any(x < tx + tw and tx < x + w and y < ty + th and ty < y + h for tx, ty, tw, th in taken)
    ]
    y = (free or places)[0]
    taken.append((x, y, w, h))
    _panel(canvas, x, y, w, h, radius=max(2, h // 5))
    bar = max(2, pad // 3)
    cv2.rectangle(canvas, (x, y + h // 5), (x + bar, y + h - h // 5), colour_of(plate), -1)
    baseline = y + pad // 2 + size
    if text:
        cv2.putText(canvas, text, (x + pad, baseline), INK, font, size, 700)
    cv2.putText(canvas, note, (x + pad + text_w, baseline), colour_of(plate), font, small, 400)


def _width(text: str, font: cv2.FontFace, size: int, weight: int) -> int:
    _, _, w, _ = cv2.getTextSize((10_000, 10_000), text, (0, 0), font, size, weight)
    return int(w)


def _panel(canvas: Picture, x: int, y: int, w: int, h: int, *, radius: int) -> None:
    """A dark rounded panel through which the photo shines a little."""
    mask = np.zeros((h, w), np.uint8)
    cv2.rectangle(mask, (radius, 0), (w - 1 - radius, h - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (w - 1, h - 1 - radius), 255, -1)
    for centre in (
        (radius, radius),
        (w - 1 - radius, radius),
        (radius, h - 1 - radius),
        (w - 1 - radius, h - 1 - radius),
    ):
        cv2.circle(mask, centre, radius, 255, -1, cv2.LINE_AA)
    alpha = mask[..., None].astype(np.float32) / 255 * 0.86
    part = canvas[y : y + h, x : x + w]
    part[:] = (part + alpha * (np.array(PAPER, np.float32) - part)).astype(np.uint8)


def annotated_name(source: str, used: set[str]) -> str:
    """A file name for an annotated photo, unlike those in `used`, to which it is added, case folded.

    `A.jpg` and `a.jpg` count as one name: on Windows and macOS they are one file.
    """
    stem = Path(source).stem
    name, n = f"{stem}.jpg", 1
    while name.casefold() in used:
        n += 1
        name = f"{stem}-{n}.jpg"
    used.add(name.casefold())
    return name


def save_jpeg(picture: Picture, path: Path, *, quality: int = 90) -> None:
    """Write a JPEG under any file name; `quality` is 0 to 100. Raises OSError if the disk refuses."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    path.write_bytes(data.tobytes())
