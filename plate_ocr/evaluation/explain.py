"""One photo's way through the reader, stage by stage, as a page that needs nothing but itself."""

from __future__ import annotations

from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.batch.annotate import annotate
from plate_ocr.detection import Detection, Detector, NetworkDetector, rectify
from plate_ocr.detection.grid import first_scale
from plate_ocr.evaluation.page import figure, page, percent, table
from plate_ocr.plate import Plate
from plate_ocr.reader import PlateReader
from plate_ocr.recognition.attention import AttentionText
from plate_ocr.recognition.decoder import Text
from plate_ocr.recognition.recognizer import Recognizer

Picture = NDArray[np.uint8]

SHOWN = 12
"""Classes that a plate's chart shows, and candidates that its table does."""


def explain(photo: Picture, reader: PlateReader, recognizer: Recognizer, detector: Detector, name: str) -> str:
    """An HTML page about a BGR uint8 photo: what the detector saw, each plate's crop, what the network said at each of
    its steps, and the texts that were considered. `reader` gives the final word; the other two are its parts."""
    plates = reader.read(photo)
    found = detector.detect(photo)
    parts = [f"<h1>{escape(name)}</h1>", _summary(plates), figure(annotate(photo, plates), "what is reported")]
    if isinstance(detector, NetworkDetector):
        parts.append("<h2>1. Where plates are</h2>")
        parts.append(figure(_heat(photo, detector), "how sure the detector is of each place: the redder, the surer"))
    else:
        parts.append("<h2>1. Where plates are</h2><p class=note>This detector has no map to show.</p>")
    parts.append(figure(_outlines(photo, found), f"{len(found)} places with four corners each"))
    for number, detection in enumerate(found, start=1):
        crop = rectify(photo, detection.corners)
        parts.append(f"<h2>{number + 1}. Plate {number}, found with a score of {detection.score:.2f}</h2>")
        parts.append(figure(crop, "set upright", width=min(512, 3 * crop.shape[1])))
        parts.append(_reading(crop, recognizer))
    return page(name, parts)


def _summary(plates: list[Plate]) -> str:
    rows = [
        f"<td>{p.number or ''}<td><b>{escape(p.text)}</b><td>{percent(p.confidence) if p.text else ''}"
        f"<td>{escape(p.region)}<td>{p.status.value}"
        for p in plates
    ]
    return table("<th>plate<th>text<th>confidence<th>region<th>status", rows)


def _reading(crop: Picture, recognizer: Recognizer) -> str:
    (final,) = recognizer.read([crop])
    said = ""
    if recognizer.companion:
        companion = recognizer.reader_of(crop) is recognizer.companion
        recognizer = recognizer.companion if companion else recognizer
        said = f"<p>Of the two readers, {'the companion' if companion else 'this model itself'} reads it.</p>"
    (text,) = recognizer.look([crop])
    alphabet = recognizer.alphabet
    first = alphabet.decode(text.classes)
    sure = percent(text.confidence)
    said += f"<p>The first look reads <b>{escape(first) or 'nothing'}</b> with a probability of {sure}. "
    if final.stage == "1":
        said += "That is sure enough. "
    else:
        said += "That is not sure enough: other views of it vote. "
    said += f"After calibration: <b>{escape(final.text) or 'nothing'}</b>, {percent(final.confidence)}.</p>"
    rows = [
        f"<td><b>{escape(alphabet.decode(c.classes)) or '(nothing)'}</b><td>{percent(np.exp(c.log_p))}"
        f"<td><span class=bar style='width:{100 * min(1.0, float(np.exp(c.log_p))):.1f}px'></span>"
        f"<td>{'fits a format' if c.fits else 'fits none'}"
        f"<td>{escape(', '.join(list(recognizer.decoder.regions(alphabet.decode(c.classes)))[:4]))}"
        for c in recognizer.decoder.considered(text)[:SHOWN]
        if np.exp(c.log_p) > 1e-6
    ]
    heads = "<th>candidate<th>probability<th><th>format<th>regions"
    return said + _chart(text, recognizer) + table(heads, rows)


