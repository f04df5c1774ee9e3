"""A version as a folder that needs neither MLflow nor Keras: its ONNX network, vocabulary and an example."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.registry.code_copy import copy_code
from pipeline.registry.loading import with_network
from pipeline.registry.packaging import PACKAGE
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import FACTS, NETWORK, VOCABULARY


def write_export(classifier: Path, folder: Path) -> None:
    """Writes `model.onnx`, `vocabulary.json`, `classifier.json` and a runnable `example.py` into ``folder``.

    A network from before versions had ONNX is converted.

    Raises:
        UserError: if ``folder`` holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"DIR must be a new or an empty folder, but {folder} holds something")
    with_network(classifier)
    copy_code(PACKAGE, PACKAGE / "serving" / "example.py", folder)
    for name in (NETWORK, VOCABULARY, FACTS):
        shutil.copyfile(classifier / name, folder / name)
