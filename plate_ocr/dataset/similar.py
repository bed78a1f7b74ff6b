"""Pictures that stand in a table twice, or nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from plate_ocr.dataset.pictures import BLANK, Picture

ALIKE = 0.8
"""The least agreement of two fingerprints, from -1 to 1, that makes pictures near-duplicates: at most a tenth of the
signs differ. Among 10,218 real crops it finds 70 pairs, each of one plate (two of them with a label that is wrong). A
picture that is saved again, halved or brightened keeps about 0.8 and more; one that is cut otherwise does not."""

CELLS = 20_000_000
"""Comparisons held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Two or more pictures that are the same (`exact`), or nearly, in the order of the table."""

    pictures: tuple[Picture, ...]
    exact: bool

    @property
    def agree(self) -> bool:
        """Whether their labels say the same."""
        return len({picture.label.text for picture in self.pictures}) == 1


def find_twins(pictures: Iterable[Picture]) -> list[Twins]:
    """All groups of pictures that are the same, or linked by being alike; those that could not be opened are in none,
    and a blank one is like its copies alone."""
    listed = [picture for picture in pictures if not picture.message]
    copies: dict[str, list[int]] = defaultdict(list)
    for place, picture in enumerate(listed):
        copies[picture.checksum].append(place)
    # A blank picture would be like every other one.
    clear = [group for group in copies.values() if listed[group[0]].contrast >= BLANK]
    blank = [group for group in copies.values() if listed[group[0]].contrast < BLANK]
    joined = [[place for n in group for place in clear[n]] for group in _link([listed[g[0]] for g in clear])]
    found = sorted(sorted(group) for group in (*joined, *blank) if len(group) > 1)
    return [
        Twins(tuple(listed[place] for place in group), exact=len({listed[place].checksum for place in group}) == 1)
        for group in found
    ]


def _link(pictures: Sequence[Picture]) -> list[list[int]]:
    """The places of pictures, those together that are alike or linked by others that are."""
    leader = list(range(len(pictures)))

    def lead(place: int) -> int:
        while leader[place] != place:
            leader[place] = place = leader[leader[place]]
        return place

    if pictures:
        signs = np.stack([picture.fingerprint for picture in pictures]).astype(np.float32)
        block = max(1, CELLS // len(pictures))
        for start in range(0, len(pictures), block):
            agreement = signs[start : start + block] @ signs[start:].T / signs.shape[1]
            for one, other in np.argwhere(agreement >= ALIKE):
                leader[lead(start + int(other))] = lead(start + int(one))
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(len(pictures)):
        groups[lead(place)].append(place)
    return list(groups.values())
