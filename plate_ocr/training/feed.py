"""Batches made by other processes, ahead of the trainer."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any

import cv2
import keras

from plate_ocr.training.run_folder import RunError


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches in an order that only the seed decides: `make(epoch, index)` gives one, in a process that
    `start(*settings)` has prepared; `finish` makes of it, in this process, what the network takes."""

    def __init__(
        self,
        steps: int,
        start: Callable[..., None],
        settings: tuple[Any, ...],
        make: Callable[[int, int], Any],
        finish: Callable[[Any], Any],
        *,
        first_epoch: int = 0,
        workers: int = 1,
    ) -> None:
        """With 0 `workers` the batches are made in this process."""
        # The pool below looks ahead; a second queue of Keras's own would run into the next epoch too early.
        super().__init__(workers=0, use_multiprocessing=False)
        self._steps, self._make, self._finish = steps, make, finish
        self._epoch = first_epoch
        self._ahead = 4 * max(1, workers)
        self._pending: dict[tuple[int, int], Future[Any]] = {}
        self._pool: ProcessPoolExecutor | None = None
        if workers:
            # Forking a process that runs TensorFlow's threads can hang it.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, context, _prepare_worker, (start, settings))
        else:
            start(*settings)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        return self._finish(self._take(self._epoch, index))

    def on_epoch_end(self) -> None:
        """The next epoch has other samples."""
        self._epoch += 1

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, epoch: int, index: int) -> Any:
        if self._pool is None:
            return self._make(epoch, index)
        place = epoch * len(self) + index
        try:
            for ahead in range(place, place + self._ahead):
                key = divmod(ahead, len(self))
                if key not in self._pending:
                    self._pending[key] = self._pool.submit(_make, self._make, *key)
            return self._pending.pop((epoch, index)).result()
        except BrokenProcessPool:
            raise RunError(
                "a process that makes batches was ended from outside, perhaps for want of memory; go on with --resume, "
                "or make them in this one: --workers 0"
            ) from None


_failure: Exception | None = None
"""Why this process could not be made ready: told when the first batch is asked for, for only then somebody listens."""


def _make(make: Callable[[int, int], Any], epoch: int, index: int) -> Any:
    if _failure is not None:
        raise _failure
    return make(epoch, index)


def _prepare_worker(start: Callable[..., None], settings: tuple[Any, ...]) -> None:
    # The trainer has the other cores; a worker that spreads over them slows both.
    cv2.setNumThreads(1)
    if hasattr(os, "nice"):
        # A step waits for the slowest of its threads: workers take what the trainer leaves.
        os.nice(19)
    if trainer := multiprocessing.parent_process():
        # A trainer that is killed cannot stop its workers, and they would wait for it forever.
        threading.Thread(target=_end_with, args=(trainer,), daemon=True).start()
    global _failure
    try:
        start(*settings)
    except Exception as failure:
        _failure = failure


def _end_with(trainer: BaseProcess) -> None:
    trainer.join()
    os._exit(1)
