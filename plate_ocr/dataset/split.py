"""Rows to train on and rows to score on, with no plate in both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plate_ocr.dataset.table import Table
from plate_ocr.labels import LabelError
from plate_ocr.recognition.alphabet import normalize

TRAIN, DEV = "train", "dev"


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate text, its region, and how many rows show it."""

    text: str
    region: str
    rows: int


def split_table(table: Table, *, share: float, seed: int) -> list[dict[str, str]]:
    """The table's rows in their order, with the column split: train, or dev for about `share` of the rows, in each
    region alike. A plate's rows all stand in one of them; a row without a text in none.

    The same plates, seed and share always come to the same split, whatever the order of the rows. Raises LabelError
    for a row with more cells than the header, and where there are less than two plates.
    """
    for row in table.rows:
        if row.surplus:
            raise LabelError(
                f"{table.path.parent / row.origin}: more cells than the header; put a text that holds a comma in quotes"
            )
    plates = count_plates([row.cells for row in table.rows])
    if len(plates) < 2:
        raise LabelError(f"{table.path}: {len(plates)} plates cannot be split; at least two different texts are needed")
    held = hold_out(plates, share=share, seed=seed)
    split = {plate.text: DEV if plate.text in held else TRAIN for plate in plates}
    return [{**row.cells, "split": split.get(normalize(row.cells["plate_text"]), "")} for row in table.rows]


def count_plates(rows: Sequence[Mapping[str, str]]) -> list[Plate]:
    """The plates of rows, by text; a text that stands in several regions counts to the one where it is commonest."""
    regions: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if text := normalize(row["plate_text"]):
            regions[text][row.get("region", "")] += 1
    return [
        Plate(text, min(counts, key=lambda region: (-counts[region], region)), counts.total())
        for text, counts in sorted(regions.items())
    ]


def hold_out(plates: Sequence[Plate], *, share: float, seed: int) -> set[str]:
    """The texts to hold out: at least one, and of no region all, nor of the whole."""
    strata: dict[str, list[Plate]] = defaultdict(list)
    for plate in plates:
        strata[plate.region].append(plate)
    held: set[str] = set()
    owed = 0.0
    # What a small region cannot give exactly, a larger one after it makes up for.
    for _, members in sorted(strata.items(), key=lambda item: (sum(p.rows for p in item[1]), item[0])):
        owed += share * sum(plate.rows for plate in members)
        order = np.random.default_rng([seed, *members[0].region.encode()]).permutation(len(members))
        left = len(members) - 1
        for plate in (members[place] for place in order):
            if left and plate.rows / 2 <= owed:
                held.add(plate.text)
                owed -= plate.rows
                left -= 1
    if not held:
        # Of every region one plate only, or too small a share: the plate with the fewest rows comes nearest.
        held.add(min(plates, key=lambda plate: (plate.rows, plate.text)).text)
    return held
