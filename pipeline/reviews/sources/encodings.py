# ruff: noqa: RUF001 - letters that look like others are what this is about
"""How the characters of a text file were written: its compression and encoding, recognised or refused.

Code pages of one byte a character are told apart by the letters that they would make of the bytes: those of
one language, common ones more than rare ones. What is written in more bytes, charset-normalizer judges.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

import zstandard
from charset_normalizer import from_bytes

from pipeline.runtime.errors import UserError

AUTO = "auto"
UTF8 = "utf-8"
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstandard.open}
COMPRESSIONS = tuple(_OPENERS)

_CHUNK = 1 << 20
_SAMPLE = 1 << 16  # bytes of lines that are not ASCII
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LIKELY = 0.4  # below, it is no code page of one byte a character
_CERTAIN = 0.08  # how much likelier than another reading one must be
_TYPOGRAPHY = "“”„‘’‚«»‹›–—…·•€£©®°№¿¡ºª"  # as likely in one code page as in another

# The letters beyond ASCII of languages that a code page is for, the commonest first; and programs' code
# pages, those of which more files are left first.
_WESTERN = (
    "éàèêçôâîûùïëœ",  # French
    "üäöß",
    "óíáéñúü",  # Spanish
    "ãçéáíóêõúâôà",  # Portuguese
    "àèìòùé",  # Italian
    "äåöéøæ",  # Swedish, Danish, Norwegian, Finnish
    "áðíóéöæúþý",  # Icelandic
)
_CENTRAL = (
    "łąężóśćńź",
    "íáéěýřščžůúňťďó",  # Czech
    "áéíčšžýúľťôňä",  # Slovak
    "áéöóőüíúű",  # Hungarian
    "ăîâţş",  # Romanian
    "čšžćđ",  # Croatian, Slovenian
)
_CYRILLIC = (
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "оанивтеірсклудмпязьгйбчхцжїюєшщфґ",  # Ukrainian
    "аоиенјрсткувдмлпгзбчшњцжљћфхђџ",  # Serbian
)
_GREEK = ("ατοιεσνηυρπκμλςωίόάδγέχθήφβξύώζψ",)
# How much rarer a page is than the commonest, and its languages.
_PAGES: dict[str, tuple[float, tuple[str, ...]]] = {
    "cp1252": (0.0, _WESTERN),
    "cp1250": (0.06, _CENTRAL),
    "cp1251": (0.06, _CYRILLIC),
    "cp1254": (0.06, ("ıüşçğöİ",)),
    "cp1253": (0.06, _GREEK),
    "cp1257": (0.06, ("āīēšņļūģžķč", "ėšžųąįčūę", "õäüö")),  # Latvian, Lithuanian, Estonian
    "cp1255": (0.06, ("יהולאתרבשמןעםנדקחפגטצזסכךץף",)),
    "cp1256": (0.06, ("اليمونترتبةعدسفهكقأحجشطصخىذئزءضغإثؤظآ", "اینردتمهوشبسکلگخزپفعحقجچآغصط")),
    "koi8_u": (0.1, _CYRILLIC),
    "mac_roman": (0.2, _WESTERN),
    "cp850": (0.2, _WESTERN),
    "cp852": (0.2, _CENTRAL),
    "cp866": (0.15, _CYRILLIC),
}
# A capital after a small letter, or two alphabets in one word: the bytes mean another character.
_ODD = re.compile(
    r"[a-zß-öø-ÿа-яё](?=[À-ÖØ-ÞА-ЯЁ])|[a-zA-Z](?=[\u0370-\u06ff])|[\u0370-\u06ff](?=[a-zA-Z])|\w(?=[¿¡«“„‚]\w)"
)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where its name ends in .gz, .bz2, .xz or .zst.

    Raises:
        UserError: if what is packed can't be unpacked.
    """
    opener = _OPENERS.get(path.suffix.lower(), Path.open)
    try:
        with opener(path, "rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise UserError(f"{path} can't be unpacked: {error}") from None


@contextmanager
def open_text(path: Path, encoding: str, option: str) -> Iterator[TextIO]:
    """The file's text, line ends as they are.

    Raises:
        UserError: for bytes that are no text in ``encoding``, which ``option`` names.
    """
    with open_bytes(path) as file:
        try:
            yield io.TextIOWrapper(file, encoding=encoding, newline="")
        except UnicodeDecodeError as error:
            where = f"{error.object[max(error.start - 20, 0) : error.end]!r}"
            raise UserError(
                f"{path} is not {encoding} text, {where}: save it as UTF-8, or set {option}"
            ) from None


def kind_of(path: Path) -> str:
    """``.csv`` for reviews.csv, reviews.csv.gz and reviews.CSV.zst."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def recognise_encoding(files: Sequence[Path], wanted: str, option: str) -> str:
    """``wanted``, or, where that is ``auto``, the encoding of a file, or of files that are a text each.

    By the byte order mark; UTF-8 if all of it is; else the one that fits. Of several files only those count
    that aren't Unicode, which are judged together.

    Raises:
        UserError: if two encodings fit equally well and read them differently, none does, or there is no
            such as ``option`` names.
    """
    if wanted != AUTO:
        try:
            return codecs.lookup(wanted).name
        except LookupError:
            raise UserError(f"{option} must be auto or an encoding's name, but is {wanted!r}") from None
    found, others, sample = UTF8, [], bytearray()
    for file in files:
        unicode, lines = unicode_of(file)
        found = unicode or found
        others += [] if unicode else [file]
        sample += lines
        if len(sample) >= _SAMPLE:
            break
    more = f" (and {len(others) - 1:,} more)" if len(others) > 1 else ""
    return _fitting_encoding(f"{others[0]}{more}", bytes(sample), option) if others else found


def unicode_of(path: Path) -> tuple[str | None, bytes]:
    """The form of Unicode that a file is in; else None, and some of those lines that tell the encoding.

    Raises:
        UserError: if it holds zeros and is no text.
    """
    decoder, sample, is_utf8 = codecs.getincrementaldecoder(UTF8)(), bytearray(), True
    with open_bytes(path) as file:
        chunk = file.read(_CHUNK)
        start = chunk[:_SAMPLE]
        for mark, encoding in _MARKS.items():
            if start.startswith(mark):
                return encoding, b""
        while chunk and len(sample) < _SAMPLE:
            following = file.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not following)
            except UnicodeDecodeError:
                is_utf8 = False
            if not is_utf8 or b"\0" in chunk:
                sample += b"".join(line + b"\n" for line in chunk.splitlines() if not line.isascii())
            chunk = following
    if b"\0" in start:
        forms = ["utf_16_le", "utf_16_be", "utf_32_le", "utf_32_be"]
        match = from_bytes(start[: len(start) // 2 * 2], cp_isolation=forms).best()
        if match is None:
            raise UserError(f"{path} holds zeros and is no text: save it as UTF-8")
        return match.encoding, b""
    return (UTF8, b"") if is_utf8 else (None, bytes(sample))


def _fitting_encoding(where: str, sample: bytes, option: str) -> str:
    """The likeliest encoding of lines that aren't UTF-8."""
    if len(sample) > _SAMPLE and b"\n" in sample[:_SAMPLE]:  # a cut within a line may be one in a character
        sample = sample[: sample.rfind(b"\n", 0, _SAMPLE)]
    readings: dict[str, tuple[float, str]] = {}  # by the text that they give; of equal ones the first is kept
    for page in _PAGES:
        with suppress(UnicodeDecodeError):
            text = sample.decode(page)
            readings.setdefault(text, (_likelihood(text, page), page))
    if max(readings.values(), default=(0.0,))[0] < _LIKELY:
        matches = [match for match in from_bytes(sample) if match.multi_byte_usage > 0]
        readings = {str(match): (match.coherence - match.chaos, match.encoding) for match in matches}
    if not readings:
        raise UserError(
            f"{where} is not UTF-8 text, and no other encoding fits it: save it as UTF-8, or set {option}"
        )
    ranked = sorted(readings.items(), key=lambda each: -each[1][0])[:2]
    if len(ranked) > 1 and ranked[0][1][0] - ranked[1][1][0] < _CERTAIN:
        at = len(os.path.commonprefix([text for text, _ in ranked]))
        shown = [f"  ({page}) {text[max(at - 20, 0) : at + 20]!r}\n" for text, (_, page) in ranked]
        raise UserError(
            f"{where} is not UTF-8 text, and can be read in two ways:\n{''.join(shown)}"
            f"set {option} to the right one, or save it as UTF-8"
        )
    return ranked[0][1][1]


def _likelihood(text: str, page: str) -> float:
    """How like one of the page's languages, line by line, the characters beyond ASCII are: 1 at the most."""
    rare, languages = _PAGES[page]
    weights = [
        {letter: 1 - (0.8 if len(each) > 20 else 0.4) * rank / len(each) for rank, letter in enumerate(each)}
        for each in languages
    ]
    total, count = 0.0, 0
    for line in text.splitlines():
        beyond = [letter for letter in line if letter > "\x7f" and letter not in _TYPOGRAPHY]
        of_languages = [
            sum(each.get(letter.lower(), 0) * (0.8 if letter.isupper() else 1) for letter in beyond)
            for each in weights
        ]
        signs = sum(unicodedata.category(letter)[0] not in "LPZ" for letter in beyond)
        total += max(of_languages) - signs - len(_ODD.findall(line))
        count += len(beyond)
    return (total / count if count else 1.0) - rare
