"""The beam against brute force, formats as an automaton, and what they do to readings."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.cli import main
from plate_ocr.recognition.alignment import align, text_log_p
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.beam import beam_search
from plate_ocr.recognition.ctc import log_softmax
from plate_ocr.recognition.decoder import Decoder, DecoderSettings
from plate_ocr.recognition.formats import Formats
from plate_ocr.synthesis.region import RegionError, load_regions
from tests.conftest import SAMPLE

ALPHABET = Alphabet.default()
KOREA = Formats(load_regions(["kr"]), ALPHABET)


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    """What a CTC path reads as."""
    return tuple(c for c, _ in itertools.groupby(path) if c)


def by_brute_force(log_p: NDArray[np.float32]) -> dict[tuple[int, ...], float]:
    """Every text's log-probability, summed over all its paths."""
    steps, classes = log_p.shape
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(classes), repeat=steps):
        sums[collapse(path)] += math.exp(sum(float(log_p[t, c]) for t, c in enumerate(path)))
    return {text: math.log(p) for text, p in sums.items()}


lattices = st.tuples(st.integers(1, 5), st.integers(2, 3), st.integers(0, 2**31)).map(
    lambda v: log_softmax(np.random.default_rng(v[2]).normal(0, 2, (v[0], v[1])).astype(np.float32))
)


@given(lattices)
@settings(max_examples=40, deadline=None)
def test_a_wide_beam_is_exact(log_p: NDArray[np.float32]) -> None:
    truth = by_brute_force(log_p)
    found = beam_search(log_p, width=10_000, least=0)
    assert {c.classes for c in found} == set(truth)
    for candidate in found:
        assert candidate.log_p == pytest.approx(truth[candidate.classes], abs=1e-4)
    assert [c.log_p for c in found] == sorted((c.log_p for c in found), reverse=True)


@given(lattices)
@settings(max_examples=40, deadline=None)
def test_the_forward_sum_and_the_alignment_of_a_text_are_right(log_p: NDArray[np.float32]) -> None:
    for text, truth in by_brute_force(log_p).items():
        assert text_log_p(log_p, text, drop=1000) == pytest.approx(truth, abs=1e-4)
        steps = align(log_p, text)
        assert steps == sorted(set(steps))
        assert len(steps) == len(text)


class Ascending:
    """A grammar of classes that ascend: 12 and 2, but not 21 or 11. A whole text ends with 2, or, rarely, with 1."""

    start = 1

    def step(self, state: int, cls: int) -> int:
        return cls + 1 if state and cls >= state else 0

    def cost(self, state: int) -> float:
        return {3: 0.0, 2: 0.7}.get(state, math.inf)


