"""Texts to token ids as they are read, so that none need be kept: a million reviews fill memory as ids only.

A word's rank, and so its id, is known after the last training review. Until then words have numbers in the
order in which they first came, whatever split they came in; the numbers are then replaced by ids.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import TextIO

import numpy as np
import pyarrow
import pyarrow.compute

from pipeline.reviews.ragged import Labels, Reviews, Rows, offsets_of
from pipeline.reviews.splitting import TRAIN
from pipeline.reviews.tokenizing import SUBWORDS, WORDS, Tokenizer, learn_subwords, nfkc_1, spaced_words
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID, Vocabulary

_BATCH = 2_000  # texts that are cut together
_ROWS = 10_000  # reviews at a time
_LEARNT_FROM = 20_000_000  # characters: more cost minutes and memory, and change few subwords
_CHUNK = 1 << 22  # tokens at a time, where arrays of that many would else lie beside the tokens


class Encoder:
    """Takes texts one after the other; :meth:`splits` then gives the reviews.

    Args:
        tokens: ``data.tokens``.
        subwords: ``data.subwords``. These are learnt on training texts, so texts wait in a temporary file.
    """

    def __init__(self, tokens: str, subwords: int) -> None:
        self._subwords = subwords
        self._file: TextIO | None = None  # a line of JSON a text; it has no name and goes with the object
        if tokens == SUBWORDS:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - as long as the object
        self._characters = array("q")  # of each text in the file
        # That of subwords is learnt in the end.
        self._vocabulary = Vocabulary((), tokenizer=Tokenizer(tokens))
        self._numbers: defaultdict[str, int] = defaultdict(count().__next__)
        self._waiting: list[str] = []  # texts that are not cut yet
        self._tokens, self._lengths = array("i"), array("q")

    def add(self, text: str) -> None:
        """Takes the next text, of whole characters; "" where a row holds none."""
        if self._file is not None:
            self._file.write(json.dumps(text, ensure_ascii=False) + "\n")
            self._characters.append(len(text))
        elif self._vocabulary.tokenizer.kind == WORDS:
            self._waiting.append(spaced_words(text))
            if len(self._waiting) == _BATCH:
                self._cut_waiting()
        else:
            words = self._vocabulary.split(text)
            self._tokens.extend(array("i", map(self._numbers.__getitem__, words)))
            self._lengths.append(len(words))

    def _cut_waiting(self) -> None:
        """Cuts texts of words with spaces between, and numbers the words.

        Arrow finds a batch's different words several times as fast as a dict of all words is asked for each.
        """
        lists = pyarrow.compute.split_pattern(pyarrow.array(self._waiting, pyarrow.large_string()), " ")
        coded = lists.flatten().dictionary_encode()
        # Two spaces in a row have an empty text between them, which is no word.
        numbers = [self._numbers[word] if word else -1 for word in coded.dictionary.to_pylist()]
        tokens = np.array(numbers, np.int32)[coded.indices.to_numpy()]
        is_word = tokens >= 0
        words_before = np.concatenate([[0], np.cumsum(is_word)])[lists.offsets.to_numpy()]
        self._tokens.frombytes(tokens[is_word].tobytes())
        self._lengths.frombytes(np.diff(words_before).astype(np.int64).tobytes())
        self._waiting.clear()

    def splits(
        self, rows: Mapping[str, Rows], labels: Labels
    ) -> tuple[Vocabulary, dict[str, Reviews], dict[str, dict[int, bytes]]]:
        """The reviews of each split, with the vocabulary of the training ones; to be called once.

        Args:
            rows: of the texts, in the order in which they were added, those of each split, ascending.
            labels: of the texts, int8 (num_texts,); that of one in no split is not read.

        Returns:
            The vocabulary: words by count, of equal counts the one first that comes first in the training
            reviews; the reviews, as its ``encode`` gives them; and, by split, a key for each row with a word
            that the vocabulary lacks, equal for the same words.

        Raises:
            UserError: if subwords are asked for, so few of which can't spell the training texts.
        """
        if self._file is not None:
            self._learn(self._file, rows[TRAIN])
        if self._waiting:
            self._cut_waiting()
        flat, lengths = np.frombuffer(self._tokens, np.int32), np.frombuffer(self._lengths, np.int64)
        parts = {
            name: _gather(flat, lengths, chosen, np.empty(int(lengths[chosen].sum()), np.int32))
            for name, chosen in rows.items()
            if name != TRAIN
        }
        # Most tokens are the training reviews', and take no second place: they move to the front.
        parts[TRAIN] = _gather(flat, lengths, rows[TRAIN], flat)
        ids, words = _rank(parts[TRAIN], list(self._numbers))
        reviews, unknown = {}, {}
        for name in rows:
            part = parts[name]
            of_part = offsets_of(lengths[rows[name]])
            unknown[name] = {} if name == TRAIN else _keys_of_unknown(part, of_part, ids)
            for start in range(0, len(part), _CHUNK):
                part[start : start + _CHUNK] = ids[part[start : start + _CHUNK]]
            reviews[name] = Reviews(part, of_part, labels[rows[name]])
        return replace(self._vocabulary, words=words), reviews, unknown

    def _learn(self, file: TextIO, training: Rows) -> None:
        """Learns subwords and cuts the texts that wait in the file into them."""
        lengths = np.array(self._characters, np.int64)
        is_read = np.zeros(len(lengths), bool)
        is_read[training[:: max(math.ceil(lengths[training].sum() / _LEARNT_FROM), 1)]] = True
        file.seek(0)
        lines = zip(file, is_read.tolist(), strict=True)
        read = [nfkc_1(json.loads(line)) for line, is_wanted in lines if is_wanted]
        self._vocabulary = Vocabulary((), tokenizer=learn_subwords(read, self._subwords))
        self._file = None
        file.seek(0)
        for line in file:
            self.add(json.loads(line))


def _gather(flat: np.ndarray, lengths: np.ndarray, rows: Rows, target: np.ndarray) -> np.ndarray:
    """The tokens of ``rows``, ascending, at the front of ``target``, which may be ``flat`` itself."""
    is_chosen = np.zeros(len(lengths), bool)
    is_chosen[rows] = True
    offsets, end = offsets_of(lengths), 0
    for start in range(0, len(lengths), _ROWS):
        chunk = slice(start, start + _ROWS)
        tokens = flat[offsets[start] : offsets[min(start + _ROWS, len(lengths))]]
        chosen = tokens[np.repeat(is_chosen[chunk], lengths[chunk])]
        target[end : end + len(chosen)] = chosen
        end += len(chosen)
    return target[:end]


def _rank(tokens: np.ndarray, words: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The id of each number, int32 (num_words,), and the words that training reviews hold, by rank."""
    counts = np.zeros(len(words), np.int64)
    first = np.full(len(words), len(tokens))
    for start in reversed(range(0, len(tokens), _CHUNK)):
        chunk = tokens[start : start + _CHUNK]
        counts += np.bincount(chunk, minlength=len(words))
        # Of an index that is repeated, the last value stays.
        first[chunk[::-1]] = np.arange(start, start + len(chunk))[::-1]
    order = np.lexsort((first, -counts))[: np.count_nonzero(counts)]
    ids = np.full(len(words), OOV_ID, np.int32)
    ids[order] = np.arange(1, len(order) + 1) + INDEX_FROM
    return ids, tuple(words[number] for number in order.tolist())


def _keys_of_unknown(tokens: np.ndarray, offsets: np.ndarray, ids: np.ndarray) -> dict[int, bytes]:
    """By row, a digest of the numbers of each review that holds an unknown word."""
    is_unknown = (ids == OOV_ID)[tokens]
    places = np.flatnonzero(is_unknown)
    rows = np.unique(np.searchsorted(offsets, places, side="right") - 1).tolist()
    return {row: digest(tokens[offsets[row] : offsets[row + 1]]) for row in rows}


def digest(tokens: np.ndarray) -> bytes:
    """16 bytes that are equal for the same tokens, and by all odds for no others."""
    return hashlib.blake2b(np.ascontiguousarray(tokens).data, digest_size=16).digest()
