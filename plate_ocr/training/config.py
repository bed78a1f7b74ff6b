"""What a training run is made of. Saved beside its weights; the same file starts the same run again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plate_ocr.recognition.alphabet import Alphabet


class ConfigError(ValueError):
    """A setting cannot be used; the message names it."""


CELLS = ("lstm", "gru", "simple-rnn")


@dataclass(frozen=True)
class Architecture:
    """The network's shape: one convolution for each entry of `channels` and `strides`, then bidirectional recurrent
    layers of `lstm_units` units in each direction.

    `residual` says how many residual convolutions follow each of them (none where it is empty). `cell` is the recurrent
    layers' kind: "lstm", "gru" or "simple-rnn".
    """

    height: int = 48
    width: int = 160
    channels: tuple[int, ...] = (16, 32, 56, 80, 80, 96)
    strides: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (3, 1))
    residual: tuple[int, ...] = ()
    lstm_units: tuple[int, ...] = (96,)
    cell: str = "lstm"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.strides):
            raise ConfigError("channels and strides need one entry for each convolution")
        if self.residual and len(self.residual) != len(self.channels):
            raise ConfigError("residual needs one entry for each convolution, or none at all")
        if self.cell not in CELLS:
            raise ConfigError(f"cell is one of {', '.join(CELLS)}, not {self.cell!r}")
        if not self.lstm_units:
            raise ConfigError("lstm_units needs at least one layer")

    def residual_at(self, place: int) -> int:
        """Residual convolutions after convolution `place`, counted from 1."""
        return self.residual[place - 1] if self.residual else 0

    @property
    def rows(self) -> int:
        """Rows of features that are laid one after the other into the sequence."""
        rows = self.height
        for vertical, _ in self.strides:
            rows = -(-rows // vertical)
        return rows

    @property
    def steps(self) -> int:
        """Time steps T of the sequence: rows x columns of the last feature map."""
        columns = self.width
        for _, horizontal in self.strides:
            columns = -(-columns // horizontal)
        return self.rows * columns


@dataclass(frozen=True)
class TrainConfig:
    """Data, schedule and seed of one run. Raises ConfigError for a setting out of its range.

    The learning rate falls over `epochs`; with `until`, the run ends after that many of them nevertheless.
    `backgrounds` are CSV tables of photos without plates: image_path, and split, of which `splits` picks; `nothing` is
    the share of samples cut out of them, and out of `scenes` (photos with the corners of their plates) beside these,
    that the reader is to answer with nothing.
    `start` names a reader whose weights the run begins with. `teacher` names one that reads the training crops first:
    `permute` is the share of real crops whose characters change places, where it told them apart; labels that it
    contradicts with a confidence of at least `distrust` are left out.
    """

    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    dev_splits: tuple[str, ...] = ()
    dev_fraction: float = 0.0
    synthetic: float = 0.0
    regions: tuple[tuple[str, float], ...] = ()
    fonts: tuple[str, ...] = ()
    glyphs: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    nothing: float = 0.0
    alphabet: str = ""
    start: str = ""
    teacher: str = ""
    permute: float = 0.0
    distrust: float = 0.0
    epochs: int = 40
    until: int = 0
    steps: int = 200
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    patience: int = 10
    keep: str = "best"
    dev_limit: int = 1000
    seed: int = 1
    architecture: Architecture = dataclasses.field(default_factory=Architecture)

    def __post_init__(self) -> None:
        if not 0 <= self.synthetic <= 1:
            raise ConfigError(f"synthetic is a share from 0 to 1, not {self.synthetic}")
        if not 0 <= self.dev_fraction < 1:
            raise ConfigError(f"dev_fraction is a share from 0 to below 1, not {self.dev_fraction}")
        if not 0 <= self.permute <= 1 or not 0 <= self.distrust <= 1:
            raise ConfigError("permute and distrust are shares from 0 to 1")
        if not 0 <= self.nothing < 1:
            raise ConfigError(f"nothing is a share from 0 to below 1, not {self.nothing}")
        if (self.permute or self.distrust) and not self.teacher:
            raise ConfigError("permute and distrust need a teacher: the reader that says where characters stand")
        if not self.labels and self.synthetic < 1:
            raise ConfigError("without a label table every sample has to be drawn: set synthetic to 1")
        for name in ("epochs", "steps", "batch", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.until <= self.epochs:
            raise ConfigError(f"until is an epoch up to {self.epochs}, or 0 for all of them, not {self.until}")
        if self.keep not in ("best", "last"):
            raise ConfigError(f"keep is 'best' (by dev score) or 'last' (the end of the schedule), not {self.keep!r}")
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            raise ConfigError("learning_rate and clip_norm must be positive")

    def make_alphabet(self) -> Alphabet:
        """The alphabet of this run; the default one when none is given."""
        return Alphabet(self.alphabet) if self.alphabet else Alphabet.default()

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, **given: Any) -> TrainConfig:
        """Read JSON such as `save` writes; `given` settings go before those of the file.

        Raises ConfigError for an unknown setting or a file that is no JSON.
        """
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            architecture = Architecture(**{k: tuples(v) for k, v in data.pop("architecture", {}).items()})
            return cls(**{k: tuples(v) for k, v in data.items()} | given, architecture=architecture)
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such file") from None
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, TypeError, KeyError) as error:
            raise ConfigError(f"{path}: not a training configuration ({error})") from None


def tuples(value: Any) -> Any:
    """JSON's lists as tuples, to the bottom."""
    return tuple(tuples(entry) for entry in value) if isinstance(value, list) else value
