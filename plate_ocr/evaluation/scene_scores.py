"""Scores of whole photos, by split and by source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from plate_ocr.evaluation.metrics import fold, wilson
from plate_ocr.evaluation.scenes import NEAR, TOUCHING, PhotoOutcome, PlateOutcome


@dataclass(frozen=True)
class SceneScore:
    """Counts over some photos; shares follow from them. `finds` holds for each plate that was reported the best
    intersection over union with a labelled one, nan in photos whose labels have no corners."""

    photos: int
    outcomes: tuple[PlateOutcome, ...]
    finds: tuple[float, ...]

    @property
    def others_a_photo(self) -> float:
        """Finds on no labelled plate, a photo."""
        return sum(iou < TOUCHING for iou in self.finds) / max(1, self.photos)

    def precision(self, least: float = NEAR) -> float:
        """Share of the finds that lie on a labelled plate at this IoU; nan without finds. Where a photo shows plates
        without a label, finding them counts against it."""
        return _share([iou >= least for iou in self.finds if not math.isnan(iou)])

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
        return _share([o.iou >= least for o in self.placed])

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
    def accuracy(self) -> float:
        """Share of the plates with a text that were found and read without a fault; nan without texts."""
        return _share([not o.fault for o in self.texts])

    @property
    def accuracy_folded(self) -> float:
        """The same with O = 0 and I = 1."""
        return _share([fold(o.text) == fold(o.label.text) for o in self.texts])

    def faults(self, who: str) -> int:
        """How many plates the 'detector' or the 'reader' got wrong."""
        return sum(o.fault == who for o in self.texts)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON; None where there is nothing to count."""
        texts = len(self.texts)
        return _known(
            {
                "photos": self.photos,
                "plates": len(self.outcomes),
                "recall_50": self.recall(),
                "recall_70": self.recall(0.7),
                "precision_50": self.precision(),
                "precision_70": self.precision(0.7),
                "corner_error": self.corner_error,
                "other_finds_a_photo": self.others_a_photo,
                "texts": texts,
                "plate_accuracy": self.accuracy,
                "plate_accuracy_95": wilson(self.right, texts) if texts else None,
                "plate_accuracy_folded": self.accuracy_folded,
                "detector_faults": self.faults("detector"),
                "reader_faults": self.faults("reader"),
            }
        )


@dataclass(frozen=True, slots=True)
class SceneMeans:
    """Means over sources of equal weight, of those that have corners or texts at all; nan if none has."""

    recall_50: float
    recall_70: float
    plate_accuracy: float
    plate_accuracy_folded: float


@dataclass(frozen=True)
class SceneEvaluation:
    """All photos of one split, and the scores that follow from them."""

    split: str
    outcomes: tuple[PhotoOutcome, ...]

    @property
    def overall(self) -> SceneScore:
        """The score over all photos."""
        return score_scenes(self.outcomes)

    @property
    def by_source(self) -> dict[str, SceneScore]:
        """Scores by the folder that holds the photos, sorted."""
        groups: dict[str, list[PhotoOutcome]] = {}
        for outcome in self.outcomes:
            groups.setdefault(outcome.photo.source, []).append(outcome)
        return {source: score_scenes(groups[source]) for source in sorted(groups)}

    @property
    def means(self) -> SceneMeans:
        """Means over the sources."""
        scores = self.by_source.values()
        return SceneMeans(
            _mean([s.recall() for s in scores]),
            _mean([s.recall(0.7) for s in scores]),
            _mean([s.accuracy for s in scores]),
            _mean([s.accuracy_folded for s in scores]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        return {
            "split": self.split,
            "overall": self.overall.as_dict(),
            "mean_of_sources": _known(asdict(self.means)),
            "by_source": {source: score.as_dict() for source, score in self.by_source.items()},
        }


def score_scenes(outcomes: Iterable[PhotoOutcome]) -> SceneScore:
    """The score over all of them."""
    photos = list(outcomes)
    return SceneScore(
        len(photos),
        tuple(plate for photo in photos for plate in photo.plates),
        tuple(iou for photo in photos for iou in photo.finds),
    )


def group_scenes(outcomes: Sequence[PhotoOutcome]) -> list[SceneEvaluation]:
    """One evaluation for each split that occurs, in order of appearance."""
    splits = dict.fromkeys(outcome.photo.split for outcome in outcomes)
    return [SceneEvaluation(split, tuple(o for o in outcomes if o.photo.split == split)) for split in splits]


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else math.nan


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _known(figures: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in figures.items()}
