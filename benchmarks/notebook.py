"""The notebook's task, for benchmarks beside its code: its values, its network, IMDb as it pads it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import read_padded
from pipeline.params import Params, Value, load_params
from pipeline.params.presets import read_preset
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.stages.pad import read_raw

PADDED = Path("studies/benchmarks")
VOCAB_SIZE, EMBEDDING_DIM, BATCH_SIZE, EPOCHS = 10_000, 32, 32, 5


def notebook_params(changes: Mapping[str, Value]) -> Params:
    """params.yaml with the preset notebook_lstm and ``changes``."""
    return load_params().replace({**read_preset("notebook_lstm"), **changes})


def pad_imdb() -> bool:
    """Pads data/raw with the notebook's values into ``PADDED``; False if it isn't IMDb or isn't there."""
    if not Path("data/raw/dataset.json").exists() or read_raw()[0]["name"] != "imdb":
        return False
    for name, arrays in read_padded(notebook_params({}), with_unlabelled=False).items():
        write_arrays(PADDED / f"{name}.npz", **arrays)
    return True


def padded(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Token ids, int32 (num_reviews, 100), and labels, (num_reviews,), that :func:`pad_imdb` wrote."""
    arrays = read_arrays(PADDED / f"{split}.npz")
    return arrays["token_ids"], arrays["labels"]


def lstm(depth: int, units: int, dropout: float = 0.0) -> Any:
    """The notebook's own network, compiled as it compiles it."""
    import keras  # noqa: PLC0415 - its backend is chosen first

    model = keras.Sequential(
        [
            keras.layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM),
            *(
                keras.layers.LSTM(units, return_sequences=layer < depth, dropout=dropout)
                for layer in range(1, depth + 1)
            ),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


class Reached(Exception):  # noqa: N818 - an end, not an error
    """The validation accuracy was reached."""


def until(accuracy: float, seed: int) -> float:
    """Seconds in which the notebook's 2x5 LSTM gets to a validation accuracy; negative if it doesn't."""
    train, validation = padded("train"), padded("validation")
    import keras  # noqa: PLC0415

    def check(_epoch: int, logs: dict[str, float]) -> None:
        if logs["val_accuracy"] >= accuracy:
            raise Reached

    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    try:
        lstm(2, 5).fit(
            *train,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            validation_data=validation,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=check)],
        )
    except Reached:
        return time.perf_counter() - started
    return started - time.perf_counter()


def until_ours(accuracy: float, seed: int, settings: dict[str, Value]) -> float:
    """The same of our training with ``settings``."""
    params = notebook_params(settings)
    from pipeline.networks.devices import import_keras  # noqa: PLC0415

    import_keras()
    from pipeline.training.fitting import Split, fit  # noqa: PLC0415

    train, validation = Split(*padded("train")), Split(*padded("validation"))

    def check(epoch: Any) -> None:
        if epoch.has_ended and epoch.metrics["validation_accuracy"] >= accuracy:
            raise Reached

    started = time.perf_counter()
    try:
        fit(params, train, validation, seed, check)
    except Reached:
        return time.perf_counter() - started
    return started - time.perf_counter()
