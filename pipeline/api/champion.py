"""The registered classifier that answers, as the commands and a notebook load it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.api.classifiers import Classifier
from pipeline.params import load_params
from pipeline.registry.embedded import Found, find_classifier
from pipeline.registry.names import known_address
from pipeline.runtime.store_address import store_address
from pipeline.serving.classifier import TextClassifier


@dataclass(frozen=True, eq=False)
class RegisteredClassifier(Classifier):
    """A version out of the registry.

    Attributes:
        address: ``models:/NAME/VERSION``.
        folder: its network, vocabulary, facts and profile; to be read only, and as long as this object lives.
    """

    address: str
    folder: Path = field(repr=False)


def load_champion(name: str | None = None) -> RegisteredClassifier:
    """The best model so far, out of the registry that params.yaml names: call it in the project's folder.

    Args:
        name: of the data set, such as ``imdb``, or ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``; None:
            the data set that the last run was on.

    Raises:
        ValueError: if there is none, or its files are gone.
    """
    address = known_address(name)
    store = store_address(load_params().mlflow.tracking_uri)
    found = find_classifier(store, address) if address else None
    if found:
        return _loaded(found)
    folder = Path(tempfile.mkdtemp(prefix="classifier-"))
    try:
        champion = _loaded(_fetched(name, folder))
    except BaseException:
        shutil.rmtree(folder)
        raise
    weakref.finalize(champion, shutil.rmtree, folder)
    return champion


def _loaded(found: Found) -> RegisteredClassifier:
    return RegisteredClassifier(
        f"{found.name} version {found.version}",
        TextClassifier.load(found.folder),
        f"models:/{found.name}/{found.version}",
        found.folder,
    )


def _fetched(name: str | None, folder: Path) -> Found:
    """The version as MLflow finds it, wherever it is kept, copied into ``folder``."""
    from pipeline.api.versions import find_version  # noqa: PLC0415 - imports MLflow, which takes a second
    from pipeline.registry.loading import fetch_classifier  # noqa: PLC0415

    version = find_version(name)
    return Found(version.name, int(version.version), fetch_classifier(version, folder))
