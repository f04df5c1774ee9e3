"""A version's classifier, ready to label texts; unlike MLflow's own loading, nothing of it is executed."""

from __future__ import annotations

from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pipeline.registry.versions import download
from pipeline.serving.classifier import CLASSIFIER, KERAS_NETWORK, NETWORK
from pipeline.training.backend import without_noise


def fetch_classifier(version: ModelVersion, folder: Path) -> Path:
    """Copies a version's classifier into ``folder`` and returns where it is, its ONNX network included.

    Raises:
        UserError: if the version's files are gone.
    """
    return with_network(download(version, f"artifacts/{CLASSIFIER}", folder))


def with_network(classifier: Path) -> Path:
    """The same folder; the network of one from before versions had ONNX is converted there."""
    if not (classifier / NETWORK).exists():
        with without_noise():
            from pipeline.serving.onnx_export import convert_file  # noqa: PLC0415 - imports Keras

            convert_file(classifier / KERAS_NETWORK, classifier / NETWORK)
    return classifier
