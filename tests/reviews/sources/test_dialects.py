"""How files are written is recognised, or refused where two readings fit."""

import bz2
from pathlib import Path

import pytest

from pipeline.reviews.sources import encodings
from pipeline.reviews.sources.dialects import Dialect, Format, recognise_dialect
from pipeline.reviews.sources.encodings import recognise_encoding
from reviews.own_files import read, values, write

FRENCH = "text,label\nCe film est très réussi, été à la plage; œuvre “géniale” à voir: déjà 5 €\n"


def encoding_of(path: Path, said: str = "auto") -> str:
    return recognise_encoding([path], said, "data.encoding")


def dialect_of(path: Path, *names: str, **form: str) -> Dialect:
    return recognise_dialect(path, lambda header: set(names) <= set(header), Format(**form))


def test_delimiter_and_quoting(tmp_path: Path) -> None:
    written = {
        "text,label\nFine; good,1\n": (",", "doubled"),
        "label;text\n1;Fine, good\n0;Dull, and long, too\n": (";", "doubled"),
        "text\tlabel\nFine, good; yes\t1\n": ("\t", "doubled"),
        "text|label\nFine|1\n": ("|", "doubled"),
        'text,label\n"He said ""no"", twice",1\n': (",", "doubled"),
        'text,label\n"He said \\"no\\", twice",1\n': (",", "backslash"),
    }
    for content, signs in written.items():
        path = write(tmp_path, "a.csv", content)
        assert dialect_of(path, "text", "label") == Dialect("utf-8", *signs), content


def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "sep=;\ntext;label\nFine;1\n")
    assert read(path) == [("line 3", {"text": "Fine", "label": "1"})]


def test_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf_16_le", "cp1252"):
        assert encoding_of(write(tmp_path, "a.csv", FRENCH.encode(encoding))) == encoding


def test_two_encodings_that_fit_are_refused_with_their_readings(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\nidő,pos\n".encode("cp1250"))
    with pytest.raises(ValueError, match=r"(?s)can be read in two ways.*set data\.encoding"):
        encoding_of(path)
    assert encoding_of(path, "cp1252") == "cp1252"


def test_two_ways_that_fit_are_refused_with_their_readings(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id;text;note,text\n1;Fine;ok,Dull\n")
    both = "(?s)can be read in two ways.*delimiter comma.*delimiter semicolon"
    with pytest.raises(ValueError, match=both):
        dialect_of(path, "text")
    assert dialect_of(path, "text", delimiter="comma").delimiter == ","


def test_packed_files(tmp_path: Path) -> None:
    assert values(write(tmp_path, "a.csv.bz2", bz2.compress(b"text\nFine\n")), "text") == [("Fine",)]
    with pytest.raises(ValueError, match=r"a\.csv\.gz can't be unpacked"):
        read(write(tmp_path, "a.csv.gz", b"no gzip"))


def test_a_long_file_is_not_cut_within_a_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese character has two bytes; one blank more moves where the sample would end."""
    monkeypatch.setattr(encodings, "_SAMPLE", 1 << 12)
    lines = [f"{'x' * (row % 2)}这部电影非常好看,演员的表演令人感动,{row % 2}" for row in range(250)]
    content = "text,label\n" + "\n".join(lines)
    for moved in (content, content.replace("x这", " 这") + " "):
        path = write(tmp_path, "a.csv", moved.encode("gb18030"))
        assert encoding_of(path) in ("gb18030", "gbk", "gb2312")
