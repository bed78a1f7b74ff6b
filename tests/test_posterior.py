"""How sure each character is, against brute force; and how sure those of a reading are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.recognition.alignment import align
from plate_ocr.recognition.decoder import Decoder, Text
from plate_ocr.recognition.posterior import certainties, log_shares
from tests.test_decoder import ALPHABET, by_brute_force, lattices, spelled


def view(log_p: NDArray[np.float32], classes: tuple[int, ...]) -> Text:
    """A look that reads something, whatever that is."""
    return Text(classes, 0.5, log_p)


@given(lattices, st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_a_character_s_share_is_that_of_brute_force(log_p: NDArray[np.float32], seed: int) -> None:
    truth = {text: math.exp(p) for text, p in by_brute_force(log_p).items()}
    texts = sorted(text for text in truth if text)
    text = texts[np.random.default_rng(seed).integers(len(texts))]
    shares = log_shares(log_p, text, align(log_p, text), least=0)
    for i, share in enumerate(shares):
        alike = sum(truth.get((*text[:i], c, *text[i + 1 :]), 0) for c in range(1, log_p.shape[1]))
        assert math.exp(share) == pytest.approx(truth[text] / alike, rel=1e-3)
        assert math.exp(share) >= truth[text] * 0.999, "no character is less sure than its text"


@given(lattices, st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_over_several_views_no_character_is_less_sure_than_the_text(log_p: NDArray[np.float32], seed: int) -> None:
    other = np.asarray(np.random.default_rng(seed).permutation(log_p))
    sums = [{text: math.exp(p) for text, p in by_brute_force(of).items()} for of in (log_p, other)]
    text = max((t for t in sums[0] if t), key=lambda t: sums[0][t])
    assume(text in sums[1])
    mean = sum(of[text] for of in sums) / 2
    found = certainties([view(log_p, text), view(other, ())], text)
    assert len(found) == len(text)
    # Characters below a thousandth are left out.
    assert all(mean - 0.01 <= p <= 1 for p in found)


def test_only_the_doubtful_character_is_in_doubt_and_a_view_can_raise_doubt() -> None:
    sure = spelled(*({c: 0.9999} for c in "12가3456"))
    torn = spelled(*({c: 0.9999} for c in "12가34"), {"5": 0.6, "6": 0.35}, {"6": 0.9999})
    classes = tuple(ALPHABET.encode("12가3456").tolist())
    assert certainties([view(sure, classes)], classes) == pytest.approx([1.0] * 7, abs=1e-3)
    found = certainties([view(torn, classes)], classes)
    assert found[5] == pytest.approx(0.6 / 0.95, abs=0.01)
    assert min(found[:5] + found[6:]) > 0.995
    both = certainties([view(sure, classes), view(torn, classes)], classes)
    assert found[5] < both[5] < 1
    # A view that makes out nothing at all has no say.
    blur = np.full_like(sure, -math.log(ALPHABET.classes))
    assert certainties([view(torn, classes), view(blur, ())], classes) == pytest.approx(found, abs=0.01)


def test_characters_of_noise_are_probabilities_no_less_sure_than_their_text() -> None:
    rng = np.random.default_rng(0)
    for text in Decoder(ALPHABET)(rng.normal(0, 4, (4, 30, ALPHABET.classes)).astype(np.float32)):
        found = certainties([text], text.classes)
        assert len(found) == len(text.classes)
        assert all(text.confidence * 0.99 <= p <= 1 for p in found)
    assert certainties([view(spelled({"1": 0.9}), ())], ()) == []