class Moody:
    """A prior with a score for each class after each prefix, drawn at random; it notes what it was asked."""

    def __init__(self, classes: int, seed: int) -> None:
        self._classes, self._seed = classes, seed
        self.asked: list[tuple[int, ...]] = []

    def rows(self, prefixes: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        self.asked += prefixes
        return np.array([self.row(prefix) for prefix in prefixes])

    def row(self, prefix: tuple[int, ...]) -> NDArray[np.float64]:
        return np.random.default_rng([self._seed, 7, *prefix]).normal(0, 2, self._classes)

    def score(self, text: tuple[int, ...]) -> float:
        """Of a whole text; nothing has none."""
        return sum(self.row(text[:i])[c] for i, c in enumerate((*text, 0))) if text else 0.0


def rank(text: tuple[int, ...], log_p: float, penalty: float, prior: Moody | None, weight: float) -> float:
    """Of a whole text."""
    cost = Ascending().cost(reduce(Ascending().step, text, 1)) if text else 0.0
    return log_p - min(cost, penalty) + (weight * prior.score(text) if prior else 0)


@given(lattices, st.sampled_from([0.0, 1.5, math.inf]), st.booleans(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_wide_beam_ranks_as_brute_force_with_grammar_and_prior(
    log_p: NDArray[np.float32], penalty: float, with_prior: bool, seed: int
) -> None:
    prior = Moody(log_p.shape[1], seed) if with_prior else None
    found = beam_search(log_p, width=10_000, least=0, grammar=Ascending(), penalty=penalty, prior=prior, weight=0.7)
    truth = by_brute_force(log_p)
    ranks = {text: rank(text, p, penalty, prior, 0.7) for text, p in truth.items()}
    if penalty == math.inf:
        # Nothing is no plate, and cannot be either.
        ranks = {text: value for text, value in ranks.items() if text and value > -math.inf}
    assert {c.classes for c in found} == set(ranks)
    for candidate in found:
        assert candidate.log_p == pytest.approx(truth[candidate.classes], abs=1e-4), "the network's own"
    in_order = [ranks[c.classes] for c in found]
    assert in_order == pytest.approx(sorted(in_order, reverse=True), abs=1e-4)
    assert prior is None or len(set(prior.asked)) == len(prior.asked), "never twice about the same"


def by_hand(
    log_p: NDArray[np.float32], width: int, penalty: float, prior: Moody | None, weight: float
) -> dict[tuple[int, ...], float]:
    """A beam search that makes every prefix before it drops any: text -> probability."""
    beam: dict[tuple[int, ...], list[float]] = {(): [1.0, 0.0]}

    def worth(prefix: tuple[int, ...], parts: list[float]) -> float:
        steps = sum(prior.row(prefix[:i])[c] for i, c in enumerate(prefix)) if prior else 0.0
        fits = reduce(Ascending().step, prefix, 1)
        return sum(parts) * math.exp(weight * steps) * (1 if fits else math.exp(-penalty))

    for row in np.exp(log_p.astype(np.float64)):
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, last) in beam.items():
            grown[prefix][0] += (blank + last) * row[0]
            for cls in range(1, len(row)):
                if prefix and cls == prefix[-1]:
                    grown[prefix][1] += last * row[cls]
                grown[*prefix, cls][1] += (blank if prefix and cls == prefix[-1] else blank + last) * row[cls]
        best = sorted(grown.items(), key=lambda item: -worth(*item))[:width]
        beam = {prefix: parts for prefix, parts in best if worth(prefix, parts) > 0}
    return {prefix: sum(parts) for prefix, parts in beam.items()}


@given(
    st.tuples(st.integers(4, 12), st.integers(3, 6), st.integers(0, 2**31)),
    st.integers(1, 6),
    st.sampled_from([0.0, 1.5, math.inf]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_what_a_narrow_beam_does_not_make_it_would_not_keep(
    shape: tuple[int, int, int], width: int, penalty: float, with_prior: bool
) -> None:
    steps, classes, seed = shape
    log_p = log_softmax(np.random.default_rng(seed).normal(0, 2, (steps, classes)).astype(np.float32))
    prior = Moody(classes, seed) if with_prior else None
    found = beam_search(log_p, width=width, least=0, grammar=Ascending(), penalty=penalty, prior=prior, weight=0.5)
    truth = by_hand(log_p, width, penalty, prior, 0.5)
    if penalty == math.inf:
        truth = {text: p for text, p in truth.items() if rank(text, 0, penalty, None, 0) > -math.inf and text}
    assert {c.classes: c.log_p for c in found} == {t: pytest.approx(math.log(p), abs=1e-4) for t, p in truth.items()}


def test_probabilities_below_the_smallest_float_are_kept() -> None:
    # One character in 200 steps has as many alignments as there are first and last steps for it.
    log_p = np.full((200, 2), -6, np.float32)
    expected = math.log(200 * 201 / 2) - 6 * 200
    assert text_log_p(log_p, (1,), drop=math.inf) == pytest.approx(expected)
    found = {c.classes: c.log_p for c in beam_search(log_p, width=200, least=0)}
    assert found[1,] == pytest.approx(expected)
    assert found[()] == pytest.approx(-1200)


def test_a_text_that_does_not_fit_has_no_alignment() -> None:
    log_p = log_softmax(np.zeros((3, 3), np.float32))
    assert text_log_p(log_p, (1, 1, 1)) == -math.inf
    with pytest.raises(ValueError, match="does not fit"):
        align(log_p, (1, 1, 1))


def spelled(*steps: dict[str, float]) -> NDArray[np.float32]:
    """Logits (T, C) of a text: each step's characters with their probabilities, a blank after each."""
    rows = []
    for step in steps:
        row = np.full(ALPHABET.classes, 1e-7)
        for character, p in step.items():
            row[ALPHABET.encode(character)[0] if character else 0] = p
        rows += [row, np.eye(1, ALPHABET.classes)[0] * 0.9999 + 1e-7]
    return np.log(np.array(rows) / np.array(rows).sum(axis=1, keepdims=True)).astype(np.float32)


def read(logits: NDArray[np.float32], **settings: object) -> str:
    decoder = Decoder(ALPHABET, DecoderSettings(**settings))  # type: ignore[arg-type]
    return ALPHABET.decode(decoder(logits[None])[0].classes)


SEOUL = [{"서": 0.97}, {"종": 0.5, "울": 0.45}, *({c: 0.98} for c in "31"), {"머": 0.97}, *({c: 0.98} for c in "2321")]


def test_a_reading_that_no_format_knows_gives_way_to_one_that_a_format_does() -> None:
    logits = spelled(*SEOUL)
    assert read(logits, formats="off") == "서종31머2321"
    assert read(logits, formats="soft") == "서울31머2321"


def test_a_sure_reading_stays_though_no_format_knows_it() -> None:
    odd = spelled(*({c: 0.995} for c in "K1NG가가가"))
    assert read(odd, formats="soft") == "K1NG가가가"
    # Forced into a format it becomes another text, which nobody should believe.
    (forced,) = Decoder(ALPHABET, DecoderSettings(formats="strict"))(odd[None])
    assert forced.confidence < 0.01


def test_formats_count_more_where_a_character_tells_the_country() -> None:
    # 18 times as likely as the text that fits: e to the 2.9.
    odd = {"종": 0.9, "울": 0.05}
    assert read(spelled({"서": 0.97}, odd, *SEOUL[2:]), formats="soft") == "서울31머2321"
    sure = {"종": 0.99, "울": 0.005}
    assert read(spelled({"서": 0.97}, sure, *SEOUL[2:]), formats="soft") == "서종31머2321"


def test_formats_of_one_region_only() -> None:
    logits = spelled({"0": 0.55, "O": 0.45}, {"1": 0.99}, {"A": 0.6, "가": 0.35}, *({c: 0.99} for c in "2345"))
    assert read(logits, formats="strict", regions=("kr",)) == "01가2345"


def test_an_empty_crop_reads_as_nothing_and_a_confidence_is_a_probability() -> None:
    blank = np.zeros((1, 20, ALPHABET.classes), np.float32)
    blank[..., 0] = 12
    (decoded,) = Decoder(ALPHABET)(blank)
    assert decoded.classes == ()
    assert 0.9 < decoded.confidence <= 1
    rng = np.random.default_rng(0)
    for decoded in Decoder(ALPHABET)(rng.normal(0, 4, (4, 30, ALPHABET.classes)).astype(np.float32)):
        assert 0 <= decoded.confidence <= 1
        assert len(decoded.steps()) == len(decoded.classes)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("12가3456", True),
        ("123가4567", True),
        ("서울31머2321", True),
        ("경기37바5083", True),
        ("외교123456", True),
        ("서종31머2321", False),
        ("세종31머2321", False),  # private plates named a province until 2003, and Sejong is younger
        ("세종31바2321", True),
        ("세종13머2321", True),  # a construction machine
        ("12가345", False),
        ("ABC1234", False),
        ("", False),
    ],
)
def test_which_texts_are_korean_plates(text: str, fits: bool) -> None:
    state = reduce(KOREA.step, ALPHABET.encode(text) if text else [], KOREA.start)
    assert (KOREA.cost(state) < math.inf) == fits


def test_a_text_of_a_rare_format_gives_way_to_one_of_a_common_format() -> None:
    everywhere = Formats(load_regions(), ALPHABET)

    def cost(text: str) -> float:
        return everywhere.cost(reduce(everywhere.step, ALPHABET.encode(text), everywhere.start))

    # Most of Uzbekistan's plates, and one of many groupings that are a plate somewhere in Europe.
    assert cost("10A353AA") == 0
    assert 1 < cost("1A353AA") < math.inf
    assert cost("10A353A") == math.inf
    few = {"1": 0.45, "": 0.55}
    assert read(spelled(few, *({c: 0.98} for c in "0A353AA"))) == "10A353AA"
    assert read(spelled(few, *({c: 0.98} for c in "0A353AA")), formats="off") == "0A353AA"
    fewer = {"1": 0.05, "": 0.95}
    assert read(spelled(fewer, *({c: 0.98} for c in "0A353AA"))) == "0A353AA"


def test_a_text_that_no_other_can_outrank_is_not_searched() -> None:
    decoder = Decoder(ALPHABET)
    odd = [{c: 0.999} for c in "K1NG가가가"]
    decoder(np.stack([spelled(*odd), spelled(*odd[:-1], {"가": 0.6, "나": 0.3})]))
    assert (decoder.decoded, decoder.searched) == (2, 1)


@given(st.sampled_from(load_regions()), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_whatever_a_region_draws_its_formats_accept(region: object, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout = region.draw_layout(rng)  # type: ignore[attr-defined]
    drawn = (region.draw_text(b.patterns[int(rng.integers(len(b.patterns)))], rng) for b in layout.texts)  # type: ignore[attr-defined]
    text = "".join(region.label(part) for part in drawn)  # type: ignore[attr-defined]
    found = Formats([region], ALPHABET).regions(text)  # type: ignore[list-item]
    assert region.code == "XX" or found == {region.code: pytest.approx(1)}  # type: ignore[attr-defined]


def test_a_region_is_named_where_the_format_leaves_no_doubt() -> None:
    everywhere = Formats(load_regions(), ALPHABET)
    for text, code in (("12가3456", "KR"), ("皖A12345", "CN"), ("163T3168", "TN")):
        assert next(iter(everywhere.regions(text).items()))[0] == code
        assert everywhere.regions(text)[code] > 0.9
    assert max(everywhere.regions("ABC123").values()) < 0.9
    assert sum(everywhere.regions("ABC123").values()) == pytest.approx(1)


EVERYWHERE = Formats(load_regions(), ALPHABET)


@given(st.lists(st.text("0123459ABKOZ가서皖", max_size=9), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_whose_a_plate_is_does_not_hang_on_the_plates_before_it(texts: list[str]) -> None:
    remembered = [EVERYWHERE.regions(text) for text in texts]
    for text, found in zip(texts, remembered, strict=True):
        EVERYWHERE.forget()
        assert found == pytest.approx(EVERYWHERE.regions(text))
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_characters_stand_where_they_are_though_sure_blanks_are_passed_over() -> None:
    log_p = log_softmax(np.full((60, 4), -14.0, np.float32) + 14 * np.eye(4, dtype=np.float32)[0])
    for step, cls, logit in ((7, 2, 10), (31, 1, 10), (32, 1, 9), (55, 3, 10)):
        log_p[step] = log_softmax(logit * np.eye(4, dtype=np.float32)[cls])
    assert align(log_p, (2, 1, 3)) == [7, 31, 55]
    assert text_log_p(log_p, (2, 1, 3)) > -0.1
    # A text that blanks leave no room for is put where it is least unlikely.
    assert len(set(align(log_p, (1, 2, 1, 2, 1, 2)))) == 6


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="soft, strict, off"):
        DecoderSettings(formats="hard")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        DecoderSettings(width=0)
    with pytest.raises(ValueError, match="between 0 and 5"):
        DecoderSettings(language_weight=-1)
    with pytest.raises(RegionError, match="no region 'atlantis'"):
        Decoder(ALPHABET, DecoderSettings(regions=("atlantis",)))


def test_flags_of_the_commands() -> None:
    scene = str(SAMPLE / "crops" / "00001.jpg")
    done = CliRunner().invoke(main, ["recognize", scene, "--crops", "--region", "kr", "--formats", "strict"])
    assert done.exit_code == 0, done.output
    bad = CliRunner().invoke(main, ["recognize", scene, "--crops", "--region", "atlantis"])
    assert bad.exit_code == 1
    assert "no region 'atlantis'" in bad.output


@pytest.mark.train
def test_the_beam_finds_what_keras_decoder_finds() -> None:
    keras = pytest.importorskip("keras", reason="Keras comes with the train extra")
    pytest.importorskip("tensorflow", reason="Keras needs a backend")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2.5, (12, 10, 6)).astype(np.float32)
    paths, _ = keras.ops.ctc_decode(
        logits, np.full(12, 10), strategy="beam_search", beam_width=200, top_paths=1, mask_index=0
    )
    theirs = [tuple(int(c) for c in row if c >= 0) for row in np.asarray(paths[0])]
    ours = [beam_search(row, width=200, least=0)[0].classes for row in log_softmax(logits)]
    assert ours == theirs


def test_memory_of_formats_does_not_grow_with_the_plates_that_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    decoder, keeps = Decoder(ALPHABET), Decoder(ALPHABET)
    for _ in range(60):
        plate = "".join(rng.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ"), 3)) + "".join(rng.choice(list("0123456789"), 3))
        logits = spelled(*({c: 0.6, "8": 0.2} for c in plate))
        monkeypatch.setattr("plate_ocr.recognition.formats.KEPT", 10**6)
        expected = keeps(logits[None])[0].classes
        monkeypatch.setattr("plate_ocr.recognition.formats.KEPT", 50)
        assert decoder(logits[None])[0].classes == expected
        assert len(decoder.formats) < 150
    assert len(keeps.formats) > 200, "or nothing would have been forgotten"
    assert decoder.formats.regions("12가3456") == {"KR": 1.0}
