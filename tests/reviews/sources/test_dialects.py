"""How files are written is recognised, or refused where two readings fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from pipeline.reviews.sources.dialects import Dialect, Wanted, recognise_dialect, recognise_encoding
from pipeline.reviews.sources.tables import read_table

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
    dialect = recognise_dialect(tmp_path / "a.csv", ["text", "label"])
    assert dialect == Dialect("utf-8", delimiter, quoting)


def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\ntext;label\nFine;1\n")
    table = read_table(tmp_path / "a.csv", ["text"])
    assert (table.columns["text"].values, table.columns["text"].places) == (["Fine"], ["line 3"])


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
    assert recognise_encoding(tmp_path / "a.csv") == recognised


def test_two_encodings_that_fit_are_refused_with_their_readings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\nTrès bien,pos\nFür mich,neg\n".encode("cp1252"))
    with pytest.raises(ValueError, match="can be read in two ways") as error:
        recognise_encoding(tmp_path / "a.csv")
    assert "set data.encoding" in str(error.value)
    assert recognise_encoding(tmp_path / "a.csv", "cp1252") == "cp1252"


@pytest.mark.parametrize(
    ("content", "wanted", "shown"),
    [
        ("id;text;note,text\n1;Fine;ok,Dull\n", Wanted(delimiter=","), ["delimiter comma", "semicolon"]),
        ('text,label\nC:\\"x,1\n', Wanted(quoting="doubled"), ["quotes doubled", "quotes backslash"]),
    ],
)
def test_two_ways_that_fit_are_refused_with_their_readings(
    tmp_path: Path, content: str, wanted: Wanted, shown: list[str]
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match="can be read in two ways") as error:
        recognise_dialect(tmp_path / "a.csv", ["text"])
    assert all(text in str(error.value) for text in shown)
    dialect = recognise_dialect(tmp_path / "a.csv", ["text"], wanted)
    assert (dialect.delimiter, dialect.quoting) == (",", "doubled")


def test_packed_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(b'{"text": "Fine"}\n'))
    assert read_table(tmp_path / "a.jsonl.zst", ["text"]).columns["text"].values == ["Fine"]
    (tmp_path / "a.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"a\.csv\.gz can't be unpacked"):
        read_table(tmp_path / "a.csv.gz", ["text"])


def test_a_long_file_in_another_encoding_is_not_cut_within_a_character(tmp_path: Path) -> None:
    """A Chinese character has two bytes; one blank more moves where a sample of 65,536 bytes would end."""
    lines = [f"{'x' * (row % 2)}这部电影非常好看,演员的表演令人感动,{row % 2}" for row in range(4_000)]
    content = "text,label\n" + "\n".join(lines)
    for blank in ("", " "):
        (tmp_path / "a.csv").write_bytes((content + blank).encode("gb18030"))
        assert recognise_encoding(tmp_path / "a.csv") in ("gb18030", "gbk", "gb2312")
        content = content.replace("x这", " 这")
