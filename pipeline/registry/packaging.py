"""Logs a trained network to the active MLflow run: as a text classifier, registered, and as it is."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.reviews.vocabulary import PAD_ID, Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import write_json
from pipeline.runtime.interruption import uninterrupted
from pipeline.runtime.live import without_lines
from pipeline.serving.classifier import (
    CLASSIFIER,
    FACTS,
    LINEAGE,
    NETWORK,
    VOCABULARY,
    number_columns,
    write_classifier,
)
from pipeline.serving.onnx_export import to_onnx
from pipeline.serving.onnx_network import Network, OnnxNetwork
from pipeline.serving.profile import PROFILE, Profile
from pipeline.tracking.store import REGISTERED_MODEL, plain_errors

if TYPE_CHECKING:
    import keras

EXAMPLE = ["A moving, funny film with a superb cast.", "Dull, far too long and badly acted."]
TOLERANCE = 1e-5  # of a probability; float32 rounding over 400 time steps stays ten times below
PACKAGE = Path(__file__).parents[1]
_SERVED_PACKAGES = ("mlflow", "numpy", "onnxruntime", "pandas")
_SERVER_PACKAGES = ("httptools", "uvloop")  # uvicorn takes them where it finds them; Windows has no uvloop
# What MLflow says of a registration; the stage says it with its reason.
REGISTERED = re.compile(
    rb"^(Successfully registered model|Registered model '.*' already exists|Created version )"
)
_CHECKED = 256  # reviews whose probabilities are compared at registration


@dataclass(frozen=True)
class Candidate:
    """A trained network that is to be registered, with what turns text into its rows."""

    model: keras.Model
    file: Path  # the same as a `.keras` file
    vocabulary: Vocabulary
    token_ids: np.ndarray  # validation rows, int32 (num_reviews, max_length)
    probabilities: np.ndarray  # what Keras gives for them, (num_reviews, num_labels)
    record: Mapping[str, Any]  # of :func:`pipeline.registry.lineage.record`
    profile: Profile
    threshold: float = THRESHOLD  # of two labels: a probability from here on is the second


@uninterrupted()
def log_models(candidate: Candidate, name: str) -> int:
    """Logs the classifier as a pyfunc, registers it under ``name`` and returns its version.

    MLflow executes ``pyfunc_model.py`` and the code that is logged with it, and unpickles nothing. The Keras
    model alone is logged beside it, as ``keras``.

    Raises:
        RefusedError: if a server doesn't let this user.
        ValueError: if the network can't be written as ONNX, or its ONNX model gives other probabilities.
    """
    output = np.zeros((1, candidate.model.output_shape[-1]), np.float32)
    with plain_errors(mlflow.get_tracking_uri(), REGISTERED_MODEL):
        mlflow.keras.log_model(
            candidate.model,
            name="keras",
            signature=infer_signature(candidate.token_ids[:1], output),
            pip_requirements=_pin("mlflow", "keras", "tensorflow"),
        )
        with pack(candidate) as model, without_lines(REGISTERED):
            info = mlflow.pyfunc.log_model(name="model", **model, registered_model_name=name)
    return int(info.registered_model_version)


@contextmanager
def pack(candidate: Candidate, package: Path = PACKAGE) -> Iterator[dict[str, Any]]:
    """What `mlflow.pyfunc.log_model` and `save_model` are to be told; the files it names last as the block.

    The version takes along the code of ``package``, the folder of `pipeline`.

    Raises:
        ValueError: if the network can't be written as ONNX, or its ONNX model gives other probabilities.
    """
    dataset = candidate.record["dataset"]
    with tempfile.TemporaryDirectory() as temporary:
        classifier, code = Path(temporary) / CLASSIFIER, Path(temporary) / "code"
        onnx = to_onnx(candidate.model).SerializeToString()
        vocabulary, threshold = candidate.vocabulary, candidate.threshold
        write_classifier(classifier, onnx, candidate.file, vocabulary, dataset, threshold=threshold)
        check_onnx(OnnxNetwork(classifier / NETWORK), candidate.token_ids, candidate.probabilities)
        write_json(classifier / LINEAGE, candidate.record)
        candidate.profile.save(classifier / PROFILE)
        module, copied = copy_code(package, package / "serving" / "pyfunc_model.py", code)
        needed = [*_SERVED_PACKAGES, *vocabulary.packages, *filter(find_spec, _SERVER_PACKAGES)]
        sys.path.insert(0, str(code))  # MLflow executes the module also when it logs it
        try:
            yield {
                "python_model": str(module),
                "artifacts": {CLASSIFIER: str(classifier)},
                "code_paths": [str(copied)],
                "signature": _signature(dataset["labels"], threshold),
                "input_example": pd.DataFrame({"text": EXAMPLE}),
                "pip_requirements": _pin(*needed),
            }
        finally:
            sys.path.remove(str(code))


def check_onnx(network: Network, token_ids: np.ndarray, probabilities: np.ndarray) -> None:
    """Holds a network against what Keras gives for reviews, from the shortest to the longest.

    Raises:
        ValueError: if a probability differs by more than ``TOLERANCE``.
    """
    by_length = np.argsort((token_ids != PAD_ID).sum(1), kind="stable")
    rows = by_length[np.unique(np.linspace(0, len(by_length) - 1, _CHECKED).astype(int))]
    differences = np.abs(network(token_ids[rows]) - probabilities[rows])
    if not differences.max(initial=0) <= TOLERANCE:
        raise ValueError(
            f"the network's ONNX model gives probabilities up to {differences.max():.2g} from Keras', more "
            f"than {TOLERANCE}: it can't be registered; see pipeline/serving/onnx_export.py"
        )


def _signature(labels: Sequence[str], threshold: float) -> ModelSignature:
    """The columns that come out, and the params ``threshold`` and ``explain``.

    Of more than two labels a probability of each comes out too, and the params are ``explain`` and
    ``explain_label``: the likeliest label needs no threshold.

    None of what goes in: with a named column there, MLflow refuses a list of texts or a Series before the
    model sees it. The model checks its input itself.
    """
    columns = {"label": DataType.string} | dict.fromkeys(number_columns(labels), DataType.double)
    columns |= {"version": DataType.string, "run_id": DataType.string}
    outputs = Schema([ColSpec(kind, name) for name, kind in columns.items()])
    params = [ParamSpec("explain", DataType.boolean, False)]
    if len(labels) > 2:
        params.append(ParamSpec("explain_label", DataType.string, ""))
    else:
        params.append(ParamSpec("threshold", DataType.double, threshold))
    return ModelSignature(outputs=outputs, params=ParamSchema(params))


def _pin(*packages: str) -> list[str]:
    """``name==version`` as installed here, which requirements.txt pins."""
    return [f"{package}=={version(package)}" for package in packages]


# The code that a registered version takes along, in a package whose name no other code has.
#
# MLflow puts a version's code first on `sys.path`. Were the package called `pipeline`, the first version
# loaded in a process would answer for all later ones, and for anybody's own package of that name.


def copy_code(package: Path, module: Path, folder: Path) -> tuple[Path, Path]:
    """Writes a module, and the package of all that it imports of ``package``, into ``folder``.

    The copy's imports name the new package, `stacked_rnn_DIGEST`: the same code has the same name.

    ``package`` is the folder of `pipeline`, ``module`` a file in it, which is to be run on its own. Returns
    the copy of ``module``, and the new package's folder.
    """
    files, waiting = {package / "__init__.py"}, [module]
    while waiting:
        for imported in set(_own_imports(package, waiting.pop())) - files:
            waiting.append(imported)
            rooms = (room for room in imported.parents if package in room.parents)
            files |= {imported, *(room / "__init__.py" for room in rooms)}
    sources = {file.relative_to(package): file.read_text(encoding="utf-8") for file in sorted(files)}
    digest = hashlib.sha256()
    for path, source in sources.items():
        digest.update(f"{path.as_posix()}\0{source}\0".encode())
    name = f"stacked_rnn_{digest.hexdigest()[:16]}"
    copied = {Path(name) / path: source for path, source in sources.items()}
    for path, source in (copied | {Path(module.name): module.read_text(encoding="utf-8")}).items():
        renamed = re.sub(rf"^(\s*from ){package.name}\b", rf"\g<1>{name}", source, flags=re.MULTILINE)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(renamed, encoding="utf-8")
    return folder / module.name, folder / name


def _own_imports(package: Path, file: Path) -> Iterator[Path]:
    """What ``from pipeline.room.module import ...`` and ``from pipeline.room import module`` name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        root, *parts = node.module.split(".")
        if root != package.name:
            continue
        target = package.joinpath(*parts)
        if target.with_suffix(".py").is_file():
            yield target.with_suffix(".py")
        else:
            yield target / "__init__.py"
            yield from (path for alias in node.names if (path := target / f"{alias.name}.py").is_file())


# A version as a folder that needs neither MLflow nor Keras: its ONNX network, vocabulary and an example.


def write_export(classifier: Path, folder: Path) -> None:
    """Writes `model.onnx`, `vocabulary.json`, `classifier.json` and a runnable `example.py` into ``folder``.

    All of them or, after an error or Ctrl-C, none.

    Raises:
        UserError: if ``folder`` holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"DIR must be a new or an empty folder, but {folder} holds something")
    try:
        copy_code(PACKAGE, PACKAGE / "serving" / "example.py", folder)
        for name in (NETWORK, VOCABULARY, FACTS):
            shutil.copyfile(classifier / name, folder / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
