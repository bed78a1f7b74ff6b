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
    """An expression for a layout's text as it is written, and one for it as it stands, line by line. Each text box is a
    group, named by the place of the box in writing."""

    written: re.Pattern[str]
    standing: re.Pattern[str]


class Order:
    """The layouts of some regions whose characters stand in another order than that in which they are written."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._patterns = {
            region.code: [_pattern(region, layout) for layout in region.layouts if layout.out_of_order]
            for region in regions
            if any(layout.out_of_order for layout in region.layouts)
        }

    @property
    def regions(self) -> tuple[str, ...]:
        """The codes of the regions that have such layouts."""
        return tuple(self._patterns)

    def written(self, lines: Sequence[str], region: str) -> tuple[int, ...]:
        """For each place of a plate's number, which character stands there: of those of its `lines`, counted through.
        As they stand, where no layout of the region says otherwise."""
        text = "\n".join(lines)
        for pattern in self._patterns.get(region, ()):
            if found := pattern.standing.fullmatch(text):
                spans = [found.span(name) for name in pattern.written.groupindex]
                # The end of a line is no character.
                return tuple(i - text.count("\n", 0, i) for start, end in spans for i in range(start, end))
        return tuple(range(sum(map(len, lines))))

    def standing(self, text: str, region: str) -> str:
        """How a plate's number stands on a plate of several lines, as a network reads it: '' where no layout of the
        region has it stand otherwise than it is written."""
        for pattern in self._patterns.get(region, ()):
            if found := pattern.written.fullmatch(text):
                return "".join(found[name] for name in pattern.standing.groupindex)
        return ""


def _pattern(region: Region, layout: Layout) -> _Pattern:
    boxes = [
        f"(?P<box{n}>{'|'.join(_expression(slots(region, pattern)) for pattern in box.patterns)})"
        for n, box in enumerate(layout.texts)
    ]
    lines = ["".join(boxes[n] for n in line) for line in layout.standing]
    return _Pattern(re.compile("".join(boxes)), re.compile(r"\n".join(lines)))


def _expression(places: Sequence[Sequence[str]]) -> str:
    return "".join(f"(?:{'|'.join(map(re.escape, choices))})" for choices in places)
