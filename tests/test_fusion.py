"""A language model in the beam: which readings it changes, which it must not, and what it asks."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.cli import main
from plate_ocr.model_store import LanguageFiles, ModelError
from plate_ocr.recognition import decoder as decoder_module
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.decoder import Decoder, DecoderSettings
from plate_ocr.recognition.language import LanguageModel, LanguagePrior
from tests.test_decoder import ALPHABET, SEOUL, spelled


class Pairs:
    """Stands for a language model: its plates are a letter, A or B, and three digits of which the last is the first.
    It counts how many times it is asked."""

    characters = "0123456789ABж"
    longest = 4

    def __init__(self) -> None:
        self.asked = 0

    def next(self, prefixes: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.asked += 1
        return np.log([self.row(list(prefix)) + 1e-9 for prefix in prefixes]).astype(np.float32)

    def row(self, prefix: list[int]) -> NDArray[np.float64]:
        p = np.zeros(len(self.characters) + 1)
        likely = {0: [11, 12], 1: range(1, 11), 2: range(1, 11), 3: prefix[1:2], 4: [0]}[len(prefix)]
        p[list(likely)] = 1 / len(likely)
        return p


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Pairs:
    """The model that every name opens."""
    found = Pairs()
    monkeypatch.setattr(decoder_module, "LanguageModel", lambda _: found)
    return found


def read(logits: NDArray[np.float32], **given: object) -> str:
    decoder = Decoder(ALPHABET, DecoderSettings(formats="off", **given))  # type: ignore[arg-type]
    return ALPHABET.decode(decoder(logits[None])[0].classes)


def test_a_doubtful_character_is_read_as_the_model_expects_it(model: Pairs) -> None:
    doubtful = spelled({"A": 0.99}, {"1": 0.99}, {"7": 0.99}, {"7": 0.5, "1": 0.42})
    assert read(doubtful) == "A177"
    assert read(doubtful, language="m", language_weight=0) == "A177"
    assert read(doubtful, language="m", language_weight=0.2) == "A171"
    assert model.asked > 0
    (text,) = Decoder(ALPHABET, DecoderSettings(formats="off", language="m"))(doubtful[None])
    assert text.confidence == pytest.approx(0.42 / 0.92, rel=0.01), "the network's own"


def test_a_sure_reading_is_not_changed_and_costs_no_question(model: Pairs) -> None:
    assert read(spelled(*({c: 0.98} for c in "B178")), language="m", language_weight=5) == "B178"
    assert model.asked == 0


def test_a_doubtful_reading_unlike_all_plates_is_still_read(model: Pairs) -> None:
    # Characters that the model lacks, more of them than it ever saw, and one in doubt.
    assert read(spelled(*SEOUL), language="m") == "서종31머2321"
    assert model.asked > 0


def test_the_model_is_asked_at_most_once_a_character_that_is_read(model: Pairs) -> None:
    read(spelled({"A": 0.6, "B": 0.3}, *({c: 0.6, d: 0.3} for c, d in ("17", "38", "17"))), language="m")
    assert model.asked <= 5


def test_nothing_stays_nothing_and_a_long_plate_is_no_worse_than_a_short_one(model: Pairs) -> None:
    prior = LanguagePrior(model, ALPHABET)  # type: ignore[arg-type]
    for text in ("A121", "B909"):
        classes = tuple(ALPHABET.encode(text).tolist())
        rows = prior.rows([classes[:i] for i in range(5)])
        scores = [row[c] for row, c in zip(rows, (*classes, 0), strict=True)]
        # The mixture takes a little of each.
        assert scores == pytest.approx([0] * 5, abs=0.2)
    assert prior.rows([tuple(ALPHABET.encode("A12").tolist())])[0, 0] < -5, "no plate ends there"
    # Each character is a little less likely than none: a score for being long would write them all.
    hint = spelled(*({c: 1.0} for c in "A121"))
    hint[::2, 0] = math.log(1.5)
    assert read(hint) == ""
    assert read(hint, language="m", language_weight=1) == ""


@given(st.lists(st.lists(st.integers(1, ALPHABET.classes - 1), max_size=7), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_scores_are_finite_whatever_was_read(prefixes: list[list[int]]) -> None:
    model = Pairs()
    model.row = lambda prefix: np.bincount([len(prefix), *prefix], minlength=14) / (len(prefix) + 1)  # type: ignore[method-assign]
    scores = LanguagePrior(model, ALPHABET).rows([tuple(p) for p in prefixes])  # type: ignore[arg-type]
    assert scores.shape == (len(prefixes), ALPHABET.classes)
    assert np.isfinite(scores).all()
    assert scores.min() > -30


def test_a_model_of_other_characters_is_refused() -> None:
    with pytest.raises(ModelError, match="none of the reader's"):
        LanguagePrior(Pairs(), Alphabet("XYZ"))  # type: ignore[arg-type]


def test_a_missing_or_damaged_model_is_told_when_the_decoder_is_made(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'nowhere'"):
        Decoder(ALPHABET, DecoderSettings(language="nowhere"))
    LanguageFiles(tmp_path, {"language.onnx": "0"}, characters="AB", longest=4).save()
    (tmp_path / "language.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"language\.onnx is damaged"):
        Decoder(ALPHABET, DecoderSettings(language=str(tmp_path)))


@pytest.mark.train
def test_a_trained_model_counts_in_the_beam(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    texts = tmp_path / "plates.txt"
    texts.write_text("\n".join(f"{a}{b}{c}{a}" for a in "1234" for b in "1234" for c in "AB"), encoding="utf-8")
    command = ["language", "train", str(texts), "-o", str(tmp_path / "m"), "--epochs", "60", "--units", "32"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    doubtful = spelled({"2": 0.99}, {"4": 0.99}, {"8": 0.45, "B": 0.4}, {"2": 0.99})
    assert read(doubtful) == "2482"
    assert read(doubtful, language=str(tmp_path / "m")) == "24B2"
    assert LanguageModel(tmp_path / "m").longest == 4
    shutil.copytree(tmp_path / "m", tmp_path / "n")
    about = json.loads((tmp_path / "n" / "language.json").read_text(encoding="utf-8"))
    (tmp_path / "n" / "language.json").write_text(json.dumps({**about, "sha256": {}}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"holds no language\.onnx"):
        Decoder(ALPHABET, DecoderSettings(language=str(tmp_path / "n")))
