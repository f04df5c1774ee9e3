"""What is found in a data set before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.commands import check as command
from pipeline.params import Params
from pipeline.reviews.findings import check, lines_of
from pipeline.reviews.sources import file

LONG = "the plot of this film is one that i have seen so many times before in other films of its kind {}"


def checked(params: Params, path: Path, rows: list[str]) -> dict[str, Any]:
    path.write_text("text,label,split\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    values = {"data.source": "file", "data.path": str(path), "data.split_column": "split"}
    return check(file.load(params.replace(values).data, seed=1), vocab_size=10_000, max_length=10)


def filler(count: int, split: str = "train") -> list[str]:
    """Reviews that differ, of two classes."""
    return [f"film {split}{row} shown,{row % 2},{split}" for row in range(count)]


def finding(found: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [each for each in found["findings"] if each["name"] == name]
    return one


@pytest.mark.parametrize(
    ("rows", "name", "count", "example"),
    [
        (["!!!,1,train"], "texts without a word", 1, "line 2"),
        (["Good one,1,train", "good ONE!,1,train"], "duplicates of an earlier text", 1, "line 2 and line 3"),
        (["Good one,1,train", "good one,0,train"], "texts that stand in two classes", 1, "line 2 and line 3"),
        (["Good one,1,train", "good one,1,test"], "texts that stand in two splits", 1, "line 2 and line 3"),
        (
            [f"{LONG.format('indeed')},1,train", f"{LONG.format('sadly')},1,train"],
            "pairs of nearly the same text",
            1,
            "line 2 and line 3",
        ),
        (["这部电影非常好看 推荐大家去看,1,train"], "texts without blanks between words", 1, "line 2"),
        (["Good<br />film &amp; plot,1,train"], "texts with HTML in them", 1, "line 2: <br />"),
        (["good " * 501 + ",1,train"], "texts ten times as long as most", 1, "line 2"),
    ],
)
def test_what_is_found_has_its_count_and_place(
    params: Params, tmp_path: Path, rows: list[str], name: str, count: int, example: str
) -> None:
    other = filler(12) + filler(8, "test")
    without = checked(params, tmp_path / "a.csv", other)
    assert name not in [each["name"] for each in without["findings"]]
    found = finding(checked(params, tmp_path / "a.csv", rows + other), name)
    assert found["count"] == count
    assert example in found["examples"][0]
    assert found["advice"]


def test_texts_without_blanks_are_told_of_the_tokens_that_suit_them(params: Params, tmp_path: Path) -> None:
    rows = [
        "这部电影非常好看 推荐大家去看,1,train",
        *[f"n{row} 好,1,train" for row in range(9)],
        *filler(12),
        *filler(8, "test"),
    ]
    name = "texts without blanks between words"
    found = checked(params, tmp_path / "a.csv", rows)
    assert "set data.tokens to characters" in finding(found, name)["advice"]
    found = checked(
        params.replace({"data.source": "file", "data.tokens": "characters"}), tmp_path / "a.csv", rows
    )
    assert name not in [each["name"] for each in found["findings"]]
    lines = lines_of(found)
    assert any(line.startswith("characters of a text: shortest") for line in lines)
    assert finding(found, "characters that give the label away")["count"] == 1


def test_classes_sizes_cuts_and_words_that_give_the_label_away(params: Params, tmp_path: Path) -> None:
    rows = [f"n{row} pos rated,1,train" for row in range(6)] + [
        f"n{row + 6} dull,0,train" for row in range(30)
    ]
    found = checked(params, tmp_path / "a.csv", [*rows, "fine,1,test", "dull,0,test"])
    assert found["classes"]["train"] == {"0": 30, "1": 6}
    assert finding(found, "class 1 has 18.4% of the reviews")["count"] == 7
    assert finding(found, "few test reviews")["count"] == 2
    given_away = finding(found, "words that give the label away")
    assert given_away["examples"][0] == "'dull': in 30 of 30 reviews of class 0, in 0 of others"
    assert given_away["count"] == 3
    assert found["unknown_share"]["others"] == 0.5
    assert any("train: 36 rows: 0 30 (83.3%), 1 6 (16.7%)" in line for line in lines_of(found))


def test_words_that_signs_make_are_said_with_their_share(params: Params, tmp_path: Path) -> None:
    signs = ["So :)", "So ;-(", "I <3 it", "in C++.", "in C#", "an A+ film", "Well ^_^"]
    none = ["a: b", "http://x", "x <br> y", "1) it; (so)", "#1 of 2+2", "Mr. T + co", "so:)now"]
    rows = [f"{text} n{row},1,train" for row, text in enumerate(signs + none)]
    found = checked(params, tmp_path / "a.csv", [*rows, *filler(6), *filler(8, "test")])
    told = finding(found, "texts with words made of signs")
    assert told["count"] == 7
    assert told["advice"].startswith("25.0% of the texts") and "data.tokens" in told["advice"]
    assert told["examples"][:4] == [":) in 1 texts", ";-( in 1 texts", "<3 in 1 texts", "C++ in 1 texts"]
    of_characters = params.replace({"data.source": "file", "data.tokens": "characters"})
    found = checked(of_characters, tmp_path / "a.csv", [*rows, *filler(6), *filler(8, "test")])
    assert "texts with words made of signs" not in [each["name"] for each in found["findings"]]


def test_an_address_in_angle_brackets_is_no_markup(params: Params, tmp_path: Path) -> None:
    rows = ["Write to <dan@example.org> or a < b > c,1,train", *filler(12), *filler(8, "test")]
    found = checked(params, tmp_path / "a.csv", rows)
    assert "texts with HTML in them" not in [each["name"] for each in found["findings"]]


def test_the_command_is_told_how_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sms.tsv").write_text('ham\t"Hi\nspam\tWin 27"\nspam\tNA\nham\tSo so\nham\tFine\nspam\tBuy\n')
    monkeypatch.chdir(Path(__file__).parents[2])
    arguments = [str(tmp_path / "sms.tsv"), "--text-column", "2", "--label-column", "1", "--quoting", "none"]
    arguments += ["--missing", "", "--output", str(tmp_path / "check.json")]
    done = CliRunner().invoke(command.check, arguments, catch_exceptions=False)
    assert "sms.tsv: utf-8, delimiter tab, no quoting" in done.output
    assert "values that often mean that there is none: 1" in done.output
