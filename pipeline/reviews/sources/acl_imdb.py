"""The unlabelled reviews of the Large Movie Review Dataset, out of its original archive aclImdb_v1.tar.gz.

The archive is read as a stream, member by member. Nothing of it is written to disk and none of its paths is
followed: a member is read only if its whole name is that of an unlabelled review and it is a regular file.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib

from pipeline.runtime.errors import UserError

_REVIEW = re.compile(r"aclImdb/train/unsup/([0-9]{1,9})_[0-9]{1,2}\.txt", re.ASCII)
MAX_BYTES = 1 << 20  # of a review; the longest of the real ones has 14,282


def read_unlabelled(archive: bytes) -> list[str]:
    """The texts of ``aclImdb/train/unsup/ID_STARS.txt`` in an archive whose hash was checked, by their ID.

    Links, devices, sparse files, and files under any other name are ignored.

    Raises:
        UserError: if it is no gzipped tar archive, is broken, holds no such review, or one that is longer
            than MAX_BYTES or not UTF-8.
    """
    texts: dict[int, str] = {}
    try:
        # tarfile's own "r|gz" takes a stream that breaks off for one that ends.
        with gzip.open(io.BytesIO(archive)) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                name = _REVIEW.fullmatch(member.name)
                if name and member.isreg() and not member.issparse():
                    texts[int(name[1])] = _read(tar, member)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise UserError(f"the archive of unlabelled reviews can't be read: {error}") from None
    if not texts:
        raise UserError("the archive holds no aclImdb/train/unsup/ID_STARS.txt: take aclImdb_v1.tar.gz")
    return [texts[number] for number in sorted(texts)]


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > MAX_BYTES:
        raise UserError(f"{member.name} has {member.size:,} bytes, but a review has at most {MAX_BYTES:,}")
    file = tar.extractfile(member)
    content = b"" if file is None else file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{member.name} is not UTF-8 text (byte {error.start})") from None
