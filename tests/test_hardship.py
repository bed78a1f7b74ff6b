"""Crops made as hard to read as some photos are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.photos import load
from plate_ocr.synthesis.hardship import KINDS, Picture, dark, far, glare, hardship, moved, shade, unit
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
        assert kind(picture, np.random.default_rng(seed)).ndim == picture.ndim


def test_each_kind_does_what_it_is_named_for(crop: Picture) -> None:
    for seed in range(20):
        assert (shade(crop, np.random.default_rng(seed)) <= crop).all()
        assert (glare(crop, np.random.default_rng(seed)) >= crop).all()
        assert unit(far(crop, np.random.default_rng(seed))) < 30
        # The steps from pixel to pixel: fewer when blurred, more with the noise of a brightened night.
        rough = [
            np.abs(np.diff(made.astype(int), axis=1)).mean() / max(1.0, made.std())
            for made in (moved(crop, np.random.default_rng(seed)), crop, dark(crop, np.random.default_rng(seed)))
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
    with pytest.raises(ConfigError, match="hardship are shares from 0 to 1"):
        TrainConfig(synthetic=1, hardship=2)
