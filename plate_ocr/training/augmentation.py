"""What is done to a real crop so that it is never seen twice the same."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

# albumentations asks the network for its newest version on import unless told not to.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: N812 - its own documentation calls it so


class Augment:
    """Random framing, light, optics and compression for colour or grey uint8 crops: of albumentations' transforms, only
    such as take one channel, too."""

    def __init__(self) -> None:
        self._compose = A.Compose(
            [
                # Seen from the side: the whole crop slanted, in a larger box.
                A.OneOf(
                    [
                        A.Affine(rotate=(-14, 14), shear={"x": (-15, 15), "y": (0, 0)}, fit_output=True, border_mode=1),
                        # Without keep_size an unlucky perspective makes the picture hundreds of times as large.
                        A.Perspective(scale=(0.05, 0.15), keep_size=True, fit_output=True, border_mode=1),
                    ],
                    p=0.25,
                ),
                A.Affine(
                    scale=(0.85, 1.03),
                    translate_percent=(-0.03, 0.03),
                    rotate=(-4, 4),
                    shear={"x": (-8, 8), "y": (-3, 3)},
                    keep_ratio=False,
                    border_mode=1,
                    p=0.7,
                ),
                A.Perspective(scale=(0.01, 0.06), fit_output=False, border_mode=1, p=0.4),
                A.RandomBrightnessContrast(0.35, 0.45, p=0.6),
                A.RandomGamma((50, 180), p=0.3),
                A.OneOf([A.GaussianBlur((3, 5), p=1), A.MotionBlur((3, 7), p=1), A.Defocus((1, 2), p=1)], p=0.3),
                A.Downscale(scale_range=(0.3, 0.9), p=0.25),
                A.GaussNoise(std_range=(0.01, 0.08), p=0.25),
                A.ImageCompression(quality_range=(25, 90), p=0.3),
                A.InvertImg(p=0.03),
            ]
        )

    def seed(self, seed: int) -> None:
        """Fix what comes next; NumPy's global seed does not."""
        self._compose.set_random_seed(seed)

    def __call__(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A changed copy of a crop, (H, W, 3) or (H, W) uint8; a slanted one is larger."""
        return np.asarray(self._compose(image=crop)["image"], dtype=np.uint8)
