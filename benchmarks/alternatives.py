"""What a user would pick instead: a DistilBERT-shaped classifier, and fastText's supervised one.

    pip install '.[bench]'
    python -m benchmarks.alternatives

Ours is the champion of the data set in data/padded, from raw text to probability; fastText is fitted to the
same training reviews, its settings chosen on the same validation reviews. DistilBERT's weights are random,
which changes no time: its accuracy is the published one, and it is given token ids. All read 400 tokens.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.measure import measure, rate, time_each
from benchmarks.results import Section, table
from pipeline.params import load_params
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.splitting import chosen_by
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import METRICS, PADDED_DATASET, RAW_REVIEWS, RAW_VOCABULARY, padded_split

TOKENS, BULK, BATCH, SINGLE = 400, 64, 32, 10
PUBLISHED = "0.928, published"  # Sanh et al. (2019), "DistilBERT, a distilled version of BERT", on IMDb
Figures = dict[str, float]
COLUMNS = {
    "single": "one review, ms",
    "bulk": "reviews a second",
    "trained": "in training",
    "memory": "peak MB",
    "disk": "MB on disk",
}
MORE_IS_BETTER = ("bulk", "trained")


def main() -> None:
    """Measures and writes the section."""
    section = Section("alternatives", "What else one could take")
    ours = measure(champion, 1)
    flat = load_params().resolve(20_000, TOKENS).flat("model")
    settings = {**flat, "pad.padding": "post"}
    case = {"cell": flat["model.cell"], "units": flat["model.units"], "length": TOKENS, "settings": settings}
    ours["trained"] = 256 / min(measure(peers.ours, 1, **case).seconds)
    rows = [_row("ours, the champion", f"{read_json(METRICS)['test_accuracy']:.4f}", ours)]
    if find_spec("transformers") and find_spec("torch"):
        tried = {kind: measure(distilbert, 1, kind=kind) for kind in ("float32", "bfloat16")}
        kind, theirs = max(tried.items(), key=lambda found: found[1]["bulk"])
        theirs["trained"] = max(measure(train_distilbert, 1, kind=kind) for kind in tried)
        rows.append(_row(f"DistilBERT's shape, {kind}", PUBLISHED, theirs))
        ratios = {name: theirs[name] / ours[name] for name in COLUMNS}
        times = (1 / ratios[name] if name in MORE_IS_BETTER else ratios[name] for name in COLUMNS)
        rows.append(["times ours", "", *(f"{ratio:.3g}" for ratio in times)])
    if find_spec("fasttext"):
        theirs = measure(fasttext, 1)
        rows.append(_row("fastText, supervised", f"{theirs['accuracy']:.4f}", theirs))
    missing = [name for name in ("torch", "transformers", "fasttext") if not find_spec(name)]
    note = f"Not installed: {', '.join(missing)}." if missing else ""
    section.write(
        f"One core, {TOKENS} tokens a review; predictions of one review and of {BULK}; reviews a second in "
        f"training, in batches of 64 (DistilBERT {BATCH // 2}; fastText: reviews times passes by its "
        "seconds); memory of the process that predicts. fastText reads whole reviews; the best on validation "
        f"of rates 0.1 and 0.5, 5 and 25 passes, 1 to 3 words. {note}",
        table(["", "test accuracy", *COLUMNS.values()], rows),
    )


def _row(name: str, accuracy: str, found: Figures) -> list[str]:
    figures = (found[column] for column in COLUMNS)
    return [name, accuracy, *(f"{figure:,.3g}" if figure < 100 else f"{figure:,.0f}" for figure in figures)]


def _predicted(one: Callable[[int], object], many: Callable[[], object], disk: float) -> Figures:
    """Milliseconds of one review, reviews a second of BULK, in CPU time; and megabytes."""
    single = 1000 * statistics.median(time_each(one, range(SINGLE), time.process_time))
    bulk = max(rate(lambda _: many(), range(BULK), time.process_time))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"single": single, "bulk": bulk, "memory": memory, "disk": disk / 1e6}


def _split(name: str) -> tuple[list[str], np.ndarray]:
    """The whole reviews of a split of data/padded as text, and their labels."""
    arrays = read_arrays(padded_split(name))
    arrays = chosen_by(arrays) if name == "validation" else arrays
    raw = read_splits(read_arrays(RAW_REVIEWS))[read_json(PADDED_DATASET)["raw_splits"][name]]
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    reviews: Reviews = raw.select(arrays["rows"])
    return [vocabulary.decode(reviews.review(row)) for row in range(len(reviews))], arrays["labels"]


def champion() -> Figures:
    """The registered classifier, from text."""
    from pipeline.interface import load_champion  # noqa: PLC0415 - what each process imports counts
    from pipeline.serving.classifier import NETWORK  # noqa: PLC0415

    version = load_champion()
    classifier, size = version.texts, (version.folder / NETWORK).stat().st_size
    words = " ".join(_split("test")[0]).split()
    texts = [" ".join(words[start : start + TOKENS]) for start in range(0, BULK * TOKENS, TOKENS)]
    return _predicted(lambda number: classifier.score([texts[number]]), lambda: classifier.score(texts), size)


def _distilbert(kind: str) -> Any:
    import torch  # noqa: PLC0415 - optional packages
    from transformers import DistilBertConfig, DistilBertForSequenceClassification  # noqa: PLC0415

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network = DistilBertForSequenceClassification(DistilBertConfig())
    ids = torch.randint(1000, 30_000, (BULK, TOKENS))
    return torch, network.to(getattr(torch, kind)), ids


def distilbert(kind: str) -> Figures:
    """Six layers of 768, twelve heads, 66 million weights, as ``kind``."""
    torch, network, ids = _distilbert(kind)
    network.eval()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        network.save_pretrained(folder)
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        batches = ids.split(BATCH)
        return _predicted(
            lambda number: network(ids[number : number + 1]),
            lambda: [network(batch) for batch in batches],
            size,
        )


def train_distilbert(kind: str) -> float:
    """Reviews a second of the fastest of three steps of AdamW, after one that doesn't count."""
    torch, network, ids = _distilbert(kind)
    optimizer = torch.optim.AdamW(network.parameters(), 5e-5, fused=True)
    labels = torch.randint(0, 2, (BATCH // 2,))

    def step(_: int) -> None:
        optimizer.zero_grad()
        network(ids[: BATCH // 2], labels=labels).loss.backward()
        optimizer.step()

    return BATCH / 2 / min(time_each(step, range(3), time.process_time, uncounted=1))


def fasttext() -> Figures:
    """The best on validation reviews of a few settings; its accuracy is that of the test reviews."""
    import fasttext  # noqa: PLC0415 - an optional package

    splits = {name: _split(name) for name in ("train", "validation", "test")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, (texts, labels) in splits.items():
            lines = (f"__label__{label} {text}" for text, label in zip(texts, labels, strict=True))
            (folder / split).write_text("\n".join(lines), encoding="utf-8")
        best = -1.0
        for rate, epochs, words in product((0.1, 0.5), (5, 25), (1, 2, 3)):
            started = time.process_time()
            try:
                fitted = fasttext.train_supervised(
                    str(folder / "train"), lr=rate, epoch=epochs, wordNgrams=words, thread=1, verbose=0
                )
            except RuntimeError as error:  # the larger rate can end in NaN
                print(f"fastText, {rate=} {epochs=} {words=}: {error}")
                continue
            seconds = time.process_time() - started
            if (score := fitted.test(str(folder / "validation"))[1]) > best:
                best, model = score, fitted
                trained = epochs * len(splits["train"][1]) / seconds
        accuracy = model.test(str(folder / "test"))[1]
        model.save_model(str(folder / "model"))
        texts = splits["test"][0]
        found = _predicted(
            lambda number: model.predict(texts[number]),
            lambda: model.predict(texts[:BULK]),
            (folder / "model").stat().st_size,
        )
    return {**found, "accuracy": accuracy, "trained": trained}


if __name__ == "__main__":
    main()
