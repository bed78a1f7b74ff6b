"""Plates that never existed."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.cli import main
from plate_ocr.recognition.alphabet import Alphabet, normalize
from plate_ocr.recognition.preprocess import to_grey
from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontError, FontLibrary, hangul_of, read_glyph_sets
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.lettering import Pen
from plate_ocr.synthesis.region import Region, RegionError, drawn_place, load_region, load_regions
from plate_ocr.synthesis.scenes import HEIGHT, WIDTH, SceneGenerator

REGIONS = load_regions()
MINIMAL = """
region: QQ
name: Test
fonts: [DejaVuSans-Bold]
alphabets: {town: [AB]}
layouts:
  - name: one
    size: [520, 110]
    colours: [{plate: "#ffffff", ink: "#000000"}]
    texts:
      - {at: [20, 20, 480, 70], patterns: ["{town}-##"]}
"""


@pytest.fixture(scope="session")
def library() -> FontLibrary:
    found = FontLibrary()
    try:
        for region in REGIONS:
            found.for_text(region.fonts)
        for character in "A가京":
            found.mask(found.for_text(REGIONS[0].fonts)[0], character)
    except FontError as error:
        pytest.skip(f"drawing needs fonts: {error}")
    return found


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.code)
def test_every_pattern_gives_a_text_that_the_reader_can_write(region: Region) -> None:
    rng = np.random.default_rng(0)
    alphabet = Alphabet.default()
    for layout in region.layouts:
        for box in layout.texts:
            for pattern in box.patterns:
                text = region.label(region.draw_text(pattern, rng))
                assert text
                assert text == normalize(text)
                assert not alphabet.unknown(text), (region.code, layout.name, pattern)


def test_korea_has_the_plates_of_trucks_and_old_two_line_ones() -> None:
    (korea,) = load_regions(["kr"])
    lines = {layout.name: layout.lines for layout in korea.layouts}
    assert lines["private long, 7 characters"] == 1
    assert lines["commercial yellow two lines"] == lines["old green two lines, province on top"] == 2
    assert any("trucks" in name and count == 2 for name, count in lines.items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("{town}-##", "{city}-##"), "names no alphabet"),
        (("[20, 20, 480, 70]", "[20, 20, 700, 70]"), "leaves the plate"),
        (("#ffffff", "white"), "not a colour"),
        (("    size: [520, 110]\n", ""), "size"),
        (("region: QQ", "region: QQ\nletter: ABC"), "unknown key 'letter'"),
        (("    colours:", "    border: {inset: 4, number: 1}\n    colours:"), "unknown key 'number'"),
        (("region: QQ", "region: ["), "not a YAML"),
        ((MINIMAL, "just text"), "a mapping"),
    ],
)
def test_a_faulty_region_file_is_named_with_its_fault(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "qq.yaml"
    path.write_text(MINIMAL.replace(*change))
    with pytest.raises(RegionError, match=says) as caught:
        load_region(path)
    assert "qq.yaml" in str(caught.value)


def test_there_are_the_regions_of_the_world_and_every_one_draws(library: FontLibrary) -> None:
    assert len(REGIONS) >= 25
    assert {
        "KR",
        "CN",
        "JP",
        "TW",
        "VN",
        "US",
        "BR",
        "AR",
        "DE",
        "FR",
        "GB",
        "IT",
        "ES",
        "PL",
        "CZ",
        "HR",
        "RO",
        "NL",
    } <= {region.code for region in REGIONS}
    for region in REGIONS:
        for layout in region.layouts:
            plate = draw_plate(region, library, np.random.default_rng(0), layout=layout)
            assert plate.text, (region.code, layout.name)
            assert plate.lines in (1, 2)
            assert plate.picture.std() > 5


def test_a_word_in_another_script_reads_as_what_the_region_says(library: FontLibrary) -> None:
    (tunisia,) = load_regions(["tn"])
    generator = CropGenerator([tunisia], library)
    texts = [generator.draw(seed).text for seed in range(30)]
    assert any("T" in text for text in texts)
    assert all(text.isascii() for text in texts)


def test_look_alikes_share_a_shape_only_where_a_format_tells_them_apart(library: FontLibrary) -> None:
    font = library.for_text(("DejaVuSansMono-Bold",))[0]
    plain, twins = Pen(library, font, {}), Pen(library, font, {}, twins="digits")
    assert not np.array_equal(plain.mask("O"), plain.mask("0"))
    assert np.array_equal(twins.mask("O"), plain.mask("0"))
    assert np.array_equal(twins.mask("A"), plain.mask("A"))


def test_a_bolder_pen_has_more_ink(library: FontLibrary) -> None:
    font = library.for_text(REGIONS[0].fonts)[0]
    inks = [float((library.mask(font, "8", weight=weight) > 128).mean()) for weight in (-2, 0, 3)]
    assert inks == sorted(inks)


def test_a_layout_may_have_a_bar_for_its_1_and_wider_characters(tmp_path: Path, library: FontLibrary) -> None:
    plain = MINIMAL.replace("{town}-##", "11")

    def ink(text: str) -> NDArray[np.bool_]:
        """Dark pixels of 12 plates, one below the other."""
        (tmp_path / "qq.yaml").write_text(text)
        region = load_region(tmp_path / "qq.yaml")
        drawn = [draw_plate(region, library, np.random.default_rng(i)).picture for i in range(12)]
        return np.vstack(drawn).max(axis=2) < 90

    def in_bars(found: NDArray[np.bool_]) -> int:
        """Pieces of ink that fill the box about them."""
        _, _, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
        return int(sum(area > 0.9 * width * height and area > 100 for *_, width, height, area in stats[1:]))

    barred = plain.replace("size: [520, 110]", "size: [520, 110]\n    bar: 1.0")
    assert in_bars(ink(barred)) >= 20 > 8 > in_bars(ink(plain))
    wide = plain.replace("]}", "], wide: 2.5}").replace("{town: [AB], wide: 2.5}", "{town: [AB]}")
    assert ink(wide).sum() > 1.2 * ink(plain).sum()


def test_in_cells_characters_are_as_wide_as_each_other_and_a_narrow_one_stays_so(
    tmp_path: Path, library: FontLibrary
) -> None:
    def widths(text: str, cell: str) -> list[NDArray[np.float64]]:
        """The widths by their heights of the characters of 12 plates, from the left."""
        found = []
        (tmp_path / "qq.yaml").write_text(
            MINIMAL.replace("{town}-##", text).replace("]}", f"]{cell}}}").replace(f"[AB]{cell}", "[AB]")
        )
        region = load_region(tmp_path / "qq.yaml")
        for i in range(12):
            ink = draw_plate(region, library, np.random.default_rng(i)).picture.max(axis=2) < 90
            _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
            large = sorted(tuple(row) for row in stats[1:] if row[3] > 30)
            if len(large) == len(text):
                found.append(np.array([width / height for _, _, width, height, _ in large]))
        assert len(found) >= 6
        return found

    spread = [np.median([np.ptp(each) / each.mean() for each in widths("HMLE", cell)]) for cell in ("", ", cell: 0.5")]
    assert spread[1] < 0.3 * spread[0]
    narrow = [np.median([each[1] / each[0] for each in widths("HIH", cell)]) for cell in ("", ", cell: 0.5")]
    assert narrow[1] < 0.6


def test_a_sticker_may_show_a_number_that_is_none_of_the_text(tmp_path: Path, library: FontLibrary) -> None:
    def dark(number: float) -> int:
        """Dark pixels within the stickers of 20 plates."""
        sticker = f"stickers: [{{at: [10, 20, 60, 70], number: {number}}}]"
        (tmp_path / "qq.yaml").write_text(
            MINIMAL.replace("    texts", f"    {sticker}\n    texts").replace("[20, 20, 480", "[90, 20, 410")
        )
        region = load_region(tmp_path / "qq.yaml")
        total = 0
        for i in range(20):
            plate = draw_plate(region, library, np.random.default_rng(i))
            assert len(plate.text) == 4
            height, width = plate.picture.shape[:2]
            part = plate.picture[height * 35 // 110 : height * 75 // 110, width * 22 // 520 : width * 58 // 520]
            total += int((part.max(axis=2) < 60).sum())
        return total

    assert dark(1.0) > dark(0.0) + 500


def test_a_region_is_one_file_and_no_code(tmp_path: Path, library: FontLibrary) -> None:
    path = tmp_path / "qq.yaml"
    path.write_text(MINIMAL)
    crop = CropGenerator(load_regions([str(path)]), library).draw(1)
    assert crop.region == "QQ"
    assert crop.text.startswith("AB")
    assert len(crop.text) == 4


def test_a_field_lies_under_the_text_and_words_may_have_a_colour_of_their_own(
    tmp_path: Path, library: FontLibrary
) -> None:
    path = tmp_path / "field.yaml"
    decor = """
    field: {at: [100, 10, 400, 90], colour: "#ff0000"}
    words: [{at: [10, 10, 60, 60], text: [M], colour: "#0000ff"}]
