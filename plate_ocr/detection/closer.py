"""The closer look: a window about each find, and in it the four corners, each sought by itself near where the find has
it.

Each cell near a corner votes for where that is; the votes are averaged by how much each cell has to say, so that the
corner lies between pixels and a loss of it can be learned from (Sun et al., "Integral human pose regression", 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.engine import Engine, open_network, run_network
from plate_ocr.detection.grid import GREY, LEVELS, MAPS
from plate_ocr.detection.quads import Quads, length, mapped, overlap, usable
from plate_ocr.model_store import CLOSER, ModelError, open_detector

Picture = NDArray[np.uint8]

WINDOW = (192, 128)
"""Width and height of the window in which a plate's corners are looked at more closely."""

LENGTH = 112.0
"""The plate's length in it: a cell is a fourteenth of that."""

REACH = 40.0
"""How far from a find's corner the better one is sought, in pixels of the window."""

SAME = 0.1
"""What shares less (IoU) with the find is another thing."""

MOVED, DOUBTED, ROUNDS = 0.15, 0.3, 3
"""Where a corner has moved by more than the share MOVED of the plate's length, and the score is at least DOUBTED, the
find is looked at again from its new corners, up to ROUNDS looks in all. Of a plate in a large photo, the first look
knows little more than where it is."""

TOGETHER = 8
"""Windows that go through the network at once; together they are smaller than a photo's first look."""

LEVEL = LEVELS[0]
COLUMNS, ROWS = (side // LEVEL.stride for side in WINDOW)
CENTRES = LEVEL.centres(*np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))).reshape(-1, 2)
"""The cells' centres (rows x columns, 2) in pixels of the window."""

MIDDLE = (slice(ROWS // 2 - 1, ROWS // 2 + 1), slice(COLUMNS // 2 - 2, COLUMNS // 2 + 2))
"""The cells in the window's middle, which say whether it is a plate."""


class CloserLook:
    """Gives finds finer corners and a second score. Safe to call from several threads."""

    def __init__(self, model: str | Path = CLOSER, *, threads: int = 0, engine: Engine = "onnxruntime") -> None:
        """`model` is a shipped name or the folder of a run. Raises ModelError if it is missing, damaged or of another
        kind."""
        files = open_detector(model)
        if not files.about.get("closer"):
            raise ModelError(f"{files.folder} is a detector for whole photos, not one for the closer look")
        self._network = open_network(files, MAPS[:1], engine, threads)

    def __call__(self, photo: Picture, found: Sequence[tuple[Quads, float]]) -> list[tuple[Quads, float]]:
        """The quads (4, 2) and scores of finds in a grey photo after a look at each; a score is the root of what the
        first look and this one give. What has moved far is looked at again from there."""
        finds = [quad for quad, _ in found]
        seconds = [0.0] * len(found)
        unsettled = list(range(len(found)))
        for _ in range(ROUNDS):
            looks = self._look(photo, [finds[i] for i in unsettled])
            moved = []
            for i, (better, second) in zip(unsettled, looks, strict=True):
                seconds[i] = second
                if usable(better) and overlap(better, finds[i])[0] >= SAME:
                    far = np.abs(better - finds[i]).max() > MOVED * length(better)
                    if far and second >= DOUBTED:
                        moved.append(i)
                    finds[i] = better
            if not (unsettled := moved):
                break
        return [
            (quad, float(np.sqrt(first * second)))
            for quad, (_, first), second in zip(finds, found, seconds, strict=True)
        ]

    def _look(self, photo: Picture, finds: Sequence[Quads]) -> list[tuple[Quads, float]]:
        windows, matrices = zip(*(window(photo, quad) for quad in finds), strict=True)
        quads = np.stack([mapped(quad, matrix) for quad, matrix in zip(finds, matrices, strict=True)])
        # Some at a time: the network keeps the memory of its largest run.
        runs = [
            run_network(self._network, np.stack(windows[i : i + TOGETHER]))[0] for i in range(0, len(windows), TOGETHER)
        ]
        corners, scores = read_corners(np.concatenate(runs), quads)
        back = [cv2.invertAffineTransform(matrix) for matrix in matrices]
        return [(mapped(quad, m), float(score)) for quad, m, score in zip(corners, back, scores, strict=True)]


def read_corners(maps: NDArray[np.float32], finds: Quads) -> tuple[Quads, NDArray[np.float32]]:
    """Corners (N, 4, 2) in pixels of the window, and scores (N,), from the network's maps (N, rows, columns, 13) - a
    score's logit, eight offsets, and how much each cell has to say of each corner - and the finds (N, 4, 2) there."""
    n = len(maps)
    cells = maps.reshape(n, ROWS * COLUMNS, 13)
    votes = CENTRES[:, None] + cells[..., 1:9].reshape(n, -1, 4, 2) * np.float32(LEVEL.unit)
    say = np.where(near(finds), cells[..., 9:], -np.inf)
    share = np.exp(say - say.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    logits = maps[:, *MIDDLE, 0].mean(axis=(1, 2))
    return (share[..., None] * votes).sum(axis=1, dtype=np.float32), 1 / (1 + np.exp(-logits))


def near(finds: Quads) -> NDArray[np.bool_]:
    """Of each find (N, 4, 2) in the window's pixels, which cells are asked for each corner: (N, cells, 4)."""
    inside = np.clip(finds, 0, np.array(WINDOW, np.float32))
    # In NumPy, several times as fast as the norm over a last axis of two.
    across, down = (CENTRES[:, None, axis] - inside[:, None, :, axis] for axis in (0, 1))
    return np.asarray(across * across + down * down < np.float32(REACH**2))


def window(photo: Picture, quad: Quads, long: float = LENGTH) -> tuple[Picture, NDArray[np.float64]]:
    """A grey photo's piece about a plate, WINDOW in size with the plate `long` pixels long (enlarged at most to double
    size), and the matrix (2, 3) from the photo to it."""
    scale = min(2.0, long / max(1.0, length(quad)))
    target = np.array(WINDOW) / 2
    middle = (quad.max(axis=0) + quad.min(axis=0)).astype(np.float64) / 2
    matrix = np.column_stack((np.eye(2) * scale, target - scale * middle))
    warp = matrix
    if scale < 0.7:
        # A warp samples single pixels; where the plate is much larger than in the window, that aliases. Shrink first.
        low = np.maximum(np.floor(middle - target / scale - 2).astype(int), 0)
        high = np.ceil(middle + target / scale + 2).astype(int)
        part = photo[low[1] : high[1], low[0] : high[0]]
        if part.size:
            photo = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
            ratio = np.array(photo.shape[::-1]) / np.array(part.shape[::-1])
            warp = np.column_stack((np.diag(scale / ratio), target - scale * (middle - low)))
    # Corners count from the photo's edge, a warp from the middle of its first pixel.
    shift = warp[:, :2] @ np.array([0.5, 0.5]) - 0.5
    warp = np.column_stack((warp[:, :2], warp[:, 2] + shift))
    piece = cv2.warpAffine(
        photo, warp, WINDOW, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY
    )
    return np.asarray(piece, dtype=np.uint8), matrix
