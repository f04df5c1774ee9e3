"""Fits one network of the study and measures it."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from pipeline.depth.gradients import gradient_norms
from pipeline.depth.grid import Fit
from pipeline.depth.probes import describe, describing_network, probe_accuracy
from pipeline.depth.records import Record, matrix
from pipeline.evaluation.probabilities import from_columns, number_of_labels, right
from pipeline.networks.implementation import choose_implementation
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.training import fitting
from pipeline.training.batches import align_right
from pipeline.training.compiled import compile_prediction
from pipeline.training.prediction import PREDICTION_BATCH
from pipeline.training.rows import Split
from pipeline.training.task import OnMessage

Splits = Mapping[str, Split]


def run_fit(params: Params, fit: Fit, splits: Splits, on_message: OnMessage | None = None) -> Record:
    """Fits the network of ``fit``; nothing is chosen by the test split.

    Args:
        params: all of params.yaml.
        fit: which network.
        splits: train, validation and test.
        on_message: as of ``training.task.fit``.

    Raises:
        UserError: if the loss or a gradient isn't finite.
    """
    configured = fit.configure(params)
    # The last step is then the last word, and a gradient's step its distance from it.
    splits = {name: Split(align_right(split.token_ids), split.labels) for name, split in splits.items()}
    train, validation = splits["train"], splits["validation"]
    seed = (params.seed + fit.seed) % 2**32
    fitted = fitting.fit(configured, train, validation, seed, on_message, on_share=on_message)
    start = build_stacked_rnn(
        configured.model,
        params.pad.vocab_size,
        train.token_ids.shape[1],
        seed,
        number_of_labels(train.labels),
    )
    chosen = _sample(len(validation.labels), params.depth.gradient_reviews, params.seed)
    sample = Split(validation.token_ids[chosen], validation.labels[chosen])
    norms = [gradient_norms(network, *sample) for network in (start, fitted.model)]
    losses = [epoch["loss"] for epoch in fitted.history]
    if not np.isfinite(np.concatenate([losses, *norms], axis=None)).all():
        raise UserError(
            f"{fit.name}: the loss or its gradient is not finite: lower train.learning_rate, "
            "or set model.activation to tanh"
        )
    described = _describe(configured, fitted.model, splits)
    return Record(
        fit=fit,
        parameters=fitted.model.count_params() - fitted.model.get_layer("embedding").count_params(),
        seconds=fitted.seconds,
        best_epoch=fitted.best_epoch,
        curve=tuple(dict(epoch) for epoch in fitted.history),
        scores={
            f"{name}_accuracy": float(right(splits[name].labels, from_columns(values[0])).mean())
            for name, values in described.items()
        },
        initial_gradients=matrix(norms[0]),
        trained_gradients=matrix(norms[1]),
        probes=_probes(described, splits, params),
    )


def _describe(params: Params, network: keras.Model, splits: Splits) -> dict[str, list[np.ndarray]]:
    """For each split the probabilities, then each layer's mean states, all (num_reviews, width)."""
    describing, widths = describing_network(network)
    implementation = choose_implementation(params.model, params.train)
    compute = compile_prediction(implementation.apply(describing), implementation.xla)
    cuts = np.cumsum(widths)[:-1]
    return {
        name: np.split(describe(compute, split.token_ids, PREDICTION_BATCH), cuts, axis=1)
        for name, split in splits.items()
    }


def _probes(described: Mapping[str, list[np.ndarray]], splits: Splits, params: Params) -> tuple[float, ...]:
    """The accuracy of the probe of each layer, the embeddings' first."""
    labels = splits["train"].labels
    chosen = _sample(len(labels), params.depth.probe_reviews, params.seed)
    return tuple(
        probe_accuracy(train[chosen], labels[chosen], validation, splits["validation"].labels)
        for train, validation in zip(described["train"][1:], described["validation"][1:], strict=True)
    )


def _sample(count: int, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of ``count`` rows at random, since reviews may be sorted; the same for every fit."""
    return np.random.default_rng(seed).permutation(count)[:most]
