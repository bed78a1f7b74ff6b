"""Photos with corners, and pieces of them as the detector's network is to see them.

Batch `index` of epoch `epoch` is a function of the seed alone: a resumed run sees what an uninterrupted one would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.grid import GREY
from plate_ocr.detection.network import NetworkDetector
from plate_ocr.detection.quads import Quads, overlap
from plate_ocr.labels import LabelError
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.hardship import hard_scene
from plate_ocr.synthesis.pasted import paste, place
from plate_ocr.synthesis.region import load_regions
from plate_ocr.synthesis.signs import draw_sign
from plate_ocr.synthesis.weather import Place, camera, photographed
from plate_ocr.training.detector.config import DetectorConfig
from plate_ocr.training.detector.scenes import Scene
from plate_ocr.training.detector.targets import encode
from plate_ocr.training.detector.windows import ELSEWHERE, Window, about, anywhere, encode_window, inexact

Picture = NDArray[np.uint8]

LARGEST = 1280
"""The longer side of photos as they are kept in memory."""

TINY = 9.0
"""A plate of fewer pixels in width is left undecided: neither found nor missed."""

QUARTER = 0.08
"""The share of pieces that lie on their side: cameras forget to note which way up they were held."""

CLOSE_UP = 0.07
"""The share of pieces that are cut to a plate, as a crop given in place of a photo is."""

STEEP, STEEP_CLOSER = 0.15, 0.35
"""The share of drawn plates that hang steeply: the closer look is there for their corners."""

WINDOWS = 3
"""Windows about plates cut from each piece for the closer look, at most."""

MISTAKEN = 0.15
"""The share of these pieces that are photos at what the first look takes for a plate and no label does."""

SIGNS = 0.25
"""The share of pieces in which other writing hangs."""


@dataclass(frozen=True)
class Piece:
    """A photo (size, size), grey uint8, and in it: the `plates` (N, 4, 2), what the corners of each count for (N,), the
    quads within which nothing is asked, and whether there may be plates without a label."""

    photo: Picture
    plates: Quads
    ignored: Quads
    trust: NDArray[np.float32]
    partly: bool


def _quarter_turned(quads: Quads, turns: int, size: int) -> Quads:
    """The quads in a square picture that `numpy.rot90` has turned so often, 1 or 3; from the picture's top left, not
    the plate's own: which way up a plate on its side is can be told by reading it only."""
    for _ in range(turns):
        quads = np.stack([quads[..., 1], size - quads[..., 0]], axis=-1)
    return np.roll(quads, -turns, axis=-2)


def _apart(quad: Quads, others: Sequence[Quads]) -> bool:
    """Whether four pixels or more lie between a quad and all others."""
    low, high = quad.min(axis=0) - 4, quad.max(axis=0) + 4
    return all((other.max(axis=0) < low).any() or (other.min(axis=0) > high).any() for other in others)


def _some_place(quads: Sequence[Quads], shape: tuple[int, ...], rng: np.random.Generator) -> Place:
    """Where one of the plates is, or one might be, in a photo of `shape`."""
    if not quads:
        size = np.array(shape[1::-1]) * rng.uniform(0.05, 0.3) * (1, 0.3)
        return Place(*(rng.random(2) * (np.array(shape[1::-1]) - size)), *size)
    quad = quads[int(rng.integers(len(quads)))]
    return Place(*quad.min(axis=0).tolist(), *np.ptp(quad, axis=0).tolist())


def _close_up(piece: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads, tuple[int, int]]:
    """The piece cut to one of its plates, now and then through its edge, in the top left of an empty one: where a photo
    of that size stands. With the quads there, and the cut's (height, width)."""
    quad = quads[int(rng.integers(len(quads)))]
    low, high = quad.min(axis=0), quad.max(axis=0)
    margin = rng.uniform(-0.03, 0.15, (2, 2)) * (high - low)[1]
    size = np.array(piece.shape[::-1])
    low, high = (np.clip(np.round(at), 0, size).astype(int) for at in (low - margin[0], high + margin[1]))
    cut = piece[low[1] : high[1], low[0] : high[0]]
    alone = np.full_like(piece, GREY)
    alone[: cut.shape[0], : cut.shape[1]] = cut
    return alone, quads - low.astype(np.float32), (cut.shape[0], cut.shape[1])


