"""The mean of two detectors of one architecture, weight by weight (Wortsman et al., "Robust fine-tuning of zero-shot
models", 2022): what the later run learned, without what it forgot.

    python models/detector/average.py EARLIER LATER SHARE-OF-LATER OUTPUT
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import keras

from plate_ocr.model_store import DETECTOR_KERAS
from plate_ocr.training.detector.export import export_detector


def main(earlier: Path, later: Path, share: float, output: Path) -> None:
    """Write the mean as a run's folder, with its ONNX file."""
    first, second = (keras.models.load_model(run / DETECTOR_KERAS, compile=False) for run in (earlier, later))
    weights = zip(first.get_weights(), second.get_weights(), strict=True)
    first.set_weights([(1 - share) * a + share * b for a, b in weights])
    output.mkdir(parents=True)
    shutil.copy(later / "config.json", output)
    first.save(output / DETECTOR_KERAS)
    print(f"{output}: the ONNX file differs from Keras by {export_detector(output):.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
