from __future__ import annotations

import hashlib

import numpy as np

from pipeline.reviews.splitting import chosen_by, held_back, hold_back, split_reviews
from texts import reviews_of

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


TWO = {"label_names": ("negative", "positive")}
PLENTY = reviews_of([[10 + row] for row in range(400)], [row % 2 for row in range(400)])
FEW = reviews_of([[5], [6]], [0, 1])


def test_no_run_trains_on_or_chooses_by_what_another_holds_back() -> None:
    """Whatever the seed, and where one run validates on fewer reviews than the other, too."""
    held = []
    for fraction, seed in ((0.2, 0), (0.2, 1), (0.4, 2)):
        splits, _ = split_reviews({"train": PLENTY, "test": FEW}, fraction, 0.25, seed, **TWO)
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
    validation = split_reviews(raw, 0.2, 0.25, seed=0, **TWO)[0]["validation"]
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
