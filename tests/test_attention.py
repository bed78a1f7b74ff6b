"""How a decoder with attention is searched, on toys that brute force can check. What it learns is in
test_attention_training.py."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.recognition.alignment import align, forward_log_p
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.attention import END, AttentionDecoder, Search, lattice, write_greedily
from plate_ocr.recognition.ctc import log_softmax
from plate_ocr.recognition.network import Encoded, Step

LONGEST, CLASSES = 3, 4

TEXTS = [text for length in range(LONGEST + 1) for text in itertools.product(range(1, CLASSES), repeat=length)]


class Toy:
    """A recurrent network of random weights, whose next character depends on all before and on the crop."""

    kind = "toy"

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._a, self._b, self._c = (rng.normal(0, 1.5, (6, n)).astype(np.float32) for n in (6, CLASSES, CLASSES))

    def encode(self, crops: NDArray[np.float32]) -> Encoded:
        return Encoded(crops, crops, crops.mean(axis=1))

    def step(self, seen: Encoded, looked: NDArray[np.float32], previous: NDArray[np.int32]) -> Step:
        scores = (seen.keys * seen.state[:, None]).sum(axis=2) - looked
        weights = np.exp(log_softmax(scores))
        mixed = (weights[..., None] * seen.features).sum(axis=1)
        state = np.tanh(seen.state @ self._a + self._b.T[previous] + mixed)
        return Step(2 * state @ self._c, state, weights)


def some(seed: int, crops: int) -> tuple[Toy, Encoded]:
    """A toy, and what it looks at in so many crops."""
    toy = Toy(seed)
    return toy, toy.encode(np.random.default_rng(seed + 1).normal(size=(crops, 5, 6)).astype(np.float32))


def of(encoded: Encoded, i: int) -> Encoded:
    return Encoded(encoded.features[i : i + 1], encoded.keys[i : i + 1], encoded.state[i : i + 1])


def by_brute_force(toy: Toy, encoded: Encoded) -> dict[tuple[int, ...], float]:
    """The log-probability of every text in one crop."""
    found = {}
    for text in TEXTS:
        seen, looked, total = encoded, np.zeros((1, 5), np.float32), 0.0
        for before, cls in zip((END, *text), (*text, END), strict=True):
            step = toy.step(seen, looked, np.array([before], np.int32))
            seen, looked = Encoded(encoded.features, encoded.keys, step.state), step.attention
            # After the longest text there is nothing but its end.
            total += float(log_softmax(step.logits)[0, cls])
        found[text] = total
    return found


class Ascending:
    """A grammar of texts whose classes rise, and which have two characters at least; those of three are rare."""

    start = 1

    def step(self, state: int, cls: int) -> int:
        last, length = divmod(state - 1, 10)
        return 10 * cls + min(length + 1, 9) + 1 if state and cls > last else 0

    def cost(self, state: int) -> float:
        length = (state - 1) % 10 if state > 0 else 0
        return math.inf if length < 2 else 0.7 * (length > 2)


class Moody:
    """A prior that likes some characters better after some others."""

    def __init__(self, seed: int) -> None:
        self._scores = np.random.default_rng(seed).normal(size=(CLASSES, CLASSES))

    def rows(self, prefixes: Any) -> NDArray[np.float64]:
        return np.stack([self._scores[prefix[-1] if prefix else 0] for prefix in prefixes])

    def score(self, text: tuple[int, ...]) -> float:
        return sum(self._scores[a][b] for a, b in itertools.pairwise((0, *text, END))) if text else 0.0


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_wide_search_finds_every_text_with_its_probability(seed: int) -> None:
    toy, encoded = some(seed, 3)
    for i, found in enumerate(Search(width=10_000, least=0)(toy, encoded, LONGEST)):
        truth = by_brute_force(toy, of(encoded, i))
        assert {text.classes: text.text_log_p for text in found} == {
            text: pytest.approx(p, abs=1e-4) for text, p in truth.items()
        }
        assert [t.text_log_p for t in found] == sorted((t.text_log_p for t in found), reverse=True)
        for text in found:
            np.testing.assert_allclose(text.attention.sum(axis=1), 1, atol=1e-5)
            assert len(text.attention) == len(text.log_p) == len(text.classes) + 1


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.5, math.inf]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_formats_and_a_prior_decide_which_text_is_best(seed: int, penalty: float, with_prior: bool) -> None:
    toy, encoded = some(seed, 1)
    grammar, prior = Ascending(), Moody(seed) if with_prior else None
    (found,) = Search(10_000, 0, grammar, penalty, prior, 0.7)(toy, encoded, LONGEST)

    def rank(text: tuple[int, ...], p: float) -> float:
        fits = len(text) >= 2 and all(a < b for a, b in itertools.pairwise(text))
        cost = 0.7 * (len(text) > 2) if fits else math.inf
        pays = text or penalty == math.inf
        return p + (0.7 * prior.score(text) if prior else 0) - (min(cost, penalty) if pays else 0)

    ranks = {text: rank(text, p) for text, p in by_brute_force(toy, encoded).items()}
    assert {text.classes for text in found} == {text for text, r in ranks.items() if r > -math.inf}
    assert [ranks[text.classes] for text in found] == pytest.approx(sorted(ranks.values(), reverse=True)[: len(found)])


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_search_of_width_one_is_greedy(seed: int) -> None:
    toy, encoded = some(seed, 4)
    greedy = write_greedily(toy, encoded, LONGEST)
    for least in (0.0, 1e-3):
        narrow = [found[0] for found in Search(width=1, least=least)(toy, encoded, LONGEST)]
        for a, b in zip(narrow, greedy, strict=True):
            assert a.classes == b.classes
            np.testing.assert_allclose(a.log_p, b.log_p, atol=1e-5)
            np.testing.assert_allclose(a.attention, b.attention, atol=1e-5)


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=15, deadline=None)
def test_crops_that_are_searched_together_read_as_each_by_itself(seed: int, width: int) -> None:
    toy, encoded = some(seed, 4)
    search = Search(width=width)
    together = search(toy, encoded, LONGEST)
    for i, found in enumerate(together):
        (alone,) = search(toy, of(encoded, i), LONGEST)
        assert [text.classes for text in found] == [text.classes for text in alone]


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_lattice_of_a_text_holds_its_probability_and_every_other_text(seed: int) -> None:
    toy, encoded = some(seed, 1)
    (found,) = Search(width=10_000, least=0)(toy, encoded, LONGEST)
    for text in found[:3]:
        log_p = lattice(text.log_p, LONGEST)
        np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, atol=1e-5)
        steps = [2 * i + 1 for i in range(len(text.classes))]
        assert log_p[steps, list(text.classes)].sum() == pytest.approx(
            text.log_p[range(len(steps)), text.classes].sum()
        )
        # Nothing of the text's own probability is lost, but a text may also be written around an early end.
        assert forward_log_p(log_p, text.classes) >= text.text_log_p - 1e-4
        for other in TEXTS:
            assert len(align(log_p, other)) == len(other)


class Script:
    """Says of each character what stands in the crop (T, C), whatever was written before."""

    kind = "script"

    def encode(self, crops: NDArray[np.float32]) -> Encoded:
        return Encoded(crops, crops, np.zeros((len(crops), 1), np.float32))

    def step(self, seen: Encoded, looked: NDArray[np.float32], previous: NDArray[np.int32]) -> Step:  # noqa: ARG002
        places = np.minimum(seen.state[:, 0].astype(int), seen.features.shape[1] - 1)
        return Step(seen.features[np.arange(len(places)), places], seen.state + 1, looked)


def test_formats_count_more_where_a_character_tells_the_country() -> None:
    alphabet = Alphabet.default()

    def written(*steps: dict[str, float]) -> NDArray[np.float32]:
        rows = np.full((len(steps), alphabet.classes), 1e-7, np.float32)
        for row, step in zip(rows, steps, strict=True):
            for character, p in step.items():
                row[alphabet.encode(character)[0] if character else END] = p
        return np.log(rows)

    # In both crops the text that fits is e to the 2.9 times less likely: more than formats count, and less than they do
    # where there is Hangul.
    korean = written({"1": 1}, {"2": 1}, {"가": 1}, {"3": 1}, {"4": 1}, {"5": 1}, {"A": 0.9, "6": 0.05}, {"": 1})
    latin = written({"1": 1}, {"2": 1}, {"A": 1}, {"3": 1}, {"4": 1}, {"5": 1}, {"Z": 0.9, "6": 0.05}, {"": 1})
    decoder = AttentionDecoder(alphabet, None, Script(), 10)
    texts = [alphabet.decode(text.classes) for text in decoder.read(np.stack([korean, latin]))]
    assert texts == ["12가3456", "12A345Z"]
