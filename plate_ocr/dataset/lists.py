"""Labels in one file that names the pictures: tables with other columns, and the lists of PaddleOCR and docTR."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plate_ocr.dataset.entries import Entry, LeftOut, Options, text_of
from plate_ocr.labels import LabelError

COMMON_COLUMNS = {
    "image": ("image_path", "image", "filename", "file_name", "file", "path", "img"),
    "text": ("plate_text", "text", "plate", "label", "plate_number", "words"),
    "region": ("region", "country"),
    "split": ("split",),
}
"""What our columns are called elsewhere; the first that a table has is taken."""


def from_csv(source: Path, options: Options) -> Iterator[Entry | LeftOut]:
    """A table with a header, its cells parted by comma, semicolon, tab or bar. `options.columns` says what the columns
    image, text, region and split are called in it. Raises LabelError where image or text is not found."""
    text = text_of(source, options)
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=head.count))
    try:
        columns = _columns(source, list(reader.fieldnames or ()), options.columns)
        for cells in reader:
            origin = f"{source.name}:{reader.line_num}"
            if None in cells:
                yield LeftOut(origin, "more cells than the header; put a text that holds a comma in quotes")
                continue
            value = {ours: cells[theirs] or "" for ours, theirs in columns.items()}
            if not value["image"]:
                yield LeftOut(origin, "names no picture")
                continue
            picture = (options.pictures or source.parent) / value["image"]
            yield Entry(origin, picture, value["text"], value.get("region", ""), value.get("split", ""))
    except csv.Error as error:
        raise LabelError(f"{source}:{reader.line_num}: not a table ({error})") from None


def from_paddle(source: Path, options: Options) -> Iterator[Entry | LeftOut]:
    """A list for PaddleOCR's recognition: a path, a tab and the text; several pictures of a text as a JSON list."""
    for number, line in enumerate(text_of(source, options).split("\n"), start=1):
        line, origin = line.rstrip("\r"), f"{source.name}:{number}"
        if not line:
            continue
        names, tab, text = line.partition("\t")
        if not tab:
            yield LeftOut(origin, "no tab between path and text")
        elif text.lstrip().startswith("[{"):
            yield LeftOut(origin, "places of texts in a photo, for a detector; a list of crops is needed")
        else:
            for name in _listed(names):
                yield Entry(origin, (options.pictures or source.parent) / name, text)


def from_doctr(source: Path, options: Options) -> Iterator[Entry | LeftOut]:
    """docTR's labels.json, or the folder with it: file names and their texts; the pictures in `images` beside it."""
    file = source / "labels.json" if source.is_dir() else source
    try:
        # As pairs: a name that stands there twice must not vanish.
        pairs = json.loads(text_of(file, options), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{file}: not a JSON file ({error})") from None
    if not isinstance(pairs, _Pairs):
        raise LabelError(f"{file}: not docTR's labels for recognition, an object of file names and texts")
    images = file.parent / "images"
    folder = options.pictures or (images if images.is_dir() else file.parent)
    for name, text in pairs.pairs:
        if isinstance(text, str):
            yield Entry(f"{file.name}: {name}", folder / name, text)
        else:
            yield LeftOut(f"{file.name}: {name}", "no text but something else; labels for recognition are needed")


class _Pairs:
    """A JSON object as its pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _columns(source: Path, header: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Our column -> its name in the table."""
    columns = {}
    for ours, usual in COMMON_COLUMNS.items():
        if ours in given and given[ours] not in header:
            raise LabelError(f"{source}: no column {given[ours]!r}; it has {', '.join(header) or 'none'}")
        theirs = given.get(ours) or next((name for name in usual if name in header), "")
        if theirs:
            columns[ours] = theirs
        elif ours in ("image", "text"):
            raise LabelError(
                f"{source}: which column holds the {ours}? It has {', '.join(header) or 'none'}; "
                f"say it with --column {ours}=NAME"
            )
    return columns


def _listed(names: str) -> list[str]:
    try:
        listed = json.loads(names) if names.startswith("[") else [names]
    except ValueError:
        return [names]
    return listed if isinstance(listed, list) and all(isinstance(name, str) for name in listed) else [names]
