"""Batches in processes of their own, to be killed.

The stub reads names, not pictures, and what it reads depends on the name alone. Some names stand for mischief: see
`StubReader`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from plate_ocr.batch.journal import Journal
from plate_ocr.batch.reading import Here, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.workers import Workers
from plate_ocr.plate import Character, Corners, Plate, Status


class StubReader:
    """Reads quickly. A name that holds `crash` ends the process, `hang` takes for ever, `raise` raises; one with `slow`
    takes a little time."""

    def read_many(self, photos: Iterable[str], *, batch: int) -> Iterator[Plate]:
        """Plates of names: none to three."""
        assert batch
        for source in photos:
            if "crash" in source:
                os.kill(os.getpid(), signal.SIGSEGV if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            if "hang" in source:
                time.sleep(1000)
            if "raise" in source:
                raise ZeroDivisionError("by the stub")
            if "slow" in source:
                time.sleep(0.002)
            count = zlib.crc32(source.encode("utf-8", "surrogateescape")) % 4
            if not count:
                yield Plate(source, status=Status.NO_PLATE)
            for number in range(1, count + 1):
                text = f'{number}가{count}\n,"'
                characters = tuple(Character(c, 0.5 + number / 10) for c in text)
                corners = Corners.of_box(number, -2.5, 30, 10)
                yield Plate(source, text, 0.75, number=number, corners=corners, characters=characters, region="KR")


def open_stub(_: int) -> StubReader:
    """What a worker opens."""
    return StubReader()


def sources(photos: int) -> Iterator[str]:
    """Names of photos, some of them awkward, some listed twice."""
    for i in range(photos):
        yield f"slow/{i:06d}.jpg" if i % 7 else f"slow\n/=한국,{i}\udce9.jpg"
        if i % 11 == 5:
            yield f"./slow/{i:06d}.jpg" if i % 7 else f"slow/{i - 1:06d}.jpg"


def main(output: Path, photos: int, workers: int, pause: float) -> None:
    """Read all, going on with what is there."""
    task = Task(open_stub, batch=4, threads=1)
    journal = Journal(output, settings={"stub": "1"}, resume=True)
    with journal, Batch(open_sink(output), journal, pause=pause) as batch, Workers(task, most=workers) as pool:
        batch.read(pool.read if workers else Here(task).read, sources(photos))
        batch.complete()


def serve() -> None:
    """Begin a batch for each line on standard input, "OUTPUT<tab>PHOTOS<tab>WORKERS<tab>PAUSE", in a copy of this
    process, which has the imports behind it; print its number at once, and when it has ended, how."""
    for line in sys.stdin:
        output, photos, workers, pause = line.rstrip("\n").split("\t")
        number = os.fork()
        if not number:
            main(Path(output), int(photos), int(workers), float(pause))
            os._exit(0)
        print(number, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
