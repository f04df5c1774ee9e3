"""What a careful person looks at before training: a data set's figures, and what there is to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.reviews.dataset import Dataset
from pipeline.reviews.encoding import digest
from pipeline.reviews.near_duplicates import near_pairs
from pipeline.reviews.splitting import TEST, TRAIN
from pipeline.reviews.tokenizing import WORDS
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID

EXAMPLES = 5
SMALL_CLASS = 0.4  # of an even share: below, accuracy says little of the class
FEW_TEST_REVIEWS = 300  # the 95 % interval of an accuracy of 0.8 is then 9 points wide
FEW_TRAINING_REVIEWS = 1_000
TELLTALE_SHARE = 0.99  # of the reviews with a word that are of one class
TELLTALE_REVIEWS = 0.2  # of a class's reviews that must have the word
LONG = 500  # words that a text must have to be called very long
_COMPARED_REVIEWS = 100_000  # telltale words are looked for among so many
# Scripts that put no blanks between words: Thai to Khmer, kana, Chinese characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
Findings = list[dict[str, Any]]


def _finding(name: str, count: int, advice: str, examples: Sequence[str] = ()) -> Findings:
    """One thing to look at, as JSON holds it, with some of its examples; nothing where there is none."""
    shown = list(examples[:EXAMPLES])
    return [{"name": name, "count": count, "advice": advice, "examples": shown}] if count else []


class _EveryReview:
    """The reviews of all splits, counted through, the training ones first; none is copied."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.parts = dict(sorted(dataset.splits.items(), key=lambda part: part[0] != TRAIN))
        self.places = [
            place
            for name, part in self.parts.items()
            for place in dataset.places.get(name) or [f"{name} review {row}" for row in range(len(part))]
        ]
        self.lengths = np.concatenate([part.lengths for part in self.parts.values()])
        self.labels = np.concatenate([part.labels for part in self.parts.values()])
        self.splits = np.repeat(list(self.parts), [len(part) for part in self.parts.values()])
        self.tokens = dataset.vocabulary.tokenizer.kind

    def review(self, row: int) -> np.ndarray:
        for part in self.parts.values():
            if row < len(part):
                return part.review(row)
            row -= len(part)
        raise IndexError(row)

    def rows(self) -> Iterator[tuple[str, int, np.ndarray]]:
        """The split, the row in it, and the tokens of each review."""
        for name, part in self.parts.items():
            for row in range(len(part)):
                yield name, row, part.review(row)

    def found(self, name: str, advice: str, found: Iterable[Any]) -> Findings:
        """A finding of rows, or of pairs of rows."""
        rows = [row if isinstance(row, tuple) else (row,) for row in found]
        examples = []
        for each in rows[:EXAMPLES]:
            shown = self.dataset.vocabulary.decode(self.review(each[0])[:12])
            shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
            examples.append(f"{' and '.join(self.places[row] for row in each)}: {shown}")
        return _finding(name, len(rows), advice, examples)


def check(dataset: Dataset, vocab_size: int | None = None, max_length: int | None = None) -> dict[str, Any]:
    """Facts and findings as JSON can hold them.

    Args:
        dataset: as its source gives it.
        vocab_size: ``pad.vocab_size``; ids from there on are unknown words. None: all words of the
            training reviews are known.
        max_length: ``pad.max_length``; START_ID takes one place of it. None where texts are not cut.

    Returns:
        ``rows`` and ``classes`` by split, ``tokens`` (words, characters or subwords), ``lengths`` (their
        quantiles), ``cut_share`` and ``unknown_share`` (None where ``max_length`` or ``vocab_size`` is), and
        ``findings``.
    """
    every = _EveryReview(dataset)
    quantiles = np.quantile(every.lengths, [0, 0.5, 0.9, 0.99, 1]).tolist()
    cut = None if max_length is None else int((every.lengths > max_length - 1).sum())
    return {
        "name": dataset.name,
        "rows": {name: len(reviews) for name, reviews in dataset.splits.items()},
        "rows_skipped": dataset.reading.get("rows_skipped", 0),
        "classes": {
            split: {name: int((reviews.labels == number).sum()) for number, name in enumerate(dataset.labels)}
            for split, reviews in dataset.splits.items()
        },
        "tokens": every.tokens,
        "lengths": dict(zip(("shortest", "median", "90 %", "99 %", "longest"), quantiles, strict=True)),
        "cut_share": None if cut is None else cut / len(every.lengths),
        "unknown_share": None if vocab_size is None else _unknown_shares(every, vocab_size),
        "findings": [
            *_reading(dataset),
            *_classes(every),
            *_sizes(every),
            *_lengths(every, cut or 0, max_length),
            *_same_texts(every),
            *_near_duplicates(every),
            *_find_unspaced(every),
            *_markup(dataset),
            *_telltales(every),
        ],
    }


