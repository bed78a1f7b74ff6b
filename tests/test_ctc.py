"""Time steps to text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plate_ocr.recognition.ctc import greedy, log_softmax

lattices = arrays(
    np.float32, st.tuples(st.just(1), st.integers(1, 12), st.integers(2, 6)), elements=st.floats(-8, 8, width=32)
)


def one_hot(path: list[int], classes: int = 4) -> np.ndarray:
    logits = np.full((1, len(path), classes), -20, np.float32)
    logits[0, np.arange(len(path)), path] = 20
    return logits


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ([1, 1, 2, 2], (1, 2)),
        ([1, 0, 1], (1, 1)),
        ([0, 0, 0], ()),
        ([0, 3, 3, 0, 3, 2, 2], (3, 3, 2)),
        ([2], (2,)),
    ],
)
def test_repeats_merge_unless_a_blank_parts_them(path: list[int], text: tuple[int, ...]) -> None:
    (decoded,) = greedy(one_hot(path))
    assert decoded.classes == text
    assert decoded.confidence == pytest.approx(1, abs=1e-6)
    assert all(c == pytest.approx(1, abs=1e-6) for c in decoded.confidences)


@given(lattices)
def test_greedy_is_the_likeliest_path_with_its_probability(logits: np.ndarray) -> None:
    (decoded,) = greedy(logits)
    log_p = log_softmax(logits)[0]
    probabilities = np.exp(log_p).astype(np.float64)
    expected, before = [], 0
    # By the logarithms: what differs in the last bit there may be alike here.
    for step in log_p:
        best = int(step.argmax())
        if best != 0 and best != before:
            expected.append(best)
        before = best
    assert decoded.classes == tuple(expected)
    assert decoded.confidence == pytest.approx(probabilities.max(axis=1).prod(), rel=1e-3, abs=1e-9)
    assert len(decoded.confidences) == len(decoded.classes)
    assert all(0 <= c <= 1 + 1e-6 for c in decoded.confidences)


@given(lattices)
def test_log_softmax_sums_to_one_at_any_scale(logits: np.ndarray) -> None:
    np.testing.assert_allclose(np.exp(log_softmax(logits * 30)).sum(axis=-1), 1, atol=1e-4)


@pytest.mark.train
def test_greedy_agrees_with_keras() -> None:
    keras = pytest.importorskip("keras", reason="needs the train extra")
    logits = np.random.default_rng(0).normal(0, 3, (32, 20, 9)).astype(np.float32)
    lengths = np.full(32, 20, np.int32)
    theirs, _ = keras.ops.ctc_decode(logits, lengths, strategy="greedy", mask_index=0)
    theirs = keras.ops.convert_to_numpy(theirs)[0]
    for ours, row in zip(greedy(logits), theirs, strict=True):
        assert ours.classes == tuple(int(c) for c in row if c > 0)
