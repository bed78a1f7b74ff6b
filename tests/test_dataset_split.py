"""Splitting a label table: no plate in both, nothing lost, always the same."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.cli import main
from plate_ocr.dataset.split import count_plates, split_table
from plate_ocr.dataset.table import read_table
from plate_ocr.labels import LabelError, read_labels
from plate_ocr.recognition.alphabet import normalize
from tests.conftest import SAMPLE, write_labels

CROPS = SAMPLE / "crops"


def split(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["dataset", "split", *map(str, arguments)])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


ROWS = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
        st.sampled_from(["1", "12", "1 2", "가1", "나1", "A", "a", "B", "C", "D", "", "-"]),
        st.sampled_from(["KR", "DE", ""]),
        st.sampled_from(["train", "test", ""]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, share=st.floats(0.01, 0.99), seed=st.integers(0, 99), turned=st.randoms())
def test_no_plate_stands_in_both_and_no_row_is_lost(
    rows: list[tuple[str, str, str, str]], share: float, seed: int, turned: object
) -> None:
    with tempfile.TemporaryDirectory() as name:
        table = read_table(write_labels(Path(name), rows))
        turned.shuffle(rows)  # type: ignore[attr-defined]
        other = read_table(write_labels(Path(name), rows))
    if len({normalize(row[1]) for row in rows if normalize(row[1])}) < 2:
        with pytest.raises(LabelError, match="at least two"):
            split_table(table, share=share, seed=seed)
        return
    done = split_table(table, share=share, seed=seed)
    assert [{**row, "split": ""} for row in done] == [{**row.cells, "split": ""} for row in table.rows]
    by_text: dict[str, set[str]] = {}
    for row in done:
        by_text.setdefault(normalize(row["plate_text"]), set()).add(row["split"])
    assert by_text.pop("", {""}) == {""}
    assert all(len(splits) == 1 for splits in by_text.values())
    assert {s for splits in by_text.values() for s in splits} == {"train", "dev"}, "neither of them is empty"
    # The order of the rows does not matter.
    again = split_table(other, share=share, seed=seed)
    assert {normalize(row["plate_text"]): row["split"] for row in again} == {
        normalize(row["plate_text"]): row["split"] for row in done
    }


@settings(deadline=None)
@given(sizes=st.lists(st.integers(5, 60), min_size=1, max_size=4), share=st.floats(0.1, 0.5), seed=st.integers(0, 9))
def test_each_region_gives_its_share(sizes: list[int], share: float, seed: int) -> None:
    rows = [(f"{r}-{i}.jpg", f"{r}A{i}", f"R{r}", "") for r, size in enumerate(sizes) for i in range(size)]
    with tempfile.TemporaryDirectory() as name:
        done = split_table(read_table(write_labels(Path(name), rows)), share=share, seed=seed)
    dev = Counter(row["region"] for row in done if row["split"] == "dev")
    assert abs(dev.total() - share * len(rows)) <= 0.5 + 1e-6
    for r, size in enumerate(sizes):
        assert abs(dev[f"R{r}"] - share * size) <= 1 + 1e-6


def test_a_text_counts_to_the_region_where_it_is_commonest() -> None:
    texts = [{"plate_text": "A1", "region": region} for region in ("DE", "KR", "KR")]
    (plate,) = count_plates(texts)
    assert (plate.region, plate.rows) == ("KR", 3)


def test_the_command_writes_a_table_that_training_takes(tmp_path: Path) -> None:
    for place in ("one", "two"):
        result = split(CROPS / "labels.csv", "-o", tmp_path / f"{place}.csv", "--dev", "0.2", "--seed", "3")
        assert result.exit_code == 0, result.output
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    other = split(CROPS / "labels.csv", "-o", tmp_path / "new" / "three.csv", "--dev", "0.2", "--seed", "4")
    assert other.exit_code == 0
    assert (tmp_path / "one.csv").read_bytes() != (tmp_path / "new" / "three.csv").read_bytes()
    dev, train = (read_labels(tmp_path / "one.csv", [name]) for name in ("dev", "train"))
    assert (len(dev), len(train)) == (8, 32)
    # The table lies elsewhere, and still finds its pictures.
    assert all(label.path.is_file() for label in dev + train)
    assert "the column split that was there is replaced" in result.output


def test_paths_hold_behind_a_link_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    link = tmp_path / "link"
    try:
        os.symlink(tmp_path / "deep" / "er", link)
    except OSError:
        pytest.skip("this system makes no links")
    shutil.copytree(CROPS, tmp_path / "crops")
    assert split(tmp_path / "crops" / "labels.csv", "-o", link / "out.csv").exit_code == 0
    assert all(label.path.is_file() for label in read_labels(link / "out.csv"))


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    table = write_labels(
        tmp_path, [(f"{i}.jpg", f"A{i}", f"note {i}") for i in range(10)], "image_path,plate_text,note"
    )
    before = table.read_bytes()
    refused = split(table, "-o", table)
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert table.read_bytes() == before
    assert split(table, "-o", table, "--force").exit_code == 0
    rows = rows_of(table)
    assert [row["note"] for row in rows] == [f"note {i}" for i in range(10)], "other columns stay"
    assert {row["split"] for row in rows} == {"train", "dev"}
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"], "no leftovers"


def test_rows_that_would_lose_something_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("image_path,plate_text\na.jpg,A1\nb.jpg,B,2\n", encoding="utf-8")
    result = split(table, "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert "labels.csv:3" in result.output
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("share", ["0", "1", "2", "x"])
def test_a_share_lies_between_nothing_and_all(share: str, tmp_path: Path) -> None:
    assert split(CROPS / "labels.csv", "-o", tmp_path / "out.csv", "--dev", share).exit_code == 2
