"""The user's own reviews: a table, a folder of tables, or a folder of texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.params import CORPORA, DataParams
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.encoding import Encoder
from pipeline.reviews.labels import LEFT_OUT, UNUSABLE, Classes, classes_of, fold
from pipeline.reviews.ragged import Rows
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.encodings import COMPRESSIONS, kind_of
from pipeline.reviews.sources.files import SPLIT_NAMES, TEXT, hash_of, hidden_files, is_of_fasttext, split_of
from pipeline.reviews.sources.records import PlacedRow, Reader, problem_of, text_problem
from pipeline.reviews.sources.tools import MISSING_SPELLINGS
from pipeline.reviews.splitting import SPLITS, TEST, TRAIN, draw_stratified, require_every_label
from pipeline.reviews.tokenizing import WORDS
from pipeline.runtime.errors import UserError

LISTED = 20  # bad rows that a message or dataset.json shows
_ANY_DATASETS = ("all", "data", "dataset", "labelled", "labels", "reviews", "texts", "train")
EVERY = 100_000  # rows between two words of progress
READ = object()  # in the place of a text that was encoded as it was read
# HTML: tags, and the commonest entities.
_MARKUP = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,20}(?:[\s/][^<>]{0,80})?>|&(?:amp|lt|gt|quot|nbsp|#\d{2,5});")
# Words that their signs make: emoticons, C++, C#, A+. What Keras' words leave out of a text.
_SIGNS = re.compile(
    r"[:;=<^](?<!\S.)(?:[-o*'^]?[)(\[\]DPp/\\|@3*]|[-_.]\^|/3)(?!\w)|[+#](?<=\b[A-Za-z].)\+?(?!\w)"
)


@dataclass
class EncodedTable:
    """Columns of a file, or of all files of a folder, the texts encoded as they were read.

    Attributes:
        path: the file or folder.
        values: by column; ``READ`` for a text that can be used.
        places: where each row stands: ``line 7``, ``b.parquet, row 3``.
        files: the file of each row, as a path in the folder.
        formats: how each file is written: ``{"a.csv": "utf-8, delimiter comma, quotes doubled"}``.
        faults: what is wrong with a row, by its number; the first fault counts.
        unreadable: what is wrong with records that are no row.
        markup: what looks like HTML in a text, by its row.
        like_missing: how many values of a column often mean that there is none.
        signs: in how many texts the first word that its signs make, such as ``:)`` or ``C++``, is this one.
    """

    path: Path
    values: dict[str, list[Any]]
    places: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    markup: dict[int, str] = field(default_factory=dict)
    like_missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)

    def blame(self, row: int, name: str, problem: str) -> None:
        """Notes a fault of a row."""
        self.faults.setdefault(row, problem_of(name, self.values[name][row], problem))

    def usable(self, bad_rows: str) -> tuple[Rows, list[str]]:
        """The rows without a fault, ascending, and what was wrong with each of the others.

        Raises:
            UserError: if there are faults and ``bad_rows`` is error, naming up to LISTED of them; if no row
                is left.
        """
        bad = [*self.unreadable, *(f"{self.places[row]}: {self.faults[row]}" for row in sorted(self.faults))]
        if bad and bad_rows == "error":
            self._refuse(bad, "can't be used: correct them, or set data.bad_rows to skip to leave them out")
        if len(self.faults) == len(self.places):
            raise UserError(
                f"{self.path}: none of its {len(bad):,} rows can be used, the first because of {bad[0]}"
            )
        return np.setdiff1d(np.arange(len(self.places)), np.array(list(self.faults), np.int64)), bad

    def require_decided(self, name: str, form: Format, what: str) -> None:
        """Raises UserError if values often mean that there is none, and nobody has said if they do here."""
        values = zip(self.places, self.values[name], strict=True)
        bad = [(place, value, doubt) for place, value in values if (doubt := form.doubt(value, what))]
        if bad:
            self._refuse([f"{place}: column {name!r} is {value!r}" for place, value, _ in bad], bad[0][2])

    def _refuse(self, bad: Sequence[str], problem: str) -> None:
        rows = "1 row" if len(bad) == 1 else f"{len(bad):,} rows"
        rows += f", of which {LISTED} are shown," if len(bad) > LISTED else ""
        raise UserError("\n".join([*(f"{self.path}, {line}" for line in bad[:LISTED]), f"{rows} {problem}"]))

    def splits_of_files(self) -> list[str | None]:
        """The split of each row by its file's name or folder: train.csv, test-0.parquet, validation/a.csv.

        Raises:
            UserError: if some files of the folder are named so and others are not, or texts' folders are
                named after splits alone.
        """
        if not self.files or not self.path.is_dir():
            return []
        of_texts = kind_of(Path(self.files[0])) == TEXT and not is_of_fasttext(self.path / self.files[0])
        splits = {file: split_of(file, of_texts) for file in dict.fromkeys(self.files)}
        unnamed = [file for file, split in splits.items() if split is None]
        if of_texts and all(Path(file).parent.name.lower() in SPLIT_NAMES for file in splits):
            raise UserError(
                f"{self.path}: the folders of its texts are named after splits, and none after a label: make "
                "folders of labels in each, such as train/pos and train/neg"
            )
        if len(unnamed) == len(splits):
            return []
        if unnamed:
            raise UserError(
                f"{self.path}: {next(file for file in splits if splits[file])} is named after a split, but "
                f"{unnamed[0]} is not: name all after train, validation or test, or none; reviews without "
                "labels belong into a file or folder of their own, which data.unlabelled_path names"
            )
        return [splits[file] for file in self.files]


def read_table(
    path: Path,
    names: Sequence[str],
    form: Format,
    add: Callable[[str], None],
    option: str = "data.path",
    say: Callable[[str], None] = lambda _: None,
) -> EncodedTable:
    """The columns ``names`` of a file or a folder's files, the texts' first; each text goes to ``add``.

    Raises:
        UserError: if the file is missing, of another kind, empty, can't be read, or lacks a column.
    """
    table = EncodedTable(path, {name: [] for name in names})
    seen: dict[str, str] = {}  # a million labels are a few objects

    def refuse(place: str, problem: str, _record: Any) -> None:
        table.unreadable.append(f"{place}: {problem}")

    reader = Reader(names, form, option, refuse=refuse, all_columns=False)
    for number, (place, row) in enumerate(reader.read_all(path)):
        table.places.append(place)
        table.files.append(reader.file)
        table.formats[reader.file] = reader.written
        text: Any = row.get(names[0])
        problem = text_problem(text, form)
        add("" if problem else text)
        for name in names:
            value = row.get(name)
            if isinstance(value, str):
                value = seen.setdefault(value, value) if name != names[0] else value
                if value in MISSING_SPELLINGS:
                    table.like_missing[name, value] += 1
            table.values[name].append(READ if name == names[0] and not problem else value)
        if problem:
            table.blame(number, names[0], problem)
        else:
            if ("<" in text or "&" in text) and (found := _MARKUP.search(text)):
                table.markup[number] = found[0]
            if found := _SIGNS.search(text):
                table.signs[text[found.start() - (found[0][0] in "+#") : found.end()]] += 1
        if (number + 1) % EVERY == 0:
            say(f"{path.name}: {number + 1:,} rows read")
    if not table.places and not table.unreadable:
        raise UserError(f"{path} holds no review: give a file with some")
    table.require_decided(names[0], form, "a text")
    return table


def load(params: DataParams, seed: int, say: Callable[[str], None] = lambda _: None) -> Dataset:
    """The reviews of ``params.path``; the vocabulary comes from its training reviews.

    Without a split column the files of a folder may tell the splits; else the test reviews are drawn, by
    label, with ``seed``. ``say`` is told of progress.

    Raises:
        UserError: naming file, column, line or row, and value, for anything that can't be used.
    """
    path, form = Path(params.path), Format.of(params)
    of_text, of_label = str(params.text_column), str(params.label_column)
    of_split = None if params.split_column is None else str(params.split_column)
    encoder = Encoder(params.tokens, params.subwords)
    table = read_table(path, [of_text, of_label, *filter(None, [of_split])], form, encoder.add, say=say)
    values = table.values[of_label]
    if params.labels is None:
        table.require_decided(of_label, form, "a class")
    with _errors_of(f"{path}: column {of_label!r}"):
        known = any(fold(value) is not None for value in values)
        classes = classes_of(values, params.labels) if known else Classes()
    numbers = np.array([classes.numbers.get(fold(value) or "", UNUSABLE) for value in values], np.int8)
    for row in np.flatnonzero(numbers == UNUSABLE).tolist():
        table.blame(row, of_label, _label_problem(values[row], classes))
    if of_split:
        splits = [SPLIT_NAMES.get(str(value).strip().lower()) for value in table.values[of_split]]
        for row, split in enumerate(splits):
            if split is None:
                table.blame(row, of_split, "is no split: use train, test and, if you like, validation")
    else:
        splits = table.splits_of_files()
    kept, skipped = table.usable(params.bad_rows)
    kept = kept[numbers[kept] != LEFT_OUT]
    with _errors_of(str(path)):
        if splits:
            of_rows = np.array([splits[row] for row in kept.tolist()])
            rows = {split: kept[of_rows == split] for split in SPLITS if split in of_rows}
            for needed in [split for split in (TRAIN, TEST) if split not in rows]:
                raise UserError(
                    f"{f'column {of_split!r} puts' if of_split else 'the file names put'} no review into "
                    f"{needed}: name train and test reviews, or set data.split_column to null and name no "
                    "file after a split, to split at random"
                )
        else:
            test = kept[draw_stratified(numbers[kept], params.test_fraction, seed, classes.names)]
            rows = {TRAIN: np.setdiff1d(kept, test), TEST: test}
        for name in rows:
            require_every_label(numbers[rows[name]], name, classes.names)
    vocabulary, reviews, unknown = encoder.splits(rows, numbers)
    return Dataset(
        name=params.name or dataset_name(path),
        source={"file": path.name, "hash": hash_of(path)},
        splits=reviews,
        vocabulary=vocabulary,
        citation=f"the user's own file {path.name}",
        licence="the user's own",
        labels=classes.names,
        unknown_keys=unknown,
        markup={
            name: {at: table.markup[row] for at, row in enumerate(chosen.tolist()) if row in table.markup}
            for name, chosen in rows.items()
        },
        places={name: [table.places[row] for row in chosen] for name, chosen in rows.items()},
        reading={
            "formats": _in_few_lines(table.formats),
            "rows_skipped": len(skipped),
            "skipped": skipped[:LISTED],
            "rows_left_out": int((numbers == LEFT_OUT).sum()),
            "passed_over": hidden_files(path),
            "merged_labels": list(classes.merged),
            "like_missing": [
                f"{value!r} in column {name!r}: {count:,}"
                for (name, value), count in table.like_missing.items()
            ],
            "signs": dict(table.signs.most_common(LISTED)) if params.tokens == WORDS else {},
            "texts_with_signs": table.signs.total() if params.tokens == WORDS else 0,
        },
    )


def rows_of(params: DataParams) -> Iterator[PlacedRow]:
    """The rows of ``params.path`` as they stand there, at the places that a data set names."""
    names = [str(params.text_column), str(params.label_column)]
    yield from Reader(names, Format.of(params), refuse=lambda *_: None).read_all(Path(params.path))


def dataset_name(path: Path) -> str:
    """The file's stem, in characters fit for a registered model's name; never another source's name.

    A stem that any data set may have, such as ``train``, comes after the folder's: ``spam-train``.
    """
    name = path.with_suffix("").stem if path.suffix.lower() in COMPRESSIONS else path.stem
    if name.lower() in _ANY_DATASETS and path.parent.name:
        name = f"{path.parent.name}-{name}"
    name = re.sub(r"[^\w.-]+", "-", name)
    return f"{name}-file" if name in CORPORA else name


def _label_problem(value: object, classes: Classes) -> str:
    if isinstance(value, list) and value:
        return f"holds {len(value)} labels, but a review has one: leave one of them"
    if fold(value) is None:
        return "is no label: fill it in, or take the review out"
    return f"is no label: data.labels names {', '.join(map(repr, classes.numbers))}"


@contextmanager
def _errors_of(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def _in_few_lines(formats: dict[str, str]) -> dict[str, str]:
    """How files are written; of more than a few, how many are written alike, under the first one's name."""
    if len(formats) <= LISTED:
        return formats
    counts, firsts = Counter(formats.values()), {form: file for file, form in reversed(formats.items())}
    return {f"{firsts[form]} and {count - 1:,} more": form for form, count in counts.items()}
