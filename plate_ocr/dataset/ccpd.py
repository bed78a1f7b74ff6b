"""File names of CCPD, the Chinese City Parking Dataset: each says where the plate is in the photo, and what it says.

area-tilt-box-corners-characters-brightness-blur, as in
025-95_113-154&383_386&473-386&473_177&454_154&383_363&402-0_0_22_27_27_33_16-37-15: corners from the lower right one
clockwise, characters by their number in three lists: https://github.com/detectRecog/CCPD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from plate_ocr.plate import Corners

# CCPD's own order. Each list ends with a letter O for 'no character', which is left out here.
PROVINCES = "皖沪津渝冀晋蒙辽吉黑苏浙京闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新警学"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
REST = LETTERS + "0123456789"

_CORNERS = re.compile(r"(\d+)&(\d+)_(\d+)&(\d+)_(\d+)&(\d+)_(\d+)&(\d+)", re.ASCII)
_NUMBERS = re.compile(r"\d{1,2}(_\d{1,2}){6,7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CcpdPlate:
    """What a name says: the text, and the corners in pixels of the photo."""

    text: str
    corners: Corners


def parse(stem: str) -> CcpdPlate | None:
    """The plate of a file name without its suffix; None for another name, and for a plate with a character missing."""
    fields = stem.split("-")
    if len(fields) < 5:
        return None
    corners, numbers = _CORNERS.fullmatch(fields[3]), _NUMBERS.fullmatch(fields[4])
    if not corners or not numbers:
        return None
    first, second, *rest = map(int, fields[4].split("_"))
    if first >= len(PROVINCES) or second >= len(LETTERS) or max(rest) >= len(REST):
        return None
    values = [float(value) for value in corners.groups()]
    lower_right, lower_left, upper_left, upper_right = (values[i : i + 2] for i in range(0, 8, 2))
    return CcpdPlate(
        PROVINCES[first] + LETTERS[second] + "".join(REST[number] for number in rest),
        Corners.of([upper_left, upper_right, lower_right, lower_left]),
    )
