"""`recognize --engine ray`, on a real Ray of two workers: the rows of one machine, each once, whoever is killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plate_ocr import PlateReader
from plate_ocr.batch.addresses import AddressError, FetchingReader, open_address, photos_of
from plate_ocr.batch.parts import Parts, PartsError, as_bytes, write_part
from plate_ocr.batch.ray_engine import PartReader, Plan
from plate_ocr.batch.settings import Finish, ReadingSettings
from plate_ocr.batch.sources import Shard, listed
from plate_ocr.cli import main
from plate_ocr.photos import Limits
from plate_ocr.plate import Plate, Status
from tests.conftest import SAMPLE
from tests.test_batch_resume import rows_of

parquet = pytest.importorskip("pyarrow.parquet", reason="tables in parts need pyarrow")

CROPS = sorted((SAMPLE / "crops").glob("*.jpg"))
AWKWARD = SAMPLE / "awkward"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray on this machine, with room for two actors."""
    ray = pytest.importorskip("ray", reason="pip install 'plate-ocr[ray]'")
    pytest.importorskip("pandas", reason="pip install 'plate-ocr[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A busy machine starts it slowly.
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
    local = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    try:
        ray.init("local", **local)
    except Exception:  # it gives itself 30 s, too few for the first start on a busy machine
        ray.shutdown()
        try:
            ray.init("local", **local)
        except Exception as error:
            pytest.skip(f"Ray does not start on this machine: {error}")
    yield ray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        ray.shutdown()


def run(*arguments: str | Path, ray: bool = True) -> Result:
    flags = ["--engine", "ray"] if ray else ["--workers", "1"]
    return CliRunner().invoke(main, ["recognize", *map(str, arguments), *flags, "--crops"])


def parts_of(output: Path) -> list[Path]:
    return sorted(output.glob("part-*.parquet"))


def rows(output: Path) -> list[dict[str, Any]]:
    """The rows of all parts, in order."""
    return [row for part in parts_of(output) for row in rows_of(part)]


def test_rows_are_those_of_one_machine(ray: Any, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "empty.jpg").touch()
    photos = [*CROPS[:5], *sorted(AWKWARD.iterdir()), tmp_path / "empty.jpg", tmp_path / "missing.jpg", CROPS[0]]
    result = run(*photos, "-o", tmp_path / "ray.parquet", "--part-size", "4", "--min-confidence", "0.9", "--mask", "1")
    assert result.exit_code == 0, result.output
    one = run(*photos, "-o", tmp_path / "one.parquet", "--min-confidence", "0.9", "--mask", "1", ray=False)
    assert one.exit_code == 0, one.output
    assert [part.name for part in parts_of(tmp_path / "ray.parquet")] == [f"part-{n:05d}.parquet" for n in range(3)]
    assert rows(tmp_path / "ray.parquet") == rows_of(tmp_path / "one.parquet")
    schema = parquet.read_schema(tmp_path / "one.parquet")
    assert all(parquet.read_schema(part).equals(schema, True) for part in parts_of(tmp_path / "ray.parquet"))
    # As a folder, too, it is nothing but those rows.
    assert parquet.read_table(tmp_path / "ray.parquet").num_rows == len(rows_of(tmp_path / "one.parquet"))
    for line in one.output.splitlines():
        if "could not be opened" in line or "plates read" in line or "missing.jpg" in line:
            assert line in result.output


def test_it_goes_on_with_the_parts_that_are_missing_and_with_new_photos(ray: Any, tmp_path: Path) -> None:  # noqa: ARG001
    photos, output = tmp_path / "my photos", tmp_path / "p.parquet"
    photos.mkdir()
    for crop in CROPS[:5]:
        shutil.copy(crop, photos / crop.name.replace("0000", "한 #%20"))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8")
    command = [f"file://{photos}", "-o", f"file://{output}", "--part-size", "2"]
    assert run(*command).exit_code == 0
    whole = rows(output)
    assert len({row["source"] for row in whole}) == 6
    assert {row["status"] for row in whole if row["source"].endswith("/broken.jpg")} == {"unreadable-photo"}
    kept = parts_of(output)[0]
    before = kept.stat()
    parts_of(output)[1].unlink()
    shutil.copy(CROPS[5], photos / "0 new.jpg")
    assert "2 of 3 parts are done: go on with --resume" in run(*command).output
    result = run(*command, "--resume")
    assert result.exit_code == 0, result.output
    assert "4  done before" in result.output
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == (before.st_mtime_ns, before.st_ino), "read again"
    assert rows(output)[: len(whole)] == whole
    assert [row["source"] for row in rows(output)[len(whole) :]] == [f"file://{photos}/0 new.jpg"]
    assert not list(tmp_path.rglob("*.partial"))
    result = run(*command, "--resume")
    assert result.exit_code == 0
    assert "nothing new; 7 photos were done before" in result.output


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found through /proc")
def test_a_worker_that_is_killed_costs_no_row_and_doubles_none(ray: Any, tmp_path: Path) -> None:  # noqa: ARG001
    output, killed = tmp_path / "p.parquet", list[tuple[int, int]]()

    def kill() -> None:
        while not killed:
            done = len(parts_of(output))
            for actor in actors() if done else ():
                with suppress(ProcessLookupError):
                    os.kill(actor, signal.SIGKILL)
                    killed.append((actor, done))
                    break
            time.sleep(0.01)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = run(SAMPLE / "crops", "-o", output, "--part-size", "1", "--actors", "2")
    assert result.exit_code == 0, result.output
    killer.join(1)
    ((_, done),) = killed
    assert done < len(CROPS) / 2, "it must strike a run that is under way"
    assert run(SAMPLE / "crops", "-o", tmp_path / "one.parquet", ray=False).exit_code == 0
    assert rows(output) == rows_of(tmp_path / "one.parquet")
    assert [row["source"] for row in rows(output)] == list(map(str, CROPS))


def actors() -> list[int]:
    """Processes of Ray that hold our actors, of this test's Ray alone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"PartReader" in (process / "cmdline").read_bytes():
                raylet = Path("/proc", _parent(process))
                if _parent(raylet) == str(os.getpid()):
                    found.append(int(process.name))
    return found


def _parent(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[1]


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ray" else object())
    result = run(CROPS[0], "-o", tmp_path / "p.parquet")
    assert result.exit_code == 1
    assert "--engine ray needs ray; install with: pip install 'plate-ocr[ray]'" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--engine", "ray"], "give --output FOLDER.parquet"),
        (["--engine", "ray", "-o", "p.csv"], "give --output FOLDER.parquet"),
        (["--engine", "ray", "-o", "p.parquet", "--annotate", "a"], "--annotate does not go with --engine ray"),
        (["--engine", "ray", "-o", "p.parquet", "--save-crops", "a"], "--save-crops does not go with"),
        (["--engine", "ray", "-o", "p.parquet", "--blur-plates", "a"], "--blur-plates does not go with"),
        (
            ["--engine", "ray", "-o", "p.parquet", "--workers", "2"],
            "--workers does not go with --engine ray: say --act",
        ),
        (["--part-size", "5"], "--part-size is for --engine ray"),
        (["--actors", "5"], "--actors is for --engine ray"),
        (["s3://bucket/photos"], "s3://bucket/photos: addresses are read with --engine ray"),
    ],
)
def test_flags_that_cannot_be_honoured_are_refused(flags: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["recognize", str(CROPS[0]), *flags], terminal_width=200)
    assert result.exit_code == 2
    assert said in result.output


def test_a_folder_is_not_mixed_up_or_replaced(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'plate-ocr[ray]'")
    output = tmp_path / "p.parquet"
    Parts(str(output), ReadingSettings(crops=True).fingerprint() | Finish().fingerprint(), resume=False)
    for flags in ([], ["--resume"]):
        result = run(CROPS[0], "-o", output, "--mask", "0.5", *flags)
        assert result.exit_code == 1
        said = "--mask was '0.0' and is '0.5'. Rows of both must not mix" if flags else "go on with --resume, or delete"
        assert said in result.output
    (tmp_path / "file.parquet").touch()
    assert (
        "file.parquet is a file; parts are written into a folder"
        in run(CROPS[0], "-o", tmp_path / "file.parquet").output
    )
    other = tmp_path / "other.parquet"
    other.mkdir()
    (other / "thesis.txt").touch()
    assert "holds something else, such as thesis.txt" in run(CROPS[0], "-o", other).output
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_a_machine_that_would_read_otherwise_does_not(tmp_path: Path) -> None:
    settings_ = ReadingSettings(crops=True)
    same = settings_.fingerprint() | Finish().fingerprint()
    for plan, said in (
        (Plan(str(tmp_path), settings_, Finish(), {**same, "version": "0"}), "differs: version was '0' and is"),
        (Plan(str(tmp_path), settings_, Finish(), same, folders=("/no/such",)), "/no/such: not a folder on"),
    ):
        import pyarrow as pa

        part = pa.table({"part": [0], "photos": [as_bytes([str(CROPS[0])])]})
        (row,) = PartReader(plan)(part).to_pylist()
        assert said in row["error"]
        assert not row["summary"]
    assert not list(tmp_path.iterdir())


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(st.lists(names | st.just("a\udce9"), max_size=9), min_size=1, max_size=4), st.integers(1, 4))
def test_each_photo_is_in_one_part_however_often_it_is_listed(
    tmp_path: Path, listings: list[list[str]], size: int
) -> None:
    shutil.rmtree(tmp_path / "p.parquet", ignore_errors=True)
    before: list[tuple[int, list[str]]] = []
    for number, listing in enumerate(listings):
        parts = Parts(str(tmp_path / "p.parquet"), {}, resume=bool(number))
        photos = [f"s3://b/{name}" for name in listing]
        assert parts.add(photos, size) == len(photos)
        waiting = list(parts.waiting())
        assert waiting[: len(before)] == before, "a part's photos never change"
        assert all(1 <= len(part) <= size for _, part in waiting)
        before = waiting
    everything = [photo for _, part in before for photo in part]
    assert everything == list(dict.fromkeys(f"s3://b/{name}" for listing in listings for name in listing))
    write_part(str(tmp_path / "p.parquet"), 1, [])
    assert 1 not in dict(Parts(str(tmp_path / "p.parquet"), {}, resume=True).waiting())


def test_a_part_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for output in (str(tmp_path / "p.parquet"), f"file://{tmp_path}/q.parquet"):
        write_part(output, 0, [Plate("a.jpg")])
        before = rows(Path(output.removeprefix("file://")))
        with monkeypatch.context() as patch:
            patch.setattr("os.replace", full)
            patch.setattr("os.fsync", full)
            if output.startswith("file:"):
                patch.setattr("plate_ocr.batch.stores.DistantStore._write", full)
            with pytest.raises(PartsError, match=r"part 0 of .* cannot be written \(No space left .*--resume"):
                write_part(output, 0, [Plate("b.jpg")])
        assert rows(Path(output.removeprefix("file://"))) == before
    assert not list(tmp_path.rglob("*.partial"))


def test_addresses_are_listed_and_read_like_folders(tmp_path: Path) -> None:
    shutil.copytree(AWKWARD, tmp_path / "b" / "deep")
    shutil.copy(CROPS[0], tmp_path / "a.jpg")
    shutil.copy(CROPS[1], tmp_path / "b" / "a ?#.jpg")
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "empty.jpg").touch()
    paths = list(listed([str(tmp_path)], None, pytest.fail))
    photos = list(photos_of([f"file://{tmp_path}/"], None, pytest.fail))
    assert photos == [f"file://{path}" for path in paths]
    assert list(photos_of([photos[0], paths[0]], None, pytest.fail)) == [photos[0], paths[0]]
    shares = [set(photos_of([f"file://{tmp_path}"], Shard(k, 3), pytest.fail)) for k in (1, 2, 3)]
    assert sorted(photo for share in shares for photo in share) == sorted(photos)
    here = set(listed([str(tmp_path)], Shard(1, 3), pytest.fail))
    assert shares[0] == {f"file://{path}" for path in here}, "the same share as of the folder"

    reader = PlateReader(crops=True, threads=1)
    distant = FetchingReader(reader, Limits())
    paths += [str(tmp_path / "none.jpg"), str(CROPS[2])]
    plates = list(distant.read_many([*(f"file://{p}" for p in paths[:-1]), paths[-1]], batch=4))
    assert [plate.source.removeprefix("file://") for plate in plates] == paths
    expected = list(reader.read_many(paths, batch=4))
    for plate, same in zip(plates, expected, strict=True):
        assert (plate.text, plate.status, plate.corners) == (same.text, same.status, same.corners)
        assert plate.message.replace("file://", "") == same.message
    (small,) = FetchingReader(reader, Limits(bytes=10)).read_many([photos[0]], batch=1)
    assert small.status is Status.UNREADABLE_PHOTO
    assert "too large for a picture" in small.message


def test_an_address_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    assert not list(photos_of([f"file://{tmp_path}"], None, said.append))
    assert "no picture in this folder" in said[0]
    with pytest.raises(AddressError, match=r"nowhere://x/: cannot be reached"):
        list(photos_of(["nowhere://x/y"], None, pytest.fail))
    with pytest.raises(AddressError, match="a secret in an address") as told:
        open_address("s3://me:secret@bucket/x")
    assert "secret@" not in str(told.value)
