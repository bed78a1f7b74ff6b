"""Reading in other processes, so that a photo which crashes or holds up a decoder costs itself and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from plate_ocr.batch.reading import Done, Job, Task, chunks, read_chunk, unreadable
from plate_ocr.photos import set_limits

SECONDS = 60.0
"""How long a photo may take, unless told otherwise."""

FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""What reading processes find in their environment, unless it says otherwise."""

_READY = "ready"


class WorkerError(RuntimeError):
    """The processes that read cannot be used; the message says what would help."""


@dataclass(eq=False)
class _Part:
    """Photos that one worker reads together, and what came of them."""

    jobs: list[Job]
    done: list[Done] | None = None


class Workers:
    """Processes that read photos; started when there is work for them. Use as a context manager."""

    def __init__(self, task: Task, *, most: int, seconds: float = SECONDS) -> None:
        """At most `most` processes, each with a reader of its own; a photo may take `seconds`."""
        self._task, self._most, self._seconds = task, most, seconds
        self._workers: list[_Worker] = []

    def read(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Read photos, in order. Of `jobs`, no more are taken than keep the workers busy.

        Photos that were with a worker when it ended, or that took too long, are read again one by one; the one that
        does it again is told of as unreadable. Raises WorkerError if a worker ends before it could begin, and what the
        reader raises if it cannot be opened.
        """
        coming = chunks(jobs, self._task.batch)
        exhausted = False
        waiting: deque[_Part] = deque()
        window: deque[_Part] = deque()
        while True:
            while not exhausted and len(window) < 2 * self._most:
                chunk = next(coming, None)
                if chunk is None:
                    exhausted = True
                    break
                waiting.append(_Part(chunk))
                window.append(waiting[-1])
                self._hand_out(waiting)
            self._hand_out(waiting)
            if not window:
                return
            if (first := window[0]).done is not None:
                window.popleft()
                yield from first.done
                continue
            for part, why in self._collect():
                if len(part.jobs) == 1:
                    part.done = [unreadable(part.jobs[0], why)]
                    continue
                place = window.index(part)
                single = [_Part([job]) for job in part.jobs]
                del window[place]
                for one in reversed(single):
                    window.insert(place, one)
                    waiting.appendleft(one)

    def _hand_out(self, waiting: deque[_Part]) -> None:
        """Give what waits to idle workers, and start workers for the rest."""
        for worker in self._workers:
            if waiting and worker.idle:
                worker.begin(waiting.popleft(), self._seconds)
        busy = sum(worker.part is not None for worker in self._workers)
        while len(self._workers) < min(self._most, busy + len(waiting)):
            self._workers.append(_Worker(self._task))

    def _collect(self) -> list[tuple[_Part, str]]:
        """Wait for something to happen; the parts that failed, and why."""
        deadline = min((worker.deadline for worker in self._workers), default=0.0)
        patience = max(0.0, deadline - time.monotonic())
        ready = wait([worker.pipe for worker in self._workers], timeout=None if patience == float("inf") else patience)
        failed = []
        for worker in list(self._workers):
            if worker.pipe in ready:
                why = worker.receive()
            elif time.monotonic() >= worker.deadline:
                worker.kill()
                why = f"reading it took longer than {self._seconds:g} s"
            else:
                continue
            if why:
                if worker.part is not None:
                    failed.append((worker.part, why))
                if not worker.alive:
                    self._workers.remove(worker)
                worker.part = None
        return failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
        self._workers = []


class _Worker:
    """One process, seen from this side. It is idle, or has one part."""

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, task), daemon=True)
        with _deaf_to_interrupts(), _frugal():
            self._process.start()
        # The end of the pipe tells of the end of the process, if nobody else holds it.
        theirs.close()
        self.started = False
        self.alive = True
        self.part: _Part | None = None
        self.deadline = float("inf")

    @property
    def idle(self) -> bool:
        """Whether it can take a part."""
        return self.started and self.alive and self.part is None

    def begin(self, part: _Part, seconds: float) -> None:
        """Hand over a part, each of whose photos may take `seconds`."""
        self.part = part
        self.deadline = time.monotonic() + seconds * len(part.jobs)
        with suppress(OSError):  # it has ended: receiving will tell
            self.pipe.send(part.jobs)

    def receive(self) -> str:
        """Take what it says; why its part failed, or nothing. Raises WorkerError if it never began."""
        try:
            message: Any = self.pipe.recv()
        except (EOFError, OSError):
            return self._ended()
        self.deadline = float("inf")
        if message == _READY:
            self.started = True
            return ""
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, str):
            return message
        assert self.part is not None
        self.part.done, self.part = message, None
        return ""

    def _ended(self) -> str:
        self.kill()
        code = self._process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if not self.started:
            raise WorkerError(f"a reading process ended while it started ({how}); plate-ocr doctor may say why")
        return f"reading it ended the process ({how}); convert it to JPEG or remove it"

    def kill(self) -> None:
        """End the process at once."""
        self.alive = False
        self.deadline = float("inf")
        self._process.kill()
        self._process.join()
        self.pipe.close()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started within ignore Ctrl-C from their first moment: the one that started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


@contextmanager
def _frugal() -> Iterator[None]:
    """Processes started within give memory back: glibc, which reads this when a program begins, else keeps a heap for
    each thread, and more and more of them in pieces, as photos of all sizes come and go."""
    before = {name: os.environ.get(name) for name in FRUGAL}
    os.environ.update({name: value for name, value in FRUGAL.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


def _work(pipe: Connection[Any, Any], task: Task) -> None:
    """The worker's side: a reader, and chunks until nobody asks any more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        import cv2

        cv2.setNumThreads(max(1, task.threads))
        # What it says of damaged photos stands in their rows.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        set_limits(task.limits)
        reader = task.open(task.threads)
        pipe.send(_READY)
    except Exception as error:  # raised again where somebody sees it
        with suppress(OSError):  # unless that one was killed meanwhile
            pipe.send(error)
        return
    while True:
        try:
            jobs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(read_chunk(reader, jobs, task.pictures))
        except (BrokenPipeError, ConnectionError):
            return
        except Exception as error:  # a decoder's or the network's: it must cost no more than the photo it is about
            pipe.send(f"reading it failed ({type(error).__name__}: {error}); please report it with the photo")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Windows, macOS
        return os.cpu_count() or 1


Reading = Callable[[Iterable[Job]], Iterator[Done]]
"""What a batch is read with: Workers.read, or Here.read."""
