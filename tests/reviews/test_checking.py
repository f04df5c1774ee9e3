"""What is found in a data set before training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.commands import check as command
from pipeline.reviews.findings import check, lines_of
from reviews.own_files import load, table, write

LONG = "the plot of this film is one that i have seen so many times before in other films of its kind {}"
MARKUP, SIGNS = "texts with HTML in them", "texts with words made of signs"
UNSPACED, CHINESE = "texts without blanks between words", "这部电影非常好看 推荐大家去看,1,train"
# Reviews that differ, of two classes, in which nothing of what is looked for here is found.
OTHERS = [
    f"film {split}{row} shown,{row % 2},{split}"
    for split, count in (("train", 12), ("test", 8))
    for row in range(count)
]
Checked = Callable[..., tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """What is found in rows, and of that the findings by their names."""

    def of(rows: list[str], tokens: str = "words") -> tuple[dict[str, Any], dict[str, Any]]:
        path = write(tmp_path, "a.csv", table(rows, "text,label,split"))
        found = check(load(path, split_column="split", tokens=tokens), vocab_size=10_000, max_length=10)
        return found, {each["name"]: each for each in found["findings"]}

    return of


@pytest.mark.parametrize(
    ("rows", "name", "example"),
    [
        (["!!!,1,train"], "texts without a word", "line 2"),
        (["Good one,1,train", "good ONE!,1,train"], "duplicates of an earlier text", "line 2 and line 3"),
        (["Good one,1,train", "good one,0,train"], "texts that stand in two classes", "line 2 and line 3"),
        (["Good one,1,train", "good one,1,test"], "texts that stand in two splits", "line 2 and line 3"),
        (
            [f"{LONG.format(word)},1,train" for word in ("indeed", "sadly")],
            "pairs of nearly the same text",
            "line 2 and line 3",
        ),
        ([CHINESE], UNSPACED, "line 2"),
        (["Good<br />film &amp; plot,1,train"], MARKUP, "line 2: <br />"),
        (["good " * 501 + ",1,train"], "texts ten times as long as most", "line 2"),
    ],
)
def test_a_finding_has_its_count_and_place(
    checked: Checked, rows: list[str], name: str, example: str
) -> None:
    assert name not in checked(OTHERS)[1]
    found = checked(rows + OTHERS)[1][name]
    assert found["count"] == 1
    assert example in found["examples"][0]
    assert found["advice"]


def test_texts_without_blanks_are_told_of_the_tokens_that_suit_them(checked: Checked) -> None:
    rows = [CHINESE, *[f"n{row} 好,1,train" for row in range(9)], *OTHERS]
    assert "set data.tokens to characters" in checked(rows)[1][UNSPACED]["advice"]
    found, findings = checked(rows, "characters")
    assert UNSPACED not in findings
    assert any(line.startswith("characters of a text: shortest") for line in lines_of(found))
    assert findings["characters that give the label away"]["count"] == 1


def test_classes_sizes_cuts_and_words_that_give_the_label_away(checked: Checked) -> None:
    rows = [f"n{row} pos rated,1,train" for row in range(6)]
    rows += [f"n{row + 6} dull,0,train" for row in range(30)]
    found, findings = checked([*rows, "fine,1,test", "dull,0,test"])
    assert found["classes"]["train"] == {"0": 30, "1": 6}
    assert findings["class 1 has 18.4% of the reviews"]["count"] == 7
    assert findings["few test reviews"]["count"] == 2
    given_away = findings["words that give the label away"]
    assert given_away["examples"][0] == "'dull': in 30 of 30 reviews of class 0, in 0 of others"
    assert given_away["count"] == 3
    assert found["unknown_share"]["others"] == 0.5
    assert any("train: 36 rows: 0 30 (83.3%), 1 6 (16.7%)" in line for line in lines_of(found))


def test_words_that_signs_make_are_said_with_their_share(checked: Checked) -> None:
    signs = ["So :)", "So ;-(", "I <3 it", "in C++.", "in C#", "an A+ film", "Well ^_^"]
    none = ["a: b", "http://x", "x <br> y", "1) it; (so)", "#1 of 2+2", "Mr. T + co", "so:)now"]
    rows = [f"{text} n{row},1,train" for row, text in enumerate(signs + none)]
    rows += OTHERS[:6] + OTHERS[-8:]  # to 28 texts
    told = checked(rows)[1][SIGNS]
    assert told["count"] == 7
    assert told["advice"].startswith("25.0% of the texts") and "data.tokens" in told["advice"]
    assert told["examples"][:4] == [":) in 1 texts", ";-( in 1 texts", "<3 in 1 texts", "C++ in 1 texts"]
    assert SIGNS not in checked(rows, "characters")[1]


def test_an_address_in_angle_brackets_is_no_markup(checked: Checked) -> None:
    assert MARKUP not in checked(["Write to <dan@example.org> or a < b > c,1,train", *OTHERS])[1]


def test_the_command_is_told_how_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sms.tsv").write_text('ham\t"Hi\nspam\tWin 27"\nspam\tNA\nham\tSo so\nham\tFine\nspam\tBuy\n')
    monkeypatch.chdir(Path(__file__).parents[2])
    arguments = [str(tmp_path / "sms.tsv"), "--text-column", "2", "--label-column", "1", "--quoting", "none"]
    arguments += ["--missing", "", "--output", str(tmp_path / "check.json")]
    done = CliRunner().invoke(command.check, arguments, catch_exceptions=False)
    assert "sms.tsv: utf-8, delimiter tab, no quoting" in done.output
    assert "values that often mean that there is none: 1" in done.output
