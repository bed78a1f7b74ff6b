"""Plates the classical way: characters stand out from their background, side by side, in a bright or dark frame.

Needs no network. It finds what is upright enough and stands out; what share that is, `plate-ocr evaluate --scenes`
tells. All quadrangles here are float32 (4, 2), clockwise from the plate's top left, and count pixels from the picture's
edge, so that the middle of the first pixel is 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.detector import Detection
from plate_ocr.plate import Corners

Grey = NDArray[np.uint8]
Quad = NDArray[np.float32]

_PATCH = 48
"""Height at which a candidate is looked at, in pixels."""
_LEAST_WIDTH, _LEAST_HEIGHT = 24, 8
_MOST_JUDGED = 60
"""Candidates looked at in one photo: a hedge or a fence offers hundreds."""

# A logistic regression on how well candidates in the train scenes overlap a labelled plate. Few measures, and none of
# size, place, colour or proportion, so that it does not learn whose photos they were. `_measures` says what each is.
_WEIGHTS = {
    "characters": 0.79,
    "stray": -7.23,
    "bend": -9.99,
    "uneven heights": -11.52,
    "crowding": -0.87,
    "blockiness": -4.37,
    "unrest of the paper": -2.0,
    "upright edges": -1.48,
    "text height": -1.6,
    "off centre": -4.65,
    "frame misfit": -3.94,
}
_BIAS = 0.88


@dataclass(frozen=True)
class _Row:
    """Character-like components of a binary patch: boxes in its pixels, which of them form each line, their common
    height, how many stand in no line, other components (n, 4) as x, y, w, h, and a first guess, 0 to 1, at whether
    this is a text."""

    x: NDArray[Any]
    y: NDArray[Any]
    w: NDArray[Any]
    h: NDArray[Any]
    area: NDArray[Any]
    lines: list[NDArray[Any]]
    typical: float
    stray: int
    others: NDArray[Any]
    promise: float


class ContourDetector:
    """Black-hat and top-hat, morphology, contours, four-point fit; then a check that characters stand inside."""

    def __init__(self, *, width: int = 800, most: int = 5, threshold: float = 0.2) -> None:
        """`width`: longer side, in pixels, at which a photo is searched; `most`: plates given at most; `threshold`:
        least score of a plate, 0 to 1."""
        self._width = width
        self._most = most
        self._threshold = threshold

    def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
        """Plates in a BGR (H, W, 3) or grey (H, W) uint8 photo, best first; corners in its pixels."""
        if min(photo.shape[:2]) < 12:
            return []
        colour = photo.ndim == 3
        grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) if colour else photo, dtype=np.uint8)
        scale = min(1.0, self._width / max(grey.shape))
        work = grey if scale == 1 else _shrunk(grey, scale)
        scored = []
        for quad, framed in _candidates(work):
            # The photo itself shows a small plate's characters best; a large one would alias.
            large = quad / np.float32(scale)
            full = scale < 1 and _sides(large)[1] < 2.3 * _PATCH
            picture, place = (grey, large) if full else (work, quad)
            back = np.float32(1.0 if full else 1 / scale)
            for score, found in _judge(picture, place, framed):
                if score >= self._threshold:
                    scored.append((score, found * back))
        limits = np.array([photo.shape[1], photo.shape[0]], np.float32)
        best = _suppress(scored)[: self._most]
        return [Detection(Corners.of(np.clip(quad, 0, limits)), score) for score, quad in best]


def _shrunk(grey: Grey, scale: float) -> Grey:
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _candidates(grey: Grey) -> list[tuple[Quad, bool]]:
    """Where a plate might be, and whether its own outline says so; the most textured first, none twice."""
    found: list[tuple[Quad, bool]] = []
    corners = np.zeros((0, 4, 2), np.float32)
    for quad, framed in [*_from_text(grey), *_from_frames(grey)]:
        if (np.abs(corners - quad).max(axis=(1, 2), initial=0) < 0.1 * _sides(quad)[1] + 1).any():
            continue
        corners = np.concatenate([corners, quad[None]])
        found.append((quad, framed))
    sums = cv2.integral(_upright_edges(grey))
    dense = [(_mean_within(sums, quad), quad, framed) for quad, framed in found]
    dense.sort(key=lambda entry: -entry[0])
    return [(quad, framed) for density, quad, framed in dense[:_MOST_JUDGED] if density > 3]


def _upright_edges(grey: NDArray[Any]) -> NDArray[Any]:
    return cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, 1, 0, ksize=3), alpha=0.25)


def _mean_within(sums: NDArray[Any], quad: Quad) -> float:
    """Mean within the upright box around a quadrangle, from an integral image."""
    limits = (sums.shape[1] - 1, sums.shape[0] - 1)
    x0, y0 = (max(0, math.floor(v)) for v in quad.min(axis=0))
    x1, y1 = (min(limit, math.ceil(v)) for limit, v in zip(limits, quad.max(axis=0), strict=True))
    area = (x1 - x0) * (y1 - y0)
    return float(sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / area if x1 > x0 and y1 > y0 else 0.0


def _from_text(grey: Grey) -> Iterator[tuple[Quad, bool]]:
    """Blobs of characters, dark on light or the reverse, at three character sizes."""
    for size, shrink in ((11, 1), (11, 2), (11, 4)):
        picture = grey if shrink == 1 else _shrunk(grey, 1 / shrink)
        if size * 2 > min(picture.shape):
            continue
        for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
            hat = cv2.morphologyEx(picture, operation, np.ones((size, size), np.uint8))
            # Characters have many upright strokes; bumpers and horizons have level ones.
            edges = cv2.blur(_upright_edges(hat), (size // 2, max(3, size // 4)))
            mask: NDArray[Any] = (edges > max(6.0, 3 * cv2.mean(edges)[0])).astype(np.uint8)
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((size // 3 + 1, size + size // 2), np.uint8))
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((size // 3 + 1, size // 2 + 1), np.uint8))
            for contour in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
                box = cv2.minAreaRect(contour)
                if min(box[1]) * shrink < 0.75 * _LEAST_HEIGHT or max(box[1]) * shrink < 0.9 * _LEAST_WIDTH:
                    continue
                if cv2.contourArea(contour) < 0.5 * box[1][0] * box[1][1]:
                    continue
                # The blob ends where the characters end; the plate goes on a little.
                quad = _grown(_upright(cv2.boxPoints(box)) * np.float32(shrink), 0.05, 0.16)
                if _plausible(quad, grey.shape):
                    yield quad, False


def _from_frames(grey: Grey) -> Iterator[tuple[Quad, bool]]:
    """Plates whose own outline is a clean quadrangle."""
    edges = cv2.Canny(cv2.GaussianBlur(grey, (3, 3), 0), 40, 140)
    edges = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    for contour in cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]:
        _, _, width, height = cv2.boundingRect(contour)
        if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
            continue
        hull = cv2.convexHull(contour)
        area = cv2.contourArea(hull)
        if area < 300:
            continue
        outline = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
        if len(outline) == 4:
            quad = _upright(outline[:, 0])
        else:
            box = cv2.minAreaRect(hull)
            if area < 0.8 * box[1][0] * box[1][1]:
                continue
            quad = _upright(cv2.boxPoints(box))
        if _plausible(quad, grey.shape):
            yield quad, True


def _upright(points: NDArray[Any]) -> Quad:
    """Four contour points, which count from the middle of the first pixel, as a quadrangle: the most level edge that
    runs to the right comes first."""
    centre_x, centre_y = points[:, 0].mean(), points[:, 1].mean()
    ring = sorted(points.tolist(), key=lambda p: math.atan2(p[1] - centre_y, p[0] - centre_x))
    level = []
    for i, (x, y) in enumerate(ring):
        to_x, to_y = ring[(i + 1) % 4]
        level.append((to_x - x) / (math.hypot(to_x - x, to_y - y) + 1e-6))
    first = level.index(max(level))
    return np.array(ring[first:] + ring[:first], np.float32) + np.float32(0.5)


def _sides(quad: Quad) -> tuple[float, float]:
    a, b, c, d = quad.tolist()
    return (math.dist(a, b) + math.dist(d, c)) / 2, (math.dist(a, d) + math.dist(b, c)) / 2


def _plausible(quad: Quad, shape: tuple[int, ...]) -> bool:
    width, height = _sides(quad)
    if height < _LEAST_HEIGHT or width < _LEAST_WIDTH or not 1.15 <= width / height <= 7.5:
        return False
    if width > shape[1] * 1.02 or height > shape[0] * 0.98:
        return False
    along, down = (quad[1] - quad[0]).tolist()
    return bool(abs(down) <= 0.62 * abs(along))


def _grown(quad: Quad, along: float, across: float) -> Quad:
    a, b, c, d = quad
    right, down = along * (b - a + c - d) / 2, across * (d - a + c - b) / 2
    return np.array([a - right - down, b + right - down, c + right + down, d - right + down], dtype=np.float32)


def _judge(grey: Grey, quad: Quad, framed: bool) -> Iterator[tuple[float, Quad]]:
    """The candidate with its score, and the plate that the characters found in it imply, with its own."""
    judged = _score(grey, quad, framed)
    if judged is None:
        return
    yield judged[0], quad
    if _plausible(judged[1], grey.shape):
        again = _score(grey, judged[1], False)
        if again is not None:
            yield again[0], judged[1]


def _score(grey: Grey, quad: Quad, framed: bool) -> tuple[float, Quad] | None:
    """How likely this is a plate and fits it, 0 to 1, and the plate that the characters imply; None without any."""
    width, height = _sides(quad)
    size = (min(336, max(_PATCH, round(_PATCH * width / height))), _PATCH)
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad - np.float32(0.5), target - np.float32(0.5))
    patch = cv2.warpPerspective(grey, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if cv2.meanStdDev(patch)[1][0, 0] < 10:
        return None
    best = None
    for binary in _binaries(patch):
        row = _characters(binary)
        if row is not None and (best is None or row.promise > best[0].promise):
            best = (row, binary)
            if row.promise > 0.9:
                break
    if best is None:
        return None
    row, binary = best
    measures, box = _measures(row, binary, patch, framed)
    logit = _BIAS + sum(weight * measures[name] for name, weight in _WEIGHTS.items())
    implied = cv2.perspectiveTransform(box[None] - np.float32(0.5), np.linalg.inv(matrix))[0] + np.float32(0.5)
    return 1 / (1 + math.exp(-min(30.0, max(-30.0, logit)))), np.asarray(implied, dtype=np.float32)


def _binaries(patch: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """What may be ink: dark and light parts, by one threshold for the whole, then by the neighbourhood."""
    _, light = cv2.threshold(patch, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    yield 255 - light
    yield light
    yield cv2.adaptiveThreshold(patch, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 9)
    yield cv2.adaptiveThreshold(patch, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 31, -9)


def _characters(binary: NDArray[Any]) -> _Row | None:
    """The components that look like characters: three or more of one height, in one line or two."""
    high, wide = binary.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=4, ltype=cv2.CV_16U)
    x, y, w, h, area = stats[1:].T
    chosen = (h >= 0.25 * high) & (h <= 0.94 * high) & (w <= 0.95 * h + 3) & (area >= 0.16 * w * h) & (w >= 2)
    chosen &= (x > 0) & (x + w < wide)
    if np.count_nonzero(chosen) < 3:
        return None
    typical = float(np.median(h[chosen]))
    others = chosen
    chosen = chosen & (np.abs(h - typical) <= 0.22 * typical + 1)
    if np.count_nonzero(chosen) < 3:
        return None
    smaller = stats[1:][others & ~chosen & (h < typical) & (h > 0.45 * typical)][:, :4]
    x, y, w, h, area = stats[1:][chosen].T.astype(np.float64)
    # Characters stand in one line or two; texture stands anywhere.
    middle = y + h / 2
    order = np.argsort(middle)
    lines = np.split(order, np.flatnonzero(np.diff(middle[order]) > 0.45 * typical) + 1)
    kept = sorted(lines, key=len)[-2:]
    count = len(kept[0]) + len(kept[-1]) if len(kept) > 1 else len(kept[0])
    inked = float(sum(w[line].sum() for line in kept))
    share = min(1.0, inked / (0.4 * wide)) * (0.5 if len(lines) > 3 else 1.0)
    promise = 0.7 * min(1.0, max(0, 2 * count - len(x)) / 6) + 0.3 * share
    return _Row(x, y, w, h, area, kept, typical, len(x) - count, smaller, promise)


def _measures(
    row: _Row, binary: NDArray[Any], patch: NDArray[Any], framed: bool
) -> tuple[dict[str, float], NDArray[np.float32]]:
    """What `_WEIGHTS` weighs, and the box of the plate that the characters imply, (4, 2) in pixels of the patch."""
    high, wide = binary.shape
    bends = []
    for line in row.lines:
        if len(line) >= 3:
            across, down = row.x[line] + row.w[line] / 2, row.y[line] + row.h[line] / 2
            across, down = across - across.mean(), down - down.mean()
            bends.append(float(np.abs(down - across * (across @ down) / max(1e-6, across @ across)).mean()))
    kept = np.concatenate(row.lines)
    x, y, w, h = row.x[kept], row.y[kept], row.w[kept], row.h[kept]
    x0, y0, x1, y1 = float(x.min()), float(y.min()), float((x + w).max()), float((y + h).max())
    inside = np.s_[int(y0) : int(y1), int(x0) : int(x1)]
    ink, paper = patch[inside][binary[inside] > 0], patch[inside][binary[inside] == 0]
    unrest = 2.0
    if len(paper):
        unrest = min(2.0, float(paper.std()) / max(5.0, abs(float(ink.mean()) - float(paper.mean()))))
    # A plate's edge is about a quarter of a character above and below, and a little more at the sides.
    side, above = 0.38 * row.typical, 0.24 * row.typical
    left, right = _reach(row.others, (x0, y0, x1, y1), 0.7 * row.typical)
    box = np.array([left - side, y0 - above, right + side, y1 + above])
    shared = max(0.0, min(box[2], wide) - max(box[0], 0)) * max(0.0, min(box[3], high) - max(box[1], 0))
    fit = shared / ((box[2] - box[0]) * (box[3] - box[1]) + wide * high - shared)
    upright = cv2.mean(cv2.absdiff(patch[:, 1:], patch[:, :-1]))[0]
    level = cv2.mean(cv2.absdiff(patch[1:], patch[:-1]))[0]
    measures = {
        "characters": min(7.0, len(kept)),
        "stray": min(2.0, row.stray / len(kept)),
        "bend": float(np.mean(bends)) / row.typical if bends else 0.3,
        "uneven heights": float(h.std()) / row.typical,
        "crowding": float(w.sum()) / (x1 - x0) / len(row.lines),
        "blockiness": float((row.area[kept] / (w * h)).mean()),
        "unrest of the paper": unrest,
        "upright edges": math.log((upright + 1) / (level + 1)),
        "text height": max(0.3, (y1 - y0) / high),
        "off centre": abs((y0 + y1) / 2 / high - 0.5),
        "frame misfit": max(0.0, 0.7 - fit) if framed else 0.0,
    }
    return measures, box[[[0, 1], [2, 1], [2, 3], [0, 3]]].astype(np.float32)


def _reach(others: NDArray[Any], box: tuple[float, float, float, float], gap: float) -> tuple[float, float]:
    """How far to the left and right a text goes on in smaller characters, as for a region or a series: no further
    than `gap` pixels from one to the next."""
    left, top, right, bottom = box
    for x, y, w, h in sorted(others.tolist()):
        if top < y + h / 2 < bottom and x + w > right and x - right < gap:
            right = float(x + w)
    for x, y, w, h in sorted(others.tolist(), reverse=True):
        if top < y + h / 2 < bottom and x < left and left - x - w < gap:
            left = float(x)
    return left, right


def _suppress(scored: list[tuple[float, Quad]]) -> list[tuple[float, Quad]]:
    """Best first; what overlaps a better one, or lies inside it, is dropped."""
    kept: list[tuple[float, Quad]] = []
    for score, quad in sorted(scored, key=lambda entry: -entry[0]):
        area = cv2.contourArea(quad)
        for _, other in kept:
            shared, _ = cv2.intersectConvexConvex(quad, other)
            if shared > 0.3 * min(area, cv2.contourArea(other)):
                break
        else:
            kept.append((score, quad))
    return kept
