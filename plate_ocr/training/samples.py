"""Which crops a batch is made of. Needs no Keras, so that a worker process starts fast.

Batch `index` of epoch `epoch` is a function of the seed alone: a resumed run sees what an uninterrupted one would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import rectify
from plate_ocr.labels import Label, LabelError, read_photos
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.alphabet import LONGEST
from plate_ocr.recognition.preprocess import fit, to_grey
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.hardship import hardship
from plate_ocr.synthesis.region import available, drawn_place, load_regions
from plate_ocr.training.augmentation import Augment
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.nothing import Nothing
from plate_ocr.training.rows import sampling_weights
from plate_ocr.training.teacher import Lesson, consult

Batch = tuple[NDArray[np.uint8], NDArray[np.int32]]
"""Grey crops (N, H, W) and their classes (N, LONGEST), padded with 0: a changing width would make TensorFlow trace its
graph again."""


def other_regions(config: TrainConfig, library: FontLibrary) -> list[str]:
    """The shipped regions that a run does not name and that there are fonts for; none where it names none, for it
    draws all of them then."""
    named = {name.lower() for name, _ in config.regions}
    others = [name for name in available() if name not in named] if named else []
    return [name for name in others if library.writes(load_regions([name])[0].characters)]


def rehearsed(config: TrainConfig, library: FontLibrary) -> dict[str, float]:
    """How often plates of each region are drawn: those of the run by their weights, and `rehearse` of all of them
    evenly from the others."""
    total = sum(weight for _, weight in config.regions)
    others = other_regions(config, library) if config.rehearse else []
    share = config.rehearse if others else 0.0
    drawn = {name: weight / total * (1 - share) for name, weight in config.regions}
    return drawn | {name: share / len(others) for name in others if share}


def fonts_of(config: TrainConfig) -> FontLibrary:
    """The fonts and drawn characters that a run draws with."""
    return FontLibrary(map(Path, config.fonts), map(Path, config.glyphs))


def absent_fonts(config: TrainConfig) -> list[str]:
    """Fonts of the plates that a run draws which are not at hand, so that it draws others in their place."""
    if not config.synthetic:
        return []
    library = fonts_of(config)
    return library.lacking(font for region in load_regions(rehearsed(config, library)) for font in region.fonts)


def load_backgrounds(config: TrainConfig) -> list[NDArray[np.uint8]]:
    """The photos of the run's background tables, grey, at most 640 pixels a side. Raises LabelError for an unusable
    table."""
    photos = []
    for table in config.backgrounds:
        for row in read_photos(Path(table), config.splits or None):
            photo = load(row.path, grey=True)
            scale = min(1.0, 640 / max(photo.shape[:2]))
            small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            photos.append(np.asarray(small, dtype=np.uint8))
    return photos


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop as a network sees it: grey uint8 (H, W) of the network's size, what it says in the order in which that
    stands, whose plate it is, and its width by its height before it was made to fit."""

    crop: NDArray[np.uint8]
    text: str
    region: str
    aspect: float


class Samples:
    """Makes batches of augmented real crops and synthetic ones."""

    def __init__(self, config: TrainConfig, labels: Sequence[Label]) -> None:
        self._config = config
        self._labels = list(labels)
        self._alphabet = config.make_alphabet()
        self._size = (config.architecture.height, config.architecture.width)
        self._augment = Augment()
        self._cache: dict[int, NDArray[np.uint8]] = {}
        self._lesson = Lesson()
        if config.teacher:
            self._lesson = consult(
                config.teacher,
                self._labels,
                distrust=config.distrust,
                permute=bool(config.permute),
                straighten=bool(config.straighten),
            )
        share = sampling_weights(labels, config.balance)
        share[list(self._lesson.distrusted)] = 0
        self._ends = share.cumsum().tolist()
        self._nothing = Nothing((*config.backgrounds, *config.scenes), config.splits) if config.nothing else None
        self._generator = None
        if config.synthetic:
            library = fonts_of(config)
            weights = rehearsed(config, library)
            self._generator = CropGenerator(
                load_regions(weights),
                library,
                weights=list(weights.values()) or None,
                strength=config.strength,
                grey=True,
                unfold=config.unfold,
                backgrounds=load_backgrounds(config),
            )

    def batch(self, epoch: int, index: int) -> Batch:
        """The batch of this place in the run."""
        crops = np.empty((self._config.batch, *self._size), np.uint8)
        classes = np.zeros((self._config.batch, LONGEST), np.int32)
        for i, sample in enumerate(self.samples(epoch, index)):
            crops[i] = sample.crop
            classes[i, : len(sample.text)] = self._alphabet.encode(sample.text)
        return crops, classes

    def samples(self, epoch: int, index: int) -> Iterator[Sample]:
        """The samples of the batch of this place in the run, one by one."""
        rng = np.random.default_rng([self._config.seed, epoch, index])
        self._augment.seed(int(rng.integers(2**31)))
        for i in range(self._config.batch):
            if self._nothing is not None and rng.random() < self._config.nothing:
                crop, text, region = self._augment(to_grey(self._nothing.draw(rng))), "", ""
            elif self._generator is not None and rng.random() < self._config.synthetic:
                drawn = self._generator.draw([self._config.seed, epoch, index, i])
                crop, text, region = drawn.picture, drawn.standing, drawn.region
            else:
                place = drawn_place(self._ends, rng)
                crop, text = self._open(place), self._lesson.standing.get(place, self._labels[place].text)
                region = self._labels[place].region
                slots, corners = self._lesson.slots.get(place), self._lesson.corners.get(place)
                if corners and rng.random() < self._config.straighten:
                    crop = rectify(crop, corners)
                elif slots and rng.random() < self._config.permute:
                    crop, text = self._lesson.bank.permute(self._labels[place].source, crop, text, slots, rng)
                crop = self._augment(to_grey(crop))
            if self._config.hardship and rng.random() < self._config.hardship:
                crop = hardship(crop, rng)
            yield Sample(fit(crop, self._size), text, region, crop.shape[1] / crop.shape[0])

    def _open(self, place: int) -> NDArray[np.uint8]:
        if place not in self._cache:
            try:
                self._cache[place] = load(self._labels[place].path)
            except PhotoError as error:
                raise LabelError(f"{self._labels[place].origin}: {error}") from None
        return self._cache[place]


_samples: Samples | None = None


def start_worker(config: TrainConfig, labels: Sequence[Label]) -> None:
    """Make this process ready for `make_batch`."""
    global _samples
    _samples = Samples(config, labels)


def make_batch(epoch: int, index: int) -> Batch:
    """One batch, made in a process that `start_worker` has prepared."""
    assert _samples is not None
    return _samples.batch(epoch, index)
