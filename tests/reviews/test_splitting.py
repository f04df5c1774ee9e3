"""Train, validation and test."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.reviews.ragged import Reviews
from pipeline.reviews.splitting import Split, draw_stratified, split_reviews
from texts import reviews_of


def reviews(*texts: tuple[list[int], int]) -> Reviews:
    return reviews_of([tokens for tokens, _ in texts], [label for _, label in texts])


def many(count: int, first: int = 10) -> Reviews:
    """``count`` different reviews, every third positive."""
    return reviews(*(([first + row, 4], int(row % 3 == 0)) for row in range(count)))


def split(raw: dict[str, Reviews], fraction: float, seed: int) -> tuple[dict[str, Split], dict[str, int]]:
    return split_reviews(raw, fraction, 0.25, seed, label_names=("negative", "positive"))


def test_each_label_keeps_its_share_and_the_draw_is_the_seeds() -> None:
    labels = np.array([0] * 70 + [1] * 30, np.int8)
    rows, again, other = (draw_stratified(labels, 0.2, seed) for seed in (1, 1, 2))
    assert np.bincount(labels[rows]).tolist() == [14, 6]
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(("fraction", "drawn"), [(0.01, 1), (0.99, 2)])
def test_each_side_gets_a_review_of_each_label(fraction: float, drawn: int) -> None:
    labels = np.array([0, 0, 0, 1, 1, 1], np.int8)
    assert np.bincount(labels[draw_stratified(labels, fraction, seed=0)]).tolist() == [drawn, drawn]


def test_a_label_that_cannot_be_split_is_named() -> None:
    labels = np.array([0, 0, 1], np.int8)
    with pytest.raises(ValueError, match="the class 'rare' has 1 row to split, but needs 2 or more, or 4"):
        draw_stratified(labels, 0.5, seed=0, names=("common", "rare"))


def test_validation_is_drawn_from_the_training_reviews_and_rows_find_a_review() -> None:
    raw = {"train": many(30), "test": many(6, first=100)}
    splits, duplicates = split(raw, 0.2, seed=3)
    assert [splits[name].source for name in ("train", "validation", "test")] == ["train", "train", "test"]
    together = np.concatenate([splits["train"].rows, splits["validation"].rows])
    assert sorted(together.tolist()) == list(range(30))
    assert np.bincount(splits["validation"].reviews.labels).tolist() == [4, 2]
    assert splits["test"].rows.tolist() == list(range(6))
    assert set(duplicates.values()) == {0}
    for part in splits.values():
        in_raw = raw[part.source].select(part.rows)
        assert part.reviews.keys() == in_raw.keys()
        assert part.reviews.labels.tolist() == in_raw.labels.tolist()


def test_a_review_in_two_splits_stays_on_the_judging_side() -> None:
    """4 is in all three, 5 in train and validation (labels differ), 6 in validation and test."""
    raw = {
        "train": reviews(([4], 0), ([5], 1), ([7, 7], 0), ([7], 1), ([5], 0)),
        "validation": reviews(([4], 0), ([5], 0), ([6], 1), ([8], 1)),
        "test": reviews(([4], 0), ([6], 1), ([9], 1)),
    }
    splits, duplicates = split(raw, 0.5, seed=0)
    rows = {name: part.rows.tolist() for name, part in splits.items()}
    assert rows == {"train": [2, 3], "validation": [1, 3], "test": [0, 1, 2]}
    assert duplicates == {"train_in_test": 1, "train_in_validation": 2, "validation_in_test": 2}
    assert splits["validation"].source == "validation"


def test_copies_of_a_drawn_validation_review_leave_training() -> None:
    """Four copies each of two reviews: whichever copy is drawn, the others may not be trained on."""
    raw = {
        "train": reviews(*[([4], 0)] * 4, *[([5], 1)] * 4, ([6], 0), ([7], 1), ([8], 0), ([9], 1)),
        "test": reviews(([10], 0), ([11], 1)),
    }
    for seed in range(5):
        splits, duplicates = split(raw, 0.4, seed)
        assert not set(splits["train"].reviews.keys()) & set(splits["validation"].reviews.keys())
        kept = len(splits["train"].rows) + len(splits["validation"].rows)
        assert kept + duplicates["train_in_validation"] == 12


def test_a_split_left_with_one_label_is_named() -> None:
    raw = {
        "train": reviews(([4], 0), ([5], 1), ([6], 1)),
        "validation": reviews(([4], 0), ([7], 1)),
        "test": reviews(([8], 0), ([9], 1)),
    }
    with pytest.raises(ValueError, match=r"train split holds no review labelled negative among its 2"):
        split(raw, 0.5, seed=0)
