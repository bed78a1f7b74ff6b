"""Plates the classical way: characters stand out from their background, side by side, in a bright or dark frame.

Needs no weights. It finds what is upright enough and stands out; the share it finds is in the README.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.detector import Detection
from plate_ocr.plate import Corners

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class _Candidate:
    quad: NDArray[np.float32]
    score: float


class ContourDetector:
    """Black-hat and top-hat, morphology, contours, four-point fit; then a check that characters stand inside."""

    def __init__(self, *, width: int = 800, most: int = 4, threshold: float = 0.75) -> None:
        """`width`: longer side, in pixels, at which a photo is searched; `most`: plates given at most; `threshold`:
        least score of a plate."""
        self._width = width
        self._most = most
        self._threshold = threshold

    def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
        """Plates in a BGR uint8 photo (H, W, 3), best first; corners in its pixels."""
        if min(photo.shape[:2]) < 12:
            return []
        grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        scale = min(1.0, self._width / max(grey.shape))
        work = grey
        if scale < 1:
            work = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        candidates: list[_Candidate] = []
        for mask in _text_masks(work):
            candidates += _from_text(work, mask)
        candidates += _from_frames(work)
        kept = _suppress([c for c in candidates if c.score >= self._threshold])
        limits = np.array([photo.shape[1] - 1, photo.shape[0] - 1], np.float32)
        return [
            Detection(Corners.of(np.clip(c.quad / scale, 0, limits)), min(1.0, c.score)) for c in kept[: self._most]
        ]


def _text_masks(grey: Grey) -> list[Grey]:
    """Where dark characters stand on light ground or the reverse, joined into blobs, at several character sizes."""
    masks = []
    for size in (11, 23, 43):
        if size * 2 > min(grey.shape):
            continue
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
        for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
            hat = cv2.morphologyEx(grey, operation, kernel)
            # Characters have many upright strokes; bumpers and horizons have level ones.
            edges = np.abs(cv2.Sobel(hat, cv2.CV_16S, 1, 0, ksize=3)).astype(np.float32)
            edges = np.asarray(cv2.blur(edges, (max(3, size // 2), max(3, size // 4))), dtype=np.float32)
            strong = (edges > max(24.0, float(edges.mean()) * 3)).astype(np.uint8) * 255
            joined = cv2.morphologyEx(
                strong, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (size + size // 2, size // 3 + 1))
            )
            masks.append(
                np.asarray(
                    cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((size // 3 + 1, size // 2 + 1), np.uint8)),
                    dtype=np.uint8,
                )
            )
    return masks


def _from_text(grey: Grey, mask: Grey) -> list[_Candidate]:
    found = []
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        quad = _upright(_box_of(contour))
        if not _plausible(quad, grey.shape):
            continue
        fill = cv2.contourArea(contour) / max(1.0, cv2.contourArea(quad))
        if fill < 0.5:
            continue
        # The blob ends where the characters end; the plate goes on a little.
        found += _judge(grey, _grow(quad, 0.05, 0.16), 0.75 + 0.25 * fill)
    return found


def _from_frames(grey: Grey) -> list[_Candidate]:
    """Plates whose own outline is a clean quadrangle."""
    found = []
    smooth = cv2.bilateralFilter(grey, 5, 40, 40)
    edges = cv2.Canny(smooth, 40, 140)
    edges = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        if len(contour) < 4:
            continue
        hull = cv2.convexHull(contour)
        if cv2.contourArea(hull) < 300:
            continue
        outline = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
        if len(outline) == 4:
            quad = _upright(outline[:, 0].astype(np.float32))
        else:
            quad = _upright(_box_of(hull))
            if cv2.contourArea(hull) < 0.8 * cv2.contourArea(quad):
                continue
        if _plausible(quad, grey.shape):
            found += _judge(grey, quad, 1.1)
    return found


def _judge(grey: Grey, quad: NDArray[np.float32], weight: float) -> list[_Candidate]:
    """The candidate itself, and the plate that the characters found in it imply."""
    score, implied = _score(grey, quad)
    candidates = [_Candidate(quad, score * weight)]
    if implied is not None and _plausible(implied, grey.shape):
        again, _ = _score(grey, implied)
        candidates.append(_Candidate(implied, (again + score) / 2 * weight * 1.02))
    return candidates


def _box_of(contour: NDArray[Any]) -> NDArray[np.float32]:
    """The smallest turned rectangle around a contour, (4, 2)."""
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(contour)), dtype=np.float32)


def _upright(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Four points in order: clockwise from the top left of the longer, more level side."""
    points = np.asarray(points, dtype=np.float32)
    centre = points.mean(axis=0)
    angles = np.arctan2(points[:, 1] - centre[1], points[:, 0] - centre[0])
    ring = points[np.argsort(angles)]
    # Rotate the ring so that its first edge is the most level one that runs to the right.
    edges = np.roll(ring, -1, axis=0) - ring
    level = edges[:, 0] / (np.linalg.norm(edges, axis=1) + 1e-6)
    return np.asarray(np.roll(ring, -int(level.argmax()), axis=0), dtype=np.float32)


