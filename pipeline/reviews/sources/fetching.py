"""Fetches files by HTTP or from Keras' cache; a file's bytes are used only if their hash is the one given.

Fetched files are kept where Keras keeps its own (``KERAS_HOME``, else ``~/.keras``; folder ``datasets``), but
under names that carry their hash, so that a file which Keras or a user put there is never overwritten.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.reviews.sources.addresses import public_url
from pipeline.runtime.files import written_whole


def cache_dir() -> Path:
    """The folder that Keras keeps data sets in, found as Keras does."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"], "datasets")
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "datasets"  # noqa: S108


def fetch(url: str, expected: str) -> bytes:
    """The file at ``url``: from the cache if a copy there has the hash, else fetched and kept there.

    Args:
        url: http or https.
        expected: ``sha256:`` or ``md5:`` and the hexadecimal digest.

    Raises:
        UnreachableError: if the host can't be reached, fails, or breaks off, at each attempt.
        ValueError: if it answers that there is no such file, or the file's hash is another.
    """
    name = Path(urlsplit(url).path)
    kept = cached_path(name.name, expected)
    for path in (cache_dir() / name.name, kept):
        content = read_verified(path, expected)
        if content is not None:
            return content
    from pipeline.reviews.sources import http  # noqa: PLC0415  (slow to import, needed only here)

    content = http.get(url)
    found = hash_of(content, expected)
    if found != expected:
        raise ValueError(
            f"{public_url(url)} has the hash {found}, but {expected} is expected: the file was changed or is "
            "another one. Nothing was read from it. Mend the address, or set the hash if the file is right"
        )
    keep(kept, content)
    return content


def cached_path(name: str, expected: str) -> Path:
    """Where this project keeps a fetched file: the start of its hash is part of the name."""
    path = Path(name)
    return cache_dir() / f"{path.stem}-{expected.partition(':')[2][:12]}{path.suffix}"


def hash_of(content: bytes, like: str) -> str:
    """The hash of ``content``, by the algorithm and in the form of ``like``."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"


def read_verified(path: Path, expected: str) -> bytes | None:
    """The file's content if it is there and has the hash; it is what was hashed, not a second reading."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return content if hash_of(content, expected) == expected else None


def keep(path: Path, content: bytes) -> None:
    """Puts ``content`` into the cache, whole or not at all.

    Raises:
        ValueError: if the folder can't be written.
    """
    try:
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise ValueError(
            f"the downloaded file can't be kept in {path.parent} ({error.strerror}): "
            "make room, or set KERAS_HOME to a folder that can be written"
        ) from None
