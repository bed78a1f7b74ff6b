"""Whatever a file holds, a room answers with success or with its own error, never with another one.

PLATE_OCR_EXAMPLES sets how many files of each kind are tried.
"""

from __future__ import annotations

import functools
import io
import json
import os
import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from plate_ocr.labels import read_photos
from plate_ocr.model_store import ModelError, open_detector, open_language, open_reader, open_regions, shipped
from plate_ocr.photos import PhotoError, load
from plate_ocr.synthesis.region import RegionError, available, load_region
from tests.conftest import SAMPLE
from tests.fuzz import CORPUS, ROOMS

fuzz = settings(
    deadline=None,
    max_examples=int(os.environ.get("PLATE_OCR_EXAMPLES", "80")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KINDS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000")


@functools.cache
def picture(kind: str) -> bytes:
    """A small picture of a kind."""
    ramp = np.add.outer(np.arange(24), np.arange(40)).astype(np.uint8) * 4
    stream = io.BytesIO()
    Image.fromarray(np.dstack([ramp, 255 - ramp, ramp])).save(stream, kind)
    return stream.getvalue()


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Bytes with some flipped, some cut out, some put in, and perhaps the end gone."""
    data = bytearray(original)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=8)):
        data[place] = value
    start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
    data[start : start + draw(st.integers(0, 40))] = draw(st.binary(max_size=length))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


@fuzz
@given(st.data())
def test_photos(data: st.DataObject) -> None:
    content = data.draw(mutated(picture(data.draw(st.sampled_from(KINDS)))) | st.binary(max_size=200))
    for grey in (False, True):
        try:
            found = load(content, grey=grey)
        except PhotoError:
            continue
        assert found.dtype == np.uint8
        assert found.ndim == (2 if grey else 3)
        assert 0 < found.size < 3 * 10**8


HEADER = "image_path,plate_text,region,split,x1,y1,x2,y2,x3,y3,x4,y4\n"
ROW = "a.jpg,12가3456,KR,train,1,2,3,4,5,6,7,8\n"


@fuzz
@given(
    mutated((HEADER + ROW * 3).encode())
    | st.text(alphabet=string.printable + "가\0\ufeff\r\n\"',", max_size=60).map(lambda rows: (HEADER + rows).encode())
    | st.binary(max_size=100)
)
@example((HEADER + ROW.replace("8\n", "inf\n")).encode())
@example((HEADER + ROW.replace("8\n", "nan\n")).encode())
@example((HEADER + '"' + "x" * 200_000 + '"\n').encode())
@example((HEADER + "a\0.jpg,x\n").encode())
@example((HEADER + ROW[:-1] + ",9,10\n").encode())
@example((HEADER + "\n").encode())
def test_label_tables(tmp_path: Path, content: bytes) -> None:
    ROOMS["labels"](content, tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def changed(draw: st.DrawFn, original: Any) -> Any:
    """A value in which, somewhere, something is another value or is missing."""
    if isinstance(original, dict) and original and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(original)))
        if draw(st.integers(0, 4)) == 0:
            return {k: v for k, v in original.items() if k != key}
        return original | {key: draw(changed(original[key]))}
    if isinstance(original, list) and original and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(original) - 1))
        return [*original[:place], draw(changed(original[place])), *original[place + 1 :]]
    return draw(values)


@functools.cache
def region(name: str) -> Any:
    return yaml.safe_load(available()[name].read_text(encoding="utf-8"))


@fuzz
@given(
    st.sampled_from(["kr", "de", "gb"]).flatmap(lambda n: changed(region(n))).map(lambda d: yaml.dump(d).encode())
    | mutated(available()["kr"].read_bytes())
    | st.binary(max_size=50)
)
@example(b"[" * 5000)
@example(b"&a [*a]")
@example(b"")
def test_regions(tmp_path: Path, content: bytes) -> None:
    ROOMS["regions"](content, tmp_path)


def test_a_region_that_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="mine"):
        load_region(tmp_path / "mine.yaml")


OPENERS: dict[str, Callable[[Path], object]] = {
    "reader.json": open_reader,
    "detector.json": open_detector,
    "language.json": open_language,
    "regions.json": open_regions,
}
LANGUAGE = {"schema": 1, "characters": "abc", "longest": 9, "sha256": {}, "about": {}}


@functools.cache
def description(name: str) -> Any:
    path = shipped() / Path(name).stem / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else LANGUAGE


@fuzz
@given(st.data())
def test_descriptions_of_models(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(OPENERS)))
    original = json.dumps(description(name), ensure_ascii=False).encode()
    content = data.draw(
        changed(description(name)).map(lambda d: json.dumps(d).encode()) | mutated(original) | st.binary(max_size=50)
    )
    (tmp_path / name).write_bytes(content)
    with suppress(ModelError):
        OPENERS[name](tmp_path)
    (tmp_path / name).unlink()


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"schema": NaN}', b"1", b"null", b'"schema"', b"{}"])
@pytest.mark.parametrize("name", list(OPENERS))
def test_descriptions_that_are_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        OPENERS[name](tmp_path)


@pytest.mark.parametrize(
    "file", sorted(p for p in CORPUS.rglob("*") if p.is_file()), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_what_fuzzing_began_with_and_found(tmp_path: Path, file: Path) -> None:
    ROOMS[file.parent.name](file.read_bytes(), tmp_path)


def test_a_png_that_ends_before_its_data_is_refused_before_opencv_makes_room_for_4_gigabytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("OpenCV was asked"))
    with pytest.raises(PhotoError, match="damaged"):
        load((CORPUS / "photos" / "end_before_data.png").read_bytes())


def test_the_samples_themselves_are_no_errors() -> None:
    for kind in KINDS:
        assert load(picture(kind)).shape == (24, 40, 3)
    assert read_photos(SAMPLE / "scenes" / "labels.csv")
