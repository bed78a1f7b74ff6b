"""What a detector's training run is made of. Saved beside its weights; the same file starts the same run again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plate_ocr.training.config import ConfigError, tuples


@dataclass(frozen=True)
class DetectorArchitecture:
    """The network's shape: `channels` after each halving of the picture, and how many residual blocks follow it."""

    channels: tuple[int, int, int, int, int] = (8, 16, 32, 56, 80)
    residual: tuple[int, int, int, int, int] = (0, 0, 1, 1, 2)


@dataclass(frozen=True)
class DetectorConfig:
    """Data, schedule and seed of one run. Raises ConfigError for a setting out of its range.

    `scenes` are CSV tables of photos with corners, `backgrounds` of photos without plates; `splits` picks rows by the
    column split. Plates of `regions`, drawn with `fonts` and `glyphs`, are pasted into both; `bank` is their number.
    `grow` names sources (folders) whose corners hug the characters, and by which factors of width and height they are
    to be resized.
    """

    scenes: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    dev_splits: tuple[str, ...] = ()
    regions: tuple[tuple[str, float], ...] = ()
    fonts: tuple[str, ...] = ()
    glyphs: tuple[str, ...] = ()
    grow: tuple[tuple[str, float, float], ...] = ()
    bank: int = 1500
    start: str = ""
    size: int = 384
    epochs: int = 20
    until: int = 0
    steps: int = 300
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 300
    weight_decay: float = 1e-4
    clip_norm: float = 10.0
    dev_limit: int = 120
    seed: int = 1
    architecture: DetectorArchitecture = dataclasses.field(default_factory=DetectorArchitecture)

    def __post_init__(self) -> None:
        if not self.scenes and not self.backgrounds:
            raise ConfigError("a detector needs photos: scenes with corners, or backgrounds to paste plates into")
        for name in ("epochs", "steps", "batch", "bank"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.size < 128 or self.size % 32:
            raise ConfigError(f"size must be a multiple of 32 from 128 on, not {self.size}")
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            raise ConfigError("learning_rate and clip_norm must be positive")

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, **given: Any) -> DetectorConfig:
        """Read JSON such as `save` writes; `given` settings go before those of the file.

        Raises ConfigError for an unknown setting or a file that is no JSON.
        """
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            architecture = DetectorArchitecture(**{k: tuples(v) for k, v in data.pop("architecture", {}).items()})
            return cls(**{k: tuples(v) for k, v in data.items()} | given, architecture=architecture)
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such file") from None
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, TypeError, KeyError) as error:
            raise ConfigError(f"{path}: not a training configuration ({error})") from None
