"""Photos that crash or hold up a decoder cost themselves and nothing else."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from itertools import count, islice

import pytest

from plate_ocr.batch.reading import Done, Job, Task
from plate_ocr.batch.workers import WorkerError, Workers
from plate_ocr.model_store import ModelError
from plate_ocr.plate import Status
from tests.batch_child import StubReader, open_stub

TASK = Task(open_stub, batch=4, threads=1)


def open_nothing(_: int) -> StubReader:
    raise ModelError("no model, says the stub")


def open_and_end(_: int) -> StubReader:
    os._exit(7)


def open_if_frugal(_: int) -> StubReader:
    raise ModelError(f"{os.environ.get('MALLOC_ARENA_MAX')} {os.environ.get('MALLOC_MMAP_THRESHOLD_')}")


def read(task: Task, names: list[str], *, most: int = 2, seconds: float = 60.0) -> list[Done]:
    # Those of a training that another test has just ended may still be on their way out.
    before = multiprocessing.active_children()
    with Workers(task, most=most, seconds=seconds) as workers:
        done = list(workers.read(Job(name) for name in names))
    assert set(multiprocessing.active_children()) <= set(before)
    return done


def test_rows_come_in_the_order_of_the_photos_whoever_reads_them() -> None:
    names = [f"{'slow' if i % 5 else ''}{i}.jpg" for i in range(60)]
    done = read(TASK, names, most=3)
    assert [one.job.source for one in done] == names
    assert [list(one.plates) for one in done] == [list(StubReader().read_many([name], batch=1)) for name in names]


def test_a_photo_that_ends_the_process_costs_itself_alone() -> None:
    names = [f"{i}.jpg" for i in range(20)]
    names[5], names[6], names[19] = "crash 1.jpg", "crash 2.jpg", "crash 3.jpg"
    done = read(TASK, names)
    assert [one.job.source for one in done] == names
    for one in done:
        (crashed,) = {plate.status is Status.UNREADABLE_PHOTO for plate in one.plates}
        assert crashed == ("crash" in one.job.source)
    message = done[5].plates[0].message
    assert "crash 1.jpg: reading it ended the process (" in message
    assert "SIGSEGV" in message or os.name == "nt"


def test_a_photo_that_takes_for_ever_is_given_up() -> None:
    names = ["1.jpg", "hang.jpg", "2.jpg", "3.jpg", "4.jpg"]
    done = read(TASK, names, seconds=0.4)
    assert [one.job.source for one in done] == names
    assert done[1].plates[0].message == "hang.jpg: reading it took longer than 0.4 s"
    assert not any(p.status is Status.UNREADABLE_PHOTO for one in done if one is not done[1] for p in one.plates)


def test_an_error_that_nobody_foresaw_is_told_and_costs_one_photo() -> None:
    done = read(TASK, ["1.jpg", "raise.jpg", "2.jpg"])
    assert "ZeroDivisionError: by the stub" in done[1].plates[0].message
    assert all(p.status is not Status.UNREADABLE_PHOTO for one in (done[0], done[2]) for p in one.plates)


def test_processes_that_read_give_memory_back_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "5000000")
    with pytest.raises(ModelError, match="1 5000000"):
        read(Task(open_if_frugal), ["1.jpg"])
    assert "MALLOC_ARENA_MAX" not in os.environ
    assert os.environ["MALLOC_MMAP_THRESHOLD_"] == "5000000"


def test_a_reader_that_cannot_be_opened_is_an_error_not_a_row() -> None:
    with pytest.raises(ModelError, match="no model, says the stub"):
        read(Task(open_nothing), ["1.jpg"])
    with pytest.raises(WorkerError, match=r"ended while it started \(exit code 7\); plate-ocr doctor"):
        read(Task(open_and_end), ["1.jpg"])


def test_photos_are_asked_for_as_they_are_needed() -> None:
    asked = 0

    def endless() -> Iterator[Job]:
        nonlocal asked
        for asked in count(1):
            yield Job(f"{asked}.jpg")

    with Workers(TASK, most=2) as workers:
        assert len(list(islice(workers.read(endless()), 100))) == 100
    assert asked <= 100 + 4 * 2 * 2 + 4, "a queue that is not bounded"


def test_a_million_photos_need_no_list_of_them() -> None:
    # What is kept of each photo is in the journal, which is on the disk.
    import gc
    import tracemalloc

    from plate_ocr.batch.journal import Journal
    from plate_ocr.batch.run import Batch
    from plate_ocr.batch.sinks import Sink

    def instead(jobs: Iterator[Job]) -> Iterator[Done]:
        for job in jobs:
            yield Done(job, tuple(StubReader().read_many([job.source], batch=1)))

    def names(first: int, number: int) -> Iterator[str]:
        return (hashlib.md5(str(i).encode()).hexdigest() for i in range(first, first + number))

    kept = []
    with Journal() as journal, Batch(Sink(), journal, pause=0.1) as batch:
        tracemalloc.start()
        for first, number in ((0, 500), (500, 2000)):
            batch.read(instead, names(first, number))
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert journal.count == 2500
    assert kept[1] - kept[0] < 40_000, f"{kept[1] - kept[0]} bytes are kept of 2,000 photos"
