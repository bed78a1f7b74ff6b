"""Several GPUs, where the backend can share a batch between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.training.run_config import ConfigError

TOGETHER = 128
"""Crops that go through a network at once where nothing is learned from them."""


def share_batches(batch: int, say: Callable[[str], None], *, kind: str = "gpu") -> None:
    """Let each device of this `kind` ("gpu", "cpu") compute its part of every batch from now on. They hold the same
    weights (data parallelism, `keras.distribution`).

    To be called before the network is made. Keras has this for JAX; on another backend a run uses one GPU, and says so.
    Raises ConfigError for a batch that cannot be shared evenly.
    """
    backend = keras.backend.backend()
    # Keras's list of devices is there for these two alone.
    found = keras.distribution.list_devices() if backend in ("jax", "tensorflow") else []
    devices = [device for device in found if device.startswith(f"{kind}:")]
    if len(devices) < 2:
        return
    if backend != "jax":
        say(f"one of {len(devices)} GPUs is used; with KERAS_BACKEND=jax they share the work")
        return
    if batch % len(devices):
        raise ConfigError(
            f"{len(devices)} GPUs cannot share batches of {batch} evenly; take a multiple of {len(devices)} (--batch), "
            "or show the run fewer of them (CUDA_VISIBLE_DEVICES)"
        )
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    say(f"batches of {batch} are shared by {len(devices)} GPUs")


def predict(network: keras.Model, crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a network says of any number of crops, also where devices share batches."""
    said = network.predict(filled(crops), batch_size=TOGETHER * _sharing(), verbose=0)
    return np.asarray(said[: len(crops)], dtype=np.float32)


def filled(crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crops (N, H, W, 1), and the last of them again until devices that share batches get as many each."""
    return np.concatenate([crops, np.repeat(crops[-1:], -len(crops) % _sharing(), axis=0)])


def loss_of(network: keras.Model, inputs: Any, targets: NDArray[Any]) -> float:
    """The loss of a network on a batch of any size, less what devices that share it cannot share evenly."""
    even = len(targets) - len(targets) % _sharing()
    taken = {name: part[:even] for name, part in inputs.items()} if isinstance(inputs, dict) else inputs[:even]
    return float(network.evaluate(taken, targets[:even], batch_size=TOGETHER * _sharing(), verbose=0))


def _sharing() -> int:
    """How many devices share batches."""
    distribution = keras.distribution.distribution()
    return int(distribution.device_mesh.devices.size) if distribution else 1
