"""One sheet that shows what a training would see: real crops and what augmentation makes of them, and a whole batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.labels import LabelError
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.preprocess import fit
from plate_ocr.training.augmentation import Augment
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.rows import split_labels
from plate_ocr.training.samples import Samples

Sheet = NDArray[np.uint8]

COLUMNS = 7
TILE = (160, 66)
"""Width and height of the room for a picture."""

CAPTION = 18
GAP = 8
BATCH_ROWS = 4


def draw_samples(config: TrainConfig, *, crops: int = 8) -> Sheet:
    """Above, a row for each of some crops: as it is, and then augmented, as the network is given it; below, the first
    crops of the first batch, real and drawn as `config` mixes them, with the labels they are trained on. BGR uint8.

    The configuration's seed decides which. Raises LabelError for labels that cannot be trained on.
    """
    labels, _ = split_labels(config)
    rng = np.random.default_rng([config.seed, 9])
    chosen = sorted(rng.choice(len(labels), min(crops, len(labels)), replace=False))
    size = (config.architecture.height, config.architecture.width)
    augment = Augment()
    augment.seed(config.seed)
    tiles = []
    for label in (labels[place] for place in chosen):
        try:
            crop = load(label.path)
        except PhotoError as error:
            raise LabelError(f"{label.origin}: {error}") from None
        tiles.append((crop, label.text))
        tiles += [(fit(augment(crop), size), "") for _ in range(COLUMNS - 1)]
    sheet = [_heading("a crop as it is, and augmented as training sees it"), *_rows(tiles)] if tiles else []
    batch = list(_first_batch(config, COLUMNS * BATCH_ROWS))
    return np.vstack([*sheet, _heading(f"of the first batch, {config.synthetic:.0%} drawn"), *_rows(batch)])


def save_picture(picture: Sheet, path: Path) -> None:
    """Write a BGR picture as what its suffix says. Raises OSError if the disk refuses."""
    _, data = cv2.imencode(path.suffix, picture)
    path.write_bytes(data.tobytes())


def _first_batch(config: TrainConfig, number: int) -> Iterator[tuple[Sheet, str]]:
    labels, _ = split_labels(config)
    crops, classes = Samples(dataclasses.replace(config, batch=number), labels).batch(0, 0)
    alphabet = config.make_alphabet()
    for crop, row in zip(crops, classes, strict=True):
        yield crop, alphabet.decode(row) or "(nothing)"


def _rows(tiles: list[tuple[Sheet, str]]) -> Iterator[Sheet]:
    width, height = TILE
    for start in range(0, len(tiles), COLUMNS):
        strip = _blank(height + CAPTION + GAP)
        for column, (picture, text) in enumerate(tiles[start : start + COLUMNS]):
            scale = min(width / picture.shape[1], height / picture.shape[0])
            size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
            colour = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
            shown = cv2.resize(colour, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            x = GAP + column * (width + GAP)
            strip[: size[1], x : x + size[0]] = shown
            cv2.putText(strip, text, (x, height + CAPTION - 4), (60, 60, 60), cv2.FontFace("uni"), 14, 400)
        yield strip


def _heading(text: str) -> Sheet:
    strip = _blank(34)
    cv2.putText(strip, text, (GAP, 23), (40, 40, 40), cv2.FontFace("uni"), 15, 600)
    return strip


def _blank(height: int) -> Sheet:
    return np.full((height, GAP + COLUMNS * (TILE[0] + GAP), 3), 250, np.uint8)
