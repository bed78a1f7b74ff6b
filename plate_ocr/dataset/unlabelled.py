"""Plates that photos show without a label, found by a detector and looked through by somebody.

Who labels photos labels the car they are of, and leaves the street behind it. To a detector that learns from them, what
has no label is no plate: the small and the blurred ones, mostly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import Detector
from plate_ocr.detection.quads import Quads, as_labelled, length, overlap
from plate_ocr.evaluation.page import figure, page
from plate_ocr.labels import UNLABELLED, LabelledPhoto
from plate_ocr.photos import PhotoError, load, printable
from plate_ocr.plate import Corners

TABLE, PAGE = "unlabelled.csv", "review.html"

TOUCHES = 0.05
"""What shares this much (IoU) with a label is its plate, found less well."""

VIEW, AROUND = (240, 160), 2.4
"""Width and height of a find's picture on the page, and how many times the find's length that shows across."""

SHOWS = (("plate", "plate"), ("perhaps", "cannot tell"), ("", "no plate"))
"""What somebody can say of a find, as the table has it and as the page does."""

STYLE = """
.find label { display: block } .find:has(input[value=""]:checked) { opacity: .45 }
.find:has(input[value="plate"]:checked) img { outline: 3px solid var(--accent) }
button { font: inherit; padding: .4rem 1rem } @media print { button, input { display: none } }
"""

SCRIPT = """
const finds = [...document.querySelectorAll('.find')], said = find => find.querySelector('input:checked').value;
const tally = () => document.getElementById('count').textContent =
  `plates: ${finds.filter(find => said(find) === 'plate').length}, ` +
  `cannot tell: ${finds.filter(find => said(find) === 'perhaps').length}, of ${finds.length}`;
// A click, for one on what is chosen already says something, too.
document.addEventListener('click', event => {
  if (event.target.matches('.find input')) event.target.closest('.find').dataset.said = 1;
  tally();
});
document.getElementById('rest').onclick = () => {
  finds.filter(find => !find.dataset.said).forEach(find => find.querySelector('input[value=""]').checked = true);
  tally();
};
document.getElementById('save').onclick = () => {
  const rows = finds.filter(said).map(find => find.dataset.row + ',' + said(find)).sort();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([['HEAD', ...rows, ''].join('\\n')], {type: 'text/csv'}));
  link.download = 'NAME';
  link.click();
};
tally();
"""


@dataclass(frozen=True, slots=True)
class Find:
    """Something like a plate where a photo, called `name`, has no label: corners in its pixels, the detector's score
    from 0 to 1, and a BGR picture of it."""

    name: str
    corners: Corners
    score: float
    picture: NDArray[np.uint8]

    @property
    def row(self) -> tuple[str, ...]:
        """The photo and the corners, as cells of a table."""
        return printable(self.name), *(f"{number:.1f}" for number in self.corners.array.ravel())


def find_unlabelled(photos: Iterable[LabelledPhoto], detector: Detector) -> Iterator[list[Find] | PhotoError]:
    """For each photo what the detector finds beside its labels, the surest first; or why it cannot be opened."""
    for photo in photos:
        try:
            picture = load(photo.path)
        except PhotoError as error:
            yield error
            continue
        labels = [plate.corners.array.astype(np.float32) for plate in photo.plates if plate.corners]
        yield [
            Find(photo.name, found.corners, found.score, _view(picture, found.corners.array.astype(np.float32)))
            for found in detector.detect(picture)
            if not _is_labelled(found.corners.array.astype(np.float32), labels)
        ]


def _is_labelled(quad: Quads, labels: Sequence[Quads]) -> bool:
    return any(overlap(as_labelled(quad, label), label)[0] > TOUCHES for label in labels)


def _view(photo: NDArray[np.uint8], quad: Quads) -> NDArray[np.uint8]:
    """A find with what is about it, and its corners."""
    width, height = VIEW
    scale = width / (AROUND * max(10.0, length(quad)))
    matrix = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
    matrix[:, 2] = np.array(VIEW) / 2 - quad.mean(axis=0) * scale
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    view = cv2.warpAffine(photo, matrix, (width, height), flags=how, borderValue=(128, 128, 128))
    for x, y in quad * scale + matrix[:, 2]:
        # The corners alone: a line about it would cover what is to be judged.
        cv2.circle(view, (round(float(x)), round(float(y))), 3, (40, 40, 255), -1, cv2.LINE_AA)
    return np.asarray(view, dtype=np.uint8)


def write_finds(finds: Sequence[Find], folder: Path) -> None:
    """The finds as a table that a training takes, in which nobody has said yet what they show (so that nothing is asked
    of them), and as a page to say it on."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(UNLABELLED)
        table.writerows(sorted((*find.row, "perhaps") for find in finds))
    (folder / PAGE).write_text(review_page(finds), encoding="utf-8")


def review_page(finds: Sequence[Find]) -> str:
    """An HTML page that shows each find, the surest first, takes what somebody says of it, and saves the table."""
    surest = sorted(finds, key=lambda find: -find.score)
    parts = [
        "<h1>Plates without a label?</h1>",
        "<p>Say of each what its four red corners hold, and save the table at the end: a training with "
        "<code>--unlabelled</code> learns to find the plates, and asks nothing where nobody can tell. What is no plate "
        "is left out of the table.</p>",
        f"<style>{STYLE}</style>",
        "<div class=gallery>",
        *(_asked(place, find) for place, find in enumerate(surest)),
        "</div>",
        "<p><button id=rest>All that I said nothing of are no plates</button> <button id=save>Save the table</button> "
        "<span id=count class=note></span></p>",
        f"<script>{SCRIPT.replace('HEAD', ','.join(UNLABELLED)).replace('NAME', TABLE)}</script>",
    ]
    return page("Plates without a label?", parts)


def _asked(place: int, find: Find) -> str:
    choices = "".join(
        f'<label><input type=radio name=f{place} value="{value}"{" checked" * (value == "perhaps")}> {says}</label>'
        for value, says in SHOWS
    )
    cells = io.StringIO()
    csv.writer(cells, lineterminator="").writerow(find.row)
    caption = f"{choices}<span class=note>{find.score:.2f} {escape(printable(find.name))}</span>"
    return f'<div class=find data-row="{escape(cells.getvalue())}">{figure(find.picture, caption)}</div>'
