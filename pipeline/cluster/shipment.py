"""What a worker is sent when it joins: the code, the data and the settings that decide a result.

Dask gives a worker plugin to every worker, also to those that join later or take a dead one's place. This
module travels by value, since the worker that receives it may lack the package: so it imports none of it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import os
import platform
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

LIBRARIES = ("keras", "tensorflow", "numpy", "onnxruntime")


class Shipment(WorkerPlugin):
    """Put on each worker before its first task.

    Args:
        name: of the plugin, and the topic under which a difference of versions is reported.
        packages: the folders of the packages that are sent.
        data: arrays by name.
        wanted: the versions of the libraries here.
        settings: variables of the environment that decide digits.
    """

    def __init__(
        self,
        name: str,
        packages: Sequence[Path],
        data: Mapping[str, Any],
        wanted: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> None:
        self.name, self.data, self._wanted, self._settings = name, data, wanted, settings
        self._packages, code = {package.name for package in packages}, io.BytesIO()
        with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as file:
            for package in packages:
                for path in sorted(package.rglob("*")):
                    if path.is_file() and "__pycache__" not in path.parts:
                        file.write(path, path.relative_to(package.parent))
        self._code = code.getvalue()

    def setup(self, worker: Any) -> None:
        """Unpacks the code before every other of that name, and tells how the worker's versions differ."""
        os.environ.update(self._settings)
        folder = Path(worker.local_directory) / f"{self.name}-code"
        zipfile.ZipFile(io.BytesIO(self._code)).extractall(folder)
        sys.path.insert(0, str(folder))
        # Those loaded are of a checkout in the worker's folder, or of an earlier coordinator.
        loaded = self._packages & set(sys.modules)
        for module in [name for name in sys.modules if name.split(".")[0] in loaded]:
            del sys.modules[module]
        importlib.invalidate_caches()
        here = versions()
        if others := [name for name, wanted in self._wanted.items() if here[name] != wanted]:
            differs = ", ".join(f"{name} {here[name]} instead of {self._wanted[name]}" for name in others)
            worker.log_event(self.name, {"worker": worker.address, "differs": differs})


def versions() -> dict[str, str]:
    """Of Python and of the libraries that decide a result."""
    found = {"Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "none"
    return found
