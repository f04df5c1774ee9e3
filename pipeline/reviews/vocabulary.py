"""Words and their ids, in the convention of ``keras.datasets.imdb``.

The id of the word of rank r (1 is the most frequent of the training reviews) is r + 3; 0 pads, 1 starts a
review and 2 stands for a word that is not in the vocabulary. Text is cut into words as Keras' Tokenizer
does by default. Training data and served text go through the same :meth:`Vocabulary.encode`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from pipeline.runtime.files import read_json, write_json

PAD_ID, START_ID, OOV_ID = 0, 1, 2
INDEX_FROM = 3  # the id of rank r is r + INDEX_FROM, so the first word's id is INDEX_FROM + 1
OOV_WORD = "[OOV]"

# Only the space separates words in Keras: a no-break space or "\x85" stays part of its word.
_FILTERS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


def split_words(text: str) -> list[str]:
    """Lower-case words of ``text``, punctuation left out.

    >>> split_words("It's GREAT, isn't it?")
    ["it's", 'great', "isn't", 'it']
    """
    return [word for word in text.lower().translate(_FILTERS).split(" ") if word]


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their rank: ``words[0]`` is the most frequent and has id 4.

    Raises:
        ValueError: if a word stands twice.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self._ids) < len(self.words):
            word, count = Counter(self.words).most_common(1)[0]
            raise ValueError(f"a vocabulary's words must differ, but {word!r} stands {count} times in it")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: rank + INDEX_FROM for rank, word in enumerate(self.words, start=1)}

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """Ranks the words of the training texts by count; of equal counts the one seen first goes first."""
        counts = Counter(chain.from_iterable(map(split_words, texts)))
        return cls(tuple(word for word, _ in counts.most_common()))

    def encode(self, text: str) -> list[int]:
        """Ids of the words of ``text``, without START_ID and for an unlimited ``vocab_size``.

        A word that the vocabulary lacks becomes OOV_ID. (Keras' imdb.npz was made without such a word's
        place: there, words that no training review has were left out of the test reviews.)
        """
        return [self._ids.get(word, OOV_ID) for word in split_words(text)]

    def decode(self, token_ids: Iterable[int]) -> str:
        """Words of ``token_ids`` with spaces between; PAD_ID and START_ID are left out, OOV_ID is [OOV].

        Raises:
            ValueError: for an id that is negative or beyond the last word's.
        """
        return " ".join(self._word(int(i)) for i in token_ids if i not in (PAD_ID, START_ID))

    def _word(self, token_id: int) -> str:
        if token_id == OOV_ID:
            return OOV_WORD
        rank = token_id - INDEX_FROM
        if not 1 <= rank <= len(self.words):
            raise ValueError(f"token id {token_id} is no word of this vocabulary of {len(self.words)} words")
        return self.words[rank - 1]

    def save(self, path: Path) -> None:
        """Writes the words as a JSON list in the order of their rank."""
        write_json(path, self.words)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads what :meth:`save` wrote.

        Raises:
            ValueError: if the file is not a JSON list of different words.
        """
        words = read_json(path)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{path} must hold a JSON list of words; make it again: dvc repro -f download")
        return cls(tuple(words))