def _sides(quad: NDArray[np.float32]) -> tuple[float, float]:
    width = (np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = (np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    return float(width), float(height)


def _plausible(quad: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    width, height = _sides(quad)
    if height < 8 or width < 24 or not 1.15 <= width / height <= 7.5:
        return False
    if width > shape[1] * 1.02 or height > shape[0] * 0.98:
        return False
    slope = quad[1] - quad[0]
    return abs(float(slope[1])) <= 0.62 * abs(float(slope[0]))


def _grow(quad: NDArray[np.float32], along: float, across: float) -> NDArray[np.float32]:
    a, b, c, d = quad
    right, down = (b - a + c - d) / 2, (d - a + c - b) / 2
    return np.array(
        [
            a - along * right - across * down,
            b + along * right - across * down,
            c + along * right + across * down,
            d - along * right + across * down,
        ],
        dtype=np.float32,
    )


def _score(grey: Grey, quad: NDArray[np.float32]) -> tuple[float, NDArray[np.float32] | None]:
    """How much the inside looks like characters in a row, 0 to 1, and the plate that these characters imply."""
    width, height = _sides(quad)
    out_h = 48
    out_w = int(np.clip(round(out_h * width / height), 48, 336))
    target = np.array([[0, 0], [out_w, 0], [out_w, out_h], [0, out_h]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, target)
    patch = cv2.warpPerspective(grey, matrix, (out_w, out_h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if float(np.percentile(patch, 95) - np.percentile(patch, 5)) < 30:
        return 0.0, None
    best, implied = 0.0, None
    for picture in (patch, 255 - patch):
        for binary in (
            cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)[1],
            cv2.adaptiveThreshold(picture, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 9),
        ):
            score, box = _characters(np.asarray(binary, dtype=np.uint8))
            if score > best:
                best, implied = score, box
    if implied is None:
        return best, None
    x0, y0, x1, y1 = implied
    corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float32)
    return best, np.asarray(cv2.perspectiveTransform(corners, np.linalg.inv(matrix))[0], dtype=np.float32)


def _characters(binary: Grey) -> tuple[float, tuple[float, float, float, float] | None]:
    """Score of a binary patch by its components, and the box of a plate around those that look like characters."""
    out_h, out_w = binary.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=4)
    x, y, w, h, area = stats[1:].T
    chosen = (h >= 0.25 * out_h) & (h <= 0.94 * out_h) & (w <= 0.95 * h + 3) & (area >= 0.16 * w * h) & (w >= 2)
    chosen &= (x > 0) & (x + w < out_w)
    if chosen.sum() < 3:
        return 0.0, None
    x, y, w, h = x[chosen], y[chosen], w[chosen], h[chosen]
    typical = float(np.median(h))
    alike = np.abs(h - typical) <= 0.22 * typical + 1
    x, y, w, h = x[alike], y[alike], w[alike], h[alike]
    if len(x) < 3:
        return 0.0, None
    # Characters stand in one row or two; texture stands anywhere.
    middle = y + h / 2
    order = np.argsort(middle)
    rows = np.split(order, np.flatnonzero(np.diff(middle[order]) > 0.45 * typical) + 1)
    kept = np.concatenate(sorted(rows, key=len)[-2:])
    stray = len(x) - len(kept)
    x, y, w, h = x[kept], y[kept], w[kept], h[kept]
    # Neighbours overlap little: nested contours and grilles do.
    share = min(1.0, float(w.sum()) / (out_w * 0.4)) * (0.5 if len(rows) > 3 else 1.0)
    score = min(1.0, max(0, len(x) - stray) / 6) * 0.7 + share * 0.3
    # A plate's edge is about a quarter of a character above and below, and a little more at the sides.
    side, above = 0.38 * typical, 0.24 * typical
    return score, (x.min() - side, y.min() - above, (x + w).max() + side, (y + h).max() + above)


def _suppress(candidates: list[_Candidate]) -> list[_Candidate]:
    """Best first; what overlaps a better one, or lies inside it, is dropped."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        area = cv2.contourArea(candidate.quad)
        for other in kept:
            shared, _ = cv2.intersectConvexConvex(candidate.quad, other.quad)
            if shared > 0.3 * min(area, cv2.contourArea(other.quad)):
                break
        else:
            kept.append(candidate)
    return kept