class DetectorSamples:
    """Makes batches of photo pieces with the maps that the network should give for them."""

    def __init__(self, config: DetectorConfig, scenes: Sequence[Scene], backgrounds: Sequence[Scene]) -> None:
        self._config, self._scenes, self._backgrounds = config, list(scenes), list(backgrounds)
        counts = Counter(scene.source for scene in scenes)
        share = np.array([counts[scene.source] ** -0.5 for scene in scenes])
        self._share = share / share.sum() if len(share) else share
        self._cache: dict[Path, tuple[Picture, float]] = {}
        self._bank: list[Picture] = []
        self._library = library = FontLibrary(map(Path, config.fonts), map(Path, config.glyphs))
        regions = load_regions([name for name, _ in config.regions])
        weights = np.array([weight for _, weight in config.regions] or [1.0] * len(regions))
        rng = np.random.default_rng([config.seed, 17])
        self._mistaken = self._mistakes() if config.closer else []
        for _ in range(config.bank):
            region = regions[int(rng.choice(len(regions), p=weights / weights.sum()))]
            self._bank.append(draw_plate(region, library, rng, lines_px=56, grey=True).picture)

    def batch(self, epoch: int, index: int) -> tuple[Picture, list[NDArray[np.float32]]]:
        """Photos (N, size, size) grey uint8 and the maps of each level (N, h, w, 12); for the closer look windows
        (N, 128, 192) and what is to be said of them (N, 20)."""
        rng = np.random.default_rng([self._config.seed, epoch, index])
        count = self._config.batch
        if self._config.closer:
            windows: list[Window] = []
            while len(windows) < count:
                windows += self._windows(rng)
            return np.stack([w.picture for w in windows[:count]]), [np.stack([*map(encode_window, windows[:count])])]
        made = [self.draw(rng) for _ in range(count)]
        levels = [encode(p.plates, p.ignored, p.photo.shape[:2], partly=p.partly, trust=p.trust) for p in made]
        return np.stack([p.photo for p in made]), [np.stack(maps) for maps in zip(*levels, strict=True)]

    def _windows(self, rng: np.random.Generator) -> list[Window]:
        """Some windows of one piece or photo, as the closer look at a find gets them."""
        if self._mistaken and rng.random() < MISTAKEN:
            scene, find = self._mistaken[int(rng.integers(len(self._mistaken)))]
            photo, known = self._open(scene.path)
            plates, perhaps = (quads * np.float32(known) for quads in (scene.quads, scene.perhaps))
            seen = about(photo, inexact(find, rng), plates, np.zeros(len(plates), np.float32), perhaps)
            picture = camera(seen.picture, rng, strength=float(rng.uniform(0, 0.4)))
            return [replace(seen, picture=picture, partly=len(plates) > 0)]
        piece = self.draw(rng)
        finds = [anywhere(piece.photo, rng)] if rng.random() < ELSEWHERE or not len(piece.plates) else []
        finds += [inexact(piece.plates[i], rng) for i in rng.permutation(len(piece.plates))[:WINDOWS]]
        return [
            replace(about(piece.photo, find, piece.plates, piece.trust, piece.ignored), partly=piece.partly)
            for find in finds
        ]

    def draw(self, rng: np.random.Generator) -> Piece:
        """One piece of a photo, with what was pasted into it."""
        real = bool(self._scenes) and (not self._backgrounds or rng.random() < 0.62)
        if real:
            scene = self._scenes[int(rng.choice(len(self._scenes), p=self._share))]
        else:
            scene = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        photo, known = self._open(scene.path)
        piece, quads = self._piece(photo, np.concatenate([scene.quads, scene.perhaps]) * np.float32(known), rng)
        taken, boxed = [*quads], len(quads)
        # A stranger's plate in a photo with labelled ones, several in one without.
        if rng.random() < (0.4 if real else 0.7):
            for _ in range(1 if real else int(rng.integers(1, 4))):
                self._paste(piece, taken, rng)
        count = len(taken)
        if rng.random() < SIGNS:
            for _ in range(int(rng.integers(1, 4))):
                self._hang_sign(piece, taken, rng)
        piece = camera(piece, rng, strength=float(rng.uniform(0, 0.6)))
        if self._config.hardship and rng.random() < self._config.hardship:
            piece = hard_scene(piece, _some_place(taken[:count], piece.shape, rng), rng)
        quads = np.stack(taken[:count]) if count else np.zeros((0, 4, 2), np.float32)
        shape = piece.shape
        if count and rng.random() < CLOSE_UP:
            piece, quads, shape = _close_up(piece, quads, rng)
        trust = np.where(np.arange(count) < boxed, self._config.boxed, 1.0).astype(np.float32)
        clear, cut = self._sort_out(quads, shape)
        perhaps = np.arange(len(scene.quads), boxed)
        cut[perhaps] |= clear[perhaps]
        clear[perhaps] = False
        plates, ignored = quads[clear], quads[cut]
        if rng.random() < QUARTER:
            turns = int(rng.choice([1, 3]))
            piece = np.ascontiguousarray(np.rot90(piece, turns))
            plates, ignored = (_quarter_turned(quads, turns, self._config.size) for quads in (plates, ignored))
        return Piece(piece, plates, ignored, trust[clear], real)

    def _mistakes(self) -> list[tuple[Scene, Quads]]:
        """What the shipped detector takes for plates at first look, where no label is; in the photo as it is kept."""
        detector = NetworkDetector(threshold=0.3, threads=1, refine=False)
        mistaken = []
        for scene in (*self._scenes, *self._backgrounds):
            photo, known = self._open(scene.path)
            labelled = np.concatenate([scene.quads, scene.perhaps]) * np.float32(known)
            finds = [found.corners.array for found in detector.detect(photo)]
            mistaken += [(scene, find) for find in finds if all(overlap(find, quad)[0] < 0.05 for quad in labelled)]
        return mistaken

    def _open(self, path: Path) -> tuple[Picture, float]:
        if path not in self._cache:
            try:
                photo = to_grey(load(path))
            except PhotoError as error:
                raise LabelError(str(error)) from None
            scale = min(1.0, LARGEST / max(photo.shape))
            if scale < 1:
                photo = np.asarray(
                    cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
                )
            self._cache[path] = photo, scale
        return self._cache[path]

    def _piece(self, photo: Picture, quads: Quads, rng: np.random.Generator) -> tuple[Picture, Quads]:
        """A turned, stretched and resized piece of a photo, and its quads there."""
        size, longest = self._config.size, max(photo.shape)
        whole = size / longest
        focus = quads[int(rng.integers(len(quads)))] if len(quads) and rng.random() < 0.85 else None
        if focus is None:
            scale = float(np.exp(rng.uniform(np.log(whole * 0.8), np.log(max(whole, min(1.2, whole * 4))))))
            centre = rng.uniform(0.2, 0.8, 2) * photo.shape[::-1]
            goal = np.array([size / 2, size / 2])
        else:
            width = float(np.ptp(focus[:, 0]))
            wanted = np.exp(rng.uniform(np.log(13), np.log(0.95 * size)))
            # Neither enlarged to a blur nor shrunk to a stamp on an empty field.
            scale = float(np.clip(wanted / width, min(whole * 0.7, 2.0), 2.0))
            centre = focus.mean(axis=0)
            room = max(0.0, size - width * scale) / 2
            goal = size / 2 + rng.uniform(-room, room, 2)
        if scale < 0.75:
            photo = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
            quads, centre, scale = quads * np.float32(scale), centre * scale, 1.0
        turn = np.deg2rad(rng.uniform(-40, 40) if rng.random() < 0.12 else rng.normal(0, 3.5))
        stretch = np.exp(rng.normal(0, 0.1))
        lean = rng.normal(0, 0.04)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        matrix = matrix @ np.array([[stretch**0.5, lean], [0, stretch**-0.5]])
        whole_matrix = np.column_stack((matrix, goal - matrix @ centre))
        piece = self._canvas(rng)
        cv2.warpAffine(
            photo, whole_matrix, (size, size), piece, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
        )
        moved = quads @ matrix.T.astype(np.float32) + whole_matrix[:, 2].astype(np.float32)
        return piece, moved.astype(np.float32)

    def _canvas(self, rng: np.random.Generator) -> Picture:
        """What lies outside a photo: nothing, as when reading, or a piece of a photo without plates."""
        size = self._config.size
        if not self._backgrounds or rng.random() < 0.5:
            return np.full((size, size), GREY, np.uint8)
        photo, _ = self._open(self._backgrounds[int(rng.integers(len(self._backgrounds)))].path)
        return photographed((size, size), [photo], rng)

    def _paste(self, piece: Picture, taken: list[Quads], rng: np.random.Generator) -> None:
        plate = self._bank[int(rng.integers(len(self._bank)))]
        size = self._config.size
        width = float(np.exp(rng.uniform(np.log(13), np.log(0.75 * size))))
        steep = STEEP_CLOSER if self._config.closer else STEEP
        for _ in range(6):
            centre = tuple(rng.uniform(0.1, 0.9, 2) * size)
            quad = place(plate.shape[1] / plate.shape[0], width, centre, rng, steep=steep)
            if _apart(quad, taken):
                paste(piece, plate, quad, rng)
                taken.append(quad)
                return

    def _hang_sign(self, piece: Picture, taken: list[Quads], rng: np.random.Generator) -> None:
        """Paste a sign where nothing is yet, half of them written on what is there; `taken` gets its place."""
        size = self._config.size
        centre = rng.uniform(0.05, 0.95, 2) * size
        x, y = centre.astype(int)
        paper = float(np.median(piece[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9])) if rng.random() < 0.5 else None
        sign = draw_sign(self._library, rng, paper=paper)
        width = float(np.exp(rng.uniform(np.log(20), np.log(0.6 * size))))
        quad = place(sign.shape[1] / sign.shape[0], width, tuple(centre), rng)
        if _apart(quad, taken):
            paste(piece, sign, quad, rng)
            taken.append(quad)

    def _sort_out(self, quads: Quads, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of plates (N, 4, 2) in a photo of `shape`, which are to be found, and which are too small or cut off at the
        edge; both (N,)."""
        inside = np.clip(quads, 0, np.array(shape[::-1], np.float32))
        seen = np.array(
            [cv2.contourArea(a) / max(1e-6, cv2.contourArea(b)) for a, b in zip(inside, quads, strict=True)], np.float32
        )
        wide = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2).max(axis=1)
        clear = (seen > 0.85) & (wide >= TINY)
        return clear, ~clear & (seen > 0.05)


_samples: DetectorSamples | None = None


def start_worker(config: DetectorConfig, scenes: Sequence[Scene], backgrounds: Sequence[Scene]) -> None:
    """Make this process ready for `make_batch`."""
    global _samples
    _samples = DetectorSamples(config, scenes, backgrounds)


def make_batch(epoch: int, index: int) -> tuple[Picture, list[NDArray[np.float32]]]:
    """One batch, made in a process that `start_worker` has prepared."""
    assert _samples is not None
    return _samples.batch(epoch, index)
