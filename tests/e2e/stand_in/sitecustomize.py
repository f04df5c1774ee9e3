"""Found by every Python that has this folder on PYTHONPATH: all fits are a formula, without Keras.

The stages, the study, its workers, MLflow and DVC run for real; only the network is a formula, so that a
dozen trials take seconds. ``STAND_IN_SECONDS`` is how long an epoch takes.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


class Split(NamedTuple):
    token_ids: Any
    labels: Any


@dataclass
class Network:
    text: str

    def save(self, path: Path) -> None:
        path.write_text(self.text)

    def summary(self, line_length: int, print_fn: Any) -> None:
        print_fn("Total params: none")


def fit(
    params: Any,
    train: Split,
    validation: Split,
    seed: int,
    listen: Any = None,
    unlabelled: Any = None,
    vectors: Any = None,
    windows: Any = None,
    ngrams: Any = None,
) -> Any:
    """Scores 0.8 less the distance to 20 units and dropout 0.3; an epoch adds 0.01."""
    from pipeline.training.task import Epoch, Trained  # noqa: PLC0415 - not before the stand-ins

    history = []
    for epoch in range(1, params.train.epochs + 1):
        time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
        distance = abs(params.model.units - 20) / 1000 + abs(params.model.dropout - 0.3) / 10
        score = 0.8 - distance + epoch / 100 + (seed - 42) / 1000
        metrics = {"loss": 1 - score, "accuracy": score, "learning_rate": params.train.learning_rate}
        metrics |= {"validation_loss": 1 - score, "validation_accuracy": score}
        history.append(metrics)
        if listen is not None:
            listen(Epoch(epoch, params.train.epochs, 1.0, metrics))
    text = f"{params.model.units} units, dropout {params.model.dropout}, seed {seed}"
    return Trained(Network(text), tuple(history), len(history), "formula")


training = ModuleType("pipeline.training.fitting")
vars(training).update(Split=Split, fit=fit)
sys.modules["pipeline.training.fitting"] = training


def run_fit(params: Any, fit_of_study: Any, splits: Any, listen: Any = None) -> Any:
    """The record of a formula; each layer adds 0.01."""
    from studies.depth.fits import Record  # noqa: PLC0415 - not before the stand-ins are in their places

    depth, seed = fit_of_study.depth, fit_of_study.seed
    configured = fit_of_study.configure(params)
    fitted = fit(configured, splits["train"], splits["validation"], params.seed + seed, listen)
    score = fitted.best["validation_accuracy"] + depth / 100
    norms = ((1.0,) * splits["train"].token_ids.shape[1],) * depth
    scores = {f"{split}_accuracy": score for split in splits}
    probes = (0.5,) * (depth + 1)
    return Record(
        fit_of_study, 100 * depth, 0.1, fitted.best_epoch, fitted.history, scores, norms, norms, probes
    )


depth_fitting = ModuleType("studies.depth.fitting")
vars(depth_fitting).update(run_fit=run_fit, Split=Split, Splits=dict)
sys.modules["studies.depth.fitting"] = depth_fitting


def deliver(network: bytes, params: Any, data: Any, listen: Any) -> tuple[bytes, dict[str, float]]:
    """A formula is calibrated as it is."""
    return network, {"scale": 1.0, "shift": 0.0}


delivery = ModuleType("pipeline.training.delivery")
vars(delivery).update(deliver=deliver)
sys.modules["pipeline.training.delivery"] = delivery


def describe_device(data: Any, listen: Any) -> str:
    """None is needed."""
    return "a formula"


devices = ModuleType("pipeline.networks.devices")
vars(devices).update(prepare_keras=lambda: None, import_keras=lambda: None, describe_device=describe_device)
sys.modules["pipeline.networks.devices"] = devices
