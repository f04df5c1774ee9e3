"""Reviews and vocabularies of a few texts."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.reviews.encoding import Encoder
from pipeline.reviews.ragged import Reviews, flatten
from pipeline.reviews.vocabulary import Vocabulary


def reviews_of(sequences: Iterable[Sequence[int]], labels: Iterable[int]) -> Reviews:
    """Reviews from the token ids of each, and their labels."""
    return Reviews(*flatten(sequences), np.fromiter(labels, np.int8))


def vocabulary_of(texts: Sequence[str], tokens: str = "words", subwords: int = 60) -> Vocabulary:
    """That of training texts."""
    encoder = Encoder(tokens, subwords)
    for text in texts:
        encoder.add(text)
    rows = np.arange(len(texts))
    return encoder.splits({"train": rows}, np.zeros(len(texts), np.int8))[0]
