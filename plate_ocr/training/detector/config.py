"""What a detector's training run is made of. Saved beside its weights; the same file starts the same run again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from plate_ocr.training.run_config import ConfigError, RunConfig


@dataclass(frozen=True)
class DetectorArchitecture:
    """The network's shape: `channels` after each halving of the picture, and how many residual blocks follow it."""

    channels: tuple[int, int, int, int, int] = (8, 16, 32, 56, 80)
    residual: tuple[int, int, int, int, int] = (0, 0, 1, 1, 2)


@dataclass(frozen=True)
class DetectorConfig(RunConfig):
    """Settings of a detector's run, besides those of any. Raises ConfigError for a setting out of its range.

    `scenes` are CSV tables of photos with corners, `backgrounds` of photos without plates, `unlabelled` of plates that
    photos of `scenes` show without a label: image_path (folder/name), x1,y1 to x4,y4 and shows, which is "plate", or
    "perhaps" where nobody can tell. Drawn plates are pasted into both kinds of photos; `bank` is their number. `grow`
    names sources (folders) whose corners hug the characters, and by which factors of width and height they are to be
    resized. `size` is the width and height of a sample in pixels. The corners of labelled plates count `boxed` beside
    those of drawn ones: most labels are upright boxes, drawn by hand, a little loose. `hardship` is the share of
    samples that are made as hard as some photos are (`synthesis.hardship`): half in the shade, at night, moved. With
    `closer`, the network is one for the closer look (`detection.closer`): it sees windows about finds.
    """

    scenes: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    grow: tuple[tuple[str, float, float], ...] = ()
    bank: int = 1500
    size: int = 384
    closer: bool = False
    boxed: float = 0.3
    hardship: float = 0.0
    epochs: int = 20
    steps: int = 300
    batch: int = 16
    warmup: int = 300
    clip_norm: float = 10.0
    dev_limit: int = 120
    architecture: DetectorArchitecture = dataclasses.field(default_factory=DetectorArchitecture)

    architecture_type: ClassVar[type] = DetectorArchitecture

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("bank")
        if not self.scenes and not self.backgrounds:
            raise ConfigError("a detector needs photos: scenes with corners, or backgrounds to paste plates into")
        if not 0 <= self.hardship <= 1:
            raise ConfigError(f"hardship is a share from 0 to 1, not {self.hardship}")
        if self.size < 128 or self.size % 32:
            raise ConfigError(f"size must be a multiple of 32 from 128 on, not {self.size}")
