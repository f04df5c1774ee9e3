"""Which version answers: read from what MLflow writes beside a loaded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

_MODEL, _REGISTERED = "MLmodel", "registered_model_meta"  # files of a loaded model's folder


@dataclass(frozen=True)
class Provenance:
    """What an answer can be traced by.

    Attributes:
        version: ``models:/NAME/VERSION``; empty if the model was not loaded by such an address or an alias.
        run_id: of the run that logged the model; empty if none did.
    """

    version: str
    run_id: str

    @classmethod
    def of_loaded(cls, artifact: Path) -> Provenance:
        """Looks beside ``artifact``, one of the loaded model's: MODEL/artifacts/NAME."""
        model = artifact.parent.parent
        registered = _read(model / _REGISTERED)
        name, number = registered.get("model_name"), registered.get("model_version")
        version = f"models:/{name}/{number}" if name and number else ""
        return cls(version, _read(model / _MODEL).get("run_id") or "")


def _read(path: Path) -> dict[str, str]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.exists() else {}
