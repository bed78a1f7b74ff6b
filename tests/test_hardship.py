"""Crops made as hard to read as some photos are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.photos import load
from plate_ocr.synthesis.hardship import (
    KINDS,
    bright,
    dark,
    far,
    glare,
    hard_scene,
    hardship,
    moved,
    shade,
)
from plate_ocr.synthesis.weather import Picture, Place, whole
from plate_ocr.training.config import ConfigError, TrainConfig
from plate_ocr.training.rows import split_labels
from plate_ocr.training.samples import Samples
from tests.conftest import SAMPLE
from tests.test_training import tiny_config


@pytest.fixture(scope="module")
def crop() -> Picture:
    return load(sorted((SAMPLE / "crops").glob("*.*g"))[0])


@given(high=st.integers(1, 150), wide=st.integers(1, 300), grey=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_any_picture_stays_a_picture_and_a_seed_fixes_it(high: int, wide: int, grey: bool, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (high, wide) if grey else (high, wide, 3), dtype=np.uint8)
    once, again = (hardship(picture.copy(), np.random.default_rng(seed)) for _ in range(2))
    assert once.dtype == np.uint8
    assert once.ndim == picture.ndim
    assert once.size
    assert np.array_equal(once, again)
    for kind in KINDS:
        assert kind(picture, whole(picture), np.random.default_rng(seed)).ndim == picture.ndim


def test_each_kind_does_what_it_is_named_for(crop: Picture) -> None:
    for seed in range(20):
        assert (shade(crop, whole(crop), np.random.default_rng(seed)) <= crop).all()
        assert (glare(crop, whole(crop), np.random.default_rng(seed)) >= crop).all()
        assert whole(far(crop, whole(crop), np.random.default_rng(seed))).unit < 30
        assert (bright(crop, whole(crop), np.random.default_rng(seed)) >= crop).all()
        # The steps from pixel to pixel: fewer when blurred, more with the noise of a brightened night.
        still, night = (kind(crop, whole(crop), np.random.default_rng(seed)) for kind in (moved, dark))
        rough = [
            sum(np.abs(np.diff(one.astype(int), axis=axis)).mean() for axis in (0, 1)) / max(1.0, one.std())
            for one in (still, crop, night)
        ]
        assert rough[0] < rough[1] < rough[2]


def test_a_share_of_the_samples_is_hard() -> None:
    config = tiny_config(SAMPLE / "crops" / "labels.csv", splits=(), dev_splits=(), alphabet="")
    labels, _ = split_labels(config)
    plain, hard = (
        np.stack([sample.crop for sample in Samples(dataclasses.replace(config, hardship=share), labels).samples(0, 0)])
        for share in (0.0, 1.0)
    )
    assert len(plain) == len(hard) == config.batch
    assert np.abs(plain[0].astype(int) - hard[0]).mean() > 3
    with pytest.raises(ConfigError, match="hardship is a number from 0 to 1"):
        TrainConfig(synthetic=1, hardship=2)


def test_drawn_plates_have_as_bad_a_camera_as_is_said() -> None:
    drawn = tiny_config(SAMPLE / "crops" / "labels.csv", labels=(), synthetic=1.0, alphabet="", batch=64)
    clear, bad = (
        np.stack([sample.crop for sample in Samples(dataclasses.replace(drawn, strength=s), []).samples(0, 0)])
        for s in (0.0, 3.0)
    )
    # The steps from pixel to pixel are lower where blur, pixels and haze have been.
    assert np.abs(np.diff(clear.astype(int))).mean() > 1.3 * np.abs(np.diff(bad.astype(int))).mean()
    with pytest.raises(ConfigError, match="strength is a number from 0 on"):
        TrainConfig(synthetic=1, strength=-1)


def test_a_photo_keeps_its_size_and_is_hard_where_the_plate_is() -> None:
    photo = np.full((200, 300), 120, np.uint8)
    place = Place(180.0, 100.0, 75.0, 25.0)
    for seed in range(20):
        assert hard_scene(photo, place, np.random.default_rng(seed)).shape == photo.shape
        # The middle of a lamp's mirror is on the plate.
        lit = glare(photo, place, np.random.default_rng(seed))
        y, x = np.argwhere(lit == lit.max()).mean(axis=0)
        assert 98 <= y <= 127
        assert 178 <= x <= 257
