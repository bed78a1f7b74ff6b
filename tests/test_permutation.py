"""New plates out of real ones: where characters stand, and what becomes of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.synthesis.permutation import CharacterBank, Slot, find_slots, kind_of

TEXT = "AB1234"
PITCH, LEFT = 30, 20


def drawn(text: str = TEXT, ink: int = 20) -> tuple[NDArray[np.uint8], list[float]]:
    """A plate with characters at even distances, and their centres in pixels."""
    crop = np.full((60, 2 * LEFT + PITCH * len(text), 3), 225, np.uint8)
    centres = []
    for i, character in enumerate(text):
        (width, _), _ = cv2.getTextSize(character, cv2.FONT_HERSHEY_SIMPLEX, 1.1, 3)
        centre = LEFT + PITCH * (i + 0.5)
        cv2.putText(crop, character, (round(centre - width / 2), 43), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (ink,) * 3, 3)
        centres.append(centre)
    return crop, centres


@given(st.lists(st.floats(-4, 4), min_size=len(TEXT), max_size=len(TEXT)))
@settings(max_examples=30, deadline=None)
def test_slots_hold_their_characters_even_when_the_centres_are_a_little_off(errors: list[float]) -> None:
    crop, centres = drawn()
    slots = find_slots(crop, [c + e for c, e in zip(centres, errors, strict=True)])
    assert [slot.index for slot in slots] == list(range(len(TEXT)))
    for slot, centre in zip(slots, centres, strict=True):
        assert slot.left < centre < slot.right
        inside = crop[slot.top : slot.bottom, slot.left : slot.right]
        column = crop[:, round(centre) - PITCH // 3 : round(centre) + PITCH // 3]
        # Nearly all ink of the character lies in its box.
        assert (inside < 120).sum() >= 0.85 * (column < 120).sum()


def test_characters_written_from_elsewhere_are_left_alone() -> None:
    crop, centres = drawn()
    # A reader may write the first two from the edge, where they do not stand.
    slots = find_slots(crop, [2.0, 3.0, *centres[2:]])
    assert {slot.index for slot in slots} <= {2, 3, 4, 5}
    assert find_slots(crop, centres[:2]) == []
    assert find_slots(np.full_like(crop, 128), centres) == []


def test_a_permuted_plate_keeps_its_format_and_changes_its_pixels() -> None:
    rng = np.random.default_rng(0)
    crop, centres = drawn()
    slots = find_slots(crop, centres)
    bank = CharacterBank()
    bank.add("here", crop, TEXT, slots)
    assert len(bank) == len(TEXT)
    seen = set()
    for _ in range(20):
        picture, text = bank.permute("here", crop, TEXT, slots, rng)
        assert [kind_of(c) for c in text] == [kind_of(c) for c in TEXT]
        assert picture.shape == crop.shape
        assert (text == TEXT) or not np.array_equal(picture, crop)
        seen.add(text)
    assert len(seen) > 5
    assert np.array_equal(crop, drawn()[0]), "the crop itself must not change"


def test_a_character_from_a_darker_plate_takes_on_the_brightness_of_its_new_place() -> None:
    rng = np.random.default_rng(1)
    light, centres = drawn("111111")
    dark = (drawn("888888")[0] * 0.4).astype(np.uint8)
    bank = CharacterBank()
    bank.add("here", dark, "888888", find_slots(dark, centres))
    slots = [Slot(s.index, s.left, s.top, s.right, s.bottom) for s in find_slots(light, centres)]
    picture, text = bank.permute("here", light, "111111", slots, rng)
    assert "8" in text
    assert picture.mean() == pytest.approx(light.mean(), abs=4)
