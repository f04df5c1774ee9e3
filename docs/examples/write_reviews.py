"""Writes the reviews of the worked examples: `python docs/examples/write_reviews.py stars reviews.csv`.

The texts are made up here, of a few parts put together at random, the same each time. They are for trying the
pipeline out: what is learnt from them says nothing of any real text.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Row = tuple[str, str]  # text, label

GOOD = ["a delight", "moving", "very funny", "beautifully shot", "worth seeing twice", "full of life"]
BAD = ["a bore", "badly acted", "far too long", "hollow", "a waste of an evening", "without an idea"]
SUBJECTS = ["the plot is", "the cast is", "the music is", "the ending is", "the first hour is", "the film is"]

OFFERS = ["a free prize", "cheap tickets", "a cash award", "a new phone", "a holiday for two"]
CALLS = ["call now", "reply YES to claim", "visit our page today", "send your number", "claim it before noon"]
FRIENDS = ["are we still on for lunch", "the train is late again", "thanks for the book", "see you at eight"]
CLOSINGS = ["mum says hello", "bring the keys", "sleep well", "the phone shop was closed", "call me later"]

ASPECTS = ["剧情", "演员的表演", "音乐", "画面", "结尾", "节奏", "对白"]
PRAISE = ["非常精彩", "令人感动", "很有新意", "值得一看", "十分自然", "让人难忘"]
BLAME = ["非常无聊", "令人失望", "毫无新意", "不值一看", "十分生硬", "让人想睡"]
LINKS = [",而且", ",另外", ",同时", "。"]


def stars(draw: random.Random) -> Iterator[Row]:
    """900 reviews with 1 to 5 stars: of four statements, so many are good ones."""
    for number in range(900):
        rating = number % 5 + 1
        kinds = [GOOD] * (rating - 1) + [BAD] * (5 - rating)
        draw.shuffle(kinds)
        subjects = draw.sample(SUBJECTS, 4)
        said = [f"{subject} {draw.choice(kind)}" for subject, kind in zip(subjects, kinds, strict=True)]
        yield ", ".join(said).capitalize() + ".", str(rating)


def spam(draw: random.Random) -> Iterator[Row]:
    """1,200 messages, 8 in 100 of them spam; a few of either kind sound like the other."""
    for number in range(1200):
        is_spam = number % 25 in (3, 16)
        mixed = draw.random() < 0.1
        first = draw.choice(OFFERS if is_spam != mixed else FRIENDS)
        second = draw.choice(CALLS if is_spam else CLOSINGS)
        greeting = draw.choice(["hi", "hello", "dear customer", "hey", "good morning"])
        yield f"{greeting}, {first}, {second} {draw.randint(1, 99)}", "spam" if is_spam else "ham"


def chinese(draw: random.Random) -> Iterator[Row]:
    """600 reviews in Chinese, without a blank, of two or three statements that agree."""
    for number in range(600):
        verdicts = PRAISE if number % 2 else BLAME
        said = [f"{aspect}{draw.choice(verdicts)}" for aspect in draw.sample(ASPECTS, draw.randint(2, 3))]
        yield draw.choice(LINKS).join(said) + "。", "好评" if number % 2 else "差评"


KINDS: dict[str, Callable[[random.Random], Iterator[Row]]] = {
    "stars": stars,
    "spam": spam,
    "chinese": chinese,
}


def write(kind: str, path: Path) -> None:
    """Writes one kind as a CSV file with the columns text and label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(KINDS[kind](random.Random(0)))  # noqa: S311 - the same texts each time are wanted


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: python {sys.argv[0]} {'|'.join(KINDS)} FILE.csv")
    write(sys.argv[1], Path(sys.argv[2]))
