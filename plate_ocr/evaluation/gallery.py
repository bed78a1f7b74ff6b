"""Labelled crops as pictures, with what was read in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from plate_ocr.evaluation.candidates import Guess
from plate_ocr.evaluation.evaluate import Read
from plate_ocr.evaluation.page import figure, percent
from plate_ocr.evaluation.paired import Pair
from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load

Guesser = Callable[[NDArray[np.uint8]], Sequence[Guess]]
"""Says which texts come into question for a BGR crop, best first."""


def wrong_read(read: Read, guesser: Guesser) -> str:
    """A figure of a crop, how it was misread, and the candidates; the right one of them is green."""

    def candidates(crop: NDArray[np.uint8]) -> str:
        items = "".join(
            f"<li>{_candidate(guess.text, right=guess.text == read.label.text)} {percent(guess.probability)}"
            f"{'' if guess.fits else ', no format'}</li>"
            for guess in guesser(crop)
        )
        return f"<ol class=note>{items}</ol>"

    said = f"{_marked(read.label.text, read.text)}, {percent(read.confidence)}<br>label {escape(read.label.text)}"
    return _figure(read.label, said, candidates)


def told_apart(pair: Pair, names: tuple[str, str]) -> str:
    """A figure of a crop that two models, called `names`, read differently."""
    lines = [
        f"<span class=note>{escape(name)}</span> {_marked(read.label.text, read.text)}, {percent(read.confidence)}"
        for name, read in zip(names, (pair.one, pair.other), strict=True)
    ]
    return _figure(pair.one.label, "<br>".join(lines))


def _figure(label: Label, said: str, more: Callable[[NDArray[np.uint8]], str] = lambda _: "") -> str:
    name = f"<span class=note>{escape(label.source)}/{escape(label.path.name)}</span>"
    try:
        crop = load(label.path)
    except PhotoError as error:
        return f"<figure><figcaption>{said}<br>{name}<br>{escape(str(error))}</figcaption></figure>"
    return figure(crop, f"{said}{more(crop) or '<br>'}{name}", largest=320)


def _candidate(text: str, *, right: bool) -> str:
    shown = escape(text) or "(nothing)"
    return f"<b>{shown}</b>" if right else shown


def _marked(label: str, text: str) -> str:
    """The reading, with what is not in the label marked; a caret where something was missed."""
    out, pieces = "", Levenshtein.opcodes(label, text)
    for piece in pieces:
        said = escape(text[piece.dest_start : piece.dest_end])
        out += said if piece.tag == "equal" else f"<mark>{said or '‸'}</mark>"
    # All of the label is missed where nothing was read.
    return f"<b>{out if text else '<mark>(nothing)</mark>'}</b>"
