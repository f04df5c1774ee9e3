"""From a registered version back to what made it: the record kept with it, and its reproduction."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from pipeline.params import Params
from pipeline.registry.versions import download
from pipeline.runtime import source as git
from pipeline.runtime.files import read_json
from pipeline.runtime.source import output_hashes, upstream_lock
from pipeline.serving.classifier import CLASSIFIER, LINEAGE

IN_SHORT = ("model", "code", "data", "study", "winning parameters")  # of ``describe``
PACKAGES = ("tensorflow", "keras", "numpy", "optuna", "scikit-learn", "mlflow", "dvc")


def record(
    params: Params, dataset: Mapping[str, Any], trained: Mapping[str, Any], metrics: Mapping[str, float]
) -> dict[str, Any]:
    """What is kept with a version; ``dataset``, ``trained`` and ``metrics`` are the stages' JSON files.

    :func:`pipeline.registry.rebuilding.rebuild` must meet the metrics.
    """
    return {
        "commit": git.head_commit() or None,
        "uncommitted": git.changed_code(),
        "params": params.model_dump(mode="json"),
        "dataset": dict(dataset),
        "trained": dict(trained),
        "dvc_lock": upstream_lock("evaluate"),
        "metrics": dict(metrics),
        "packages": installed_packages(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def installed_packages() -> dict[str, str]:
    """The versions of what decides the numbers."""
    return {package: version(package) for package in PACKAGES}


def read_record(registered: ModelVersion) -> dict[str, Any]:
    """The record of a registered version; UserError if the version's files are gone."""
    with tempfile.TemporaryDirectory() as folder:
        return dict(read_json(download(registered, f"artifacts/{CLASSIFIER}/{LINEAGE}", Path(folder))))


def describe(registered: ModelVersion, record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The record as titled lists of names and values, for a person."""
    dataset, trained, params = record["dataset"], record["trained"], record["params"]
    unlabelled, about_unlabelled = dataset["unlabelled"], {}
    if unlabelled["size"]:
        about_unlabelled["unlabelled source"] = _in_words(unlabelled["source"])
        about_unlabelled["unlabelled digest"] = unlabelled["digest"]
    return {
        "model": {
            "version": f"models:/{registered.name}/{registered.version}",
            "run": registered.run_id,
            "decision": registered.tags.get("decision", ""),
        },
        "code": {
            "git commit": record["commit"] or "none: not in a git repository",
            "uncommitted then": ", ".join(record["uncommitted"]) or "nothing",
        },
        "data": {
            "data set": dataset["name"],
            "requested": dataset["requested"],
            "source": _in_words(dataset["source"]),
            "digest": dataset["digest"],
            "padded digest": dataset["padded_digest"],
            "unlabelled reviews": unlabelled["size"] or "none",
            **about_unlabelled,
        },
        "study": {
            "preset": trained["preset"] or "none",
            "trials": params["tune"]["trials"],
            "trial": trained["trial"],
            "run of the study": trained["run_id"],
            "best epoch": trained["best_epoch"],
        },
        "winning parameters": dict(trained["params"]),
        "all parameters": _flat(params),
        "DVC hashes": output_hashes(record["dvc_lock"]) or {"dvc.lock": "was not there"},
        "metrics": dict(record["metrics"]),
        "packages": {"python": record["python"], **record["packages"], "machine": record["machine"]},
    }


def _in_words(source: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in source.items())


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values under dotted keys; read without the schema, which may have changed since."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
