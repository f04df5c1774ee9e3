"""How a text is brought into one form and cut: at blanks, at every character, or into subwords.

A vocabulary carries the name of the normalization that its words were made with, so that a served model goes
on reading as its training data was read; a rule that gives any text another form takes a new name. Subwords
are those of SentencePiece's unigram model, which asks for no blanks between words (Kudo & Richardson,
"SentencePiece: A simple and language independent subword tokenizer", 2018).
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.runtime.errors import UserError

# ruff: noqa: RUF001, RUF002 - characters that look like others are what this is about

NORMALIZATION = "nfkc-1"  # the name of :func:`nfkc_1`

# What str.splitlines and word processors put between words; NFKC makes blanks of the other spaces.
_BLANKS = "\r\v\f\x1c\x1d\x1e\x1f\u1680\u200b\u2028\u2029"
# Marks of byte order, direction, and where a word may or may not break: nothing is seen of them. The joiners
# U+200C and U+200D stay, since words of Persian or Hindi are spelled with them.
_INVISIBLE = (
    "\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
)
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("‘’‚‛′ʼ´", "'")
    | dict.fromkeys("“”„‟«»‹›″‴⁗〝〞〟", '"')
    | dict.fromkeys("‐‑‒–—―−⸺⸻︱︲﹘﹣－⁻₋", "-")
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_INVISIBLE, "")
    | {"ŉ": "'n"}  # NFKC would make one of the apostrophes above of it
)


def nfkc_1(text: str) -> str:
    r"""Plain quotes, apostrophes, dashes and blanks, then Unicode's form NFKC.

    NFKC (Unicode Standard Annex 15) makes three dots of an ellipsis, a blank of a no-break space, and plain
    letters of ligatures and of those as wide as a Chinese character; it leaves typographic quotes and dashes
    as they are. C1 controls stay: in IMDb's reviews they are words, with ids of Keras'.

    >>> nfkc_1("\ufeffIt’s a “superb”\xa0film…\r\n")
    'It\'s a "superb" film... \n'
    """
    return unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY))


WORDS, CHARACTERS, SUBWORDS = KINDS = ("words", "characters", "subwords")
SUBWORD_PACKAGE = "sentencepiece"
_LONGEST = 2**30  # bytes; SentencePiece passes over longer texts, by default those above 4,192
_BLANK = "\u2581"  # how SentencePiece writes a blank

# Only the space separates words in Keras: a no-break space or "\x85" stays part of its word.
_FILTERS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
_ASCII = "".join(map(chr, range(128))).lower().translate(_FILTERS | _TYPOGRAPHY)
_ASCII_TABLE = _ASCII.encode().ljust(256)


def split_words(text: str) -> list[str]:
    """Lower-case words of ``text``, punctuation left out.

    >>> split_words("It's GREAT, isn't it?")
    ["it's", 'great', "isn't", 'it']
    """
    return list(filter(None, text.lower().translate(_FILTERS).split(" ")))


def spaced_words(text: str) -> str:
    """The words that :func:`split_words` gives after ``nfkc_1``, with one space or more between.

    Of ASCII characters that normalization changes the blanks alone, so one table does for all, several times
    as fast.
    """
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_TABLE).decode("ascii")
    return " ".join(split_words(nfkc_1(text)))


@dataclass(frozen=True)
class Tokenizer:
    """From a text, in the form of its vocabulary's normalization, to tokens, and back.

    >>> Tokenizer("characters").split("Fine,  so far")
    ['f', 'i', 'n', 'e', ',', ' ', 's', 'o', ' ', 'f', 'a', 'r']

    Attributes:
        kind: one of ``KINDS``. Words lose their punctuation; the others keep it, and one blank for many.
        model: SentencePiece's, of subwords.
    """

    kind: str = WORDS
    model: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(
                f"the vocabulary was made of {self.kind!r}, but this code knows only {', '.join(KINDS)}: use "
                "the pipeline's version that made it, or a later one"
            )

    @property
    def between(self) -> str:
        """What stands between two tokens: a blank is a token, or part of one, but where tokens are words."""
        return " " if self.kind == WORDS else ""

    def split(self, text: str) -> list[str]:
        """The tokens of ``text``; a subword that begins a word begins with a blank."""
        if self.kind == WORDS:
            return split_words(text)
        if self.kind == CHARACTERS:
            return list(_space(text))
        pieces: list[str] = self._processor.encode(_space(text), out_type=str)
        return [piece.replace(_BLANK, " ") for piece in pieces]

    @cached_property
    def _processor(self) -> Any:
        try:
            return _sentencepiece().SentencePieceProcessor(model_proto=self.model)
        except RuntimeError:
            raise UserError(
                "the vocabulary's subwords can't be read, its file is damaged: make it again with "
                "`dvc repro -f download`, or fetch the version again"
            ) from None


def _space(text: str) -> str:
    return " ".join(text.lower().split())


def learn_subwords(texts: Sequence[str], size: int) -> Tokenizer:
    """A tokenizer of ``size`` subwords at most; the same texts, normalized, always give the same.

    Raises:
        UserError: if so few subwords can't spell the texts.
    """
    model = io.BytesIO()
    try:
        _sentencepiece().SentencePieceTrainer.train(
            sentence_iterator=map(_space, texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,  # short texts hold fewer
            normalization_rule_name="identity",  # they are in one form already
            max_sentence_length=_LONGEST,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,  # the order of sums, and so the digits, would depend on more
            minloglevel=2,
        )
    except RuntimeError as error:
        needed = re.search(r"required_chars\. \d+ vs (\d+)", str(error))
        if not needed and any(map(_space, texts)):
            raise
        reason = f"their characters alone are {needed[1]}" if needed else "there is nothing in them"
        raise UserError(
            f"{size} subwords can't be learnt from {len(texts):,} texts: {reason}: "
            "raise data.subwords, or set data.tokens to characters"
        ) from None
    return Tokenizer(SUBWORDS, model.getvalue())


def _sentencepiece() -> Any:
    try:
        import sentencepiece  # noqa: PLC0415 - only subwords need it
    except ImportError:
        raise UserError(
            "this network reads parts of words (data.tokens: subwords), and what cuts texts into them isn't "
            f"installed here: pip install {SUBWORD_PACKAGE}"
        ) from None
    return sentencepiece
