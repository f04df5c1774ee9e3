"""The sections of the two data stages, and the values that ``auto`` stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, PositiveInt, model_validator

from pipeline.params.values import Fraction, Hash, Rate, Section, Text, Url

# A query's value under such a name is taken for a secret, but for $NAME, an environment variable's.
_SECRET_NAME = re.compile(
    r"token|secret|signature|credential|passw|pwd|auth|apikey|session|jwt|(^|[-_.])(sig|key|sas|pass)($|[-_.])",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
Source = Literal["imdb", "snippets", "file"]
CORPORA = tuple(name for name in get_args(Source) if name != "file")  # a file has a name of its own
Column = str | PositiveInt  # its name; or its number, from 1, in a table without a header line


class DataParams(Section):
    """Where the reviews come from; read by the download stage."""

    source: Source = "imdb"
    fallback: Literal["snippets"] | None = "snippets"
    url: Url = f"{_KERAS}/imdb.npz"
    hash: Hash = "sha256:69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
    word_index_url: Url = f"{_KERAS}/imdb_word_index.json"
    word_index_hash: Hash = "md5:bfafd718b763782e994055a2d397834f"
    path: Text = "data/example.csv"
    name: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None
    text_column: Column = "text"
    label_column: Column = "label"
    split_column: Column | None = None
    labels: tuple[str, ...] | dict[str, str | None] | None = None
    encoding: Text = "auto"
    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar"] = "auto"
    quoting: Literal["auto", "doubled", "backslash", "none"] = "auto"
    missing: Literal["auto"] | tuple[str, ...] = "auto"
    bad_rows: Literal["error", "skip"] = "error"
    test_fraction: Fraction = 0.25
    tokens: Literal["words", "characters", "subwords"] = "words"
    subwords: Annotated[int, Field(ge=50, le=1_000_000)] = 8000
    unlabelled: Literal["auto", "imdb", "file", "none"] = "auto"
    unlabelled_url: Url = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
    unlabelled_hash: Hash = "md5:7c2ac02c03563afcf9b574c7e56c153a"
    unlabelled_path: Text = "data/unlabelled.csv"

    @model_validator(mode="after")
    def _columns_can_be_told_apart(self) -> Self:
        if self.text_column == self.label_column:
            raise ValueError(f"data.text_column and data.label_column are both {self.text_column!r}")
        keys = ("text_column", "label_column", "split_column")
        columns = {key: value for key in keys if (value := getattr(self, key)) is not None}
        if len(set(map(type, columns.values()))) > 1:
            shown = ", ".join(f"data.{key} {value!r}" for key, value in columns.items())
            raise ValueError(
                "columns must all be names or, of a table without a header line, all numbers from 1, but got "
                f"{shown}"
            )
        return self

    @model_validator(mode="after")
    def _source_can_be_read(self) -> Self:
        if self.source == "imdb" and self.tokens != "words":
            raise ValueError(
                f"data.tokens is {self.tokens}, but data.source is imdb, which Keras gives "
                "as ids of words: set data.tokens to words"
            )
        for key in ("url", "word_index_url", "unlabelled_url"):
            parts = urlsplit(getattr(self, key))
            secrets = ["user or password: put them into ~/.netrc, under the host's name"] * (
                "@" in parts.netloc
            )
            for name, value in parse_qsl(parts.query):
                if _SECRET_NAME.search(name) and not _VARIABLE.fullmatch(value):
                    variable = re.sub(r"\W", "_", name).upper()
                    advice = f"set {variable} in the environment, and write {name}=${variable}"
                    secrets.append(f"secret under {name}: {advice}")
            if secrets:
                raise ValueError(f"data.{key} is committed and logged, but holds a {secrets[0]}")
        return self


class PadParams(Section):
    """How reviews become rows of one length; read by the pad stage."""

    vocab_size: Annotated[int, Field(ge=4, le=1_000_000)] = 10_000
    max_length: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"] = 100
    padding: Literal["pre", "post"] = "pre"
    truncating: Literal["pre", "post"] = "pre"
    validation_fraction: Fraction = 0.2
    held_back_fraction: Rate = 0.25

    @property
    def row_length(self) -> int:
        """``max_length``, once it is a number."""
        return require_number("pad", self.max_length)

    def of_reviews(self, lengths: Iterable[int]) -> Self:
        """A copy whose ``max_length``, if ``auto``, suits training reviews of such ``lengths``."""
        if self.max_length != "auto":
            return self
        return self.model_copy(update={"max_length": suited_length(lengths)})


# The values that ``auto`` stands for follow the number and the lengths of the training reviews.


def suited_values(num_reviews: int, max_length: int) -> dict[str, int | None]:
    """The ``auto`` values for a training split of ``num_reviews`` in rows of ``max_length`` tokens.

    A network learns by steps, so few reviews are read in smaller batches and more often: batches of 8 to 64,
    and epochs that make 1,500 steps, but 5 at least and 30 at most; 300 steps in a short trial. Few reviews
    are soon known by heart: below 12,800 a fit stops after a third of its epochs, 2 at least, without a
    better validation loss. (After two of the short epochs of 200 reviews it often had not begun to learn.)

    Two words a time step save a quarter of the time on IMDb's reviews and lose nothing to be seen; of texts
    of 18 words they lost a point and a half of accuracy.

    >>> [tuple(suited_values(*size).values()) for size in ((240, 30), (4_000, 100), (20_000, 400))]
    [(8, 30, 10, 10, 30, 1), (16, 6, 2, 2, 100, 1), (64, 5, None, 1, 400, 2)]
    """
    batch_size = next((size for size in (8, 16, 32) if num_reviews <= size * 250), 64)
    steps = max(math.ceil(num_reviews / batch_size), 1)
    epochs = min(max(math.ceil(1500 / steps), 5), 30)
    return {
        "train.batch_size": batch_size,
        "train.epochs": epochs,
        "train.patience": max(epochs // 3, 2) if num_reviews < 12_800 else None,
        "tune.epochs": min(math.ceil(300 / steps), epochs),
        "pad.max_length": max_length,
        "model.step_words": 1 if max_length <= 100 else 2,
    }


def suited_length(lengths: Iterable[int]) -> int:
    """The ``auto`` value of ``pad.max_length``: what nine in ten reviews don't exceed, at most 400.

    IMDb's reviews have 230 words in the mean; nine in ten have up to 452.

    >>> suited_length(range(1, 101)), suited_length([7]), suited_length([300, 900])
    (90, 7, 400)

    Args:
        lengths: of the training reviews in tokens, START_ID included; one or more.
    """
    ordered = sorted(lengths)
    return min(int(ordered[math.ceil(0.9 * len(ordered)) - 1]), 400)


def require_number(section: str, value: int | str) -> int:
    """``value``, which is a number by now: see ``Params.resolve``."""
    if isinstance(value, str):
        raise TypeError(f"a value of {section} is {value}: Params.resolve gives it a number")
    return value
