"""Words and their ids, in the convention of ``keras.datasets.imdb``.

The id of the word of rank r (1 is the most frequent of the training reviews) is r + 3; 0 pads, 1 starts a
review and 2 stands for a word that is not in the vocabulary. Text is cut into words as Keras' Tokenizer
does by default; where ``data.tokens`` says so, characters or subwords take the place of words. Training data
and served text go through the same :meth:`Vocabulary.encode`, which brings them into one form first (both:
``pipeline.reviews.tokenizing``).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pipeline.reviews.tokenizing import (
    NORMALIZATION,
    SUBWORD_PACKAGE,
    SUBWORDS,
    WORDS,
    Tokenizer,
    nfkc_1,
    spaced_words,
    split_words,
)
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json, write_json

PAD_ID, START_ID, OOV_ID = 0, 1, 2
INDEX_FROM = 3  # the id of rank r is r + INDEX_FROM, so the first word's id is INDEX_FROM + 1
OOV_WORD = "[OOV]"


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their rank: ``words[0]`` is the most frequent and has id 4.

    Attributes:
        words: all different.
        tokenizer: what cuts them; what it gives is called words here, whatever it is.

    Raises:
        ValueError: if a word stands twice.
    """

    words: tuple[str, ...]
    tokenizer: Tokenizer = field(default_factory=Tokenizer)

    def __post_init__(self) -> None:
        if len(self._ids) < len(self.words):
            word, count = Counter(self.words).most_common(1)[0]
            raise ValueError(f"a vocabulary's words must differ, but {word!r} stands {count} times in it")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: rank + INDEX_FROM for rank, word in enumerate(self.words, start=1)}

    @property
    def packages(self) -> tuple[str, ...]:
        """What :meth:`split` needs besides Python."""
        return (SUBWORD_PACKAGE,) if self.tokenizer.kind == SUBWORDS else ()

    def split(self, text: str) -> list[str]:
        """The words of ``text``, known or not, one for each id of :meth:`encode`."""
        if self.tokenizer.kind == WORDS and text.isascii():
            return spaced_words(text).split()
        return self.tokenizer.split(nfkc_1(text))

    def encode(self, text: str) -> list[int]:
        """Ids of the words of ``text``, without START_ID and for an unlimited ``vocab_size``.

        A word that the vocabulary lacks becomes OOV_ID. (Keras' imdb.npz was made without such a word's
        place: there, words that no training review has were left out of the test reviews.)
        """
        return self.ids(self.split(text))

    def ids(self, words: Iterable[str]) -> list[int]:
        """The id of each word as :meth:`split` gives it."""
        return [self._ids.get(word, OOV_ID) for word in words]

    def encode_as_keras(self, text: str) -> list[int]:
        """The ids that Keras' imdb.npz has for ``text``: as typed, without words that are not known."""
        return [self._ids[word] for word in split_words(text) if word in self._ids]

    def words_of(self, token_ids: Iterable[int]) -> list[str]:
        """The word of each id; PAD_ID and START_ID are left out, OOV_ID is [OOV].

        Raises:
            ValueError: for an id that is negative or beyond the last word's.
        """
        words = []
        for token_id in token_ids:
            rank = int(token_id) - INDEX_FROM
            if 1 <= rank <= len(self.words):
                words.append(self.words[rank - 1])
            elif token_id == OOV_ID:
                words.append(OOV_WORD)
            elif token_id not in (PAD_ID, START_ID):
                raise ValueError(f"token id {token_id} is no word of this vocabulary of {len(self)} words")
        return words

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of :meth:`words_of`."""
        return self.tokenizer.between.join(self.words_of(token_ids)).strip()

    def first(self, count: int) -> Vocabulary:
        """The ``count`` most frequent words."""
        return replace(self, words=self.words[:count])

    def save(self, path: Path) -> None:
        """Writes JSON: the normalization, the tokenizer where it isn't of words, and the words by rank."""
        tokenizer = {} if self.tokenizer.kind == WORDS else {"tokens": self.tokenizer.kind}
        if self.tokenizer.model:
            tokenizer["subwords"] = b64encode(self.tokenizer.model).decode("ascii")
        write_json(path, {"normalization": NORMALIZATION, **tokenizer, "words": self.words})

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads what :meth:`save` wrote.

        Raises:
            UserError: if the file is no such JSON, or of a normalization or tokens that this code hasn't.
        """
        content = read_json(path)
        words = content.get("words") if isinstance(content, dict) else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(f"{path} must hold a JSON list of words; make it again: dvc repro -f download")
        try:
            model = b64decode(content.get("subwords", ""), validate=True)
        except (TypeError, ValueError):
            raise UserError(
                f"{path}: its subwords are no base64; make it again: dvc repro -f download"
            ) from None
        if (made_with := content.get("normalization")) != NORMALIZATION:
            raise UserError(
                f"{path} was made with the normalization {made_with!r}, but this code has only "
                f"{NORMALIZATION}: use the pipeline's version that made it, or a later one"
            )
        return cls(tuple(words), Tokenizer(content.get("tokens", WORDS), model))
