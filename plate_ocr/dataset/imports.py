"""Labels of other tools as a label table of ours; whatever cannot become a row is told of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plate_ocr.batch.annotate import annotated_name, save_jpeg
from plate_ocr.dataset.entries import Entry, LeftOut, Options
from plate_ocr.dataset.folders import from_ccpd, from_names, from_txt
from plate_ocr.dataset.lists import from_csv, from_doctr, from_paddle
from plate_ocr.dataset.table import path_from, write_table
from plate_ocr.detection.rectify import rectify
from plate_ocr.photos import PhotoError, load, printable
from plate_ocr.recognition.alphabet import normalize

KINDS: dict[str, Callable[[Path, Options], Iterator[Entry | LeftOut]]] = {
    "names": from_names,
    "ccpd": from_ccpd,
    "csv": from_csv,
    "paddle": from_paddle,
    "doctr": from_doctr,
    "txt": from_txt,
}
"""Each reads one kind of source; what cannot be used is given with its reason."""

COLUMNS = ("image_path", "plate_text", "region", "split")


@dataclass(frozen=True)
class Imported:
    """What became of a source: the entries that can be rows, their texts normalised, and what was left out."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]

    def then(self, found: Iterable[Entry | LeftOut]) -> Imported:
        """The same after a step that gives each entry again, or why it is left out after all."""
        results = list(found)
        entries = tuple(item for item in results if isinstance(item, Entry))
        return Imported(entries, (*self.left_out, *(item for item in results if isinstance(item, LeftOut))))


def import_labels(found: Iterable[Entry | LeftOut], *, region: str = "", split: str = "") -> Imported:
    """Sort what a source gives into rows and the rest; `region` and `split` go before what the source says."""
    entries, left_out = [], []
    for item in found:
        if isinstance(item, LeftOut):
            left_out.append(LeftOut(printable(item.origin), item.reason))
        elif reason := _unusable(item):
            left_out.append(LeftOut(printable(item.origin), reason))
        else:
            text = normalize(item.text)
            entries.append(replace(item, text=text, region=region or item.region, split=split or item.split))
    return Imported(tuple(entries), tuple(left_out))


def cut_out(entries: Iterable[Entry], folder: Path) -> Iterator[Entry | LeftOut]:
    """The entries, those with corners as upright crops in `folder`, which is made; in their order.

    A picture that does not hold its corners is a crop already, and stays as it is.
    """
    used: set[str] = set()
    for entry in entries:
        if entry.corners is None:
            yield entry
            continue
        try:
            photo = load(entry.picture)
            corners = entry.corners.array
            if (corners >= np.array(photo.shape[1::-1])).any():
                yield replace(entry, corners=None)
                continue
            crop = rectify(photo, entry.corners)
        except PhotoError as error:
            yield LeftOut(entry.origin, str(error))
            continue
        except ValueError as error:
            yield LeftOut(entry.origin, f"the plate cannot be cut out: {error}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        picture = folder / annotated_name(entry.picture.name, used)
        save_jpeg(crop, picture, quality=95)
        yield replace(entry, picture=picture, corners=None)


def write_labels(entries: Iterable[Entry], table: Path) -> None:
    """Write a label table; its paths count from its own folder."""
    rows = [
        {
            "image_path": path_from(entry.picture, table.parent),
            "plate_text": entry.text,
            "region": entry.region,
            "split": entry.split,
        }
        for entry in entries
    ]
    used = [name for name in COLUMNS if name in COLUMNS[:2] or any(row[name] for row in rows)]
    write_table(table, used, ({name: row[name] for name in used} for row in rows))


def write_left_out(left_out: Iterable[LeftOut], table: Path) -> None:
    """Write a CSV of what was left out, and why."""
    write_table(table, ("source", "reason"), ({"source": item.origin, "reason": item.reason} for item in left_out))


def _unusable(entry: Entry) -> str:
    name = str(entry.picture)
    if not normalize(entry.text):
        return "no text"
    if printable(name) != name:
        return "the name of the picture is no Unicode; rename it"
    if not os.path.isfile(name):
        return f"no such picture: {name}"
    cells = entry.text + entry.region + entry.split
    if printable(cells) != cells:
        return "the text is no Unicode"
    return ""