"""
    text = MINIMAL.replace("[20, 20, 480, 70]", "[120, 20, 360, 70]")
    path.write_text(text.replace("    texts:", decor.strip("\n") + "\n    texts:"))
    for seed in range(5):
        plate = draw_plate(load_region(path), library, np.random.default_rng(seed)).picture.astype(int)
        blue, _, red = (plate[..., channel] > 150 for channel in range(3))
        high, wide = blue.shape
        under = np.zeros((high, wide), bool)
        under[round(high * 0.12) : round(high * 0.88), round(wide * 0.21) : round(wide * 0.94)] = True
        assert (red & ~blue)[under].mean() > 0.5
        assert not (red & ~blue)[:, : round(wide * 0.17)].any()
        assert (blue & ~red)[:, : round(wide * 0.17)].any(), "the word"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_seed_fixes_the_crop(seed: int, library: FontLibrary) -> None:
    generator = CropGenerator(REGIONS, library)
    one, again, other = generator.draw(seed), generator.draw(seed), generator.draw(seed + 1)
    np.testing.assert_array_equal(one.picture, again.picture)
    assert one.text == again.text
    assert one.picture.dtype == np.uint8
    assert one.picture.shape[2] == 3
    assert one.picture.shape != other.picture.shape or (one.picture != other.picture).any()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=9).filter(lambda weights: sum(weights) > 0.01), st.integers(0, 99)
)
def test_places_are_drawn_by_weight(weights: list[float], seed: int) -> None:
    share = np.array(weights) / sum(weights)
    expected = np.random.default_rng(seed).choice(len(weights), 30, p=share).tolist()
    rng, ends = np.random.default_rng(seed), np.cumsum(weights).tolist()
    assert [drawn_place(ends, rng) for _ in range(30)] == expected


@pytest.mark.parametrize("name", ["kr", "us", "gb"])
def test_a_grey_plate_is_the_coloured_one_in_grey(name: str, library: FontLibrary) -> None:
    (region,) = load_regions([name])
    for seed in range(5):
        grey = draw_plate(region, library, np.random.default_rng(seed), grey=True)
        coloured = draw_plate(region, library, np.random.default_rng(seed))
        assert grey.text == coloured.text
        assert grey.picture.shape == coloured.picture.shape[:2]
        assert cv2.absdiff(grey.picture, to_grey(coloured.picture)).mean() < 2


def test_a_strength_of_nothing_draws_clearer_crops(library: FontLibrary) -> None:
    def sharpness(strength: float) -> float:
        generator = CropGenerator(load_regions(["de"]), library, strength=strength)
        crops = [cv2.cvtColor(generator.draw(seed).picture, cv2.COLOR_BGR2GRAY) for seed in range(12)]
        return float(np.mean([cv2.Laplacian(cv2.resize(c, (160, 48)), cv2.CV_32F).std() for c in crops]))

    assert sharpness(0) > 1.3 * sharpness(1)


@pytest.mark.parametrize("seed", range(4))
def test_corners_of_scenes_lie_on_their_plates(seed: int, library: FontLibrary) -> None:
    scene = SceneGenerator(load_regions(["de"]), library).draw(seed)
    assert scene.picture.shape == (HEIGHT, WIDTH, 3)
    assert scene.plates
    for plate in scene.plates:
        quad = plate.corners.array
        assert cv2.isContourConvex(quad)
        assert cv2.contourArea(quad, oriented=True) > 0, "clockwise, as the eye sees it"
        inside = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(inside, [np.round(quad).astype(np.int32)], 1)
        ring = cv2.dilate(inside, np.ones((7, 7), np.uint8)) - inside
        grey = cv2.cvtColor(scene.picture, cv2.COLOR_BGR2GRAY)
        # A white plate in its dark mount.
        assert np.median(grey[inside > 0]) > np.median(grey[ring > 0]) + 40


def test_romanised_glyph_names_are_hangul() -> None:
    assert [hangul_of(n) for n in ("ga", "heo", "u", "reo", "lu", "bae", "3", "가")] == list("가허우러루배3가")
    assert hangul_of("seoul") == hangul_of("type1") == ""


def test_glyph_folders_give_masks_whatever_their_colours(tmp_path: Path) -> None:
    for digit in "0123456789":
        picture = np.full((80, 50, 3), (40, 120, 30), np.uint8)
        cv2.putText(picture, digit, (6, 66), cv2.FONT_HERSHEY_SIMPLEX, 2, (250, 250, 250), 5)
        cv2.imwrite(str(tmp_path / f"{digit}.png"), picture)
    (glyphs,) = read_glyph_sets(tmp_path)
    assert set(glyphs) == set("0123456789")
    assert glyphs["8"].max() > 200
    assert glyphs["1"].shape[1] < glyphs["8"].shape[1]


@pytest.mark.parametrize("flags", [(), ("--scenes",)])
def test_synthesize_writes_pictures_and_their_labels(
    tmp_path: Path, flags: tuple[str, ...], library: FontLibrary
) -> None:
    del library
    out = tmp_path / "drawn"
    command = ["synthesize", "-n", "3", "--regions", "kr:2,eu", "--output", str(out), *flags]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    with (out / "labels.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["image_path"] for row in rows} == {"00001.jpg", "00002.jpg", "00003.jpg"}
    assert all((out / row["image_path"]).stat().st_size > 500 and row["plate_text"] for row in rows)
    assert ("x1" in rows[0]) == bool(flags)
    assert ("lines" in rows[0]) != bool(flags)
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 1
    assert "exists already" in again.output


def test_the_preview_is_one_sheet(tmp_path: Path, library: FontLibrary) -> None:
    del library
    sheet = tmp_path / "sheet.jpg"
    assert CliRunner().invoke(main, ["synthesize", "--regions", "kr,de", "--preview", str(sheet)]).exit_code == 0
    assert cv2.imread(str(sheet)).std() > 20


@pytest.mark.usefixtures("library")
def test_fonts_that_are_not_there_are_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINIMAL.replace("fonts: [", "fonts: [NoSuchFont, "), encoding="utf-8")
    result = CliRunner().invoke(main, ["synthesize", "--regions", str(mine), "--preview", str(tmp_path / "sheet.png")])
    assert result.exit_code == 0
    assert "others are drawn in their place: NoSuchFont" in result.stderr


def test_german_plates_are_drawn_in_the_letters_of_german_plates(shared_plates: Path) -> None:
    (germany,) = load_regions(["de"])
    assert germany.fonts[0] in FontLibrary([shared_plates / "fonts"]).for_text(germany.fonts)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--regions", "atlantis", "-o", "OUT"], "shipped are"),
        (["-n", "0", "-o", "OUT"], "x>=1"),
        (["--fonts", "OUT/none", "-o", "OUT"], "does not exist"),
        (["--regions", "kr:much", "-o", "OUT"], "NAME:WEIGHT"),
        ([], "--output"),
    ],
)
def test_bad_flags_are_named(tmp_path: Path, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["synthesize", *(a.replace("OUT", str(tmp_path / "o")) for a in arguments)])
    assert result.exit_code != 0
    assert says in result.output
    assert isinstance(result.exception, SystemExit)
