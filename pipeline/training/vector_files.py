"""Word vectors from a file, as GloVe, word2vec and fastText publish them: what the embedding starts from.

Text is read line by line, and of it the words of the vocabulary are kept: GloVe's lines have no header, its
largest file has words with blanks in them, and a file of millions of words would fill memory. gensim reads
word2vec's binary form. Nothing is unpickled.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.params import Params
from pipeline.reviews.sources.encodings import open_bytes
from pipeline.reviews.vocabulary import INDEX_FROM
from pipeline.runtime.errors import UserError

_HEADER = re.compile(rb"(\d+) (\d+)\s*\n")
_FASTTEXT_MODEL, _PICKLE, _ZIP = b"\xba\x16\x4f\x2f", b"\x80", b"PK"
_LOOKED_AT = 20  # lines, for the dimension


def check_vectors(params: Params) -> None:
    """Checks that ``vectors.path`` has vectors of ``model.embedding_dim``, by its beginning.

    Raises:
        UserError: if it hasn't, there is no such file, or it is none of word vectors.
    """
    if "vectors.path" in params.tune.search_space:
        raise UserError("tune.search_space.vectors.path: one file has all trials' vectors: set vectors.path")
    if params.vectors.path is None:
        return
    dimension, _ = _form_of(Path(params.vectors.path))
    if others := [tried for tried in params.tried_values("model.embedding_dim") if tried != dimension]:
        raise UserError(
            f"vectors.path: the vectors of {params.vectors.path} have {dimension} dimensions, but "
            f"model.embedding_dim is {others[0]}: set it to {dimension}"
        )


def read_vectors(params: Params, words: Sequence[str]) -> tuple[np.ndarray, float]:
    """The vectors of ``vectors.path`` for the words that have an id, and the share of words that it has.

    A word that the file has in capitals only has that one's vector. Those found are scaled, so that their
    values have the standard deviation ``vectors.deviation``, as vectors of one's own have; float32
    (vocab_size, embedding_dim), with zeros for a word that the file lacks.

    Args:
        params: ``vectors``, ``model.embedding_dim`` and ``pad.vocab_size`` are read.
        words: by rank, the most frequent first.

    Raises:
        UserError: as :func:`check_vectors`, or for a line without the numbers, or if no word is found.
    """
    check_vectors(params)
    path = Path(str(params.vectors.path))
    known = words[: params.pad.vocab_size - INDEX_FROM - 1]
    ids = {word: rank + INDEX_FROM for rank, word in enumerate(known, start=1)}
    vectors = np.zeros((params.pad.vocab_size, params.model.embedding_dim), np.float32)
    is_own = np.zeros(len(vectors), bool)
    dimension, is_binary = _form_of(path)
    for word, values in _binary_vectors(path) if is_binary else _text_vectors(path, dimension, ids):
        number = ids.get(word) or ids.get(word.lower())
        if number and not is_own[number] and (word in ids or not vectors[number].any()):
            vectors[number], is_own[number] = values, word in ids
    found = vectors.any(1)
    if not found.any():
        raise UserError(f"vectors.path: {path} has no word of the vocabulary: is it of another language?")
    vectors *= np.float32(params.vectors.deviation / max(float(vectors[found].std()), 1e-12))
    return vectors, float(found.sum() / max(len(ids), 1))


def _form_of(path: Path) -> tuple[int, bool]:
    """The dimension, and whether numbers are bytes and not text."""
    if not path.is_file():
        raise UserError(f"vectors.path: there is no file {path}; correct the path")
    with open_bytes(path) as file:
        lines = [line for line in (file.readline(1 << 20) for _ in range(_LOOKED_AT)) if line.strip()]
    first = lines[0] if lines else b""
    if first.startswith((_FASTTEXT_MODEL, _PICKLE)):
        kind = "a fastText model" if first.startswith(_FASTTEXT_MODEL) else "a pickle, which is never loaded"
        raise UserError(f"vectors.path: {path} is {kind}: give a .vec or .txt file, or word2vec's .bin")
    if first.startswith(_ZIP):
        raise UserError(f"vectors.path: {path} is a zip archive: unpack it, and name one of its files")
    if header := _HEADER.fullmatch(first):
        dimension = int(header[2])
        return dimension, not all(_numbers(line, dimension) for line in lines[1:2])
    # A word with blanks in it makes a line longer.
    dimension = Counter(len(line.split()) - 1 for line in lines).most_common(1)[0][0] if lines else 0
    if dimension < 1 or _numbers(first, dimension) is None:
        raise UserError(
            f"vectors.path: {path} holds no word vectors: a line must be a word and its numbers, as in the "
            "files of GloVe, word2vec and fastText (.vec)"
        )
    return dimension, False


def _numbers(line: bytes, dimension: int) -> list[float] | None:
    """The numbers that end a line; None if there are others, or nothing before them."""
    word, *values = line.rsplit(None, dimension) or [b""]
    try:
        return [float(value) for value in values] if word and len(values) == dimension else None
    except ValueError:
        return None


def _text_vectors(path: Path, dimension: int, wanted: dict[str, int]) -> Iterator[tuple[str, list[float]]]:
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            if number == 1 and _HEADER.fullmatch(line):
                continue
            word = line.rsplit(None, dimension)[0].decode(errors="replace") if line.strip() else ""
            if word not in wanted and word.lower() not in wanted:
                continue
            if (values := _numbers(line, dimension)) is None:
                raise UserError(
                    f"vectors.path: {path}, line {number}: no {dimension} numbers follow {word!r}"
                )
            yield word, values


def _binary_vectors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    from gensim.models import KeyedVectors  # noqa: PLC0415 - a second to import, and only here

    try:
        vectors = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    except (EOFError, ValueError, OSError) as error:
        raise UserError(f"vectors.path: {path} can't be read as word2vec's binary form: {error}") from None
    yield from zip(vectors.index_to_key, vectors.vectors, strict=True)
