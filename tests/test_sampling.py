"""How often each labelled crop is drawn."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.labels import Label
from plate_ocr.training.config import ConfigError, TrainConfig
from plate_ocr.training.rows import RAREST, sampling_weights


def label(text: str, source: str = "here") -> Label:
    return Label(Path(source) / f"{text}.jpg", text)


def test_without_balance_only_the_size_of_a_source_counts() -> None:
    weights = sampling_weights([label(f"A{i}") for i in range(9)] + [label(f"B{i}", "there") for i in range(4)])
    assert weights[:9] == pytest.approx(weights[0])
    assert weights[:9].sum() == pytest.approx(3)
    assert weights[9:].sum() == pytest.approx(2)


def test_balance_shows_what_is_rare_more_often() -> None:
    labels = [label(f"01A{i % 10}") for i in range(90)] + [label(f"30A{i}") for i in range(10)]
    plain, half, full = (sampling_weights(labels, balance) for balance in (0, 0.5, 1))
    rare = [weights[90:].sum() / weights.sum() for weights in (plain, half, full)]
    assert rare[0] == pytest.approx(0.1)
    assert 0.17 < rare[1] < 0.3
    assert 0.3 < rare[2] < 0.5


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.text("AB1", max_size=4), st.sampled_from(["here", "there"])), min_size=1, max_size=40),
    balance=st.floats(0, 1),
)
def test_sources_count_by_the_root_of_their_size_whatever_is_balanced(
    rows: list[tuple[str, str]], balance: float
) -> None:
    labels = [label(*row) for row in rows]
    weights = sampling_weights(labels, balance)
    assert (weights > 0).all()
    sums: dict[str, list[float]] = defaultdict(list)
    for row, weight in zip(labels, weights.tolist(), strict=True):
        sums[row.source].append(weight)
    for own in sums.values():
        assert sum(own) == pytest.approx(np.sqrt(len(own)))
        assert max(own) <= min(own) * RAREST * 1.001


def test_balance_is_a_setting_of_a_run() -> None:
    config = TrainConfig(synthetic=1)
    assert config.balance == 0
    with pytest.raises(ConfigError, match="balance is a number from 0 to 1"):
        dataclasses.replace(config, balance=1.5)
