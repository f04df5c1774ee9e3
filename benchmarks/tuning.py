"""Trials a minute and the best validation accuracy: a plain Optuna loop beside this project's study.

Both search depth, units and dropout over the same ranges on IMDb as the notebook pads it, one after the
other on the same machine. (a) is what one writes first: `study.optimize` around the notebook's Keras code
(batches of 32, five epochs, no pruning). (b) is the train stage: the fitted networks are computed by
`pipeline.training`, bad trials are pruned, and there is a worker a core.

    python -m benchmarks.tuning --minutes 10
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
import yaml

from benchmarks.measure import padded
from benchmarks.notebook import notebook_params, pad_imdb
from benchmarks.results import machine, table, write_section
from pipeline.params import Value

PROJECT = Path(__file__).resolve().parents[1]
CELL, EPOCHS, SEED = "lstm", 5, 42
DEPTH, UNITS, DROPOUT = (2, 3), (5, 32), (0.0, 0.5)
VOCAB_SIZE, EMBEDDING_DIM, BATCH_SIZE = 10_000, 32, 32


def main() -> None:
    """Runs both and writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="of each study")
    parser.add_argument("--trials", type=int, default=24, help="of the study")
    parser.add_argument("--only", choices=["plain", "ours"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only == "plain":
        print(json.dumps(run_plain(arguments.minutes * 60)))
        return
    found = machine()
    if not pad_imdb():
        parser.error("data/raw isn't IMDb: `make run` where its host can be reached")
    plain = measure_plain(arguments.minutes)
    ours = measure_ours(arguments.minutes, arguments.trials)
    text = render(found, plain, ours)
    write_section("tuning", text)
    print(text)


def run_plain(seconds: float) -> dict[str, Any]:
    """(a): the notebook's network and fit in an objective; trials begin until the time is over."""
    import keras  # noqa: PLC0415 - not in the process that measures

    train, validation = padded("train"), padded("validation")
    scores: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        depth = trial.suggest_int("depth", *DEPTH)
        units = trial.suggest_int("units", *UNITS)
        dropout = trial.suggest_float("dropout", *DROPOUT)
        layers: list[Any] = [keras.layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM)]
        layers += [
            keras.layers.LSTM(units, return_sequences=layer < depth, dropout=dropout)
            for layer in range(1, depth + 1)
        ]
        model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        fitted = model.fit(
            *train, epochs=EPOCHS, batch_size=BATCH_SIZE, validation_data=validation, verbose=0
        )
        scores.append(max(fitted.history["val_accuracy"]))
        return scores[-1]

    started = time.perf_counter()
    optuna.create_study(direction="maximize").optimize(objective, timeout=seconds)
    return {"trials": len(scores), "seconds": time.perf_counter() - started, "best": max(scores)}


def measure_plain(minutes: float) -> dict[str, Any]:
    """(a) in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.tuning", "--only", "plain", "--minutes", str(minutes)]
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure_ours(minutes: float, trials: int) -> dict[str, Any]:
    """(b): the train stage in a folder of its own, start-up of its processes included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "data/raw").symlink_to(PROJECT / "data/raw")
        (folder / "params.yaml").write_text(yaml.safe_dump(study_params(minutes, trials)), encoding="utf-8")
        variables = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        variables |= {"PYTHONPATH": str(PROJECT), "DVC_ROOT": name}
        command = [sys.executable, "-m", "pipeline"]
        subprocess.run([*command, "pad"], cwd=folder, env=variables, check=True)
        started = time.perf_counter()
        subprocess.run([*command, "train"], cwd=folder, env=variables, check=True)
        seconds = time.perf_counter() - started
        report = json.loads((folder / "reports/train.json").read_text(encoding="utf-8"))
    counts = report["trials"]
    return {
        "trials": counts["complete"] + counts["pruned"],
        "pruned": counts["pruned"],
        "seconds": seconds,
        "best": report["validation_accuracy"],
        "data": report["dataset"]["name"],
        "implementation": report["implementation"],
    }


def study_params(minutes: float, trials: int) -> dict[str, Any]:
    """The notebook's values with the plain loop's network, ranges, epochs and batch size."""
    model: dict[str, Value] = {
        "cell": CELL,
        "depth": DEPTH[0],
        "units": UNITS[0],
        "embedding_dim": EMBEDDING_DIM,
    }
    fixed = {f"model.{key}": value for key, value in model.items()}
    fixed |= {"train.epochs": EPOCHS, "train.batch_size": BATCH_SIZE, "seed": SEED}
    params = notebook_params(fixed).model_dump(mode="json")
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


def render(found: str, plain: dict[str, Any], ours: dict[str, Any]) -> str:
    """The section as Markdown."""
    rates = [row["trials"] / row["seconds"] * 60 for row in (plain, ours)]
    names = (
        "plain Optuna loop around the notebook's Keras code",
        f"`python -m pipeline train`, {ours['pruned']} trials pruned, {ours['implementation']}",
    )
    rows = [
        [name, str(row["trials"]), f"{row['seconds'] / 60:.1f}", f"{rate:.2f}", f"{row['best']:.4f}"]
        for name, row, rate in zip(names, (plain, ours), rates, strict=True)
    ]
    header = ["study", "trials", "minutes", "trials a minute", "best validation accuracy"]
    return (
        f"## Tuning\n\n{found}. Search of {CELL} depth {DEPTH}, units {UNITS}, dropout {DROPOUT} on "
        f"{ours['data']}, batches of {BATCH_SIZE}, {EPOCHS} epochs.\n\n{table(header, rows)}\n\n"
        f"{rates[1] / rates[0]:.1f} times the trials a minute.\n"
    )


if __name__ == "__main__":
    main()
