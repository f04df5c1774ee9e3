"""Stage download: from a source to data/raw, as flat arrays, a vocabulary and the data set's facts."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from pipeline.params import Params
from pipeline.reviews import findings as checking
from pipeline.reviews.sources import load_dataset, load_unlabelled
from pipeline.runtime.files import write_arrays, write_json
from pipeline.runtime.live import clear_all, waiting, wrap
from pipeline.runtime.paths import RAW_CHECK, RAW_DATASET, RAW_REVIEWS, RAW_UNLABELLED, RAW_VOCABULARY


def run(params: Params) -> None:
    """Brings ``params.data``'s reviews and writes data/raw.

    reviews.npz, vocabulary.json, dataset.json, check.json (what there is to see in them, which is printed
    too), and unlabelled.npz (``tokens`` int32, ``offsets`` int64), which may hold no review. Everything is
    read and checked before the first file is written, so a failure leaves what was there.

    Raises:
        UserError: if the reviews can't be had, or are not what they must be.
    """
    with waiting("download: the reviews are brought, encoded and looked at"):
        dataset = load_dataset(params, warn, note)
        unlabelled, of_unlabelled = load_unlabelled(params.data, dataset, note)
        facts = dataset.facts(params.data.source) | {"unlabelled": of_unlabelled}
        write_arrays(RAW_REVIEWS, **dataset.arrays())
        write_arrays(RAW_UNLABELLED, tokens=unlabelled.tokens, offsets=unlabelled.offsets)
        dataset.vocabulary.save(RAW_VOCABULARY)
        write_json(RAW_DATASET, facts)
        checked = checking.check(dataset)
        write_json(RAW_CHECK, checked)
    sizes = ", ".join(f"{size:,} {split}" for split, size in facts["sizes"].items())
    words = f"{facts['words']:,} {facts['tokens']}; {facts['digest'][:19]}"
    print(wrap(f"download: {facts['name']}: {sizes}, {len(unlabelled):,} unlabelled reviews, {words}"))
    for line in checking.lines_of(checked, with_examples=False):
        note(line)
    if checked["findings"]:
        note(f"examples of each finding (!) are in {RAW_CHECK}")


def note(message: str) -> None:
    """A line or more on standard error."""
    clear_all()
    print(wrap(f"download: {message}"), file=sys.stderr)


def warn(message: str) -> None:
    """Prints a box on standard error that nobody misses."""
    clear_all()
    title = "WARNING: not the data set that was asked for"
    Console(stderr=True).print(Panel(Text(message), title=title, border_style="bold red", padding=(1, 2)))
