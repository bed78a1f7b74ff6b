"""Two models on the same crops."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.evaluation.evaluate import Read
from plate_ocr.evaluation.paired import compare_by_split, mcnemar, p_text
from plate_ocr.labels import Label


@pytest.mark.parametrize(
    ("only_one", "only_other", "p"),
    [
        (0, 0, 1.0),
        (3, 3, 1.0),
        # Sums of binomial coefficients over powers of two.
        (0, 5, 2 / 32),
        (1, 9, 2 * (1 + 10) / 1024),
        (10, 2, 2 * (1 + 12 + 66) / 4096),
    ],
)
def test_mcnemars_exact_test_of_worked_examples(only_one: int, only_other: int, p: float) -> None:
    assert mcnemar(only_one, only_other) == pytest.approx(p)


def test_thousands_of_crops_are_no_trouble() -> None:
    assert 0 <= mcnemar(100, 3000) < 1e-100
    assert mcnemar(1500, 1520) == pytest.approx(0.73, abs=0.01)


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_test_does_not_know_which_model_is_which_and_minds_differences(a: int, b: int) -> None:
    p = mcnemar(a, b)
    assert p == mcnemar(b, a)
    assert 0 < p <= 1
    if abs(a - b) > 1:
        assert mcnemar(a, b + (1 if b > a else -1)) != p


TEXTS = st.lists(st.tuples(*[st.sampled_from(["A", "B"])] * 3, st.sampled_from(["dev", "far"])), min_size=1)


@given(TEXTS)
def test_counts_agree_with_the_scores_and_no_crop_is_lost(rows: list[tuple[str, str, str, str]]) -> None:
    labels = [Label(Path(f"{i}.jpg"), truth, "KR", split) for i, (truth, _, _, split) in enumerate(rows)]
    one = [Read(label, row[1], 0.5) for label, row in zip(labels, rows, strict=True)]
    other = [Read(label, row[2], 0.5) for label, row in zip(labels, rows, strict=True)]
    comparisons = compare_by_split(one, other)
    assert sum(len(c.pairs) for c in comparisons) == len(rows)
    for comparison in comparisons:
        overall = comparison.overall
        n = overall.one.plates
        assert overall.difference * n == pytest.approx(overall.only_one - overall.only_other)
        assert (len(comparison.only_one), len(comparison.only_other)) == (overall.only_one, overall.only_other)
        assert all(pair.one.right and not pair.other.right for pair in comparison.only_one)
        assert comparison.by_region == {"KR": overall}


def test_reads_of_other_crops_cannot_be_compared() -> None:
    a, b = (Read(Label(Path(name), "A"), "A", 1.0) for name in ("a.jpg", "b.jpg"))
    with pytest.raises(ValueError, match="same crops"):
        compare_by_split([a], [b])
    with pytest.raises(ValueError, match="same crops"):
        compare_by_split([a], [])


def test_no_p_value_is_said_to_be_zero() -> None:
    assert p_text(0.0004) == "< 0.001"
    assert p_text(0.0341) == "= 0.034"
