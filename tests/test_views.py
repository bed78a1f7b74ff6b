"""The second look: what views a doubtful crop is given, and how they vote."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.detection import Detection
from plate_ocr.labels import read_labels
from plate_ocr.photos import load
from plate_ocr.plate import Corners
from plate_ocr.recognition.decoder import Text
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.recognition.views import other_views, vote
from tests.conftest import SAMPLE

NOTHING = np.zeros((1, 2), np.float32)


def texts(*pairs: tuple[str, float]) -> list[Text]:
    """Decoded texts; characters stand for their code points."""
    return [Text(tuple(map(ord, text)), p, NOTHING) for text, p in pairs]


def test_views_that_agree_outvote_one_that_is_surer() -> None:
    classes, p = vote(texts(("A1", 0.6), ("A7", 0.4), ("A7", 0.3)))
    assert "".join(map(chr, classes)) == "A7"
    assert p == pytest.approx(0.7 / 3)


@given(st.lists(st.tuples(st.sampled_from(["A", "B", ""]), st.floats(0, 1)), min_size=1, max_size=9))
def test_a_vote_is_a_probability_and_one_view_decides_alone(pairs: list[tuple[str, float]]) -> None:
    classes, p = vote(texts(*pairs))
    assert 0 <= p <= 1 + 1e-9
    assert "".join(map(chr, classes)) in {text for text, _ in pairs}
    assert vote(texts(pairs[0])) == (tuple(map(ord, pairs[0][0])), pairs[0][1])


class Middle:
    """A detector that finds one plate, always in the middle."""

    def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
        height, width = photo.shape[:2]
        return [Detection(Corners.of_box(0.1 * width, 0.1 * height, 0.8 * width, 0.8 * height), 0.9)]


def test_views_are_upright_pictures_of_the_same_plate() -> None:
    crop = load(SAMPLE / "crops" / "00001.jpg")[:, :, 0]
    views = other_views(crop, detector=Middle())
    assert len(views) == 3
    assert len(other_views(crop, detector=None)) == 2
    for view in views:
        assert view.dtype == np.uint8
        assert view.ndim == 2
        assert min(view.shape) >= 8
        assert view.std() > 5


class Counting:
    """A network and its decoder, with a count of what they are given."""

    def __init__(self, look: Callable[[NDArray[np.float32]], list[Text]]) -> None:
        self.look, self.crops = look, 0

    def __call__(self, crops: NDArray[np.float32]) -> list[Text]:
        self.crops += len(crops)
        return self.look(crops)


def test_only_doubtful_crops_are_looked_at_again_and_it_helps() -> None:
    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    crops = [load(label.path) for label in labels]
    right, looks = {}, {}
    for again in (False, True):
        reader = Recognizer(looks=again)
        reader._look = counting = Counting(reader._look)
        readings = reader.read(crops)
        right[again] = sum(r.text == label.text for r, label in zip(readings, labels, strict=True))
        looks[again] = counting.crops
        assert all(0 <= r.confidence <= 1 for r in readings)
    assert looks[False] == len(crops)
    assert looks[False] < looks[True] <= 4 * len(crops)
    assert right[True] >= right[False]


def test_a_clear_crop_costs_one_look_whatever_stands_beside_it_in_the_batch() -> None:
    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    crops = [load(label.path) for label in labels]
    once = Recognizer(looks=False).read(crops)
    clear = crops[max(range(len(crops)), key=lambda i: once[i].confidence)]
    noise = np.random.default_rng(0).integers(0, 255, (40, 120, 3), dtype=np.uint8)
    reader = Recognizer()
    alone, beside = reader.read([clear])[0], reader.read([clear, noise])[0]
    assert alone.text == beside.text
    assert alone.confidence == pytest.approx(beside.confidence, abs=1e-4)
