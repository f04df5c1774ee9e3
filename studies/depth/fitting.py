"""Fits one network of the study and measures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.evaluation.probabilities import from_outputs, number_of_labels, right
from pipeline.networks.fused import choose_implementation
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.networks.summary import recurrent_layers
from pipeline.params import Params
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.runtime.errors import UserError
from pipeline.training import fitting
from pipeline.training.compiled import PREDICTION_BATCH, Split, compile_outputs
from pipeline.training.gradients import gradient_norms
from pipeline.training.task import Listen
from studies.depth.fits import Fit, Record, last_words, matrix

# What each layer knows: how well a linear classifier reads the label from the layer's states (Alain & Bengio,
# "Understanding intermediate layers using linear classifier probes", 2017).


def describing_network(network: keras.Model) -> tuple[keras.Model, list[int]]:
    """A network of ``network``'s own layers that gives its probabilities and every layer's mean state.

    Returns:
        A model from ``token_ids`` to float32 (batch, sum of widths), and the widths: of the probabilities, of
        the embeddings, then of each recurrent layer. The mean is over a review's real words.
    """
    token_ids = network.input
    mask = ops.not_equal(token_ids, PAD_ID)
    sequences = [network.get_layer("embedding").output]
    sequences += [layer.output for layer in recurrent_layers(network)]
    means = [keras.layers.GlobalAveragePooling1D()(sequence, mask=mask) for sequence in sequences]
    outputs = [network.output, *means]
    return keras.Model(token_ids, ops.concatenate(outputs, axis=-1)), [each.shape[-1] for each in outputs]


def describe(
    compute: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, batch_size: int
) -> np.ndarray:
    """``compute`` of every review, in batches of one shape, so that one program is compiled.

    Returns:
        float32 (num_reviews, width).
    """
    count = len(token_ids)
    padded = np.full((math.ceil(count / batch_size) * batch_size, token_ids.shape[1]), PAD_ID + 1, np.int32)
    padded[:count] = token_ids
    parts = [compute(padded[at : at + batch_size]) for at in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[:count]


def probe_accuracy(
    train: np.ndarray, train_labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray
) -> float:
    """Accuracy on the validation reviews of a logistic regression that was fitted to the training reviews.

    Features are float (num_reviews, width), labels whole numbers from 0, (num_reviews,).
    """
    if len(np.unique(train_labels)) == 1:
        raise UserError(f"depth.probe_reviews is too low: all {len(train_labels)} reviews have one label")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(probe.fit(train, train_labels).score(validation, validation_labels))


Splits = Mapping[str, Split]


def run_fit(params: Params, fit: Fit, splits: Splits, listen: Listen = lambda _epoch: None) -> Record:
    """Fits the network of ``fit`` and measures it on all splits; nothing is chosen by the test split.

    Raises:
        UserError: if the loss or a gradient isn't finite.
    """
    configured = fit.configure(params)
    splits = {
        name: Split(last_words(split.token_ids, params.depth.tokens), split.labels)
        for name, split in splits.items()
    }
    train, validation = splits["train"], splits["validation"]
    seed = (params.seed + fit.seed) % 2**32
    fitted = fitting.fit(configured, train, validation, seed, listen)
    start = build_stacked_rnn(
        configured.model,
        params.pad.vocab_size,
        train.token_ids.shape[1],
        seed,
        number_of_labels(train.labels),
    )
    chosen = _sample(len(validation.labels), params.depth.gradient_reviews, params.seed)
    sample = Split(validation.token_ids[chosen], validation.labels[chosen])
    norms = [gradient_norms(network, *sample) for network in (start, fitted.network)]
    losses = [epoch["loss"] for epoch in fitted.history]
    if not np.isfinite(np.concatenate([losses, *norms], axis=None)).all():
        raise UserError(
            f"{fit.name}: the loss or its gradient is not finite: lower train.learning_rate, "
            "or set model.activation to tanh"
        )
    described = _describe(configured, fitted.network, splits)
    probed = _sample(len(train.labels), params.depth.probe_reviews, params.seed)
    return Record(
        fit=fit,
        parameters=fitted.network.count_params() - fitted.network.get_layer("embedding").count_params(),
        seconds=fitted.seconds,
        best_epoch=fitted.best_epoch,
        curve=tuple(dict(epoch) for epoch in fitted.history),
        scores={
            f"{name}_accuracy": float(right(splits[name].labels, from_outputs(values[0])).mean())
            for name, values in described.items()
        },
        initial_gradients=matrix(norms[0]),
        trained_gradients=matrix(norms[1]),
        probes=tuple(
            probe_accuracy(states[probed], train.labels[probed], others, validation.labels)
            for states, others in zip(described["train"][1:], described["validation"][1:], strict=True)
        ),
    )


def _describe(params: Params, network: keras.Model, splits: Splits) -> dict[str, list[np.ndarray]]:
    """For each split the probabilities, then each layer's mean states, all (num_reviews, width)."""
    describing, widths = describing_network(network)
    implementation = choose_implementation(params.model, params.train)
    compute = compile_outputs(implementation.apply(describing), implementation.xla)
    cuts = np.cumsum(widths)[:-1]
    return {
        name: np.split(describe(compute, split.token_ids, PREDICTION_BATCH), cuts, axis=1)
        for name, split in splits.items()
    }


def _sample(count: int, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of ``count`` rows at random, since reviews may be sorted; the same for every fit."""
    return np.random.default_rng(seed).permutation(count)[:most]
