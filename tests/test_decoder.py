"""The beam against brute force, formats as an automaton, and what they do to readings."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from functools import reduce

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.cli import main
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.beam import align, beam_search, text_log_p
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
            row[ALPHABET.encode(character)[0]] = p
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
        ("12가345", False),
        ("ABC1234", False),
        ("", False),
    ],
)
def test_which_texts_are_korean_plates(text: str, fits: bool) -> None:
    state = reduce(KOREA.step, ALPHABET.encode(text) if text else [], KOREA.start)
    assert KOREA.accepts(state) == fits


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


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="soft, strict, off"):
        DecoderSettings(formats="hard")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        DecoderSettings(width=0)
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