def lines_of(checked: dict[str, Any], with_examples: bool = True) -> list[str]:
    """What :func:`check` gave, as lines to print."""
    lines = []
    for split, counts in checked["classes"].items():
        total = max(sum(counts.values()), 1)
        shares = ", ".join(f"{name} {count:,} ({count / total:.1%})" for name, count in counts.items())
        lines.append(f"{split}: {checked['rows'][split]:,} rows: {shares}")
    lengths = ", ".join(f"{name} {value:,.0f}" for name, value in checked["lengths"].items())
    lines.append(f"{checked['tokens']} of a text: {lengths}")
    if checked["cut_share"] is not None:
        lines.append(f"{checked['cut_share']:.1%} of the texts are cut")
    if checked["unknown_share"] is not None:
        unknown = ", ".join(f"{share:.1%} in {split}" for split, share in checked["unknown_share"].items())
        lines.append(f"unknown {checked['tokens']}: {unknown}")
    if checked["rows_skipped"]:
        lines.append(f"{checked['rows_skipped']:,} rows can't be used and were skipped")
    for finding in checked["findings"]:
        lines.append(f"! {finding['name']}: {finding['count']:,}. {finding['advice']}")
        if with_examples:
            lines += [f"    {example}" for example in finding["examples"]]
    return lines if checked["findings"] else [*lines, "nothing else was found"]


def _unknown_shares(every: _EveryReview, vocab_size: int) -> dict[str, float]:
    """The share of unknown words in the training reviews, and in all others."""
    tokens = {TRAIN: [every.parts[TRAIN].tokens]}
    tokens["others"] = [part.tokens for name, part in every.parts.items() if name != TRAIN]
    unknown = {
        kind: sum(int(np.count_nonzero((part == OOV_ID) | (part >= vocab_size))) for part in parts)
        for kind, parts in tokens.items()
    }
    return {
        kind: unknown[kind] / count if (count := sum(map(len, parts))) else 1.0
        for kind, parts in tokens.items()
    }


def _reading(dataset: Dataset) -> Findings:
    """What was decided about the source's files while they were read."""
    findings: Findings = []
    for name, key, advice in (
        ("hidden files passed over", "passed_over", "rename them, if they are reviews"),
        ("labels in several spellings", "merged_labels", "each line is one class: spell two classes apart"),
        ("values that often mean that there is none", "like_missing", "data.missing names those that do"),
    ):
        lines = dataset.reading.get(key, [])
        findings += _finding(name, len(lines), advice, lines)
    count = dataset.reading.get("texts_with_signs", 0)
    share = count / max(sum(map(len, dataset.splits.values())), 1)
    signs = [f"{sign} in {texts:,} texts" for sign, texts in dataset.reading.get("signs", {}).items()]
    advice = (
        f"{share:.1%} of the texts: as words their signs are left out, so that C++ is c; "
        "set data.tokens to characters or subwords if they tell the classes apart"
    )
    return findings + _finding("texts with words made of signs", count, advice, signs)


def _classes(every: _EveryReview) -> Findings:
    names = every.dataset.labels
    counts = np.bincount(every.labels, minlength=len(names))
    advice = (
        f"always saying {names[int(counts.argmax())]} is right in {counts.max() / counts.sum():.1%}: "
        "read balanced accuracy and F1, not accuracy, or collect more of the class"
    )
    findings: Findings = []
    for name, count in zip(names, counts.tolist(), strict=True):
        if count < SMALL_CLASS * counts.sum() / len(names):
            findings += _finding(f"class {name} has {count / counts.sum():.1%} of the reviews", count, advice)
    return findings


def _sizes(every: _EveryReview) -> Findings:
    of_training = "a bag of words usually does better than a network"
    of_test = (
        "an accuracy is uncertain by 5 points or more to each side; `python -m studies cross-validate` "
        "judges the network on all reviews in turn"
    )
    findings: Findings = []
    for split, least, why in ((TRAIN, FEW_TRAINING_REVIEWS, of_training), (TEST, FEW_TEST_REVIEWS, of_test)):
        advice = f"with fewer than {least:,}, {why}: collect more, or compare models with great care"
        if (count := len(every.parts[split])) < least:
            findings += _finding(f"few {split} reviews", count, advice)
    return findings


