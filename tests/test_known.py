"""Known plates: when a reading is taken for one, and when not."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.photos import load
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.decoder import Decoder, DecoderSettings, Text
from plate_ocr.recognition.known import LEAST_RATIO, KnownPlatesError, nearest, read_known
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE
from tests.test_decoder import spelled

ALPHABET = Alphabet.default()


def decoded(*steps: dict[str, float]) -> tuple[list, str]:  # type: ignore[type-arg]
    """One view of a plate, and what it reads as without a list."""
    texts = Decoder(ALPHABET, DecoderSettings(formats="off"))(spelled(*steps)[None])
    return texts, ALPHABET.decode(texts[0].classes)


def test_a_doubtful_character_gives_way_to_the_list_and_a_clear_one_does_not() -> None:
    texts, read = decoded({"A": 0.999}, {"0": 0.6, "O": 0.38}, {"7": 0.999}, {"8": 0.999})
    assert read == "A078"
    assert nearest(texts, read, ["AO78", "B999"], ALPHABET) == ("AO78", pytest.approx(0.38 / 0.6, rel=0.01))
    assert nearest(texts, read, ["A079", "B078", "78"], ALPHABET) is None
    assert nearest(texts, read, ["A078", "AO78"], ALPHABET) is None
    assert nearest(texts, read, [], ALPHABET) is None
    assert nearest(texts, read, ["Ж078"], ALPHABET) is None


@given(st.floats(1e-6, 0.5), st.sampled_from(["0O", "8B", "1I", "35", "가나"]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_an_edit_weighs_what_the_picture_says_of_it(p: float, pair: str, place: int) -> None:
    read, listed = ("A7K4"[:place] + c + "A7K4"[place + 1 :] for c in pair)
    steps = [{c: 0.999} for c in read]
    steps[place] = {pair[0]: 1 - p, pair[1]: p}
    texts, text = decoded(*steps)
    assert text == read
    found = nearest(texts, read, ["XXXX", listed], ALPHABET)
    odds = p / (1 - p)
    if odds > LEAST_RATIO * 1.1:
        assert found == (listed, pytest.approx(odds, rel=0.05))
    elif odds < LEAST_RATIO * 0.9:
        assert found is None


def test_of_several_the_one_that_the_picture_rather_shows_is_taken() -> None:
    texts, read = decoded({"A": 0.999}, {"0": 0.6, "O": 0.1, "D": 0.25}, {"7": 0.999}, {"8": 0.7, "B": 0.2})
    assert nearest(texts, read, ["AO78", "AD78", "AD7B", "A07B"], ALPHABET) == ("AD78", pytest.approx(0.25 / 0.6, 0.02))
    # A character too many counts like another; where it may as well be none.
    faint = spelled(*({c: 0.999} for c in "A781"))
    faint[6, 0] = -0.5
    texts = Decoder(ALPHABET, DecoderSettings(formats="off"))(faint[None])
    assert nearest(texts, "A781", ["A78"], ALPHABET) == ("A78", pytest.approx(math.exp(-0.5), rel=0.02))
    assert nearest(texts, "A781", ["A7"], ALPHABET) is None


def test_a_view_that_shows_nothing_has_no_say() -> None:
    texts, read = decoded(*({c: 0.9999} for c in "A078"))
    blur = Text((), 0.9, np.full_like(texts[0].log_p, -math.log(ALPHABET.classes)))
    assert nearest(texts, read, ["AO78", "B078"], ALPHABET) is None
    assert nearest([*texts, blur], read, ["AO78", "B078"], ALPHABET) is None
    # One in which it is made out has.
    doubtful, _ = decoded({"A": 0.999}, {"0": 0.55, "O": 0.44}, {"7": 0.999}, {"8": 0.999})
    assert nearest([*texts, *doubtful], read, ["AO78"], ALPHABET) == ("AO78", pytest.approx(0.44 / 1.55, rel=0.03))


def test_lists_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text("\ufeff# ours\n12 가 3456\n\nab-123\nAB123\n", encoding="utf-8")
    assert read_known(path) == ("12가3456", "AB123")
    path.write_text("# nothing\n")
    with pytest.raises(KnownPlatesError, match="holds no plate"):
        read_known(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnownPlatesError, match="UTF-8"):
        read_known(path)


def test_recognize_says_what_it_has_taken_for_a_known_plate(tmp_path: Path) -> None:
    # A sample crop whose reading is doubtful: its second candidate is put on the list.
    reader = Recognizer(looks=False, decoding=DecoderSettings(formats="off"))
    for path in sorted((SAMPLE / "crops").glob("*.jpg")):
        text = reader.look([load(path)])[0]
        candidates = reader.decoder.candidates(text.log_p)
        first, second = (ALPHABET.decode(c.classes) for c in candidates[:2])
        if len(second) > 4 and candidates[1].log_p - candidates[0].log_p > -2:
            break
    known, table = tmp_path / "known.txt", tmp_path / "out.csv"
    known.write_text(f"{second}\n", encoding="utf-8")
    flags = ["--crops", "--one-look", "--formats", "off", "--known", str(known), "--output", str(table)]
    result = CliRunner().invoke(main, ["recognize", str(path), *flags])
    assert result.exit_code == 0, result.output
    with table.open(encoding="utf-8-sig", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["text"] == second
    assert row["message"] == f"known plate; read as {first}"
    assert row["status"] == "ok"
    missing = CliRunner().invoke(main, ["recognize", str(path), "--known", str(tmp_path / "none.txt")])
    assert missing.exit_code == 1
    assert "none.txt" in missing.output
