"""Texts encoded as they are read, against the vocabulary that is made of all of them at once."""

from collections import Counter

import numpy as np
import pytest

from pipeline.reviews import encoding
from pipeline.reviews.encoding import Encoder
from pipeline.reviews.tokenizing import learn_subwords, nfkc_1


@pytest.mark.parametrize("tokens", ["words", "characters", "subwords"])
def test_ids_are_of_a_vocabulary_of_the_training_texts(tokens: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test texts come between training texts, so that words are first met in either."""
    for name, size in (("_CHUNK", 7), ("_ROWS", 5), ("_BATCH", 6)):
        monkeypatch.setattr(encoding, name, size)
    random = np.random.default_rng(0)
    words = ["film", "plot", "gut", "schön", "über", "bad", "na\u0308iv", "dull", "it's", "the", "end"]
    texts = [" ".join(random.choice(words, 6)) for _ in range(40)]
    texts[10], texts[12], texts[13] = "", "unheard\nof", "Unheard,\u2028(of)!"
    test = np.arange(12, 40, 4)
    train = np.setdiff1d(np.arange(1, 40), [10, 13, *test])
    rows = {"train": train, "test": test, "validation": np.array([13])}
    encoder = Encoder(tokens, 60)
    for text in texts:
        encoder.add(text)
    vocabulary, reviews, unknown = encoder.splits(rows, np.zeros(len(texts), np.int8))
    ranked = Counter(word for row in train for word in vocabulary.split(texts[row]))
    assert vocabulary.words == tuple(word for word, _ in ranked.most_common())
    if tokens == "subwords":
        assert vocabulary.tokenizer == learn_subwords([nfkc_1(texts[row]) for row in train], 60)
    for name, chosen in rows.items():
        part = reviews[name]
        found = [part.review(row).tolist() for row in range(len(part))]
        assert found == [vocabulary.encode(texts[row]) for row in chosen]
        assert set(unknown[name]) == {row for row in range(len(part)) if 2 in part.review(row)}
    if tokens == "words":
        assert unknown["test"][0] == unknown["validation"][0]
