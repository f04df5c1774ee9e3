"""Which version of the code and the libraries made a result."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

SCORING_MODULES = ("training", "networks")  # the code that decides a network's score


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
