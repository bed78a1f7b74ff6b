"""What the settings of any training run share: the schedule, its limits, and the JSON they are saved in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self


class ConfigError(ValueError):
    """A setting cannot be used; the message names it."""


@dataclass(frozen=True)
class RunConfig:
    """Data, schedule and seed of a run. Raises ConfigError for a setting out of its range.

    `splits` and `dev_splits` pick rows of the tables by their column split; at most `dev_limit` dev rows are scored.
    Plates of `regions`, each with its weight, are drawn with `fonts` and `glyphs`. `start` names a model whose weights
    the run begins with. The learning rate rises over `warmup` batches and then falls over `epochs`; with `until`, the
    run ends after that many of them nevertheless. Gradients are clipped to a norm of `clip_norm`; 0 leaves them.
    """

    splits: tuple[str, ...] = ()
    dev_splits: tuple[str, ...] = ()
    dev_limit: int = 1000
    regions: tuple[tuple[str, float], ...] = ()
    fonts: tuple[str, ...] = ()
    glyphs: tuple[str, ...] = ()
    start: str = ""
    epochs: int = 40
    until: int = 0
    steps: int = 200
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    seed: int = 1
    architecture: Any = None

    architecture_type: ClassVar[type]

    def __post_init__(self) -> None:
        self._at_least_one("epochs", "steps", "batch")
        if not 0 <= self.until <= self.epochs:
            raise ConfigError(f"until is an epoch up to {self.epochs}, or 0 for all of them, not {self.until}")
        if self.learning_rate <= 0:
            raise ConfigError(f"learning_rate must be positive, not {self.learning_rate}")
        if self.clip_norm < 0:
            raise ConfigError(f"clip_norm must be positive, or 0 for gradients as they are, not {self.clip_norm}")

    def _at_least_one(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def last_epoch(self) -> int:
        """The number of the epoch that the run ends with, counted from 1."""
        return self.until or self.epochs

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, **given: Any) -> Self:
        """Read JSON such as `save` writes; `given` settings go before those of the file.

        Raises ConfigError for an unknown setting or a file that is no JSON.
        """
        return cls.of(merged(read_settings(path), given), str(path))

    @classmethod
    def of(cls, settings: Mapping[str, Any], origin: str) -> Self:
        """The configuration of these settings, `architecture` being a mapping too; the others have their defaults.

        Raises ConfigError, with the name of where they come from, for an unknown one.
        """
        try:
            architecture = cls.architecture_type(**settings.get("architecture", {}))
            return cls(**{**settings, "architecture": architecture})
        except (AttributeError, TypeError) as error:
            raise ConfigError(f"{origin}: not a training configuration ({error})") from None


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a JSON file, lists as tuples. Raises ConfigError for a file that is missing or no JSON."""
    try:
        data = _tuples(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a training configuration ({error})") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: not a training configuration (it holds no settings by name)")
    return data


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several sources in one: a later source's go before an earlier one's, and so, one by one, do those of
    the architecture."""
    settings: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(settings.get(name), Mapping)
            settings[name] = merged(settings[name], value) if both else value
    return settings


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, to the bottom."""
    if isinstance(value, dict):
        return {name: _tuples(entry) for name, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
