"""Boxes as other tools write them: COCO JSON, YOLO text files, Pascal VOC XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from plate_ocr.labels import LabelError, LabelledPhoto, LabelledPlate
from plate_ocr.photos import PHOTO_SUFFIXES
from plate_ocr.plate import Corners


def read_coco(file: Path) -> list[LabelledPhoto]:
    """Photos of a COCO annotation file; each annotation is a plate. A segmentation of four points gives its corners,
    clockwise from top left, otherwise its box does.

    Paths are relative to the file, or to a folder `images` beside it or its folder. Raises LabelError for another file.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        plates: dict[Any, list[LabelledPlate]] = defaultdict(list)
        for entry in data["annotations"]:
            points = (entry.get("segmentation") or [[]])[0]
            if len(points) != 8:
                x, y, w, h = entry["bbox"]
                points = [x, y, x + w, y, x + w, y + h, x, y + h]
            plates[entry["image_id"]].append(_plate(points))
        return [
            LabelledPhoto(_find(file.parent, entry["file_name"]), "", tuple(plates[entry["id"]]))
            for entry in data["images"]
        ]
    except FileNotFoundError:
        raise LabelError(f"{file}: no such file") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise LabelError(f"{file}: not a COCO file with images and annotations ({error!r})") from None


def read_folder(folder: Path) -> list[LabelledPhoto]:
    """Photos of a folder that holds a text file (YOLO) or an XML file (Pascal VOC) for each; the photos lie beside
    these, or in a folder `images` next to theirs.

    A line of a YOLO file is a class and the box's middle and size, or (oriented boxes) a class and four corners, in
    shares of the photo. Raises LabelError for a folder without such files, or a file that is none.
    """
    photos = []
    for file in sorted((*folder.glob("*.txt"), *folder.glob("*.xml"))):
        if file.stem in ("classes", "README"):
            continue
        photos.append(_yolo(file) if file.suffix == ".txt" else _voc(file))
    if not photos:
        raise LabelError(f"{folder}: no label files (YOLO .txt or Pascal VOC .xml) in this folder")
    return photos


def _yolo(file: Path) -> LabelledPhoto:
    photo = _find(file.parent, file.stem)
    try:
        with Image.open(photo) as picture:
            width, height = picture.size
    except (OSError, UnidentifiedImageError) as error:
        raise LabelError(f"{photo}: the size of this photo is needed ({error})") from None
    plates = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.split()[1:]]
        except ValueError:
            values = []
        if len(values) == 4:
            x, y, w, h = values
            values = [x - w / 2, y - h / 2, x + w / 2, y - h / 2, x + w / 2, y + h / 2, x - w / 2, y + h / 2]
        if len(values) != 8:
            raise LabelError(f"{file}:{number}: a class and 4 or 8 numbers are needed")
        plates.append(_plate([v * (height if i % 2 else width) for i, v in enumerate(values)]))
    return LabelledPhoto(photo, "", tuple(plates))


def _voc(file: Path) -> LabelledPhoto:
    try:
        root = ET.fromstring(file.read_text(encoding="utf-8"))
        plates = []
        for box in root.iterfind("object/bndbox"):
            x0, y0, x1, y1 = (float(box.findtext(name) or "") for name in ("xmin", "ymin", "xmax", "ymax"))
            plates.append(_plate([x0, y0, x1, y0, x1, y1, x0, y1]))
    except (ET.ParseError, UnicodeDecodeError, ValueError) as error:
        raise LabelError(f"{file}: not a Pascal VOC file ({error})") from None
    return LabelledPhoto(_find(file.parent, root.findtext("filename") or file.stem), "", tuple(plates))


def _plate(points: list[float]) -> LabelledPlate:
    return LabelledPlate("", "", Corners.of([points[i : i + 2] for i in range(0, 8, 2)]))


def _find(folder: Path, name: str) -> Path:
    """The photo of this name, with or without its suffix; where there is none, where it was looked for first."""
    for place in (folder, folder / "images", folder.parent / "images", folder.parent / "images" / folder.name):
        if (place / name).is_file():
            return place / name
        for suffix in sorted(PHOTO_SUFFIXES):
            found = place / (Path(name).stem + suffix)
            if found.is_file():
                return found
    return folder / name
