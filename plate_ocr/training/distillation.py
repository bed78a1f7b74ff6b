"""What a reader that is trained further reads as it did before: the reader that it started from says how.

After Li and Hoiem, "Learning without Forgetting" (2016).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import open_reader
from plate_ocr.recognition.alphabet import LONGEST, Alphabet
from plate_ocr.recognition.ctc import best_paths, log_softmax
from plate_ocr.recognition.preprocess import normalize
from plate_ocr.training.loss import CtcLoss
from plate_ocr.training.samples import Batch
from plate_ocr.training.weights import load_reader, shared_classes


class StartReader:
    """The reader that a run starts from, which reads each batch as well."""

    def __init__(self, start: str, alphabet: Alphabet) -> None:
        """`alphabet` is the run's. Raises ModelError if `start` is no reader."""
        files = open_reader(start)
        self._model = load_reader(files)
        self._alphabet, self._known = alphabet, files.alphabet
        self.shared, self._there = shared_classes(alphabet, files.alphabet)

    def targets(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Crops as the network takes them, and what `DistilledCtcLoss` takes: the classes, whether this reader reads
        these (1 or 0), and its probabilities of the shared classes at each step, in one row (N, L + 1 + T * K)."""
        crops, classes = normalize(batch[0]), batch[1]
        logits = np.asarray(self._model.predict_on_batch(crops))
        texts = [self._known.decode(path.classes) for path in best_paths(log_softmax(logits))]
        right = [
            [text == self._alphabet.decode(wanted[wanted > 0])] for text, wanted in zip(texts, classes, strict=True)
        ]
        likely = np.exp(log_softmax(logits[..., self._there]))
        return crops, np.concatenate([classes, right, likely.reshape(len(crops), -1)], axis=1, dtype=np.float32)


@keras.saving.register_keras_serializable(package="plate_ocr")
class DistilledCtcLoss(CtcLoss):  # type: ignore[misc]
    """CTC, and for plates that the reader before read right `weight` times the Kullback-Leibler divergence of the two
    readers' probabilities, summed over the steps: where it read right, it says more than the label does, namely how
    sure it was of what, and at which step.

    Takes logits (N, T, C) and the rows of `StartReader.targets`, or labels (N, L) alone, which are then all there is.
    """

    def __init__(self, weight: float, shared: list[int], **settings: Any) -> None:
        super().__init__(**settings)
        self.weight, self.shared = weight, list(shared)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row (N,)."""
        loss = super().call(y_true[:, :LONGEST], y_pred)
        if y_true.shape[1] == LONGEST:
            return loss
        steps = y_pred.shape[1]
        before = keras.ops.reshape(y_true[:, LONGEST + 1 :], (-1, steps, len(self.shared)))
        now = keras.ops.log_softmax(keras.ops.take(y_pred, self.shared, axis=-1))
        apart = keras.ops.sum(before * (keras.ops.log(before + 1e-12) - now), axis=(1, 2))
        return loss + self.weight * y_true[:, LONGEST] * apart

    def get_config(self) -> dict[str, Any]:
        """What makes this loss again."""
        return {**super().get_config(), "weight": self.weight, "shared": self.shared}
