"""Networks of the Python interface: built, fitted and evaluated."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.interface.classifiers import FittedClassifier
from pipeline.interface.reviews import PaddedReviews, layout, plain_params
from pipeline.networks.devices import import_keras
from pipeline.params import Cell, ModelParams, Params, ParamsError, TrainParams, Value
from pipeline.reviews.splitting import TEST
from pipeline.runtime.errors import UserError
from pipeline.training.epoch import Epoch

if TYPE_CHECKING:
    import keras

    from pipeline.training.compiled import Predict


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
    widths = units if isinstance(units, int) else tuple(units)
    sizes: dict[str, Value] = {"pad.vocab_size": vocab_size, "pad.max_length": max_length, "seed": seed}
    params = plain_params().replace(sizes, source="build_stacked_rnn")
    params = _with_values(params, {"cell": cell, "depth": depth, "units": widths, **values})
    import_keras()
    from pipeline.networks import stacked_rnn  # noqa: PLC0415 - imports Keras, which takes seconds

    return stacked_rnn.build_stacked_rnn(params.model, vocab_size, max_length, seed, num_labels)


def fit(
    network_values: Mapping[str, Value | list[int]],
    reviews: PaddedReviews,
    on_epoch: Callable[[int, Mapping[str, float]], object] | None = None,
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
    params = _with_values(reviews.params, network_values).of_labels(reviews.labels)
    import_keras()
    from pipeline.serving.classifier import TextClassifier  # noqa: PLC0415 - ONNX Runtime
    from pipeline.training import fitting  # noqa: PLC0415 - imports Keras, which takes seconds

    def listen(epoch: Epoch) -> None:
        if on_epoch is not None and epoch.has_ended:
            on_epoch(epoch.number, epoch.metrics)

    fitted = fitting.fit(params, reviews.train, reviews.validation, params.seed, listen)
    texts = TextClassifier(
        _Network(fitted.model, params), reviews.vocabulary, layout(params), reviews.labels, threshold=0.5
    )
    return FittedClassifier(reviews.name, texts, fitted, params)


def evaluate(fitted: FittedClassifier, reviews: PaddedReviews, split: str = TEST) -> dict[str, Estimate]:
    """The metrics of the report, with their 95 % intervals.

    Args:
        fitted: of :func:`fit`.
        reviews: rows made as those that it was fitted to.
        split: test, or validation while something is still to be chosen.

    Returns:
        accuracy, f1, roc_auc, log_loss (natural logarithm), brier and ece (expected calibration error); of
        more than two labels balanced_accuracy too.

    Raises:
        ValueError: for another split, or rows that aren't made as those it was fitted to.
    """
    from pipeline.evaluation.intervals import metric_intervals  # noqa: PLC0415 - scikit-learn and SciPy
    from pipeline.evaluation.metrics import classification_metrics  # noqa: PLC0415

    if split not in reviews.rows:
        raise UserError(f"split must be one of {', '.join(reviews.rows)}, but got {split!r}")
    if layout(reviews.params) != fitted.texts.layout:
        raise UserError(
            f"the network was fitted to rows of {dict(fitted.texts.layout)}, but these are of "
            f"{layout(reviews.params)}: load them with the same values"
        )
    token_ids, labels = reviews.rows[split]
    probabilities = fitted.texts.network(token_ids)
    metrics = classification_metrics(labels, probabilities)
    intervals = metric_intervals(labels, probabilities, fitted.params.seed)
    return {name: Estimate(value, *intervals[name]) for name, value in metrics.items()}


@dataclass(frozen=True, eq=False)
class _Network:
    """A fitted network as ``serving.classifier.Network``: rows to probabilities."""

    model: keras.Model
    params: Params

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        from pipeline.training.compiled import PREDICTION_BATCH  # noqa: PLC0415 - imports Keras

        return self._predict(token_ids, PREDICTION_BATCH)

    @cached_property
    def _predict(self) -> Predict:
        """Compiled once, as it is called for every text."""
        from pipeline.networks.fused import choose_implementation  # noqa: PLC0415 - imports Keras
        from pipeline.training.compiled import compile_probabilities  # noqa: PLC0415

        computed = choose_implementation(self.params.model, self.params.train)
        masked = self.params.model.masking
        return compile_probabilities(computed.apply(self.model), computed.xla, masked)


def _with_values(params: Params, values: Mapping[str, Value | list[int]]) -> Params:
    """``params`` with values under the bare names of ``model`` and ``train``, which have none in common."""
    keys = {name: f"model.{name}" for name in ModelParams.model_fields}
    keys |= {name: f"train.{name}" for name in TrainParams.model_fields}
    for name in values:
        if name not in keys:
            near = difflib.get_close_matches(name, keys)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(keys)}"
            raise ParamsError(f"there is no value {name!r} of a network or its training; {hint}")
    changed = {
        keys[name]: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return params.replace(changed, source="network")


# What a lesson on deep recurrent networks shows beside their scores: the stack drawn, and its gradients.

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Drawing:
    """A picture that a notebook shows where it is a cell's last value.

    Attributes:
        svg: the picture as SVG, which stands alone.
    """

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def draw_stack(network: keras.Model) -> Drawing:
    """Draws the layers of a network as the report does, the token ids lowest, with shapes and weights.

    Args:
        network: of :func:`build_stacked_rnn`, or ``fit(...).model``.
    """
    from pipeline.networks.summary import summarize  # noqa: PLC0415 - the templates' engine
    from pipeline.reporting import page, stack  # noqa: PLC0415

    return Drawing(page.stack_svg(stack.draw_stack(summarize(network), network.input_shape[1])))


def gradient_norms(network: keras.Model, token_ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far the loss's gradient reaches: its norm by the state h_t^l at every layer and time step.

    The mean over the reviews, without dropout; see Pascanu, Mikolov & Bengio, "On the difficulty of training
    recurrent neural networks" (2013).

    Args:
        network: of :func:`build_stacked_rnn`, or ``fit(...).model``.
        token_ids: int32 (num_reviews, timesteps), such as ``reviews.validation.token_ids``.
        labels: whole numbers from 0, (num_reviews,); a review's loss is its cross-entropy.

    Returns:
        float64 (depth, timesteps), the bottom layer first.
    """
    from pipeline.training import gradients  # noqa: PLC0415 - imports TensorFlow, which takes seconds

    return gradients.gradient_norms(network, token_ids, labels)
