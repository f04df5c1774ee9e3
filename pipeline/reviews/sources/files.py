"""Which files of a folder are read, and what their names and folders say."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pipeline.reviews.sources.encodings import kind_of, open_bytes
from pipeline.reviews.sources.tools import FASTTEXT_LABEL
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION
from pipeline.runtime.errors import UserError

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
KINDS = ".csv, .tsv, .jsonl, .json or .parquet"
TEXT = ".txt"  # a review, or fastText's lines
SPLIT_NAMES = {
    "train": TRAIN, "training": TRAIN, "test": TEST, "testing": TEST,
    "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION, "dev": VALIDATION,
}  # fmt: skip
REJECTED = ".rejected.jsonl"  # ends the name of what `predict` sets aside beside a scored file
_HIDDEN = (".", "_", "~$")  # what other programs keep beside their files: lock files, copies, _SUCCESS
_CONVERTED = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "read_excel"),
    ".dta": "read_stata",
    ".sav": "read_spss",
    ".feather": "read_feather",
}
_TOLD = (*_CONVERTED, ".zip", ".arrow")  # kinds that can be made into tables


def is_hidden(file: Path, folder: Path) -> bool:
    """Whether a file, or one of its folders in ``folder``, is none of the user's."""
    return file.name.endswith(REJECTED) or any(
        name.startswith(_HIDDEN) for name in file.relative_to(folder).parts
    )


def files_of(path: Path, option: str = "data.path") -> list[Path]:
    """The file itself; of a folder all its tables, by name, or, if there are none, its texts.

    The texts are those in a folder of a label, or, if there are none, all of them. A folder that is called as
    a split is one if it holds folders of labels; else it is a label's.

    Raises:
        UserError: if a folder holds none.
    """
    if not path.is_dir():
        require_table(path, option)
        return [path]
    every = sorted(each for each in path.rglob("*") if each.is_file() and not is_hidden(each, path))
    tables = [each for each in every if kind_of(each) in TABLES]
    if tables and not any(kind_of(each) == ".arrow" for each in every):  # else JSON beside it is no table
        return tables
    texts = [each for each in every if kind_of(each) == TEXT]
    of_splits = {
        parent for each in texts for parent in each.parent.parents if parent.name.lower() in SPLIT_NAMES
    }
    files = [each for each in texts if each.parent not in {path} | of_splits] or texts
    if not files:
        for each in every:
            if kind_of(each) in _TOLD:
                require_table(each, option)
        raise UserError(
            f"{option}: the folder {path} holds no {KINDS} file, and no {TEXT} file a review either"
        )
    return files


def hidden_files(path: Path) -> list[str]:
    """The files of a folder that would be read, but for their names or their folders' names."""
    kinds = (*TABLES, TEXT)
    hidden = (each for each in path.rglob("*") if kind_of(each) in kinds and is_hidden(each, path))
    return sorted(each.relative_to(path).as_posix() for each in hidden)


def require_table(path: Path, option: str, is_text: bool = False) -> None:
    """Raises UserError for a file of another kind; a text is a review if ``is_text``."""
    kind = kind_of(path)
    if kind in TABLES or (kind == TEXT and (is_text or is_of_fasttext(path))):
        return
    advice = ": if it is a table, let its name end in .csv or .tsv" if kind in (TEXT, "", ".tab") else ""
    if kind == ".zip":
        advice = f": unpack it, with python -m zipfile -e {path} {path.name.partition('.')[0]}"
    elif kind == ".arrow":
        advice = ": write it as Parquet, with datasets' to_parquet or polars' write_parquet"
    elif kind in _CONVERTED:
        reader = f"{_CONVERTED[kind]}({path.name!r})"
        saved = ": save it as CSV UTF-8 in the spreadsheet, or" if "excel" in reader else ":"
        advice = (
            f'{saved} python -c "import pandas; pandas.{reader}.to_csv({path.stem + ".csv"!r}, index=False)"'
        )
    raise UserError(f"{option} must be a {KINDS} file, but is {path}{advice}")


def is_of_fasttext(path: Path) -> bool:
    """Whether a file holds fastText's lines, which begin with the label."""
    if kind_of(path) != TEXT or not path.is_file():
        return False
    with open_bytes(path) as file:
        return file.read(100).lstrip(b'\xef\xbb\xbf" \r\n').startswith(FASTTEXT_LABEL.encode())


def split_of(file: str, is_text: bool) -> str | None:
    """The split that a file's name or folder tells; the last folder of a text is its label's."""
    parts = Path(file.lower()).parts
    words = [re.split(r"[^a-z]+", part)[0] for part in (parts[:-2] if is_text else parts)]
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def hash_of(path: Path) -> str:
    """``sha256:`` of a file's bytes; of a folder, of its files' names and hashes."""
    if not path.is_dir():
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    lines = [f"{file.relative_to(path).as_posix()} {hash_of(file)}\n" for file in files_of(path)]
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
