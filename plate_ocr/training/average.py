"""The mean of the weights of two runs: what the later one learned, with less of what it forgot.

After Wortsman et al., "Robust fine-tuning of zero-shot models" (2022): a network that was trained on, and the one it
began with, lie in one valley of the loss, and between them it is often lower than at either.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras

from plate_ocr.model_store import (
    COMPANION,
    DETECTOR_DESCRIPTION,
    DETECTOR_KERAS,
    KERAS,
    ModelError,
    open_detector,
    open_reader,
)
from plate_ocr.training.detector.export import export_detector, load_detector
from plate_ocr.training.export import export
from plate_ocr.training.run_config import ConfigError
from plate_ocr.training.run_folder import CONFIG, writing
from plate_ocr.training.weights import load_reader, take_weights


def average(earlier: str, later: Path, share: float, output: Path) -> float:
    """Write the mean of two readers or two detectors into the new folder `output`, as a run with its ONNX file, and
    give the largest difference of an output to Keras's. The run `later` counts for `share` of it, 0 to 1; `earlier` is
    a run or a shipped name.

    Of readers, characters that `earlier` does not know keep the weights they have in `later`. Raises ConfigError if the
    two are of different architectures or `output` exists, ModelError for a run that is missing, damaged or has no
    weights.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share is between 0 and 1, not {share}")
    if output.exists():
        raise ConfigError(f"{output} exists; name a new folder")
    if not (later / CONFIG).is_file():
        raise ModelError(f"{later} holds no {CONFIG}: it is not a run's folder")
    detectors = (later / DETECTOR_DESCRIPTION).is_file()
    model, before = (_detectors if detectors else _readers)(earlier, later)
    both = zip(before.get_weights(), model.get_weights(), strict=True)
    model.set_weights([(1 - share) * a + share * b for a, b in both])
    with writing(output):
        output.mkdir(parents=True)
        shutil.copy(later / CONFIG, output)
        if (later / COMPANION).is_dir():
            shutil.copytree(later / COMPANION, output / COMPANION)
        model.save(output / (DETECTOR_KERAS if detectors else KERAS))
    return (export_detector if detectors else export)(output, mean_of=[earlier, str(later)], share=share)


def _readers(earlier: str, later: Path) -> tuple[keras.Model, keras.Model]:
    """The later reader, and the earlier one in the later one's alphabet."""
    files, before = open_reader(later), open_reader(earlier)
    model, same = load_reader(files), load_reader(files)
    if fresh := take_weights(same, load_reader(before), files.alphabet, before.alphabet):
        raise ConfigError(f"{earlier} and {later} are of different architectures: {', '.join(fresh)} are in one only")
    return model, same


def _detectors(earlier: str, later: Path) -> tuple[keras.Model, keras.Model]:
    model, before = (load_detector(open_detector(run)) for run in (later, earlier))
    if [w.shape for w in model.get_weights()] != [w.shape for w in before.get_weights()]:
        raise ConfigError(f"{earlier} and {later} are detectors of different architectures")
    return model, before
