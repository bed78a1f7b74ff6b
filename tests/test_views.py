"""The second look: what views a doubtful crop is given, and how they vote."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.labels import read_labels, read_photos
from plate_ocr.photos import load
from plate_ocr.plate import Corners
from plate_ocr.recognition.alignment import text_log_p
from plate_ocr.recognition.decoder import Text
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.recognition.views import UNEVEN, evenness, other_views, vote
from tests.conftest import SAMPLE


def look(*steps: dict[int, float]) -> Text:
    """What one view says: at each step some classes, of three, with their probabilities; the rest is blank's."""
    p = np.array([[1 - sum(step.values()), *(step.get(cls, 0.0) for cls in (1, 2, 3))] for step in steps])
    log_p = np.log(p + 1e-9).astype(np.float32)
    best = tuple(int(cls) for cls in p.argmax(axis=1) if cls)
    return Text(best, float(np.exp(text_log_p(log_p, best))), log_p)


def test_views_that_agree_outvote_one_that_is_surer() -> None:
    views = look({1: 0.6, 2: 0.01}), look({2: 0.5, 1: 0.4}), look({2: 0.5, 1: 0.01})
    classes, p = vote(views)
    assert classes == (2,)
    assert p == pytest.approx((0.01 + 0.5 + 0.5) / 3)


def test_a_view_that_misses_a_character_does_not_outvote_those_that_see_it() -> None:
    views = look({1: 0.55, 3: 0.4}, {2: 0.95}), look({3: 0.5, 1: 0.45}, {2: 0.95}), look({1: 0.1}, {2: 0.95})
    assert [view.classes for view in views] == [(1, 2), (3, 2), (2,)]
    assert max(views, key=lambda view: view.confidence) is views[2]
    classes, _ = vote(views)
    assert classes == (1, 2), "all but impossible to no view"


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.floats(0.3, 0.9)), min_size=1, max_size=6))
def test_a_vote_is_a_probability_and_one_view_decides_alone(said: list[tuple[int, float]]) -> None:
    views = [look({cls: p}) for cls, p in said]
    classes, p = vote(views)
    assert 0 <= p <= 1
    assert classes in {view.classes for view in views}
    assert vote(views[:1]) == (views[0].classes, views[0].confidence)


def test_a_view_that_cannot_read_at_all_has_no_veto() -> None:
    blind = look({3: 0.9})
    assert vote([look({1: 0.5, 2: 0.3}), look({1: 0.5, 2: 0.3}), blind])[0] == (1,)


def test_views_are_upright_pictures_of_the_same_plate() -> None:
    crop = load(SAMPLE / "crops" / "00002.jpg")[:, :, 0]
    assert evenness(crop) >= UNEVEN
    height, width = crop.shape
    views = other_views(crop, Corners.of_box(0.1 * width, 0.1 * height, 0.8 * width, 0.8 * height))
    assert len(views) == 3
    assert len(other_views(crop)) == 2
    for view in views:
        assert view.dtype == np.uint8
        assert view.ndim == 2
        assert min(view.shape) >= 8
        assert view.std() > 5


def test_a_plate_half_in_the_shade_is_lit_evenly_and_read_again() -> None:
    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    crops = [load(label.path)[:, :, 0] for label in labels]
    shaded = []
    for crop in crops:
        lit = np.where(np.arange(crop.shape[1]) < crop.shape[1] // 2, 1.0, 0.2)
        shaded.append((crop * lit).astype(np.uint8))
    assert sum(evenness(crop) < UNEVEN for crop in crops) < len(crops) // 3
    found = [crop for crop in shaded if evenness(crop) < UNEVEN]
    assert len(found) > 0.9 * len(shaded)
    for crop in found:
        views = other_views(crop)
        assert len(views) == 3
        assert evenness(views[0]) > evenness(crop)
    right = [
        sum(r.text == label.text for r, label in zip(Recognizer(looks=looks).read(shaded), labels, strict=True))
        for looks in (False, True)
    ]
    assert right[1] > right[0]


@given(st.integers(1, 60), st.integers(1, 120), st.integers(0, 255))
def test_evenness_is_a_share_for_any_picture(high: int, wide: int, grey: int) -> None:
    assert 0 <= evenness(np.full((high, wide), grey, np.uint8)) <= 1


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


def test_a_crop_that_slants_is_set_upright() -> None:
    labels = read_labels(SAMPLE / "crops" / "labels.csv")
    turned = []
    for label in labels:
        crop = load(label.path)
        height, width = crop.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -22, 1)
        c, s = np.abs(matrix[0, :2])
        size = np.array([width * c + height * s, width * s + height * c])
        matrix[:, 2] += (size - (width, height)) / 2
        turned.append(cv2.warpAffine(crop, matrix, size.astype(int).tolist(), borderMode=cv2.BORDER_REPLICATE))
    right = [
        sum(r.text == label.text for r, label in zip(Recognizer(straighten=s).read(turned), labels, strict=True))
        for s in (False, True)
    ]
    assert right[1] >= right[0] + 0.2 * len(labels)


def test_a_plate_that_is_small_in_its_crop_is_found_and_read() -> None:
    """Crops of whole rears of cars: the plate is a third as wide as they are."""
    photos = read_photos(SAMPLE / "scenes" / "labels.csv")
    crops, texts = [], []
    for photo in photos[:8]:
        picture = load(photo.path)
        for plate in photo.plates:
            assert plate.corners is not None
            (x, y), reach = plate.corners.array.mean(axis=0), 1.5 * plate.corners.width
            crops.append(picture[max(0, int(y - reach)) : int(y + reach), max(0, int(x - reach)) : int(x + reach)])
            texts.append(plate.text)
    readings = Recognizer().read(crops)
    assert sum(r.text == text for r, text in zip(readings, texts, strict=True)) >= 0.8 * len(texts)
    assert all(0 < r.confidence < 1 for r in readings if r.text)
