"""Texts that are needed a second time, in a temporary file: a million reviews would fill memory."""

from __future__ import annotations

import io
import tempfile
from array import array
from collections.abc import Iterator

import numpy as np
import zstandard

from pipeline.reviews.ragged import Offsets


class PackedTexts:
    """Takes texts one after the other; iterating gives them back in that order, as often as is wanted.

    The file has no name and is gone with the object.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is as long as the object is
        self._writer = zstandard.ZstdCompressor(level=1).stream_writer(self._file, closefd=False)
        self._bytes, self._characters = array("q"), array("q")

    def add(self, text: str) -> None:
        """Takes the next text, which must be whole characters; not after the first iteration."""
        encoded = text.encode()
        self._writer.write(encoded)
        self._bytes.append(len(encoded))
        self._characters.append(len(text))

    @property
    def lengths(self) -> Offsets:
        """Characters of each text: int64 (num_texts,)."""
        return np.array(self._characters, np.int64)

    def __iter__(self) -> Iterator[str]:
        self._writer.close()  # type: ignore[no-untyped-call]
        self._file.seek(0)
        unpacked = zstandard.ZstdDecompressor().stream_reader(self._file, closefd=False)
        with io.BufferedReader(unpacked, 1 << 20) as file:
            for count in self._bytes:
                yield file.read(count).decode()
