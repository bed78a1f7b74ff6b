"""What a training run is made of. Saved beside its weights; the same file starts the same run again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.training.run_config import ConfigError, RunConfig

CELLS = ("lstm", "gru", "simple-rnn")

HEADS = ("ctc", "attention")


@dataclass(frozen=True)
class Architecture:
    """The network's shape: one convolution for each entry of `channels` and `strides`, then a recurrent layer for each
    entry of `lstm_units`, of so many units in each direction.

    `residual` says how many residual convolutions follow each of them (none where it is empty). `cell` is the recurrent
    layers' kind: "lstm", "gru" or "simple-rnn"; `bidirectional` ones read the sequence from both ends.

    What comes after them is the `head`: "ctc" names a character or none at every step; "attention" is a decoder of
    `decoder_units` that writes one character after the other and looks for each at all steps.
    """

    height: int = 48
    width: int = 160
    channels: tuple[int, ...] = (16, 32, 56, 80, 80, 96)
    strides: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (1, 1), (2, 1), (1, 1), (3, 1))
    residual: tuple[int, ...] = ()
    lstm_units: tuple[int, ...] = (96,)
    cell: str = "lstm"
    bidirectional: bool = True
    dropout: float = 0.1
    head: str = "ctc"
    decoder_units: int = 128

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.strides):
            raise ConfigError("channels and strides need one entry for each convolution")
        if self.residual and len(self.residual) != len(self.channels):
            raise ConfigError("residual needs one entry for each convolution, or none at all")
        if self.cell not in CELLS:
            raise ConfigError(f"cell is one of {', '.join(CELLS)}, not {self.cell!r}")
        if not self.lstm_units or min(self.lstm_units) < 1:
            raise ConfigError("lstm_units needs at least one layer, each of at least one unit")
        if self.head not in HEADS:
            raise ConfigError(f"head is one of {', '.join(HEADS)}, not {self.head!r}")
        if self.decoder_units < 1:
            raise ConfigError(f"decoder_units must be at least 1, not {self.decoder_units}")

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
class TrainConfig(RunConfig):
    """Settings of a reader's run, besides those of any. Raises ConfigError for a setting out of its range.

    `labels` are CSV tables of crops; without `dev_splits`, `dev_fraction` of the plates is held out to score on.
    `synthetic` is the share of drawn plates, `rehearse` how many of these are of regions that `regions` does not name,
    so that what the run starts from does not forget them. `backgrounds` are CSV tables of photos without plates:
    image_path, and split, of which `splits` picks; `nothing` is the share of samples cut out of them, and out of
    `scenes` (photos with the corners of their plates) beside these, that the reader is to answer with nothing.
    `teacher` names a reader that reads the training crops first: `permute` is the share of real crops whose
    characters change places, where it told them apart; labels that it contradicts with a confidence of at least
    `distrust` are left out; `straighten` is the share of real crops that are seen as the shipped detector cuts
    their plates out, where it finds them whole. `strength` says how bad the camera of drawn plates is (0: none),
    and `hardship` is the share of all samples that are made as hard to read as some photos are
    (`synthesis.hardship`); `unfold` is the share of drawn plates of two lines that have them side by side
    (`recognition.unfold`). With `balance`, real crops whose text has a character where few others of their source
    have it are seen more often: with 0 all alike, with 1 as if that were not rare. Of weights that the run starts from,
    the first `freeze` convolutions stay as they are, and plates that they read right are to be read with the same
    probabilities, which counts `distill` as much as the labels. The run stops after `patience` epochs without a
    better dev score, and keeps the "best" weights or the "last". With `mixed_precision`, the network computes in 16
    bits where that is safe. With `companion`, the reader that the run starts from goes with it, and reads what is no
    plate of the labels' regions.
    """

    labels: tuple[str, ...] = ()
    dev_fraction: float = 0.0
    synthetic: float = 0.0
    rehearse: float = 0.0
    backgrounds: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    nothing: float = 0.0
    alphabet: str = ""
    teacher: str = ""
    permute: float = 0.0
    distrust: float = 0.0
    straighten: float = 0.0
    strength: float = 1.0
    hardship: float = 0.0
    unfold: float = 0.0
    balance: float = 0.0
    freeze: int = 0
    distill: float = 0.0
    patience: int = 10
    keep: str = "best"
    mixed_precision: bool = False
    companion: bool = False
    architecture: Architecture = dataclasses.field(default_factory=Architecture)

    architecture_type: ClassVar[type] = Architecture

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("patience")
        if not 0 <= self.synthetic <= 1:
            raise ConfigError(f"synthetic is a share from 0 to 1, not {self.synthetic}")
        if not 0 <= self.rehearse < 1:
            raise ConfigError(f"rehearse is a share from 0 to below 1, not {self.rehearse}")
        if not 0 <= self.dev_fraction < 1:
            raise ConfigError(f"dev_fraction is a share from 0 to below 1, not {self.dev_fraction}")
        for name in ("permute", "distrust", "straighten", "hardship", "unfold", "balance"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise ConfigError(f"{name} is a number from 0 to 1, not {share}")
        if self.strength < 0:
            raise ConfigError(f"strength is a number from 0 on, not {self.strength}")
        if not 0 <= self.nothing < 1:
            raise ConfigError(f"nothing is a share from 0 to below 1, not {self.nothing}")
        if (self.permute or self.distrust or self.straighten) and not self.teacher:
            raise ConfigError(
                "permute, distrust and straighten need a teacher: the reader that says where characters stand"
            )
        if not 0 <= self.freeze <= len(self.architecture.channels):
            raise ConfigError(f"freeze is a number of convolutions up to {len(self.architecture.channels)}")
        if self.freeze and not self.start:
            raise ConfigError("freeze keeps weights that were learned before: name the reader to start from (--from)")
        if self.distill < 0 or (self.distill and (not self.start or self.architecture.head != "ctc")):
            raise ConfigError(
                "distill is a weight of 0 or more, and needs a reader to start from (--from) and the head ctc"
            )
        if self.companion and not self.start:
            raise ConfigError("companion takes the reader to start from along: name it (--from)")
        if not self.labels and self.synthetic < 1:
            raise ConfigError("without a label table every sample has to be drawn: set synthetic to 1")
        if self.keep not in ("best", "last"):
            raise ConfigError(f"keep is 'best' (by dev score) or 'last' (the end of the schedule), not {self.keep!r}")

    def make_alphabet(self) -> Alphabet:
        """The alphabet of this run; the default one when none is given."""
        return Alphabet(self.alphabet) if self.alphabet else Alphabet.default()
