"""Trials a minute and the best validation accuracy: a plain Optuna loop beside this project's study.

Both search depth, units and dropout over the same ranges on IMDb as the notebook pads it, one after the
other on the same machine. (a) is what one writes first: `study.optimize` around the notebook's Keras code
(batches of 32, five epochs, no pruning). (b) is the train stage: the fitted networks are computed by
`pipeline.training`, bad trials are pruned, and there is a worker a core.

    python -m benchmarks.tuning --minutes 10
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml

from benchmarks.accuracy import read_padded
from benchmarks.measure import PROJECT, measure, watch
from benchmarks.results import Section, table
from pipeline.params import Value, load_params, read_preset
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import RAW_DATASET, TRAIN_REPORT

Padded = tuple[np.ndarray, np.ndarray]  # token ids, int32 (num_reviews, 100), and labels, (num_reviews,)
VOCAB_SIZE, EMBEDDING_DIM, BATCH_SIZE, EPOCHS = 10_000, 32, 32, 5
CELL, SEED = "lstm", 42
DEPTH, UNITS, DROPOUT = (2, 3), (5, 32), (0.0, 0.5)


def main() -> None:
    """Runs both and writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="of each study")
    parser.add_argument("--trials", type=int, default=24, help="of the study")
    arguments = parser.parse_args()
    section = Section("tuning", "Tuning")
    if not RAW_DATASET.exists() or read_json(RAW_DATASET)["name"] != "imdb":
        parser.error("data/raw isn't IMDb: `make run` where its host can be reached")
    padded = read_padded(load_params().replace(read_preset("notebook_lstm")), with_unlabelled=False)
    data: dict[str, Any] = {
        name: (padded[name]["token_ids"], padded[name]["labels"]) for name in ("train", "validation")
    }
    plain = measure(run_plain, seconds=arguments.minutes * 60, **data)
    ours = measure_ours(arguments.minutes, arguments.trials)
    rates = [row["trials"] / row["seconds"] * 60 for row in (plain, ours)]
    names = (
        "plain Optuna loop around the notebook's Keras code",
        f"`python -m pipeline train`, {ours['pruned']} trials pruned, {ours['implementation']}",
    )
    rows = [
        [name, str(row["trials"]), f"{row['seconds'] / 60:.1f}", f"{rate:.2f}", f"{row['best']:.4f}"]
        for name, row, rate in zip(names, (plain, ours), rates, strict=True)
    ]
    section.write(
        f"Search of {CELL} depth {DEPTH}, units {UNITS}, dropout {DROPOUT} on imdb, batches of {BATCH_SIZE}, "
        f"{EPOCHS} epochs.",
        table(["study", "trials", "minutes", "trials a minute", "best validation accuracy"], rows),
        f"{rates[1] / rates[0]:.1f} times the trials a minute.",
    )


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


def run_plain(seconds: float, train: Padded, validation: Padded) -> dict[str, Any]:
    """(a): the notebook's network and fit in an objective; trials begin until the time is over."""
    scores: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        depth = trial.suggest_int("depth", *DEPTH)
        units = trial.suggest_int("units", *UNITS)
        dropout = trial.suggest_float("dropout", *DROPOUT)
        model = lstm(depth, units, dropout)
        fitted = model.fit(
            *train, epochs=EPOCHS, batch_size=BATCH_SIZE, validation_data=validation, verbose=0
        )
        scores.append(max(fitted.history["val_accuracy"]))
        return scores[-1]

    started = time.perf_counter()
    optuna.create_study(direction="maximize").optimize(objective, timeout=seconds)
    return {"trials": len(scores), "seconds": time.perf_counter() - started, "best": max(scores)}


def measure_ours(minutes: float, trials: int) -> dict[str, Any]:
    """(b): the train stage in a folder of its own, start-up of its processes included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "data/raw").symlink_to(PROJECT / "data/raw")
        (folder / "params.yaml").write_text(yaml.safe_dump(study_params(minutes, trials)), encoding="utf-8")
        variables = {"DVC_ROOT": name, "MLFLOW_TRACKING_URI": "", "MLFLOW_RUN_ID": ""}
        command = [sys.executable, "-m", "pipeline"]
        watch([*command, "pad"], folder, variables)
        seconds = watch([*command, "train"], folder, variables).seconds
        report = read_json(folder / TRAIN_REPORT)
    counts = report["trials"]
    return {
        "trials": counts["complete"] + counts["pruned"],
        "pruned": counts["pruned"],
        "seconds": seconds,
        "best": report["validation_accuracy"],
        "implementation": report["implementation"],
    }


def study_params(minutes: float, trials: int) -> dict[str, Any]:
    """The notebook's values with the plain loop's network, ranges, epochs and batch size."""
    fixed: dict[str, Value] = {"model.cell": CELL, "model.depth": DEPTH[0], "model.units": UNITS[0]}
    fixed |= {"model.embedding_dim": EMBEDDING_DIM, "train.epochs": EPOCHS, "train.batch_size": BATCH_SIZE}
    params = (
        load_params().replace({**read_preset("notebook_lstm"), **fixed, "seed": SEED}).model_dump(mode="json")
    )
    params["tune"] |= {
        "trials": trials,
        "timeout": minutes * 60,
        "workers": "auto",
        "pruner": "hyperband",
        "search_space": {
            f"model.{key}": {"low": low, "high": high}
            for key, (low, high) in (("depth", DEPTH), ("units", UNITS), ("dropout", DROPOUT))
        },
    }
    return params


if __name__ == "__main__":
    main()
