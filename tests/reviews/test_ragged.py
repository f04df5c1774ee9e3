"""Reviews as flat arrays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.reviews.ragged import Reviews, flatten
from pipeline.runtime.files import read_arrays, write_arrays

TOKENS = np.array([4, 5, 6, 7], np.int32)
OFFSETS = np.array([0, 2, 2, 4], np.int64)
LABELS = np.array([0, 1, 0], np.int8)
REVIEWS = Reviews(TOKENS, OFFSETS, LABELS)


def test_review_is_the_slice_between_its_offsets() -> None:
    assert [REVIEWS.review(row).tolist() for row in range(3)] == [[4, 5], [], [6, 7]]
    assert REVIEWS.lengths.tolist() == [2, 0, 2]
    assert len(REVIEWS) == 3


def test_select_keeps_the_given_order() -> None:
    selected = REVIEWS.select(np.array([2, 1, 0, 2]))
    assert selected.tokens.tolist() == [6, 7, 4, 5, 6, 7]
    assert selected.offsets.tolist() == [0, 2, 2, 4, 6]
    assert selected.labels.tolist() == [0, 1, 0, 0]
    assert len(REVIEWS.select(np.array([], np.int64))) == 0


@pytest.mark.parametrize("element", [1.0, "12", None, 2**31])
def test_flatten_refuses_all_but_whole_numbers_of_32_bits(element: object) -> None:
    with pytest.raises(ValueError, match="sequence 1 must be a list of 32-bit whole numbers"):
        flatten([[4], [5, element]])  # type: ignore[list-item]


def test_arrays_survive_a_file_without_pickle(tmp_path: Path) -> None:
    write_arrays(tmp_path / "reviews.npz", **REVIEWS.to_arrays("train"))
    arrays = read_arrays(tmp_path / "reviews.npz")
    assert sorted(arrays) == ["train_labels", "train_offsets", "train_tokens"]
    assert Reviews.from_arrays(arrays, "train").review(2).tolist() == [6, 7]
    with pytest.raises(ValueError, match="there is no array test_tokens"):
        Reviews.from_arrays(arrays, "test")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"tokens": TOKENS.astype(np.int64)}, "tokens must be a flat array of int32, but got int64"),
        ({"labels": LABELS.reshape(1, 3)}, r"labels must be a flat array of int8, .* shape \(1, 3\)"),
        ({"labels": LABELS[:2]}, "2 labels need 3 offsets, but got 4"),
        ({"offsets": np.array([0, 2, 1, 4])}, "offsets must rise from 0 to the number of tokens, 4"),
        ({"offsets": np.array([1, 2, 2, 4])}, "offsets must rise"),
        ({"offsets": np.array([0, 2, 2, 3])}, "offsets must rise"),
        ({"labels": np.array([0, 2, -1], np.int8)}, "labels must be 0 or more, but got -1"),
        ({"tokens": np.array([4, 5, 1, 7], np.int32)}, "tokens must be 2 or more, but got 1"),
    ],
)
def test_arrays_that_are_no_reviews_are_refused(fault: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(REVIEWS, **fault)
