"""Labels that a reader contradicts, and a page to review them on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from plate_ocr.dataset import findings as kinds
from plate_ocr.dataset.findings import Finding
from plate_ocr.dataset.pictures import Picture
from plate_ocr.dataset.similar import Twins
from plate_ocr.evaluation.evaluate import Read
from plate_ocr.evaluation.gallery import Guesser, wrong_read
from plate_ocr.evaluation.metrics import fold
from plate_ocr.evaluation.page import figure, page
from plate_ocr.photos import load


def contradicted(reads: Iterable[Read], sure: float) -> list[Read]:
    """Labelled crops in which something else was read with a confidence of at least `sure`, the surest first."""
    found = [read for read in reads if not read.right and not read.message and read.confidence >= sure]
    return sorted(found, key=lambda read: -read.confidence)


def as_finding(read: Read) -> Finding:
    """A contradicted label as a finding."""
    says = f"label {read.label.text}, read as {read.text or 'nothing'} ({read.confidence:.0%})"
    if fold(read.label.text) == fold(read.text):
        says += "; only O for 0, or I for 1"
    return Finding(kinds.DISAGREES, (read.label,), says)


def review_page(table: str, reads: Sequence[Read], twins: Sequence[Twins], guesser: Guesser, *, model: str) -> str:
    """An HTML page of contradicted labels, and of twins whose labels differ. `guesser` says which texts came into
    question for a crop."""
    differing = [group for group in twins if not group.agree]
    parts = [
        f"<h1>Labels to review in {escape(table)}</h1>",
        "<p class=note>Correct the rows in the table, and check it again.</p>",
        f"<h2>{len(reads)} labels that {escape(model)} contradicts, the surest first</h2>",
        "<p class=note>What was read, with what the label does not say marked, and the candidates of the first look, "
        "the label green among them.</p>",
        "<div class=gallery>",
        *(f"<div>{wrong_read(read, guesser)}<p class=note>{escape(read.label.origin)}</p></div>" for read in reads),
        "</div>",
        f"<h2>{len(differing)} groups of pictures that are the same, or nearly, with different texts</h2>",
    ]
    for group in differing:
        parts += ["<div class=gallery>", *map(_labelled, group.pictures), "</div>"]
    return page(f"Labels to review in {table}", parts)


def _labelled(picture: Picture) -> str:
    label = picture.label
    caption = f"<b>{escape(label.text) or '(no text)'}</b><br>{escape(label.origin)} {escape(label.path.name)}"
    return figure(load(label.path), caption, largest=320)
