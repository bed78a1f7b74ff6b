"""What an earlier reader can tell about training crops: where their characters stand, which labels look wrong, and
whether the detector cuts their plates out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from plate_ocr.detection import make_detector, rectify
from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load
from plate_ocr.plate import Corners
from plate_ocr.recognition.order import Order
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.synthesis.permutation import CharacterBank, Slot, find_slots
from plate_ocr.synthesis.region import load_regions

CONFIDENT = 0.5
"""Least path probability at which a reading's places are used."""

SQUARE = 2.2
"""A plate whose width by its height is less than this has two lines."""

SLIPS = 2
"""Characters that may be misread in a plate that the detector has cut out, which yet is the whole plate."""


@dataclass
class Lesson:
    """Slots of characters by place in the list of labels, the bank of all of them, the places not to trust, and by
    place the corners of the plate within the crop, and texts in the order in which they stand where that is another."""

    slots: dict[int, list[Slot]] = field(default_factory=dict)
    bank: CharacterBank = field(default_factory=CharacterBank)
    distrusted: set[int] = field(default_factory=set)
    corners: dict[int, Corners] = field(default_factory=dict)
    standing: dict[int, str] = field(default_factory=dict)


def consult(
    teacher: str, labels: Sequence[Label], *, distrust: float, permute: bool = False, straighten: bool = False
) -> Lesson:
    """Let the model `teacher` read all crops.

    A label is distrusted where the teacher reads another text with a confidence of at least `distrust` (0: none is).
    With `straighten`, the shipped detector looks for the plate in each crop; its corners are used if the teacher reads
    nearly the label between them, and tell plates of two lines. Raises ModelError for an unknown model.
    """
    # One look: the places of characters in another view are not those in the crop.
    recognizer = Recognizer(teacher, threads=1, looks=False)
    detector = make_detector(threads=1) if straighten else None
    order = Order(load_regions())
    lesson = Lesson()
    for place, label in enumerate(labels):
        try:
            crop = load(label.path)
        except PhotoError:
            continue  # whoever draws it says so
        found = detector.detect(crop) if detector else []
        reading, *within = recognizer.read([crop, *(rectify(crop, found[0].corners) for _ in found[:1])])
        if within and Levenshtein.distance(within[0].text, label.text) <= SLIPS:
            lesson.corners[place] = found[0].corners
        square = bool(found) and found[0].corners.width < SQUARE * found[0].corners.height
        if label.lines != 1 and (square or label.lines == 2) and (standing := order.standing(label.text, label.region)):
            lesson.standing[place] = standing
        if reading.text != label.text:
            if distrust and reading.confidence >= distrust:
                lesson.distrusted.add(place)
        elif permute and reading.confidence >= CONFIDENT and place not in lesson.standing:
            centres = [place * crop.shape[1] for place in reading.places]
            if slots := find_slots(crop, centres):
                lesson.slots[place] = slots
                lesson.bank.add(label.source, crop, label.text, slots)
    return lesson
