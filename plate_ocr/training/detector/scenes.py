"""The photos that a detector's run learns from, and the plates in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plate_ocr.detection.quads import Quads
from plate_ocr.labels import UNLABELLED, LabelError, corners_of, read_photos, read_rows
from plate_ocr.training.detector.config import DetectorConfig

NONE: Quads = np.zeros((0, 4, 2), np.float32)


@dataclass(frozen=True)
class Scene:
    """A photo's path and the corners (N, 4, 2) of its labelled plates, in its pixels; none on a plate-free one. What is
    asked of `perhaps` is nothing: nobody could tell whether these are plates."""

    path: Path
    quads: Quads
    source: str
    perhaps: Quads = field(default_factory=lambda: NONE)


def read_scenes(config: DetectorConfig, splits: Sequence[str]) -> list[Scene]:
    """The photos of the run's tables whose plates have corners, with what its tables of unlabelled ones add. Raises
    LabelError for an unusable table."""
    more = _read_unlabelled(config)
    factors = {source: (wide, high) for source, wide, high in config.grow}
    scenes = []
    for photo in (photo for table in config.scenes for photo in read_photos(Path(table), splits or None)):
        factor = factors.get(photo.source, (1.0, 1.0))
        quads = [_grow(plate.corners.array, *factor) for plate in photo.plates if plate.corners]
        seen = more.get(photo.name, ())
        quads += [quad for quad, sure in seen if sure]
        if quads:
            perhaps = [quad for quad, sure in seen if not sure]
            scenes.append(Scene(photo.path, np.stack(quads), photo.source, np.stack(perhaps) if perhaps else NONE))
    return scenes


def read_backgrounds(config: DetectorConfig, splits: Sequence[str]) -> list[Scene]:
    """The photos without plates of the run's tables. Raises LabelError for an unusable table."""
    photos = (photo for table in config.backgrounds for photo in read_photos(Path(table), splits or None))
    return [Scene(photo.path, NONE, photo.source) for photo in photos if not photo.plates]


def _grow(quad: Quads, wide: float, high: float) -> Quads:
    """A quad resized about its middle, along its own edges."""
    a, b, c, d = quad.astype(np.float64)
    right, down = (b - a + c - d) / 4 * (wide - 1), (d - a + c - b) / 4 * (high - 1)
    return np.array([a - right - down, b + right - down, c + right + down, d - right + down], np.float32)


def _read_unlabelled(config: DetectorConfig) -> dict[str, list[tuple[Quads, bool]]]:
    """The corners of plates that a photo, by its name, shows without a label, and whether they surely are plates."""
    plates: dict[str, list[tuple[Quads, bool]]] = {}
    if not config.unlabelled:
        return plates
    known = {photo.name for table in config.scenes for photo in read_photos(Path(table))}
    for table in config.unlabelled:
        for origin, row in read_rows(Path(table), UNLABELLED, None):
            name, corners, shows = row["image_path"] or "", corners_of(origin, row), row["shows"]
            if corners is None or shows not in ("plate", "perhaps"):
                raise LabelError(f"{origin}: eight numbers are needed, and in the column shows: plate, or perhaps")
            if name not in known:
                raise LabelError(f"{origin}: no photo {name} in {', '.join(config.scenes)}; give it as folder/name")
            plates.setdefault(name, []).append((corners.array.astype(np.float32), shows == "plate"))
    return plates
