"""Which version of the code and the libraries made a result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path

SCORING_MODULES = ("training", "networks")  # the code that decides a network's score
# Variables of the environment by which the libraries compute other digits.
RESULT_SETTINGS = (
    "XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_DETERMINISTIC_OPS",
    "NVIDIA_TF32_OVERRIDE",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_ENABLE_X64",
)


def result_settings() -> dict[str, str]:
    """Those of ``RESULT_SETTINGS`` that are set, and to what."""
    return {name: os.environ[name] for name in RESULT_SETTINGS if name in os.environ}


def source_digest(modules: Sequence[str], libraries: Sequence[str]) -> str:
    """12 hexadecimal digits over the bytes of ``modules`` and the versions of ``libraries``.

    Args:
        modules: files and folders of modules, relative to the package.
        libraries: names of installed distributions.
    """
    package = Path(__file__).parents[1]
    files: list[Path] = []
    for module in modules:
        files += [package / module] if module.endswith(".py") else (package / module).rglob("*.py")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    for library in libraries:
        digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:12]
