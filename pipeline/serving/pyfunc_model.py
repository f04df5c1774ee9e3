"""The registered model as MLflow loads it, from this code and without pickle (models from code).

``registry.packaging`` logs this file and the modules that it imports, under a package name that is the
version's own; MLflow executes it and takes the object given to ``set_model``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pipeline.evaluation.probabilities import from_columns
from pipeline.serving.classifier import CLASSIFIER, Scores, TextClassifier
from pipeline.serving.request_log import ID, log_request

# Which version answers: read from what MLflow writes beside a loaded model.

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


# What callers of the registered model give it, as one column of texts.

TEXT = "text"
_UNNAMED = (0, "0", None)  # what pandas and Spark call the column of a list


def texts_of(model_input: Any) -> pd.Series:
    """The texts, with the caller's index.

    >>> texts_of([{"text": "Fine."}, {"text": "Dull."}]).tolist()
    ['Fine.', 'Dull.']

    Args:
        model_input: a table (DataFrame, list of dicts, dict of columns) with a column `text` and any
            others; or texts alone: a string, or a list, array or Series of strings.

    Returns:
        dtype object; what isn't a string is left as it is.

    Raises:
        ValueError: for a table without a column `text`, or with two; for anything else.
    """
    if isinstance(model_input, str):
        model_input = [model_input]
    if isinstance(model_input, Mapping):
        model_input = pd.DataFrame({name: _column(values) for name, values in model_input.items()})
    if isinstance(model_input, list | tuple) and any(isinstance(item, Mapping) for item in model_input):
        model_input = pd.DataFrame.from_records(
            [item if isinstance(item, Mapping) else {TEXT: item} for item in model_input]
        )
    if isinstance(model_input, pd.DataFrame):
        return _text_column(model_input)
    if isinstance(model_input, pd.Series):
        return model_input.astype(object)
    if isinstance(model_input, list | tuple) or (isinstance(model_input, np.ndarray) and model_input.ndim):
        flat = np.empty(len(model_input), object)
        flat[:] = list(model_input)
        return pd.Series(flat)
    raise ValueError(
        f"the input must be a table with a column {TEXT!r} or a list of texts, but is a "
        f"{type(model_input).__name__}"
    )


def _column(values: Any) -> list[Any]:
    """The values of one column of a dict; a text alone is a column of one."""
    return [values] if isinstance(values, str) or np.ndim(values) == 0 else list(values)


def _text_column(table: pd.DataFrame) -> pd.Series:
    names = list(table.columns)
    if names.count(TEXT) > 1:
        raise ValueError(f"the column {TEXT!r} stands twice: rename one of them")
    if TEXT in names:
        return table[TEXT].astype(object)
    if len(names) == 1 and names[0] in _UNNAMED:
        return table[names[0]].astype(object)
    raise ValueError(f"there is no column {TEXT!r}, only {', '.join(map(repr, names)) or 'none'}")


_EVALUATOR = "mlflow.models.evaluation.evaluators.classifier"


class ReviewClassifier(PythonModel):
    """Texts in, a row a text out: label, probability, unknown_share, version and run_id.

    Of more than two labels ``probability`` is the likeliest's, and there is a ``probability_NAME`` of each.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the artifacts."""
        folder = Path(context.artifacts[CLASSIFIER])
        self._classifier = TextClassifier.load(folder)
        self._provenance = Provenance.of_loaded(folder)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,  # or what else texts_of takes; MLflow warns of every other annotation
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame | pd.Series:
        """Labels the texts.

        Args:
            context: not needed after ``load_context``.
            model_input: a table with a column ``text``, or texts alone: see :func:`texts_of`.
            params: ``threshold`` (of two labels), and ``explain``, which adds ``contributions``, a list of
                {word, contribution} for each text; of more than two labels, ``explain_label`` says for which
                label the words are to speak.

        Returns:
            A row a text, with the index of ``model_input``. MLflow's classifier evaluator is given the labels
            alone.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, which a server answers as 400, for a text that isn't a
                string or a threshold out of range.
        """
        del context
        params = params or {}
        try:
            texts = texts_of(model_input)
            scores = self._classifier.score(texts.tolist(), params.get("threshold"))
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        if _asked_by_evaluator():
            labels = self._classifier.decided(from_columns(scores.by_label), params.get("threshold"))
            return pd.Series(labels, texts.index, name="label")
        named = isinstance(model_input, pd.DataFrame) and ID in model_input
        ids = model_input[ID].tolist() if named else None
        log_request(texts.tolist(), scores, self._classifier.vocabulary, self._provenance.version, ids)
        table = self._table(scores, texts.index)
        if params.get("explain"):
            table["contributions"] = self._explained(texts, params.get("explain_label") or None)
        return table

    def _explained(self, texts: pd.Series, label: str | None) -> pd.Series:
        try:
            explained = [[word._asdict() for word in self._classifier.explain(text, label)] for text in texts]
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return pd.Series(explained, texts.index, dtype=object)

    def _table(self, scores: Scores, index: pd.Index) -> pd.DataFrame:
        columns = {
            "label": scores.labels,
            **self._classifier.numbers(scores),
            "version": self._provenance.version,
            "run_id": self._provenance.run_id,
        }
        return pd.DataFrame(columns, index)


def _asked_by_evaluator() -> bool:
    """Whether `mlflow.models.evaluate(..., model_type="classifier")` is what calls.

    It takes a model's answer for the labels themselves, of one dimension, and there is no way to tell it
    which column of a table they are.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == _EVALUATOR:
            return True
    return False


mlflow.models.set_model(ReviewClassifier())
