"""Which crops a batch is made of. Needs no Keras, so that a worker process starts fast.

Batch `index` of epoch `epoch` is a function of the seed alone: a resumed run sees what an uninterrupted one would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import rectify
from plate_ocr.labels import Label, LabelError, read_labels, read_photos
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.alphabet import LONGEST, Alphabet, steps_needed
from plate_ocr.recognition.preprocess import fit
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import load_regions
from plate_ocr.training.augmentation import Augment
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.nothing import Nothing
from plate_ocr.training.teacher import Lesson, consult

Batch = tuple[NDArray[np.uint8], NDArray[np.int32]]
"""Grey crops (N, H, W) and their classes (N, LONGEST), padded with 0: a changing width would make TensorFlow trace its
graph again."""


def split_labels(config: TrainConfig) -> tuple[list[Label], list[Label]]:
    """Training and dev rows of a run: by the split column, or by plate text so that no plate stands in both.

    Raises LabelError when a row cannot be trained on, naming it.
    """
    train: list[Label] = []
    dev: list[Label] = []
    for table in map(Path, config.labels):
        rows = read_labels(table, config.splits or None)
        if config.dev_splits:
            train += rows
            # A table may be there to train on alone, such as one of pseudo-labels.
            dev += [row for row in read_labels(table) if row.split in config.dev_splits]
        elif config.dev_fraction:
            texts = sorted({row.text for row in rows})
            np.random.default_rng([config.seed, 7]).shuffle(texts)
            held = set(texts[: max(1, round(len(texts) * config.dev_fraction))])
            train += [row for row in rows if row.text not in held]
            dev += [row for row in rows if row.text in held]
        else:
            train += rows
    if config.dev_splits and not dev:
        raise LabelError(f"no table has a row of the split {' or '.join(config.dev_splits)} to score on")
    # Attention writes as many characters as it likes from whatever steps there are.
    steps = config.architecture.steps if config.architecture.head == "ctc" else None
    check_labels(train + dev, config.make_alphabet(), steps)
    if config.labels and not train:
        raise LabelError("no row is left to train on; lower --dev-fraction or give more crops")
    return train, dev


def check_labels(labels: Sequence[Label], alphabet: Alphabet, steps: int | None) -> None:
    """Raise LabelError if a label is empty, holds an unknown character, has more than LONGEST or, with CTC, does not
    fit into `steps` time steps.

    CTC gives such a label a finite loss of about 700 instead of an error, which silently poisons a training.
    """
    problems = []
    for label in labels:
        if not label.text:
            problems.append(f"{label.origin}: {label.path.name} has an empty label; remove the row")
        elif unknown := alphabet.unknown(label.text):
            problems.append(
                f"{label.origin}: {label.text!r} holds {unknown!r}, which the alphabet lacks; "
                f"correct it, or train with --alphabet labels, or add it with --alphabet +{unknown}"
            )
        elif len(label.text) > LONGEST:
            problems.append(
                f"{label.origin}: {label.text!r} is too long, {len(label.text)} characters; {LONGEST} is the most"
            )
        elif steps is not None and steps_needed(label.text) > steps:
            problems.append(f"{label.origin}: {label.text!r} is too long for {steps} time steps")
        elif not label.path.is_file():
            problems.append(f"{label.origin}: picture {label.path} is missing")
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise LabelError(f"{len(problems)} of {len(labels)} labels cannot be used:\n" + "\n".join(problems[:10]) + more)


def load_backgrounds(config: TrainConfig) -> list[NDArray[np.uint8]]:
    """The photos of the run's background tables, at most 640 pixels a side. Raises LabelError for an unusable table."""
    photos = []
    for table in config.backgrounds:
        for row in read_photos(Path(table), config.splits or None):
            photo = load(row.path)
            scale = min(1.0, 640 / max(photo.shape[:2]))
            small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            photos.append(np.asarray(small, dtype=np.uint8))
    return photos


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop as a network sees it: grey uint8 (H, W) of the network's size, what it says, whose plate it is, and its
    width by its height before it was made to fit."""

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
        # The square root lets a large source count for more than a small one, without drowning it.
        counts = Counter(label.source for label in labels)
        share = np.array([counts[label.source] ** -0.5 for label in labels])
        share[list(self._lesson.distrusted)] = 0
        self._share = share / share.sum() if len(share) else share
        self._nothing = Nothing((*config.backgrounds, *config.scenes), config.splits) if config.nothing else None
        self._generator = None
        if config.synthetic:
            names = [name for name, _ in config.regions]
            weights = [weight for _, weight in config.regions] or None
            library = FontLibrary(map(Path, config.fonts), map(Path, config.glyphs))
            self._generator = CropGenerator(
                load_regions(names), library, weights=weights, backgrounds=load_backgrounds(config)
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
                crop, text, region = self._augment(self._nothing.draw(rng)), "", ""
            elif self._generator is not None and rng.random() < self._config.synthetic:
                drawn = self._generator.draw([self._config.seed, epoch, index, i])
                crop, text, region = drawn.picture, drawn.text, drawn.region
            else:
                place = int(rng.choice(len(self._labels), p=self._share))
                crop, text = self._open(place), self._labels[place].text
                region = self._labels[place].region
                slots, corners = self._lesson.slots.get(place), self._lesson.corners.get(place)
                if corners and rng.random() < self._config.straighten:
                    crop = rectify(crop, corners)
                elif slots and rng.random() < self._config.permute:
                    crop, text = self._lesson.bank.permute(self._labels[place].source, crop, text, slots, rng)
                crop = self._augment(crop)
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
