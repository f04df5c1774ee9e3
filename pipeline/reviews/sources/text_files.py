"""Reviews that are a file each, in a folder named after their label: ``train/pos/0_9.txt``.

It is the form of the Large Movie Review Dataset, of NLTK's movie reviews, and of what scikit-learn's
``load_files`` and Keras' ``text_dataset_from_directory`` read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.reviews.sources.dialects import AUTO, SAMPLE_BYTES, fitting_encoding, mark_of, whole_lines
from pipeline.reviews.splitting import SPLITS
from pipeline.runtime.errors import UserError

SUFFIX = ".txt"
UTF8 = "utf-8"


def text_files(folder: Path) -> list[Path]:
    """The folder's texts by name: those in a folder of a label, or, if there are none, all of them."""
    every = sorted(each for each in folder.rglob(f"*{SUFFIX}") if each.is_file())
    return [each for each in every if _is_of_label(each, folder)] or every


def encoding_of(files: Sequence[Path], wanted: str = AUTO) -> str:
    """UTF-8 if all files are, else the encoding that fits those that are not, which are judged together.

    Raises:
        UserError: if two encodings fit them, or none does.
    """
    if wanted != AUTO:
        return wanted
    sample = bytearray()
    for file in files:
        content = file.read_bytes()
        if mark_of(content) is None and not _is_utf8(content):
            sample += b"".join(line + b"\n" for line in content.splitlines() if not line.isascii())
        if len(sample) >= SAMPLE_BYTES:
            break
    return fitting_encoding(files[0].parent, whole_lines(bytes(sample))) if sample else UTF8


def read_text(file: Path, encoding: str) -> tuple[str, str]:
    """The text of a file and its encoding: of its byte order mark, UTF-8 if it is that, else ``encoding``.

    Raises:
        UserError: for bytes that are no text in ``encoding``.
    """
    content = file.read_bytes()
    own = mark_of(content) or (UTF8 if _is_utf8(content) else encoding)
    try:
        return content.decode(own), own
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file} is not {own} text (byte {error.start}): save it as UTF-8, or set data.encoding"
        ) from None


def _is_of_label(file: Path, folder: Path) -> bool:
    return file.parent != folder and file.parent.name.lower() not in SPLITS


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True
