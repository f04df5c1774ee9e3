"""The sections of the two data stages: where the reviews come from, how they become rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, PositiveInt, model_validator

from pipeline.params.automatic import resolved, suited_length
from pipeline.params.values import Fraction, Hash, Rate, Section, Url

# A query's value under such a name is taken for a secret, but for $NAME, an environment variable's.
_SECRET_NAME = re.compile(
    r"token|secret|signature|credential|passw|pwd|auth|apikey|session|jwt|(^|[-_.])(sig|key|sas|pass)($|[-_.])",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


def _secret_in(url: str) -> str | None:
    """What in ``url`` should stand in no file, and where to put it; None if there is nothing."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user or password: put them into ~/.netrc, under the host's name"
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name) and not _VARIABLE.fullmatch(value):
            variable = re.sub(r"\W", "_", name).upper()
            return f"a secret under {name}: set {variable} in the environment, and write {name}=${variable}"
    return None


Column = str | PositiveInt  # its name; or its number, from 1, in a table without a header line


class DataParams(Section):
    """Where the reviews come from; read by the download stage."""

    source: Literal["imdb", "snippets", "file"]
    fallback: Literal["snippets"] | None
    url: Url
    hash: Hash
    word_index_url: Url
    word_index_hash: Hash
    path: Annotated[str, Field(min_length=1)]
    text_column: Column
    label_column: Column
    split_column: Column | None
    labels: tuple[str, ...] | dict[str, str | None] | None
    encoding: Annotated[str, Field(min_length=1)]
    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar"]
    quoting: Literal["auto", "doubled", "backslash", "none"]
    missing: Literal["auto"] | tuple[str, ...]
    bad_rows: Literal["error", "skip"]
    test_fraction: Fraction
    tokens: Literal["words", "characters", "subwords"]
    subwords: Annotated[int, Field(ge=50, le=1_000_000)]
    unlabelled: Literal["auto", "imdb", "file", "none"]
    unlabelled_url: Url
    unlabelled_hash: Hash
    unlabelled_path: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if self.text_column == self.label_column:
            raise ValueError(f"data.text_column and data.label_column are both {self.text_column!r}")
        return self

    @model_validator(mode="after")
    def _columns_are_named_alike(self) -> Self:
        keys = ("text_column", "label_column", "split_column")
        columns = {key: value for key in keys if (value := getattr(self, key)) is not None}
        if len({type(value) for value in columns.values()}) > 1:
            shown = ", ".join(f"data.{key} {value!r}" for key, value in columns.items())
            raise ValueError(
                "columns must all be names or, of a table without a header line, all numbers from 1, but got "
                f"{shown}"
            )
        return self

    @property
    def has_header(self) -> bool:
        """Whether tables begin with the columns' names: these are then not numbers."""
        return isinstance(self.text_column, str)

    @model_validator(mode="after")
    def _texts_can_be_cut(self) -> Self:
        if self.source == "imdb" and self.tokens != "words":
            raise ValueError(
                f"data.tokens is {self.tokens}, but data.source is imdb, which Keras gives "
                "as ids of words: set data.tokens to words"
            )
        return self

    @model_validator(mode="after")
    def _addresses_hold_no_secret(self) -> Self:
        for name in ("url", "word_index_url", "unlabelled_url"):
            secret = _secret_in(getattr(self, name))
            if secret:
                raise ValueError(f"data.{name} is committed and logged, but holds {secret}")
        return self


class PadParams(Section):
    """How reviews become rows of one length; read by the pad stage."""

    vocab_size: Annotated[int, Field(ge=4, le=1_000_000)]
    max_length: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"]
    padding: Literal["pre", "post"]
    truncating: Literal["pre", "post"]
    validation_fraction: Fraction
    held_back_fraction: Rate

    @property
    def row_length(self) -> int:
        """``max_length``, once it is a number: see ``of_reviews``."""
        return resolved("pad", self.max_length)

    def of_reviews(self, lengths: Iterable[int]) -> Self:
        """A copy whose ``max_length``, if ``auto``, suits training reviews of such ``lengths``."""
        return (
            self
            if self.max_length != "auto"
            else self.model_copy(update={"max_length": suited_length(lengths)})
        )
