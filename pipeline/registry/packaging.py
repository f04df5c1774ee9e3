"""Logs a trained network to the active MLflow run: as a text classifier, registered, and as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

import pipeline
from pipeline.evaluation.threshold import THRESHOLD
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import write_json
from pipeline.runtime.interruption import uninterrupted
from pipeline.serving.classifier import CLASSIFIER, LINEAGE, write_classifier
from pipeline.serving.network import runtime_for

if TYPE_CHECKING:
    import keras

EXAMPLE = ["A moving, funny film with a superb cast.", "Dull, far too long and badly acted."]
_SERVED_PACKAGES = ("mlflow", "numpy", "pandas", "h5py")
_KERAS_PACKAGES = ("keras", "tensorflow")


@dataclass(frozen=True)
class Trained:
    """A trained network with what turns text into its rows.

    Attributes:
        model: in memory, for Keras users.
        file: the same as a `.keras` file.
        vocabulary: the data set's.
        dataset: data/padded/dataset.json.
        token_ids: validation rows, int32 (num_reviews, max_length).
        probabilities: what Keras gives for them, (num_reviews,).
        validation_accuracy: what the network was chosen by.
        lineage: JSON values that lead back to the source.
    """

    model: keras.Model
    file: Path
    vocabulary: Vocabulary
    dataset: Mapping[str, Any]
    token_ids: np.ndarray
    probabilities: np.ndarray
    validation_accuracy: float
    lineage: Mapping[str, Any]


@uninterrupted()
def log_models(trained: Trained, name: str) -> int:
    """Logs the classifier as a pyfunc, registers it under ``name`` and returns its version.

    The pyfunc is models-from-code: MLflow executes ``pyfunc_model.py`` and the copy of this package that is
    logged with it, and unpickles nothing. The Keras model alone is logged beside it, as ``keras``.
    """
    mlflow.keras.log_model(
        trained.model,
        name="keras",
        signature=infer_signature(trained.token_ids[:1], trained.probabilities[:1, None]),
        pip_requirements=pinned(("mlflow", *_KERAS_PACKAGES)),
    )
    runtime = runtime_for(trained.file, trained.token_ids, trained.probabilities)
    packages = _SERVED_PACKAGES if runtime == "numpy" else (*_SERVED_PACKAGES, *_KERAS_PACKAGES, "pydantic")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / CLASSIFIER
        write_classifier(
            folder, trained.file, trained.vocabulary, trained.dataset, runtime=runtime, threshold=THRESHOLD
        )
        write_json(folder / LINEAGE, trained.lineage)
        package = Path(pipeline.__file__).parent
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package / "serving" / "pyfunc_model.py"),
            artifacts={CLASSIFIER: str(folder)},
            code_paths=[str(package)],
            signature=signature(),
            input_example=pd.DataFrame({"text": EXAMPLE}),
            pip_requirements=pinned(packages),
            registered_model_name=name,
        )
    return int(info.registered_model_version)


def signature() -> ModelSignature:
    """Column ``text`` in; ``label``, ``probability``, ``unknown_share`` out; ``threshold``, ``explain``."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "label"),
                ColSpec(DataType.double, "probability"),
                ColSpec(DataType.double, "unknown_share"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("threshold", DataType.double, THRESHOLD),
                ParamSpec("explain", DataType.boolean, False),
            ]
        ),
    )


def pinned(packages: tuple[str, ...]) -> list[str]:
    """``name==version`` as installed here, which requirements.txt pins."""
    return [f"{package}=={version(package)}" for package in packages]
