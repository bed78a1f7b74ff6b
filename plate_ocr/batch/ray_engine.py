"""Many machines: Ray Data gives parts of the photos to actors, each of which holds a model and writes what it read.

Ray is asked for little: to start actors where there is room, to hand them parts, and to hand a part to another one when
its actor is gone. What is done is in the folder of parts, see `parts`, and never in Ray. Its own `write_parquet` is not
used: a file of it has another name in each run, and is there while it is still being written.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plate_ocr.batch.addresses import Fetching
from plate_ocr.batch.journal import differences
from plate_ocr.batch.parts import Parts, as_bytes, as_names, write_part
from plate_ocr.batch.reading import Done, Job, Task
from plate_ocr.batch.run import Summary, Tally
from plate_ocr.batch.settings import Finish, ReadingSettings
from plate_ocr.batch.workers import SECONDS, Workers


class RayEngineError(RuntimeError):
    """Ray cannot be used, or has failed; the message says what would help."""


@dataclass(frozen=True)
class Plan:
    """How actors read, wherever they are. `fingerprint` is what this machine makes of the settings; `here` the folder
    from which relative paths count; `folders` are to be there on every machine; a photo may take `seconds`."""

    output: str
    settings: ReadingSettings
    finish: Finish
    fingerprint: dict[str, str]
    batch: int = 16
    threads: int = 1
    seconds: float = SECONDS
    here: str = ""
    folders: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise RayEngineError if this machine would read other rows than the one that made the plan."""
        machine = socket.gethostname()
        for folder in self.folders:
            if not os.path.isdir(folder):
                raise RayEngineError(
                    f"{folder}: not a folder on {machine}; photos must lie where all machines see them"
                )
        changed = differences(self.fingerprint, self.settings.fingerprint() | self.finish.fingerprint())
        if changed:
            raise RayEngineError(f"{machine} differs: {changed}; install the same version and models everywhere")


class PartReader:
    """An actor: reads parts, one after the other.

    It reads in a process of its own, as a batch on one machine does: a photo that crashes the decoder would else end
    the actor, and so each one to which Ray hands the part after it, for ever.
    """

    def __init__(self, plan: Plan) -> None:
        with suppress(OSError):  # elsewhere it may not exist, and matters to relative paths only
            os.chdir(plan.here)
        self._plan, self._checked = plan, False
        task = Task(Fetching(plan.settings).open, limits=plan.settings.limits, batch=plan.batch, threads=plan.threads)
        self._workers = Workers(task, most=1, seconds=plan.seconds)

    def __call__(self, parts: Any) -> Any:
        """Read the part in an Arrow table of one row (part, photos); one of (summary, error): what became of it."""
        import pyarrow as pa  # type: ignore[import-untyped]

        summary = error = ""
        try:
            summary = json.dumps(asdict(self._read(parts["part"][0].as_py(), as_names(parts["photos"][0].as_py()))))
        except (ValueError, OSError, RuntimeError) as problem:
            # Ray buries what an actor raises under pages of its own.
            if not type(problem).__module__.startswith("plate_ocr"):
                raise
            error = str(problem)
        return pa.table({"summary": [summary], "error": [error]})

    def _read(self, number: int, photos: list[str]) -> Summary:
        if not self._checked:
            self._plan.check()
            self._checked = True
        tally = Tally()
        done: list[Done] = []
        for one in self._workers.read(map(Job, photos)):
            tally.add(one)
            done.append(one)
        write_part(self._plan.output, number, (self._plan.finish(plate) for one in done for plate in one.plates))
        return tally.summary()


def read_parts(
    plan: Plan, parts: Parts, *, actors: int = 0, on_photos: Callable[[int], object] = lambda _: None
) -> Summary:
    """Read the parts that are not there, on the Ray that `running` has found or started, with at most `actors` actors;
    0: as many as there is room for. `on_photos` is called with the number of photos of each part that is done.

    Raises RayEngineError if Ray or an actor fails; the parts that are there stay.
    """
    import pyarrow as pa
    import ray
    import ray.data

    tally = Tally()
    tables = [
        pa.table({"part": [number], "photos": pa.array([as_bytes(photos)], pa.list_(pa.large_binary()))})
        for number, photos in parts.waiting()
    ]
    if not tables:
        return tally.summary()
    room = int(ray.cluster_resources().get("CPU", 1) // plan.threads)
    most = max(1, min(actors or room, len(tables)))
    try:
        read = ray.data.from_arrow(tables).map_batches(
            PartReader,
            fn_constructor_args=(plan,),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most),
            num_cpus=plan.threads,
        )
        for row in read.iter_rows():
            if row["error"]:
                raise RayEngineError(row["error"])
            one = Summary(**json.loads(row["summary"]))
            tally.include(one)
            on_photos(one.photos)
    except RayEngineError:
        raise
    except Exception as error:  # Ray's own are of many kinds
        raise RayEngineError(f"Ray: {_first_line(error)}; its logs, in /tmp/ray, may say more") from error
    return tally.summary()


@contextmanager
def running() -> Iterator[None]:
    """A Ray to work with: the one in use, else the cluster of RAY_ADDRESS or of this machine, else one that is started
    here and ends with the block. Nothing is told to anybody, and no dashboard is started.

    Raises RayEngineError if Ray is missing or cannot be started.
    """
    need_ray()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    import ray.data

    if ray.is_initialized():
        _quiet(ray.data.DataContext.get_current())
        yield
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # bare ones among them
        raise RayEngineError(
            f"Ray cannot be started or reached: {_first_line(error)} Try again; its logs, in /tmp/ray, may say more"
        ) from error
    try:
        _quiet(ray.data.DataContext.get_current())
        yield
    finally:
        ray.shutdown()


def need_ray() -> None:
    """Raise RayEngineError with the command to run when Ray is missing."""
    missing = [name for name in ("ray", "pyarrow", "pandas") if importlib.util.find_spec(name) is None]
    if missing:
        raise RayEngineError(f"--engine ray needs {', '.join(missing)}; install with: pip install 'plate-ocr[ray]'")


def _quiet(context: Any) -> None:
    """Leave the terminal to our own progress, and to Ray's warnings."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__name__ == "PlainRayHandler":
            handler.setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def local_folders(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the entries that are folders of this machine: every machine must see them."""
    return tuple(str(Path(entry).absolute()) for entry in entries if os.path.isdir(entry))
