"""How files are written is recognised, or refused where two readings fit."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest
import zstandard

from pipeline.reviews.sources.dialects import Dialect, Format, recognise_dialect
from pipeline.reviews.sources.encodings import recognise_encoding
from reviews.sources.test_records import read, values

OPTION = "data.encoding"


def dialect_of(path: Path, *names: str, **form: str) -> Dialect:
    return recognise_dialect(path, lambda header: set(names) <= set(header), Format(**form))


FRENCH = "text,label\nCe film est très réussi, été à la plage; œuvre “géniale” à voir: déjà 5 €\n"


@pytest.mark.parametrize(
    ("content", "delimiter", "quoting"),
    [
        ("text,label\nFine; good,1\n", ",", "doubled"),
        ("label;text\n1;Fine, good\n0;Dull, and long, too\n", ";", "doubled"),
        ("text\tlabel\nFine, good; yes\t1\n", "\t", "doubled"),
        ("text|label\nFine|1\n", "|", "doubled"),
        ('text,label\n"He said ""no"", twice",1\n', ",", "doubled"),
        ('text,label\n"He said \\"no\\", twice",1\n', ",", "backslash"),
    ],
)
def test_delimiter_and_quoting(tmp_path: Path, content: str, delimiter: str, quoting: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert dialect_of(tmp_path / "a.csv", "text", "label") == Dialect("utf-8", delimiter, quoting)


def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\ntext;label\nFine;1\n")
    assert read(tmp_path / "a.csv") == [("line 3", {"text": "Fine", "label": "1"})]


@pytest.mark.parametrize(
    ("encoding", "recognised"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf_16_le"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, recognised: str) -> None:
    (tmp_path / "a.csv").write_bytes(FRENCH.encode(encoding))
    assert recognise_encoding([tmp_path / "a.csv"], "auto", OPTION) == recognised


def test_two_encodings_that_fit_are_refused_with_their_readings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\nidő,pos\n".encode("cp1250"))
    with pytest.raises(ValueError, match="can be read in two ways") as error:
        recognise_encoding([tmp_path / "a.csv"], "auto", OPTION)
    assert "set data.encoding" in str(error.value)
    assert recognise_encoding([tmp_path / "a.csv"], "cp1252", OPTION) == "cp1252"


def test_two_ways_that_fit_are_refused_with_their_readings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;text;note,text\n1;Fine;ok,Dull\n")
    with pytest.raises(ValueError, match="can be read in two ways") as error:
        dialect_of(tmp_path / "a.csv", "text")
    assert "delimiter comma" in str(error.value) and "delimiter semicolon" in str(error.value)
    assert dialect_of(tmp_path / "a.csv", "text", delimiter="comma").delimiter == ","


def test_packed_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(b'{"text": "Fine"}\n'))
    assert values(tmp_path / "a.jsonl.zst", "text") == [("Fine",)]
    (tmp_path / "a.csv.bz2").write_bytes(bz2.compress(b"text,label\nFine,1\n"))
    assert values(tmp_path / "a.csv.bz2", "text") == [("Fine",)]
    (tmp_path / "a.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"a\.csv\.gz can't be unpacked"):
        read(tmp_path / "a.csv.gz")


def test_a_long_file_in_another_encoding_is_not_cut_within_a_character(tmp_path: Path) -> None:
    """A Chinese character has two bytes; one blank more moves where a sample of 65,536 bytes would end."""
    lines = [f"{'x' * (row % 2)}这部电影非常好看,演员的表演令人感动,{row % 2}" for row in range(4_000)]
    content = "text,label\n" + "\n".join(lines)
    for blank in ("", " "):
        (tmp_path / "a.csv").write_bytes((content + blank).encode("gb18030"))
        assert recognise_encoding([tmp_path / "a.csv"], "auto", OPTION) in ("gb18030", "gbk", "gb2312")
        content = content.replace("x这", " 这")
