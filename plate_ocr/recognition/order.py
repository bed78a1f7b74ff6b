"""Plates of two lines whose number is not written in the order in which its characters stand: of Uzbekistan the area
code comes first and stands last, of Tunisia the lower line comes first.

A network reads along its time steps, line by line, and CTC knows no other order. So it learns and reads such a plate as
it stands, and the region's layout says where each character belongs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plate_ocr.synthesis.region import Layout, Region, slots


@dataclass(frozen=True)
class _Pattern:
    """A layout's text: the numbers of its boxes as they are written, and line by line as they stand; and an expression
    for its text in either order, in which each box is a group."""

    written: tuple[int, ...]
    standing: tuple[tuple[int, ...], ...]
    in_writing: re.Pattern[str]
    in_lines: re.Pattern[str]


class Order:
    """The layouts of some regions whose characters stand in another order than that in which they are written."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._patterns = {
            region.code: [_pattern(region, layout) for layout in region.layouts if layout.out_of_order]
            for region in regions
            if any(layout.out_of_order for layout in region.layouts)
        }

    def written(self, lines: Sequence[str], region: str) -> tuple[int, ...]:
        """For each place of a plate's number, which character stands there: of those of its `lines`, counted through.
        As they stand, where no layout of the region says otherwise."""
        text = "\n".join(lines)
        for pattern in self._patterns.get(region, ()):
            if found := pattern.in_lines.fullmatch(text):
                spans = [found.span(f"b{box}") for box in pattern.written]
                # The end of a line is no character.
                return tuple(i - text.count("\n", 0, i) for start, end in spans for i in range(start, end))
        return tuple(range(sum(map(len, lines))))

    def standing(self, text: str, region: str) -> str:
        """How a plate's number stands on a plate of several lines, as a network reads it: '' where no layout of the
        region has it stand otherwise than it is written."""
        for pattern in self._patterns.get(region, ()):
            if found := pattern.in_writing.fullmatch(text):
                return "".join(found[f"b{box}"] for line in pattern.standing for box in line)
        return ""


def _pattern(region: Region, layout: Layout) -> _Pattern:
    boxes = [
        f"(?P<b{n}>{'|'.join(_expression(slots(region, pattern)) for pattern in box.patterns)})"
        for n, box in enumerate(layout.texts)
    ]
    written = tuple(range(len(boxes)))
    return _Pattern(
        written,
        layout.standing,
        re.compile("".join(boxes)),
        re.compile(r"\n".join("".join(boxes[n] for n in line) for line in layout.standing)),
    )


def _expression(places: Sequence[Sequence[str]]) -> str:
    return "".join(f"(?:{'|'.join(map(re.escape, choices))})" for choices in places)
