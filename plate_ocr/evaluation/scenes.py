"""Score a reader on whole photos: are the plates found, how exactly, and are they read?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from plate_ocr.detection.quads import overlap
from plate_ocr.evaluation.metrics import fold, wilson
from plate_ocr.labels import LabelledPhoto, LabelledPlate
from plate_ocr.plate import Plate

NEAR = 0.5
"""A plate counts as found from this intersection over union on."""

TOUCHING = 0.3
"""What lies less than this on a labelled plate was not meant for it."""


@dataclass(frozen=True, slots=True)
class PlateOutcome:
    """What became of one labelled plate.

    `iou` is that of the best of the photo's finds (nan where the label has no corners), `distance` the mean distance of
    its corners in shares of the plate's width (nan if it was not found), `text` what was read there.
    """

    label: LabelledPlate
    photo: LabelledPhoto
    iou: float
    distance: float
    text: str

    @property
    def fault(self) -> str:
        """'' for a plate read right, otherwise who erred: 'detector' or 'reader'."""
        if self.text == self.label.text:
            return ""
        found = bool(self.text) if math.isnan(self.iou) else self.iou >= NEAR
        return "reader" if found else "detector"


Result = tuple[LabelledPhoto, tuple[PlateOutcome, ...], tuple[float, ...]]
"""A photo, what became of its plates, and of each find the best IoU with one of them."""


@dataclass(frozen=True)
class SceneScore:
    """Counts over some photos; shares follow from them. `finds` holds for each plate that was reported the best
    intersection over union with a labelled one, nan in photos whose labels have no corners."""

    photos: int
    outcomes: tuple[PlateOutcome, ...]
    finds: tuple[float, ...]

    @property
    def others(self) -> int:
        """Finds on no labelled plate."""
        return sum(iou < TOUCHING for iou in self.finds)

    def precision(self, least: float = NEAR) -> float:
        """Share of the finds that lie on a labelled plate at this IoU; nan without finds. Where a photo shows plates
        without a label, finding them counts against it."""
        placed = [iou for iou in self.finds if not math.isnan(iou)]
        return sum(iou >= least for iou in placed) / len(placed) if placed else math.nan

    @property
    def placed(self) -> list[PlateOutcome]:
        """Those with corners in their labels."""
        return [o for o in self.outcomes if not math.isnan(o.iou)]

    @property
    def texts(self) -> list[PlateOutcome]:
        """Those with a text in their labels."""
        return [o for o in self.outcomes if o.label.text]

    def recall(self, least: float = NEAR) -> float:
        """Share of the plates that was found at this IoU; nan without corners."""
        placed = self.placed
        return sum(o.iou >= least for o in placed) / len(placed) if placed else math.nan

    @property
    def corner_error(self) -> float:
        """Median over the plates found of the corners' mean distance, in shares of the plate's width."""
        distances = [o.distance for o in self.outcomes if not math.isnan(o.distance)]
        return float(np.median(distances)) if distances else math.nan

    @property
    def right(self) -> int:
        """Plates found and read without a fault."""
        return sum(not o.fault for o in self.texts)

    @property
    def right_folded(self) -> int:
        """The same with O = 0 and I = 1."""
        return sum(fold(o.text) == fold(o.label.text) for o in self.texts)

    def faults(self, who: str) -> int:
        """How many plates the 'detector' or the 'reader' got wrong."""
        return sum(o.fault == who for o in self.texts)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON; None where there is nothing to count."""
        texts = len(self.texts)
        figures: dict[str, Any] = {
            "photos": self.photos,
            "plates": len(self.outcomes),
            "recall_50": self.recall(),
            "recall_70": self.recall(0.7),
            "precision_50": self.precision(),
            "precision_70": self.precision(0.7),
            "corner_error": self.corner_error,
            "other_finds_a_photo": self.others / max(1, self.photos),
            "texts": texts,
            "plate_accuracy": self.right / texts if texts else math.nan,
            "plate_accuracy_95": wilson(self.right, texts) if texts else None,
            "plate_accuracy_folded": self.right_folded / texts if texts else math.nan,
            "detector_faults": self.faults("detector"),
            "reader_faults": self.faults("reader"),
        }
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in figures.items()}


def read_scenes(
    read_many: Callable[[Iterable[Path]], Iterator[Plate]], photos: Sequence[LabelledPhoto]
) -> Iterator[Result]:
    """For each photo, in order: what became of its plates, and how well each find lies on one of them.

    `read_many` is a `PlateReader`'s.
    """
    by_name = {str(photo.path): photo for photo in photos}
    for source, group in groupby(read_many([Path(name) for name in by_name]), key=lambda plate: plate.source):
        photo = by_name[source]
        finds = [plate for plate in group if plate.corners]
        yield photo, *compare(photo, finds)


def compare(photo: LabelledPhoto, finds: Sequence[Plate]) -> tuple[tuple[PlateOutcome, ...], tuple[float, ...]]:
    """The outcome of each plate of a photo, and of each find the best IoU with a labelled plate."""
    outcomes = []
    ious = [0.0] * len(finds)
    for label in photo.plates:
        if label.corners is None:
            # Anywhere in the photo.
            texts = [find.text for find in finds]
            text = label.text if label.text in texts else max(texts, key=len, default="")
            ious = [math.nan] * len(finds)
            outcomes.append(PlateOutcome(label, photo, math.nan, math.nan, text))
            continue
        truth = label.corners.array
        shared = [overlap(find.corners.array, truth)[0] if find.corners else 0.0 for find in finds]
        best = int(np.argmax(shared)) if shared else -1
        iou = shared[best] if shared else 0.0
        distance, text = math.nan, ""
        ious = [max(a, b) for a, b in zip(ious, shared, strict=True)]
        found = finds[best].corners if shared else None
        if found and iou >= TOUCHING:
            text = finds[best].text
        if found and iou >= NEAR:
            distance = float(np.linalg.norm(found.array - truth, axis=1).mean() / max(1e-6, label.corners.width))
        outcomes.append(PlateOutcome(label, photo, iou, distance, text))
    return tuple(outcomes), tuple(ious)


def score_scenes(results: Iterable[Result]) -> SceneScore:
    """The score over all of them."""
    photos = 0
    outcomes: list[PlateOutcome] = []
    finds: list[float] = []
    for _, plates, ious in results:
        photos += 1
        outcomes += plates
        finds += ious
    return SceneScore(photos, tuple(outcomes), tuple(finds))
