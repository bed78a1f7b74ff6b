"""What an earlier reader can tell about training crops: where their characters stand, and which labels look wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.synthesis.permutation import CharacterBank, Slot, find_slots

CONFIDENT = 0.5
"""Least path probability at which a reading's places are used."""


@dataclass
class Lesson:
    """Slots of characters by place in the list of labels, the bank of all of them, and the places not to trust."""

    slots: dict[int, list[Slot]] = field(default_factory=dict)
    bank: CharacterBank = field(default_factory=CharacterBank)
    distrusted: set[int] = field(default_factory=set)


def consult(teacher: str, labels: Sequence[Label], *, distrust: float, permute: bool) -> Lesson:
    """Let the model `teacher` read all crops.

    A label is distrusted where the teacher reads another text with a confidence of at least `distrust` (0: none is).
    Raises ModelError for an unknown model.
    """
    # One look: the places of characters in another view are not those in the crop.
    recognizer = Recognizer(teacher, threads=1, looks=False)
    lesson = Lesson()
    for place, label in enumerate(labels):
        try:
            crop = load(label.path)
        except PhotoError:
            continue  # whoever draws it says so
        reading = recognizer.read([crop])[0]
        if reading.text != label.text:
            if distrust and reading.confidence >= distrust:
                lesson.distrusted.add(place)
        elif permute and reading.confidence >= CONFIDENT:
            centres = [place * crop.shape[1] for place in reading.places]
            if slots := find_slots(crop, centres):
                lesson.slots[place] = slots
                lesson.bank.add(label.source, crop, label.text, slots)
    return lesson