def _chart(text: Text, recognizer: Recognizer) -> str:
    """What the network says at each time step, as a chart of squares: the probabilities of the likeliest classes, or
    with attention, how much each character was looked for there."""
    if isinstance(text, AttentionText):
        names = [*(recognizer.alphabet.decode([cls]) for cls in text.classes), "–"]
        rows = list(zip(names, text.attention, strict=True))
        note = "how much each character, and the end (–), was looked for there"
    else:
        p = np.exp(text.log_p)
        classes = [int(c) for c in np.argsort(-p[:, 1:].max(axis=0))[:SHOWN] + 1 if p[:, c].max() > 0.02]
        # In the order in which they are read.
        classes = [0, *sorted(classes, key=lambda c: int(p[:, c].argmax()))]
        rows = [("–" if c == 0 else recognizer.alphabet.decode([c]), p[:, c]) for c in classes]
        note = "how probable each character is there. – is the blank"
    cell, left, steps = 10, 28, len(rows[0][1])
    shapes = []
    for row, (name, values) in enumerate(rows):
        shapes.append(f'<text x="{left - 8}" y="{row * 14 + 11}" text-anchor="end">{escape(name)}</text>')
        for step in np.flatnonzero(values > 0.02):
            value = float(values[step])
            colour = "#888" if name == "–" else "#2a9d5c"
            shapes.append(
                f'<rect x="{left + step * cell}" y="{row * 14 + 1}" width="{cell - 1}" height="12" fill="{colour}" '
                f'fill-opacity="{value:.2f}"><title>step {step}: {escape(name)} {value:.0%}</title></rect>'
            )
    width, height = left + steps * cell, len(rows) * 14 + 6
    middle = left + steps // recognizer.rows * cell
    shapes.append(f'<line x1="{middle}" x2="{middle}" y1="0" y2="{height}" stroke="#888" stroke-dasharray="3 3"/>')
    return (
        f'<div class=wide><svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{"".join(shapes)}</svg>'
        "</div><p class=note>Each column is a time step, the upper half of the plate from left to right, then the "
        f"lower: {note}.</p>"
    )


def _heat(photo: Picture, detector: NetworkDetector) -> Picture:
    scale = first_scale(photo)
    maps = detector.maps(photo, scale)
    height, width = photo.shape[:2]
    heat = np.zeros((height, width), np.float32)
    for level in maps:
        p = 1 / (1 + np.exp(-level[..., 0]))
        stride = maps[0].shape[0] * 8 / p.shape[0]
        # The maps cover the padded input; the photo ends where its own pixels do.
        wide = cv2.resize(p, None, fx=stride / scale, fy=stride / scale, interpolation=cv2.INTER_LINEAR)
        part = np.zeros_like(heat)
        h, w = min(height, wide.shape[0]), min(width, wide.shape[1])
        part[:h, :w] = wide[:h, :w]
        heat = np.maximum(heat, part)
    colour = cv2.applyColorMap((255 * np.clip(heat, 0, 1)).astype(np.uint8), cv2.COLORMAP_TURBO)
    dim = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    share = np.clip(heat * 1.5, 0, 0.75)[..., None]
    return np.asarray(dim * (1 - share) + colour * share, dtype=np.uint8)


def _outlines(photo: Picture, found: list[Detection]) -> Picture:
    canvas = photo.copy()
    thick = max(1, round(max(photo.shape) / 500))
    for detection in found:
        quad = np.round(detection.corners.array * 8).astype(np.int32)
        cv2.polylines(canvas, [quad], True, (60, 180, 60), thick, cv2.LINE_AA, 3)
        cv2.circle(canvas, tuple(int(v) for v in detection.corners.array[0]), 3 * thick, (60, 60, 230), -1, cv2.LINE_AA)
    return canvas