def _lengths(every: _EveryReview, cut: int, max_length: int | None) -> Findings:
    lengths = every.lengths
    advice = f"pad.max_length is {max_length}: more costs time, and lets the network read to the end"
    return [
        *every.found(
            f"texts without a {every.tokens.removesuffix('s')}", "take them out", np.flatnonzero(lengths == 0)
        ),
        *every.found(
            "texts ten times as long as most",
            "look whether several texts ran together (a quote that is not closed does that)",
            np.flatnonzero(lengths > max(10 * np.median(lengths), LONG)),
        ),
        *_finding("texts that are cut", cut if cut > 0.5 * len(lengths) else 0, advice),
    ]


def _same_texts(every: _EveryReview) -> Findings:
    firsts: dict[bytes, int] = {}
    same: list[tuple[int, int]] = []
    for row, (name, place, tokens) in enumerate(every.rows()):
        if len(tokens):
            # Equal for the same words, known to the vocabulary or not.
            key = every.dataset.unknown_keys.get(name, {}).get(place) or digest(tokens)
            if firsts.setdefault(key, row) != row:
                same.append((firsts[key], row))
    labels, splits = every.labels, every.splits
    return [
        *every.found("duplicates of an earlier text", "keep one of each", same),
        *every.found(
            "texts that stand in two classes",
            "decide which label is right",
            [pair for pair in same if labels[pair[0]] != labels[pair[1]]],
        ),
        *every.found(
            "texts that stand in two splits",
            "the pad stage takes them out of training; look where they come from",
            [pair for pair in same if splits[pair[0]] != splits[pair[1]]],
        ),
    ]


def _near_duplicates(every: _EveryReview) -> Findings:
    pairs = near_pairs(every.review, every.lengths)
    across = sum(every.splits[one] != every.splits[other] for one, other in pairs)
    advice = f"{across:,} of them across two splits, where they make results look better than they are"
    return every.found(
        "pairs of nearly the same text", advice if across else "none lies in two splits", pairs
    )


def _find_unspaced(every: _EveryReview) -> Findings:
    words = every.dataset.vocabulary.words
    flagged = np.zeros(len(words) + INDEX_FROM + 1, bool)
    flagged[INDEX_FROM + 1 :] = [bool(_UNSPACED.search(word)) for word in words]
    if every.tokens != WORDS or not flagged.any():
        return []
    counts = np.array([np.count_nonzero(flagged[tokens]) for _, _, tokens in every.rows()])
    return every.found(
        "texts without blanks between words",
        "a whole sentence counts as one word, which no other text has: set data.tokens to characters, or to "
        "subwords",
        np.flatnonzero(counts > 0.3 * np.maximum(every.lengths, 1)),
    )


def _markup(dataset: Dataset) -> Findings:
    found = [
        f"{dataset.places[split][row]}: {markup}"
        for split, by_row in dataset.markup.items()
        for row, markup in by_row.items()
    ]
    advice = "its names are read as words: take it out, or know that served texts must have it too"
    return _finding("texts with HTML in them", len(found), advice, found)


def _telltales(every: _EveryReview) -> Findings:
    """Words that many reviews of one class have and hardly one of another."""
    names, training = every.dataset.labels, every.parts[TRAIN]
    reviews = training.select(np.arange(min(len(training), _COMPARED_REVIEWS)))
    size = len(every.dataset.vocabulary) + INDEX_FROM + 1
    by_class = np.zeros((len(names), size), np.int64)  # how many reviews of a class have each token
    for label in range(len(names)):
        part = reviews.select(np.flatnonzero(reviews.labels == label))
        once = np.unique(np.repeat(np.arange(len(part)) * size, part.lengths) + part.tokens)
        by_class[label] = np.bincount(once % size, minlength=size)
    totals = np.maximum(np.bincount(reviews.labels, minlength=len(names)), 1)
    strongest, most = by_class.argmax(0), by_class.max(0)
    telltale = (most >= TELLTALE_SHARE * by_class.sum(0)) & (most >= TELLTALE_REVIEWS * totals[strongest])
    telltale[: INDEX_FROM + 1] = False
    found = np.flatnonzero(telltale & (most >= 5))
    found = found[np.argsort(-most[found], kind="stable")]
    examples = [
        f"{every.dataset.vocabulary.words[token - INDEX_FROM - 1]!r}: in {most[token]:,} of "
        f"{totals[strongest[token]]:,} reviews of class {names[strongest[token]]}, in "
        f"{by_class[:, token].sum() - most[token]:,} of others"
        for token in found[:EXAMPLES].tolist()
    ]
    advice = f"does the label stand in the text? Take such {every.tokens} out if served texts won't have them"
    return _finding(f"{every.tokens} that give the label away", len(found), advice, examples)
