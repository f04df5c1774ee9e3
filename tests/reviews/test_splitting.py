"""Train, validation and test, and what no choice sees."""

import hashlib

import numpy as np
import pytest

from pipeline.reviews.ragged import Reviews
from pipeline.reviews.splitting import (
    DrawnSplit,
    chosen_by,
    draw_stratified,
    held_back,
    hold_back,
    split_reviews,
)
from texts import reviews_of


def reviews(*texts: tuple[list[int], int]) -> Reviews:
    return reviews_of([tokens for tokens, _ in texts], [label for _, label in texts])


def many(count: int, first: int = 10) -> Reviews:
    """``count`` different reviews, every third positive."""
    return reviews(*(([first + row, 4], int(row % 3 == 0)) for row in range(count)))


def split(
    raw: dict[str, Reviews], fraction: float, seed: int
) -> tuple[dict[str, DrawnSplit], dict[str, int]]:
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


KEYS = [f"review {number}".encode() for number in range(100)]
LABELS = np.array([0] * 60 + [1] * 40, np.int8)


def test_each_label_gives_the_reviews_of_smallest_hash() -> None:
    hashes = [hashlib.blake2b(key, digest_size=7).digest() for key in KEYS]
    first, second = (sorted(rows, key=hashes.__getitem__) for rows in (range(60), range(60, 100)))
    assert hold_back(KEYS, LABELS, 0.2).tolist() == sorted(first[:12] + second[:8])


def test_other_reviews_beside_them_or_another_order_change_little_or_nothing() -> None:
    whole = {KEYS[row] for row in hold_back(KEYS, LABELS, 0.2)}
    order = np.random.default_rng(0).permutation(100)
    assert {KEYS[order[row]] for row in hold_back([KEYS[row] for row in order], LABELS[order], 0.2)} == whole
    assert len({KEYS[row] for row in hold_back(KEYS[:95], LABELS[:95], 0.2)} ^ whole) <= 5


def test_the_same_tokens_are_held_back_together_whatever_their_labels() -> None:
    first = int(hold_back(KEYS, LABELS, 0.02)[0])
    keys, labels = [*KEYS, KEYS[first]], np.append(LABELS, 1 - LABELS[first]).astype(np.int8)
    assert {first, 100} <= set(hold_back(keys, labels, 0.02).tolist())


def test_few_reviews_are_left_to_choose_by() -> None:
    assert hold_back(KEYS[:4], np.array([0, 0, 1, 1], np.int8), 0.9).tolist() == []
    assert len(hold_back(KEYS[:6], np.array([0, 0, 0, 1, 1, 1], np.int8), 0.9)) == 2


PLENTY = reviews_of([[10 + row] for row in range(400)], [row % 2 for row in range(400)])
FEW = reviews_of([[5], [6]], [0, 1])


def test_no_run_trains_on_or_chooses_by_what_another_holds_back() -> None:
    """Whatever the seed, and where one run validates on fewer reviews than the other, too."""
    held = []
    for fraction, seed in ((0.2, 0), (0.2, 1), (0.4, 2)):
        splits, _ = split({"train": PLENTY, "test": FEW}, fraction, seed)
        validation = splits["validation"]
        assert len(validation.rows) == fraction * 400
        held.append(set(validation.rows[validation.held_back].tolist()))
        seen = set(splits["train"].rows.tolist()) | set(validation.rows[~validation.held_back].tolist())
        assert not seen & held[-1]
        assert not splits["train"].held_back.any()
    assert held[0] == held[1]
    assert len(held[0]) == 20
    assert held[0] < held[2]


def test_a_given_validation_split_is_held_back_from_as_well() -> None:
    raw = {"train": FEW, "validation": PLENTY.select(np.arange(40)), "test": reviews_of([[7], [8]], [0, 1])}
    validation = split(raw, 0.2, seed=0)[0]["validation"]
    assert len(validation.rows) == 40
    assert np.bincount(validation.reviews.labels[validation.held_back]).tolist() == [5, 5]


def test_the_two_parts_share_nothing_and_keep_whole_reviews_together() -> None:
    validation = {
        "rows": np.array([3, 5, 8]),
        "token_ids": np.array([[1], [2], [3]]),
        "held_back": np.array([False, True, False]),
        "tokens": np.array([4, 4, 5, 6, 6, 6], np.int32),
        "offsets": np.array([0, 2, 3, 6]),
    }
    chosen, held = chosen_by(validation), held_back(validation)
    assert (chosen["rows"].tolist(), held["rows"].tolist()) == ([3, 8], [5])
    assert chosen["token_ids"].tolist() == [[1], [3]]
    assert (chosen["tokens"].tolist(), chosen["offsets"].tolist()) == ([4, 4, 6, 6, 6], [0, 2, 5])
    assert (held["tokens"].tolist(), held["offsets"].tolist()) == ([5], [0, 1])
