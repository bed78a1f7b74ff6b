"""Drawn plates pasted into photos, in perspective, with exact corners. Grey pictures throughout."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.weather import blur, light

Picture = NDArray[np.uint8]
Quad = NDArray[np.float32]


def place(
    ratio: float, width: float, centre: tuple[float, float], rng: np.random.Generator, *, steep: float = 0.15
) -> Quad:
    """Corners (4, 2) of a plate of `ratio` (width over height), about `width` pixels wide, hung up at `centre`: mostly
    nearly straight, in a share `steep` of cases turned by up to 45 degrees or seen from far aside."""
    half = np.array([width / 2, width / ratio / 2])
    quad = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    wild = rng.random() < steep
    aside = rng.uniform(0.45, 1.0) if wild else min(1.0, 1.03 - abs(rng.normal(0, 0.1)))
    taper = rng.normal(0, 0.12 if wild else 0.04)
    quad[:, 0] *= aside
    quad[:, 1] *= 1 + taper * np.array([1, -1, -1, 1])
    lean, turn = rng.normal(0, 0.12 if wild else 0.05), np.deg2rad(rng.uniform(-45, 45) if wild else rng.normal(0, 4))
    # Seen from above or the side, the vertical edges lean and the level ones slope.
    quad = quad @ np.array([[1, lean if not wild else rng.normal(0, 0.25)], [lean, 1]])
    quad = quad @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(quad + np.array(centre), dtype=np.float32)


def paste(photo: Picture, plate: Picture, quad: Quad, rng: np.random.Generator) -> None:
    """Put a grey `plate` into a grey `photo`, in place, with its corners at `quad`: lit like what is around it, often
    in a frame."""
    height, width = photo.shape
    low = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 6, 0)
    high = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 7, [width, height])
    if (high - low < 3).any():
        return
    part = photo[low[1] : high[1], low[0] : high[0]]
    lit = light(plate[..., None], rng)
    lit = lit[..., 0] if lit.ndim == 3 else lit
    # White in the shade of a lorry is darker than grey in the sun.
    around = float(np.clip(part.mean() / 128, 0.35, 1.5))
    gain = around ** rng.uniform(0.2, 1.0) * rng.uniform(0.6, 1.15)
    haze = rng.uniform(0, 40) if rng.random() < 0.3 else 0.0
    local = quad - low.astype(np.float32)
    size = float(np.linalg.norm(quad[1] - quad[0]))
    shrink = 1.2 * size / plate.shape[1]
    if shrink < 0.8:
        lit = np.asarray(cv2.resize(lit, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    h, w = lit.shape
    box = (int(high[0] - low[0]), int(high[1] - low[1]))
    fine = 2  # edges are drawn at twice the size and averaged
    matrix = cv2.getPerspectiveTransform(np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), local)
    up = np.diag([fine, fine, 1.0])
    picture = cv2.warpPerspective(
        lit, up @ matrix, (box[0] * fine, box[1] * fine), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = np.zeros((box[1] * fine, box[0] * fine), np.uint8)
    cv2.fillConvexPoly(cover, np.round(local * fine).astype(np.int32), 255)
    picture = cv2.resize(picture, box, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, box, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if rng.random() < 0.4:
        # A holder, or the recess that the plate sits in.
        middle = local.mean(axis=0)
        rim = middle + (local - middle) * rng.uniform(1.03, 1.12, 2).astype(np.float32)
        cv2.fillConvexPoly(part, np.round(rim).astype(np.int32), float(rng.uniform(5, 90) * around), cv2.LINE_AA)
    soft = blur(np.asarray(picture, dtype=np.uint8), rng, abs(rng.normal(0, 0.5)) * min(2.0, size / 80))
    mixed = part * (1 - alpha) + np.clip(soft * gain + haze, 0, 255) * alpha
    part[:] = mixed.astype(np.uint8)
