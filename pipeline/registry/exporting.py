"""A version as a folder that needs neither MLflow nor Keras: its ONNX network, vocabulary and an example."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pipeline.registry.code_copy import copy_code
from pipeline.registry.packaging import PACKAGE
from pipeline.registry.versions import download
from pipeline.serving.classifier import CLASSIFIER, FACTS, KERAS_NETWORK, NETWORK, VOCABULARY
from pipeline.serving.onnx_export import convert_file


def export(version: ModelVersion, folder: Path) -> None:
    """Writes `model.onnx`, `vocabulary.json`, `classifier.json` and a runnable `example.py` into ``folder``.

    Raises:
        ValueError: if ``folder`` holds something already, or the version's files are gone.
    """
    with tempfile.TemporaryDirectory() as temporary:
        write_export(download(version, f"artifacts/{CLASSIFIER}", Path(temporary)), folder)


def write_export(classifier: Path, folder: Path) -> None:
    """The same of a classifier's folder; a network from before versions had ONNX is converted.

    Raises:
        ValueError: if ``folder`` holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"DIR must be a new or an empty folder, but {folder} holds something")
    if not (classifier / NETWORK).exists():
        convert_file(classifier / KERAS_NETWORK, classifier / NETWORK)
    copy_code(PACKAGE, PACKAGE / "serving" / "example.py", folder)
    for name in (NETWORK, VOCABULARY, FACTS):
        shutil.copyfile(classifier / name, folder / name)
