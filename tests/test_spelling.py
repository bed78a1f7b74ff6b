"""Given texts on drawn plates."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.synthesis.drawing import draw_text
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.region import NOWHERE, Region, load_regions
from plate_ocr.synthesis.spelling import spell
from tests.test_synthesis import REGIONS, library

__all__ = ["library"]


@settings(max_examples=150, deadline=None)
@given(region=st.sampled_from(REGIONS), seed=st.integers(0, 2**31))
def test_whatever_a_region_draws_it_can_be_told_to_draw(region: Region, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout = region.draw_layout(rng)
    writes = tuple(region.draw_text(box.patterns[int(rng.integers(len(box.patterns)))], rng) for box in layout.texts)
    text = "".join(map(region.label, writes))
    (found,), strange = spell([text], [region])
    assert not strange
    assert (layout, writes) in [(way.layout, way.writes) for way in found.spellings]
    assert all("".join(map(region.label, way.writes)) == text for way in found.spellings)


def test_a_plate_carries_the_text_that_it_is_given(library: FontLibrary) -> None:
    (kr,) = load_regions(["kr"])
    (truck,), _ = spell(["서울80바7788"], [kr])
    drawn = [draw_text(truck, library, np.random.default_rng(seed)) for seed in range(12)]
    assert {plate.text for plate in drawn} == {"서울80바7788"}
    # Commercial plates have one line and two.
    assert {plate.lines for plate in drawn} == {1, 2}


def test_plates_of_no_country_carry_only_what_no_country_does() -> None:
    (korean, odd), strange = spell(["12가3456", "A1B2C"], REGIONS)
    assert not strange
    assert {way.region.code for way in korean.spellings} == {"KR"}
    assert NOWHERE in {way.region.code for way in odd.spellings}
    heavy, _ = spell(["ABC1234"], load_regions(["br", "us"]), [0.0, 1.0])
    assert {way.region.code for way in heavy[0].spellings} == {"US"}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("flags", [(), ("--scenes",)])
def test_synthesize_draws_the_texts_in_turn_and_names_those_that_fit_nothing(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    texts = ["12가3456", "서울80바7788", "34나5678"]
    (tmp_path / "texts.txt").write_text("\n".join([*texts, "ABC123"]), encoding="utf-8")
    out = tmp_path / "drawn"
    command = ["synthesize", "--regions", "kr", "--texts", str(tmp_path / "texts.txt"), "-o", str(out), *flags]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "1 of 4 texts fit no plate of these regions and are left out: ABC123" in done.stderr
    with (out / "labels.csv").open(encoding="utf-8") as stream:
        drawn = [row["plate_text"] for row in csv.DictReader(stream)]
    assert drawn == [texts[i % 3] for i in range(len(drawn))]
    assert len(drawn) == 3 if not flags else len(drawn) >= 3


@pytest.mark.usefixtures("library")
def test_texts_that_cannot_be_drawn_are_an_error(tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["synthesize", "--regions", "kr", *arguments])
        assert done.exit_code in (1, 2)
        assert isinstance(done.exception, SystemExit)
        return done.output

    texts = tmp_path / "texts.txt"
    out = ("-o", str(tmp_path / "drawn"))
    assert "no such file" in said("--texts", str(tmp_path / "none.csv"), *out)
    assert "none.txt" in said("--texts", str(tmp_path / "none.txt"), *out)
    texts.write_text("ABC123\n", encoding="utf-8")
    assert "no text of it fits a plate of these regions: ABC123" in said("--texts", str(texts), *out)
    assert "--texts goes with --output" in said("--texts", str(texts), "--preview", str(tmp_path / "sheet.png"))
    assert not (tmp_path / "drawn").exists()
