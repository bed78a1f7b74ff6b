"""What each head learns by: CTC, by the fastest way that the backend at hand offers, and cross-entropy."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="plate_ocr")
class CtcLoss(keras.losses.Loss):  # type: ignore[misc]
    """Connectionist temporal classification (Graves et al., 2006): labels (N, L) padded with 0, logits (N, T, C).

    Keras's own loss takes TensorFlow's dense implementation, which at T = 80 is a third of a training step of this
    network; its sparse one computes the same in a sixth of the time. Other backends take Keras's.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row (N,)."""
        if keras.backend.backend() != "tensorflow":
            return keras.losses.ctc(y_true, y_pred)
        import tensorflow as tf

        shape = tf.shape(y_pred)
        labels = tf.cast(y_true, tf.int32)
        # The sparse implementation refuses an empty label. Its only path is known: blanks throughout.
        empty = labels[:, 0] == 0
        some = tf.concat([tf.where(empty, 1, labels[:, 0])[:, None], labels[:, 1:]], axis=1)
        nothing = -tf.reduce_sum(tf.nn.log_softmax(y_pred)[:, :, 0], axis=1)
        loss = tf.nn.ctc_loss(
            labels=tf.sparse.from_dense(some),
            logits=y_pred,
            label_length=None,
            logit_length=tf.fill([shape[0]], shape[1]),
            logits_time_major=False,
            blank_index=0,
        )
        return tf.where(empty, nothing, loss)


@keras.saving.register_keras_serializable(package="plate_ocr")
class TextLoss(keras.losses.Loss):  # type: ignore[misc]
    """Minus the log-probability of a text that is written class by class: labels (N, L) padded with 0, and logits
    (N, L + 1, C) of each class after those before it. The first 0 ends the text; what comes behind it does not count.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row (N,)."""
        labels = keras.ops.cast(y_true, "int32")
        wanted = keras.ops.pad(labels, ((0, 0), (0, 1)))
        before = keras.ops.pad(labels, ((0, 0), (1, 0)), constant_values=1)
        nats = keras.ops.sparse_categorical_crossentropy(wanted, y_pred, from_logits=True)
        return keras.ops.sum(nats * keras.ops.cast(before != 0, nats.dtype), axis=1)
