"""Where a run's settings come from: a preset, a file, the command line, and what they imply."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plate_ocr.labels import Label, read_labels
from plate_ocr.model_store import open_reader
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.synthesis.region import available
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.detector.config import DetectorConfig
from plate_ocr.training.run_config import ConfigError, merged, read_settings
from plate_ocr.training.run_folder import saved_config

PRESETS = Path(__file__).parent / "presets"


def reader_config(
    run: Path, file: Path | None, given: Mapping[str, Any], *, preset: str = "", resume: bool = False
) -> TrainConfig:
    """What a reader's run is to do: settings `given` on the command line go before those of `file`, these before those
    of the preset; a resumed run has its own. A run that starts from a reader has its architecture and its alphabet,
    as far as no setting says otherwise.

    The alphabet "labels" stands for the characters that occur in the labels, and one like "+ÄÖÜ" adds to that of the
    reader; the regions "labels" are those in the labels' column region. Raises ConfigError for settings that cannot be
    used, LabelError for a label table, ModelError for a reader to start from.
    """
    if resume:
        return saved_config(TrainConfig, run)
    settings = merged(read_preset(preset) if preset else {}, read_settings(file) if file else {}, given)
    base = Alphabet.default()
    if settings.get("start"):
        # Late, for it takes Keras.
        from plate_ocr.training.weights import architecture_of, load_reader

        files = open_reader(settings["start"])
        base = files.alphabet
        known = {"architecture": dataclasses.asdict(architecture_of(load_reader(files))), "alphabet": base.characters}
        settings = merged(known, settings)
    alphabet = settings.get("alphabet", "")
    if alphabet == "labels":
        settings["alphabet"] = Alphabet.of_texts(label.text for label in _labels(settings)).characters
    elif alphabet.startswith("+"):
        settings["alphabet"] = "".join(dict.fromkeys(base.characters + alphabet[1:]))
    if settings.get("regions") == "labels":
        settings["regions"] = _regions(_labels(settings))
    return TrainConfig.of(settings, str(file or preset or "the command line"))


def detector_config(run: Path, file: Path | None, given: Mapping[str, Any], *, resume: bool = False) -> DetectorConfig:
    """What a detector's run is to do: settings `given` on the command line go before those of `file`; a resumed run has
    its own. Raises ConfigError for settings that cannot be used."""
    if resume:
        return saved_config(DetectorConfig, run)
    settings = merged(read_settings(file) if file else {}, given)
    if settings.get("regions") == "labels":
        raise ConfigError("the regions 'labels' are those of labelled crops; name the regions to draw plates of: kr,eu")
    return DetectorConfig.of(settings, str(file or "the command line"))


def read_preset(name: str) -> dict[str, Any]:
    """The settings of a shipped preset. Raises ConfigError for an unknown one."""
    known = {path.stem: path for path in sorted(PRESETS.glob("*.json"))}
    if name not in known:
        raise ConfigError(f"no preset {name!r}; there are: {', '.join(known)}")
    return read_settings(known[name])


def _labels(settings: Mapping[str, Any]) -> list[Label]:
    splits = settings.get("splits") or None
    return [label for table in settings.get("labels", ()) for label in read_labels(Path(table), splits)]


def _regions(labels: list[Label]) -> tuple[tuple[str, float], ...]:
    """The labels' regions that can be drawn, each with its number of labels; none stands for all regions."""
    counts = Counter(label.region.lower() for label in labels)
    return tuple((name, float(counts[name])) for name in available() if counts[name])
