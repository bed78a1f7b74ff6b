"""Labels in folders of pictures: in their names, or in a text file beside each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from plate_ocr.dataset import ccpd
from plate_ocr.dataset.entries import Entry, LeftOut, Options, text_of
from plate_ocr.labels import LabelError
from plate_ocr.photos import PHOTO_SUFFIXES, printable

SPLIT_FOLDERS = frozenset({"train", "dev", "val", "valid", "validation", "test"})
"""A picture in a folder of such a name belongs to that split."""


def from_names(source: Path, options: Options) -> Iterator[Entry | LeftOut]:
    """A folder of pictures whose names hold the text. `options.pattern` is a regular expression with the group `text`,
    and perhaps `region` and `split`, for the whole name without its suffix; with a / in it, for the whole path below
    the folder. Raises LabelError for a pattern that is none."""
    try:
        pattern = re.compile(options.pattern)
    except re.error as error:
        raise LabelError(f"--pattern {options.pattern!r} is no regular expression ({error})") from None
    if "text" not in pattern.groupindex:
        raise LabelError(f"--pattern {options.pattern!r} has no group for the text: write (?P<text>…) around it")
    for path in _files(source):
        origin = printable(str(path.relative_to(source)))
        if path.suffix.lower() not in PHOTO_SUFFIXES:
            yield LeftOut(origin, "not a picture, by its suffix")
            continue
        name = path.relative_to(source).with_suffix("").as_posix() if "/" in options.pattern else path.stem
        # macOS takes Hangul in names apart.
        if found := pattern.fullmatch(unicodedata.normalize("NFC", name)):
            parts = {key: value or "" for key, value in found.groupdict().items()}
            split = parts.get("split") or _split_of(path.relative_to(source))
            yield Entry(origin, path, parts["text"], parts.get("region", ""), split)
        else:
            yield LeftOut(origin, "the name does not fit --pattern")


def from_ccpd(source: Path, options: Options) -> Iterator[Entry | LeftOut]:  # noqa: ARG001
    """A folder of pictures with names as in CCPD: whole photos, with the plate's corners and characters in the name."""
    for path in _files(source):
        origin = printable(str(path.relative_to(source)))
        if path.suffix.lower() not in PHOTO_SUFFIXES:
            yield LeftOut(origin, "not a picture, by its suffix")
        elif plate := ccpd.parse(path.stem):
            yield Entry(origin, path, plate.text, "CN", _split_of(path.relative_to(source)), plate.corners)
        else:
            yield LeftOut(origin, "the name is none of CCPD, or says that there is no plate")


def from_txt(source: Path, options: Options) -> Iterator[Entry | LeftOut]:
    """A folder with a text file beside each picture: a.txt or a.gt.txt for a.jpg. Its lines are put together."""
    texts: dict[Path, Path] = {}
    pictures: list[Path] = []
    for path in _files(source):
        origin = printable(str(path.relative_to(source)))
        if path.suffix.lower() == ".txt":
            bare = path.with_suffix("")
            key = bare.with_suffix("") if bare.suffix == ".gt" else bare
            if key in texts:
                yield LeftOut(origin, f"{texts[key].name} is the text of that picture already")
            else:
                texts[key] = path
        elif path.suffix.lower() in PHOTO_SUFFIXES:
            pictures.append(path)
        else:
            yield LeftOut(origin, "neither a picture nor a text file, by its suffix")
    for path in pictures:
        origin = printable(str(path.relative_to(source)))
        if file := texts.get(path.with_suffix("")):
            yield _of_file(origin, path, file, source, options)
        else:
            yield LeftOut(origin, f"no {path.stem}.txt beside it")
    known = {path.with_suffix("") for path in pictures}
    for key, file in texts.items():
        if key not in known:
            yield LeftOut(printable(str(file.relative_to(source))), "no picture of this name beside it")


def _of_file(origin: str, picture: Path, file: Path, source: Path, options: Options) -> Entry | LeftOut:
    try:
        text = text_of(file, options)
    except LabelError as error:
        return LeftOut(origin, str(error))
    return Entry(origin, picture, "".join(text.split()), split=_split_of(picture.relative_to(source)))


def _files(folder: Path) -> list[Path]:
    """All files of a folder, to the bottom; names that begin with a dot are left out."""
    if not folder.is_dir():
        raise LabelError(
            f"{folder}: a folder of pictures is needed" if folder.exists() else f"{folder}: no such folder"
        )
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def _split_of(place: Path) -> str:
    return next((part.lower() for part in reversed(place.parts[:-1]) if part.lower() in SPLIT_FOLDERS), "")
